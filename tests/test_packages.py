from __future__ import annotations

import hashlib
import importlib
from pathlib import Path

import pytest

import index
import rag
import rag.reader
from index import embedder

CHECKOUT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("name", ["rag", "index", "ui", "evals"])
def test_the_packages_imported_are_this_checkouts_own(name: str) -> None:
    """Names this plain can be shadowed by other distributions."""
    package = importlib.import_module(name)
    assert package.__file__ is not None
    assert Path(package.__file__).resolve().parent == CHECKOUT / name


def test_the_public_surface_of_rag_is_what_the_readme_teaches() -> None:
    assert rag.__all__ == [
        "Anew",
        "Answer",
        "Assistant",
        "Citation",
        "Excerpt",
        "Message",
        "ModelError",
        "QuestionError",
        "Reply",
        "Sentence",
        "SettingError",
        "Unsupported",
        "Verdict",
        "answer",
        "check",
        "stream_answer",
    ]
    assert all(hasattr(rag, name) for name in rag.__all__)
    assert all(hasattr(index, name) for name in index.__all__)


@pytest.mark.parametrize(
    ("file", "sha256"),
    [
        ("index/embedder/model.onnx", embedder.SHA256),
        ("rag/reader/model.onnx", rag.reader.SHA256),
        ("rag/reader/claims.onnx", rag.reader.CLAIMS_SHA256),
    ],
)
def test_each_model_file_is_the_one_that_code_and_card_name(file: str, sha256: str) -> None:
    assert hashlib.sha256((CHECKOUT / file).read_bytes()).hexdigest() == sha256
    assert sha256 in (CHECKOUT / file).with_name("CARD.md").read_text(encoding="utf-8")


def test_the_article_is_the_one_that_its_card_names() -> None:
    article = CHECKOUT / "articles" / "russia-dprk.txt"
    assert hashlib.sha256(article.read_bytes()).hexdigest() in (CHECKOUT / "articles" / "CARD").read_text()
