"""Files that are not plain text: PDF, HTML, EPUB and Office, parsed in a child process that a bad file cannot outlive.

Nothing of the libraries is imported here: only the child loads them, and only the one that a file needs.
"""

from index.formats.parsed import MODULES, Parsed
from index.formats.parser import Parser

SUFFIXES = tuple(MODULES)

__all__ = ["SUFFIXES", "Parsed", "Parser"]
