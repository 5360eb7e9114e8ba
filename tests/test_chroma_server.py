"""A library whose vectors lie on a Chroma server, which may be slow, silent, wrong, killed, or have lost its data."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import numpy as np
import pytest

from evals.timing import free_port
from index import Library, LibraryError, import_library, open_library, prepare, vectors
from index.ingest import Step
from tests.chroma_server import ChromaServer, chroma_server, half_silent_server, silent_server
from tests.model_server import scripted_server
from tests.test_damage import PASSAGES, ROOT, WordEmbedder, answers, bad, questions, write_documents

pytestmark = pytest.mark.slow

DOCUMENTS = 40


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("texts")
    write_documents(folder, DOCUMENTS)
    return folder


@pytest.fixture(scope="module")
def expected(texts: Path, tmp_path_factory: pytest.TempPathFactory) -> list[list[tuple[str, int, float]]]:
    """The answers of a library with its own Chroma."""
    with Library(tmp_path_factory.mktemp("own") / "library", embedder=WordEmbedder(), create=True) as library:
        library.add(texts)
        return answers(library, questions(texts))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ChromaServer]:
    with chroma_server(tmp_path / "server") as server:
        yield server


def opened(path: Path, address: str) -> Library:
    return Library(path, embedder=WordEmbedder(), create=True, chroma=address)


def collection(server: ChromaServer) -> vectors.ChromaVectors:
    """The only collection that there may be."""
    names = httpx.get(
        f"{server.address}/api/v2/tenants/default_tenant/databases/default_database/collections", timeout=10
    ).json()
    [name] = [entry["name"] for entry in names]
    return vectors.ChromaVectors.on_server(server.address, name)


def ids_on_server(server: ChromaServer) -> list[int]:
    with closing(collection(server)) as only:
        return sorted(int(i) for i in only._collection.get(include=[])["ids"])


def equals_ledger(library: Library) -> bool:
    """Whether the server holds every passage's vector once, and no other.

    The answers cannot say so after an add that was cut short: Chroma's search is approximate, and depends on the order
    in which its index was made.
    """
    chroma = library._nearest._trusted()
    assert chroma
    found = chroma._collection.get(include=["embeddings"])
    ids, rows = library._ledger.embeddings()
    order = np.argsort([int(i) for i in found["ids"]])
    return sorted(map(int, found["ids"])) == ids and np.allclose(found["embeddings"][order], rows, atol=1e-5)


def test_the_address_is_taken_from_the_environment(server: ChromaServer, texts: Path, tmp_path: Path) -> None:
    environ = {"PINCITE_CHROMA_URL": server.address}
    with open_library(tmp_path / "library", environ, create=True) as library:
        library.add(next(iter(sorted(texts.iterdir()))))
        assert library.search("some words")
        assert ids_on_server(server) == library._ledger.passage_ids()
        assert not (tmp_path / "library" / "chroma").exists()


def test_adding_searching_and_removing_leave_the_server_equal_to_the_ledger(
    server: ChromaServer, texts: Path, expected: list[object], tmp_path: Path
) -> None:
    with opened(tmp_path / "library", server.address) as library:
        library.add(texts)
        assert answers(library, questions(texts)) == expected
        assert len(ids_on_server(server)) == DOCUMENTS * PASSAGES
        assert bad(library) == []
        library.remove("0-3.md")
        assert ids_on_server(server) == library._ledger.passage_ids()
        assert library.passage_count == (DOCUMENTS - 1) * PASSAGES
    with Library(tmp_path / "library", embedder=WordEmbedder(), chroma=server.address, rebuild=True) as library:
        library.add(texts)
        assert answers(library, questions(texts)) == expected
        assert ids_on_server(server) == library._ledger.passage_ids()
        assert bad(library) == []


def test_two_libraries_on_one_server_leave_each_other_alone(server: ChromaServer, texts: Path, tmp_path: Path) -> None:
    with opened(tmp_path / "one", server.address) as one, opened(tmp_path / "two", server.address) as two:
        first, second = sorted(texts.iterdir())[:2]
        one.add(first)
        two.add(second)
        one._nearest.build()
        two._nearest.build()
        assert bad(one) == bad(two) == []
        assert one._nearest.is_current()
        assert two._nearest.is_current()


def test_a_copy_on_the_same_server_takes_nothing_from_the_library_that_it_was_made_of(
    server: ChromaServer, texts: Path, tmp_path: Path
) -> None:
    """As on another machine that shares the server."""
    environ = {"PINCITE_CHROMA_URL": server.address}
    with open_library(tmp_path / "first", environ, create=True) as first:
        first.add(next(iter(sorted(texts.iterdir()))))
        first.export(tmp_path / "copy")
        for name in ("second", "third"):
            with import_library(tmp_path / "copy", tmp_path / name, environ) as other:
                assert bad(other) == []
        assert bad(first) == []
        assert first._nearest.is_current()


_READER = """
import json, sys
from pathlib import Path
from index import Library
from tests.test_damage import WordEmbedder

path, address, stop, texts = sys.argv[1:]
asked = by_server = 0
with Library(path, embedder=WordEmbedder(), chroma=address) as library:
    print("ready", flush=True)
    while not Path(stop).exists():
        for text in json.loads(texts):
            by_server += library._nearest.is_current()
            assert library.search(text, 10)
            asked += 1
print(asked, by_server)
"""


def test_readers_ask_through_the_server_while_the_owner_adds(server: ChromaServer, texts: Path, tmp_path: Path) -> None:
    path, stop, files = tmp_path / "library", tmp_path / "stop", sorted(texts.iterdir())
    with opened(path, server.address) as owner:
        owner.add(files[0])
        command = [sys.executable, "-c", _READER, str(path), server.address, str(stop), json.dumps(questions(texts))]
        readers = [
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
            for _ in range(3)
        ]
        try:
            for reader in readers:
                assert reader.stdout
                assert reader.stdout.readline() == "ready\n"
            for file in files[1:8]:
                owner.add(file)
            owner.remove(files[1].name)
            owner._nearest.build()  # another collection takes the place of theirs
            owner.add(texts)
            time.sleep(0.5)
        finally:
            stop.touch()
            ends = [reader.communicate(timeout=60) for reader in readers]
        for reader, (out, errors) in zip(readers, ends, strict=True):
            assert reader.returncode == 0, errors
            asked, by_server = map(int, out.split())
            assert asked > 5
            assert by_server > 0
        with Library(path, embedder=WordEmbedder(), chroma=server.address) as reading:
            assert not reading.writable
            assert reading._nearest.is_current()
            # Chroma's search is approximate, and its index has another history than the one that was expected.
            assert answers(reading, questions(texts)) == answers(owner, questions(texts))
        assert ids_on_server(server) == owner._ledger.passage_ids()


def test_a_server_killed_in_the_middle_of_an_add_is_said_and_nothing_is_lost_or_doubled(
    server: ChromaServer, texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "_DOCUMENTS", 16)
    killed: list[float] = []

    def kill(step: Step) -> None:
        if step.what == "Reading" and not killed:
            server.kill()
            killed.append(time.monotonic())

    with opened(tmp_path / "library", server.address) as library:
        with pytest.raises(LibraryError, match="Start the server") as caught:
            library.add(texts, kill)
        # A connection is refused at once; only a server that is silent takes the time-out.
        assert time.monotonic() - killed[0] < vectors._SECONDS_TO_CONNECT
        assert server.address in str(caught.value)
        assert "\n" not in str(caught.value)
        assert 0 < len(library.documents()) < DOCUMENTS
        assert answers(library, questions(texts))
        assert not library._nearest.is_current()
        server.start()
        library.add(texts)
        assert len(library.documents()) == DOCUMENTS
        assert len(ids_on_server(server)) == DOCUMENTS * PASSAGES
        assert equals_ledger(library)
        assert bad(library) == []


def test_a_server_killed_at_any_moment_of_an_add_is_completed_later(
    server: ChromaServer, texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "_DOCUMENTS", 16)
    stopper = "import os, sys, time; time.sleep(float(sys.argv[2])); os.kill(int(sys.argv[1]), 9)"
    for turn in range(4):
        with opened(tmp_path / str(turn), server.address) as library:
            library.add(sorted(texts.iterdir())[0])
            assert server._process
            killer = subprocess.Popen([sys.executable, "-c", stopper, str(server._process.pid), str(0.05 * turn)])
            failed = False
            try:
                library.add(texts)
            except LibraryError:
                failed = True
            killer.wait()
            server.kill()
            server.start()
            library.complete()
            assert library._nearest.is_current()
            if failed:
                library.add(texts)
            assert library.passage_count == DOCUMENTS * PASSAGES
            assert equals_ledger(library)
            assert bad(library) == []


def test_a_server_that_lost_its_data_is_filled_again_and_the_answers_stay(
    server: ChromaServer, texts: Path, expected: list[object], tmp_path: Path
) -> None:
    with opened(tmp_path / "library", server.address) as library:
        library.add(texts)
    server.lose_everything()
    server.start()
    with opened(tmp_path / "library", server.address) as library:
        assert not library._nearest.is_current()
        assert answers(library, questions(texts)) == expected
        library.complete()
        assert library._nearest.is_current()
        assert answers(library, questions(texts)) == expected
        assert ids_on_server(server) == library._ledger.passage_ids()
    # And a part of it, behind the library's back.
    with closing(collection(server)) as only:
        only.remove([5, 6])
    with opened(tmp_path / "library", server.address) as library:
        assert not library._nearest.is_current()
        assert answers(library, questions(texts)) == expected
        library.complete()
        assert ids_on_server(server) == library._ledger.passage_ids()


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot stop a process for a while")
def test_a_server_that_stops_answering_is_given_up_after_the_time_out(
    server: ChromaServer, texts: Path, expected: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "_SECONDS_TO_ANSWER", 1.0)
    monkeypatch.setattr(vectors, "_FIRST_QUESTIONS", dict.fromkeys(vectors._FIRST_QUESTIONS, 1.0))
    with opened(tmp_path / "library", server.address) as library:
        library.add(texts)
        assert server._process
        server._process.send_signal(signal.SIGSTOP)
        try:
            start = time.monotonic()
            assert answers(library, questions(texts)) == expected
            with pytest.raises(LibraryError, match="Start the server"):
                library.remove("0-3.md")
            assert time.monotonic() - start < 6
        finally:
            server._process.send_signal(signal.SIGCONT)
        library.add(texts)
        assert answers(library, questions(texts)) == expected
        assert ids_on_server(server) == library._ledger.passage_ids()


def _refused(address: str, texts: Path, path: Path) -> float:
    """How long an add takes to be refused in one line; what was read is kept, and answers."""
    with opened(path, address) as library:
        start = time.monotonic()
        with pytest.raises(LibraryError, match="PINCITE_CHROMA_URL") as caught:
            library.add(texts)
        took = time.monotonic() - start
        assert "\n" not in str(caught.value)
        assert address in str(caught.value)
        assert library.search("some words")
    return took


def test_a_server_that_never_answers_is_given_up_after_five_seconds(texts: Path, tmp_path: Path) -> None:
    with silent_server() as address:
        assert 4 < _refused(address, texts, tmp_path / "library") < 8


def test_a_server_that_only_says_that_it_is_alive_is_given_up(
    texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "_FIRST_QUESTIONS", dict.fromkeys(vectors._FIRST_QUESTIONS, 1.0))
    with half_silent_server() as address:
        assert _refused(address, texts, tmp_path / "library") < 3


def test_a_wrong_address_is_refused_at_once(texts: Path, tmp_path: Path) -> None:
    for number, address in enumerate(
        (f"http://127.0.0.1:{free_port()}", "nonsense", "http://", "ftp://127.0.0.1", "http://127.0.0.1:99999")
    ):
        assert _refused(address, texts, tmp_path / str(number)) < 3


def test_a_server_that_is_not_chroma_is_refused_at_once(texts: Path, tmp_path: Path) -> None:
    with scripted_server() as address:
        assert _refused(address.removesuffix("/v1"), texts, tmp_path / "library") < 3
