"""The files to read under a path; nothing here opens one."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from index.documents import SUFFIXES, printable
from index.errors import DocumentError


@dataclass(frozen=True, slots=True)
class Found:
    """The files to read, sorted, and (path, reason) of what was found but cannot be taken."""

    files: list[Path] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)


def find_files(path: Path) -> Found:
    """`path` itself if it is a file, else the readable files under it, without hidden ones.

    Links inside a folder are followed to files of that folder only. Raises DocumentError if there is nothing.
    """
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        if isinstance(error, FileNotFoundError):
            raise DocumentError(
                f"No such file or folder: {printable(path)}. Check the spelling, or give its full path."
            ) from None
        raise DocumentError(f"Cannot read {printable(path)}: {reason}. Check it and its permissions.") from error
    if stat.S_ISDIR(status.st_mode):
        found = _Walk(path).found()
        if not found.files and not found.failed:
            raise DocumentError(
                f"No documents in {printable(path)}: Pincite reads {', '.join(SUFFIXES)}. Add a folder that holds some."
            )
        return found
    if not stat.S_ISREG(status.st_mode):
        raise DocumentError(
            f"Not a regular file: {printable(path)}. Add a file that Pincite reads ({', '.join(SUFFIXES)}), "
            "or a folder of them."
        )
    return Found([path])


class _Walk:
    """The readable files of one folder and its subfolders."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._real_root = os.path.realpath(root)
        self._files: list[str] = []
        self._links: list[str] = []
        self._failed: list[tuple[str, str]] = []

    def found(self) -> Found:
        folders = [str(self._root)]
        while folders:
            folders += self._subfolders(folders.pop())
        prefix = str(self._root)
        known = {self._real_root + file[len(prefix) :] for file in self._files} if self._links else set()
        for link in self._links:
            target = os.path.realpath(link)
            if target not in known:
                known.add(target)
                self._files.append(link)
        return Found(sorted(map(Path, self._files)), sorted(self._failed))

    def _subfolders(self, folder: str) -> Iterator[str]:
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if not entry.name.startswith("."):
                        yield from self._take(entry)
        except OSError as error:
            self._fail(folder, f"Cannot list {{}}: {error.strerror or error}. Check its permissions.")

    def _take(self, entry: os.DirEntry[str]) -> Iterator[str]:
        """Put the entry where it belongs; yield it if it is a folder to look into."""
        readable = os.path.splitext(entry.name)[1].lower() in SUFFIXES
        try:
            if entry.is_symlink():
                self._take_link(entry.path, readable)
            elif entry.is_dir(follow_symlinks=False):
                yield entry.path
            elif entry.is_file(follow_symlinks=False):
                if readable:
                    self._files.append(entry.path)
            elif readable:
                self._fail(entry.path, "Not a regular file: {}. Put a copy with its text in its place.")
        except OSError as error:
            self._fail(entry.path, f"Cannot read {{}}: {error.strerror or error}. Check it and its permissions.")

    def _take_link(self, link: str, readable: bool) -> None:
        target = os.path.realpath(link)
        inside = target == self._real_root or target.startswith(os.path.join(self._real_root, ""))
        if os.path.isdir(link):
            if not inside:
                self._fail(link, "Not followed: {}, a link out of the folder. Add the folder that it leads to.")
        elif not readable:
            return
        elif not stat.S_ISREG(os.stat(link).st_mode):
            self._fail(link, "Not a regular file: {}. Put a copy with its text in its place.")
        elif not inside:
            self._fail(link, "Not followed: {}, a link out of the folder. Add the file that it leads to.")
        else:
            self._links.append(link)

    def _fail(self, path: str, reason: str) -> None:
        self._failed.append((path, reason.replace("{}", printable(path))))
