"""`pincite serve` as a host runs it, and what asks it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from index.library import SHIPPED_ARTICLES

ROOT = SHIPPED_ARTICLES.parent
# A test run in the background ignores Ctrl-C, and so would its children.
COMMAND = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from ui.terminal import main; main()"
)
SECONDS_TO_BEGIN = 60


def environ_of(home: Path, environ: Mapping[str, str] = {}) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "PINCITE_"))}
    return {**clean, "PINCITE_HOME": str(home), **environ}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextmanager
def service(
    home: Path,
    environ: Mapping[str, str] = {},
    arguments: Sequence[str] = (),
    *,
    ended_by: signal.Signals = signal.SIGTERM,
) -> Iterator[str]:
    """The address of a server that is ready; it ends when it is told to, without a word of its own."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "serve", "--port", str(port), *arguments],
        cwd=ROOT,
        env=environ_of(home, environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stdout
    line = server.stdout.readline()
    try:
        assert line == f"Pincite answers at http://127.0.0.1:{port}  (Ctrl-C stops it)\n", server.communicate()
        wait_until_ready(address := f"http://127.0.0.1:{port}")
        yield address
    finally:
        server.send_signal(ended_by)
        rest, errors = server.communicate(timeout=30)
    assert (server.returncode, rest, errors) == (0, "", ""), f"{server.returncode} {rest}\n{errors}"


def wait_until_ready(address: str) -> None:
    end = time.monotonic() + SECONDS_TO_BEGIN
    while True:
        try:
            if httpx.get(f"{address}/readyz", timeout=SECONDS_TO_BEGIN).status_code == 200:
                return
        except httpx.TransportError:
            if time.monotonic() > end:
                raise
        time.sleep(0.05)
