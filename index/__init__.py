"""Documents in, hits out. Start with `Library`."""

from index.documents import Document
from index.errors import DocumentError, EmbeddingMismatch, LibraryError, LibraryReadOnly, PinciteError
from index.ledger import DocumentRow
from index.library import Added, Finding, Hit, Library, Passage, Progress, default_path, open_library

__all__ = [
    "Added",
    "Document",
    "DocumentError",
    "DocumentRow",
    "EmbeddingMismatch",
    "Finding",
    "Hit",
    "Library",
    "LibraryError",
    "LibraryReadOnly",
    "Passage",
    "PinciteError",
    "Progress",
    "default_path",
    "open_library",
]
