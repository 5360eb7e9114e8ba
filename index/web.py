"""One page or file from the web, on a person's request. An address that leads into a private network is refused."""

from __future__ import annotations

import codecs
import http.client
import io
import queue
import re
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import PurePosixPath
from urllib.parse import quote, unquote, urljoin, urlsplit

import certifi

from index.documents import Document, document_of
from index.errors import DocumentError
from index.formats import Parser

SECONDS = 30.0
LARGEST = 50 * 2**20
REDIRECTS = 5

# A first address that does not answer leaves time for the next.
_CONNECT_SECONDS = 8.0
_PIECE = 2**16
_SAVE = "Save the page to a file and add that."

_OOXML = "application/vnd.openxmlformats-officedocument."
_TYPES = {
    "text/plain": ".txt",
    "text/markdown": ".md",
    "text/x-markdown": ".md",
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "application/pdf": ".pdf",
    "application/x-pdf": ".pdf",
    _OOXML + "wordprocessingml.document": ".docx",
    _OOXML + "presentationml.presentation": ".pptx",
    _OOXML + "spreadsheetml.sheet": ".xlsx",
    "application/epub+zip": ".epub",
}
# What servers say of a file that they know nothing about; "" is saying nothing.
_GENERIC = (
    "",
    "application/octet-stream",
    "binary/octet-stream",
    "application/force-download",
    "application/x-download",
    "application/zip",
    "application/x-zip-compressed",
)
_ENDINGS = {
    ".txt": ".txt",
    ".text": ".txt",
    ".md": ".md",
    ".markdown": ".md",
    ".html": ".html",
    ".htm": ".html",
    ".xhtml": ".html",
    ".pdf": ".pdf",
    ".docx": ".docx",
    ".pptx": ".pptx",
    ".xlsx": ".xlsx",
    ".epub": ".epub",
}

# What the web means by these names (https://encoding.spec.whatwg.org/#names-and-labels), by Python's names.
_WEB_CODECS = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}
# Codecs of Python that are no charsets of pages; some take quadratic time.
_NO_CHARSETS = ("punycode", "idna", "unicode-escape", "raw-unicode-escape", "undefined", "utf-7", "mbcs", "oem")

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
Resolve = Callable[[str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Fetched:
    """What an address gave.

    `suffix` is the format, as of a file's name. `address` is where it lay after redirects, without "#...", in one
    spelling. Text and Markdown are UTF-8 if their charset was given and true; `charset` is for HTML: Python's name
    of what the server said, or None.
    """

    data: bytes = field(repr=False)
    suffix: str
    address: str
    charset: str | None = None

    @property
    def name(self) -> str:
        """The last part of the path, else the host: its title where it has none. Unfit for a file's name."""
        parts = urlsplit(self.address)
        return unquote(parts.path.rstrip("/").rpartition("/")[2]) or (parts.hostname or self.address)


def is_public(address: Address) -> bool:
    """Whether an address is on the public internet: not private, local, shared, reserved, multicast, or a tunnel."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _REFUSED_V4)
    if address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    return address in _UNICAST_V6 and not any(address in network for network in _REFUSED_V6)


def resolve_name(host: str) -> list[str]:
    """The addresses of a host. Raises OSError if it has none."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]


def fetch(
    address: str,
    *,
    allowed: Callable[[Address], bool] = is_public,
    resolve: Resolve = resolve_name,
    seconds: float = SECONDS,
    largest: int = LARGEST,
) -> Fetched:
    """Get one page or file: at most `largest` bytes, packed and unpacked, in at most `seconds`, redirects and all.

    At every hop all addresses of the host must be `allowed`, and one of exactly those is connected to. Proxies of
    the environment are not used: a proxy would look the name up itself. No cookies, no credentials. DocumentError
    if it cannot be had or is of no type that Pincite reads.
    """
    clock = _Clock(seconds)
    first = url = _parse(address)
    redirected = ""
    for _ in range(REDIRECTS + 1):
        try:
            found = _get(url, allowed, resolve, clock, largest)
            if isinstance(found, Fetched):
                return found
            redirected = f"{first} redirects: "
            url = _follow(url, found)
        except DocumentError as error:
            if not redirected:
                raise
            raise DocumentError(f"{redirected}{error}") from error
    raise DocumentError(f"{first} redirects more than {REDIRECTS} times. Open it in a browser. {_SAVE}")


@dataclass(frozen=True, slots=True)
class _Url:
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


class _Clock:
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

    def __init__(self, connection: socket.socket, clock: _Clock) -> None:
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


class _TimedSocket:
    """As much of a socket as http.client uses."""

    def __init__(self, connection: socket.socket, clock: _Clock) -> None:
        self._connection = connection
        self._clock = clock

    def sendall(self, data: bytes) -> None:
        self._connection.settimeout(self._clock.left())
        self._connection.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self._connection, self._clock))

    def close(self) -> None:
        self._connection.close()


class _Gunzip:
    """Unpacks gzip, of one or more members, no further than asked."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(31)

    @property
    def whole(self) -> bool:
        return self._member.eof

    def feed(self, piece: bytes, most: int, clock: _Clock) -> bytes:
        """What `piece` holds, but at most `most` bytes (more than 0)."""
        unpacked = bytearray()
        while piece and len(unpacked) < most:
            clock.left()
            if self._member.eof:
                self._member = zlib.decompressobj(31)
            unpacked += self._member.decompress(piece, most - len(unpacked))
            piece = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
        return bytes(unpacked)


def _parse(address: str) -> _Url:
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
            raise DocumentError(f"{scheme[:20]}: addresses are not fetched, only http:// and https://. {_SAVE}")
        if "@" in parts.netloc:
            raise DocumentError(f"The web address holds a user name or password. Leave it out, or: {_SAVE.lower()}")
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
        raise DocumentError(f"Port {port} is not one for web pages: only 80, 443 and those from 1024 are. {_SAVE}")
    authority = f"[{host}]" if ":" in host else host
    return _Url(scheme, host, port, authority if port == default else f"{authority}:{port}", target)


def _get(url: _Url, allowed: Callable[[Address], bool], resolve: Resolve, clock: _Clock, largest: int) -> Fetched | str:
    """What lies at `url`, or the address that it redirects to."""
    try:
        connection = _connect(url, allowed, resolve, clock)
        try:
            if url.scheme == "https":
                connection.settimeout(clock.left())
                connection = _tls().wrap_socket(connection, server_hostname=url.host.rstrip("."))
            return _ask(url, connection, clock, largest)
        finally:
            connection.close()
    except TimeoutError as error:
        raise DocumentError(
            f"{url} gave no answer, or not all of it, in time ({clock.seconds:g} seconds). Try again. {_SAVE}"
        ) from error
    except ssl.SSLCertVerificationError as error:
        cause = error.verify_message.rstrip(".")
        raise DocumentError(f"{url} does not prove who it is ({cause}). Check the address. {_SAVE}") from error
    except ssl.SSLError as error:
        cause = (error.reason or "no reason given").lower().replace("_", " ")
        raise DocumentError(f"{url} cannot be reached safely (TLS: {cause}). Check the address.") from error
    except (http.client.HTTPException, zlib.error) as error:
        raise DocumentError(f"{url} gives an answer that is broken or cut off. Try again. {_SAVE}") from error
    except OSError as error:
        raise DocumentError(
            f"{url} cannot be reached ({error.strerror or 'no connection'}). Check the address, or try later."
        ) from error


def _connect(url: _Url, allowed: Callable[[Address], bool], resolve: Resolve, clock: _Clock) -> socket.socket:
    """A connection to an address of the host, after all of them were checked."""
    places = _look_up(url, resolve, clock)
    for place in places:
        if not allowed(place):
            raise DocumentError(f"{url} points into a private network ({place}), so it is not fetched. {_SAVE}")
    failure = OSError()
    for place in places:
        try:
            return _open(place, url.port, min(clock.left(), _CONNECT_SECONDS if len(places) > 1 else clock.seconds))
        except OSError as error:
            failure = error
    raise failure


def _open(place: Address, port: int, seconds: float) -> socket.socket:
    connection = socket.socket(socket.AF_INET6 if place.version == 6 else socket.AF_INET, socket.SOCK_STREAM)
    try:
        connection.settimeout(seconds)
        connection.connect((str(place), port))
    except BaseException:
        connection.close()
        raise
    return connection


def _look_up(url: _Url, resolve: Resolve, clock: _Clock) -> list[Address]:
    """The addresses of the host. The system's call has no deadline, so it is waited for in a thread."""
    answers: queue.SimpleQueue[Sequence[str] | Exception] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            answers.put(resolve(url.host))
        except Exception as error:
            answers.put(error)

    threading.Thread(target=look_up, daemon=True).start()
    try:
        answer = answers.get(timeout=clock.left())
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(answer, Exception) or not answer:
        raise DocumentError(
            f"{url} cannot be found: {url.host[:80]} has no address. Check the spelling and the network."
        ) from (answer if isinstance(answer, Exception) else None)
    return [ip_address(place) for place in dict.fromkeys(answer)]


def _tls() -> ssl.SSLContext:
    """The system's roots; certifi's where it has none (Python of python.org on a Mac)."""
    context = ssl.create_default_context()
    if not context.cert_store_stats()["x509_ca"]:
        context.load_verify_locations(certifi.where())
    context.set_alpn_protocols(["http/1.1"])
    return context


def _ask(url: _Url, connection: socket.socket, clock: _Clock, largest: int) -> Fetched | str:
    conversation = http.client.HTTPConnection(url.host, url.port)
    conversation.sock = _TimedSocket(connection, clock)
    conversation.putrequest("GET", url.target, skip_host=True, skip_accept_encoding=True)
    conversation.putheader("Host", url.authority)
    conversation.putheader("User-Agent", "pincite")
    conversation.putheader("Accept", ", ".join((*_TYPES, "*/*;q=0.1")))
    conversation.putheader("Accept-Encoding", "gzip")
    conversation.putheader("Connection", "close")
    conversation.endheaders()
    with conversation.getresponse() as response:
        location = response.headers.get("Location")
        if response.status in (301, 302, 303, 307, 308) and location:
            return str(location)
        if response.status != 200:
            raise DocumentError(_refusal(url, response.status))
        said = response.headers.get("Content-Type", "")
        suffix = _suffix(url, said)
        data = _body(url, response, clock, largest)
    charset = _charset(said)
    if suffix in (".txt", ".md"):
        return Fetched(_as_utf8(data, charset), suffix, url.address)
    return Fetched(data, suffix, url.address, charset if suffix == ".html" else None)


def _follow(url: _Url, location: str) -> _Url:
    """Where a redirect of `url` leads."""
    with suppress(UnicodeError):
        # http.client reads headers as Latin-1; servers write UTF-8.
        location = location.encode("latin-1").decode("utf-8")
    try:
        target = _parse(urljoin(url.address, location))
    except ValueError:
        target = _parse("")
    if url.scheme == "https" and target.scheme == "http":
        raise DocumentError(f"{target} is not encrypted, as the address before it was. {_SAVE}")
    return target


def _refusal(url: _Url, status: int) -> str:
    try:
        said = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        said = str(status)
    if status in (404, 410):
        step = "Check the address."
    elif status in (401, 402, 403, 451):
        step = f"Open it in a browser. {_SAVE}"
    else:
        step = f"Try again later. {_SAVE}"
    return f"{url} answers {said}. {step}"


def _suffix(url: _Url, said: str) -> str:
    kind = said.partition(";")[0].strip().lower()
    ending = _ENDINGS.get(PurePosixPath(unquote(urlsplit(url.target).path)).suffix.lower())
    if kind in _GENERIC and ending:
        return ending
    if kind == "text/plain" and ending == ".md":
        return ending
    if kind in _TYPES:
        return _TYPES[kind]
    shown = kind if re.fullmatch(r"[a-z0-9.+-]+/[a-z0-9.+-]{1,80}", kind) else "something of no known type"
    raise DocumentError(
        f"{url} is {shown}. Pincite reads web pages, text, Markdown, PDF, Word, PowerPoint, Excel and EPUB: "
        "save it as one of them and add that."
    )


def _body(url: _Url, response: http.client.HTTPResponse, clock: _Clock, largest: int) -> bytes:
    too_large = DocumentError(f"{url} is larger than {_size(largest)}. Save the part you need to a file and add that.")
    coding = response.headers.get("Content-Encoding", "").strip().lower()
    if coding not in ("", "identity", "gzip", "x-gzip"):
        raise DocumentError(f"{url} is packed in a way that was not asked for. {_SAVE}")
    gunzip = _Gunzip() if "gzip" in coding else None
    if (response.length or 0) > largest:
        raise too_large
    received = 0
    body = bytearray()
    while piece := response.read(_PIECE):
        received += len(piece)
        body += gunzip.feed(piece, largest + 1 - len(body), clock) if gunzip else piece
        if max(received, len(body)) > largest:
            raise too_large
    if response.length or (gunzip and received and not gunzip.whole):
        raise http.client.IncompleteRead(b"")
    return bytes(body)


def _size(count: int) -> str:
    return f"{count // 2**20} MiB" if count >= 2**20 else f"{count:,} bytes"


def _charset(said: str) -> str | None:
    """Python's name of the charset in a Content-Type, if there is one and it is known."""
    named = re.search(r";\s*charset\s*=\s*[\"']?([A-Za-z0-9._:+-]+)", said, re.IGNORECASE)
    if named is None:
        return None
    try:
        name = codecs.lookup(named[1]).name
        with suppress(UnicodeError):
            b"?".decode(name)
    except LookupError:
        return None
    return None if name in _NO_CHARSETS else _WEB_CODECS.get(name, name)


def _as_utf8(data: bytes, charset: str | None) -> bytes:
    """Text in UTF-8 if `charset` is true of it, else as it is: a byte-order mark knows better, and a guess may."""
    if charset is None or data.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data
    try:
        return data.decode(charset).encode("utf-8")
    except UnicodeError:
        return data


def read_address(address: str, parser: Parser, allowed: Callable[[Address], bool] = is_public) -> Document:
    """The page or file at `address` as a document, whose path is the address that it was found at.

    Raises DocumentError if it cannot be fetched or read.
    """
    found = fetch(address, allowed=allowed)
    data = found.data
    if found.charset:  # what the server says of a page goes before what the page says of itself
        data = data.decode(found.charset, "replace").encode("utf-8-sig")
    return document_of(data, found.address, found.suffix, parser)
