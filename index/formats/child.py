"""The child's side: files in, texts out, within limits. What the libraries print goes nowhere."""

from __future__ import annotations

import importlib
import os
import sys
from contextlib import suppress
from typing import Any

from index.errors import DocumentError
from index.formats.frames import read_frame, write_frame
from index.formats.parsed import MODULES, Parsed

try:
    import resource
except ImportError:  # Windows has no such limits: there the parent's clock has to do
    resource = None  # type: ignore[assignment]

FILES_PER_CHILD = 100  # what the libraries leak, ends with the child

_TOO_LARGE = "it needs more memory than a file is given. Split it, or save it as text, then add that."


def main() -> None:
    """Answer requests from standard input until it ends, or until this process is used up."""
    memory = int(sys.argv[2])
    requests = sys.stdin.buffer
    replies = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    _limit("RLIMIT_AS", memory)
    _limit("RLIMIT_CORE", 0)
    for served in range(1, FILES_PER_CHILD + 1):
        try:
            header, data = read_frame(requests)
        except EOFError:
            return
        _limit("RLIMIT_CPU", _cpu_seconds() + int(header["seconds"]) + 5)
        reply, text = answered(data, header["suffix"])
        del data
        reply["last"] = reply.pop("spent", False) or served == FILES_PER_CHILD or _peak() > memory // 2
        write_frame(replies, reply, text)
        if reply["last"]:
            return


def answered(data: bytes, suffix: str) -> tuple[dict[str, Any], bytes]:
    """The header and the text of the reply about one file. Raises nothing."""
    try:
        parsed: Parsed = importlib.import_module(f"index.formats.{MODULES[suffix]}").parse(data)
        if not parsed.text.strip():
            raise DocumentError("it holds no text. Add a file with text in it.")
        return {"title": parsed.title, "pages": parsed.pages}, parsed.text.encode("utf-8")
    except DocumentError as error:
        return {"error": str(error)}, b""
    except ImportError as error:
        return {"error": f"a package is missing ({error}). Install Pincite anew, then add it again."}, b""
    except MemoryError:
        return {"error": _TOO_LARGE, "spent": True}, b""
    except RecursionError:
        return {"error": "it is nested too deeply. Save it as text, then add that.", "spent": True}, b""
    except Exception as error:
        if _ran_out_of_memory(error):
            return {"error": _TOO_LARGE, "spent": True}, b""
        message = (
            f"it is damaged, or no {suffix[1:].upper()} file. Open it in its own program and save it again, "
            "then add that."
        )
        return {"error": message}, b""


def _ran_out_of_memory(error: Exception) -> bool:
    """libxml2 calls it an error of syntax, with the code XML_ERR_NO_MEMORY."""
    return type(error).__module__.startswith("lxml") and getattr(error, "code", None) == 2


def _limit(name: str, value: int) -> None:
    if resource is not None and hasattr(resource, name):
        number = getattr(resource, name)
        with suppress(ValueError, OSError):
            hard = resource.getrlimit(number)[1]
            soft = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(number, (soft, hard))


def _cpu_seconds() -> int:
    times = os.times()
    return int(times.user + times.system)


def _peak() -> int:
    """The most memory that this process ever held, in bytes."""
    if sys.platform == "linux":  # where ru_maxrss counts the parent's too, from before the child became a program
        with open("/proc/self/status", encoding="ascii", errors="replace") as status:
            peaks = [int(line.split()[1]) for line in status if line.startswith("VmHWM:")]
        return max(peaks, default=0) * 1024
    if resource is None:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
