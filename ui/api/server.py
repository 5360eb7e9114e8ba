"""A server of these doors on an address: one process or several, until it is told to stop."""

from __future__ import annotations

import os
import signal
import tempfile
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn

from index import open_library
from rag import Assistant
from ui.api.app import create
from ui.api.callers import Callers
from ui.api.guard import Guard, rate_of
from ui.network import announce, is_own, listening

# How several processes are told what the first one was: they begin anew, with nothing but the environment.
_LIBRARY, _SHARED = "PINCITE_SERVED_LIBRARY", "PINCITE_SERVED_TO_OTHERS"
_SETTINGS: dict[str, Any] = {
    "log_level": "error",
    "access_log": False,  # nothing of what is asked is written down
    "server_header": False,
    "timeout_graceful_shutdown": 10,
}


def serve(library: Path | None, *, host: str, port: int, processes: int) -> None:
    """Answer programs until Ctrl-C or SIGTERM; requests that have begun are answered first.

    The library is only read: another process may change it at the same time. Raises PinciteError if the address, the
    library or a setting cannot be used.
    """
    shared = not is_own(host)
    if processes == 1:
        run(application(library, shared=shared), "Pincite answers", host, port)
        return
    # What is wrong is said here, once, before each of them would say it.
    rate_of(Callers.of(shared=shared))
    with open_library(library, read_only=True) as opened:
        Assistant.open(opened).close()
    listening(host, port).close()
    os.environ |= {_LIBRARY: str(library or ""), _SHARED: "yes" if shared else ""}
    with tempfile.TemporaryDirectory() as counts:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = counts
        announce("Pincite answers", host, port)
        uvicorn.run("ui.api.server:_again", factory=True, host=host, port=port, workers=processes, **_SETTINGS)


def run(app: Guard, does: str, host: str, port: int, path: str = "") -> None:
    """Serve it in this process."""
    with listening(host, port) as listener:
        server = uvicorn.Server(uvicorn.Config(app, **_SETTINGS))
        signal.signal(signal.SIGTERM, _end)
        announce(does, host, port, path)
        with suppress(KeyboardInterrupt):
            server.run(sockets=[listener])


def application(library: Path | None, *, shared: bool) -> Guard:
    callers = Callers.of(shared=shared)
    opened = open_library(library, read_only=True)
    assistant = Assistant.open(opened)

    def close() -> None:
        assistant.close()
        opened.close()

    return create(assistant, callers, rate_of(callers), close)


def _again() -> Guard:
    library = os.environ[_LIBRARY]
    return application(Path(library) if library else None, shared=bool(os.environ[_SHARED]))


def _end(_: int, __: FrameType | None) -> None:
    raise SystemExit(0)
