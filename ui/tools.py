"""Pincite for assistants that speak the Model Context Protocol: tools that answer, the documents as resources.

The only module that knows the protocol's SDK (the extra `mcp`). https://modelcontextprotocol.io
"""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from itertools import takewhile
from pathlib import Path
from threading import Event
from typing import Annotated, Any

import anyio
import click
import mcp_types as types
from anyio import to_thread
from mcp import MCPError
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp, StreamableHTTPSessionManager
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from index import DocumentError, Library, Part, PinciteError, open_library
from index.part import no_document
from rag import Assistant, Excerpt, Reply, Sentence
from rag.assistant import LONGEST_QUESTION
from rag.drafts import LONGEST_DRAFT
from ui.api.callers import ANYBODY, Caller, Callers
from ui.api.counters import Counters
from ui.api.guard import Guard, rate_of
from ui.api.message import Pinned, Writer
from ui.api.server import run
from ui.api.shapes import Asked, Checked, Found, Listed, Name, Place, Read
from ui.api.work import Busy, Gone, Work, watched
from ui.network import is_own
from ui.plain import checked_text, excerpt_text
from ui.shell import count

_Context = ServerRequestContext[Any, Any]
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


_Names = Annotated[list[Name], Field(max_length=100)]


class _Chosen(Asked):
    within: _Names = Field([], description="Only these documents or folders: ids, paths or titles; none: all")
    tags: _Names = Field([], description="Only documents that bear every one of these tags")


class Ask(_Chosen):
    question: str = Field(description="One question, complete in itself", max_length=LONGEST_QUESTION)


class Check(_Chosen):
    text: str = Field(description="Sentences, such as an answer that you wrote", max_length=LONGEST_DRAFT)


class Span(BaseModel):
    model_config = ConfigDict(extra="forbid")

    document: Name = Field(description="A document's id, path or title, as the other tools give them")
    start: Place = 0
    characters: int = Field(1000, ge=0, le=_MOST_CHARACTERS)
    around: int = Field(0, ge=0, le=_MOST_AROUND, description="So many more characters before and after")


class Page(BaseModel):
    model_config = ConfigDict(extra="forbid")

    start: Place = 0
    most: int = Field(100, ge=1, le=_MOST_ROWS)


View = Library | Part
Told = tuple[str, BaseModel]  # for a model to read, and for a program


@dataclass(frozen=True, slots=True)
class _Tool:
    """`begin` gives what takes its time, item by item; `tell` makes of it, and of all its items, what is told."""

    takes: type[BaseModel]
    gives: type[BaseModel]
    about: str
    begin: Callable[[Assistant, View, Any], Iterator[Any]]
    tell: Callable[[Any, Sequence[Any]], Told]


def _ask(assistant: Assistant, view: View, asked: Ask) -> Reply:
    return assistant.stream(asked.question, within=asked.part(view))


def _answered(reply: Reply, _: object) -> Told:
    writer = Writer("")
    for sentence in reply.answer.sentences:
        writer.add(sentence)
    writer.end(reply.answer, footnotes=True)
    return writer.text, Pinned.of(reply.answer)


def _check(assistant: Assistant, view: View, asked: Check) -> Iterator[Sentence]:
    return assistant.check(asked.text, within=asked.part(view))


def _checked(_: object, sentences: Sequence[Sentence]) -> Told:
    return checked_text(sentences), Checked.of(sentences)


def _search(assistant: Assistant, view: View, asked: Ask) -> Iterator[Excerpt]:
    yield from assistant.search(asked.question, within=asked.part(view))


def _found(_: object, excerpts: Sequence[Excerpt]) -> Told:
    text = "\n\n".join(map(excerpt_text, excerpts)) or "The library holds nothing."
    return text, Found.of(excerpts)


def _read(_: object, view: View, asked: Span) -> Iterator[Read]:
    rows = view.within(asked.document).documents()
    if len(rows) > 1:
        ids = ", ".join(row.id for row in rows[:10])
        raise DocumentError(f"{len(rows):,} documents are called {asked.document!r}. Name one by its id: {ids}")
    yield from (
        Read.of(view.document(row.id), (asked.start, asked.start + asked.characters), asked.around) for row in rows
    )


def _shown(_: object, read: Sequence[Read]) -> Told:
    (place,) = read
    parts = [f"{place.title}, characters {place.start}-{place.end} of {place.characters:,}:\n{place.text}"]
    parts += [f"Before it:\n{place.before}"] if place.before else []
    parts += [f"After it:\n{place.after}"] if place.after else []
    return "\n\n".join(parts), place


def _list(_: object, view: View, asked: Page) -> Iterator[Listed]:
    yield Listed.of(view.documents(), asked.start, asked.most)


def _listed(_: object, listed: Sequence[Listed]) -> Told:
    (page,) = listed
    lines = [f"{row.id}  {row.title} ({row.characters:,} characters, added {row.added[:10]})" for row in page.documents]
    return "\n".join([count(page.total, "document"), *lines]), page


_TOOLS = {
    "ask": _Tool(
        Ask,
        Pinned,
        "Answer a question from the library: sentences with numbered quotes, each checked against its source, or that "
        "it is not in the library. Start here. Quotes are exact: give them to the letter.",
        _ask,
        _answered,
    ),
    "check": _Tool(
        Check,
        Checked,
        "Hold each sentence of a text against the library: supported, partly supported, contradicted or not found, "
        "with what the library says. Use it on what you wrote yourself before you give it to somebody.",
        _check,
        _checked,
    ),
    "search": _Tool(
        Ask,
        Found,
        "The sentences that matter most to a question, with their places, whether or not they answer it. Use it where "
        "`ask` finds no answer, or to read more than an answer.",
        _search,
        _found,
    ),
    "read": _Tool(
        Span,
        Read,
        "The characters of a document from a place on, to the letter, and what stands around them. Use it to see a "
        "quote in its context.",
        _read,
        _shown,
    ),
    "list": _Tool(Page, Listed, "The documents of the library by title, with their ids.", _list, _listed),
}


def server(assistant: Assistant, caller: Caller | None = None) -> Server[dict[str, Any]]:
    """A server of the protocol, whatever it is spoken over. `caller` is who asks; None: whom the guard has found."""
    work = Work()

    def view(context: _Context) -> View:
        """What the caller may see; a large library takes its time to list, so not in the event loop."""
        request: Any = context.request
        who: Caller = caller or request.scope["caller"]
        return who.view(assistant.library)

    async def list_tools(*_: object) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[_described(name, tool) for name, tool in _TOOLS.items()])

    async def call_tool(context: _Context, asked: types.CallToolRequestParams) -> types.CallToolResult:
        tool = _TOOLS.get(asked.name)
        if tool is None:
            raise MCPError(types.INVALID_PARAMS, f"There is no tool {asked.name!r}. There are: {', '.join(_TOOLS)}")
        try:
            arguments = tool.takes.model_validate(asked.arguments or {})
            async with work.turn():
                items = await to_thread.run_sync(lambda: tool.begin(assistant, view(context), arguments))
                text, told = tool.tell(items, await _all_of(items, context.request))
        except ValidationError as error:
            first = error.errors()[0]
            return _failed(f"{'.'.join(map(str, first['loc'])) or 'arguments'}: {first['msg']}")
        except PinciteError as error:
            return _failed(str(error))
        except Busy:
            return _failed("Too many questions wait. Try again in a few seconds.")
        except Gone:
            raise MCPError(types.INTERNAL_ERROR, "Nobody waits for this any more.") from None
        said = types.TextContent(type="text", text=click.unstyle(text))
        return types.CallToolResult(content=[said], structured_content=told.model_dump(mode="json"))

    async def list_resources(
        context: _Context, asked: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        cursor = (asked.cursor if asked else None) or "0"
        if not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 10):
            raise MCPError(types.INVALID_PARAMS, "This cursor is none that was given here.")
        start, rows = int(cursor), await to_thread.run_sync(lambda: view(context).documents())
        shown = [
            types.Resource(
                uri=f"{_DOCUMENTS}{row.id}",
                name=row.title,
                description=f"{row.path} ({row.characters:,} characters)",
                mime_type="text/plain",
            )
            for row in rows[start : start + _PAGE]
        ]
        further = str(start + _PAGE) if start + _PAGE < len(rows) else None
        return types.ListResourcesResult(resources=shown, next_cursor=further)

    async def list_templates(*_: object) -> types.ListResourceTemplatesResult:
        template = types.ResourceTemplate(
            uri_template=f"{_DOCUMENTS}{{id}}", name="document", description="All of a document", mime_type="text/plain"
        )
        return types.ListResourceTemplatesResult(resource_templates=[template])

    async def read_resource(context: _Context, asked: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        uri = str(asked.uri)
        try:
            if not uri.startswith(_DOCUMENTS):
                raise no_document(uri)
            document = await to_thread.run_sync(lambda: view(context).document(uri.removeprefix(_DOCUMENTS)))
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


async def _all_of(items: Iterator[Any], request: Request | None) -> list[Any]:
    """In a thread, and no further once the call is cancelled. Raises Gone if who asked has left."""
    left = Event()

    def leave() -> None:
        left.set()
        if isinstance(items, Reply):
            items.close()

    try:
        async with watched(request, leave) if request else nullcontext():
            found = await to_thread.run_sync(
                lambda: list(takewhile(lambda _: not left.is_set(), items)), abandon_on_cancel=True
            )
    except anyio.get_cancelled_exc_class():
        leave()
        raise
    if left.is_set():
        raise Gone
    return found


def serve_stdio(library: Path | None) -> None:
    """Until standard input ends, or Ctrl-C or SIGTERM."""

    async def talk(assistant: Assistant) -> None:
        spoken = server(assistant, ANYBODY)
        async with stdio_server() as (incoming, outgoing):
            await spoken.run(incoming, outgoing, spoken.create_initialization_options())

    with open_library(library, read_only=True) as opened, Assistant.open(opened) as assistant:
        for stop in (signal.SIGINT, signal.SIGTERM):
            # A thread waits for standard input, and would wait on; nothing that is written here has to be finished.
            signal.signal(stop, lambda *_: os._exit(0))
        anyio.run(talk, assistant)


def serve_http(library: Path | None, host: str, port: int) -> None:
    """As `ui.api.server.serve`, at the path /mcp."""
    callers = Callers.of(shared=not is_own(host))
    rate = rate_of(callers)
    with open_library(library, read_only=True) as opened, Assistant.open(opened) as assistant:
        guard = Guard(_application(assistant), callers, Counters(), rate)
        run(guard, "Pincite answers assistants", host, port, "/mcp")


def _application(assistant: Assistant) -> Starlette:
    """Without sessions: nothing is said that was not asked for, so that there is nothing to keep between requests. The
    guard has seen to whose page asks, and which host is meant.
    """
    sessions = StreamableHTTPSessionManager(server(assistant), stateless=True, json_response=True)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with sessions.run():
            yield

    asked = Route("/mcp", StreamableHTTPASGIApp(sessions), methods=["POST"])
    return Starlette(routes=[asked, Route("/healthz", _healthz)], lifespan=lifespan)


async def _healthz(_: Request) -> Response:
    return PlainTextResponse("ok")


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
