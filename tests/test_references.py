"""An answer taken elsewhere: what the copy buttons give."""

from __future__ import annotations

from tests.test_render import answered, cite, document, hit
from ui.references import bibtex, footnote, markdown, marked, plain, without_footnotes
from ui.turns import Turn


def turn(text: str = "It rained. It froze.", title: str = "A title") -> Turn:
    source = document(text, title)
    quotes = [f"{part}." for part in text.rstrip(".").split(". ")]
    return answered("What\nwas it?", [hit(source)], [cite(source, quote, n) for n, quote in enumerate(quotes, 1)])


def test_markdown_has_a_footnote_for_each_citation() -> None:
    assert markdown(turn()) == (
        "**What was it?**\n\nIt rained.[^1] It froze.[^2]\n\n"
        "[^1]: A title, characters 0–10: “It rained.”\n\n[^2]: A title, characters 11–20: “It froze.”"
    )


def test_what_stands_in_a_source_is_no_markdown() -> None:
    assert r"\<b>\*so\*\</b>\[x\](y)." in markdown(turn("<b>*so*</b>[x](y)."))
    assert r"snake_case \_a\_ window.\_\_x." in markdown(turn("snake_case _a_ window.__x."))


def test_what_was_marked_is_read_back_as_it_was_said() -> None:
    for text in ("<b>*so*</b>[x](y) `c` ~d~ | \\e\\.", "snake_case _a_ window.__x.", "# 1 > 0."):
        said = "\n\n".join([*map(marked, turn(text).sentences), *map(footnote, turn(text).citations)])
        assert without_footnotes(said) == text


def test_plain_text_has_numbers_and_a_list() -> None:
    assert plain(turn()) == (
        "What was it?\n\nIt rained.[1] It froze.[2]\n\n"
        "[1] A title, characters 0–10: “It rained.”\n\n[2] A title, characters 11–20: “It froze.”"
    ).replace(".[", ". [")


def test_bibtex_has_an_entry_for_each_document_with_its_quotes() -> None:
    assert bibtex(turn(title="50 % & more_")) == (
        "@misc{d1,\n  title = {50 \\% \\& more\\_},\n  howpublished = {a.txt},\n  urldate = {2026-11-27},\n"
        "  note = {characters 0–10: ``It rained.''; characters 11–20: ``It froze.''}\n}"
    )
