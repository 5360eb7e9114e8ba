"""What a language model writes, and what Pincite shows of it: how much is unsupported, and what checking costs.

    PINCITE_GGUF=model.gguf python -m evals.written [--questions 100] [--sample labels.jsonl]
    python -m evals.written --labels evals/data/written.jsonl

The first asks questions of the shipped article and of the sets in evals/data/public, by the model that the settings
name, and prints a table; with --sample it writes 100 of the sentences for a person to label ("label": "supported" or
"not", by the passages that the model was given). The second checks labelled sentences anew.
"""

from __future__ import annotations

import json
import os
import random
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import click
import openai
from rich.console import Console
from rich.progress import track

from evals.run import Asking
from evals.samples import SHIPPED_SETS, SHIPPED_SUITE, Sample, Suite, read_suite
from evals.statistics import drawn, percentile
from evals.tables import head, number, percent, row
from evals.timing import seconds_of
from index import Passage, PinciteError
from rag import Anew, Answer, Assistant, Sentence, Verdict
from rag.checking import Checked, Checker, local_embedding, passage_of, unsure
from rag.generate import prompt
from rag.models import ChatModel, language_model
from rag.reader import local_reader
from rag.reader.examples import rows
from rag.stream import Deadlines, Turn, written

_TO_LABEL = 100
_TIMED, _CHECKED = 20, 100


@dataclass(slots=True)
class Seen:
    """What came of the questions: sentences as the model wrote them, each with its answer, and the answers."""

    wrote: list[tuple[Answer, Sentence]] = field(default_factory=list)
    shown: list[Sentence] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    unresolved: int = 0


def ask(assistant: Assistant, sample: Sample, seen: Seen) -> None:
    reply = assistant.stream(sample.question, sample.history)
    sentences: list[Sentence] = []
    withdrawn = False
    try:
        for event in reply:
            withdrawn = withdrawn or isinstance(event, Anew)
            if isinstance(event, Sentence) and not withdrawn:
                sentences.append(event)
        answer = reply.answer
    except PinciteError as error:
        seen.faults.append(str(error))
        return
    seen.wrote += [(answer, sentence) for sentence in sentences if answer.prompt]
    seen.answers.append(answer)
    if answer.model == assistant.model:
        seen.shown += answer.sentences
    seen.unresolved += sum(
        assistant.library.document(c.document).text[c.start : c.end] != c.quote for c in answer.citations
    )


def suites(questions: int) -> Iterator[Suite]:
    """Two in five questions of the shipped article, the others of the public sets; only such as have an answer."""
    folders = [folder for folder in sorted(SHIPPED_SETS.iterdir()) if folder.is_dir()]
    article = read_suite(SHIPPED_SUITE)
    shipped = questions - len(folders) * (questions * 3 // 5 // len(folders))
    yield article.of(s for s in article.samples if s.answerable and not s.documents).drawn(shipped)
    for folder in folders:
        suite = read_suite(folder)
        yield suite.of(s for s in suite.samples if s.answerable).drawn(questions * 3 // 5 // len(folders))


def table(seen: Seen, model: str) -> Iterator[str]:
    wrote, shown = [sentence for _, sentence in seen.wrote], seen.shown
    supported = sum(sentence.verdict is Verdict.SUPPORTED for sentence in wrote)
    yield head("", "")
    yield row("model", model)
    yield row("questions answered, failed", f"{len(seen.answers)}, {len(seen.faults)}")
    yield row("sentences that the model wrote", f"{len(wrote)}")
    for verdict in Verdict:
        if share := sum(sentence.verdict is verdict for sentence in wrote):
            yield row(f"of which found {verdict.value}", f"{share} ({percent(share / len(wrote))})")
    yield row("unsupported, as the model wrote it", f"{percent(1 - supported / max(1, len(wrote)))}")
    yield row("supported, and pointed at another passage than the model did", f"{sum(s.moved for s in shown)}")
    own = sum(answer.model == model for answer in seen.answers)
    yield row("answers that stand in the model’s words, in the sources’ own, declined", f"{own}, {_others(seen, own)}")
    cited = sum(len(answer.citations) for answer in seen.answers)
    yield row("citations shown, of which do not stand in their source", f"{cited}, {seen.unresolved}")


def _others(seen: Seen, own: int) -> str:
    declined = sum(not answer.answered for answer in seen.answers)
    return f"{len(seen.answers) - own - declined}, {declined}"


def check_seconds(wrote: Sequence[tuple[Answer, Sentence]]) -> list[float]:
    """Of some of the sentences, checked once more."""
    seconds = []
    for answer, sentence in drawn(wrote, _CHECKED):
        checker = Checker([hit.passage for hit in answer.hits], local_reader(), local_embedding())
        seconds.append(seconds_of(partial(checker.check, sentence.text)))
    return seconds


def first_tokens(model: ChatModel, told: Sequence[Sequence[Turn]]) -> tuple[float, float, float]:
    """Medians of the seconds to the first text, by openai's client alone and by `written`, and of their ratios.

    Each prompt is new to the server: it begins with a number of its own, so that nothing of it is remembered.
    """
    alone: list[float] = []
    ours: list[float] = []
    client = openai.OpenAI(base_url=model.address, api_key="none", max_retries=0)
    for place, turns in enumerate(told):
        for way in random.Random(place).sample((_alone, _ours), 2):
            (role, text), *rest = turns
            fresh = [(role, f"{place} {way.__name__}. {text}"), *rest]
            (alone if way is _alone else ours).append(seconds_of(partial(way, model, client, fresh)))
    ratios = [one / other for one, other in zip(ours, alone, strict=True)]
    return statistics.median(alone), statistics.median(ours), statistics.median(ratios)


def _alone(model: ChatModel, client: openai.OpenAI, turns: Sequence[Turn]) -> None:
    messages: Any = [{"role": role, "content": text} for role, text in turns]
    stream = client.chat.completions.create(
        model=model.name, messages=messages, stream=True, max_tokens=model.metadata.num_output, temperature=0.0
    )
    next(chunk for chunk in stream if chunk.choices and chunk.choices[0].delta.content)
    stream.close()


def _ours(model: ChatModel, _: openai.OpenAI, turns: Sequence[Turn]) -> None:
    with written(model, turns, Deadlines()) as pieces:
        next(piece for piece in pieces if piece)


def to_label(seen: Seen, model: ChatModel) -> Iterator[str]:
    """A hundred different sentences: those that were shown as supported, three in five at most, then others.

    A line a question, with the passages that the model was given; "label" is left open.
    """
    written = {sentence.text: (answer, sentence) for answer, sentence in seen.wrote}
    supported = [text for text, (_, sentence) in sorted(written.items()) if sentence.verdict is Verdict.SUPPORTED]
    others = sorted(written.keys() - {*supported})
    chance = random.Random("to label")
    chosen = chance.sample(supported, min(_TO_LABEL * 3 // 5, len(supported)))
    chosen += chance.sample(others, min(_TO_LABEL - len(chosen), len(others)))
    asked: dict[str, tuple[Answer, list[str]]] = {}
    for text in chance.sample(chosen, len(chosen)):
        answer = written[text][0]
        asked.setdefault(answer.question, (answer, []))[1].append(text)
    for question, (answer, texts) in asked.items():
        given = prompt(model, question, answer.hits, ()).passages
        row = {
            "question": question,
            "passages": [{"title": p.document.title, "heading": p.heading, "text": p.text} for p in given],
            "sentences": [{"text": text, "label": ""} for text in texts],
        }
        yield json.dumps(row, ensure_ascii=False)


def labelled(file: Path) -> Iterator[tuple[str, bool, Checked]]:
    """Each sentence, whether it is labelled as supported, and what is found of it now."""
    for asked in rows(file):
        given = [_passage(**passage) for passage in asked["passages"]]
        checker = Checker(given, local_reader(), local_embedding())
        for sentence in asked["sentences"]:
            found = checker.check(sentence["text"])
            assert found is not None
            yield sentence["text"], sentence["label"] == "supported", unsure(found)


def _passage(title: str, heading: str, text: str) -> Passage:
    made = passage_of(text, title)
    return Passage(made.document, made.start, made.end, made.sentences, heading)


def of_labels(found: Sequence[tuple[str, bool, Checked]]) -> Iterator[str]:
    yield f"{len(found)} sentences labelled by hand: {sum(supported for _, supported, _ in found)} are supported"
    for shown, what in ((True, "shown as supported"), (False, "not shown as supported")):
        of = [supported for _, supported, checked in found if (checked.verdict is Verdict.SUPPORTED) == shown]
        wrong = sum(supported != shown for supported in of)
        but = "are not" if shown else "are supported all the same"
        yield f"{len(of)} {what}, of which {wrong} {but} ({percent(wrong / max(1, len(of)))})"


@click.command(help=__doc__)
@click.option("--questions", default=100, show_default=True)
@click.option("--sample", type=click.Path(dir_okay=False, path_type=Path), help="Write sentences to label here.")
@click.option("--labels", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Check these anew.")
def main(questions: int, sample: Path | None, labels: Path | None) -> None:
    if labels:
        click.echo("\n".join(of_labels(list(labelled(labels)))))
        return
    model = language_model(os.environ)
    if model is None:
        raise click.ClickException("No model. Set PINCITE_GGUF, or OPENAI_BASE_URL and OPENAI_MODEL.")
    seen = Seen()
    environ = {
        "OPENAI_BASE_URL": model.address,
        "OPENAI_MODEL": model.name,
        "PINCITE_CONTEXT": str(model.context_window),
    }
    for suite in suites(questions):
        with Asking(suite, environ=environ) as asking:
            for item in track(suite.samples, suite.path.name, console=Console(stderr=True), transient=True):
                ask(asking.assistant(item), item, seen)
    if sample:
        sample.write_text("".join(f"{line}\n" for line in to_label(seen, model)), "utf-8")
    for line in table(seen, model.name):
        click.echo(line)
    checks = check_seconds(seen.wrote)
    p50, p95 = (number(1000 * (percentile(checks, q) or 0.0), 0) for q in (50, 95))
    click.echo(row(f"checking a sentence, p50 and p95 of {len(checks)}", f"{p50}, {p95} ms"))
    told = [prompt(model, answer.question, answer.hits, ()).turns for answer in seen.answers[:_TIMED]]
    figures = ", ".join(number(figure, 3) for figure in first_tokens(model, told))
    click.echo(row("seconds to the first text: openai’s client, Pincite, ratio", figures))
    for fault in dict.fromkeys(seen.faults):
        click.echo(f"fault: {fault}")


if __name__ == "__main__":
    main()
