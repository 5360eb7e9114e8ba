from __future__ import annotations

from pathlib import Path

import pytest

from index import DocumentError
from index.documents import read_document
from index.files import find_files


def write(path: Path, data: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("Grüße.\n".encode(), "Grüße.\n"),
        ("Grüße.".encode("utf-8-sig"), "Grüße."),
        ("Grüße.".encode("utf-16"), "Grüße."),
        (b"One.\r\nTwo.\r\n", "One.\nTwo.\n"),
        ("Die Straße nach Köln ist heute gesperrt, sagte der Bürgermeister.".encode("cp1252"),
         "Die Straße nach Köln ist heute gesperrt, sagte der Bürgermeister."),
    ],
)  # fmt: skip
def test_a_text_is_what_opening_the_file_as_text_reads(tmp_path: Path, data: bytes, text: str) -> None:
    assert read_document(write(tmp_path / "a.txt", data)).text == text


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("empty.txt", b"", "the file is empty"),
        ("blank.md", b" \n\t\n", "the file is empty"),
        ("image.txt", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0", "Not a text file"),
        ("report.txt", b"%PDF-1.7\n1 0 obj", "Not a text file"),
        ("report.pdf", b"%PDF-1.7\n1 0 obj", "Cannot read .* damaged or cut short"),
        ("letter.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", r"Not a text file: .* Save it as \.docx"),
        ("noise.txt", bytes(range(1, 32)) * 40, "Not a text file"),
    ],
)
def test_what_is_not_text_is_refused_in_one_line_with_the_next_step(
    tmp_path: Path, name: str, data: bytes, reason: str
) -> None:
    with pytest.raises(DocumentError, match=reason) as caught:
        read_document(write(tmp_path / name, data))
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)


def test_a_title_is_the_heading_that_the_text_opens_with_else_the_files_name(tmp_path: Path) -> None:
    assert read_document(write(tmp_path / "a.md", "# On Leeks\n\nLong.")).title == "On Leeks"
    assert read_document(write(tmp_path / "leeks.txt", "Author: A. Cook\n\nLeeks are long.")).title == "leeks"


def test_a_folder_gives_the_files_that_can_be_read_but_no_hidden_ones(tmp_path: Path) -> None:
    for name in ("b.md", "a.txt", "deep/c.TXT", ".hidden.txt", ".git/d.md", "e.pdf", "f.PPTX", "README", "g.jpeg"):
        write(tmp_path / name, "Text.")
    found = find_files(tmp_path)
    names = [path.relative_to(tmp_path).as_posix() for path in found.files]
    assert names == ["a.txt", "b.md", "deep/c.TXT", "e.pdf", "f.PPTX"]
    assert found.failed == []


def test_a_link_within_a_folder_is_another_name_of_a_file_that_is_read_once(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", "Text.")
    write(tmp_path / "kept" / "README", "Text.")
    for name, target in (("b.txt", "a.txt"), ("read.me.txt", "kept/README"), ("same", "kept")):
        try:
            (tmp_path / name).symlink_to(target)
        except OSError:
            pytest.skip("no symbolic links here")
    assert [path.name for path in find_files(tmp_path).files] == ["a.txt", "read.me.txt"]


def test_a_folder_without_documents_and_a_missing_path_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"No documents in .* Pincite reads \.txt"):
        find_files(tmp_path)
    with pytest.raises(DocumentError, match="No such file or folder"):
        find_files(tmp_path / "nowhere")
