"""Conversations that are kept: in the ledger, each person's own, held against the library when opened again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from index import Library, LibraryReadOnly, Turn
from index.opening import SHIPPED_ARTICLES
from rag import Assistant, SettingError
from rag.errors import ReceiptError
from rag.reader import Reader
from rag.receipts import Standing, reopen
from ui.access import Access
from ui.turns import keep, progress, taken_up

CONTAINERS = "How many containers has North Korea supplied to Russia?"
WORLD_CUP = "Who won the 2022 World Cup?"


@pytest.fixture
def assistant(tmp_path: Path, reader: Reader) -> Iterator[Assistant]:
    """On a library of its own, of a copy of the article that may be changed."""
    article = tmp_path / "article.txt"
    article.write_bytes((SHIPPED_ARTICLES / "russia-dprk.txt").read_bytes())
    with Library(tmp_path / "library", create=True) as library:
        library.add(article)
        yield Assistant(library, reader)


def kept_turn(number: int = 1, owner: str = "", conversation: str = "c", question: str = "Why?") -> Turn:
    return Turn(conversation, number, owner, f"2026-11-27T10:0{number}:00+00:00", question, "{}")


def test_an_answer_comes_back_as_it_was_and_is_checked_again(assistant: Assistant) -> None:
    for number, question in enumerate((CONTAINERS, WORLD_CUP), 1):
        *_, turn = progress(assistant, question, [])
        keep(assistant.library, "", "c", number, turn)
    first, second = taken_up(assistant.library, "", "c")
    assert first.answer == assistant.ask(CONTAINERS) or first.answer
    assert first.answer
    assert "7,000 containers" in first.answer.text
    assert first.gone == frozenset()
    assert first.citations[0].quote in first.passages[-1].document.text
    assert second.answer
    assert not second.answer.answered
    assert second.answer.hits


def test_an_answer_read_back_from_its_receipt_gives_the_same_receipt(assistant: Assistant) -> None:
    receipt = assistant.ask(CONTAINERS).to_dict()
    again = reopen(receipt, assistant.library).answer.to_dict()
    assert {name: again[name] for name in again if name != "sentences"} == {
        name: receipt[name] for name in receipt if name != "sentences"
    }
    assert [sentence["text"] for sentence in again["sentences"]] == [s["text"] for s in receipt["sentences"]]


def test_quotes_follow_their_text_and_are_said_to_be_gone_with_it(assistant: Assistant, tmp_path: Path) -> None:
    *_, turn = progress(assistant, CONTAINERS, [])
    keep(assistant.library, "", "c", 1, turn)
    quote = turn.citations[0].quote
    article = tmp_path / "article.txt"
    article.write_text("A new beginning.\n\n" + article.read_text("utf-8"), "utf-8")
    assistant.library.refresh()
    (moved,) = taken_up(assistant.library, "", "c")
    (citation,) = moved.citations
    assert citation.start == turn.citations[0].start + len("A new beginning.\n\n")
    assert moved.passages[-1].document.text[citation.start : citation.end] == quote

    article.write_text(article.read_text("utf-8").replace(quote, "Nothing of the kind was said."), "utf-8")
    assistant.library.refresh()
    (gone,) = taken_up(assistant.library, "", "c")
    assert gone.gone == {1}
    assert gone.citations[0].quote == quote


def test_of_a_document_that_is_gone_the_quote_is_kept(assistant: Assistant) -> None:
    *_, turn = progress(assistant, CONTAINERS, [])
    keep(assistant.library, "", "c", 1, turn)
    assistant.library.remove("article.txt")
    (gone,) = taken_up(assistant.library, "", "c")
    assert gone.gone == {1}
    assert reopen(turn.answer.to_dict(), assistant.library).kept[0].standing is Standing.GONE if turn.answer else False


def test_what_is_no_answer_is_refused(assistant: Assistant) -> None:
    receipt = assistant.ask(CONTAINERS).to_dict()
    broken: dict[str, Any]
    for broken in ({}, {"citations": []}, {**receipt, "sentences": [{"text": "x"}]}, {**receipt, "unsupported": "x"}):
        with pytest.raises(ReceiptError, match="Ask the question again"):
            reopen(broken, assistant.library)


def test_conversations_are_each_person_s_own(assistant: Assistant) -> None:
    library = assistant.library
    library.keep_turn(kept_turn(owner="ann"))
    library.keep_turn(kept_turn(owner="bob", conversation="d", question="How?"))
    assert [item.question for item in library.conversations("ann")] == ["Why?"]
    assert library.turns("bob", "c") == []
    library.forget("bob", "c")
    assert library.turns("ann", "c") == [kept_turn(owner="ann")]
    library.forget("ann", "c")
    assert library.conversations("ann") == []


def test_a_turn_that_is_asked_again_takes_the_place_of_all_after_it(assistant: Assistant) -> None:
    library = assistant.library
    for number in (1, 2, 3):
        library.keep_turn(kept_turn(number))
    again = replace(kept_turn(2), question="When?")
    library.keep_turn(again)
    assert library.turns("", "c") == [kept_turn(1), again]
    (listed,) = library.conversations("")
    assert (listed.question, listed.turns, listed.made) == ("Why?", 2, again.made)


def test_a_library_that_another_process_owns_keeps_nothing(assistant: Assistant) -> None:
    with Library(assistant.library.path) as other, pytest.raises(LibraryReadOnly):
        other.keep_turn(kept_turn())


def test_an_exported_library_holds_no_conversation(assistant: Assistant, tmp_path: Path) -> None:
    assistant.library.keep_turn(kept_turn(question="Nobody else's business?"))
    assistant.library.export(tmp_path / "copy")
    assert b"Nobody else" not in (tmp_path / "copy").read_bytes()
    with closing(sqlite3.connect(tmp_path / "copy")) as copy:
        assert copy.execute("SELECT count(*) FROM turns").fetchone() == (0,)


def test_a_library_of_the_format_before_takes_conversations(assistant: Assistant) -> None:
    path = assistant.library.path
    assistant.library.close()
    with closing(sqlite3.connect(path / "ledger.sqlite")) as db, db:
        db.execute("DROP TABLE turns")
        db.execute("UPDATE meta SET value = '3' WHERE key = 'format'")
    with Library(path) as library:
        library.keep_turn(kept_turn())
        assert library.turns("", "c") == [kept_turn()]
        assert all(finding.ok for finding in library.check())


@pytest.mark.parametrize(
    ("environ", "shared", "expected"),
    [
        ({}, False, Access((), True, True)),
        ({"PINCITE_HISTORY": "off"}, False, Access((), True, False)),
        ({"PINCITE_AUTH": "ann:a:b, bob:c"}, True, Access((("ann", "a:b"), ("bob", "c")), True, False)),
        ({"PINCITE_AUTH": "ann:a", "PINCITE_HISTORY": "on"}, True, Access((("ann", "a"),), True, True)),
        ({"PINCITE_AUTH": "open"}, True, Access((), False, False)),
    ],
)
def test_who_may_do_what_comes_from_the_settings(environ: dict[str, str], shared: bool, expected: Access) -> None:
    assert Access.of(environ, shared=shared) == expected


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "PINCITE_AUTH=name:password"),
        ({"PINCITE_AUTH": "ann"}, "not understood"),
        ({"PINCITE_AUTH": "ann:a", "PINCITE_HISTORY": "maybe"}, "on or off"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_with_the_next_step(environ: dict[str, str], said: str) -> None:
    with pytest.raises(SettingError, match=said):
        Access.of(environ, shared=True)
