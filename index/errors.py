"""What can go wrong with a library: every message is one line that says what to do next."""


class PinciteError(Exception):
    """Base of every error that Pincite raises on purpose."""


class DocumentError(PinciteError):
    """A file could not be read into a document."""


class LibraryError(PinciteError):
    """A library could not be opened, read or written."""


class LibraryReadOnly(LibraryError):
    """The library may be asked but not changed: another process owns it, or its folder cannot be written."""


class EmbeddingMismatch(LibraryError):
    """The library was built with another embedding model than the one that opens it."""


def reason(error: BaseException) -> str:
    """What an error of another package says, in one line; its kind if it says nothing."""
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
