"""Chroma's own server (`chroma run`) on loopback, and servers that only seem to be one."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from evals.timing import free_port
from tests.service import in_background

_SECONDS_TO_START = 30


class ChromaServer:
    """`chroma run` over the data in `folder`, on one port for all its life; `address` is where it is found."""

    def __init__(self, command: str, folder: Path) -> None:
        self._command = command
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._process = subprocess.Popen(
            [self._command, "run", "--path", str(self._folder), "--host", "127.0.0.1", "--port", str(self.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._folder.parent,
        )
        end = time.monotonic() + _SECONDS_TO_START
        while time.monotonic() < end:
            with suppress(httpx.HTTPError):
                if httpx.get(f"{self.address}/api/v2/heartbeat", timeout=1).is_success:
                    return
            time.sleep(0.05)
        self.kill()
        pytest.fail("chroma run did not start")

    def kill(self) -> None:
        """As a power cut does: nothing is finished."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def lose_everything(self) -> None:
        self.kill()
        shutil.rmtree(self._folder)


@contextmanager
def chroma_server(folder: Path) -> Iterator[ChromaServer]:
    """A running server, which is stopped at the end. Skips the test where the command is missing."""
    command = shutil.which("chroma", path=str(Path(sys.executable).parent)) or shutil.which("chroma")
    if command is None:
        pytest.skip("needs the chroma command, which comes with chromadb")
    server = ChromaServer(command, folder)
    try:
        server.start()
        yield server
    finally:
        server.kill()


@contextmanager
def silent_server() -> Iterator[str]:
    """Accepts connections and never answers; yields its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@contextmanager
def half_silent_server() -> Iterator[str]:
    """Says that it is alive, and never answers anything else; yields its address."""
    done = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not self.path.endswith("/heartbeat"):
                done.wait(60)
                return
            body = b'{"nanosecond heartbeat": 1}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with in_background(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as address:
        try:
            yield address
        finally:
            done.set()
