from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from index import Library, open_library
from rag import Answer, Assistant
from rag.errors import ReceiptError
from rag.receipts import Kept, Standing, read_receipt, verify
from ui.commands import pincite

TEXT = "Leeks were first grown in Egypt. Nero ate them every day. They are green and white, and up to a metre long."


@pytest.fixture
def mine(tmp_path: Path) -> Iterator[Library]:
    (tmp_path / "leeks.txt").write_text(TEXT, "utf-8")
    with open_library(tmp_path / "library", {}, create=True) as library:
        library.add(tmp_path / "leeks.txt")
        yield library


@pytest.fixture
def answer(mine: Library) -> Answer:
    with Assistant.open(mine, {}) as assistant:
        return assistant.ask("Where were leeks first grown?")


def changed(mine: Library, tmp_path: Path, text: str, answer: Answer) -> Kept:
    (tmp_path / "leeks.txt").write_text(text, "utf-8")
    mine.refresh()
    return verify(answer.to_dict(), mine)[0]


def test_a_receipt_holds_all_that_is_needed_to_check_it_later(answer: Answer) -> None:
    receipt = json.loads(json.dumps(answer.to_dict()))
    assert receipt["question"] == receipt["searched"] == "Where were leeks first grown?"
    assert receipt["model"] == "extractive"
    assert receipt["prompt"] == []
    assert receipt["sentences"][0]["verdict"] == "supported"
    assert receipt["hits"][0]["document_sha256"] == receipt["citations"][0]["sha256"]


def test_an_unchanged_library_stands_as_it_was(answer: Answer, mine: Library) -> None:
    kept = verify(answer.to_dict(), mine)
    assert kept
    assert all(item.standing is Standing.STANDS and not item.changed for item in kept)


def test_a_quote_that_went_to_other_characters_is_found_there(answer: Answer, mine: Library, tmp_path: Path) -> None:
    kept = changed(mine, tmp_path, f"A new beginning.\n\n{TEXT}", answer)
    assert (kept.standing, kept.changed) == (Standing.MOVED, True)
    assert kept.start == len("A new beginning.\n\n")


def test_a_quote_that_stands_in_a_changed_document_is_told_apart(answer: Answer, mine: Library, tmp_path: Path) -> None:
    kept = changed(mine, tmp_path, f"{TEXT} They smell.", answer)
    assert (kept.standing, kept.changed) == (Standing.STANDS, True)


def test_a_quote_that_was_taken_out_is_gone(answer: Answer, mine: Library, tmp_path: Path) -> None:
    kept = changed(mine, tmp_path, TEXT.replace("Egypt", "Wales"), answer)
    assert (kept.standing, kept.start) == (Standing.GONE, None)


def test_what_was_removed_from_the_library_is_gone(answer: Answer, mine: Library) -> None:
    mine.remove("leeks")
    assert verify(answer.to_dict(), mine)[0].standing is Standing.GONE


def test_the_command_verifies_what_ask_printed_and_ends_with_5_if_a_quote_is_gone(
    answer: Answer, mine: Library, tmp_path: Path
) -> None:
    run, file = CliRunner(), tmp_path / "receipt.json"
    file.write_text(json.dumps(answer.to_dict()), "utf-8")
    ended = run.invoke(pincite, ["verify", str(file), "--library", str(mine.path)])
    assert ended.exit_code == 0, ended.output
    assert "stands to the letter" in ended.output
    changed(mine, tmp_path, "Nothing is left.", answer)
    ended = run.invoke(pincite, ["verify", str(file), "--library", str(mine.path), "--json"])
    assert ended.exit_code == 5
    assert json.loads(ended.stdout)[0]["standing"] == "gone"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"citations": [{}]}', "\x00"])
def test_what_is_no_receipt_is_one_line_that_says_how_to_make_one(text: str, tmp_path: Path) -> None:
    file = tmp_path / "receipt.json"
    file.write_text(text, "utf-8")
    with pytest.raises(ReceiptError, match="--json") as caught:
        read_receipt(file)
    assert "\n" not in str(caught.value)
