"""The door for assistants, as the protocol's own client meets it, over standard input and over HTTP."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from threading import Thread
from typing import Any, Literal

import httpx
import pytest
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp_types import INVALID_PARAMS

from evals.timing import environ_of, free_port
from index import Library
from index.opening import SHIPPED_ARTICLES
from tests.service import COMMAND, ROOT, started

pytestmark = pytest.mark.slow

QUESTION = "How many containers has North Korea supplied to Russia?"
SECRET = "The board sold the mill to Anna Berg for nine million crowns.\n"
ALL, PRESS = "token-of-all-0000", "token-of-the-press"
NAMES = ["ask", "check", "search", "read", "list"]

Mode = Literal["auto", "legacy"]
# Clients of 2026 ask one request at a time; older ones shake hands first.
in_both_eras = pytest.mark.parametrize("mode", ["auto", "legacy"])
Talk = Callable[[Client], Awaitable[None]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    (home / "minutes.txt").write_text(SECRET, encoding="utf-8")
    with Library(home / "library", create=True) as library:
        library.add(SHIPPED_ARTICLES)
        library.add(home / "minutes.txt")
        library.tag("russia-dprk", "press")
    return home


@contextmanager
def listening(
    home: Path, environ: Mapping[str, str] = {}, *, ended_by: signal.Signals = signal.SIGTERM
) -> Iterator[str]:
    address = f"http://127.0.0.1:{(port := free_port())}/mcp"
    start = ["-c", COMMAND, "mcp", "--http", "--port", str(port)]
    says = f"Pincite answers assistants at {address}  (Ctrl-C stops it)\n"
    with started(start, environ_of(home, **environ), says, ended_by=ended_by):
        yield address


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    with listening(home, {"PINCITE_TOKENS": f"all:{ALL},press:{PRESS}@press"}) as address:
        yield address


@asynccontextmanager
async def over_http(address: str, token: str, mode: Mode) -> AsyncIterator[Client]:
    async with (
        create_mcp_http_client(headers={"Authorization": f"Bearer {token}"}) as http,
        Client(streamable_http_client(address, http_client=http), mode=mode) as client,
    ):
        yield client


def by_http(address: str, token: str, talk: Talk, mode: Mode = "auto") -> None:
    async def main() -> None:
        async with over_http(address, token, mode) as client:
            await talk(client)

    asyncio.run(main())


def by_stdio(home: Path, talk: Talk) -> None:
    environ = environ_of(home)
    command = StdioServerParameters(command=sys.executable, args=["-c", COMMAND, "mcp"], env=environ, cwd=ROOT)

    async def main() -> None:
        async with Client(command) as client:
            await talk(client)

    asyncio.run(main())


def text_of(result: Any) -> str:
    (content,) = result.content
    return str(content.text)


def must_answer(article: str) -> Talk:
    async def talk(client: Client) -> None:
        assert client.server_info
        assert client.server_info.name == "pincite"
        assert [tool.name for tool in (await client.list_tools()).tools] == NAMES
        result = await client.call_tool("ask", {"question": QUESTION})
        assert not result.is_error
        (citation,) = result.structured_content["citations"]
        assert article[citation["start"] : citation["end"]] == citation["quote"]
        assert "7,000 containers" in citation["quote"]
        assert text_of(result).endswith(f"[^1]: russia-dprk, characters 417–644: “{citation['quote']}”")
        place = {name: citation[name] for name in ("document", "start")}
        read = await client.call_tool("read", {**place, "characters": len(citation["quote"]), "around": 20})
        assert read.structured_content["text"] == citation["quote"]
        assert read.structured_content["before"] == article[citation["start"] - 20 : citation["start"]]

    return talk


def test_an_assistant_gets_the_cited_answer_over_standard_input(home: Path, article: str) -> None:
    by_stdio(home, must_answer(article))


@in_both_eras
def test_an_assistant_gets_the_cited_answer_over_http(address: str, article: str, mode: Mode) -> None:
    by_http(address, ALL, must_answer(article), mode)


def test_each_tool_says_what_it_takes_and_gives(address: str) -> None:
    async def talk(client: Client) -> None:
        for tool in (await client.list_tools()).tools:
            assert tool.description
            assert tool.output_schema
            assert tool.annotations
            assert tool.annotations.read_only_hint is True
            assert tool.annotations.open_world_hint is False
        result = await client.call_tool("check", {"text": "Russia accepted 400 drones from Iran. Pigs fly."})
        assert [one["verdict"] for one in result.structured_content["sentences"]] == ["supported", "not found"]
        assert "2. not found in the library" in text_of(result)
        result = await client.call_tool("search", {"question": "Who bought the mill?"})
        assert result.structured_content["excerpts"][0]["quotes"][0]["text"] == SECRET.strip()
        assert SECRET.strip() in " ".join(text_of(result).split())
        result = await client.call_tool("list", {"start": 1})
        assert result.structured_content["total"] == 2
        assert text_of(result).splitlines()[0] == "2 documents"
        assert [row["title"] for row in result.structured_content["documents"]] == ["russia-dprk"]

    by_http(address, ALL, talk)


def test_what_is_not_in_the_library_is_an_answer_and_what_cannot_be_asked_an_error(address: str) -> None:
    async def talk(client: Client) -> None:
        result = await client.call_tool("ask", {"question": "Who won the 2022 World Cup?"})
        assert not result.is_error
        assert result.structured_content["answered"] is False
        assert text_of(result) == "This is not in the library."
        for name, arguments, message in (
            ("ask", {"question": " "}, "The question is empty."),
            ("ask", {}, "question: Field required"),
            ("ask", {"question": "So?", "within": ["nothing"]}, "No document or folder 'nothing'"),
            ("read", {"document": "nothing"}, "No document or folder 'nothing'"),
            ("read", {"document": "minutes", "lines": 3}, "lines: Extra inputs are not permitted"),
        ):
            result = await client.call_tool(name, arguments)
            assert result.is_error
            assert text_of(result).startswith(message)
        with pytest.raises(MCPError, match="There is no tool 'write'"):
            await client.call_tool("write", {})

    by_http(address, ALL, talk)


def test_documents_are_resources(address: str, article: str) -> None:
    async def talk(client: Client) -> None:
        resources = (await client.list_resources()).resources
        assert [resource.name for resource in resources] == ["minutes", "russia-dprk"]
        (content,) = (await client.read_resource(resources[1].uri)).contents
        assert content.text == article  # type: ignore[union-attr]
        (template,) = (await client.list_resource_templates()).resource_templates
        assert template.uri_template == "pincite://documents/{id}"
        assert resources[1].description
        assert resources[1].description.endswith(f"russia-dprk.txt ({len(article):,} characters)")
        identity = resources[1].uri.rpartition("/")[2]
        for uri in ("pincite://documents/nothing", f"file:///{identity}", identity):
            with pytest.raises(MCPError, match="No document '") as refused:
                await client.read_resource(uri)
            assert (refused.value.code, refused.value.data) == (INVALID_PARAMS, {"uri": uri})

    by_http(address, ALL, talk)


@in_both_eras
def test_a_token_for_a_tag_knows_nothing_of_other_documents(address: str, home: Path, mode: Mode) -> None:
    with Library(home / "library", read_only=True) as library:
        minutes = library.find("minutes").id

    async def talk(client: Client) -> None:
        assert (await client.call_tool("list", {})).structured_content["total"] == 1
        assert [resource.name for resource in (await client.list_resources()).resources] == ["russia-dprk"]
        result = await client.call_tool("ask", {"question": "Who bought the mill?"})
        assert result.structured_content["answered"] is False
        assert "crowns" not in str(result)
        search = await client.call_tool("search", {"question": "Who bought the mill?"})
        check = await client.call_tool("check", {"text": SECRET})
        assert "crowns" not in str(search)
        assert check.structured_content["supported"] == 0
        for name in ("0" * 12, minutes, "minutes"):
            read = await client.call_tool("read", {"document": name})
            ask = await client.call_tool("ask", {"question": QUESTION, "within": [name]})
            with pytest.raises(MCPError, match="No document '"):
                await client.read_resource(f"pincite://documents/{name}")
            assert [text_of(read).replace(name, "..."), text_of(ask).replace(name, "...")] == [
                "No document or folder '...' in the library. See what it holds with: pincite list"
            ] * 2

    by_http(address, PRESS, talk, mode)


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong-token-0000"}])
def test_without_a_token_and_with_a_wrong_one_it_is_refused(address: str, headers: dict[str, str]) -> None:
    for method in ("GET", "POST", "DELETE"):
        answer = httpx.request(method, address, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")
    assert httpx.get(address.replace("/mcp", "/healthz")).text == "ok"


def asked_by_hand(question: str) -> dict[str, object]:
    call = {"name": "ask", "arguments": {"question": question}}
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}


def test_who_leaves_is_not_answered_and_a_question_that_has_begun_is_when_it_is_stopped(home: Path) -> None:
    headers = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-06-18"}
    given: list[str] = []

    def ask(address: str) -> None:
        answer = httpx.post(address, json=asked_by_hand(QUESTION), headers=headers, timeout=30)
        given.append(answer.json()["result"]["structuredContent"]["short"])

    with listening(home, ended_by=signal.SIGINT) as address:
        page = {**headers, "Origin": "https://elsewhere.example"}
        assert httpx.post(address, json=asked_by_hand(QUESTION), headers=page).status_code == 403
        assert [httpx.request(method, address).status_code for method in ("GET", "DELETE")] == [405, 405]
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(address, json=asked_by_hand("What did Russia veto?"), headers=headers, timeout=0.1)
        asking = Thread(target=ask, args=(address,))
        asking.start()
        time.sleep(0.1)
    asking.join()
    assert given == ["7,000"]


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_on_standard_input_it_ends_without_a_word_when_it_is_stopped(home: Path, stop: signal.Signals) -> None:
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    server = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "mcp"],
        cwd=ROOT,
        env=environ_of(home),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stdin
    assert server.stdout
    server.stdin.write(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}) + "\n")
    server.stdin.flush()
    assert json.loads(server.stdout.readline())["result"]["serverInfo"]["name"] == "pincite"
    server.send_signal(stop)
    assert server.wait(timeout=10) == 0  # its standard input is still open
    assert server.communicate() == ("", "")


def test_a_document_that_is_added_meanwhile_can_be_asked(tmp_path: Path) -> None:
    (tmp_path / "news.txt").write_text("Anna Berg opened the new harbour of Visby in May 2031.\n", encoding="utf-8")

    async def talk(client: Client) -> None:
        ask = {"question": "Who opened the harbour of Visby?"}
        assert (await client.call_tool("ask", ask)).structured_content["answered"] is False
        command = [sys.executable, "-c", COMMAND, "add", str(tmp_path / "news.txt")]
        environ = environ_of(tmp_path / "home")
        added = await asyncio.to_thread(subprocess.run, command, env=environ, capture_output=True, text=True)
        assert added.returncode == 0, added.stderr
        assert (await client.call_tool("ask", ask)).structured_content["citations"][0]["title"] == "news"

    by_stdio(tmp_path / "home", talk)


def test_without_the_sdk_it_says_what_to_install(tmp_path: Path) -> None:
    program = f"import sys; sys.modules['mcp_types'] = None; {COMMAND}"
    done = subprocess.run(
        [sys.executable, "-c", program, "mcp"], env=environ_of(tmp_path), capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 1
    assert done.stderr == "Error: MCP needs its SDK. Install it with: pip install 'pincite[mcp]'\n"
