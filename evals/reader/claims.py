"""How well the reader tells what a passage supports from what it does not, on claim sets and on changed sentences."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evals.metrics import area_under_roc
from evals.reader.measures import Case, Line, balanced_accuracy, decided, share_below, threshold_of
from evals.reader.paraphrase import paraphrases
from evals.reader.sets import Asked, document_of, documents_of, whole
from evals.statistics import drawn, mean
from index import Document, Passage
from index.embedder import local_embedder
from index.lexical import content_words
from index.passages import split_sentences
from rag.checking import supported
from rag.reader import local_reader
from rag.reader.claims import claims_held_aside
from rag.reader.examples import is_held_aside, name_of, paragraphs, rows
from rag.reader.perturb import Names, perturb

_CHANGED = {"number": ("number", "date"), "negation": ("negation",), "name": ("name",)}


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim, the passage that it is held against, and whether that supports it ("partly" is not supported)."""

    id: str
    set: str
    text: str
    passage: Passage
    supported: bool


@dataclass(frozen=True, slots=True)
class _Sentence:
    """A sentence of a passage as a claim, as it stands there or changed; `kind` says how."""

    text: str
    passage: Passage
    kind: str


def support(asked: Asked) -> Iterator[Line]:
    """Claims are supported or not, by one threshold for all sets.

    It is chosen for the best mean balanced accuracy on one half of the rows and applied to the other, as in
    LLM-AggreFact (Tang et al., MiniCheck, 2024), where it is the same for all sets. Two simple scores go the same way.
    A set of which all rows are of one kind has no balanced accuracy, chooses nothing, and is shown by its own share.
    "check" is what `rag.check` says, by its own fixed threshold and rules.
    """
    claims = claims_aside(asked)
    yield from _lines("word overlap", claims, [_shared(claim) for claim in claims])
    yield from _lines("embedding cosine", claims, _cosines(claims))
    scores = [local_reader().support(claim.text, [claim.passage])[0].supported for claim in claims]
    yield from _lines("reader", claims, scores, ((0.77, 0.83), (0.66, 0.75)))
    said = [supported(claim.text, [claim.passage.text], local_reader()) for claim in claims]
    yield from _said_lines("check", claims, said)
    yield from _changed(asked, threshold_of(_cases(claims, scores)))


def claims_aside(asked: Asked) -> list[Claim]:
    aside = frozenset() if asked.unseen else claims_held_aside(asked.data)
    found: list[Claim] = []
    for file in sorted((asked.data / "claims").glob("*.jsonl")):
        kept = [row for row in rows(file) if asked.unseen or row["id"] in aside]
        for row in drawn(kept, asked.most):
            passage = whole(document_of(str(row["id"]), "", row["passage"]))
            found.append(Claim(str(row["id"]), file.stem, row["claim"], passage, row["label"] == "supported"))
    return found + drawn(list(_science(asked)), asked.most)


def _science(asked: Asked) -> Iterator[Claim]:
    """SciFact: a claim with each abstract that it was written of; one without marked evidence does not state it."""
    folder = asked.data / "scifact"
    if not folder.is_dir():
        return
    names = {name: name_of(row) for name, row in paragraphs(folder).items()}
    documents = documents_of(folder)
    for row in rows(folder / "questions.jsonl"):
        labels = {str(item["doc_id"]): item["label"] for item in row["evidence"]}
        for name in dict.fromkeys([*labels, *map(str, row.get("relevant") or [])]):
            if name in names and (asked.unseen or is_held_aside(names[name])):
                passage = whole(documents[name])
                true = labels.get(name) == "SUPPORT"
                yield Claim(f"scifact-{row['id']}-{name}", "scifact", row["question"], passage, true)


def _shared(claim: Claim) -> float:
    """The share of the claim's content words that stand in the passage."""
    words, known = content_words(claim.text), set(content_words(claim.passage.text))
    return sum(word in known for word in words) / len(words) if words else 0.0


def _cosines(claims: Sequence[Claim]) -> list[float]:
    texts = list(dict.fromkeys(text for claim in claims for text in (claim.text, claim.passage.text)))
    vectors = dict(zip(texts, local_embedder().embed_passages(texts), strict=True))
    return [float(vectors[claim.text] @ vectors[claim.passage.text]) for claim in claims]


def _cases(claims: Sequence[Claim], scores: Sequence[float]) -> list[Case]:
    """Each set, and of a set each kind, weighs the same; so what all are worth is the mean balanced accuracy."""
    counts = Counter((claim.set, claim.supported) for claim in claims)
    cases = []
    for claim, score in zip(claims, scores, strict=True):
        both = counts[claim.set, True] and counts[claim.set, False]
        worth = 1 / counts[claim.set, claim.supported] if both else 0.0
        cases.append(Case(claim.id, score, worth * claim.supported, worth * (not claim.supported)))
    return cases


def _lines(
    name: str,
    claims: Sequence[Claim],
    scores: Sequence[float],
    wanted: tuple[tuple[float, float], tuple[float, float]] | None = None,
) -> Iterator[Line]:
    yield from _said_lines(name, claims, decided(_cases(claims, scores)), wanted)
    for of_set in dict.fromkeys(claim.set for claim in claims):
        yes, no = (
            [
                score
                for claim, score in zip(claims, scores, strict=True)
                if (claim.set, claim.supported) == (of_set, kind)
            ]
            for kind in (True, False)
        )
        if yes and no:
            yield Line(f"{name}, {of_set}: AUC", area_under_roc(yes, no), len(yes) + len(no))


def _said_lines(
    name: str,
    claims: Sequence[Claim],
    said: Sequence[bool],
    wanted: tuple[tuple[float, float], tuple[float, float]] | None = None,
) -> Iterator[Line]:
    accuracies = []
    for of_set in dict.fromkeys(claim.set for claim in claims):
        places = [n for n, claim in enumerate(claims) if claim.set == of_set]
        accuracy = balanced_accuracy([said[n] for n in places], [claims[n].supported for n in places])
        if accuracy is None:
            right = mean([said[n] == claims[n].supported for n in places])
            yield Line(f"{name}, {of_set}: right, all of one kind", right, len(places))
            continue
        accuracies.append(accuracy)
        yield Line(f"{name}, {of_set}: balanced accuracy", accuracy, len(places))
    of_mean, of_worst = wanted or ((None, None), (None, None))
    yield Line(f"{name}, mean balanced accuracy", mean(accuracies), len(accuracies), *of_mean)
    yield Line(f"{name}, worst balanced accuracy", min(accuracies, default=None), len(accuracies), *of_worst)


# Sentences as they stand in a passage, said differently, and with one thing changed


def _changed(asked: Asked, threshold: float) -> Iterator[Line]:
    """By the reader alone at the threshold for claims, and by the product's own decision, which is what counts.

    What is changed is changed by the rules that made examples to train on, in passages kept aside; some of it is by
    chance still true.
    """
    reader = local_reader()
    sentences = _sentences(asked)
    alone = [reader.support(item.text, [item.passage])[0].supported for item in sentences]
    finds = [supported(item.text, [item.passage.text], reader) for item in sentences]
    for kind in (*_CHANGED, "verbatim", "paraphrase"):
        places = [n for n, item in enumerate(sentences) if item.kind == kind]
        of_change = kind in _CHANGED
        what = f"{kind} changed, detected" if of_change else f"{kind}, false alarms"
        wanted = {"number": 0.90, "negation": 0.90, "verbatim": 0.05, "paraphrase": 0.05}.get(kind)
        by_reader = share_below([alone[n] for n in places], threshold)
        yield Line(f"{what} by the reader alone (from {threshold:.3f})", by_reader, len(places))
        yield Line(f"{what} by the product", mean([not finds[n] for n in places]), len(places), wanted)
    as_is, names = (
        [score for item, score in zip(sentences, alone, strict=True) if item.kind == kind]
        for kind in ("verbatim", "name")
    )
    yield Line("name changed, AUC against verbatim", area_under_roc(as_is, names), len(names), 0.90)


def _sentences(asked: Asked) -> list[_Sentence]:
    """Up to `most` sentences of each kind, of passages that were kept aside."""
    found: list[_Sentence] = []
    for passage, names in _passages(asked):
        for start, end in split_sentences(passage.text):
            text = " ".join(passage.text[start:end].split())
            if 40 <= len(text) <= 300 and text[-1:] == ".":
                found += _ways(text, passage, names)
    kinds = [*_CHANGED, "verbatim", "paraphrase"]
    return [item for kind in kinds for item in drawn([item for item in found if item.kind == kind], asked.most)]


def _passages(asked: Asked) -> Iterator[tuple[Passage, Names]]:
    """The paragraphs that were asked of, each once, with the set's names."""
    for name in asked.sets(("squad2", "squadshifts-new-wiki")):
        documents: dict[str, Document] = documents_of(asked.data / name)
        names = Names(document.text for document in documents.values())
        asked_of = {(question.document.id, question.paragraph): question for question in asked.questions(name)}
        for question in asked_of.values():
            yield question.passage, names


def _ways(text: str, passage: Passage, names: Names) -> Iterator[_Sentence]:
    number = int(hashlib.sha256(text.encode()).hexdigest(), 16)
    yield _Sentence(text, passage, "verbatim")
    for made in perturb(text, random.Random(number), names, passage.text):
        for kind, kinds in _CHANGED.items():
            if made.kind in kinds:
                yield _Sentence(made.text, passage, kind)
    others = paraphrases(text)
    if others:
        yield _Sentence(others[number % len(others)], passage, "paraphrase")
