from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import docx
import pytest
from docx.opc.constants import RELATIONSHIP_TYPE as RT
from docx.opc.packuri import PackURI
from docx.opc.part import Part

from index import DocumentError
from index.documents import Document, digest, document_of, read_document
from index.formats import Parsed, Parser
from index.formats.parsed import chosen_title, clean, paged
from index.passages import cut_passages
from tests import samples


@pytest.fixture(scope="module")
def parser() -> Iterator[Parser]:
    with Parser() as parser:
        yield parser


LEEKS = [
    ["Leeks are long and green. They were first exam-", "ined by the Egyptians."],
    ["A second page."],
    [],
    ["The fourth, after an empty one."],
]


def test_a_pdf_has_its_title_its_lines_and_the_offset_of_every_page(parser: Parser) -> None:
    found = document_of(samples.pdf(LEEKS, title="On Leeks"), "/a/b.pdf", ".pdf", parser)
    assert (found.title, found.path) == ("On Leeks", "/a/b.pdf")
    first = "Leeks are long and green. They were first examined by the Egyptians."
    second, fourth = "A second page.", "The fourth, after an empty one."
    assert found.text.replace("\n", " ") == f"{first}  {second}  {fourth}"
    for words, page in (("Leeks", 1), ("examined", 1), (second, 2), (fourth, 4), ("one.", 4)):
        assert found.page(found.text.index(words)) == page
    assert found.text[found.pages[1] :].startswith(second)


def test_a_hyphen_at_a_lines_end_stays_where_the_document_has_the_word_so_elsewhere(parser: Parser) -> None:
    pages = [["It is a well-known fact that leeks are long, a well-", "known and an inter-", "national one."]]
    text = parser.parse(samples.pdf(pages), ".pdf").text
    assert text.split() == (
        "It is a well-known fact that leeks are long, a well-known and an international one.".split()
    )


def test_page_numbers_and_running_headers_are_no_text_but_other_numbers_are(parser: Parser) -> None:
    words = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta"]
    pages = [
        [f"The Leek Manual {i + 7}", f"About {word}.", str(1900 + i * i), f"- {i + 1} -"]
        for i, word in enumerate(words)
    ]
    found = document_of(samples.pdf(pages), "/a/manual.pdf", ".pdf", parser)
    assert found.text.split("\n\n") == [f"About {word}.\n{1900 + i * i}" for i, word in enumerate(words)]
    assert [found.page(found.text.index(word)) for word in words] == [1, 2, 3, 4, 5, 6]


def test_a_sentence_that_runs_over_a_pages_end_is_one_sentence() -> None:
    joined = paged(["It runs over the", "end of a page.", "A new one."])
    assert joined.text == "It runs over the\nend of a page.\n\nA new one."
    assert joined.pages == (0, 17, 33)


def test_a_document_without_pages_has_no_page_and_an_offset_before_the_first_text_is_on_page_one() -> None:
    assert Document("i", "p", "t", "text", "s").page(2) is None
    found = Document("i", "p", "t", "One.\n\nThree.", "s", pages=(0, 6, 6))
    assert [found.page(offset) for offset in (0, 5, 6, 11)] == [1, 1, 3, 3]


def test_word_keeps_headings_lists_and_tables_and_leaves_out_what_was_deleted(parser: Parser) -> None:
    data = samples.word(
        ("Title", "The Leek"),
        ("Heading 1", "Origins"),
        ("Normal", "Leeks came from Egypt."),
        ("List Bullet", "Winter leeks"),
        ("List Number", "Summer leeks"),
        table=[["Name", "Age"], ["Ana\nMaria", "3"], ["", ""]],
    )
    w = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    found = parser.parse(data, ".docx")
    assert found.title == "The Leek"
    assert found.text == (
        "# The Leek\n\n# Origins\n\nLeeks came from Egypt.\n\n- Winter leeks\n- Summer leeks\n\n"
        "| Name | Age |\n| Ana Maria | 3 |"
    )
    assert found.pages == ()
    tracked = (
        f"<w:document {w}><w:body><w:sdt><w:sdtContent><w:p><w:r><w:t>In a </w:t></w:r><w:ins><w:r><w:t>box.</w:t>"
        "</w:r></w:ins><w:del><w:r><w:delText>Gone.</w:delText></w:r></w:del></w:p></w:sdtContent></w:sdt>"
        "</w:body></w:document>"
    )
    assert parser.parse(samples.replaced(data, {"word/document.xml": tracked}), ".docx").text == "In a box."


def test_the_footnotes_of_a_word_file_follow_its_text(parser: Parser) -> None:
    document = docx.Document()
    document.add_paragraph("Leeks are long.")
    w = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    xml = f"<w:footnotes {w}><w:footnote><w:p><w:r><w:t>Not all are.</w:t></w:r></w:p></w:footnote></w:footnotes>"
    notes = Part(PackURI("/word/footnotes.xml"), "application/xml", xml.encode(), document.part.package)
    document.part.relate_to(notes, RT.FOOTNOTES)
    saved = io.BytesIO()
    document.save(saved)
    assert parser.parse(saved.getvalue(), ".docx").text == "Leeks are long.\n\nNot all are."


def test_each_slide_is_a_page_under_its_title_with_its_notes(parser: Parser) -> None:
    data = samples.slides(("Leeks", ["long", "green"], "Leeks are praised here."), ("Onions", ["round"], ""))
    found = parser.parse(data, ".pptx")
    assert found.text == "# Leeks\n\n- long\n- green\n\nLeeks are praised here.\n\n# Onions\n\n- round"
    assert found.title == "Leeks"
    assert found.pages == (0, found.text.index("# Onions"))


def test_a_sheet_is_a_heading_and_a_row_a_line(parser: Parser) -> None:
    rows: list[list[object]] = [["Name", "Cost", None], ["Leek", 1.5], [None, None], ["On\nion", 3]]
    found = document_of(samples.sheets({"Prices": rows, "Empty": []}), "/a/costs.xlsx", ".xlsx", parser)
    assert found.text == "# Prices\n\n| Name | Cost |\n| Leek | 1.5 |\n| On ion | 3 |"
    assert found.title == "costs"
    assert document_of(samples.sheets({"A": [["b"]]}, title="The costs"), "/c", ".xlsx", parser).title == "The costs"


def test_a_book_is_read_in_the_order_of_its_spine(parser: Parser) -> None:
    chapters = {
        "z.xhtml": samples.chapter("<h1>One</h1><p>First&nbsp;text, &eacute;.<br/>A line.</p><ul><li>a</li></ul>"),
        "a b.xhtml": samples.chapter("<h2>Two</h2><div>Loose <i>text</i>.</div><pre>x = 1\ny = 2</pre>"),
    }
    found = parser.parse(samples.book(chapters, title="A Book"), ".epub")
    assert found.title == "A Book"
    assert found.text == ("# One\n\nFirst text, é.\nA line.\n\n- a\n\n## Two\n\nLoose text.\n\nx = 1\ny = 2")


PAGE = """<html><head><title>Leeks | A site</title>{meta}</head><body><nav><a href="/">Home page</a></nav>
<article><h1>Leeks</h1><p>Leeks were <b>first grown</b> by the <a href="/e">Egyptians</a> in the valley of the
Nile – long ago – and have been grown in many other countries ever since.</p><h2>Kinds</h2>
<ul><li>Winter leeks, which are hardy.</li><li>Summer leeks, which are not.</li></ul>
<table><tr><th>Name</th><th>Age</th></tr><tr><td>Ana</td><td>3</td></tr></table>
<p>They are related to onions, and to garlic, and also to other plants of the same family.</p></article>
<footer>Copyright by nobody</footer></body></html>"""


@pytest.mark.parametrize(
    ("meta", "encoding"),
    [
        ('<meta charset="utf-8">', "utf-8"),
        ("", "utf-8"),
        ("", "utf-8-sig"),
        ("", "utf-16"),
        ('<meta charset="iso-8859-1">', "cp1252"),
        ('<meta http-equiv="Content-Type" content="text/html; charset=windows-1252">', "cp1252"),
        ('<meta charset="no such thing">', "utf-8"),
    ],
)
def test_a_web_page_is_read_without_its_menus_by_the_character_set_that_it_declares(
    parser: Parser, meta: str, encoding: str
) -> None:
    found = parser.parse(PAGE.format(meta=meta).encode(encoding), ".html")
    assert found.text == (
        "# Leeks\n\nLeeks were first grown by the Egyptians in the valley of the Nile – long ago – and have been grown "
        "in many other countries ever since.\n\n## Kinds\n\n- Winter leeks, which are hardy.\n"
        "- Summer leeks, which are not.\n\n| Name | Age |\n| Ana | 3 |\n\n"
        "They are related to onions, and to garlic, and also to other plants of the same family."
    )
    assert found.title == "Leeks"
    assert [cut.heading for cut in cut_passages(found.text)] == ["Leeks", "Kinds"]


def test_a_small_page_keeps_its_headings_and_loses_its_menus(parser: Parser) -> None:
    page = b"<title>Small</title><nav>Home</nav><h1>Leek</h1><p>Short.<p>Shorter.<footer>Nobody</footer>"
    assert parser.parse(page, ".htm") == Parsed("# Leek\n\nShort.\n\nShorter.", "Leek")


@pytest.mark.parametrize(
    ("metadata", "text", "title"),
    [
        ("Leeks", "", "Leeks"),
        (" On\nLeeks ", "", "On Leeks"),
        ("1984", "", "1984"),
        ("Microsoft Word - leeks.doc", "# Leeks", "Leeks"),
        ("Document1", "One.\n\n## Leeks\n\n# More", "Leeks"),
        ("PowerPoint Presentation", "", ""),
        ("untitled", "", ""),
        ("leeks.dvi", "", ""),
        ("---", "", ""),
        (None, "", ""),
    ],
)
def test_a_title_is_the_metadatas_if_it_is_one_else_the_first_heading(metadata: object, text: str, title: str) -> None:
    assert chosen_title(metadata, text) == title


def test_parsed_text_has_one_kind_of_line_end_and_no_control_characters() -> None:
    assert clean("a\r\nb\rc\x0cd\u2028e\0\x07 \t\n\n\n\nf\ud800 exam\u00ad\nple in\u00advisible\n") == (
        "a\nb\nc\nd\ne\n\nf\ufffd example invisible"
    )


def test_a_document_is_the_same_read_from_a_file_or_from_its_bytes(tmp_path: Path, parser: Parser) -> None:
    path = tmp_path / "leeks.PDF"
    path.write_bytes(samples.pdf(LEEKS))
    assert read_document(path) == document_of(path.read_bytes(), str(path.resolve()), ".pdf", parser)
    assert read_document(path).sha256 == digest(path)


def test_text_and_markdown_start_no_child(tmp_path: Path) -> None:
    with Parser() as parser:
        for name in ("a.txt", "b.md"):
            (tmp_path / name).write_text("# Leeks\n\nLeeks are long.")
            assert read_document(tmp_path / name, parser).title == "Leeks"
        assert parser.pid is None


def test_one_child_reads_many_files_and_ends_with_its_owner() -> None:
    with Parser() as parser:
        parser.parse(samples.pdf(LEEKS), ".pdf")
        first = parser.pid
        parser.parse(samples.sheets({"A": [["b"]]}), ".xlsx")
        assert parser.pid == first is not None
        child = parser._child
    assert parser.pid is None
    assert child is not None
    assert child.returncode == 0


def test_the_memory_that_its_owner_holds_does_not_count_for_the_child() -> None:
    held = bytearray(os.urandom(1)) * 900_000_000  # more than half of what a child may hold
    with Parser() as parser:
        parser.parse(samples.pdf(LEEKS), ".pdf")
        assert parser.pid is not None
    assert held


def test_a_child_that_dies_between_two_files_or_within_one_is_replaced() -> None:
    slow = samples.large_sheet(10_000)
    with Parser() as parser:
        parser.parse(samples.pdf(LEEKS), ".pdf")
        child = parser._child
        assert child is not None
        child.kill()
        child.wait()
        assert parser.parse(samples.pdf(LEEKS), ".pdf").pages[0] == 0
        child = parser._child
        assert child is not None
        threading.Timer(0.1, child.kill).start()
        with pytest.raises(DocumentError, match=r"broke its parser .*save it as text, then add that\."):
            parser.parse(slow, ".xlsx")
        assert parser.parse(samples.pdf(LEEKS), ".pdf").pages[0] == 0


def test_a_file_that_takes_too_long_is_given_up_and_the_next_one_is_read() -> None:
    slow = samples.large_sheet(30_000)
    with Parser(seconds=1.0) as parser:
        parser.parse(samples.pdf(LEEKS), ".pdf")
        started = time.monotonic()
        with pytest.raises(DocumentError, match=r"longer than 1 seconds. Split it"):
            parser.parse(slow, ".xlsx")
        assert time.monotonic() - started < 5
        assert parser.parse(samples.pdf(LEEKS), ".pdf").pages[0] == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process's address space")
def test_a_file_that_needs_too_much_memory_is_given_up_and_the_next_one_is_read() -> None:
    large = samples.large_word(1_000_000)
    with Parser(memory=400 * 2**20) as parser:
        with pytest.raises(DocumentError, match=r"needs more memory|broke its parser"):
            parser.parse(large, ".docx")
        assert parser.parse(samples.pdf(LEEKS), ".pdf").pages[0] == 0


def test_what_a_library_prints_goes_nowhere(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from index.documents import read_document;"
        "read_document(Path(sys.argv[1]))"
    )
    path = tmp_path / "a.html"
    path.write_text(PAGE.format(meta=""), encoding="utf-8")
    run = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, check=True)
    assert (run.stdout, run.stderr) == (b"", b"")


def test_a_module_in_the_folder_that_it_is_started_in_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parser: Parser
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(1)")
    monkeypatch.chdir(tmp_path)
    with Parser() as own:
        assert own.parse(samples.pdf(LEEKS), ".pdf") == parser.parse(samples.pdf(LEEKS), ".pdf")


def test_nothing_of_the_formats_libraries_is_loaded_by_index_or_by_an_answer() -> None:
    program = (
        "import sys; from rag import answer; from index.documents import read_document; import index.formats.parser;"
        "names = 'lxml docx pptx openpyxl pypdfium2 trafilatura defusedxml charset_normalizer'.split();"
        "print([name for name in names if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
