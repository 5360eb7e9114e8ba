"""Proposals of reference questions from one's own documents, for a person to accept or drop (`evals.review`).

Without a model: by templates that need no parser, from sentences whose shape is plain; what is not, is passed over.
With one: it writes a question, an answer and a quote, and what cannot be checked against the document is rejected.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import TYPE_CHECKING

from evals.clauses import OPENERS
from evals.metrics import contains_answer
from evals.near_miss import NearMisses
from evals.samples import Sample
from evals.sentences import Sentences
from evals.templates import Draft, Templates, cloze
from evals.vocabulary import Vocabulary
from index import Document, Library
from index.passages import cut_passages
from rag.confidence import THRESHOLD, confidence
from rag.extract import find_evidence
from rag.followup import standalone
from rag.generate import complete
from rag.reader import local_reader
from rag.retrieve import Retriever

if TYPE_CHECKING:
    from llama_index.core.llms import LLM

    from evals.feedback import Feedback

SYSTEM = (
    "You write questions that test a search over documents. From the passage that you are given you write one "
    "question that it answers and that can be understood without seeing it: name people, places and things, do not "
    "write 'the passage' or 'the text'. Reply with one JSON object and nothing else: "
    '{"question": "...", "answer": "...", "quote": "..."}. The quote is one sentence of the passage, copied letter by '
    "letter; the answer is a few words that stand in the quote."
)
PASSAGE = "From {title}:\n\n{passage}"

# Shares of what is asked for: near misses of all, clozes of the answerable.
_NEAR_MISSES = 0.25
_CLOZES = 0.2
# So many times as many are made as are wanted, to choose all kinds among.
_CHOICE = 3
# Passages shown to the model for each question wanted.
_TRIES = 3
_SENTENCE_WORDS = (6, 38)
_NOT_SWAPPED = frozenset({"cloze", "disagreement", "summary", "wrong_premise"})


@dataclass(frozen=True, slots=True)
class Written:
    """What a model's questions came to: those that hold, and of the others how many there were by reason."""

    samples: list[Sample] = field(default_factory=list)
    rejected: Counter[str] = field(default_factory=Counter)


def propose(
    library: Library,
    count: int,
    *,
    seed: int = 0,
    samples: Sequence[Sample] = (),
    feedback: Sequence[Feedback] = (),
) -> list[Sample]:
    """Up to `count` proposals, spread over the documents and the kinds of question, none of them reviewed.

    Answers that were disliked come first, then questions from the documents, then near misses of these and of the
    reviewed `samples`. The same library and seed give the same ones.
    """
    documents = _documents(library)
    disliked = _disliked(library, feedback, documents)[:count]
    left = count - len(disliked)
    wanted = round(left * _NEAR_MISSES)
    makes = NearMisses(library, seed=seed)
    facts = _from_sentences(documents, makes.vocabulary, left - wanted, seed)
    real = [sample for sample in samples if sample.reviewed and sample.answerable and not sample.history]
    models = [sample for pair in zip_longest(real, facts) for sample in pair if sample is not None]
    asked = {_plain(sample.question) for sample in (*samples, *disliked, *facts)}
    misses = _from_near_misses(makes, models, asked, wanted)
    return _numbered([*disliked, *facts, *misses])


def questions_of(documents: Sequence[Document], count: int) -> list[Sample]:
    """Up to `count` questions, by template, that sentences of these documents answer."""
    vocabulary = Vocabulary(Sentences(documents).texts)
    return [sample for sample in _from_sentences(documents, vocabulary, count, 0) if sample.type != "cloze"]


def propose_with_model(model: LLM, library: Library, count: int, *, seed: int = 0) -> Written:
    """Up to `count` questions that a model writes from passages of the library, with what was rejected.

    Kept is what can be checked: a question, a quote that stands in the document once, to the letter, and an answer that
    stands in the quote. Raises ModelError.
    """
    written = Written()
    asked: set[str] = set()
    for document, passage in _spread(_documents(library), _passages, seed, count * _TRIES):
        if len(written.samples) == count:
            break
        reply = complete(model, SYSTEM, PASSAGE.format(title=document.title, passage=passage))
        sample, reason = _checked(reply, document, asked)
        if sample is None:
            written.rejected[reason] += 1
        else:
            asked.add(_plain(sample.question))
            written.samples.append(sample)
    written.samples[:] = _numbered(written.samples)
    return written


def _checked(reply: str, document: Document, asked: set[str]) -> tuple[Sample | None, str]:
    """The sample that a model's reply is, or why it is none."""
    bare = re.sub(r"^```(?:json)?\s*|\s*```$", "", reply.strip())
    try:
        row = json.loads(bare)
        question, answer, quote = (row[key] for key in ("question", "answer", "quote"))
    except (ValueError, KeyError, TypeError):
        return None, "not the JSON object that was asked for"
    if not all(isinstance(text, str) and text.strip() for text in (question, answer, quote)):
        return None, "question, answer or quote is empty"
    if _plain(question) in asked:
        return None, "asked already"
    if document.text.count(quote) != 1:
        return None, "the quote does not stand in the document exactly once"
    if not contains_answer(quote, [answer]):
        return None, "the answer does not stand in the quote"
    note = f"written by a model from {document.title}"
    return Sample("", "fact", question.strip(), (answer.strip(),), (quote,), reviewed=False, note=note), ""


def _disliked(library: Library, feedback: Sequence[Feedback], documents: Sequence[Document]) -> list[Sample]:
    """Questions whose answers were disliked, with the best evidence that was not cited, if it is good enough."""
    samples = []
    for mark in feedback:
        if mark.liked is not False:
            continue
        question = standalone(mark.question, mark.history, library.closeness)
        found = Retriever(library, local_reader()).search(question)
        evidence = [
            item
            for item in find_evidence(question, found, library)
            if not any(item.text in quote or quote in item.text for quote in mark.quotes)
            and _stands_once(documents, item.text)
        ]
        sure = bool(evidence) and confidence(question, evidence, found, library) >= THRESHOLD
        was = f"answered “{' '.join(mark.answer.split())[:300]}”" if mark.answered else "declined"
        then = (
            "the quote is the best evidence not cited" if sure else "no other evidence found: accept it as unanswerable"
        )
        samples.append(
            Sample(
                "",
                "thumbs_down",
                mark.question,
                quotes=(evidence[0].text,) if sure else (),
                history=tuple(mark.history),
                reviewed=False,
                note=f"disliked on {mark.made}, was {was}; {then}",
            )
        )
    return samples


def _from_near_misses(makes: NearMisses, models: Sequence[Sample], asked: set[str], count: int) -> Iterator[Sample]:
    """Near misses, one of each question before a second of any."""
    of_each = [(model, iter(makes.of(model.question))) for model in models if model.type not in _NOT_SWAPPED]
    made = 0
    while of_each and made < count:
        rest = []
        for model, near_misses in of_each:
            near_miss = next((each for each in near_misses if _plain(each.question) not in asked), None)
            if near_miss is None or made == count:
                continue
            made += 1
            asked.add(_plain(near_miss.question))
            old, new = near_miss.swapped
            note = f"near miss: {new} in the place of {old} in “{model.question}”"
            yield Sample("", "near_miss", near_miss.question, reviewed=False, note=note)
            rest.append((model, near_misses))
        of_each = rest


def _from_sentences(documents: Sequence[Document], vocabulary: Vocabulary, count: int, seed: int) -> list[Sample]:
    found: dict[str, list[Sample]] = {}
    clozes: list[Sample] = []
    used: Counter[str] = Counter()
    asked: set[str] = set()
    chance = random.Random(seed)
    templates = Templates(vocabulary)
    for document, sentence in _spread(documents, _sentences, seed):
        if used.total() >= _CHOICE * count:
            break
        drafts = [draft for draft in templates.of(" ".join(sentence.split())) if _plain(draft.question) not in asked]
        drafts.sort(key=lambda draft: used[draft.template])
        blanked = None if drafts or len(clozes) >= count else cloze(sentence, vocabulary, chance)
        if not (drafts or blanked) or not _stands_once(documents, sentence):
            continue
        for draft in drafts[:1]:
            used[draft.template] += 1
            asked.add(_plain(draft.question))
            found.setdefault(draft.template, []).append(_sample(draft, sentence, document))
        if blanked:
            clozes.append(_sample(blanked, sentence, document))
    facts = [sample for turn in zip_longest(*found.values()) for sample in turn if sample is not None]
    facts = facts[: count - min(round(count * _CLOZES), len(clozes))]
    return [*facts, *clozes[: min(count - len(facts), max(len(facts), 1))]]


def _sample(draft: Draft, sentence: str, document: Document) -> Sample:
    return Sample(
        "",
        draft.template if draft.template in ("cloze", "why") else "fact",
        draft.question,
        (draft.answer,) if draft.answer else (),
        (sentence,),
        reviewed=False,
        note=f"{draft.template}, from {document.title}",
    )


def _numbered(samples: Sequence[Sample]) -> list[Sample]:
    used: Counter[str] = Counter()
    named = []
    for sample in samples:
        used[sample.type] += 1
        named.append(replace(sample, id=f"{sample.type}-{used[sample.type]:02d}"))
    return named


def _spread(
    documents: Sequence[Document], parts: Callable[[Document], list[str]], seed: int, most: int | None = None
) -> Iterator[tuple[Document, str]]:
    """Parts of the documents in an order by chance: one of each document, then a second of each, and so on."""
    chance = random.Random(seed)
    shuffled = []
    for document in chance.sample(documents, len(documents)):
        texts = parts(document)
        shuffled.append([(document, text) for text in chance.sample(texts, len(texts))])
    every = [pair for turn in zip_longest(*shuffled) for pair in turn if pair is not None]
    yield from every[:most]


def _passages(document: Document) -> list[str]:
    cuts = cut_passages(document.text)
    return [document.text[cut.start : cut.end] for cut in cuts if cut.end - cut.start > 200] or [document.text[:1000]]


def _sentences(document: Document) -> list[str]:
    """The plain statements of a document: no headings, fragments, quotations cut in two, or asides."""
    found = []
    for cut in cut_passages(document.text):
        for start, end in cut.sentences:
            sentence = document.text[start:end]
            words = sentence.split()
            if (
                _SENTENCE_WORDS[0] <= len(words) <= _SENTENCE_WORDS[1]
                and sentence[0].isalnum()
                and not sentence[0].islower()
                and sentence.endswith(".")
                and re.sub(r"\W", "", words[0]).lower() not in OPENERS
                and not words[0].endswith(",")
                and not re.search(r"\n|[`|{}\[\]<>*_]|https?:", sentence)
                and sentence.count("“") == sentence.count("”")
                and sentence.count('"') % 2 == 0
                and sentence.count("(") == sentence.count(")")
            ):
                found.append(sentence)
    return found


def _stands_once(documents: Sequence[Document], quote: str) -> bool:
    """Whether the whole library holds `quote` exactly once, so that it names one place."""
    return sum(document.text.count(quote) for document in documents) == 1


def _documents(library: Library) -> list[Document]:
    """Every document, in an order that does not depend on where the files lie."""
    documents = [library.document(row.id) for row in library.documents()]
    return sorted(documents, key=lambda document: (document.sha256, document.path))


def _plain(question: str) -> str:
    return " ".join(question.casefold().split())
