"""The benchmark's own parts: documents of a wanted size, the same in every run; a reader of safetensors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from evals.bench_ingest import add_table, embed_table, embedded_texts, write_documents
from evals.chroma_embedding import read_safetensors

pytestmark = pytest.mark.slow


def test_documents_hold_the_passages_asked_for_and_are_the_same_in_every_run(tmp_path: Path) -> None:
    first, second = (write_documents(tmp_path / name, 40) for name in "ab")
    assert len(list(embedded_texts(tmp_path / "a"))) == 40
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]
    assert len(write_documents(tmp_path / "short", 5, 1)) == 5


def test_a_row_holds_what_was_added(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    add_table(tmp_path, [5], 1)
    row = capsys.readouterr().out.splitlines()[2]
    assert row.startswith("| 5 | 5 | ")


def test_without_the_packages_it_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evals.bench_ingest.EMBEDDED", 4)
    embed_table(tmp_path, None, None)
    out = capsys.readouterr().out
    assert "--package FOLDER" in out
    assert "--minilm FOLDER" in out


def test_safetensors_are_read(tmp_path: Path) -> None:
    wanted = np.arange(6, dtype=np.float32).reshape(2, 3)
    header = {
        "__metadata__": {"format": "pt"},
        "ids": {"dtype": "I64", "shape": [1], "data_offsets": [0, 8]},
        "weight": {"dtype": "F32", "shape": [2, 3], "data_offsets": [8, 32]},
    }
    text = json.dumps(header).encode()
    data = len(text).to_bytes(8, "little") + text + bytes(8) + wanted.tobytes()
    (tmp_path / "model.safetensors").write_bytes(data)
    read = read_safetensors(tmp_path / "model.safetensors")
    assert list(read) == ["weight"]
    np.testing.assert_array_equal(read["weight"], wanted)
