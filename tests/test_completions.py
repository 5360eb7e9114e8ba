"""OpenAI's protocol, spoken by clients that are not ours."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import openai
import pytest
from openai import OpenAI

from evals.timing import environ_of
from rag.prompts import REFUSAL
from tests.faulty_server import WELL, faulty_server
from tests.model_server import scripted_server
from tests.service import service

pytestmark = pytest.mark.slow

QUESTION = "How many containers has North Korea supplied to Russia?"
LONG = "What does Russia give North Korea in return?"
TOKEN = "a-token-that-nobody-guesses"
# What `make test` puts beside the environment: the other major version of openai, and what of LlamaIndex needs it.
OPENAI_2 = Path(sys.prefix) / "openai-2"
needs_openai_2 = pytest.mark.skipif(not OPENAI_2.is_dir(), reason="no openai 2 beside the environment: make test")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with service(tmp_path_factory.mktemp("home"), {"PINCITE_TOKENS": f"al:{TOKEN}"}) as address:
        yield address


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{address}/v1", api_key=TOKEN, max_retries=0) as client:
        yield client


@contextmanager
def written_by(model: str, home: Path) -> Iterator[OpenAI]:
    """A client of a server whose answers this model writes."""
    with (
        service(home, {"OPENAI_BASE_URL": model}) as address,
        OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as client,
    ):
        yield client


def asked(client: OpenAI, *said: str, **options: Any) -> Any:
    """What the client gets for the last of what was said, by the user and the assistant in turns."""
    roles = ("user", "assistant") * len(said)
    messages: Any = [{"role": role, "content": text} for role, text in zip(roles, said, strict=False)]
    return client.chat.completions.create(model="pincite", messages=messages, **options)


def must_be_cited(message: dict[str, Any], article: str) -> None:
    """The article's answer to QUESTION, in every form in which a client may look for it."""
    pinned = message["pincite"]
    assert pinned["answered"] is True
    assert pinned["short"] == "7,000"
    (citation,) = pinned["citations"]
    assert article[citation["start"] : citation["end"]] == citation["quote"]
    assert "7,000 containers" in citation["quote"]
    assert citation["verdict"] == pinned["sentences"][0]["verdict"] == "supported"
    (annotation,) = message["annotations"]
    cited = annotation["url_citation"]
    assert annotation["type"] == "url_citation"
    assert message["content"][cited["start_index"] : cited["end_index"]].endswith("over the last year.[^1]")
    assert "\n\n[^1]: russia-dprk, characters 417–644: “Commenting further" in message["content"]


_ASK = """
import json, sys
from openai import OpenAI
address, key, question, stream = sys.argv[1:]
client = OpenAI(base_url=f"{address}/v1", api_key=key)
said = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": question}]
more = {"stream_options": {"include_usage": True}} if stream else {}
found = client.chat.completions.create(
    model="pincite", messages=said, temperature=0, max_tokens=500, stream=bool(stream), **more
)
if not stream:
    print(found.choices[0].message.model_dump_json())
    raise SystemExit
message, pieces, usage = {"content": ""}, 0, None
for chunk in found:
    usage = chunk.usage or usage
    for choice in chunk.choices:
        message |= {k: v for k, v in choice.delta.model_dump().items() if k in ("annotations", "pincite")}
        message["content"] += choice.delta.content or ""
        pieces += bool(choice.delta.content)
assert pieces > 1 and usage.total_tokens == usage.prompt_tokens + usage.completion_tokens > 0
print(json.dumps(message))
"""


def run_program(program: str, *arguments: str, beside: Path | None, home: Path) -> str:
    """What a program prints that has never heard of Pincite; `beside`: packages that go before those installed."""
    environ = environ_of(home, **({"PYTHONPATH": str(beside)} if beside else {}))
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], env=environ, capture_output=True, text=True, timeout=120, cwd=home
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("stream", ["", "stream"])
@pytest.mark.parametrize("beside", [None, pytest.param(OPENAI_2, marks=needs_openai_2)], ids=["installed", "openai 2"])
def test_the_openai_client_of_either_version_gets_the_cited_answer(
    address: str, article: str, tmp_path: Path, beside: Path | None, stream: str
) -> None:
    printed = run_program(_ASK, address, TOKEN, QUESTION, stream, beside=beside, home=tmp_path)
    must_be_cited(json.loads(printed), article)


@needs_openai_2
def test_llamaindex_asks_it_as_a_model_like_openais(address: str, tmp_path: Path) -> None:
    program = """
import asyncio, sys
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.llms import ChatMessage
from llama_index.llms.openai_like import OpenAILike
address, key, question = sys.argv[1:]
llm = OpenAILike(model="pincite", api_base=f"{address}/v1", api_key=key, is_chat_model=True, context_window=8192)
message = [ChatMessage(role="user", content=question)]
print(llm.chat(message).message.content)
pieces = [piece.delta for piece in llm.stream_chat(message) if piece.delta]
assert len(pieces) > 1 and "".join(pieces) == llm.chat(message).message.content, pieces
assert asyncio.run(llm.achat(message)).message.content == "".join(pieces)
engine = SimpleChatEngine.from_defaults(llm=llm)
print(engine.chat("Who called the arms transfer a mega deal?"))
print(engine.chat("And what is her job?"))
"""
    printed = run_program(program, address, TOKEN, QUESTION, beside=OPENAI_2, home=tmp_path)
    assert printed.startswith("Commenting further, Defence Minister of South Korea")
    assert "[^1]: russia-dprk, characters 417–644" in printed
    assert "Head of Europe at Country Risk" in printed.rsplit("[^1]:", 2)[-2]


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here")
def test_curl_gets_the_cited_answer_whole_and_as_a_stream(address: str, article: str) -> None:
    def curl(**more: object) -> str:
        body = json.dumps({"messages": [{"role": "user", "content": QUESTION}], **more})
        told = ["-H", f"Authorization: Bearer {TOKEN}", "-H", "Content-Type: application/json", "-d", body]
        command = ["curl", "-sSN", "--fail-with-body", f"{address}/v1/chat/completions", *told]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout

    must_be_cited(json.loads(curl())["choices"][0]["message"], article)
    events = curl(stream=True).strip().split("\n\n")
    assert events[-1] == "data: [DONE]"
    chunks = [json.loads(event.removeprefix("data: ")) for event in events[:-1]]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk["id"] for chunk in chunks}) == 1
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert deltas[0] == {"role": "assistant", "content": ""}
    whole = {**deltas[-2], "content": "".join(delta.get("content", "") for delta in deltas)}
    must_be_cited(whole, article)
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]


def test_a_stream_has_a_piece_for_every_sentence_and_makes_the_same_message(client: OpenAI) -> None:
    whole = asked(client, LONG).choices[0].message
    chunks = [chunk.choices[0].delta for chunk in asked(client, LONG, stream=True)]
    pieces = [chunk.content for chunk in chunks if chunk.content]
    assert len(pieces) == len(whole.pincite["sentences"]) + 1 > 2
    assert "".join(pieces) == whole.content
    assert chunks[-2].annotations == [annotation.model_dump() for annotation in whole.annotations]


def test_the_address_of_a_citation_gives_the_quote(client: OpenAI) -> None:
    message = asked(client, QUESTION).choices[0].message
    (annotation,) = message.annotations
    found = httpx.get(annotation.url_citation.url, headers={"Authorization": f"Bearer {TOKEN}"}).json()
    assert found["text"] == message.pincite["citations"][0]["quote"]


def test_what_is_not_in_the_library_is_an_answer_with_the_nearest_passages(client: OpenAI) -> None:
    for stream in (False, True):
        found = asked(client, "Who won the 2022 World Cup?", stream=stream)
        last = [chunk.choices[0].delta for chunk in found][-2] if stream else found.choices[0].message
        assert last.content == REFUSAL
        assert last.pincite["answered"] is False
        assert last.pincite["citations"] == last.annotations == []
        assert len(last.pincite["nearest"]) == 3


def test_a_follow_up_is_understood_from_the_messages_before_it(client: OpenAI) -> None:
    first = "Who called the arms transfer a mega deal?"
    before = asked(client, first).choices[0].message.content
    found = asked(client, first, before, "And what is her job?").choices[0].message
    assert "Anwita Basu" in found.pincite["searched"]
    assert "Head of Europe" in found.content
    assert found.pincite["searched"].count("[^") == 0


def test_footnotes_can_be_left_out_and_documents_named(client: OpenAI) -> None:
    body = {"pincite": {"footnotes": False, "within": ["russia-dprk"]}}
    found = asked(client, QUESTION, extra_body=body).choices[0].message
    assert found.content.endswith("over the last year.[^1]")
    assert asked(client, [{"type": "text", "text": QUESTION}]).choices[0].message.pincite["short"] == "7,000"  # type: ignore[arg-type]
    with pytest.raises(openai.NotFoundError, match="No document or folder 'nothing'"):
        asked(client, QUESTION, extra_body={"pincite": {"within": ["nothing"]}})


def test_the_models_are_listed(client: OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["pincite"]
    assert client.models.retrieve("pincite").owned_by == "pincite"


def test_errors_have_the_shape_that_openais_client_raises_as_its_own(client: OpenAI, address: str) -> None:
    with pytest.raises(openai.AuthenticationError) as wrong:
        client.with_options(api_key="sk-nobody").models.list()
    assert (wrong.value.code, wrong.value.type) == ("invalid_api_key", "invalid_request_error")
    with pytest.raises(openai.NotFoundError, match=r"There is no model 'gpt-5'. Ask pincite\.") as unknown:
        client.chat.completions.create(model="gpt-5", messages=[{"role": "user", "content": "So?"}])
    assert (unknown.value.code, unknown.value.param) == ("model_not_found", "model")
    for said, message in (
        ("  \n ", r"messages\.0\.content: It is blank\."),
        ("a" * 4001, "4,000 are the most"),
        ([{"type": "image_url", "image_url": {"url": "x"}}], "Input should be 'text'"),
    ):
        for stream in (False, True):
            with pytest.raises(openai.BadRequestError, match=message) as bad:
                asked(client, said, stream=stream)  # type: ignore[arg-type]
            assert bad.value.type == "invalid_request_error"
    with pytest.raises(openai.BadRequestError, match="No message is of the user"):
        client.chat.completions.create(model="pincite", messages=[{"role": "system", "content": "Hello."}])
    with pytest.raises(openai.BadRequestError, match=r"n: Input should be 1\."):
        asked(client, QUESTION, n=2)
    with pytest.raises(openai.NotFoundError, match="nothing at this address"):
        client.embeddings.create(model="pincite", input="so")


def test_a_models_text_is_sent_sentence_by_sentence_when_it_is_checked_and_never_withdrawn(tmp_path: Path) -> None:
    pieces = (
        "Five tankers brought coal. ",
        "North Korea has supplied 7,000 containers to Russia [1]. ",
        "Pigs fly [1].",
    )
    with scripted_server(*pieces) as model, written_by(model, tmp_path) as client:
        whole = asked(client, QUESTION).choices[0].message
        streamed = [chunk.choices[0].delta for chunk in asked(client, QUESTION, stream=True)]
        assert [model.id for model in client.models.list()] == ["pincite", "pincite-quotes"]
        quotes: Any = client.chat.completions.create(
            model="pincite-quotes", messages=[{"role": "user", "content": QUESTION}]
        )
    assert [sentence["verdict"] for sentence in whole.pincite["sentences"]][1] == "supported"
    assert "".join(delta.content or "" for delta in streamed) == whole.content
    assert "Pigs fly. \\[not found in the library\\]" in whole.content
    assert sum(bool(delta.content) for delta in streamed) == 4
    assert whole.pincite["model"] != "extractive"
    assert quotes.choices[0].message.pincite["model"] == "extractive"


def test_a_model_that_fails_is_an_error_with_its_cause_and_cure(tmp_path: Path) -> None:
    with scripted_server(status=401) as model, written_by(model, tmp_path) as client:
        for stream in (False, True):
            with pytest.raises(openai.InternalServerError, match="refused the key") as failed:
                asked(client, QUESTION, stream=stream)
            assert (failed.value.status_code, failed.value.code) == (502, "model_failed")


def test_who_leaves_is_not_answered_any_more_and_the_model_is_left_too(tmp_path: Path) -> None:
    with (
        faulty_server("hang-after-tokens", text=WELL) as model,
        service(tmp_path, {"OPENAI_BASE_URL": model.address}) as address,
    ):
        for number, stream in enumerate((True, False), 1):
            body = json.dumps({"messages": [{"role": "user", "content": QUESTION}], "stream": stream})
            with closing(HTTPConnection(urlsplit(address).netloc, timeout=10)) as client:
                client.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
                while model.requests < number:
                    time.sleep(0.01)
                assert client.sock
                client.sock.settimeout(0.3)
                with pytest.raises(TimeoutError):
                    client.getresponse().read()
            assert model.closed_by_client.wait(10)
            model.closed_by_client.clear()
