"""The window on an address: who may reach it, what it answers to, and what it tells the browser to allow."""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path

import click
import gradio as gr
from gradio import processing_utils
from starlette import types as asgi
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse

from index import Library, PinciteError
from rag import Assistant
from ui.access import Access
from ui.chat import build
from ui.network import LARGEST_REQUEST, announce, is_foreign, is_own, oversize

_FOLDER = Path(__file__).parent
_FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")
_CODE_FONTS = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")
# Beyond so many sessions, what Gradio keeps of those that were used least lately is given up.
_SESSIONS = 256
_LARGEST_FILE = 64 * 2**20
# A Hugging Face Space is shown in a frame of that site.
_IN_A_SPACE = bool(os.environ.get("SPACE_ID"))
_FRAMED_BY = "'self' https://huggingface.co" if _IN_A_SPACE else "'self'"
# Gradio compiles its templates in the browser, hence "unsafe-eval".
_HEADERS = {
    "content-security-policy": "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; object-src 'none'; "
    f"base-uri 'self'; form-action 'self'; frame-ancestors {_FRAMED_BY}",
    "x-content-type-options": "nosniff",
    **({} if _IN_A_SPACE else {"x-frame-options": "SAMEORIGIN"}),
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cross-origin-opener-policy": "same-origin",
}
# What the page asks for. Gradio answers to more: it would hand out files, and reach other hosts on behalf of who asks.
_SERVED = re.compile(
    r"/|/(?:assets|static|svelte)/.*|/(?:theme\.css|favicon\.ico|pwa_icon|manifest\.json|robots\.txt|config/?|healthz)"
    r"|/(?:login|logout|login_check)/?"
    r"|/gradio_api/(?:info|app_id|startup-events|cancel|reset|component_server|upload|upload_progress|login_check)/?"
    r"|/gradio_api/(?:heartbeat|queue|call|run)/.*"
)


def serve(assistant: Assistant, access: Access, *, host: str, port: int, open_browser: bool) -> None:
    """Serve the window until Ctrl-C, at an address where it can listen."""
    # Who may is not said: this machine alone, by its own names.
    own = is_own(host) and not access.signed_in and access.may_change
    processing_utils.async_ssrf_protected_download = _fetch_nothing
    window = build(assistant, access)
    threading.Thread(target=_complete, args=(assistant.library,), daemon=True).start()
    try:
        window.launch(
            server_name=host,
            server_port=port,
            inbrowser=open_browser,
            prevent_thread_lock=True,
            quiet=True,
            share=False,
            ssr_mode=False,
            run_history=False,
            enable_monitoring=False,
            max_file_size=_LARGEST_FILE,
            state_session_capacity=_SESSIONS,
            auth=list(access.signed_in) or None,
            footer_links=[],
            favicon_path=_FOLDER / "favicon.svg",
            theme=gr.themes.Base(primary_hue="indigo", neutral_hue="slate", font=_FONTS, font_mono=_CODE_FONTS),
            css_paths=_FOLDER / "style.css",
            app_kwargs={"middleware": [Middleware(_Guarded, own=own)]},
        )
        announce("Pincite is", host, port)
        threading.Event().wait()
    except KeyboardInterrupt:
        pass
    finally:
        window.close(verbose=False)


def _complete(library: Library) -> None:
    try:
        library.complete()
    except PinciteError as error:  # the window answers by exact search
        click.echo(f"Error: {error}", err=True)


class _Guarded:
    """Only what the page needs is served, nothing too large is taken in, and every answer has security headers."""

    def __init__(self, app: asgi.ASGIApp, own: bool) -> None:
        self._app, self._own = app, own

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        begun = scope["type"] != "http"

        async def send_with_headers(message: asgi.Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        answer = _refusal(scope, self._own) if scope["type"] == "http" else None
        try:
            await (answer or self._app)(scope, receive, send_with_headers)
        except Exception:
            if begun:
                raise
            # Starlette would answer without the headers.
            await PlainTextResponse("This did not work.", 500)(scope, receive, send_with_headers)
            raise


async def _fetch_nothing(url: str, cache_dir: str) -> str:
    """In the place of Gradio's function, which would fetch what a visitor names as an uploaded file."""
    raise gr.Error("This file was not uploaded here.", print_exception=False)


def _refusal(scope: asgi.Scope, own: bool) -> PlainTextResponse | None:
    path, headers = str(scope["path"]), Headers(scope=scope)
    if is_foreign(scope["method"], headers, own):
        return PlainTextResponse(
            "This page answers to itself alone, at its own address. To reach it by another name, set PINCITE_AUTH.", 403
        )
    if not _SERVED.fullmatch(path):
        return PlainTextResponse("There is nothing here.", 404)
    if path == "/healthz":
        return PlainTextResponse("ok")
    most = _LARGEST_FILE + 2**20 if path.startswith("/gradio_api/upload") else LARGEST_REQUEST
    if wrong := oversize(scope["method"], headers, most):
        status, message = wrong
        return PlainTextResponse(message, status)
    return None
