"""The ledger by itself: what is stored comes back, changes come all or not at all, and what is damaged is said."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from index.database import Database, one_line
from index.documents import Document
from index.errors import LibraryError
from index.ledger import DocumentRow, Ledger, PassageRow, Prepared, embedded_text
from index.passages import Cut
from index.schema import FORMAT

LINES = "Bread is baked.\nStorks fly south."
CUTS = (Cut(0, 15, ((0, 15),), "Bread"), Cut(16, 33, ((16, 22), (23, 33)), ""))


def prepared(name: str, *, title: str = "", pages: tuple[int, ...] = ()) -> Prepared:
    """Two passages, whose embeddings are (1, 2) and (3, 4)."""
    document = Document(name, f"/{name}.txt", title or name, LINES, f"sha of {name}", pages)
    return Prepared(document, CUTS, (f"{name}: Bread", name), np.array([[1, 2], [3, 4]], np.float32))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def ledger(file: Path) -> Iterator[Ledger]:
    with closing(Ledger(file)) as ledger:
        yield ledger


def changed(file: Path, *statements: str) -> None:
    """By another program, behind the ledger's back."""
    with closing(sqlite3.connect(file)) as db, db:
        for statement in statements:
            db.execute(statement)


def test_what_is_put_comes_back(ledger: Ledger) -> None:
    assert ledger.put([prepared("b", pages=(0, 16)), prepared("a")]) == ([], [1, 2, 3, 4])
    [added] = {row.added for row in ledger.documents()}
    assert datetime.fromisoformat(added.removesuffix("Z"))
    assert ledger.document("b") == Document("b", "/b.txt", "b", LINES, "sha of b", (0, 16), added)
    assert ledger.documents() == [
        DocumentRow(name, f"/{name}.txt", name, f"sha of {name}", 33, 2, added) for name in "ab"
    ]
    assert ledger.passages([2, 3, 9]) == {2: PassageRow(2, "b", CUTS[1]), 3: PassageRow(3, "a", CUTS[0])}
    assert (ledger.passage_count, ledger.passage_ids(), ledger.passage_ids("a")) == (4, [1, 2, 3, 4], [3, 4])
    assert ledger.passages_of(["a"]) == [3, 4]
    assert ledger.embedded_texts()[:2] == [(1, "b: Bread\nBread is baked."), (2, "b\nStorks fly south.")]
    assert embedded_text("Bread", "Is baked.") == "Bread\nIs baked."
    ids, rows = ledger.embeddings()
    assert (ids, rows.tolist()) == ([1, 2, 3, 4], [[1, 2], [3, 4], [1, 2], [3, 4]])
    ids, rows = ledger.embeddings([4, 1])
    assert (ids, rows.tolist()) == ([1, 4], [[1, 2], [3, 4]])
    assert ledger.document("c") is None


def test_an_empty_ledger_has_no_embeddings(ledger: Ledger) -> None:
    ids, rows = ledger.embeddings()
    assert (ids, rows.shape) == ([], (0, 0))
    assert ledger.problems() == []


def test_what_is_put_again_takes_the_place_of_what_was(ledger: Ledger) -> None:
    ledger.put([prepared("a"), prepared("b")])
    assert ledger.put([prepared("b"), prepared("a")]) == ([3, 4, 1, 2], [5, 6, 7, 8])
    assert ledger.passage_ids() == [5, 6, 7, 8]


def test_what_is_removed_takes_its_passages_and_tags_along_and_no_id_comes_back(ledger: Ledger) -> None:
    ledger.put([prepared("a"), prepared("b"), prepared("c")])
    ledger.tag(["b", "c"], ["bird", "air"])
    assert ledger.remove(["a", "b"]) == [1, 2, 3, 4]
    assert [(row.id, row.tags) for row in ledger.documents()] == [("c", ("air", "bird"))]
    assert ledger.put([prepared("b")]) == ([], [7, 8])
    assert [row.tags for row in ledger.documents()] == [(), ("air", "bird")]
    ledger.untag(["c", "b"], ["air"])
    assert [row.tags for row in ledger.documents()] == [(), ("bird",)]


def test_every_change_of_the_passages_raises_the_generation_by_one(ledger: Ledger) -> None:
    ledger.put([prepared("a")])
    assert ledger.generation == 1
    ledger.move({"a": "/elsewhere"})
    assert ledger.generation == 2
    ledger.replace_embeddings([1], np.array([[5, 6]], np.float32), "other")
    assert ledger.generation == 3
    ledger.remove(["a"])
    assert ledger.generation == 4


def test_documents_may_change_places(ledger: Ledger) -> None:
    ledger.put([prepared("a", title="Same"), prepared("b", title="Same")])
    ledger.move({"a": "/b.txt", "b": "/a.txt"})
    assert [(row.id, row.path) for row in ledger.documents()] == [("b", "/a.txt"), ("a", "/b.txt")]
    ledger.set_meta("embedding", "by hand")
    assert ledger.problems() == []


def test_roots_are_kept_once_each_by_name(ledger: Ledger) -> None:
    for root in ("/b", "/a", "/b"):
        ledger.add_root(root)
    assert ledger.roots() == ["/a", "/b"]
    before = ledger.meta("changes")
    ledger.add_root("/a")
    ledger.remove_root("/c")
    assert ledger.meta("changes") == before
    ledger.remove_root("/a")
    assert ledger.roots() == ["/b"]
    assert ledger.problems() == []


def test_other_embeddings_take_the_place_of_those_that_were(ledger: Ledger) -> None:
    ledger.put([prepared("a")])
    ledger.replace_embeddings([2, 1], np.array([[5, 6, 7], [8, 9, 0]], np.float64).astype(np.float32), "other")
    ids, rows = ledger.embeddings()
    assert (ids, rows.tolist(), ledger.meta("embedding")) == ([1, 2], [[8, 9, 0], [5, 6, 7]], "other")
    assert ledger.problems() == []
    with pytest.raises(ValueError, match="zip"):
        ledger.replace_embeddings([1, 2], np.array([[5, 6]], np.float32), "other")


def test_what_does_not_fit_together_is_not_stored(ledger: Ledger) -> None:
    lacking = Prepared(prepared("b").document, CUTS, ("b",), np.array([[1, 2]], np.float32))
    with pytest.raises(ValueError, match="zip"):
        ledger.put([prepared("a"), lacking])
    assert (ledger.documents(), ledger.passage_ids(), ledger.generation) == ([], [], 0)
    assert not ledger.db.connection.in_transaction


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE passages SET start = 1 WHERE id = 2", "1 passages are not what was stored"),
        ("UPDATE documents SET text = 'X'", "2 documents are not what was stored"),
        ("UPDATE tags SET tag = 'X'", "1 tags are not what was stored"),
        ("UPDATE roots SET path = 'X'", "1 roots are not what was stored"),
        ("CREATE TABLE more (id)", "its tables are not what was made"),
        ("DELETE FROM meta WHERE key = 'embedding'", "its embedding model is not known"),
        (
            "INSERT INTO words(words, rowid, context, text) SELECT 'delete', id, context, text FROM passages",
            "malformed",
        ),
    ],
)
def test_what_is_wrong_with_a_ledger_is_said(change: str, said: str, file: Path) -> None:
    with closing(Ledger(file)) as ledger:
        ledger.set_meta("embedding", "by hand")
        ledger.put([prepared("a"), prepared("b")])
        ledger.tag(["a"], ["bird"])
        ledger.add_root("/a")
        assert ledger.problems() == []
    changed(file, change)
    with closing(Ledger(file)) as ledger:
        assert any(said in problem for problem in ledger.problems())


def test_more_than_one_thing_may_be_wrong(file: Path) -> None:
    with closing(Ledger(file)) as ledger:
        ledger.put([prepared("a")])
        ledger.tag(["a"], ["bird"])
    changed(file, "UPDATE tags SET tag = 'X'", "UPDATE passages SET start = 1", "CREATE TABLE more (id)")
    with closing(Ledger(file)) as ledger:
        assert ledger.problems() == [
            "2 passages are not what was stored",
            "1 tags are not what was stored",
            "its tables are not what was made",
            "its embedding model is not known",
        ]


def test_what_sqlite_finds_is_among_the_problems(file: Path) -> None:
    Ledger(file).close()
    changed(file, "PRAGMA writable_schema = ON", "DELETE FROM sqlite_master WHERE name = 'passages_of_document'")
    with closing(Ledger(file)) as ledger:
        found, *others = ledger.problems()
        assert "never used" in found
        assert others == ["its tables are not what was made"]


def test_what_keeps_a_ledger_from_being_looked_at_is_a_problem_too(file: Path) -> None:
    with closing(Ledger(file)) as ledger:
        changed(file, "DROP TABLE roots")
        assert ledger.problems() == ["no such table: roots"]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE documents SET text = 'X'",
        "UPDATE documents SET pages = 'X', checksum = checksum_of(id, path, title, sha256, text, 'X', added)",
        "UPDATE passages SET start = 1",
        "UPDATE passages SET sentences = 1,"
        " checksum = checksum_of(id, document, start, end, 1, heading, context, text)",
        "UPDATE passages SET embedding = zeroblob(8)",
    ],
)
def test_what_is_not_what_was_stored_is_not_given(change: str, ledger: Ledger) -> None:
    ledger.put([prepared("a")])
    ledger.db.execute(change)
    with pytest.raises(LibraryError, match=r"damaged.*not what was stored.*pincite --library .* doctor --repair"):
        _ = ledger.document("a"), ledger.passages([1]), ledger.embeddings()


def test_damage_names_what_is_damaged(ledger: Ledger) -> None:
    ledger.put([prepared("a")])
    ledger.db.execute("UPDATE documents SET title = 'X'")
    ledger.db.execute("UPDATE passages SET heading = 'X', embedding_checksum = 0")
    ledger.set_meta("generation", "many")
    with pytest.raises(LibraryError, match=r"damaged: the document /a\.txt is not what was stored"):
        ledger.document("a")
    with pytest.raises(LibraryError, match="damaged: a passage is not what was stored"):
        ledger.passages([1])
    with pytest.raises(LibraryError, match="damaged: an embedding is not what was stored"):
        ledger.embeddings([2])
    with pytest.raises(LibraryError, match="damaged: its generation is not what was stored"):
        _ = ledger.generation


# The file


def break_off(db: Database, *statements: str) -> None:
    with db.transaction():
        db.set_meta("half", "1")
        for statement in (*statements, "INSERT INTO nowhere VALUES (1)"):
            db.execute(statement)


def test_a_change_is_on_the_disk_when_it_ends_and_nothing_of_it_if_it_fails(file: Path) -> None:
    with closing(Database(file)) as db:
        assert db.execute("PRAGMA journal_mode") == [("wal",)]
        assert db.execute("PRAGMA synchronous") == [(2,)]
        db.set_meta("outside", "1")
        with db.transaction():
            db.set_meta("whole", "1")
        with pytest.raises(LibraryError, match="no such table"):
            break_off(db)
        with closing(Database(file, read_only=True)) as reader:
            assert [reader.meta(key) for key in ("outside", "whole", "half")] == ["1", "1", None]
        with db.transaction():
            db.set_meta("after", "1")
        assert db.number("changes") == 3  # the making of it is one


def test_a_transaction_that_sqlite_ended_itself_leaves_its_own_error(file: Path) -> None:
    with closing(Database(file)) as db, pytest.raises(LibraryError, match="no such table: nowhere"):
        break_off(db, "ROLLBACK")  # as SQLite does when the disk is full


def test_one_that_only_reads_cannot_write(file: Path) -> None:
    Database(file).close()
    with closing(Database(file, read_only=True)) as db:
        assert db.read_only
        assert db.meta("format") == str(FORMAT)
        with pytest.raises(LibraryError, match=r"Cannot use the library at .*readonly.*--library or PINCITE_HOME"):
            db.set_meta("a", "b")


def test_a_ledger_that_is_only_read_gives_what_another_one_stores(file: Path, ledger: Ledger) -> None:
    with closing(Ledger(file, read_only=True)) as reader:
        ledger.put([prepared("a")])
        assert (reader.documents(), reader.history.conversations("")) == (ledger.documents(), [])
        with pytest.raises(LibraryError, match="readonly"):
            reader.add_root("/a")
    with pytest.raises(LibraryError, match="closed"):
        reader.documents()


def test_a_ledger_is_shared_between_threads(ledger: Ledger) -> None:
    threads = [threading.Thread(target=ledger.put, args=([prepared(name)],)) for name in "abcdefgh"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [row.id for row in ledger.documents()] == [*"abcdefgh"]
    assert ledger.generation == 8


@pytest.mark.parametrize("is_begun", [False, True])
def test_a_reader_waits_for_the_one_who_makes_the_ledger(is_begun: bool, file: Path) -> None:
    if is_begun:
        file.touch()  # as SQLite does before it writes
    timer = threading.Timer(0.2, lambda: Database(file).close())
    timer.start()
    with closing(Database(file, read_only=True)) as db:
        assert db.meta("format") == str(FORMAT)
    timer.join()


def test_where_nobody_makes_it_a_reader_says_so(file: Path) -> None:
    with pytest.raises(LibraryError, match="unable to open database file"):
        Database(file, read_only=True)
    assert not file.exists()


def test_a_file_that_is_no_database_is_said(file: Path) -> None:
    file.write_text("no database, but long enough to be looked at for one")
    with pytest.raises(LibraryError, match=r"damaged: file is not a database"):
        Database(file, read_only=True)


@pytest.mark.skipif(os.name == "nt", reason="Windows makes no links for everybody")
@pytest.mark.parametrize("is_logged", [False, True])
def test_a_ledger_is_read_where_the_files_that_readers_share_cannot_be_made(is_logged: bool, file: Path) -> None:
    with closing(Database(file)) as db:
        db.set_meta("kept", "here")
        log = file.with_name("ledger.sqlite-wal").read_bytes()
        data = file.read_bytes()
    if is_logged:
        file.write_bytes(data)
        file.with_name("ledger.sqlite-wal").write_bytes(log)
    file.with_name("ledger.sqlite-shm").symlink_to(file.parent / "nowhere" / "shm")
    with closing(Database(file, read_only=True)) as db:
        assert db.meta("kept") == "here"
        assert db.problems() == []


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("2", r"has format 2, an older one.* list$"),
        ("99", f"has format 99.* reads format {FORMAT}.* pincite --library OTHER add FOLDER$"),
    ],
)
def test_another_format_is_refused_with_the_next_step(number: str, said: str, file: Path) -> None:
    Database(file).close()
    changed(file, f"UPDATE meta SET value = '{number}' WHERE key = 'format'")  # noqa: S608
    with pytest.raises(LibraryError, match=said):
        Database(file, read_only=True)


def test_a_ledger_of_an_older_format_is_brought_up_to_date_and_keeps_its_name(file: Path) -> None:
    with closing(Ledger(file)) as ledger:
        ledger.set_meta("embedding", "by hand")
        ledger.put([prepared("a")])
        identity = ledger.meta("id")
    changed(file, "DROP TABLE turns", "DROP TABLE tags", "UPDATE meta SET value = '2' WHERE key = 'format'")
    with closing(Ledger(file)) as ledger:
        assert (ledger.meta("id"), ledger.meta("format")) == (identity, str(FORMAT))
        ledger.tag(["a"], ["bird"])
        assert ledger.documents()[0].tags == ("bird",)
        assert ledger.problems() == []


def test_every_ledger_has_a_name_of_its_own(tmp_path: Path) -> None:
    with closing(Database(tmp_path / "a")) as one, closing(Database(tmp_path / "b")) as other:
        assert len(one.meta("id") or "") == 32
        assert one.meta("id") != other.meta("id")


def lose(file: Path, changes: int) -> None:
    """The last changes, as with the write-ahead log."""
    Database(file).close()
    before = file.read_bytes()
    with closing(Ledger(file)) as ledger:
        for number in range(changes):
            ledger.add_root(f"/{number}")
    file.write_bytes(before)


@pytest.mark.parametrize("changes", [1, 2])
def test_changes_that_are_missing_are_said_until_the_count_of_them_is_deleted(changes: int, file: Path) -> None:
    lose(file, changes)
    for _ in range(2):
        with pytest.raises(LibraryError, match=rf"lacks its last {changes} changes: ledger\.sqlite-wal is .* refresh$"):
            Ledger(file)
    file.with_name("ledger.sqlite-changes").unlink()
    with closing(Ledger(file)) as ledger:
        assert ledger.roots() == []


@pytest.mark.parametrize("count", ["", "a b", "{id} 9 0", "other 9 {sum}", "{id} many 3", "{id} 1 {sum}"])
def test_a_count_of_changes_that_is_no_count_of_this_ledger_is_passed_over(count: str, file: Path) -> None:
    lose(file, 2)
    counter = file.with_name("ledger.sqlite-changes")
    name, _, sealed = counter.read_text().split()
    counter.write_text(count.format(id=name, sum=sealed))
    with closing(Ledger(file)) as ledger:
        assert ledger.roots() == []


def test_a_change_stands_where_the_count_of_changes_cannot_be_written(file: Path, ledger: Ledger) -> None:
    file.with_name("ledger.sqlite-changes.part").mkdir()
    ledger.add_root("/a")
    assert ledger.roots() == ["/a"]


def test_a_copy_holds_the_library_and_no_conversation(file: Path, tmp_path: Path, ledger: Ledger) -> None:
    ledger.put([prepared("a")])
    ledger.db.execute("INSERT INTO turns VALUES ('c', 1, '', '', 'A secret?', '{}', 0)")
    ledger.db.copy(tmp_path / "copy")
    assert b"secret" not in (tmp_path / "copy").read_bytes()
    with closing(Ledger(tmp_path / "copy")) as copy:
        assert copy.documents() == ledger.documents()
        assert copy.db.execute("SELECT * FROM turns") == []
    with pytest.raises(LibraryError, match=r"Cannot write .*copy.*Make room there, or choose another place"):
        ledger.db.copy(tmp_path / "copy")


def test_a_statement_that_cannot_be_run_is_an_error_of_the_library(ledger: Ledger) -> None:
    with pytest.raises(LibraryError, match=r"Cannot use the library at .*syntax error"):
        ledger.db.execute("SELEKT")
    with pytest.raises(LibraryError, match=r"damaged: no such table: lost"):
        ledger.db.execute("SELECT * FROM lost")


def test_an_error_is_told_in_one_line_of_two_hundred_characters() -> None:
    assert one_line(ValueError("a\n  b")) == "a b"
    assert one_line(ValueError("x" * 201)) == "x" * 200
