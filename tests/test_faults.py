"""The crash harness on a small scale, and whether its check sees damage that was done on purpose."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from index import Library
from index.ledger import Ledger
from index.nearest import Nearest
from index.schema import SEALED
from tests.faults import RUNS_HERE, WHY_NOT
from tests.faults.check import Checked
from tests.faults.child import Child, check
from tests.faults.journal import Journal, Known, compare
from tests.faults.kills import Setting, injected_kills, random_kills
from tests.faults.place import Held, Task
from tests.faults.report import Totals
from tests.faults.stores import Words, plain_collection

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not RUNS_HERE, reason=WHY_NOT)]

A, B, C = "a.md", "b.md", "c.md"


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    return Setting(tmp_path, seed=1, passages=60, fresh=False)


def quiet(line: str) -> None:
    """Say nothing."""


@pytest.fixture
def task(setting: Setting) -> Task:
    """A library that a series made; nothing was killed."""
    return made(setting, "pincite")


def made(setting: Setting, store: str) -> Task:
    task = setting.task(store, store, 0, kinds=["add", "change", "move"], copy=False)
    assert Child(task).wait() == 0
    return task


def checked(task: Task) -> Checked:
    return check(replace(task, complete=False), fresh=False)


def ledger_of(task: Task) -> Path:
    return task.place.store / "ledger.sqlite"


def test_fifteen_kills_lose_nothing_and_need_no_hand(setting: Setting) -> None:
    totals = Totals()
    random_kills(setting, "pincite", 15, 1.5, totals, quiet)
    assert totals.problems == []
    assert (totals.kills, totals.failures) == (15, 0)
    assert totals.acknowledged
    assert totals.passages


def test_kills_at_step_boundaries_lose_nothing_and_need_no_hand(setting: Setting) -> None:
    totals = Totals()
    injected_kills(setting, totals, quiet, every=23)
    assert totals.problems == []
    assert totals.injected >= 8


def test_a_library_that_nothing_happened_to_has_no_problems(task: Task) -> None:
    found = checked(task)
    assert found.problems == []
    assert found.current
    assert found.acknowledged == len(found.held) > 0


def test_a_document_removed_behind_the_journal_is_reported_as_lost(task: Task) -> None:
    ledger = Ledger(ledger_of(task))
    row = ledger.documents()[0]
    ledger.remove([row.id])
    ledger.close()
    assert checked(task).lost == [row.path]


def test_a_letter_changed_under_a_right_checksum_is_reported(task: Task) -> None:
    ledger = Ledger(ledger_of(task))
    path = ledger.documents()[0].path
    ledger.db.execute("UPDATE documents SET text = 'X' || substr(text, 2) WHERE path = ?", path)
    sealed = f"UPDATE documents SET checksum = checksum_of({SEALED['documents']}) WHERE path = ?"  # noqa: S608
    ledger.db.execute(sealed, path)
    ledger.close()
    found = checked(task)
    assert (found.lost, found.wrong) == ([path], [path])


def remove_a_vector(task: Task, *, hide: bool) -> None:
    """Take a passage out of Chroma; `hide` makes the ledger's note say that this is how it should be."""
    store = task.place.store
    with Library(store, embedder=Words()) as library:
        library.complete()
        chroma = library._nearest._trusted()
        assert chroma
        chroma.remove(library._ledger.passage_ids()[:1])
    if hide:
        ledger = Ledger(ledger_of(task))
        nearest = Nearest(ledger, store / "chroma", writable=True)
        note = nearest._note()
        assert note
        nearest._write_note(note.name, ledger.generation, ledger.passage_count, [])
        ledger.close()


def test_a_vector_missing_from_a_trusted_chroma_is_reported(task: Task) -> None:
    remove_a_vector(task, hide=True)
    found = checked(task)
    assert len(found.unfound) == 1
    assert "vectors are trusted for" in found.disagreements[0]


def test_a_vector_that_went_missing_in_a_crash_is_noticed_and_built_again(task: Task) -> None:
    remove_a_vector(task, hide=False)
    found = checked(task)
    assert not found.current
    assert found.problems == []
    repaired = check(replace(task, complete=True), fresh=False)
    assert repaired.problems == []
    assert checked(task).current


def test_a_library_that_cannot_be_opened_is_reported_with_all_that_it_held(task: Task) -> None:
    for file in ledger_of(task).parent.glob("ledger.sqlite*"):
        file.write_bytes(b"no database, but long enough to look at")
    found = checked(task)
    assert found.unusable
    assert found.manual
    assert len(found.lost) == found.acknowledged > 0


def test_in_plain_chroma_a_document_without_one_of_its_passages_is_reported(setting: Setting) -> None:
    task = made(setting, "plain")
    assert checked(task).problems == []
    client, collection = plain_collection(task.place.store, create=False)
    collection.delete(ids=collection.get()["ids"][:1])
    client.close()
    assert len(checked(task).lost) == 1


def test_a_line_that_was_cut_short_was_not_noted(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    Journal.begin(journal, {A: "1"}, 0)
    with journal.open("ab") as file:
        file.write(b'{"began": "add", "target"')
    assert Journal.read(journal).held == {A: "1"}
    assert Journal.read(journal).target is None


@pytest.mark.parametrize(
    ("held", "target", "found", "lost", "wrong"),
    [
        ({A: "1"}, None, {A: "1"}, [], []),
        ({A: "1"}, None, {}, [A], []),
        ({A: "1"}, None, {A: "1", B: "2"}, [], [B]),
        ({A: "1"}, {A: "2"}, {A: "1"}, [], []),
        ({A: "1"}, {A: "2"}, {A: "2"}, [], []),
        ({A: "1"}, {A: "2"}, {}, [A], []),
        ({A: "1"}, {A: "2"}, {A: "torn"}, [A], [A]),
        ({A: "1"}, {}, {}, [], []),
        ({A: "1"}, {A: "1", B: "2"}, {A: "1"}, [], []),
        ({A: "1"}, {A: "1", B: "2"}, {B: "2"}, [A], []),
        ({A: "1"}, {B: "1"}, {B: "1"}, [], []),
        ({A: "1"}, {B: "1"}, {}, [A], []),
        ({A: "1"}, {B: "1", A: "2"}, {B: "1"}, [], []),
        ({A: "1", B: "2"}, {A: "2", B: "1"}, {A: "2", B: "1"}, [], []),
        ({A: "1", B: "2"}, {A: "2", B: "1"}, {A: "2"}, [A], []),
        ({A: "1", B: "2"}, {A: "1", B: "1"}, {A: "1"}, [], []),
        ({A: "1", B: "2"}, {A: "1"}, {A: "1", C: "2"}, [], [C]),
    ],
)
def test_a_document_is_as_it_was_acknowledged_or_as_the_operation_in_flight_leaves_it(
    held: Held, target: Held | None, found: Held, lost: list[str], wrong: list[str]
) -> None:
    assert compare(Known(held=held, target=target), found) == (lost, wrong)
