"""What may be fetched: web addresses in one spelling, and hosts on the public internet."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_network
from urllib.parse import quote, urljoin, urlsplit

from index.errors import DocumentError

SAVE = "Save the page to a file and add that."

# IANA's special-purpose registries as of 2025, rather than `is_global`: that differs between Python 3.10 and 3.13,
# and holds multicast for global. Of IPv6 only 2000::/3 is given out.
_REFUSED_V4 = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",
        "168.63.129.16/32",  # looks public; inside Azure it is the host
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
_UNICAST_V6 = ip_network("2000::/3")
_REFUSED_V6 = tuple(
    ip_network(network)
    for network in (
        "2001::/23",  # Teredo, ORCHID, benchmarking
        "2001:db8::/32",
        "2002::/16",  # 6to4: holds an IPv4 address
        "3fff::/20",
    )
)
_NAT64 = ip_network("64:ff9b::/96")

Address = IPv4Address | IPv6Address


def is_public(address: Address) -> bool:
    """Whether an address is on the public internet: not private, local, shared, reserved, multicast, or a tunnel."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _REFUSED_V4)
    if address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    return address in _UNICAST_V6 and not any(address in network for network in _REFUSED_V6)


@dataclass(frozen=True, slots=True)
class Url:
    scheme: str
    host: str
    port: int
    authority: str
    target: str

    @property
    def address(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"

    def __str__(self) -> str:
        """The address as messages show it."""
        return self.address if len(self.address) <= 200 else f"{self.address[:200]}..."


def parse(address: str) -> Url:
    """An address in one spelling, all of it printable ASCII. What cannot be read is not repeated: it may hold a
    password, or be long."""
    address = address.strip()
    bad = DocumentError("Not a web address that can be read. Give one such as https://example.org/page.")
    if any(character < " " or character == "\x7f" for character in address):
        raise bad
    try:
        parts = urlsplit(address)
        scheme, host, port = parts.scheme, parts.hostname or "", parts.port
        if scheme and scheme not in ("http", "https"):
            raise DocumentError(f"{scheme[:20]}: addresses are not fetched, only http:// and https://. {SAVE}")
        if "@" in parts.netloc:
            raise DocumentError(f"The web address holds a user name or password. Leave it out, or: {SAVE.lower()}")
        if len(host) > 253:
            raise bad
        host = str(IPv6Address(host)) if "[" in parts.netloc else host.encode("idna").decode("ascii")
        target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
        if parts.query:
            target += "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~?[]|")
    except ValueError:
        raise bad from None
    if not scheme or not re.fullmatch(r"[A-Za-z0-9._-]+|[0-9a-f:.]+", host):
        raise bad
    default = 443 if scheme == "https" else 80
    port = default if port is None else port
    # Below 1024 lie mail, shells and the like, which are not to be talked to; above, people do serve pages.
    if port not in (80, 443) and port < 1024:
        raise DocumentError(f"Port {port} is not one for web pages: only 80, 443 and those from 1024 are. {SAVE}")
    authority = f"[{host}]" if ":" in host else host
    return Url(scheme, host, port, authority if port == default else f"{authority}:{port}", target)


def followed(url: Url, location: str) -> Url:
    """Where a redirect of `url` leads."""
    with suppress(UnicodeError):
        # http.client reads headers as Latin-1; servers write UTF-8.
        location = location.encode("latin-1").decode("utf-8")
    try:
        target = parse(urljoin(url.address, location))
    except ValueError:
        target = parse("")
    if url.scheme == "https" and target.scheme == "http":
        raise DocumentError(f"{target} is not encrypted, as the address before it was. {SAVE}")
    return target
