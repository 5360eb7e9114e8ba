"""The parent's side: a child process that parses one file after the other, and is replaced when one breaks it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Any

from index.errors import DocumentError
from index.formats.frames import read_frame, write_frame
from index.formats.parsed import Parsed

SECONDS = 60.0
MEMORY = 1536 * 2**20

# The child sees this process's packages and nothing of the folder or the variables that it was started with.
_PROGRAM = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from index.formats.child import main; main()"


class Parser:
    """Parses files in a child process, which starts with the first of them; close it, or use it in a `with`.

    `seconds` is the time that one file may take, `memory` the bytes of address space that the child may hold
    (enforced on Linux). Not for use by several threads at once.
    """

    def __init__(self, *, seconds: float = SECONDS, memory: int = MEMORY) -> None:
        self._seconds = seconds
        self._memory = memory
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Parser:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The child's process id, None while there is none."""
        return self._child.pid if self._child else None

    def parse(self, data: bytes, suffix: str) -> Parsed:
        """What the file with these bytes and this suffix (as ".pdf") says.

        Raises DocumentError, whose message has the file as "it": damaged, encrypted, without text, over a limit.
        """
        expired = threading.Event()
        child = self._started()

        def stop() -> None:
            expired.set()
            child.kill()

        watchdog = threading.Timer(self._seconds, stop)
        watchdog.daemon = True
        watchdog.start()
        header: dict[str, Any] | None = None
        body = b""
        try:
            with suppress(OSError, EOFError):
                header, body = self._asked(child, data, suffix)
        except BaseException:
            self.close()
            raise
        finally:
            watchdog.cancel()
            watchdog.join()
        if header is None:
            code = self.close()
            raise DocumentError(self._too_slow if expired.is_set() else self._broken(code))
        if expired.is_set() or header["last"]:
            self.close()
        if "error" in header:
            raise DocumentError(header["error"])
        return Parsed(body.decode("utf-8"), header["title"], tuple(header["pages"]))

    def close(self) -> int | None:
        """End the child, at once; its exit status if there was one."""
        child, self._child = self._child, None
        if child is None:
            return None
        with suppress(OSError):
            if child.stdin:
                child.stdin.close()
        try:
            child.wait(0.5)
        except subprocess.TimeoutExpired:
            child.kill()
        if child.stdout:
            child.stdout.close()
        return child.wait()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is not None and self._child.poll() is not None:
            self.close()
        if self._child is None:
            path = json.dumps([os.path.abspath(entry) for entry in sys.path])
            self._child = subprocess.Popen(
                [sys.executable, "-I", "-c", _PROGRAM, path, str(self._memory)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        return self._child

    def _asked(self, child: subprocess.Popen[bytes], data: bytes, suffix: str) -> tuple[dict[str, Any], bytes]:
        if child.stdin is None or child.stdout is None:
            raise EOFError
        write_frame(child.stdin, {"suffix": suffix, "seconds": self._seconds}, data)
        return read_frame(child.stdout)

    @property
    def _too_slow(self) -> str:
        return f"reading it took longer than {self._seconds:g} seconds. Split it, or save it as text, then add that."

    def _broken(self, code: int | None) -> str:
        return (
            f"it broke its parser (exit status {code}), so it is damaged or too large. "
            "Open it in its own program and save it again, or save it as text, then add that."
        )
