"""The words of a text that say what it is about."""

from __future__ import annotations

import re

_WORD = re.compile(r"\w+")
STOP_WORDS = frozenset(
    "a about an and any are as at be been but by can could did do does for from had has have he her him his how i "
    "if in into is it its me my of on or our say says she should so tell than that the their them then there "
    "these they this those to up us was we were what when where which who whom whose why will with "
    "would you your".split()
)


def content_words(text: str) -> list[str]:
    """The words of `text` that say what it is about, in lower case, each once, in order."""
    return [word for word in dict.fromkeys(_WORD.findall(text.lower())) if word not in STOP_WORDS]


def search_words(question: str) -> list[str]:
    """The content words of `question`; all its words if it has none of those."""
    return content_words(question) or list(dict.fromkeys(_WORD.findall(question.lower())))
