"""`pincite chat`, `serve` and `mcp`: the window, and the doors for programs and assistants."""

from __future__ import annotations

import click

from ui.shell import chosen_library, library_option


@click.command()
@click.option(
    "--host", default="127.0.0.1", show_default=True, envvar="GRADIO_SERVER_NAME", help="Address to listen on."
)
@click.option(
    "--port",
    default=7860,
    show_default=True,
    envvar=["GRADIO_SERVER_PORT", "PORT"],
    type=click.IntRange(1, 65535),
    help="Port to listen on.",
)
@click.option("--open", "open_browser", is_flag=True, help="Open the page in a browser.")
@library_option
def chat(host: str, port: int, open_browser: bool) -> None:
    """Open the chat window, for this machine; for others with PINCITE_AUTH alone."""
    from threading import Thread

    from index.embedder import local_embedder
    from rag import Assistant
    from rag.reader import local_reader
    from ui.access import Access
    from ui.network import is_own, listening

    # What is wrong is said before anything large is imported.
    access = Access.of(shared=not is_own(host))
    listening(host, port).close()
    # The models are read while Gradio is imported, which takes longer.
    for model in (local_reader, local_embedder):
        Thread(target=model).start()
    from ui.server import serve

    with Assistant.open(chosen_library()) as assistant:
        serve(assistant, access, host=host, port=port, open_browser=open_browser)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on.")
@click.option(
    "--processes", default=1, show_default=True, type=click.IntRange(1, 64), help="So many share the address."
)
@library_option
def serve(host: str, port: int, processes: int) -> None:
    """Answer programs over HTTP: OpenAI's protocol under /v1, and an API of its own, see /openapi.json.

    The library is only read; add to it with `pincite add` meanwhile. For others than this machine with PINCITE_TOKENS
    alone.
    """
    from ui.api.server import serve

    serve(chosen_library(), host=host, port=port, processes=processes)


@click.command()
@click.option("--http", is_flag=True, help="Speak streamable HTTP at /mcp instead of standard input and output.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on, with --http.")
@click.option("--port", default=8081, show_default=True, type=click.IntRange(1, 65535), help="Port, with --http.")
@library_option
def mcp(http: bool, host: str, port: int) -> None:
    """Answer assistants that speak MCP: tools to ask, check, search, read and list; needs the extra mcp.

    The library is only read. Over HTTP for others than this machine with PINCITE_TOKENS alone.
    """
    from rag import SettingError

    try:
        from ui.mcp import serve_http, serve_stdio
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("mcp", "mcp_types"):
            raise
        raise SettingError("MCP needs its SDK. Install it with: pip install 'pincite[mcp]'") from error
    if http:
        serve_http(chosen_library(), host, port)
    else:
        serve_stdio(chosen_library())
