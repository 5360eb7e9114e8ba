"""The step boundaries at which a process is stopped."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from index.database import Database
from index.ledger import Ledger
from index.nearest import Nearest
from index.owner import Ownership
from index.vectors import ChromaVectors


class Boundaries:
    """Notes before and after every step that changes something; kills this process at the `fatal`th of them."""

    STEPS: tuple[tuple[type, str], ...] = (
        (Database, "__init__"), (Ledger, "put"), (Ledger, "move"), (Ledger, "remove"), (Database, "set_meta"),
        (Database, "_count"), (Ledger, "add_root"), (Ledger, "remove_root"), (Ledger, "replace_embeddings"),
        (Database, "close"),
        (ChromaVectors, "in_folder"), (ChromaVectors, "put"), (ChromaVectors, "remove"), (ChromaVectors, "close"),
        (Nearest, "_erase"), (Nearest, "_sweep"), (Nearest, "build"),
        (Ownership, "__init__"), (Ownership, "release"),
    )  # fmt: skip

    def __init__(self, trace: Path, fatal: int = 0) -> None:
        self._file = os.open(trace, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        self._fatal = fatal
        self._count = 0

    def install(self) -> None:
        for owner, name in self.STEPS:
            step = getattr(owner, name)
            wrapper: Any = self._wrapped(f"{owner.__name__}.{name}", getattr(step, "__func__", step))
            setattr(owner, name, classmethod(wrapper) if hasattr(step, "__func__") else wrapper)

    def _wrapped(self, name: str, step: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*args: Any, **kwargs: Any) -> Any:
            self._pass(f"before {name}")
            made = step(*args, **kwargs)
            self._pass(f"after {name}")
            return made

        return stepped

    def _pass(self, what: str) -> None:
        self._count += 1
        os.write(self._file, f"{what}\n".encode())
        if self._count == self._fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    @staticmethod
    def read(trace: Path) -> list[str]:
        return trace.read_text().splitlines() if trace.is_file() else []

    @staticmethod
    def step(lines: Iterable[str]) -> str:
        """The innermost step that had begun and not ended."""
        open_steps: list[str] = []
        for when, name in (line.split(" ", 1) for line in lines if " " in line):
            if when == "before":
                open_steps.append(name)
            elif name in open_steps:
                del open_steps[len(open_steps) - 1 - open_steps[::-1].index(name) :]
        return open_steps[-1] if open_steps else ""
