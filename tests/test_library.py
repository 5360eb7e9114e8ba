from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index import DocumentError, EmbeddingMismatch, Library, LibraryError, LibraryReadOnly, open_library
from index.embedder import Matrix, local_embedder
from index.vectors import ChromaVectors, ExactVectors

FRUIT = "# Fruit\n\nApples are red and crisp. Lemons are sour and yellow.\n"
STARS = "# Stars\n\nSirius is the brightest star of the night sky. Vega is blue.\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "fruit.md").write_text(FRUIT)
    (folder / "stars.md").write_text(STARS)
    return folder


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "library"


class LetterEmbedder:
    """Counts a, e and i: an embedding that can be computed in the head."""

    fingerprint = "letters"

    def embed_passages(self, texts: Sequence[str]) -> Matrix:
        rows = np.array([[text.count(letter) + 1 for letter in "aei"] for text in texts], np.float32).reshape(-1, 3)
        unit: Matrix = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit

    def embed_question(self, question: str) -> Matrix:
        row: Matrix = self.embed_passages([question])[0]
        return row


def stored(library: Library) -> tuple[list[int], int]:
    """Passage ids in the ledger, and how many vectors Chroma holds."""
    chroma = library._nearest._trusted()
    assert chroma
    return library._ledger.passage_ids(), chroma.count()


def test_adding_a_folder_twice_changes_nothing(folder: Path, path: Path) -> None:
    with Library(path, create=True) as library:
        first = library.add(folder)
        before = stored(library)
        second = library.add(folder)
        assert (len(first.added), len(first.unchanged)) == (2, 0)
        assert (len(second.added), len(second.changed), len(second.unchanged)) == (0, 0, 2)
        assert stored(library) == before


def test_a_changed_file_takes_the_place_of_its_old_passages(folder: Path, path: Path) -> None:
    with Library(path, create=True) as library:
        library.add(folder)
        (folder / "fruit.md").write_text("# Fruit\n\nBananas are bent.\n")
        assert len(library.add(folder).changed) == 1
        found = [hit.passage.text for hit in library.search("What do bananas look like?")]
        assert found[0].endswith("Bananas are bent.")
        assert not any("Apples" in text for text in found)
        ids, vectors = stored(library)
        assert len(ids) == vectors == 2


def test_a_removed_document_leaves_nothing_behind(folder: Path, path: Path) -> None:
    with Library(path, create=True) as library:
        library.add(folder)
        removed = library.remove("stars.md")
        assert removed.title == "Stars"
        assert [row.title for row in library.documents()] == ["Fruit"]
        assert [hit.passage.document.title for hit in library.search("brightest star Sirius Vega")] == ["Fruit"]
        ids, vectors = stored(library)
        assert len(ids) == vectors == 1
        with pytest.raises(DocumentError, match="pincite list"):
            library.remove("stars.md")


def test_a_library_is_still_there_after_it_was_closed(folder: Path, path: Path) -> None:
    with Library(path, create=True) as library:
        library.add(folder)
        before = [(hit.passage.text, round(hit.score, 5)) for hit in library.search("Which star is blue?")]
    with Library(path) as library:
        assert [(hit.passage.text, round(hit.score, 5)) for hit in library.search("Which star is blue?")] == before
        assert all(finding.ok for finding in library.check())


def test_a_hits_passage_is_the_documents_own_characters(library: Library, article: str) -> None:
    for hit in library.search("What did Russia veto?"):
        passage = hit.passage
        assert (
            passage.text == article[passage.start : passage.end] == passage.document.text[passage.start : passage.end]
        )
        assert all(passage.start <= start < end <= passage.end for start, end in passage.sentences)


def test_passages_are_found_by_meaning_and_by_word(folder: Path, path: Path) -> None:
    with Library(path, create=True) as library:
        library.add(folder)
        assert library.search("Which orchard produce tastes acidic?")[0].passage.document.title == "Fruit"
        hit = library.search("Sirius")[0]
        assert hit.passage.document.title == "Stars"
        assert hit.lexical > 0


def test_a_hit_is_scored_by_its_cosine_and_a_fifth_of_its_share_of_the_best_bm25(library: Library) -> None:
    hits = library.search("What did Russia veto?", 50)
    most = max(hit.lexical for hit in hits)
    assert most > 0
    for hit in hits:
        assert hit.score == hit.fused == pytest.approx(hit.dense + 0.2 * hit.lexical / most)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


@pytest.mark.parametrize("question", ["?!", "the of and", '"NEAR(" OR * ^ -', "x" * 3000, "日本", "\0"])
def test_any_text_can_be_searched_for(library: Library, question: str) -> None:
    assert len(library.search(question, 5)) == 5


def test_chroma_finds_what_comparing_every_passage_finds(library: Library) -> None:
    exact = ExactVectors(*library._ledger.embeddings())
    row = library.embed_question("How poor is North Korea?")
    assert library._nearest.is_current()
    by_chroma, by_hand = library._nearest.search(row, 12), exact.search(row, 12)
    assert [i for i, _ in by_chroma] == [i for i, _ in by_hand]
    assert np.allclose([cosine for _, cosine in by_chroma], [cosine for _, cosine in by_hand], atol=1e-5)


def test_a_passage_that_chroma_arrives_at_from_nowhere_is_found_all_the_same(
    folder: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden: set[int] = set()
    search_many = ChromaVectors.search_many

    def unable(chroma: ChromaVectors, rows: Matrix, *given: Any) -> list[list[tuple[int, float]]]:
        return [[near for near in found if near[0] not in hidden] for found in search_many(chroma, rows, *given)]

    monkeypatch.setattr(ChromaVectors, "search_many", unable)
    (folder / "sand.md").write_text("# Sand\n\nDunes wander with the wind.\n")
    with Library(path, create=True) as library:
        library.add(folder / "fruit.md")
        hidden |= {2, 3}  # the next two
        for name in ("stars.md", "sand.md"):
            library.add(folder / name)
        assert library._ledger.passage_ids() == [1, 2, 3]
        ids, rows = library._ledger.embeddings()
        for i, row in zip(ids, rows, strict=True):
            ((found, cosine),) = library._nearest.search(row, 1)
            assert (found, round(cosine, 4)) == (i, 1)
            assert sorted(near for near, _ in library._nearest.search(row, 10)) == ids
        assert library._nearest.search(rows[1], 10, frozenset({1, 2}))[0][0] == 2
        assert library._nearest.is_current()
        assert library._nearest.problem() == ""
        library.remove("stars.md")
        assert library._nearest.search(rows[1], 1)[0][0] != 2
        library._nearest.build()  # anew, it does not find that one either
        assert library._nearest.search(rows[2], 1)[0][0] == 3
        monkeypatch.setattr("index.recall._MOST_APART", 0)
        with pytest.raises(LibraryError, match="of 2 passages it holds 2 and does not find 1"):
            library._nearest.build()
        hidden.add(1)
        assert library._nearest.problem() == "1 of 2 passages do not find themselves"


def test_passages_rank_by_the_cosine_of_their_embeddings(tmp_path: Path, path: Path) -> None:
    for name, text in (("a", "Banana banana."), ("e", "Eleven geese."), ("i", "Drifting mist in lit pit.")):
        (tmp_path / f"{name}.txt").write_text(text)
    with Library(path, embedder=LetterEmbedder(), create=True) as library:
        for name in "aei":
            library.add(tmp_path / f"{name}.txt")
        assert library.search("eee")[0].passage.text == "Eleven geese."
        assert library.search("iii")[0].passage.text == "Drifting mist in lit pit."


def test_chroma_is_rebuilt_from_the_ledger_when_a_change_was_left_half_done(folder: Path, path: Path) -> None:
    with Library(path, create=True) as library:
        library.add(folder)
        library._ledger.remove([library.find("fruit.md").id])  # and the process dies before Chroma follows
    with Library(path) as library:
        assert not library._nearest.is_current()
        assert [hit.passage.document.title for hit in library.search("Which star is blue?")] == ["Stars"]
        library.add(folder)
        assert stored(library)[1] == 2


def test_doctor_finds_a_chroma_that_lost_its_vectors_and_rebuild_cures_it(folder: Path, path: Path) -> None:
    with Library(path, create=True) as library:
        library.add(folder)
        ids, chroma = stored(library)[0], library._nearest._trusted()
        assert chroma
        chroma.remove(ids[:1])
        bad = [finding for finding in library.check() if not finding.ok]
        assert bad
        assert all("doctor --repair" in finding.cure for finding in bad)
    with Library(path, rebuild=True) as library:
        assert all(finding.ok for finding in library.check())


def test_chroma_errors_come_as_a_line_that_says_how_to_rebuild(tmp_path: Path) -> None:
    (tmp_path / "chroma").write_text("not a folder")
    with pytest.raises(LibraryError, match="pincite doctor --repair"):
        ChromaVectors.in_folder(tmp_path / "chroma")


def test_a_library_built_with_another_model_is_refused_with_the_command_that_rebuilds(folder: Path, path: Path) -> None:
    with Library(path, embedder=LetterEmbedder(), create=True) as library:
        library.add(folder)
    with pytest.raises(EmbeddingMismatch) as caught:
        Library(path)
    assert "letters" in str(caught.value)
    assert local_embedder().fingerprint in str(caught.value)
    assert f"pincite --library {path} doctor --repair" in str(caught.value)
    with Library(path, rebuild=True) as library:
        assert library.search("Which star is blue?")[0].passage.document.title == "Stars"
        assert stored(library)[1] == 2


def test_a_second_process_may_ask_but_not_change(folder: Path, path: Path) -> None:
    program = (
        "import sys\nfrom index import Library, LibraryReadOnly\n"
        "with Library(sys.argv[1]) as library:\n"
        "    print(library.search('Which star is blue?')[0].passage.document.title)\n"
        "    try:\n        library.add(sys.argv[2])\n    except LibraryReadOnly as error:\n        print(error)\n"
    )
    with Library(path, create=True) as library:
        library.add(folder)
        run = subprocess.run(
            [sys.executable, "-c", program, str(path), str(folder)], capture_output=True, text=True, check=True
        )
    title, refusal = run.stdout.splitlines()
    assert title == "Stars"
    assert "in use by process" in refusal
    assert "--library" in refusal


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere, Windows has other rights")
def test_a_library_that_cannot_be_written_can_still_be_asked(folder: Path, path: Path) -> None:
    with Library(path, create=True) as library:
        library.add(folder)
    path.chmod(0o555)
    try:
        with Library(path) as library:
            assert library.search("Which star is blue?")[0].passage.document.title == "Stars"
            with pytest.raises(LibraryReadOnly, match="Cannot write"):
                library.add(folder)
    finally:
        path.chmod(0o755)


def test_an_emptied_library_can_be_rebuilt_with_another_model(folder: Path, path: Path) -> None:
    with Library(path, embedder=LetterEmbedder(), create=True) as library:
        library.add(folder)
        for row in library.documents():
            library.remove(row.id)
    with Library(path, rebuild=True) as library:
        library.add(folder)
        assert library.search("Which star is blue?")[0].passage.document.title == "Stars"


def test_a_check_up_by_a_process_that_may_only_read_finds_a_sound_library_sound(folder: Path, path: Path) -> None:
    with Library(path, create=True) as owner:
        owner.add(folder)
        with Library(path) as reader:
            findings = reader.check()
    assert [finding.text for finding in findings if not finding.ok] == []
    assert any("in use by process" in finding.text for finding in findings)


def test_in_one_process_too_the_second_opening_only_reads(folder: Path, path: Path) -> None:
    with Library(path, create=True) as first, Library(path) as second:
        first.add(folder)
        assert second.search("Which star is blue?")[0].passage.document.title == "Stars"
        with pytest.raises(LibraryReadOnly):
            second.remove("stars.md")


def test_a_missing_library_says_how_to_make_one(path: Path) -> None:
    with pytest.raises(LibraryError, match=r"pincite --library .* add"):
        Library(path)


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(LibraryError, match=r"Cannot write a library to .* --library or PINCITE_HOME"):
        Library(tmp_path / "file" / "library", create=True)


def test_a_file_that_is_no_ledger_is_one_line(path: Path) -> None:
    path.mkdir()
    (path / "ledger.sqlite").write_text("not a database, but long enough to look at")
    with pytest.raises(LibraryError, match="not a database"):
        Library(path)


def test_a_bad_file_in_a_folder_is_reported_and_the_others_go_on(folder: Path, path: Path) -> None:
    (folder / "broken.txt").write_bytes(b"\0\0\0")
    with Library(path, create=True) as library:
        report = library.add(folder)
        assert len(report.added) == 2
        assert [(Path(name).name, "Not a text file" in reason) for name, reason in report.failed] == [
            ("broken.txt", True)
        ]


def test_the_default_library_holds_the_shipped_article_until_it_is_removed(article: str) -> None:
    with open_library() as library:
        (row,) = library.documents()
        assert library.document(row.id).text == article
        library.remove(row.id)
    with open_library() as library:
        assert library.documents() == []
        assert library.search("anything") == []
