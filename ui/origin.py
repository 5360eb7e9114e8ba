"""Whether the page of another site asks, through the browser of one who may."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers


def is_own(host: str) -> bool:
    """Whether only this machine reaches that address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_foreign(method: str, headers: Headers, own: bool) -> bool:
    """`own`: only this machine is to ask, by its own names."""
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
