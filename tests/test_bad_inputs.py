"""What people and attackers put into folders: every file is read, or left out with the reason, and nothing crashes."""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from index import DocumentError, Library
from index.documents import MAX_BYTES, document_of, printable, read_document
from index.files import find_files
from index.formats import Parser
from index.passages import cut_passages
from tests import samples

SENTENCE = "Leeks were first grown by the Egyptians."
SECONDS = 20.0

Build = Callable[[Path], Path]


def file(name: str, data: bytes | str | Callable[[], bytes]) -> Build:
    def build(folder: Path) -> Path:
        path = folder / name
        content = data() if callable(data) else data
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return build


def link(name: str, target: str) -> Build:
    def build(folder: Path) -> Path:
        (folder.parent / "outside").mkdir()
        (folder.parent / "outside" / "secret.txt").write_text("Secret.")
        try:
            (folder / name).symlink_to(target)
        except OSError:
            pytest.skip("no symbolic links here")
        return folder

    return build


def only(build: Build, name: str) -> Build:
    """Not the folder, but this one of it."""
    return lambda folder: build(folder) / name


def fifo(folder: Path) -> Path:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no named pipes here")
    os.mkfifo(folder / "pipe.txt")
    return folder


def named(name: bytes) -> Build:
    def build(folder: Path) -> Path:
        try:
            path = os.path.join(os.fsencode(folder), name)
            with open(path, "wb") as target:
                target.write(SENTENCE.encode())
        except (OSError, ValueError):
            pytest.skip("no such names here")
        return Path(os.fsdecode(path))

    return build


def locked(folder: Path) -> Path:
    (folder / "shut").mkdir(mode=0)
    if os.access(folder / "shut", os.R_OK):
        pytest.skip("nothing is shut to this user")
    return folder


def deep_folders(folder: Path) -> Path:
    """Too deep for a path that the system takes in one piece."""
    if os.name != "posix":
        pytest.skip("no relative descent here")
    (folder / "a.txt").write_text(SENTENCE)
    here = os.open(folder, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("a" * 250, dir_fd=here)
        below = os.open("a" * 250, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    return folder


def subfolder(folder: Path) -> Path:
    (folder / "x.pdf").mkdir()
    (folder / "x.pdf" / "a.txt").write_text(SENTENCE)
    return folder


def sparse(folder: Path) -> Path:
    with (folder / "huge.txt").open("wb") as target:
        target.truncate(MAX_BYTES + 1)
    return folder / "huge.txt"


def word_with(part: str, text: str) -> Callable[[], bytes]:
    return lambda: samples.replaced(samples.word(("Normal", SENTENCE)), {part: text})


def sheet_with(part: str, text: str) -> Callable[[], bytes]:
    return lambda: samples.replaced(samples.sheets({"A": [[SENTENCE]]}), {part: text})


def book_of(body: str, **more: str) -> Callable[[], bytes]:
    return lambda: samples.book({"a.xhtml": samples.chapter(body)}, more=more)


def good_word() -> bytes:
    return samples.word(("Normal", SENTENCE))


def unequal_sheet() -> bytes:
    """Its one row says that it is the last of a million, and the sheet that it is 16,384 columns wide."""
    xml = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        '<dimension ref="A1:XFD1048576"/><sheetData><row r="1048576"><c r="A1048576" t="inlineStr"><is>'
        f"<t>{SENTENCE}</t></is></c></row></sheetData></worksheet>"
    )
    return samples.replaced(samples.sheets({"A": []}), {"xl/worksheets/sheet1.xml": xml})


def endless_pages() -> bytes:
    return samples.pdf_of(["<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [] /Count 2000000000 >>"])


WIDE = "北京很大。上海也很大。" * 500
TRICKY = f"\u202e{SENTENCE}\u202c \u200bLeeks\u200d are \u2066long\u2069.\ufeff"
OUT = "Not followed: .* a link out of the folder"
ENTITIES = "it declares XML entities, as attacks do"
ZIP_BOMB = r"unpacks to more than 512 MiB .* zip bomb does\. Split it"
DAMAGED = "it is damaged"

# What is built, and how it ends: "reads" with a text in it, "fails" as a whole, or is "left out" of its folder.
CASES: dict[str, tuple[Build, str, str]] = {
    "an encrypted PDF": (file("a.pdf", samples.encrypted_pdf), "fails", r"encrypted\. Remove the password .* qpdf"),
    "a PDF cut short": (file("a.pdf", lambda: samples.pdf([[SENTENCE]])[:150]), "fails", "damaged or cut short"),
    "a PDF with a wrong table": (
        file("a.pdf", lambda: samples.pdf([[SENTENCE]]).replace(b"startxref\n", b"startxref\n9")), "reads", SENTENCE),
    "a PDF whose page tree is its own child": (file("a.pdf", samples.looping_pdf), "fails", "its page 1 is damaged"),
    "a PDF that claims two billion pages": (file("a.pdf", endless_pages), "fails", "damaged|no text"),
    "a PDF without text": (file("a.pdf", lambda: samples.pdf([[], []])), "fails", "no text, perhaps .* ocrmypdf"),
    "a PDF of noise": (file("a.pdf", b"%PDF-1.7\n" + bytes(range(256)) * 500), "fails", "damaged or cut short"),
    "JSON named .pdf": (file("a.pdf", json.dumps({"a": 1})), "fails", "it is no PDF"),
    "a directory named x.pdf": (subfolder, "reads", SENTENCE),
    "a zip bomb as .docx": (file("a.docx", lambda: samples.bomb(good_word(), "word/b.xml")), "fails", ZIP_BOMB),
    "a zip bomb as .xlsx": (file("a.xlsx", lambda: samples.bomb(samples.sheets({"A": [[1]]}), "b")), "fails", ZIP_BOMB),
    "a zip bomb as .epub": (file("a.epub", lambda: samples.bomb(book_of("<p>a</p>")(), "b")), "fails", ZIP_BOMB),
    "more parts than a file has": (
        file("a.docx", lambda: samples.archive({f"{i}": "" for i in range(20_001)})), "fails", ZIP_BOMB),
    "billion laughs in .docx": (file("a.docx", word_with("word/document.xml", samples.laughs())), "fails", ENTITIES),
    "billion laughs in .xlsx": (
        file("a.xlsx", sheet_with("xl/worksheets/sheet1.xml", samples.laughs())), "fails", ENTITIES),
    "billion laughs in .epub": (
        file("a.epub", lambda: samples.book({"a.xhtml": samples.laughs("html")})), "fails", ENTITIES),
    "quadratic entities in .docx": (file("a.docx", word_with("word/a.xml", samples.quadratic())), "fails", ENTITIES),
    "an entity that names a file": (file("a.docx", word_with("word/a.xml", samples.outside())), "fails", ENTITIES),
    "entities behind a long comment": (
        file("a.docx", word_with("word/document.xml", samples.laughs().replace("?>", f"?><!--{' ' * 70_000}-->"))),
        "fails", "damaged|no text"),
    "entities in UTF-16": (
        file("a.docx", lambda: samples.replaced(good_word(), {
            "word/document.xml": samples.laughs().replace('"1.0"', '"1.0" encoding="utf-16"').encode("utf-16")})),
        "fails", ENTITIES),
    "billion laughs in .html": (file("a.html", f"{samples.laughs('html')}<p>{SENTENCE}</p>"), "reads", SENTENCE),
    "names that climb out of a zip file": (
        file("a.epub", book_of(f"<p>{SENTENCE}</p>", **{"../../evil.txt": "x", "/evil.txt": "x"})), "reads", SENTENCE),
    "a chapter that climbs out of the book": (
        file("a.epub", lambda: samples.book({"../../../../etc/passwd": "<html/>"}).replace(b"OEBPS/../", b"OEBPS/x./")),
        "fails", "it lacks its part|damaged"),
    "a Word file cut short": (file("a.docx", lambda: good_word()[:5000]), "fails", "damaged or cut short"),
    "a Word file with a bad byte": (
        file("a.docx", lambda: good_word().replace(b"word/document.xml", b"word/documenX.xml")), "fails", DAMAGED),
    "an encrypted Office file": (
        file("a.docx", b"\xd0\xcf\x11\xe0" + bytes(5000)), "fails", "encrypted, or of an old Office format"),
    "a sheet that claims a million rows": (file("a.xlsx", unequal_sheet), "reads", SENTENCE),
    "text named .epub": (file("a.epub", SENTENCE), "fails", "damaged or cut short, or no EPUB"),
    "HTML without text": (file("a.html", "<body><script>1</script><nav>x</nav></body>"), "fails", "no text"),
    "HTML nested 10,000 deep": (
        file("a.html", "<div>" * 10_000 + SENTENCE + "</div>" * 10_000), "fails", "nested too deeply"),
    "HTML nested 200 deep": (file("a.html", "<div>" * 200 + SENTENCE + "</div>" * 200), "reads", SENTENCE),
    "HTML that never closes": (file("a.html", f"<table><tr><td><p>{SENTENCE}<ul><li><b>"), "reads", SENTENCE),
    "HTML of a binary file": (file("a.html", bytes(range(256)) * 50), "fails", "it is no HTML|no text"),
    "an empty text": (file("a.txt", ""), "fails", "the file is empty"),
    "an empty PDF": (file("a.pdf", ""), "fails", "the file is empty"),
    "an empty Word file": (file("a.docx", " "), "fails", "the file is empty"),
    "a text of NULs": (file("a.txt", bytes(1000)), "fails", "Not a text file"),
    "a text with a NUL": (file("a.txt", f"{SENTENCE}\0{SENTENCE}"), "fails", "Not a text file"),
    "UTF-8 with a mark": (file("a.txt", SENTENCE.encode("utf-8-sig")), "reads", f"^{SENTENCE}$"),
    "UTF-16 with a mark": (file("a.txt", SENTENCE.encode("utf-16")), "reads", f"^{SENTENCE}$"),
    "UTF-16, big end first, with a mark": (
        file("a.txt", b"\xfe\xff" + SENTENCE.encode("utf-16-be")), "reads", f"^{SENTENCE}$"),
    "UTF-16 without a mark": (file("a.txt", SENTENCE.encode("utf-16-le")), "reads", f"^{SENTENCE}$"),
    "UTF-16, big end first, without a mark": (file("a.txt", SENTENCE.encode("utf-16-be")), "reads", f"^{SENTENCE}$"),
    "UTF-32 with a mark": (file("a.txt", SENTENCE.encode("utf-32")), "reads", f"^{SENTENCE}$"),
    "lone surrogates in UTF-8": (
        file("a.txt", f"a\ud800b. {SENTENCE}".encode("utf-8", "surrogatepass")), "reads", f"^a\ufffdb. {SENTENCE}$"),
    "lone surrogates in UTF-16": (
        file("a.txt", f"\ufeffa\udc00b. {SENTENCE}".encode("utf-16-le", "surrogatepass")), "reads", "^a\ufffdb. Leeks"),
    "two encodings in one text": (
        file("a.txt", "Köln, Aßlar, Ülm: ".encode() * 3 + "Grüße".encode("latin-1")), "reads", "^Köln, .* Gr\ufffd"),
    "bidirectional and invisible characters": (file("a.txt", TRICKY), "reads", f"^{TRICKY}$"),
    "Chinese without spaces": (file("a.txt", WIDE), "reads", f"^{WIDE}$"),
    "a text over the limit": (sparse, "fails", "larger than 256 MiB. Split it"),
    "a link out of the folder": (link("a.txt", "../outside/secret.txt"), "left out", OUT),
    "a link to a folder outside": (link("there", "../outside"), "left out", OUT),
    "a link to nothing": (link("a.txt", "nowhere.txt"), "left out", "Cannot read .*a.txt: No such file"),
    "a link to itself": (link("a.txt", "a.txt"), "left out", "Cannot read .*a.txt: .*"),
    "a link to itself, named": (only(link("a.txt", "a.txt"), "a.txt"), "fails", "Cannot read|No such file"),
    "a link to its own folder": (link("loop", "."), "fails", "No documents in"),
    "a link to /dev/zero": (link("a.txt", "/dev/zero"), "left out", "Not a regular file|No such file"),
    "a link to /dev/zero, named": (
        only(link("a.pdf", "/dev/zero"), "a.pdf"), "fails", "Not a regular file|No such file"),
    "a named pipe": (fifo, "left out", "Not a regular file"),
    "a named pipe, named": (only(fifo, "pipe.txt"), "fails", "Not a regular file"),
    "a folder that is shut": (locked, "left out", "Cannot list .*shut: Permission denied"),
    "folders too deep for a path": (deep_folders, "left out", "Cannot list .*: File name too long"),
    "a name of two lines": (named(b"one\ntwo.txt"), "reads", SENTENCE),
    "a name of HTML": (named(b"<img src=x onerror=alert(1)>.txt"), "reads", SENTENCE),
    "a name of 255 bytes": (named(b"a" * 251 + b".txt"), "reads", SENTENCE),
    "a name that is no UTF-8": (named(b"caf\xe9.txt"), "fails", r"Cannot take .*caf\\udce9.txt: .* Rename it"),
    "a path too long": (
        lambda folder: folder / ("a" * 5000), "fails", "Cannot read .*: File name too long|No such file"),
    "a NUL in a path": (lambda folder: folder / "a\0b.txt", "fails", r"a\\x00b.txt|No such file"),
}  # fmt: skip


@pytest.fixture(scope="module")
def parser() -> Iterator[Parser]:
    with Parser(seconds=SECONDS) as parser:
        yield parser


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "folder"
    folder.mkdir()
    return folder


@pytest.mark.parametrize(("build", "end", "what"), CASES.values(), ids=CASES)
def test_a_bad_input_is_read_or_left_out_with_the_reason(
    folder: Path, parser: Parser, build: Build, end: str, what: str
) -> None:
    path = build(folder)
    before = sorted(os.listdir(folder.parent))
    texts, errors, left_out = [], [], []
    started = time.monotonic()
    try:
        found = find_files(path)
        left_out = [reason for _, reason in found.failed]
        texts = [read_document(each, parser).text for each in found.files]
    except DocumentError as error:
        errors = [str(error)]
    assert time.monotonic() - started < SECONDS
    assert sorted(os.listdir(folder.parent)) == before
    assert {"reads": texts, "fails": errors, "left out": left_out}[end], (texts, errors, left_out)
    if end == "reads":
        assert _holds(texts, what), texts
        assert (errors, left_out) == ([], [])
        assert all(cut_passages(text) for text in texts)
    else:
        (message,) = errors or left_out
        _assert_message(message, what)


def _holds(texts: list[str], what: str) -> bool:
    if what.startswith("^") and what.endswith("$"):
        return texts == [what[1:-1]]
    head, *rest = what.removeprefix("^").split(" .* ")
    return any(text.startswith(head) if what[0] == "^" else head in text for text in texts) and all(
        part in text for part in rest for text in texts
    )


def _assert_message(message: str, what: str) -> None:
    """One line that can be printed, with what is wrong and, in a second sentence, what to do."""
    assert re.search(what, message), message
    assert message.isprintable()
    assert message.endswith((".", ")"))
    assert re.search(r"\. [A-Z]", message), message


def test_a_text_is_kept_to_the_letter(folder: Path) -> None:
    """Offsets are those of what `open(path).read()` gives."""
    path = file("a.txt", f"\t{TRICKY}\r\n{WIDE}\r\x0c\u00ad\u2028 é e\u0301 \x1b[1m  \n\n\n\n")(folder)
    with path.open(encoding="utf-8") as opened:
        assert read_document(path).text == opened.read()


@pytest.mark.parametrize(
    "text",
    [
        "a" * 10_000_000,
        "word " * 2_000_000,
        "Mr. " * 300_000,
        f"{'.' * 10_000_000}x",
        f"# a{' ' * 10_000_000}b",
        "and this is a line of more than fifty characters that goes on\n" * 60_000,
    ],
    ids=["letters", "words", "abbreviations", "dots", "spaces", "lines"],
)
def test_a_text_of_one_long_line_is_cut_in_time_that_grows_with_its_length(text: str) -> None:
    started = time.monotonic()
    cuts = cut_passages(document_of(text.encode(), "/a.txt", ".txt").text)
    assert time.monotonic() - started < SECONDS
    assert cuts[-1].end == len(text.rstrip())


def test_a_folder_of_thousands_of_small_files_is_found_and_read(folder: Path) -> None:
    for number in range(2000):
        (folder / f"{number}.txt").write_text(f"Number {number}.")
    started = time.monotonic()
    found = find_files(folder)
    texts = {read_document(path).text for path in found.files}
    assert time.monotonic() - started < SECONDS
    assert (len(texts), found.failed) == (2000, [])


def test_a_file_that_is_written_all_the_time_is_left_alone_and_read_when_it_is_finished(folder: Path) -> None:
    path = file("a.txt", f"{SENTENCE}\n" * 500_000)(folder)
    stop = threading.Event()

    def write() -> None:
        with path.open("ab", buffering=0) as target:
            while not stop.is_set():
                target.write(b"More.\n")
                time.sleep(0.0005)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with pytest.raises(DocumentError, match=r"changes while it is read\. Add it when it is finished\."):
            deque((read_document(path) for _ in range(20)), maxlen=0)
    finally:
        stop.set()
        writer.join()
    assert read_document(path).text.endswith("More.\n")


def test_what_cannot_be_printed_in_a_path_is_escaped() -> None:
    assert printable("/a/ü 北\n\x1b[31m\u202e\udce9.txt") == r"/a/ü 北\n\x1b[31m\u202e\udce9.txt"


def test_a_library_takes_what_it_can_of_a_folder_and_says_why_not_the_rest(tmp_path: Path, folder: Path) -> None:
    for name, data in {
        "a.pdf": samples.pdf([["Leeks are long."], [SENTENCE]]),
        "b.pdf": samples.encrypted_pdf(),
        "c.docx": good_word()[:1000],
        "d.txt": b"",
        "e.html": f"<h1>Stars</h1><p>{'Vega is blue. ' * 3}</p>".encode(),
    }.items():
        (folder / name).write_bytes(data)
    if sys.platform != "win32":
        (folder / "f.txt").symlink_to("/dev/zero")
    with Library(tmp_path / "library", create=True) as library:
        report = library.add(folder)
        assert sorted(Path(path).name for path in report.added) == ["a.pdf", "e.html"]
        assert [Path(path).name for path, _ in sorted(report.failed)][:3] == ["b.pdf", "c.docx", "d.txt"]
        assert len(report.failed) == (3 if sys.platform == "win32" else 4)
        for _, reason in report.failed:
            _assert_message(reason, ".")
        assert "first grown by the Egyptians" in library.search("Who first grew leeks?")[0].passage.text
