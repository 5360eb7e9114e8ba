"""A model's server on loopback that misbehaves below HTTP, each time in one of the ways of `FAULTS`."""

from __future__ import annotations

import json
import re
import select
import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from tests.model_server import DONE, chunk, event

WELL = (
    "North Korea has supplied ",
    "7,000 containers ",
    "filled with artillery rounds to Russia [1].",
    " So it is [1].",
)
DRIP = 5.0
_HUGE = 50 * 2**20

FAULTS = {
    "none": "all is well",
    "slow": "well, each piece after .05 s",
    "hang-before-headers": "nothing is sent",
    "hang-after-headers": "only the headers",
    "hang-after-tokens": "three pieces, then silence",
    "drip": "one byte every five seconds",
    "429-retry-after": "429 with Retry-After: 1, once",
    "429-retry-after-long": "429 with Retry-After: 3600",
    "429": "429 without Retry-After, once",
    "429-for-ever": "429 without Retry-After",
    "429-insufficient-quota": "429, no credit, with a Retry-After that tempts",
    "401": "401 whose message repeats the key",
    "403": "403",
    "404": "404, no such model",
    "400-context": "400, too much context",
    "500": "500 once",
    "502": "502 once, with a proxy's page",
    "503": "503 once",
    "500-for-ever": "500",
    "502-for-ever": "502",
    "503-for-ever": "503",
    "reset": "the connection is reset",
    "reset-once": "the connection is reset, once",
    "reset-in-the-middle": "three pieces, then reset",
    "cut": "three pieces, then closed within a chunk",
    "malformed-sse": "lines that are no events",
    "malformed-json": "two pieces, then half an object",
    "error-event": "two pieces, then an error as an event",
    "empty-choices": "chunks without choices",
    "no-text": "a whole stream without text",
    "html-200": "a web page with status 200",
    "json-200": "a whole answer that is no stream",
    "huge": "50 MB of words",
    "huge-line": "50 MB in one line",
    "length": "three pieces, then the limit of tokens",
    "redirect": "307 to another server",
}


class Gone(Exception):
    """The client has closed the connection, or the server is to end."""


class FaultyServer:
    """`requests` came, `headers` and `bodies` are what they held; `redirected` came to where "redirect" leads."""

    def __init__(self, fault: str, text: Sequence[str], drip: float) -> None:
        self.requests = self.redirected = 0
        self.headers: list[dict[str, str]] = []
        self.bodies: list[str] = []
        self.closed_by_client = threading.Event()
        self._fault, self._text, self._drip = fault, text, drip
        self._listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        self._wake, self._ended = socket.socketpair()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._listeners[0].getsockname()[1]}/v1"

    def close(self) -> None:
        self._wake.close()
        for thread in self._threads:
            thread.join()
        for each in (*self._listeners, self._ended):
            each.close()

    def _accept(self) -> None:
        while True:
            ready = select.select([*self._listeners, self._ended], [], [])[0]
            if self._ended in ready:
                return
            for listener in ready:
                connection = listener.accept()[0]
                self.redirected += listener is self._listeners[1]
                thread = threading.Thread(target=self._serve, args=(connection,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(Gone, OSError):
            while True:
                self._read(connection)
                _Answer(self, connection).send(self._fault if self.requests == 1 else _later(self._fault))

    def _read(self, connection: socket.socket) -> None:
        data = b""
        while b"\r\n\r\n" not in data:
            self.wait(connection, None, reading=True)
            data += self._received(connection)
        head, _, body = data.partition(b"\r\n\r\n")
        named = dict(re.findall(r"(?m)^([\w-]+): *(.*?)\r?$", head.decode("latin-1")))
        headers = {name.lower(): value for name, value in named.items()}
        while len(body) < int(headers.get("content-length", 0)):
            body += self._received(connection)
        self.requests += 1
        self.headers.append(headers)
        self.bodies.append(body.decode())

    @staticmethod
    def _received(connection: socket.socket) -> bytes:
        data = connection.recv(65536)
        if not data:
            raise Gone
        return data

    def wait(self, connection: socket.socket, seconds: float | None, *, reading: bool = False) -> None:
        """Raises Gone as soon as the client has closed the connection, or the server is to end."""
        ready = select.select([connection, self._ended], [], [], seconds)[0]
        if self._ended in ready:
            raise Gone
        if connection in ready and not reading:
            self.closed_by_client.set()
            raise Gone


def _later(fault: str) -> str:
    """What a further request is answered with: what was to happen once is over."""
    once = {"429-retry-after", "429", "500", "502", "503", "reset-once"}
    return "none" if fault in once else fault


class _Answer:
    def __init__(self, server: FaultyServer, connection: socket.socket) -> None:
        self._server, self._connection = server, connection

    def send(self, fault: str) -> None:
        if re.match(r"\d", fault):
            self._status(fault)
        elif fault in ("none", "slow", "no-text", "empty-choices", "length"):
            self._stream(fault)
        else:
            getattr(self, "_" + fault.replace("-", "_"))()

    def _stream(self, fault: str) -> None:
        self._head()
        text: Sequence[str] = self._server._text
        if fault in ("no-text", "empty-choices"):
            text = ("", "")
        for piece in text[:3] if fault == "length" else text:
            self._server.wait(self._connection, 0.05 if fault == "slow" else 0)
            self._piece(piece) if fault != "empty-choices" else self._chunk(event({"choices": []}))
        if fault != "empty-choices":
            self._chunk(event(chunk({}, "length" if fault == "length" else "stop")))
        self._chunk(DONE)
        self._write(b"0\r\n\r\n")

    def _status(self, fault: str) -> None:
        status = int(fault[:3])
        code = {"429-insufficient-quota": "insufficient_quota", "400-context": "context_length_exceeded"}.get(fault)
        wait = {"429-retry-after": "1", "429-insufficient-quota": "1", "429-retry-after-long": "3600"}.get(fault)
        key = self._server.headers[-1].get("authorization", "").removeprefix("Bearer ")
        error = {"message": f"Incorrect API key provided: {key}", "type": code or "error", "code": code, "param": None}
        body = b"<html><h1>Bad Gateway</h1></html>" if status == 502 else json.dumps({"error": error}).encode()
        kind = "text/html" if status == 502 else "application/json"
        more = f"Retry-After: {wait}\r\n" if wait else ""
        head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\n{more}Content-Length: {len(body)}\r\n\r\n"
        self._write(head.encode() + body)

    def _hang_before_headers(self) -> None:
        self._server.wait(self._connection, None)

    def _hang_after_headers(self) -> None:
        self._head()
        self._server.wait(self._connection, None)

    def _hang_after_tokens(self) -> None:
        self._pieces(3)
        self._server.wait(self._connection, None)

    def _drip(self) -> None:
        self._write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 99999\r\n\r\n")
        for byte in event(chunk({"content": "word "})) * 9:
            self._server.wait(self._connection, self._server._drip)
            self._write(bytes([byte]))

    def _reset(self) -> None:
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Gone

    _reset_once = _reset

    def _reset_in_the_middle(self) -> None:
        self._pieces(3)
        self._server.wait(self._connection, 0.1)  # a reset takes with it what was not read yet
        self._reset()

    def _cut(self) -> None:
        self._pieces(3)
        self._write(b"ff\r\ndata: {")
        raise Gone

    def _malformed_sse(self) -> None:
        self._closing("text/event-stream", b"garbage\n\x00\x01 more of it\n\n" * 9)

    def _malformed_json(self) -> None:
        pieces = b"".join(event(chunk({"content": piece})) for piece in self._server._text[:2])
        self._closing("text/event-stream", pieces + b'data: {"choices": [{"delta": {"con\n\n')

    def _error_event(self) -> None:
        pieces = b"".join(event(chunk({"content": piece})) for piece in self._server._text[:2])
        self._closing("text/event-stream", pieces + event({"error": {"message": "no memory", "type": "server_error"}}))

    def _html_200(self) -> None:
        self._closing("text/html; charset=utf-8", b"<html><body>Sign in to the proxy</body></html>")

    def _json_200(self) -> None:
        message = {"role": "assistant", "content": "".join(self._server._text)}
        whole = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "object": "chat.completion"}
        self._closing("application/json", json.dumps({"id": "1", "created": 0, "model": "m", **whole}).encode())

    def _huge(self) -> None:
        self._head()
        for number in range(_HUGE // 65536):
            self._server.wait(self._connection, 0)
            self._piece("".join(f"word {number + count} " for count in range(6000)))

    def _huge_line(self) -> None:
        self._head()
        self._chunk(b'data: {"choices": [{"delta": {"content": "')
        for _ in range(_HUGE // 65536):
            self._server.wait(self._connection, 0)
            self._chunk(b"a" * 65536)
        raise Gone

    def _redirect(self) -> None:
        port = self._server._listeners[1].getsockname()[1]
        self._write(
            b"HTTP/1.1 307 Temporary Redirect\r\nContent-Length: 0\r\n"
            b"Location: http://127.0.0.1:%d/v1/chat/completions\r\n\r\n" % port
        )

    def _closing(self, kind: str, body: bytes) -> None:
        self._write(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n".encode() + body)
        raise Gone

    def _pieces(self, count: int) -> None:
        self._head()
        for piece in self._server._text[:count]:
            self._piece(piece)

    def _head(self) -> None:
        self._write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")

    def _piece(self, text: str) -> None:
        self._chunk(event(chunk({"content": text})))

    def _chunk(self, data: bytes) -> None:
        self._write(b"%x\r\n%s\r\n" % (len(data), data))

    def _write(self, data: bytes) -> None:
        try:
            self._connection.sendall(data)
        except OSError:
            self._server.closed_by_client.set()
            raise


@contextmanager
def faulty_server(fault: str, *, text: Sequence[str] = WELL, drip: float = DRIP) -> Iterator[FaultyServer]:
    """A server with one fault; all its connections and threads end with the context."""
    server = FaultyServer(fault, text, drip)
    try:
        yield server
    finally:
        server.close()
