"""PDF by pypdfium2 (PDFium): the text of each page as the file has it, without hyphenation and page headers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

import pypdfium2
import pypdfium2.raw as pdfium_c

from index.errors import DocumentError
from index.formats.parsed import Parsed, capped, chosen_title, clean, paged
from index.passages import opening_heading

_HYPHEN = "\ufffe"  # PDFium's sign for a hyphen that ended a line; it has joined the lines already
_PARTED = re.compile(rf"([^\W\d_]*)(?:{_HYPHEN}|[-\u2010]\n|\u00ad\n?)([^\W\d_]*)")
_WORDS = re.compile(r"\w+(?:-\w+)*")
_LEADERS = re.compile(r" ?(?:\. ?){5,}")
_LIGATURES = str.maketrans(
    {"\ufb00": "ff", "\ufb01": "fi", "\ufb02": "fl", "\ufb03": "ffi", "\ufb04": "ffl", "\ufb05": "st", "\ufb06": "st"}
)
_NUMBER = re.compile(r"\d{1,5}")


def parse(data: bytes) -> Parsed:
    """Raises DocumentError if it is encrypted, damaged, or holds no text."""
    if b"%PDF-" not in data[:1024]:
        raise DocumentError("it is no PDF, whatever its name says. Give it the right suffix, then add it again.")
    try:
        pdf = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if error.err_code == pdfium_c.FPDF_ERR_PASSWORD:
            raise DocumentError(
                "it is encrypted. Remove the password (for example: qpdf --decrypt IN OUT), then add that."
            ) from error
        raise DocumentError("it is damaged or cut short. Get it anew, or save it again, then add that.") from error
    with pdf:
        title = pdf.get_metadata_value("Title")
        texts = list(capped(_page(pdf, number) for number in range(len(pdf))))
    if not any(text.strip() for text in texts):
        raise DocumentError(
            "it holds no text, perhaps scanned pages. Run OCR on it (for example ocrmypdf), then add that."
        )
    known = frozenset(word.lower() for text in texts for word in _WORDS.findall(text))
    parsed = paged(without_headers([_joined(text, known) for text in texts]))
    return Parsed(parsed.text, chosen_title(title) or chosen_title(opening_heading(parsed.text)), parsed.pages)


def without_headers(texts: list[str]) -> list[str]:
    """The pages without the lines at their edges that only say where one is.

    These are: a line that ends or starts with the page's number, on three pages or (with words in it) on five; and one
    that is the same on more than half of all pages and on three at least.
    """
    pages = [text.split("\n") for text in texts]
    for edge in (0, -1, 0, -1):
        counts: Counter[object] = Counter(key for i, lines in enumerate(pages) for key in _edge_keys(i, lines[edge]))
        for i, lines in enumerate(pages):
            if any(counts[key] >= needed for key, needed in _edge_keys(i, lines[edge], len(pages)).items()):
                del lines[edge]
                lines[:] = lines or [""]
    return ["\n".join(lines) for lines in pages]


def _edge_keys(page: int, line: str, pages: int = 0) -> dict[object, int]:
    """What the line would be known by on other pages, and on how many pages it must be found to be no text."""
    line = line.strip()
    if not line:
        return {}
    keys: dict[object, int] = {line: max(3, pages // 2 + 1)}
    for number in _NUMBER.finditer(line):
        if number.start() == 0 or number.end() == len(line) or not any(map(str.isalnum, line[: number.start()])):
            words = any(map(str.isalpha, line))
            keys[int(number.group()) - page, words, number.end() == len(line)] = 5 if words else 3
    return keys


def _page(pdf: pypdfium2.PdfDocument, number: int) -> str:
    try:
        page = pdf[number]
        textpage = page.get_textpage()
    except pypdfium2.PdfiumError as error:
        raise DocumentError(
            f"its page {number + 1} is damaged. Repair it (for example: qpdf IN OUT), then add that."
        ) from error
    text: str = textpage.get_text_range().replace("\r\n", "\n")
    textpage.close()
    page.close()
    return _LEADERS.sub(" ", text.translate(_LIGATURES))


def _joined(text: str, known: frozenset[str]) -> str:
    """Words parted at a line's end in one piece; with their hyphen if the document has them so elsewhere."""
    return clean(_PARTED.sub(_joiner(known), text))


def _joiner(known: frozenset[str]) -> Callable[[re.Match[str]], str]:
    def join(match: re.Match[str]) -> str:
        before, after = match.groups()
        whole, hyphenated = f"{before}{after}", f"{before}-{after}"
        has_whole, has_hyphenated = whole.lower() in known, hyphenated.lower() in known
        plain = before[-1:].islower() and after[:1].islower() and (has_whole or not has_hyphenated)
        return whole if plain else hyphenated

    return join
