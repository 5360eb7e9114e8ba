"""What the window renders, and how a turn runs."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from evals.feedback import Feedback
from index import Document, Hit, Library, Passage
from rag import Answer, Assistant, Citation, Message, Sentence, Verdict
from rag.prompts import REFUSAL
from tests.conftest import ARTICLE
from tests.model_server import scripted_server
from ui.conversation import messages
from ui.document import Marked, document_html
from ui.render import answer_html, draft_html, header_html, question_html, welcome_html
from ui.sources import evidence_html, sources_html
from ui.suggest import EXAMPLES, shipped
from ui.turns import Turn, checked, history, opinion, progress, stopped

CONTAINERS = "How many containers has North Korea supplied to Russia?"
HOSTILE = '<img src=x onerror="alert(1)"> {{value}} ${value} &amp; </mark><script>alert(2)</script>'


class Marks(HTMLParser):
    """The text of every `mark`, by its id; the targets of the links; and the names of all elements."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: dict[str, str] = {}
        self.targets: list[str] = []
        self.names: set[str] = set()
        self._open = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        values = dict(attrs)
        if tag == "mark":
            self._open = values["id"] or ""
            self.texts[self._open] = ""
        if tag == "a":
            self.targets.append((values["href"] or "").removeprefix("#"))

    def handle_endtag(self, tag: str) -> None:
        if tag == "mark":
            self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts[self._open] += data


def document(text: str, title: str = "A title") -> Document:
    return Document(id="d1", path="/library/a.txt", title=title, text=text, sha256="0" * 64)


def hit(source: Document, start: int = 0, end: int | None = None) -> Hit:
    end = len(source.text) if end is None else end
    return Hit(Passage(source, start, end, ((start, end),), ""), 1.0, 1.0, 1.0, 1.0)


def cite(source: Document, quote: str, number: int) -> Citation:
    start = source.text.index(quote)
    end = start + len(quote)
    place = (source.id, source.title, source.path, start, end, None)
    return Citation(number, *place, quote, source.sha256, "2026-11-27", Verdict.SUPPORTED, 1.0)


def answered(question: str, hits: list[Hit], citations: list[Citation]) -> Turn:
    sentences = tuple(Sentence(citation.quote, (citation,), citation.verdict) for citation in citations)
    text = " ".join(sentence.marked for sentence in sentences)
    parts = (text, sentences, tuple(citations), tuple(hits))
    answer = Answer(question, question, True, *parts, 6, 13, 0.9, "extractive", {"total": 0.4})
    return Turn(question, sentences, tuple(hit.passage for hit in hits), answer=answer)


def abstained(question: str, hits: list[Hit]) -> Turn:
    answer = Answer(question, question, False, REFUSAL, (), (), tuple(hits), 12, 13, 0.1, "extractive", {})
    return Turn(question, passages=tuple(hit.passage for hit in hits), answer=answer)


def test_every_citation_is_a_link_to_a_mark_that_equals_its_quote() -> None:
    source = document(
        "First  it\nrained. Then <b>it</b> snowed & froze.\n\nAt last the sun came. " + "More of it. " * 99
    )
    quotes = ["First  it\nrained.", "Then <b>it</b> snowed & froze.", "At last the sun came."]
    turn = answered("What?", [hit(source, 0, 80)], [cite(source, quote, n) for n, quote in enumerate(quotes, 1)])
    marks = Marks(sources_html([turn], [])).texts
    assert list(marks.values()) == quotes
    assert Marks(answer_html(turn, 1)).targets == list(marks)


def test_passages_that_touch_share_a_card_and_those_that_do_not_have_their_own() -> None:
    source = document("One here. Two here. " + "Filler between. " * 100 + "Three here.")
    far = source.text.index("Three")
    hits = [hit(source, 0, 9), hit(source, 10, 19), hit(source, far)]
    turn = answered(
        "Q?", hits, [cite(source, quote, n) for n, quote in enumerate(["Two here.", "One here.", "Three here."], 1)]
    )
    html = sources_html([turn], [])
    assert html.count("<article>") == 2
    assert list(Marks(html).texts.values()) == ["One here.", "Two here.", "Three here."]


def test_nothing_from_outside_becomes_markup() -> None:
    source = document(f"{HOSTILE} {HOSTILE}", title=HOSTILE)
    turn = answered(HOSTILE, [hit(source)], [cite(source, HOSTILE, 1)])
    drafted = Turn(HOSTILE, draft=HOSTILE)
    failed = Turn(HOSTILE, note=HOSTILE, failed=True)
    pages = [
        sources_html([turn, abstained(HOSTILE, [hit(source)])], []),
        header_html([], HOSTILE),
        *(render for each in (turn, drafted, failed) for render in (question_html(each, 1), answer_html(each, 1))),
    ]
    for page in pages:
        assert not Marks(page).names & {"img", "script"}
        assert "<img" not in page


def test_a_message_is_one_line_of_html_so_that_markdown_leaves_it_alone() -> None:
    source = document("It\n\n# rained\n\n- a lot.")
    turn = answered("Is it\n\n# so?\n\n```", [hit(source)], [cite(source, source.text, 1)])
    for message in messages([turn, Turn("a", draft="b\n\nc"), Turn("a", note="b\n\nc")]):
        assert re.fullmatch(r"<div [^\n]*</div>", message["content"])


def test_an_unsupported_sentence_is_labelled_in_words() -> None:
    turn = Turn("Q?", (Sentence("It flew.", (), Verdict.NOT_FOUND),))
    assert "<s>It flew.</s> <small>✕ not found in the library</small>" in answer_html(turn, 1)


@pytest.mark.parametrize(
    ("short", "shown"),
    [
        ("flew", "It <strong>flew</strong> to"),
        ("New\nYork", '<strong>New </strong><span class="keep"><strong>York</strong>.<'),
        ("it &", 'It flew to New <span class="keep">York.<'),
        ("", 'It flew to New <span class="keep">York.<'),
    ],
)
def test_the_words_that_answer_are_bold_wherever_they_stand_in_their_sentence(short: str, shown: str) -> None:
    source = document("It flew to New York.")
    citation = cite(source, source.text, 1)
    sentence = Sentence(source.text, (citation,), Verdict.SUPPORTED, short=short)
    assert shown in answer_html(Turn("Q?", (sentence,), (hit(source).passage,)), 1)


def test_an_abstention_lists_three_passages_at_most_and_highlights_nothing() -> None:
    source = document("Word. " * 100)
    turn = abstained("Q?", [hit(source, n, n + 5) for n in range(5)])
    html = sources_html([turn], [])
    assert html.count("<article>") == 3
    assert "Nearest passages" in html
    assert "<mark" not in html
    assert "This is not in the library." in answer_html(turn, 1)


def test_an_abstention_offers_an_example_that_was_not_asked() -> None:
    source = document("Word.")
    shown = messages([answered("A?", [hit(source)], []), abstained("Q?", [hit(source)])], ["A?", "B?"])
    assert [option["value"] for option in shown[-1]["options"]] == ["B?"]


def test_the_page_says_in_plain_words_what_writes_the_answers() -> None:
    assert "No language model" in header_html([], "extractive")
    assert "Language model: gpt-9" in header_html([], "gpt-9")
    assert "under Library" in welcome_html([])


def test_history_is_plain_text_without_citation_marks() -> None:
    source = document("It rained.")
    turns = [
        answered("What?", [hit(source)], [cite(source, "It rained.", 1)]),
        Turn("Oops", note="failed", failed=True),
    ]
    assert history(turns) == [Message("user", "What?"), Message("assistant", "It rained.")]


def test_a_stopped_turn_keeps_its_checked_sentences_only() -> None:
    sentence = Sentence("It rained.", (), Verdict.NOT_FOUND)
    assert stopped([Turn("Q?", (sentence,), draft="and th")]) == [Turn("Q?", (sentence,), note="Stopped.")]


def writing(library: Library, server: str) -> Assistant:
    return Assistant.open(library, environ={"OPENAI_BASE_URL": server, "OPENAI_MODEL": "scripted"})


def test_a_turn_begins_at_once_and_ends_with_its_answer(assistant: Assistant) -> None:
    first, *_, last = progress(assistant, CONTAINERS, [])
    assert first == Turn(CONTAINERS)
    assert last.answer
    assert last.sentences == last.answer.sentences
    assert "7,000 containers" in last.answer.text


@pytest.mark.parametrize("question", [question for questions in EXAMPLES.values() for question in questions])
def test_every_example_is_answered(assistant: Assistant, question: str) -> None:
    assert assistant.ask(question).answered


def test_examples_are_shown_only_where_their_article_is_in_the_library(assistant: Assistant) -> None:
    rows = assistant.library.documents()
    assert shipped(rows) == EXAMPLES[ARTICLE.name]
    assert shipped([replace(rows[0], sha256="0" * 64)]) == ()


@pytest.mark.parametrize("question", ["", " \n ", "why " * 250_000])
def test_a_question_that_cannot_be_asked_is_one_calm_line(assistant: Assistant, question: str) -> None:
    (turn,) = progress(assistant, question, [])
    assert turn.failed
    assert turn.note
    assert "\n" not in turn.note
    assert len(question_html(turn, 1)) < 1000


def test_a_model_s_text_is_a_draft_until_it_is_checked(library: Library) -> None:
    with scripted_server("North Korea supplied 7,000 ", "containers. [1] It ", "sent 12 submarines. [1]") as server:
        turns = list(progress(writing(library, server), CONTAINERS, []))
    assert turns[1].draft == "North Korea supplied 7,000"
    assert 'class="draft"' in answer_html(turns[1], 1)
    assert [sentence.verdict for sentence in turns[-1].sentences] == [Verdict.SUPPORTED, Verdict.NOT_FOUND]
    assert not turns[-1].draft


def test_a_sentence_has_its_source_beside_it_before_the_answer_is_whole(library: Library) -> None:
    with scripted_server("North Korea supplied 7,000 containers. [1] It ", "also ", "did so.") as server:
        turns = list(progress(writing(library, server), CONTAINERS, []))
    early = next(turn for turn in turns if turn.sentences)
    assert early.answer is None
    marks = Marks(sources_html(stopped([early]), [])).texts
    assert list(marks.values()) == [early.citations[0].quote]
    assert Marks(answer_html(early, 1)).targets == list(marks)


def test_a_turn_that_is_stopped_meanwhile_ends_without_a_word(assistant: Assistant) -> None:
    turns = progress(assistant, CONTAINERS, [])
    first = next(turns)
    assert first.reply
    first.reply.close()
    assert list(turns) == []
    assert stopped([first])[0].note == "Stopped."


def test_a_model_that_fails_is_one_calm_line(library: Library) -> None:
    with scripted_server(status=401) as server:
        *_, turn = progress(writing(library, server), CONTAINERS, [])
    assert turn.failed
    assert "OPENAI_API_KEY" in turn.note
    assert not turn.answer


def test_only_a_finished_answer_can_be_marked() -> None:
    source = document("Word.")
    finished = [answered("Q?", [hit(source)], [cite(source, "Word.", 1)]), abstained("Q?", [])]
    for turn in finished:
        assert answer_html(turn, 3).count('class="thumb ') == 2
    for turn in [Turn("Q?", finished[0].sentences, draft="a"), Turn("Q?", note="Stopped."), Turn("Q?")]:
        assert 'class="thumb ' not in answer_html(turn, 3)


def test_what_is_kept_of_a_mark_is_what_the_assistant_got_and_gave() -> None:
    source = document("It  rained. Then it froze.")
    turns = [
        answered("What?", [hit(source)], [cite(source, "It  rained.", 1)]),
        answered("And then?", [hit(source)], [cite(source, "Then it froze.", 1)]),
        abstained("Why?", [hit(source)]),
    ]
    kept = opinion(turns, 2, False)
    earlier = (Message("user", "What?"), Message("assistant", "It  rained."))
    assert kept == Feedback(
        "And then?", earlier, "Then it froze.", True, ("Then it froze.",), False, kept.made, (source.text,)
    )
    assert kept.made.endswith("+00:00")
    declined = opinion(turns, 3, True)
    assert (declined.answer, declined.answered, declined.quotes) == ("This is not in the library.", False, ())
    assert len(declined.history) == 4


def test_a_whole_document_holds_every_mark_to_the_letter_and_says_where_its_pages_begin() -> None:
    text = "One &  two.\n\nThree <b>four</b>.\nFive."
    source = replace(document(text), pages=(0, text.index("Three")))
    marked = [Marked(2, text.index("Three"), text.index("\nFive")), Marked(1, 0, 11)]
    html = document_html(source, marked)
    assert Marks(html).texts == {"whole-1": "One &  two.", "whole-2": "Three <b>four</b>."}
    assert html.index("Page 1") < html.index("One &") < html.index("Page 2") < html.index("Three")
    assert "2 pages" in html


def test_of_marks_that_overlap_or_lie_outside_none_breaks_the_document() -> None:
    source = document("One two three.")
    marked = [Marked(1, 0, 7), Marked(2, 4, 13), Marked(3, 9, 99), Marked(4, 5, 5), Marked(5, -3, 2)]
    assert Marks(document_html(source, marked)).texts == {"whole-1": "One two"}


def test_of_a_long_document_the_piece_around_the_quote_is_shown_with_a_way_on() -> None:
    text = "".join(f"Line {number} of many.\n" for number in range(40_000))
    at = text.index("Line 20000 ")
    html = document_html(document(text), [Marked(1, at, at + 10)], at)
    assert Marks(html).texts == {"whole-1": "Line 20000"}
    assert "Earlier" in html
    assert "Later" in html
    assert len(html) < 300_000
    assert "Earlier" not in document_html(document(text), [], 0)
    assert "Later" not in document_html(document(text), [], len(text))


def test_a_checked_draft_tells_verdicts_by_words_and_counts_them(assistant: Assistant) -> None:
    draft = "North Korea has supplied 7,000 containers to Russia. Kim Jong Un was born on Mars."
    *_, turn = checked(assistant, draft)
    html = draft_html(turn, whole=True)
    assert "2 sentences: 1 supported" in html
    assert "✓ supported" in html
    assert "✕" in html
    assert Marks(html).targets == list(Marks(evidence_html(turn)).texts)


def test_a_draft_that_cannot_be_checked_is_one_calm_line(assistant: Assistant) -> None:
    *_, turn = checked(assistant, " ")
    assert turn.failed
    assert "holds no sentence" in draft_html(turn, whole=True)


def test_why_shows_what_was_searched_ranks_scores_and_the_threshold(assistant: Assistant) -> None:
    *_, turn = progress(assistant, CONTAINERS, [])
    html = sources_html([turn], [], assistant.threshold)
    assert turn.answer
    assert f"{turn.answer.read} of {turn.answer.of} passages were read" in html
    assert f"Confidence {round(100 * turn.answer.confidence)} %" in html
    assert f"left:{round(100 * assistant.threshold)}%" in html
    assert html.count("<tr>") == 1 + len(turn.answer.hits)
    assert "find and rank" in html


def test_a_declined_question_names_its_words_that_nothing_speaks_of(assistant: Assistant) -> None:
    *_, turn = progress(assistant, "How many submarines did North Korea sell to Peru?", [])
    assert turn.answer
    assert not turn.answer.answered
    assert {"submarines", "Peru"} <= set(turn.answer.missing)
    assert "“submarines”" in answer_html(turn, 1)


def test_a_quote_that_is_gone_is_shown_as_it_was_and_said_to_be_gone() -> None:
    source = document("It rained.")
    turn = answered("What?", [], [cite(source, "It rained.", 1)])
    turn = replace(turn, gone=frozenset({1}), reopened=True, passages=())
    assert "1 of 1 quote gone" in answer_html(turn, 1)
    html = sources_html([turn], [])
    assert Marks(html).texts == {"quote-1-1": "It rained."}
    assert "no longer in the library" in html
    assert "data-document" not in html
