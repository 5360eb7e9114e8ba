"""Addresses to listen on."""

from __future__ import annotations

import socket

from index import PinciteError


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises PinciteError if that is not possible."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (while")[0]  # Python adds the address once more
        raise PinciteError(
            f"Cannot listen on {address(host, port)}: {reason}. Stop what uses it, or choose another port with --port."
        ) from error


def address(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
