"""What the window and the doors for programs share on the network: addresses, limits, and requests to be refused."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

import click
from starlette.datastructures import Headers

from index import PinciteError

# Questions answered at the same time, and those that may wait for it.
AT_ONCE, WAITING = 16, 256
LARGEST_REQUEST = 4 * 2**20


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises PinciteError if that is not possible."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (while")[0]  # Python adds the address once more
        raise PinciteError(
            f"Cannot listen on {_address(host, port)}: {reason}. Stop what uses it, or choose another port with --port."
        ) from error


def announce(does: str, host: str, port: int, path: str = "") -> None:
    """Say where it is served."""
    click.echo(f"{does} at {_address(host, port)}{path}  (Ctrl-C stops it)")


def _address(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def is_own(host: str) -> bool:
    """Whether only this machine reaches that address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_foreign(method: str, headers: Headers, own: bool) -> bool:
    """Whether the page of another site asks, through the browser of one who may.

    `own`: only this machine is to ask, by its own names.
    """
    host = headers.get("host", "")
    if own and not is_own(_name(host)):
        return True  # a name of that site which leads to this machine
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:  # said over https, and by this machine to itself
        followed = headers.get("sec-fetch-mode") == "navigate" and method in ("GET", "HEAD")  # a link to here
        return site not in ("same-origin", "none") and not followed
    return origin is not None and urlsplit(origin).netloc != host


def _name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def oversize(method: str, headers: Headers, most: int = LARGEST_REQUEST) -> tuple[int, str] | None:
    """Status and message for a request that is too large, or does not say how large it is."""
    if method not in ("POST", "PUT", "PATCH"):
        return None
    length = headers.get("content-length", "")
    if not length.isdigit() or "transfer-encoding" in headers:
        return 411, "Say how long it is: the header Content-Length is missing."
    return (413, f"This is too large: {most // 2**20} MiB are the most.") if int(length) > most else None
