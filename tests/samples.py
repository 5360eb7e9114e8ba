"""Small files of every format, good and bad, made when a test needs one: nothing binary lies in the repository."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence

import docx
import openpyxl
import pptx
from openpyxl.utils import get_column_letter

CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
)


def pdf(pages: Sequence[Sequence[str]], title: str = "", trailer: str = "") -> bytes:
    """A PDF by hand: the lines of each page in Helvetica; `trailer` is put into its trailer."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", "", "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids = []
    for lines in pages:
        shown = " ".join(f"({_escaped(line)}) Tj 0 -14 Td" for line in lines)
        stream = f"BT /F1 12 Tf 72 720 Td {shown} ET"
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {len(objects)} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    objects.append(f"<< /Title ({_escaped(title)}) >>")
    return pdf_of(objects, f"/Info {len(objects)} 0 R {trailer}")


def pdf_of(objects: Iterable[str], trailer: str = "") -> bytes:
    """A PDF of these objects, numbered from 1; the first is its catalog."""
    data = b"%PDF-1.7\n"
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(data))
        data += f"{number} 0 obj\n{body}\nendobj\n".encode("latin-1")
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    size = len(offsets) + 1
    end = f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n<< /Size {size} /Root 1 0 R {trailer} >>\n"
    return data + f"{end}startxref\n{len(data)}\n%%EOF\n".encode("latin-1")


def encrypted_pdf() -> bytes:
    """One that no password opens: its keys are made up."""
    key = "00" * 32
    lock = f"/Encrypt << /Filter /Standard /V 1 /R 2 /Length 40 /P -4 /O <{key}> /U <{key}> >> /ID [<{key}> <{key}>]"
    return pdf([["Secret."]], trailer=lock)


def looping_pdf() -> bytes:
    """Its page tree is its own child."""
    return pdf_of(["<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 2 >>"])


def word(*paragraphs: tuple[str, str], table: Sequence[Sequence[str]] = (), title: str = "") -> bytes:
    """Paragraphs as (style, text), then a table."""
    document = docx.Document()
    document.core_properties.title = title
    for style, text in paragraphs:
        document.add_paragraph(text, style=style)
    if table:
        grid = document.add_table(rows=len(table), cols=len(table[0]))
        for row, texts in zip(grid.rows, table, strict=True):
            for cell, text in zip(row.cells, texts, strict=True):
                cell.text = text
    return _saved(document)


def slides(*contents: tuple[str, Sequence[str], str]) -> bytes:
    """Slides as (title, bullets, notes)."""
    presentation = pptx.Presentation()
    for title, bullets, notes in contents:
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        if slide.shapes.title is not None:
            slide.shapes.title.text = title
        slide.placeholders[1].text_frame.text = "\n".join(bullets)
        if notes and (frame := slide.notes_slide.notes_text_frame) is not None:
            frame.text = notes
    return _saved(presentation)


def sheets(contents: Mapping[str, Sequence[Sequence[object]]], title: str | None = None) -> bytes:
    """Sheets by name, each with its rows."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    book.properties.title = title
    for name, rows in contents.items():
        sheet = book.create_sheet(name)
        for row, values in enumerate(rows, 1):
            for column, value in enumerate(values, 1):
                sheet[f"{get_column_letter(column)}{row}"] = value
    return _saved(book)


def large_sheet(rows: int) -> bytes:
    """A sheet of so many rows, a hundred cells each; a million take minutes to read."""
    cells = "<c><v>1</v></c>" * 100
    xml = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        f"{f'<row>{cells}</row>' * rows}</sheetData></worksheet>"
    )
    return replaced(sheets({"A": []}), {"xl/worksheets/sheet1.xml": xml})


def large_word(paragraphs: int) -> bytes:
    xml = (
        '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>'
        f"{'<w:p><w:r><w:t>a</w:t></w:r></w:p>' * paragraphs}</w:body></w:document>"
    )
    return replaced(word(("Normal", "a")), {"word/document.xml": xml})


def book(chapters: Mapping[str, str], title: str = "", more: Mapping[str, str] | None = None) -> bytes:
    """An EPUB of these XHTML files, by name and in this order."""
    items = "".join(
        f'<item id="c{i}" href="{name}" media-type="application/xhtml+xml"/>' for i, name in enumerate(chapters)
    )
    spine = "".join(f'<itemref idref="c{i}"/>' for i in range(len(chapters)))
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" version="3.0">'
        f'<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>{title}</dc:title></metadata>'
        f"<manifest>{items}</manifest><spine>{spine}</spine></package>"
    )
    parts = {"mimetype": "application/epub+zip", "META-INF/container.xml": CONTAINER, "OEBPS/book.opf": package}
    return archive(parts | {f"OEBPS/{name}": text for name, text in chapters.items()} | dict(more or {}))


def chapter(body: str) -> str:
    return (
        '<?xml version="1.0" encoding="utf-8"?><!DOCTYPE html><html xmlns="http://www.w3.org/1999/xhtml">'
        f"<head><title/></head><body>{body}</body></html>"
    )


def archive(parts: Mapping[str, str | bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in parts.items():
            made.writestr(name, data)
    return target.getvalue()


def replaced(data: bytes, parts: Mapping[str, str | bytes]) -> bytes:
    """A zip file with some of its parts exchanged or added."""
    with zipfile.ZipFile(io.BytesIO(data)) as given:
        return archive({name: given.read(name) for name in given.namelist()} | dict(parts))


def bomb(data: bytes, name: str, mebibytes: int = 600) -> bytes:
    """A zip file with one more part, of zeros."""
    target = io.BytesIO(data)
    with zipfile.ZipFile(target, "a", zipfile.ZIP_DEFLATED) as made, made.open(name, "w", force_zip64=True) as part:
        for _ in range(mebibytes):
            part.write(bytes(2**20))
    return target.getvalue()


def laughs(root: str = "lolz") -> str:
    """The XML bomb known as billion laughs."""
    entities = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
    return f'<?xml version="1.0"?><!DOCTYPE {root} [<!ENTITY l0 "lol">{entities}]><{root}>&l9;</{root}>'


def quadratic(root: str = "lolz") -> str:
    """One long entity, many times."""
    return f'<?xml version="1.0"?><!DOCTYPE {root} [<!ENTITY a "{"a" * 50_000}">]><{root}>{"&a;" * 50_000}</{root}>'


def outside(root: str = "lolz") -> str:
    """An entity that names a file of the machine."""
    return f'<?xml version="1.0"?><!DOCTYPE {root} [<!ENTITY a SYSTEM "file:///etc/passwd">]><{root}>&a;</{root}>'


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


def _saved(document: object) -> bytes:
    target = io.BytesIO()
    document.save(target)  # type: ignore[attr-defined]
    return target.getvalue()
