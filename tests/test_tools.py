"""The door for assistants, as the protocol's own client meets it, over standard input and over HTTP."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

from index import Library
from index.library import SHIPPED_ARTICLES
from tests.service import COMMAND, ROOT, environ_of, free_port

QUESTION = "How many containers has North Korea supplied to Russia?"
SECRET = "The board sold the mill to Anna Berg for nine million crowns.\n"
ALL, PRESS = "token-of-all-0000", "token-of-the-press"
NAMES = ["ask", "check", "search", "read", "list"]

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
def listening(home: Path, environ: dict[str, str]) -> Iterator[str]:
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "mcp", "--http", "--port", str(port)],
        cwd=ROOT,
        env=environ_of(home, environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stdout
    try:
        said = f"Pincite answers assistants at http://127.0.0.1:{port}/mcp  (Ctrl-C stops it)\n"
        assert server.stdout.readline() == said
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        server.send_signal(signal.SIGTERM)
        rest, errors = server.communicate(timeout=30)
    assert (server.returncode, rest, errors) == (0, "", "")


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    with listening(home, {"PINCITE_TOKENS": f"all:{ALL},press:{PRESS}@press"}) as address:
        yield address


@asynccontextmanager
async def over_http(address: str, token: str) -> AsyncIterator[Client]:
    async with (
        create_mcp_http_client(headers={"Authorization": f"Bearer {token}"}) as http,
        Client(streamable_http_client(address, http_client=http)) as client,
    ):
        yield client


def by_http(address: str, token: str, talk: Talk) -> None:
    async def main() -> None:
        async with over_http(address, token) as client:
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


def test_an_assistant_gets_the_cited_answer_over_http(address: str, article: str) -> None:
    by_http(address, ALL, must_answer(article))


def test_each_tool_says_what_it_takes_and_gives(address: str) -> None:
    async def talk(client: Client) -> None:
        for tool in (await client.list_tools()).tools:
            assert tool.description
            assert tool.output_schema
            assert tool.annotations
            assert tool.annotations.read_only_hint is True
        result = await client.call_tool("check", {"text": "Russia accepted 400 drones from Iran. Pigs fly."})
        assert [one["verdict"] for one in result.structured_content["sentences"]] == ["supported", "not found"]
        assert "2. not found in the library" in text_of(result)
        result = await client.call_tool("search", {"question": "Who bought the mill?"})
        assert result.structured_content["excerpts"][0]["quotes"][0]["text"] == SECRET.strip()
        assert SECRET.strip() in " ".join(text_of(result).split())
        result = await client.call_tool("list", {"start": 1})
        assert result.structured_content["total"] == 2
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
            ("read", {"document": "nothing"}, "No document 'nothing'"),
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
        with pytest.raises(MCPError, match="No document 'nothing'"):
            await client.read_resource("pincite://documents/nothing")

    by_http(address, ALL, talk)


def test_a_token_for_a_tag_knows_nothing_of_other_documents(address: str, home: Path) -> None:
    with Library(home / "library", read_only=True) as library:
        minutes = library.find("minutes").id

    async def talk(client: Client) -> None:
        assert (await client.call_tool("list", {})).structured_content["total"] == 1
        assert [resource.name for resource in (await client.list_resources()).resources] == ["russia-dprk"]
        result = await client.call_tool("ask", {"question": "Who bought the mill?"})
        assert result.structured_content["answered"] is False
        assert "crowns" not in str(result)
        for name in ("0" * 12, minutes):
            read = await client.call_tool("read", {"document": name})
            ask = await client.call_tool("ask", {"question": QUESTION, "within": [name]})
            with pytest.raises(MCPError, match="No document '"):
                await client.read_resource(f"pincite://documents/{name}")
            assert [text_of(read).replace(name, "..."), text_of(ask).replace(name, "...")] == [
                "No document '...' in the library. See what it holds with: pincite list",
                "No document or folder '...' in the library. See what it holds with: pincite list",
            ]

    by_http(address, PRESS, talk)


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong-token-0000"}])
def test_without_a_token_and_with_a_wrong_one_it_is_refused(address: str, headers: dict[str, str]) -> None:
    for method in ("GET", "POST", "DELETE"):
        answer = httpx.request(method, address, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")
    assert httpx.get(address.replace("/mcp", "/healthz")).text == "ok"


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
