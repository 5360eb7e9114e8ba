from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from llama_index.core.utils import get_tokenizer

from evals.samples import SHIPPED_SUITE
from index import Library, open_library
from index.opening import SHIPPED_ARTICLES
from rag import Anew, Assistant, Message, ModelError, Sentence, SettingError, Verdict
from rag.followup import standalone
from rag.generate import condense, prompt
from rag.markers import Draft, Written, complete_sentences
from rag.models import language_model
from rag.prompts import REFUSAL
from rag.stream import Deadlines
from tests.model_server import scripted_server, smollm2_server

pytestmark = pytest.mark.slow

SUPPLIES = SHIPPED_SUITE.parent / "dprk-supplies.md"
CONTAINERS = "How many containers has North Korea supplied to Russia?"
SUPPORTED = "North Korea has supplied 7,000 containers filled with artillery rounds to Russia"


def written_by(address: str, library: Library) -> Assistant:
    return Assistant.open(library, environ={"OPENAI_BASE_URL": address, "OPENAI_MODEL": "scripted"})


@pytest.mark.parametrize(
    ("text", "sentences", "rest"),
    [
        ("It was so [1]. It is", [Written("It was so.", (1,))], "It is"),
        ("It was so. [1] It is", [Written("It was so.", (1,))], "It is"),
        ("It was so. [1][3] It is", [Written("It was so.", (1, 3))], "It is"),
        ("It was [2, 2] so [1]. Yes", [Written("It was so.", (2, 1))], "Yes"),
        ("- **It** was so [1].\n- It is", [Written("It was so.", (1,))], "- It is"),
        ("It was so. [1", [], "It was so. [1"),
        ("It was so.", [], "It was so."),
        ("", [], ""),
    ],
)
def test_a_sentence_is_complete_when_the_next_one_has_begun(text: str, sentences: list[Written], rest: str) -> None:
    assert complete_sentences(text, final=False) == (sentences, rest)


def test_the_last_sentence_is_complete_when_the_model_has_ended() -> None:
    assert complete_sentences("One [1]. Two. [2]", final=True) == (
        [Written("One.", (1,)), Written("Two.", (2,))],
        "",
    )


def test_however_the_stream_is_cut_the_sentences_are_the_same() -> None:
    text = "It cost 7.5 million. [1] The U.S. paid [2][3]. Nobody (but one) knew! [4] End"
    whole = complete_sentences(text, final=True)[0]
    for size in range(1, 12):
        draft, seen = Draft(), ""
        sentences = []
        for piece in [text[start : start + size] for start in range(0, len(text), size)]:
            for item in draft.add(piece):
                if isinstance(item, str):
                    seen += item
                    assert "[" not in seen
                else:
                    assert item.text.startswith(seen.strip()[: len(item.text)])
                    sentences.append(item)
                    seen = ""
        assert [*sentences, *draft.end()] == whole


def test_no_model_is_used_unless_one_is_named() -> None:
    assert language_model({}) is None
    model = language_model({"OPENAI_API_KEY": "k", "OPENAI_MODEL": "a-name-that-nobody-knows"})
    assert model is not None
    assert model.metadata.model_name == "a-name-that-nobody-knows"


def test_what_a_model_writes_is_cited_with_exact_quotes(library: Library, article: str) -> None:
    with scripted_server(
        "North Korea has supplied 7,0", "00 containers filled with artillery rounds to Russia [1]."
    ) as address:
        reply = written_by(address, library).stream(CONTAINERS)
        pieces = list(reply)
    assert [type(piece) for piece in pieces] == [str, str, Sentence]
    assert "".join(piece for piece in pieces if isinstance(piece, str)) == f"{SUPPORTED}."
    answer = reply.answer
    assert answer.model == "scripted"
    assert answer.text == f"{SUPPORTED}. [1]"
    (citation,) = answer.citations
    assert article[citation.start : citation.end] == citation.quote
    assert "7,000 containers" in citation.quote


def test_pieces_and_sentences_together_show_the_whole_text_at_any_moment(library: Library) -> None:
    with scripted_server(f"{SUPPORTED} [1]. It", " arrived by rail [1].") as address:
        pieces = list(written_by(address, library).stream(CONTAINERS))
    assert [piece if isinstance(piece, str) else getattr(piece, "text", "") for piece in pieces] == [
        f"{SUPPORTED}.",
        "It",
        " arrived by rail.",
        "It arrived by rail.",
    ]


def test_a_marker_that_names_no_passage_is_dropped_and_its_sentence_marked(library: Library) -> None:
    with scripted_server(f"{SUPPORTED} [1]. The moon is made of green cheese [99].") as address:
        answer = written_by(address, library).ask(CONTAINERS)
    assert [sentence.verdict for sentence in answer.sentences] == [Verdict.SUPPORTED, Verdict.NOT_FOUND]
    assert answer.sentences[1].citations == ()
    assert answer.text.endswith("green cheese. [not found in the library]")
    assert len(answer.citations) == 1


def test_a_number_that_the_passage_does_not_hold_is_not_supported(library: Library) -> None:
    with scripted_server(f"{SUPPORTED} [1]. It was 9,000 containers filled with artillery rounds [1].") as address:
        answer = written_by(address, library).ask(CONTAINERS)
    first, second = (sentence.verdict for sentence in answer.sentences)
    assert first is Verdict.SUPPORTED
    assert second in (Verdict.PARTLY, Verdict.CONTRADICTED)


def test_where_nothing_that_a_model_wrote_is_supported_the_sources_speak_for_themselves(library: Library) -> None:
    with scripted_server("The moon is made of cheese [1].") as address:
        assistant = written_by(address, library)
        answer, declined = assistant.ask(CONTAINERS), assistant.ask("Who won the 2022 World Cup?")
    assert answer.model == "extractive"
    assert "7,000" in answer.text
    assert "cheese" not in answer.text
    assert not declined.answered


def test_a_models_refusal_is_an_abstention_unless_the_library_answers(library: Library) -> None:
    with scripted_server(REFUSAL) as address:
        answer = written_by(address, library).ask("Who won the 2022 World Cup?")
    assert not answer.answered
    assert answer.text == REFUSAL


@pytest.mark.parametrize(
    ("status", "cure"),
    [(401, "OPENAI_API_KEY"), (404, "OPENAI_MODEL"), (400, "See its log")],
)
def test_each_refusal_of_a_server_is_one_line_with_its_cure(library: Library, status: int, cure: str) -> None:
    with scripted_server(status=status) as address, pytest.raises(ModelError, match=cure) as caught:
        written_by(address, library).ask(CONTAINERS)
    assert "\n" not in str(caught.value)


def test_a_server_that_is_not_there_is_one_line_with_its_cure(library: Library) -> None:
    with scripted_server() as address:
        pass
    with pytest.raises(ModelError, match="Check the network, OPENAI_BASE_URL"):
        written_by(address, library).ask(CONTAINERS)


def test_a_real_model_answers_and_every_citation_shown_stands_in_the_article(library: Library, article: str) -> None:
    """SmolLM2-135M behind llama.cpp's own server: it makes things up, which is what the checking is for."""
    with smollm2_server() as address:
        environ = {"OPENAI_BASE_URL": address, "OPENAI_MODEL": "smollm2", "PINCITE_CONTEXT": "1024"}
        reply = Assistant.open(library, environ).stream(CONTAINERS)
        pieces = list(reply)
    assert isinstance(pieces[0], str)
    assert any(isinstance(piece, Sentence) for piece in pieces)
    for sentence in reply.answer.sentences:
        assert bool(sentence.citations) or sentence.verdict is not Verdict.SUPPORTED
        for citation in sentence.citations:
            assert article[citation.start : citation.end] == citation.quote


FOLLOW_UP = [
    Message("user", "Who called the arms transfer a mega deal?"),
    Message("assistant", "Anwita Basu described it so, in 2024."),
]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("What is Anwita Basu's job?", "What is Anwita Basu's job?"),
        ('"What did Basu do in 2024?"\nI have rewritten it.', "What did Basu do in 2024?"),
        ("Describe her job.", "Describe her job."),
        ("What is Vladimir Putin's job?", ""),
        ("What is Anwita Basu's job in 2025?", ""),
        ("What is her job? " * 30, ""),
        ("", ""),
    ],
)
def test_a_models_rewrite_of_a_follow_up_may_name_only_what_was_said(written: str, kept: str) -> None:
    with scripted_server(written) as address:
        model = language_model({"OPENAI_BASE_URL": address, "OPENAI_MODEL": "scripted"})
        assert model is not None
        assert condense(model, "And what is her job?", FOLLOW_UP, Deadlines()) == kept


@pytest.mark.parametrize(
    "written", ["Which job has Anwita Basu, who called the arms transfer a mega deal?", "What is it?"]
)
def test_the_wording_that_fits_the_library_better_is_searched_for(library: Library, written: str) -> None:
    own = standalone("And what is her job?", FOLLOW_UP, library.closeness)
    wanted = max(own, written, key=library.closeness)
    with scripted_server(written) as address:
        assistant = written_by(address, library)
        assert assistant._searched("And what is her job?", FOLLOW_UP, library) == wanted
        assert assistant._searched("And what is her job?", (), library) == "And what is her job?"


def with_mode(address: str, library: Library, mode: str) -> Assistant:
    environ = {"OPENAI_BASE_URL": address, "OPENAI_MODEL": "scripted", "PINCITE_UNSUPPORTED": mode}
    return Assistant.open(library, environ)


def test_in_strict_mode_nothing_unsupported_is_ever_shown(library: Library) -> None:
    with scripted_server(f"{SUPPORTED} [1]. The moon is made ", "of green cheese [1].") as address:
        reply = with_mode(address, library, "strict").stream(CONTAINERS)
        pieces = list(reply)
    assert [type(piece) for piece in pieces] == [Sentence]
    assert "cheese" not in reply.answer.text


def test_when_told_so_the_model_is_asked_again_with_what_was_not_supported(library: Library) -> None:
    tries = [[f"{SUPPORTED} [1]. The moon is made of green cheese [1]."], [f"{SUPPORTED} [1]."]]
    with scripted_server(*tries[0], then=tries[1]) as address:
        reply = with_mode(address, library, "again").stream(CONTAINERS)
        pieces = list(reply)
    assert sum(isinstance(piece, Anew) for piece in pieces) == 1
    assert [sentence.text for sentence in reply.answer.sentences] == [f"{SUPPORTED}."]
    assert "- The moon is made of green cheese." in reply.answer.prompt[-1][1]


def test_a_mode_that_is_none_is_refused_with_those_there_are(library: Library) -> None:
    with pytest.raises(SettingError, match="mark, strict, again"):
        Assistant.open(library, {"PINCITE_UNSUPPORTED": "hide"})


def test_a_sentence_that_is_said_again_is_shown_once_and_a_model_in_circles_is_stopped(library: Library) -> None:
    with scripted_server(*[f"{SUPPORTED} [1]. "] * 50) as address:
        answer = written_by(address, library).ask(CONTAINERS)
    assert [sentence.text for sentence in answer.sentences] == [f"{SUPPORTED}."]
    assert answer.cut == ""


def test_what_a_model_thinks_aloud_is_no_part_of_its_answer(library: Library) -> None:
    with scripted_server("<thi", "nk>Cheese? No.</th", "ink>", f"{SUPPORTED} [1].") as address:
        answer = written_by(address, library).ask(CONTAINERS)
    assert [sentence.text for sentence in answer.sentences] == [f"{SUPPORTED}."]


def test_the_prompt_fits_into_the_context_best_passages_first_and_neighbours_are_one(library: Library) -> None:
    hits = library.search(CONTAINERS, 8)
    small, large = (
        language_model({"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "PINCITE_CONTEXT": size})
        for size in ("2048", "8192")
    )
    assert small is not None
    assert large is not None
    few, many = (prompt(model, CONTAINERS, hits, ()) for model in (small, large))
    count = get_tokenizer()
    assert sum(len(count(text)) for _, text in few.turns) + small.metadata.num_output <= 2048
    assert few.passages[0].start <= hits[0].passage.start < few.passages[0].end
    assert sum(len(p.text) for p in few.passages) < sum(len(p.text) for p in many.passages)
    assert len(many.passages) < len(hits)
    for one in many.passages:
        for other in many.passages:
            assert one is other or one.document.text[one.end : other.start].strip() or one.start > other.start


def test_a_context_that_is_no_number_is_refused() -> None:
    with pytest.raises(SettingError, match="1024 or more"):
        language_model({"OPENAI_API_KEY": "k", "PINCITE_CONTEXT": "8k"})


def test_a_model_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"names no file: .*\.gguf"):
        language_model({"PINCITE_GGUF": str(tmp_path / "none.gguf")})


def test_what_a_server_refuses_to_be_told_is_left_out_from_then_on(library: Library) -> None:
    with scripted_server(f"{SUPPORTED} [1].", refused="temperature") as address:
        assistant = written_by(address, library)
        assert assistant.ask(CONTAINERS).model == "scripted"


def test_where_two_documents_contradict_each_other_both_are_quoted_with_their_days(tmp_path: Path) -> None:
    with open_library(tmp_path / "library", {}, create=True) as library:
        library.add(SHIPPED_ARTICLES)
        library.add(SUPPLIES)
        with Assistant.open(library, {}) as assistant:
            answer = assistant.ask("How many containers has North Korea sent to Russia?")
    ((one, other),) = answer.conflicts
    assert "7,000" in one.quote
    assert "6,200" in other.quote
    assert one.document != other.document
    assert one.added == other.added == date.today().isoformat()
    assert {one.quote, other.quote} <= {sentence.text for sentence in answer.sentences}
