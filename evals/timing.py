"""What the benchmarks share: the machine, the seconds of a call, processes of their own and what they take, servers."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from datetime import date
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import httpx

T = TypeVar("T")

_SECONDS_TO_BEGIN = 60


def machine() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line for line in lines if line.startswith("model name")]
    processor = names[0].partition(":")[2].strip() if names else platform.processor()
    memory = (
        f", {os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB" if os.name == "posix" else ""
    )
    load = f", load {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    packages = ", ".join(f"{name} {version(name)}" for name in ("onnxruntime", "chromadb"))
    return (
        f"{date.today()}: {platform.system()} {platform.machine()} {processor}, {os.cpu_count()} cores{memory}, "
        f"Python {platform.python_version()}, {packages}{load}"
    )


def seconds_of(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def apart(function: Callable[..., T], *given: object) -> T:
    """What `function` returns in a new process."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(function, *given).result()


def peak_memory() -> int:
    """The largest resident memory of this process in bytes.

    Linux's ru_maxrss counts that of the process that started this one, so /proc is read there.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        return 1024 * next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def bytes_in(folder: Path) -> int:
    """Bytes of all files under it."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def pincite(*arguments: str, first: str = "") -> list[str]:
    """The command as a process that SIGTERM ends like Ctrl-C; `first` is Python to run before it."""
    stop = "import signal; signal.signal(signal.SIGTERM, signal.default_int_handler)"
    return [sys.executable, "-c", f"{stop}; {first}\nfrom ui.terminal import main; main()", *arguments]


def unset() -> dict[str, str]:
    """This process's environment without settings of Pincite's and of models."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "PINCITE_"))}


def environ_of(home: Path, **more: str) -> dict[str, str]:
    """The same with the library in `home`, and `more`."""
    return {**unset(), "PINCITE_HOME": str(home), **more}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextmanager
def served(
    command: Sequence[str], ready: str, environ: Mapping[str, str], folder: Path | None = None
) -> Iterator[tuple[str, int]]:
    """The address and process id of a server in `folder`, on a free port, from when it answers at the path `ready`."""
    address = f"http://127.0.0.1:{(port := free_port())}"
    server = subprocess.Popen([*command, "--port", str(port)], env=environ, cwd=folder, stdout=subprocess.DEVNULL)
    try:
        _wait(f"{address}{ready}")
        yield address, server.pid
    finally:
        server.terminate()
        server.wait()


def _wait(address: str) -> None:
    end = time.monotonic() + _SECONDS_TO_BEGIN
    with httpx.Client(timeout=_SECONDS_TO_BEGIN, trust_env=False) as client:
        while time.monotonic() < end:
            with suppress(httpx.TransportError):
                if client.get(address).is_success:
                    return
            time.sleep(0.02)
    raise SystemExit(f"{address} does not answer")
