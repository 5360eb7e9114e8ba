"""Some documents of a library, asked as if they were all."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import pytest

from index import DocumentError, Library, LibraryError, LibraryReadOnly
from index.ledger import DocumentRow, Ledger
from index.selection import chosen
from rag import Assistant, answer
from rag.reader import local_reader
from tests.test_terminal import ran

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("stocked")]

STORKS = "Storks breed in Poland in summer. In winter they fly to Africa. They eat frogs and mice.\n"
CRANES = "Cranes breed in Sweden in summer. In winter they fly to Spain. They eat grain and beetles.\n"
BREAD = "Rye bread needs sour dough. It is baked for an hour in a hot oven.\n"
BREED = "Where do the birds breed in summer?"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("texts")
    (folder / "birds").mkdir()
    for name, text in (("birds/storks", STORKS), ("birds/cranes", CRANES), ("bread", BREAD)):
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def library(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with Library(tmp_path_factory.mktemp("library") / "of", create=True) as library:
        library.add(folder)
        yield library


def titles(library: Library, *names: str) -> list[str]:
    return sorted(row.title for row in library.within(*names).documents())


def test_documents_are_named_by_id_path_file_title_or_folder(library: Library, folder: Path) -> None:
    row = library.find("storks")
    for name in (row.id, row.path, "storks.txt", row.title):
        assert titles(library, name) == ["storks"]
    assert titles(library, str(folder / "birds")) == ["cranes", "storks"]
    assert titles(library, str(folder / "birds"), "bread") == ["bread", "cranes", "storks"]
    assert titles(library) == ["bread", "cranes", "storks"]
    with pytest.raises(DocumentError, match="No document or folder 'bird' in the library"):
        library.within("storks", "bird")
    for name in ("a\0b", "a" * 5000, ""):
        for named in (library.within, library.find):
            with pytest.raises(DocumentError, match="No document"):
                named(name)


@pytest.mark.parametrize("exact", [False, True])
def test_only_what_was_chosen_is_found_by_meaning_and_by_word(library: Library, exact: bool) -> None:
    if exact:
        library._nearest._refused = library._ledger.generation
        library._nearest.close()
    for name in ("storks", "cranes"):
        part = library.within(name)
        hits = part.search(BREED)
        assert {hit.passage.document.title for hit in hits} == {name}
        assert hits[0].lexical > 0
        assert part.passage_count == len(hits) == 1
    assert {hit.passage.document.title for hit in library.search(BREED)} == {"storks", "cranes", "bread"}
    assert library.within("bread").closeness(BREED) < library.within("storks").closeness(BREED)
    assert library.closeness(BREED) == pytest.approx(
        max(library.within(name).closeness(BREED) for name in ("storks", "cranes", "bread")), abs=1e-6
    )


def test_the_answer_is_of_the_part_that_is_asked(library: Library) -> None:
    assistant = Assistant(library, local_reader())
    for name, place in (("storks", "Poland"), ("cranes", "Sweden")):
        found = assistant.ask(BREED, within=library.within(name))
        assert place in found.text
        assert {citation.title for citation in found.citations} == {name}
        assert {
            excerpt.hit.passage.document.title for excerpt in assistant.search(BREED, within=library.within(name))
        } == {name}
    assert not assistant.ask(BREED, within=library.within("bread")).answered


def test_days_are_those_on_which_documents_were_added(library: Library) -> None:
    today = date.fromisoformat(library.documents()[0].added[:10])
    later, earlier = today + timedelta(days=1), today - timedelta(days=1)
    assert len(library.within(since=today, until=today).documents()) == 3
    assert len(library.within("storks", since=earlier).documents()) == 1
    for since, until in ((later, None), (None, earlier)):
        with pytest.raises(DocumentError, match=f"these were from {today} to {today}"):
            library.within(since=since, until=until)


def test_a_document_bears_every_tag_that_is_asked_for(folder: Path, tmp_path: Path) -> None:
    with Library(tmp_path / "library", create=True) as library:
        library.add(folder)
        assert [row.title for row in library.tag(str(folder / "birds"), "bird", " seen  twice ")] == [
            "cranes",
            "storks",
        ]
        library.tag("bread", "food", "seen twice")

        def tagged(*tags: str) -> list[str]:
            return [row.title for row in library.within(tags=tags).documents()]

        assert tagged("seen twice") == tagged("seen  twice ") == ["bread", "cranes", "storks"]
        assert tagged("bird", "seen twice") == ["cranes", "storks"]
        assert [row.title for row in library.within("bread").within(tags=[" seen  twice"]).documents()] == ["bread"]
        assert [row.title for row in library.within("storks", "bread", tags=["bird"]).documents()] == ["storks"]
        assert library.untag("cranes", "bird")[0].title == "cranes"
        assert tagged("bird") == ["storks"]
        with pytest.raises(DocumentError, match=r"is tagged 'fish'\. It has: bird, food, seen twice"):
            library.within(tags=["fish"])
        with pytest.raises(DocumentError, match="No such document bears 'bird' and 'food'"):
            library.within(tags=["bird", "food"])
        with pytest.raises(DocumentError, match="A tag has no characters"):
            library.tag("bread", " ")


def test_tags_stay_with_a_changed_or_moved_document_and_go_with_a_removed_one(folder: Path, tmp_path: Path) -> None:
    texts = tmp_path / "texts"
    shutil.copytree(folder, texts)
    with Library(tmp_path / "library", create=True) as library:
        library.add(texts)
        library.tag(str(texts), "kept")
        (texts / "bread.txt").write_text("White bread needs yeast.\n", encoding="utf-8")
        (texts / "birds" / "storks.txt").rename(texts / "storks.txt")
        (texts / "birds" / "cranes.txt").unlink()
        library.add(texts)
        assert {row.title: row.tags for row in library.documents()} == {"bread": ("kept",), "storks": ("kept",)}
        (texts / "birds" / "cranes.txt").write_text(CRANES, encoding="utf-8")
        library.add(texts)
        assert library.find("cranes").tags == ()
    with Library(tmp_path / "library") as library:
        assert library.find("bread").tags == ("kept",)
        assert all(finding.ok for finding in library.check())


def test_a_library_from_before_there_were_tags_is_brought_up_to_date(folder: Path, tmp_path: Path) -> None:
    with Library(tmp_path / "library", create=True) as library:
        library.add(folder)
        identity = library._ledger.meta("id")
    with closing(sqlite3.connect(tmp_path / "library" / "ledger.sqlite")) as db, db:
        db.execute("DROP TABLE turns")
        db.execute("DROP TABLE tags")
        db.execute("UPDATE meta SET value = '2' WHERE key = 'format'")
    with pytest.raises(LibraryError, match="has format 2, an older one"):
        Ledger(tmp_path / "library" / "ledger.sqlite", read_only=True)
    with Library(tmp_path / "library") as library:
        assert library._ledger.meta("id") == identity
        library.tag("storks", "bird")
        assert [row.title for row in library.within(tags=["bird"]).documents()] == ["storks"]
        assert all(finding.ok for finding in library.check())


def test_both_days_are_included() -> None:
    rows = [DocumentRow(str(day), f"/{day}", str(day), "", 1, 1, f"2026-01-0{day}T23:59:59Z") for day in (1, 2, 3, 4)]
    assert [row.id for row in chosen(rows, (), (), date(2026, 1, 2), date(2026, 1, 3))] == ["2", "3"]
    assert chosen([], (), (), date(2026, 1, 2)) == []


def test_answer_takes_the_names(library: Library) -> None:
    assert "Sweden" in answer(BREED, library=library, within=["cranes"]).text
    with pytest.raises(DocumentError):
        answer(BREED, library=library, within=["herons"])


def test_the_command_takes_names_tags_and_days(folder: Path, tmp_path: Path) -> None:
    at = ("--library", str(tmp_path / "library"))
    assert ran(*at, "add", str(folder)).returncode == 0
    run = ran(*at, "ask", BREED, "--in", "cranes", "--json")
    assert run.returncode == 0, run.stderr
    assert "Sweden" in json.loads(run.stdout)["text"]
    found = json.loads(ran(*at, "search", BREED, "--in", "bread", "--in", str(folder / "birds"), "--json").stdout)
    assert {item["title"] for item in found} <= {"storks", "cranes", "bread"}
    for arguments, said in (
        (("tag", str(folder / "birds"), "bird", "north"), "Tagged 2 documents: bird, north"),
        (("tag", "storks", "north", "--remove"), "Untagged 1 document: north"),
        (("add", str(folder / "bread.txt"), "--tag", "food"), "Unchanged"),
        (("list",), "tagged bird, north"),
    ):
        run = ran(*at, *arguments)
        assert run.returncode == 0, run.stderr
        assert said in run.stdout
    run = ran(*at, "ask", BREED, "--tag", "bird", "--tag", "north", "--json")
    assert {citation["title"] for citation in json.loads(run.stdout)["citations"]} == {"cranes"}
    assert {row["title"]: row["tags"] for row in json.loads(ran(*at, "list", "--json").stdout)} == {
        "bread": ["food"],
        "cranes": ["bird", "north"],
        "storks": ["bird"],
    }
    for options, said in (
        (("--tag", "fish"), "No document in the library is tagged 'fish'"),
        (("--in", "herons"), "No document or folder 'herons' in the library"),
        (("--until", "2001-01-01"), "No such document was added in that time"),
    ):
        run = ran(*at, "ask", BREED, *options)
        assert run.returncode == 1
        assert said in run.stderr
    assert ran(*at, "ask", BREED, "--since", "yesterday").returncode == 2


def test_a_part_of_a_part_knows_nothing_of_the_rest(library: Library) -> None:
    storks, bread = library.find("storks"), library.find("bread")
    birds = library.within("storks", "cranes")
    assert [row.title for row in birds.documents()] == ["storks", "cranes"]
    assert [row.title for row in birds.within("storks").documents()] == ["storks"]
    assert birds.document(storks.id).text == STORKS
    for name in (bread.id, "bread", bread.path):
        with pytest.raises(DocumentError) as of_another:
            birds.within(name)
        with pytest.raises(DocumentError) as of_nothing:
            birds.within("nothing")
        assert str(of_another.value).replace(repr(name), "'nothing'") == str(of_nothing.value)
    with pytest.raises(DocumentError, match=f"No document '{bread.id}' in the library"):
        birds.document(bread.id)


def test_a_library_opened_to_be_read_leaves_it_to_another_to_change_and_sees_what_that_one_adds(
    folder: Path, tmp_path: Path
) -> None:
    with Library(tmp_path / "shared", create=True) as first:
        first.add(folder / "bread.txt")
    with Library(tmp_path / "shared", read_only=True) as reading:
        with pytest.raises(LibraryReadOnly, match="is only read here"):
            reading.add(folder / "birds")
        with Library(tmp_path / "shared") as owner:
            assert owner.writable
            owner.add(folder / "birds")
            assert reading.search(BREED)[0].passage.document.title in ("storks", "cranes")
            assert len(reading.documents()) == 3
