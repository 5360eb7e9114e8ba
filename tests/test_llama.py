"""Across the border to LlamaIndex: its own evaluator runs on the retriever, and its readers' documents come in."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from llama_index.core import SimpleDirectoryReader
from llama_index.core.evaluation import RetrieverEvaluator
from llama_index.core.node_parser import SentenceSplitter

from index import Library
from index.llama import documents_of, node_id

QUESTIONS = {
    "How many containers has North Korea supplied to Russia?": "supplied 7,000 containers",
    "What did Russia veto at the United Nations?": "vetoing a United Nations Security Council resolution",
}


def test_llamaindexs_own_evaluator_finds_the_expected_nodes(library: Library, article: str) -> None:
    document = library.documents()[0].id
    retriever = library.as_retriever(similarity_top_k=5)
    evaluator = RetrieverEvaluator.from_metric_names(["hit_rate", "mrr"], retriever=retriever)
    for question, words in QUESTIONS.items():
        place = article.index(words)
        expected = [
            node_id(document, hit.passage.start, hit.passage.end)
            for hit in library.search(question, 12)
            if hit.passage.start <= place < hit.passage.end
        ]
        result = asyncio.run(evaluator.aevaluate(query=question, expected_ids=expected))
        assert result.metric_vals_dict["hit_rate"] == 1.0
        assert result.metric_vals_dict["mrr"] >= 0.5


def test_a_node_says_where_it_stands_and_both_ways_of_asking_give_the_same(library: Library, article: str) -> None:
    retriever = library.as_retriever(3)
    nodes = retriever.retrieve("How poor is North Korea?")
    again = asyncio.run(retriever.aretrieve("How poor is North Korea?"))
    assert [node.node_id for node in nodes] == [node.node_id for node in again]
    assert len(nodes) == 3
    for node in nodes:
        start, end = node.metadata["start"], node.metadata["end"]
        assert node.get_content() == article[start:end]
        assert node.metadata["path"].endswith("russia-dprk.txt")
        assert node.score is not None


def test_a_node_of_a_document_with_pages_has_its_page(tmp_path: Path) -> None:
    from pptx import Presentation

    slides = Presentation()
    for title in ("Leeks were grown by the Egyptians", "Nero ate leeks for his voice"):
        slides.slides.add_slide(slides.slide_layouts[5]).shapes.title.text = title
    slides.save(str(tmp_path / "leeks.pptx"))
    with Library(tmp_path / "library", create=True) as library:
        library.add(tmp_path / "leeks.pptx")
        (node,) = library.as_retriever(1).retrieve("Who ate leeks for his voice?")
        passages = [hit.passage for hit in library.search("leeks")]
        assert node.metadata["page"] == library.document(node.metadata["document"]).page(node.metadata["start"])
        assert {passage.page for passage in passages} <= {1, 2}


@pytest.mark.parametrize("cut", [False, True])
def test_documents_and_nodes_of_any_reader_can_be_added(tmp_path: Path, cut: bool) -> None:
    (tmp_path / "leeks.txt").write_text("Leeks were first grown by the Egyptians. Nero ate them for his voice.")
    read = SimpleDirectoryReader(input_files=[tmp_path / "leeks.txt"]).load_data()
    nodes = SentenceSplitter(chunk_size=64, chunk_overlap=0).get_nodes_from_documents(read) if cut else read
    with Library(tmp_path / "library", create=True) as library:
        assert len(library.add_documents(documents_of(nodes)).added) == 1
        assert len(library.add_documents(documents_of(nodes)).unchanged) == 1
        hit = library.search("Who first grew leeks?")[0]
        assert hit.passage.text.startswith("Leeks were first grown")
        assert hit.passage.document.title == "leeks.txt"
        assert all(finding.ok for finding in library.check())
