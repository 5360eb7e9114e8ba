"""Who may change a library: the first process that opens its folder. Others read, and are told who has it."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

# With less room on its disk than this a library is only read: SQLite alone needs half of it to open one.
_ROOM = 2**17
# How long to wait for an owner that has just come to say who it is.
_SECONDS_TO_SAY = 0.5


class Ownership:
    """This process's claim on a library's folder, which is made if it is not there.

    `refusal` says in one line why the claim failed: another process has the folder, or it cannot be written, and then
    `cause` is the system's error. It is empty where this process is the owner. Without `claim` it only reads, and
    leaves the folder to another.
    """

    def __init__(self, folder: Path, *, claim: bool = True) -> None:
        self._folder = folder
        self._lock = FileLock(str(folder / "owner.lock"), timeout=0)
        self.refusal = ""
        self.cause: OSError | None = None
        if not claim:
            self.refusal = f"The library at {folder} is only read here. Change it with: pincite add, remove, tag"
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
            command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:2]])
            self._card.write_text(json.dumps({"process": os.getpid(), "command": command}))
            self._must_have_room()
        except Timeout:
            self.refusal = (
                f"The library at {folder} is in use by {self._owner()}, which alone may change it. "
                "Stop that one first, or use another library with --library."
            )
        except OSError as error:
            self._lock.release()
            self.cause = error
            self.refusal = (
                f"Cannot write a library to {folder}: {error.strerror or error}. "
                "Make room or get permission there, or choose another place with --library or PINCITE_HOME."
            )

    def release(self) -> None:
        if not self.refusal:
            with suppress(OSError):
                self._card.unlink(missing_ok=True)
        self._lock.release()

    def _must_have_room(self) -> None:
        trial = self._folder / "room"
        try:
            trial.write_bytes(bytes(_ROOM))
        finally:
            trial.unlink(missing_ok=True)

    @property
    def _card(self) -> Path:
        return self._folder / "owner.json"

    def _owner(self) -> str:
        end = time.monotonic() + _SECONDS_TO_SAY
        while True:
            try:
                owner = json.loads(self._card.read_text())
                return f"process {owner['process']} ({owner['command']})"
            except (OSError, ValueError, KeyError, TypeError):
                if time.monotonic() > end:
                    return "another process"
            time.sleep(0.01)
