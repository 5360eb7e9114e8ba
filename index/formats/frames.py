"""What parent and child say to each other over pipes: a JSON header and bytes, each after its length."""

from __future__ import annotations

import json
import struct
from typing import IO, Any

_LENGTHS = struct.Struct(">IQ")


def write_frame(stream: IO[bytes], header: dict[str, Any], body: bytes) -> None:
    """Raises OSError if the other side is gone."""
    encoded = json.dumps(header).encode()
    stream.write(_LENGTHS.pack(len(encoded), len(body)) + encoded)
    stream.write(body)
    stream.flush()


def read_frame(stream: IO[bytes]) -> tuple[dict[str, Any], bytes]:
    """Raises EOFError if the other side is gone, before or within a frame."""
    header_length, body_length = _LENGTHS.unpack(_exactly(stream, _LENGTHS.size))
    header: dict[str, Any] = json.loads(_exactly(stream, header_length))
    return header, _exactly(stream, body_length)


def _exactly(stream: IO[bytes], length: int) -> bytes:
    data = stream.read(length)
    if len(data) < length:
        raise EOFError
    return data
