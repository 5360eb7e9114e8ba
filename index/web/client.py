"""One page or file fetched, redirects and all, in a time and up to a size."""

from __future__ import annotations

import http.client
import queue
import socket
import ssl
import threading
import zlib
from collections.abc import Callable, Sequence
from http import HTTPStatus
from ipaddress import ip_address

import certifi

from index.errors import DocumentError
from index.web.addresses import SAVE, Address, Url, followed, is_public, parse
from index.web.content import TYPES, Fetched, as_utf8, charset_of, suffix_of
from index.web.timed import Clock, Gunzip, TimedSocket

SECONDS = 30.0
LARGEST = 50 * 2**20
REDIRECTS = 5

# A first address that does not answer leaves time for the next.
_CONNECT_SECONDS = 8.0
_PIECE = 2**16

Resolve = Callable[[str], Sequence[str]]


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
    clock = Clock(seconds)
    first = url = parse(address)
    redirected = ""
    for _ in range(REDIRECTS + 1):
        try:
            found = _get(url, allowed, resolve, clock, largest)
            if isinstance(found, Fetched):
                return found
            redirected = f"{first} redirects: "
            url = followed(url, found)
        except DocumentError as error:
            if not redirected:
                raise
            raise DocumentError(f"{redirected}{error}") from error
    raise DocumentError(f"{first} redirects more than {REDIRECTS} times. Open it in a browser. {SAVE}")


def _get(url: Url, allowed: Callable[[Address], bool], resolve: Resolve, clock: Clock, largest: int) -> Fetched | str:
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
            f"{url} gave no answer, or not all of it, in time ({clock.seconds:g} seconds). Try again. {SAVE}"
        ) from error
    except ssl.SSLCertVerificationError as error:
        cause = error.verify_message.rstrip(".")
        raise DocumentError(f"{url} does not prove who it is ({cause}). Check the address. {SAVE}") from error
    except ssl.SSLError as error:
        cause = (error.reason or "no reason given").lower().replace("_", " ")
        raise DocumentError(f"{url} cannot be reached safely (TLS: {cause}). Check the address.") from error
    except (http.client.HTTPException, zlib.error) as error:
        raise DocumentError(f"{url} gives an answer that is broken or cut off. Try again. {SAVE}") from error
    except OSError as error:
        raise DocumentError(
            f"{url} cannot be reached ({error.strerror or 'no connection'}). Check the address, or try later."
        ) from error


def _connect(url: Url, allowed: Callable[[Address], bool], resolve: Resolve, clock: Clock) -> socket.socket:
    """A connection to an address of the host, after all of them were checked."""
    places = _look_up(url, resolve, clock)
    for place in places:
        if not allowed(place):
            raise DocumentError(f"{url} points into a private network ({place}), so it is not fetched. {SAVE}")
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


def _look_up(url: Url, resolve: Resolve, clock: Clock) -> list[Address]:
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


def _ask(url: Url, connection: socket.socket, clock: Clock, largest: int) -> Fetched | str:
    conversation = http.client.HTTPConnection(url.host, url.port)
    conversation.sock = TimedSocket(connection, clock)
    conversation.putrequest("GET", url.target, skip_host=True, skip_accept_encoding=True)
    conversation.putheader("Host", url.authority)
    conversation.putheader("User-Agent", "pincite")
    conversation.putheader("Accept", ", ".join((*TYPES, "*/*;q=0.1")))
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
        suffix = suffix_of(url, said)
        data = _body(url, response, clock, largest)
    charset = charset_of(said)
    if suffix in (".txt", ".md"):
        return Fetched(as_utf8(data, charset), suffix, url.address)
    return Fetched(data, suffix, url.address, charset if suffix == ".html" else None)


def _refusal(url: Url, status: int) -> str:
    try:
        said = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        said = str(status)
    if status in (404, 410):
        step = "Check the address."
    elif status in (401, 402, 403, 451):
        step = f"Open it in a browser. {SAVE}"
    else:
        step = f"Try again later. {SAVE}"
    return f"{url} answers {said}. {step}"


def _body(url: Url, response: http.client.HTTPResponse, clock: Clock, largest: int) -> bytes:
    too_large = DocumentError(f"{url} is larger than {_size(largest)}. Save the part you need to a file and add that.")
    coding = response.headers.get("Content-Encoding", "").strip().lower()
    if coding not in ("", "identity", "gzip", "x-gzip"):
        raise DocumentError(f"{url} is packed in a way that was not asked for. {SAVE}")
    gunzip = Gunzip() if "gzip" in coding else None
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
