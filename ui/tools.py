"""Pincite for assistants that speak the Model Context Protocol: tools that answer, the documents as resources.

The only module that knows the protocol's SDK (the extra `mcp`). https://modelcontextprotocol.io
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import anyio
import click
import mcp_types as types
from anyio import to_thread
from mcp import MCPError
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.server.transport_security import TransportSecuritySettings
from pydantic import BaseModel, Field, ValidationError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from index import DocumentError, Library, Part, PinciteError, open_library
from rag import Assistant, Verdict
from rag.assistant import LONGEST_QUESTION
from rag.drafts import LONGEST_DRAFT
from ui.api.callers import ANYBODY, Caller, Callers
from ui.api.completions import Pinned, Writer
from ui.api.counters import Counters
from ui.api.guard import Guard, rate_of
from ui.api.server import run
from ui.api.shapes import Asked, Checked, ExcerptShape, Found, Listed, Place, Read
from ui.origin import is_own
from ui.plain import checked_text, excerpt_text

_DOCUMENTS = "pincite://documents/"
_PAGE = 200
_MOST_CHARACTERS, _MOST_AROUND, _MOST_ROWS = 20_000, 5000, 200
_INSTRUCTIONS = (
    "Pincite answers from a library of documents, and pins every sentence to the exact characters that support it. "
    "Call `ask` first; quote and cite what it gives. That something is not in the library is an answer too: do "
    "not put your own knowledge in its place without saying so. `search` gives what there is to read where `ask` finds "
    "no answer, `read` shows a place in its context, `check` says of each sentence of a text whether the library "
    "supports it."
)


class Ask(Asked):
    question: str = Field(description="One question, complete in itself", max_length=LONGEST_QUESTION)


class Check(Asked):
    text: str = Field(description="Sentences, such as an answer that you wrote", max_length=LONGEST_DRAFT)


class Span(BaseModel):
    document: str = Field(description="A document's id, as citations and `list` give it")
    start: Place = 0
    characters: int = Field(1000, ge=0, le=_MOST_CHARACTERS)
    around: int = Field(0, ge=0, le=_MOST_AROUND, description="So many more characters before and after")


class Page(BaseModel):
    start: Place = 0
    most: int = Field(100, ge=1, le=_MOST_ROWS)


Told = tuple[str, BaseModel]  # for a model to read, and for a program


@dataclass(frozen=True, slots=True)
class _Tool:
    takes: type[BaseModel]
    gives: type[BaseModel]
    about: str
    call: Callable[[Assistant, Library | Part, Any], Told]


def _ask(assistant: Assistant, view: Library | Part, asked: Ask) -> Told:
    answer = assistant.ask(asked.question, within=asked.part(view))
    writer = Writer("")
    for sentence in answer.sentences:
        writer.add(sentence)
    writer.end(answer, footnotes=True)
    return writer.text, Pinned.of(answer)


def _check(assistant: Assistant, view: Library | Part, asked: Check) -> Told:
    sentences = list(assistant.check(asked.text, within=asked.part(view)))
    supported = sum(sentence.verdict is Verdict.SUPPORTED for sentence in sentences)
    return checked_text(sentences), Checked(sentences=sentences, supported=supported)


def _search(assistant: Assistant, view: Library | Part, asked: Ask) -> Told:
    found = assistant.search(asked.question, within=asked.part(view))
    text = "\n\n".join(map(excerpt_text, found)) or "The library holds nothing."
    return text, Found(excerpts=[ExcerptShape.model_validate(excerpt.to_dict()) for excerpt in found])


def _read(_: Assistant, view: Library | Part, asked: Span) -> Told:
    read = Read.of(view.document(asked.document), (asked.start, asked.start + asked.characters), asked.around)
    return f"{read.title}, characters {read.start}-{read.end}:\n{read.before}{read.text}{read.after}", read


def _list(_: Assistant, view: Library | Part, asked: Page) -> Told:
    rows = view.documents()
    shown = rows[asked.start : asked.start + asked.most]
    lines = [f"{row.id}  {row.title} ({row.characters:,} characters, added {row.added[:10]})" for row in shown]
    return "\n".join([f"{len(rows):,} documents", *lines]), Listed(total=len(rows), documents=shown)


_TOOLS = {
    "ask": _Tool(
        Ask,
        Pinned,
        "Answer a question from the library: sentences with numbered quotes, each checked against its source, or that "
        "it is not in the library. Start here. Quotes are exact: give them to the letter.",
        _ask,
    ),
    "check": _Tool(
        Check,
        Checked,
        "Hold each sentence of a text against the library: supported, partly supported, contradicted or not found, "
        "with what the library says. Use it on what you wrote yourself before you give it to somebody.",
        _check,
    ),
    "search": _Tool(
        Ask,
        Found,
        "The sentences that matter most to a question, with their places, whether or not they answer it.",
        _search,
    ),
    "read": _Tool(
        Span,
        Read,
        "The characters of a document from a place on, to the letter, and what stands around them.",
        _read,
    ),
    "list": _Tool(Page, Listed, "The documents of the library by title, with their ids.", _list),
}


def server(assistant: Assistant) -> Server[dict[str, Any]]:
    """A server of the protocol, whatever it is spoken over."""
    answering = anyio.CapacityLimiter(16)

    async def list_tools(*_: object) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[_described(name, tool) for name, tool in _TOOLS.items()])

    async def call_tool(context: ServerRequestContext[Any, Any], asked: types.CallToolRequestParams) -> Any:
        tool = _TOOLS.get(asked.name)
        if tool is None:
            raise MCPError(types.INVALID_PARAMS, f"There is no tool {asked.name!r}. There are: {', '.join(_TOOLS)}")
        try:
            arguments = tool.takes.model_validate(asked.arguments or {})
            work = partial(tool.call, assistant, _view(context, assistant), arguments)
            text, told = await to_thread.run_sync(work, limiter=answering, abandon_on_cancel=True)
        except ValidationError as error:
            first = error.errors()[0]
            return _failed(f"{'.'.join(map(str, first['loc'])) or 'arguments'}: {first['msg']}")
        except PinciteError as error:
            return _failed(str(error))
        said = types.TextContent(type="text", text=click.unstyle(text))
        return types.CallToolResult(content=[said], structured_content=told.model_dump(mode="json"))

    async def list_resources(
        context: ServerRequestContext[Any, Any], asked: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        cursor = (asked.cursor if asked else None) or "0"
        if not cursor.isdecimal():
            raise MCPError(types.INVALID_PARAMS, "This cursor is none that was given here.")
        start, rows = int(cursor), _view(context, assistant).documents()
        shown = [
            types.Resource(uri=f"{_DOCUMENTS}{row.id}", name=row.title, description=row.path, mime_type="text/plain")
            for row in rows[start : start + _PAGE]
        ]
        further = str(start + _PAGE) if start + _PAGE < len(rows) else None
        return types.ListResourcesResult(resources=shown, next_cursor=further)

    async def list_templates(*_: object) -> types.ListResourceTemplatesResult:
        template = types.ResourceTemplate(
            uri_template=f"{_DOCUMENTS}{{id}}", name="document", description="All of a document", mime_type="text/plain"
        )
        return types.ListResourceTemplatesResult(resource_templates=[template])

    async def read_resource(
        context: ServerRequestContext[Any, Any], asked: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        uri = str(asked.uri)
        try:
            document = _view(context, assistant).document(uri.removeprefix(_DOCUMENTS))
        except DocumentError as error:
            raise MCPError(types.INVALID_PARAMS, str(error), {"uri": uri}) from error
        whole = types.TextResourceContents(uri=uri, mime_type="text/plain", text=document.text)
        return types.ReadResourceResult(contents=[whole])

    return Server(
        "pincite",
        title="Pincite",
        version=version("pincite"),
        instructions=_INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_resources=list_resources,
        on_list_resource_templates=list_templates,
        on_read_resource=read_resource,
    )


def serve_stdio(library: Path | None) -> None:
    """Until standard input ends, or Ctrl-C."""

    async def talk(assistant: Assistant) -> None:
        spoken = server(assistant)
        async with stdio_server() as (incoming, outgoing):
            await spoken.run(incoming, outgoing, spoken.create_initialization_options())

    with (
        open_library(library, read_only=True) as opened,
        Assistant.open(opened) as assistant,
        suppress(KeyboardInterrupt),
    ):
        anyio.run(talk, assistant)


def serve_http(library: Path | None, host: str, port: int) -> None:
    """As `ui.api.server.serve`, at the path /mcp."""
    callers = Callers.of(shared=not is_own(host))
    rate = rate_of(os.environ, callers)
    with open_library(library, read_only=True) as opened, Assistant.open(opened) as assistant:
        spoken = server(assistant).streamable_http_app(
            # The guard knows whose page asks, and whose host is meant.
            transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
            custom_starlette_routes=[Route("/healthz", _healthz)],
        )
        guard = Guard(spoken, callers, Counters(), rate)
        run(lambda: guard, "Pincite answers assistants", host, port, "/mcp")


async def _healthz(_: Request) -> Response:
    return PlainTextResponse("ok")


def _view(context: ServerRequestContext[Any, Any], assistant: Assistant) -> Library | Part:
    """What the caller may see; over standard input it is who has started this."""
    caller: Caller = context.request.scope["caller"] if isinstance(context.request, Request) else ANYBODY
    return caller.view(assistant.library)


def _described(name: str, tool: _Tool) -> types.Tool:
    return types.Tool(
        name=name,
        description=tool.about,
        input_schema=tool.takes.model_json_schema(),
        output_schema=tool.gives.model_json_schema(mode="serialization"),
        annotations=types.ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False),
    )


def _failed(message: str) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(type="text", text=message)], is_error=True)
