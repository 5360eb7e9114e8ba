"""Pages from the web: what is fetched, and what never is. The servers are real ones, on the loopback address."""

from __future__ import annotations

import gzip
import shutil
import socket
import ssl
import subprocess
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest

from index import Library
from index.documents import is_web_address
from index.errors import DocumentError
from index.formats import Parser
from index.web import Address, Fetched, fetch, is_public, read_address, resolve_name
from tests.service import in_background

PAGE = b"<!doctype html><title>Leeks</title><p>The Egyptians grew leeks.</p>"
HTML = {"Content-Type": "text/html; charset=utf-8"}
OOXML = "application/vnd.openxmlformats-officedocument."

Respond = Callable[[BaseHTTPRequestHandler], None]


class Site(ThreadingHTTPServer):
    """Answers what `pages` says; keeps the requests that came."""

    daemon_threads = True

    def __init__(self, family: socket.AddressFamily = socket.AF_INET) -> None:
        self.address_family = family
        self.pages: dict[str, Respond] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.closing = threading.Event()
        super().__init__(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0), Handler)
        self.port = int(self.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients hang up on purpose here."""

    def page(self, path: str, body: bytes, headers: dict[str, str] | None = None, status: int = 200) -> str:
        def respond(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
                handler.send_header(name, value)
            handler.end_headers()
            handler.wfile.write(body)

        self.pages[path] = respond
        return self.url + path

    def redirect(self, path: str, location: str, status: int = 302) -> str:
        return self.page(path, b"", {"Location": location, "Set-Cookie": "a=b"}, status)

    def raw(self, path: str, *pieces: bytes, pause: float = 0.0, forever: bool = False) -> str:
        """`pieces` as they are, the status line too; with `forever` the last of them again and again."""

        def respond(handler: BaseHTTPRequestHandler) -> None:
            for piece in pieces:
                handler.wfile.write(piece)
                self.closing.wait(pause)
            while forever and not self.closing.is_set():
                handler.wfile.write(pieces[-1])
                self.closing.wait(pause)

        self.pages[path] = respond
        return self.url + path


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        site = self.server
        assert isinstance(site, Site)
        site.requests.append((self.path, dict(self.headers)))
        self.close_connection = True
        if respond := site.pages.get(self.path):
            respond(self)
        else:
            self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def served(site: Site) -> Iterator[Site]:
    with in_background(site):
        try:
            yield site
        finally:
            site.closing.set()


@pytest.fixture
def site() -> Iterator[Site]:
    with served(Site()) as site:
        yield site


def loopback(address: Address) -> bool:
    return address == ip_address("127.0.0.1")


def get(address: str, *, seconds: float = 10.0, largest: int = 2**20) -> Fetched:
    return fetch(address, allowed=loopback, seconds=seconds, largest=largest)


def refused(address: str, *, seconds: float = 10.0, largest: int = 2**20) -> str:
    with pytest.raises(DocumentError) as caught:
        get(address, seconds=seconds, largest=largest)
    message = str(caught.value)
    assert "\n" not in message
    assert message.isprintable()
    assert message.endswith(".")
    return message


PUBLIC = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1 168.63.129.15
169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.0.3.0 192.167.255.255 192.169.0.0
198.17.255.255 198.20.0.0 203.0.112.255 203.0.114.0 223.255.255.255
2001:200:: 2001:4860:4860::8888 2003:: 2606:4700:4700::1111 2a00:: 3ffe:ffff:: 64:ff9b::808:808
"""

NOT_PUBLIC = """
0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.100.100.200 100.127.255.255 127.0.0.1 127.255.255.255
168.63.129.16 169.254.0.0 169.254.169.254 169.254.255.255 172.16.0.0 172.31.255.255 192.0.0.0 192.0.0.9 192.0.0.170
192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.0 192.168.255.255 198.18.0.0 198.19.255.255 198.51.100.7 203.0.113.7
224.0.0.1 239.255.255.255 240.0.0.0 255.255.255.255
:: ::1 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:8.8.8.8 ::ffff:0:7f00:1
64:ff9b::7f00:1 64:ff9b::a00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::808:808 100::1 1fff::
2001::1 2001:0:7f00:1::1 2001:2::1 2001:10::1 2001:20::1 2001:1ff:ffff:: 2001:db8::1 2002:7f00:1:: 2002:808:808::
3fff::1 3fff:fff:: 4000:: 5f00::1 fc00::1 fd00:ec2::254 fdff:: fe80::1 fe80::1%1 febf:: fec0::1 feff:: ff02::1 ff0e::1
"""


@pytest.mark.parametrize("text", PUBLIC.split())
def test_public_addresses_are_public(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize("text", NOT_PUBLIC.split())
def test_other_addresses_are_not(text: str) -> None:
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", PUBLIC.split())
def test_nothing_is_public_that_python_knows_is_not(text: str) -> None:
    address = ip_address(text)
    assert address.is_global
    assert not address.is_multicast


@pytest.mark.parametrize(
    ("text", "web"),
    [("https://a.org", True), ("HTTP://a.org/x", True), ("ftp://a.org", False), ("notes.md", False), ("C:\\a", False)],
)
def test_a_web_address_is_known_from_a_file(text: str, web: bool) -> None:
    assert is_web_address(text) is web


def test_a_page_is_fetched_plainly(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.setenv(name.upper(), "http://127.0.0.1:9")
    found = get(site.page("/leeks", PAGE, HTML) + "#top")
    assert found == Fetched(PAGE, ".html", f"{site.url}/leeks", "utf-8")
    assert found.name == "leeks"
    ((path, headers),) = site.requests
    assert path == "/leeks"
    assert headers.pop("Accept").startswith("text/plain, ")
    assert headers == {
        "Host": f"127.0.0.1:{site.port}",
        "User-Agent": "pincite",
        "Accept-Encoding": "gzip",
        "Connection": "close",
    }


def test_a_person_may_type_an_address_as_they_see_it(site: Site) -> None:
    site.page("/K%C3%A4se%20a%2Fb?q=%C3%BC&r=%26", b"a", {"Content-Type": "text/plain"})
    found = get(f"  HTTP://127.0.0.1:{site.port}/Käse a%2Fb?q=ü&r=%26 ")
    assert found.address == f"{site.url}/K%C3%A4se%20a%2Fb?q=%C3%BC&r=%26"
    assert found.name == "Käse a/b"


@pytest.mark.parametrize(
    ("path", "kind", "suffix"),
    [
        ("/a", "text/plain", ".txt"),
        ("/README.md", "text/plain; charset=utf-8", ".md"),
        ("/a", "text/markdown", ".md"),
        ("/a.pdf", "TEXT/HTML", ".html"),
        ("/a", "application/xhtml+xml", ".html"),
        ("/a", "application/pdf", ".pdf"),
        ("/a", OOXML + "wordprocessingml.document", ".docx"),
        ("/a", OOXML + "presentationml.presentation", ".pptx"),
        ("/a", OOXML + "spreadsheetml.sheet", ".xlsx"),
        ("/a", "application/epub+zip", ".epub"),
        ("/a.PDF?x=.txt", "application/octet-stream", ".pdf"),
        ("/a.htm", "", ".html"),
        ("/a.docx", "application/zip", ".docx"),
    ],
)
def test_the_type_gives_the_suffix(site: Site, path: str, kind: str, suffix: str) -> None:
    assert get(site.page(path, b"a", {"Content-Type": kind} if kind else {})).suffix == suffix


@pytest.mark.parametrize(
    ("path", "kind", "shown"),
    [
        ("/a", "image/png", "is image/png."),
        ("/a.pdf", "video/mp4", "is video/mp4."),
        ("/a", "application/octet-stream", "is application/octet-stream."),
        ("/a.exe", "application/octet-stream", "is application/octet-stream."),
        ("/a", "", "of no known type"),
        ("/a", "\x1b[31mevil", "of no known type"),
    ],
)
def test_other_types_are_refused(site: Site, path: str, kind: str, shown: str) -> None:
    message = refused(site.page(path, b"a", {"Content-Type": kind} if kind else {}))
    assert shown in message
    assert "save it as one of them" in message


@pytest.mark.parametrize(
    ("data", "charset", "text"),
    [
        ("“dash” – ü".encode("cp1252"), "ISO-8859-1", "“dash” – ü"),
        ("привет".encode("koi8-r"), '"koi8-r"', "привет"),
        ("日本".encode("shift_jis"), "Shift_JIS", "日本"),
        ("ü".encode("utf-16-le"), "utf-16le", "ü"),
        ("ü".encode(), "utf-8", "ü"),
        ("\ufeffü".encode(), "iso-8859-1", "\ufeffü"),
    ],
)
def test_the_charset_of_text_is_respected(site: Site, data: bytes, charset: str, text: str) -> None:
    found = get(site.page("/a", data, {"Content-Type": f"text/plain; charset={charset}"}))
    assert found.data.decode("utf-8") == text
    assert found.charset is None


@pytest.mark.parametrize("charset", ["utf-8", "nonsense", "punycode", "unicode_escape", "hex", "utf-7", "../x"])
def test_a_charset_that_is_not_true_changes_nothing(site: Site, charset: str) -> None:
    data = b"\xfc+AGE-\\x41-a"
    assert get(site.page("/a", data, {"Content-Type": f"text/plain; charset={charset}"})).data == data


def test_the_charset_of_html_is_passed_on(site: Site) -> None:
    data = "<p>ü".encode("latin-1")
    found = get(site.page("/a", data, {"Content-Type": "text/html;charset=iso-8859-1"}))
    assert (found.data, found.charset) == (data, "cp1252")
    assert get(site.page("/b", data, {"Content-Type": "text/html"})).charset is None
    assert get(site.page("/c", data, {"Content-Type": "application/pdf; charset=utf-8"})).charset is None


def test_redirects_are_followed(site: Site) -> None:
    site.page("/end/b", PAGE, HTML)
    site.redirect("/relative", "end/b", 308)
    site.redirect("/K%C3%A4se", f"//127.0.0.1:{site.port}/relative#x", 307)
    site.redirect("/c", "/Käse".encode().decode("latin-1"), 303)
    found = get(site.redirect("/a", f"{site.url}/c", 301))
    assert found.address == f"{site.url}/end/b"
    assert [path for path, _ in site.requests] == ["/a", "/c", "/K%C3%A4se", "/relative", "/end/b"]
    assert not any("Cookie" in headers for _, headers in site.requests)


def test_five_redirects_are_followed_and_no_more(site: Site) -> None:
    for number in range(6):
        site.redirect(f"/{number}", f"/{number + 1}")
    site.page("/6", PAGE, HTML)
    assert get(f"{site.url}/1").data == PAGE
    assert "redirects more than 5 times" in refused(f"{site.url}/0")
    site.requests.clear()
    assert "redirects more than 5 times" in refused(site.redirect("/loop", "/loop"))
    assert len(site.requests) == 6


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("file:///etc/passwd", "file: addresses are not fetched"),
        ("ftp://example.org/a.txt", "ftp: addresses are not fetched"),
        ("data:text/plain,a", "data: addresses are not fetched"),
        ("http://127.0.0.2:8000/", "points into a private network (127.0.0.2)"),
        ("http://169.254.169.254/latest/meta-data/", "points into a private network (169.254.169.254)"),
        ("//[::1]:8000/", "points into a private network (::1)"),
        ("http://user:secret@127.0.0.1/", "holds a user name or password"),
        ("http://[bad/", "Not a web address"),
        ("http://127.0.0.1:22/", "Port 22 is not one for web pages"),
        ("http://127.0.0.1:99999/", "Not a web address"),
        ("http://127.0.0.2:8000/" + "a" * 5000, "points into a private network"),
    ],
)
def test_a_redirect_cannot_lead_astray(site: Site, location: str, said: str) -> None:
    message = refused(site.redirect("/a", location))
    assert message.startswith(f"{site.url}/a redirects: ")
    assert said in message
    assert "secret" not in message
    assert len(message) < 500
    assert len(site.requests) == 1


def test_a_redirect_without_a_target_is_an_answer_of_its_own(site: Site) -> None:
    assert "answers 302 Found" in refused(site.page("/a", b"", status=302))


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (404, "answers 404 Not Found. Check the address."),
        (403, "answers 403 Forbidden. Open it in a browser. Save the page"),
        (503, "answers 503 Service Unavailable. Try again later."),
        (599, "answers 599. Try again later."),
        (204, "answers 204 No Content."),
    ],
)
def test_a_status_is_said_with_a_next_step(site: Site, status: int, said: str) -> None:
    assert said in refused(site.page("/a", b"", HTML, status))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "017700000001", "127.1"])
def test_nothing_is_sent_to_this_machine(site: Site, host: str) -> None:
    try:
        resolve_name(host)
    except OSError:
        pytest.skip(f"this system does not read {host} as an address")
    site.page("/", PAGE, HTML)
    with pytest.raises(DocumentError, match=r"points into a private network \(.*\), so it is not fetched\. Save the"):
        fetch(f"http://{host}:{site.port}/")
    assert not site.requests


@pytest.mark.parametrize(
    "host", ["[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[fe80::1]"]
)
def test_no_spelling_of_version_6_gets_there_either(site: Site, host: str) -> None:
    site.page("/", PAGE, HTML)
    answers = host.strip("[]")
    with pytest.raises(DocumentError, match="points into a private network"):
        fetch(f"http://{host}:{site.port}/", resolve=lambda name: [name] if name == str(ip_address(answers)) else [])
    assert not site.requests


def test_version_6_is_spoken() -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        site = Site(socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6 here")
    with served(site):
        site.page("/", PAGE, HTML)
        address = f"http://[::1]:{site.port}/"
        assert fetch(address, allowed=lambda place: place.is_loopback).address == address
        assert site.requests[0][1]["Host"] == f"[::1]:{site.port}"


@pytest.mark.parametrize("places", [["127.0.0.1", "10.0.0.1"], ["10.0.0.1", "127.0.0.1"], ["127.0.0.1", "::1"]])
def test_one_private_address_of_a_name_is_enough_to_refuse_it(site: Site, places: list[str]) -> None:
    site.page("/", PAGE, HTML)
    with pytest.raises(DocumentError, match="points into a private network"):
        fetch(f"http://two.test:{site.port}/", allowed=loopback, resolve=lambda host: places)
    assert not site.requests


def test_the_address_that_was_checked_is_the_one_connected_to(site: Site) -> None:
    asked: list[str] = []

    def rebinding(host: str) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    site.page("/", PAGE, HTML)
    site.redirect("/again", "/")
    assert fetch(f"http://Name.test:{site.port}/", allowed=loopback, resolve=rebinding).data == PAGE
    assert asked == ["name.test"]
    assert site.requests[0][1]["Host"] == f"name.test:{site.port}"
    asked.clear()
    with pytest.raises(DocumentError, match=r"redirects: .* points into a private network \(10\.0\.0\.1\)"):
        fetch(f"http://name.test:{site.port}/again", allowed=loopback, resolve=rebinding)
    assert len(site.requests) == 2


def test_the_next_address_is_tried_where_one_does_not_answer(site: Site) -> None:
    site.page("/", PAGE, HTML)
    found = fetch(
        f"http://two.test:{site.port}/",
        allowed=lambda place: place.is_loopback,
        resolve=lambda host: ["::1", "127.0.0.1", "127.0.0.1"],
    )
    assert found.data == PAGE


def test_a_name_of_other_letters_is_sent_in_ascii(site: Site) -> None:
    site.page("/", PAGE, HTML)
    found = fetch(f"http://käse.test:{site.port}/", allowed=loopback, resolve=lambda host: ["127.0.0.1"])
    assert found.address == f"http://xn--kse-qla.test:{site.port}/"
    assert found.name == "xn--kse-qla.test"


def test_a_name_that_cannot_be_resolved_is_said() -> None:
    def unknown(host: str) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(DocumentError, match=r"cannot be found: nowhere\.invalid has no address\. Check the spelling"):
        fetch("http://nowhere.invalid/", resolve=unknown)


def test_a_server_that_is_not_there_is_said() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        assert "cannot be reached" in refused(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("ftp://example.org/a", "ftp: addresses are not fetched, only http:// and https://."),
        ("file:///etc/passwd", "file: addresses are not fetched"),
        ("javascript:alert(1)", "javascript: addresses are not fetched"),
        ("http://user:secret@127.0.0.1/", "holds a user name or password"),
        ("http://@127.0.0.1/", "holds a user name or password"),
        ("http://user:sec/ret@127.0.0.1/", "Not a web address"),
        ("example.org/page", "Not a web address"),
        ("http:///page", "Not a web address"),
        ("http://", "Not a web address"),
        ("", "Not a web address"),
        ("http://[::1", "Not a web address"),
        ("http://[localhost]/", "Not a web address"),
        ("http://127.0.0.1%00.example.org/", "Not a web address"),
        ("http://[fe80::1%25eth0]/", "Not a web address"),
        ("http://a..b/", "Not a web address"),
        ("http://a b/", "Not a web address"),
        ("http://a\\@b/", "holds a user name"),
        ("http://" + "a" * 5000 + "/", "Not a web address"),
        ("http://a.org/\r\nHost: b", "Not a web address"),
        ("http://a.org/\0", "Not a web address"),
        ("http://a.org/\udcff", "Not a web address"),
        ("http://a.org:-1/", "Not a web address"),
        ("http://a.org:0/", "Port 0 is not one for web pages"),
        ("https://a.org:25/", "Port 25 is not one for web pages"),
    ],
)
def test_what_is_no_web_address_is_refused(address: str, said: str) -> None:
    message = refused(address)
    assert said in message
    assert "sec" not in message


OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


@pytest.mark.parametrize(
    ("pieces", "pause"),
    [
        ([OK + b"\r\n", b"a"], 0.05),
        ([OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"], 0.05),
        ([OK, b"X"], 0.05),
        ([b"H"], 60.0),
        ([b"HTTP/1.1 100 Continue\r\n\r\n"], 0.0),
    ],
    ids=["body", "chunks", "headers", "silence", "continue"],
)
def test_the_deadline_holds_for_the_whole(site: Site, pieces: list[bytes], pause: float) -> None:
    address = site.raw("/a", *pieces, pause=pause, forever=True)
    begun = time.monotonic()
    message = refused(site.redirect("/first", address), seconds=0.5)
    assert "gave no answer, or not all of it, in time (0.5 seconds). Try again." in message
    assert 0.4 < time.monotonic() - begun < 5


def test_the_deadline_holds_for_looking_a_name_up() -> None:
    over = threading.Event()

    def resolve(host: str) -> list[str]:
        over.wait(30)
        return []

    try:
        with pytest.raises(DocumentError, match="in time"):
            fetch("http://slow.test/", resolve=resolve, seconds=0.2)
    finally:
        over.set()


def test_the_deadline_holds_for_tls() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert "in time" in refused(f"https://127.0.0.1:{silent.getsockname()[1]}/", seconds=0.3)


@pytest.mark.parametrize(
    ("pieces", "forever"),
    [
        ([OK + b"\r\n", b"a" * 65536], True),
        ([OK + b"Transfer-Encoding: chunked\r\n\r\n", b"400\r\n" + b"a" * 1024 + b"\r\n"], True),
        ([OK + b"Content-Length: 99999999999\r\n\r\n"], False),
        ([OK + b"Content-Encoding: gzip\r\n\r\n", gzip.compress(b"a" * 2**24, mtime=0)], False),
        ([OK + b"Content-Encoding: gzip\r\n\r\n", gzip.compress(b"a" * 65536, mtime=0)], True),
        ([OK + b"Content-Encoding: gzip\r\n\r\n", gzip.compress(b"", mtime=0)], True),
    ],
    ids=["endless", "chunks", "announced", "bomb", "members", "nothing in it"],
)
def test_what_is_too_large_is_refused(site: Site, pieces: list[bytes], forever: bool) -> None:
    assert "is larger than 1 MiB. Save the part" in refused(site.raw("/a", *pieces, forever=forever), seconds=30)


def test_a_bomb_is_not_unpacked_to_see_how_large_it_is(site: Site) -> None:
    bomb = gzip.compress(b"a" * 2**25, mtime=0)
    address = site.page("/a", bomb, {"Content-Type": "text/plain", "Content-Encoding": "gzip"})
    tracemalloc.start()
    try:
        assert "is larger than 1 MiB" in refused(address)
        assert tracemalloc.get_traced_memory()[1] < 2**23
    finally:
        tracemalloc.stop()


def test_exactly_the_largest_size_is_taken(site: Site) -> None:
    data = b"a" * 1000
    plain = site.page("/a", data, {"Content-Type": "text/plain"})
    packed = site.page("/b", gzip.compress(data, mtime=0), {"Content-Type": "text/plain", "Content-Encoding": "gzip"})
    assert get(plain, largest=1000).data == get(packed, largest=1000).data == data
    assert "larger than 999 bytes" in refused(plain, largest=999)
    assert "larger than 999 bytes" in refused(packed, largest=999)


def test_gzip_is_unpacked(site: Site) -> None:
    data = bytes(range(256)) * 3000
    packed = gzip.compress(data[:500_000], mtime=0) + gzip.compress(data[500_000:])
    assert get(site.page("/a.pdf", packed, {"Content-Encoding": "gzip"})).data == data
    assert get(site.page("/b.pdf", b"", {"Content-Encoding": "gzip"})).data == b""


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n",
        OK + b"A: " + b"b" * 70000 + b"\r\n\r\n",
        OK + b"Content-Length: 10\r\n\r\nabc",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabc",
        OK + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\nabc",
        OK + b"Content-Encoding: gzip\r\n\r\nabc",
        OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"abc", mtime=0)[:-3],
        OK + b"Content-Encoding: gzip\r\n\r\n" + zlib.compress(b"abc"),
    ],
)
def test_an_answer_that_is_broken_or_cut_off_is_refused(site: Site, answer: bytes) -> None:
    assert "gives an answer that is broken or cut off" in refused(site.raw("/a", answer))


def test_a_coding_that_was_not_asked_for_is_refused(site: Site) -> None:
    address = site.page("/a", b"abc", {"Content-Type": "text/plain", "Content-Encoding": "br"})
    assert "packed in a way that was not asked for" in refused(address)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for name.test that only itself vouches for, and its key, in one file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl here to make a certificate with")
    folder = tmp_path_factory.mktemp("certificate")
    (folder / "settings").write_text(
        "[req]\ndistinguished_name = name\nx509_extensions = server\nprompt = no\n[name]\nCN = name.test\n"
        "[server]\nsubjectAltName = DNS:name.test\nbasicConstraints = critical, CA:TRUE\n"
        "keyUsage = critical, digitalSignature, keyCertSign\nsubjectKeyIdentifier = hash\n",
        encoding="utf-8",
    )
    subprocess.run(
        [openssl, *"req -x509 -newkey rsa:2048 -nodes -days 2 -config settings -keyout key -out made".split()],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    both = folder / "both.pem"
    both.write_bytes((folder / "key").read_bytes() + (folder / "made").read_bytes())
    return both


@pytest.fixture
def secure(site: Site, certificate: Path) -> tuple[Site, list[str | None]]:
    """The site over TLS, and the names that clients ask for."""
    names: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.sni_callback = lambda connection, name, _: names.append(name)
    site.socket = context.wrap_socket(site.socket, server_side=True, do_handshake_on_connect=False)
    site.page("/", PAGE, HTML)
    return site, names


def secure_get(site: Site, host: str = "name.test", path: str = "/") -> Fetched:
    return fetch(f"https://{host}:{site.port}{path}", allowed=loopback, resolve=lambda host: ["127.0.0.1"], seconds=10)


def test_a_certificate_that_nobody_vouches_for_is_refused(secure: tuple[Site, list[str | None]]) -> None:
    site, _ = secure
    with pytest.raises(DocumentError, match=r"does not prove who it is \(self.signed certificate\)\. Check the addr"):
        secure_get(site)
    assert not site.requests


def test_the_name_is_what_the_certificate_must_be_for(
    secure: tuple[Site, list[str | None]], certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, names = secure
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    found = secure_get(site)
    assert found == Fetched(PAGE, ".html", f"https://name.test:{site.port}/", "utf-8")
    assert names == ["name.test"]
    assert site.requests[0][1]["Host"] == f"name.test:{site.port}"
    for host in ("other.test", "127.0.0.1"):
        with pytest.raises(DocumentError, match=r"does not prove who it is \(.*mismatch.*\)"):
            secure_get(site, host)
    assert len(site.requests) == 1


def test_a_redirect_cannot_leave_encryption(
    secure: tuple[Site, list[str | None]], certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, _ = secure
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    site.redirect("/a", f"http://name.test:{site.port}/")
    with pytest.raises(DocumentError, match=r"redirects: http://name\.test:\d+/ is not encrypted"):
        secure_get(site, path="/a")
    assert len(site.requests) == 1


def test_a_server_that_speaks_no_tls_is_said(site: Site) -> None:
    assert "cannot be reached safely (TLS: " in refused(f"https://127.0.0.1:{site.port}/")


def test_a_fetched_page_is_a_document_of_the_library_and_is_told_apart_by_its_content(
    site: Site, tmp_path: Path
) -> None:
    address = site.page("/leeks", PAGE, HTML)
    with Library(tmp_path / "library", create=True) as library, Parser() as parser:
        document = read_address(address, parser, allowed=loopback)
        assert (document.path, document.title, document.text.strip()) == (address, "Leeks", "The Egyptians grew leeks.")
        assert library.add_documents([document]).added == [address]
        assert library.add_documents([read_address(address, parser, allowed=loopback)]).unchanged == [address]
        site.page("/leeks", PAGE.replace(b"Egyptians", b"Romans"), HTML)
        assert library.add_documents([read_address(address, parser, allowed=loopback)]).changed == [address]
        assert library.search("Who grew leeks?")[0].passage.text.strip() == "The Romans grew leeks."


def test_the_library_itself_fetches_nothing_from_a_private_network(site: Site, tmp_path: Path) -> None:
    with Library(tmp_path / "library", create=True) as library:
        with pytest.raises(DocumentError, match="private network"):
            library.add(site.page("/leeks", PAGE, HTML))
        assert not library.documents()
        assert not site.requests


def test_what_a_server_says_of_a_pages_charset_goes_before_the_page(site: Site) -> None:
    page = '<meta charset="utf-8"><title>T</title><p>Der Käse liegt auf dem Tisch in der Küche.</p>'.encode("cp1252")
    address = site.page("/cheese", page, {"Content-Type": "text/html; charset=iso-8859-1"})
    with Parser() as parser:
        assert "Der Käse" in read_address(address, parser, allowed=loopback).text
