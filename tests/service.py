"""Servers as their hosts run them: `pincite serve`, and what others share to start and end."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path

import httpx

from evals.timing import environ_of, free_port
from index.opening import SHIPPED_ARTICLES

ROOT = SHIPPED_ARTICLES.parent
# A test run in the background ignores Ctrl-C, and so would its children.
COMMAND = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from ui.terminal import main; main()"
)
SECONDS_TO_BEGIN = 60


@contextmanager
def started(
    arguments: Sequence[str],
    environ: Mapping[str, str],
    says: str,
    *,
    ended_by: signal.Signals = signal.SIGINT,
    may_say: str = "\n",
    python: Path = Path(sys.executable),
    cwd: Path = ROOT,
) -> Iterator[None]:
    """A server that `says` one line and ends when it is told to, without a word but lines that begin with `may_say`."""
    server = subprocess.Popen(
        [python, *arguments],
        cwd=cwd,
        env=dict(environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stdout
    line = server.stdout.readline()
    try:
        assert line == says, server.communicate()
        yield
    finally:
        server.send_signal(ended_by)
        try:
            rest, errors = server.communicate(timeout=30)
        finally:
            server.kill()
    errors = "".join(line for line in errors.splitlines(True) if not line.startswith(may_say))
    assert (server.returncode, rest, errors) == (0, "", ""), f"{server.returncode} {rest}\n{errors}"


@contextmanager
def in_background(server: ThreadingHTTPServer) -> Iterator[str]:
    """A server of this process's, at work in a thread of its own; its address."""
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def service(
    home: Path,
    environ: Mapping[str, str] = {},
    arguments: Sequence[str] = (),
    *,
    ended_by: signal.Signals = signal.SIGTERM,
) -> Iterator[str]:
    """The address of `pincite serve` when it is ready."""
    address = f"http://127.0.0.1:{(port := free_port())}"
    start = ["-c", COMMAND, "serve", "--port", str(port), *arguments]
    says = f"Pincite answers at {address}  (Ctrl-C stops it)\n"
    with started(start, environ_of(home, **environ), says, ended_by=ended_by):
        wait_until_ready(address)
        yield address


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
