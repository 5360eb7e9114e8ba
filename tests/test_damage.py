"""Stored files damaged in every way that a disk, a copy or a hand may: found, said, cured, and never fatal.

What looks at damage runs in a process of its own, whose return code shows whether it died.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index import Library, LibraryError
from index.embedder import Matrix

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
FILES = (
    "chroma.sqlite3", "data_level0.bin", "header.bin", "index_metadata.pickle", "length.bin", "link_lists.bin",
)  # fmt: skip
DOCUMENTS, PASSAGES = 60, 20
Damage = Callable[[Path], None]


class WordEmbedder:
    """Sums eight numbers for every word: so few that Chroma's approximate search finds what an exact one finds."""

    fingerprint = "words"

    def embed_passages(self, texts: Sequence[str]) -> Matrix:
        rows = np.array([sum(map(_numbers, text.split()), np.zeros(8)) for text in texts], np.float32).reshape(-1, 8)
        unit: Matrix = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit

    def embed_question(self, question: str) -> Matrix:
        row: Matrix = self.embed_passages([question])[0]
        return row


def _numbers(word: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.frombuffer(hashlib.blake2b(word.encode(), digest_size=8).digest(), np.uint8).astype(np.float64) - 127.5


def write_documents(folder: Path, count: int, seed: int = 0) -> None:
    """Documents of 20 passages, each of words drawn from 500."""
    draw = random.Random(seed)  # noqa: S311
    words = ["".join(draw.choices("abcdefghijklmnop", k=6)) for _ in range(500)]
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        paragraphs = [f"# Part {number} {i}\n\n{' '.join(draw.choices(words, k=12))}.\n\n" for i in range(PASSAGES)]
        (folder / f"{seed}-{number}.md").write_text("".join(paragraphs))


def questions(folder: Path) -> list[str]:
    return [" ".join(path.read_text().split()[5:12]) for path in sorted(folder.glob("0-*.md"))[:8]]


def answers(library: Library, texts: Sequence[str]) -> list[list[tuple[str, int, float]]]:
    return [
        [(hit.passage.document.id, hit.passage.start, round(hit.score, 3)) for hit in library.search(text, 10)]
        for text in texts
    ]


def bad(library: Library) -> list[str]:
    return [finding.text for finding in library.check() if not finding.ok]


def _look(paths: str, texts: str, more: str) -> None:
    """Open each library, search, cure it (one by adding `more`, the others by `complete`), and print what was seen."""
    for path in json.loads(paths):
        with Library(path, embedder=WordEmbedder()) as library:
            seen: dict[str, Any] = {"current": library._nearest.is_current(), "bad": bad(library)}
            seen["answers"] = answers(library, json.loads(texts))
            if path.endswith("scrambled"):
                library.add(more)
            else:
                library.complete()
                assert answers(library, json.loads(texts)) == seen["answers"]
            seen |= {"cured": library._nearest.is_current(), "bad_then": bad(library)}
        print(json.dumps(seen), flush=True)  # noqa: T201


def _live(path: str, damage: str, file: str, texts: str, more: str) -> None:
    """Damage while the library is open, before its first search."""
    with Library(path, embedder=WordEmbedder()) as library:
        assert library._nearest.is_current()
        [target] = (Path(path) / "chroma").rglob(file)
        DAMAGES[damage](target)
        seen: dict[str, Any] = {"answers": answers(library, json.loads(texts))}
        library.add(more)
        seen |= {"cured": library._nearest.is_current(), "bad_then": bad(library)}
    print(json.dumps(seen))  # noqa: T201


def _run(function: str, *arguments: str) -> tuple[int, list[dict[str, Any]], str]:
    program = f"import sys\nfrom tests import test_damage\ntest_damage.{function}(*sys.argv[1:])"
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, cwd=ROOT)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def _truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _zeroed(path: Path) -> None:
    _written(path, bytes(path.stat().st_size))


def _scrambled(path: Path) -> None:
    _written(path, random.Random(0).randbytes(path.stat().st_size))  # noqa: S311


def _flipped(path: Path) -> None:
    """Some bits of it, as a failing disk would."""
    data, draw = bytearray(path.read_bytes()), random.Random(6)  # noqa: S311
    for _ in range(3):
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    _written(path, bytes(data))


def _written(path: Path, data: bytes) -> None:
    """In place, and as if it had not been touched: size and time stay."""
    stat = path.stat()
    with path.open("r+b") as file:
        file.write(data)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


DAMAGES: dict[str, Damage] = {
    "truncated": _truncated, "zeroed": _zeroed, "scrambled": _scrambled, "flipped": _flipped, "deleted": Path.unlink,
}  # fmt: skip


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `texts`, more texts to add, and a library of 1,200 passages that is closed; not to be changed."""
    folder = tmp_path_factory.mktemp("sound")
    write_documents(folder / "texts", DOCUMENTS)
    write_documents(folder / "more", 1, seed=1)
    with Library(folder / "library", embedder=WordEmbedder(), create=True) as library:
        library.add(folder / "texts")
        assert library.passage_count == DOCUMENTS * PASSAGES
    return folder


@pytest.fixture(scope="module")
def before(sound: Path) -> list[list[Any]]:
    """The answers of the sound library, by Chroma."""
    path = sound.parent / "before"
    shutil.copytree(sound / "library", path)
    with Library(path, embedder=WordEmbedder()) as library:
        assert library._nearest.is_current()
        return [[list(hit) for hit in hits] for hits in answers(library, questions(sound / "texts"))]


def _copy(sound: Path, to: Path) -> Path:
    """A copy has other times: it must be trusted all the same."""
    shutil.copytree(sound / "library", to, copy_function=shutil.copyfile)
    return to


@pytest.mark.parametrize("file", FILES)
def test_a_damaged_file_of_chromas_is_found_and_rebuilt_and_the_answers_stay(
    file: str, sound: Path, before: list[Any], tmp_path: Path
) -> None:
    paths = []
    for name, damage in DAMAGES.items():
        paths.append(_copy(sound, tmp_path / name))
        [target] = (paths[-1] / "chroma").rglob(file)
        damage(target)
    _check_cured(paths, sound, before)


def test_without_its_folder_chroma_is_rebuilt_and_the_answers_stay(
    sound: Path, before: list[Any], tmp_path: Path
) -> None:
    path = _copy(sound, tmp_path / "library")
    shutil.rmtree(path / "chroma")
    _check_cured([path], sound, before)


def _check_cured(paths: Sequence[Path], sound: Path, before: list[Any]) -> None:
    texts = json.dumps(questions(sound / "texts"))
    code, all_seen, errors = _run("_look", json.dumps(list(map(str, paths))), texts, str(sound / "more"))
    assert code == 0, errors
    for path, seen in zip(paths, all_seen, strict=True):
        assert not seen["current"], path
        assert seen["bad"] == ["Chroma: not complete, exact search answers in its place"], path
        assert seen["answers"] == before, path
        assert seen["cured"], path
        assert seen["bad_then"] == [], path


def test_a_copied_library_needs_no_rebuild(sound: Path, before: list[Any], tmp_path: Path) -> None:
    with Library(_copy(sound, tmp_path / "library"), embedder=WordEmbedder()) as library:
        assert library._nearest.is_current()
        assert bad(library) == []


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("chroma.sqlite3", "zeroed"), ("chroma.sqlite3", "truncated"), ("data_level0.bin", "scrambled"),
        ("data_level0.bin", "truncated"), ("header.bin", "truncated"), ("link_lists.bin", "zeroed"),
        ("index_metadata.pickle", "deleted"),
    ],
)  # fmt: skip
@pytest.mark.skipif(os.name == "nt", reason="Windows does not let go of a file that is open")
def test_damage_to_an_open_library_is_survived_and_gone_after_the_next_add(
    file: str, damage: str, sound: Path, before: list[Any], tmp_path: Path
) -> None:
    path = _copy(sound, tmp_path / "library")
    texts = json.dumps(questions(sound / "texts"))
    code, all_seen, errors = _run("_live", str(path), damage, file, texts, str(sound / "more"))
    assert code == 0, errors
    [seen] = all_seen
    assert seen["answers"] == before
    assert seen["cured"]
    assert seen["bad_then"] == []
    with Library(path, embedder=WordEmbedder()) as library:
        # What has the size and time of before is not looked at again by the process that has it open, but by the next.
        library.complete()
        assert bad(library) == []


def _sqlite(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path / "ledger.sqlite")) as db, db:
        db.execute(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM words_data", "DELETE FROM words_data WHERE id > 10", "DELETE FROM words_data WHERE id = 10",
        "DELETE FROM words_idx", "DELETE FROM words_docsize WHERE id % 2", "UPDATE words_docsize SET sz = x'0101'",
        "UPDATE words_data SET block = randomblob(length(block)) WHERE id > 10", "DELETE FROM words_config",
    ],
)  # fmt: skip
def test_a_damaged_word_index_is_found_said_and_rebuilt(
    sql: str, sound: Path, before: list[Any], tmp_path: Path
) -> None:
    path = _copy(sound, tmp_path / "library")
    _sqlite(path, sql)
    with Library(path, embedder=WordEmbedder()) as library:
        [found] = bad(library)
        assert found.startswith("ledger and word index: ")
        with suppress(LibraryError):
            answers(library, questions(sound / "texts"))
    said = _told(path, questions(sound / "texts"))
    assert "word index" in said or "doctor --repair" in said
    with Library(path, embedder=WordEmbedder(), rebuild=True) as library:
        assert bad(library) == []
        assert [[list(hit) for hit in hits] for hits in answers(library, questions(sound / "texts"))] == before


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `sound`, with 100 passages."""
    folder = tmp_path_factory.mktemp("small")
    write_documents(folder / "texts", 5)
    with Library(folder / "library", embedder=WordEmbedder(), create=True) as library:
        library.add(folder / "texts")
    return folder


def _told(path: Path, texts: Sequence[str]) -> str:
    """What is said of the library by opening, searching or checking it; empty if it is held for sound."""
    try:
        with Library(path, embedder=WordEmbedder()) as library:
            answers(library, texts)
            library.documents()
            return "; ".join(bad(library))
    except LibraryError as error:
        said = str(error)
    assert "\n" not in said
    assert "--library" in said
    return said


def _stored(file: Path) -> list[Any]:
    """All that was stored by hand; not what is derived from it, and not the counter of ids."""
    with closing(sqlite3.connect(file)) as db:
        tables = ("documents", "passages", "roots", "meta")
        rows = [db.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall() for table in tables]  # noqa: S608
    return [row for table in rows for row in table if row[0] not in ("vectors", "changes")]


def test_a_byte_changed_anywhere_in_the_ledger_is_said_or_was_in_free_space(small: Path, tmp_path: Path) -> None:
    texts = questions(small / "texts")
    ledger = small / "library" / "ledger.sqlite"
    stored, data, draw = _stored(ledger), ledger.read_bytes(), random.Random(1)  # noqa: S311
    with Library(_copy(small, tmp_path / "sound"), embedder=WordEmbedder()) as library:
        expected = answers(library, texts)
    said = 0
    for number in range(40):
        path = _copy(small, tmp_path / str(number))
        place, bit = draw.randrange(len(data)), 1 << draw.randrange(8)
        changed = bytearray(data)
        changed[place] ^= bit
        (path / "ledger.sqlite").write_bytes(changed)
        if _told(path, texts):
            said += 1
            continue
        assert _stored(path / "ledger.sqlite") == stored, place
        with Library(path, embedder=WordEmbedder()) as library:
            assert answers(library, texts) == expected, place
    assert said > 10


def _place(ledger: Path, needle: bytes) -> int:
    place = ledger.read_bytes().find(needle)
    assert place > 0
    return place


def _text_changed(ledger: Path) -> None:
    _overwritten(ledger, _place(ledger, b"Part 3 7"), b"Fart")


def _embedding_changed(ledger: Path) -> None:
    with closing(sqlite3.connect(ledger)) as db:
        (embedding,) = db.execute("SELECT embedding FROM passages WHERE id = 30").fetchone()
    _overwritten(ledger, _place(ledger, embedding), b"\0\0\0\0")


def _header_scrambled(ledger: Path) -> None:
    _overwritten(ledger, 0, random.Random(2).randbytes(100))  # noqa: S311


def _overwritten(file: Path, place: int, data: bytes) -> None:
    with file.open("r+b") as stream:
        stream.seek(place)
        stream.write(data)


def _emptied(ledger: Path) -> None:
    os.truncate(ledger, 0)


def _cut(ledger: Path) -> None:
    os.truncate(ledger, ledger.stat().st_size - 4096)


@pytest.mark.parametrize(
    "damage", [_text_changed, _embedding_changed, _header_scrambled, _truncated, _cut, _scrambled, _zeroed, _emptied]
)
def test_a_damaged_ledger_is_said_in_one_line(damage: Damage, small: Path, tmp_path: Path) -> None:
    path = _copy(small, tmp_path / "library")
    damage(path / "ledger.sqlite")
    said = _told(path, questions(small / "texts"))
    assert said


def test_every_page_of_the_ledger_may_be_zeroed_and_it_is_said(small: Path, tmp_path: Path) -> None:
    texts, ledger = questions(small / "texts"), small / "library" / "ledger.sqlite"
    stored = _stored(ledger)
    pages = ledger.stat().st_size // 4096
    for page in range(0, pages, max(1, pages // 20)):
        path = _copy(small, tmp_path / str(page))
        _overwritten(path / "ledger.sqlite", page * 4096, bytes(4096))
        assert _told(path, texts) or _stored(path / "ledger.sqlite") == stored, page


_DIES_WITH_A_LOG = """
import os, sys
from index import Library
from tests.test_damage import WordEmbedder
library = Library(sys.argv[1], embedder=WordEmbedder())
library.add(sys.argv[2])
os._exit(9)
"""


@pytest.mark.parametrize("damage", ["truncated", "scrambled", "zeroed", "deleted"])
def test_changes_lost_with_the_write_ahead_log_are_said(damage: str, small: Path, sound: Path, tmp_path: Path) -> None:
    path = _copy(small, tmp_path / "library")
    command = [sys.executable, "-c", _DIES_WITH_A_LOG, str(path), str(sound / "more")]
    assert subprocess.run(command, cwd=ROOT).returncode == 9
    with Library(shutil.copytree(path, tmp_path / "kept"), embedder=WordEmbedder()) as library:
        assert len(library.documents()) == 6
    log = path / "ledger.sqlite-wal"
    assert log.stat().st_size > 0
    DAMAGES[damage](log)
    said = _told(path, [])
    assert "lacks its last" in said
    assert "refresh" in said
    (path / "ledger.sqlite-changes").unlink()  # as it says
    with Library(path, embedder=WordEmbedder()) as library:
        library.refresh()
        library.add(sound / "more")
        assert bad(library) == []
        assert len(library.documents()) == 6
