"""Bytes of a connection and of gzip, for as long as a clock runs."""

from __future__ import annotations

import io
import socket
import time
import zlib


class Clock:
    """Time until the deadline."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds, more than 0. Raises TimeoutError when there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class _TimedReader(io.RawIOBase):
    """The bytes that a socket receives; no read outlives the clock, however slowly they drip."""

    def __init__(self, connection: socket.socket, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._raw = connection.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int | None:  # type: ignore[override]
        self._connection.settimeout(self._clock.left())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class TimedSocket:
    """As much of a socket as http.client uses."""

    def __init__(self, connection: socket.socket, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    def sendall(self, data: bytes) -> None:
        self._connection.settimeout(self._clock.left())
        self._connection.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self._connection, self._clock))

    def close(self) -> None:
        self._connection.close()


class Gunzip:
    """Unpacks gzip, of one or more members, no further than asked."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(31)

    @property
    def whole(self) -> bool:
        return self._member.eof

    def feed(self, piece: bytes, most: int, clock: Clock) -> bytes:
        """What `piece` holds, but at most `most` bytes (more than 0)."""
        unpacked = bytearray()
        while piece and len(unpacked) < most:
            clock.left()
            if self._member.eof:
                self._member = zlib.decompressobj(31)
            unpacked += self._member.decompress(piece, most - len(unpacked))
            piece = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
        return bytes(unpacked)
