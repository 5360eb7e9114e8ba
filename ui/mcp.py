"""Pincite for assistants that speak the Model Context Protocol: `TOOLS` to call, the documents as resources.

The only module that knows the protocol's SDK (the extra `mcp`). https://modelcontextprotocol.io
"""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp, StreamableHTTPSessionManager
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from index import DocumentError, Library, Part, PinciteError, open_library
from index.selection import no_document
from rag import Assistant
from ui.api.callers import ANYBODY, Caller, Callers
from ui.api.counters import Counters
from ui.api.guard import Guard, rate_of
from ui.api.server import run
from ui.api.work import Busy, Gone, Work, all_of
from ui.network import is_own
from ui.tools import TOOLS, Tool

_Context = ServerRequestContext[Any, Any]
_DOCUMENTS = "pincite://documents/"
_PAGE = 200
_INSTRUCTIONS = (
    "Pincite answers from a library of documents, and pins every sentence to the exact characters that support it. "
    "Call `ask` first; quote and cite what it gives. That something is not in the library is an answer too: do "
    "not put your own knowledge in its place without saying so. `search` gives what there is to read where `ask` finds "
    "no answer, `read` shows a place in its context, `check` says of each sentence of a text whether the library "
    "supports it."
)


def server(assistant: Assistant, caller: Caller | None = None) -> Server[dict[str, Any]]:
    """A server of the protocol, whatever it is spoken over. `caller` is who asks; None: whom the guard has found."""
    work = Work()

    def view(context: _Context) -> Library | Part:
        """What the caller may see; a large library takes its time to list, so not in the event loop."""
        request: Any = context.request
        who: Caller = caller or request.scope["caller"]
        return who.view(assistant.library)

    async def list_tools(*_: object) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[_described(name, tool) for name, tool in TOOLS.items()])

    async def call_tool(context: _Context, asked: types.CallToolRequestParams) -> types.CallToolResult:
        tool = TOOLS.get(asked.name)
        if tool is None:
            raise MCPError(types.INVALID_PARAMS, f"There is no tool {asked.name!r}. There are: {', '.join(TOOLS)}")
        try:
            arguments = tool.takes.model_validate(asked.arguments or {})
            async with work.turn():
                items = await to_thread.run_sync(lambda: tool.begin(assistant, view(context), arguments))
                text, told = tool.tell(items, await all_of(items, context.request))
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


def _described(name: str, tool: Tool) -> types.Tool:
    return types.Tool(
        name=name,
        description=tool.about,
        input_schema=tool.takes.model_json_schema(),
        output_schema=tool.gives.model_json_schema(mode="serialization"),
        annotations=types.ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False),
    )


def _failed(message: str) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(type="text", text=message)], is_error=True)
