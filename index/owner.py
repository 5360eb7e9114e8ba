"""Who may change a library: the first process that opens its folder. Others read, and are told who has it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from filelock import FileLock, Timeout


class Ownership:
    """This process's claim on a library's folder, which is made if it is not there.

    `refusal` says in one line why the claim failed: another process has the folder, or it cannot be written, and then
    `cause` is the system's error. It is empty where this process is the owner.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = FileLock(str(folder / "owner.lock"), timeout=0)
        self.refusal = ""
        self.cause: OSError | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
            command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:2]])
            self._card.write_text(json.dumps({"process": os.getpid(), "command": command}))
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
                "Choose another place with --library or PINCITE_HOME."
            )

    def release(self) -> None:
        self._lock.release()

    @property
    def _card(self) -> Path:
        return self._folder / "owner.json"

    def _owner(self) -> str:
        try:
            owner = json.loads(self._card.read_text())
            return f"process {owner['process']} ({owner['command']})"
        except (OSError, ValueError, KeyError):
            return "another process"
