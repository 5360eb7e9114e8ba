"""What the pages of the window share: whom they ask, of which documents, and who may do what."""

from __future__ import annotations

from collections.abc import Sequence

import gradio as gr

from index import Library, Part
from rag import Assistant, Unsupported
from rag.assistant import EXTRACTIVE
from ui.access import Access
from ui.suggest import Suggestions

# How long an idle session keeps its turns.
SESSION_SECONDS = 6 * 3600

# Documents offered to be asked alone; of a larger library the tags are offered, and these.
_OFFERED = 500
_QUOTES = "quotes"

Choices = list[tuple[str, str]]


class Desk:
    def __init__(self, assistant: Assistant, access: Access) -> None:
        self.assistant = assistant
        self.library: Library = assistant.library
        self.may_change = access.may_change and self.library.writable
        self.keeps = access.keeps and self.library.writable
        self.suggestions = Suggestions(assistant)
        self.modes: Choices = [("Quotes, word for word", _QUOTES)]
        if assistant.model != EXTRACTIVE:
            self.modes = [
                (f"{assistant.model}, checked", Unsupported.MARK.value),
                (f"{assistant.model}, only what is supported", Unsupported.STRICT.value),
                (f"{assistant.model}, written again where unsupported", Unsupported.AGAIN.value),
                *self.modes,
            ]

    @property
    def mode(self) -> str:
        """The one that is set."""
        return _QUOTES if self.assistant.model == EXTRACTIVE else self.assistant.unsupported.value

    def asked(self, mode: str) -> Assistant:
        known = {value for _, value in self.modes}
        if mode == _QUOTES or mode not in known:
            return self.assistant.quoting()
        return self.assistant.writing(Unsupported(mode))

    def offered(self) -> Choices:
        """What can be asked alone: tags, then documents."""
        documents = self.library.documents()
        tags = sorted({tag for row in documents for tag in row.tags})
        return [(f"tagged {tag}", f"tag:{tag}") for tag in tags] + [(row.title, row.id) for row in documents[:_OFFERED]]

    def part(self, chosen: Sequence[str]) -> Part | None:
        """What was chosen of `offered`; None is all. Raises DocumentError if it is not there any more."""
        tags = [item.removeprefix("tag:") for item in chosen if item.startswith("tag:")]
        names = [item for item in chosen if not item.startswith("tag:")]
        return self.library.within(*names, tags=tags) if chosen else None

    def owner(self, request: gr.Request) -> str:
        """Whose conversations they are: of who has signed in, else of everybody at this machine."""
        return str(request.username or "")
