"""Zip files, in memory only: nothing is ever unpacked to disk, so names that climb out of a folder lead nowhere."""

from __future__ import annotations

import io
import re
import zipfile

from index.errors import DocumentError

MAX_UNPACKED = 512 * 2**20
MAX_MEMBERS = 20_000

_XML = (".xml", ".rels", ".opf", ".ncx", ".xhtml", ".html", ".htm")
_ENTITY = re.compile(rb"<!ENTITY\b", re.IGNORECASE)


def opened(data: bytes, name: str) -> zipfile.ZipFile:
    """The archive, checked before anything in it is unpacked. Raises DocumentError; `name` is its kind, as "DOCX"."""
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise DocumentError(
            f"it is encrypted, or of an old Office format. Save it without a password as {name}, then add that."
        )
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except zipfile.BadZipFile:
        raise DocumentError(
            f"it is damaged or cut short, or no {name} file. Open it in its own program and save it again, "
            "then add that."
        ) from None
    members = archive.infolist()
    if any(member.flag_bits & 1 for member in members):
        raise DocumentError("it is encrypted. Save it without a password, then add that.")
    if len(members) > MAX_MEMBERS or sum(member.file_size for member in members) > MAX_UNPACKED:
        raise DocumentError(
            f"it unpacks to more than {MAX_UNPACKED // 2**20} MiB or {MAX_MEMBERS:,} parts, as a zip bomb does. "
            "Split it, or save it as text, then add that."
        )
    for member in members:
        if member.filename.lower().endswith(_XML):
            with archive.open(member) as part:
                if _ENTITY.search(part.read(2**16).replace(b"\0", b"")):
                    raise DocumentError(
                        "it declares XML entities, as attacks do and documents do not. Save it as text, then add that."
                    )
    return archive
