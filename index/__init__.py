"""Documents in, hits out. Start with `Library`."""

from index.checkup import Finding
from index.documents import Document
from index.errors import DocumentError, EmbeddingMismatch, LibraryError, LibraryReadOnly, PinciteError
from index.history import Conversation, Turn
from index.hits import Hit, Passage
from index.ingest import Added, Progress, Step
from index.ledger import DocumentRow
from index.library import Library
from index.opening import default_path, import_library, open_library
from index.part import Part

__all__ = [
    "Added",
    "Conversation",
    "Document",
    "DocumentError",
    "DocumentRow",
    "EmbeddingMismatch",
    "Finding",
    "Hit",
    "Library",
    "LibraryError",
    "LibraryReadOnly",
    "Part",
    "Passage",
    "PinciteError",
    "Progress",
    "Step",
    "Turn",
    "default_path",
    "import_library",
    "open_library",
]
