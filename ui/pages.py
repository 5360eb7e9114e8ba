"""The pages beside the conversation: the library, the conversations that were kept, the quality of the answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import PurePath

from evals.feedback import Feedback
from evals.html import page
from evals.record import Record
from index import Conversation, DocumentRow
from index.documents import is_web_address
from ui.markup import line, safe
from ui.shell import count

_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Upload:
    """A file or an address that is being added, and what has become of it: "" while it is under way."""

    name: str
    said: str = ""
    failed: bool = False


def uploads_html(uploads: Sequence[Upload], step: str = "") -> str:
    """A line for each; `step` is what is done with the first one that is under way."""
    rows, under_way = "", True
    for upload in uploads:
        if upload.said:
            kind, sign, said = ("failed", "✕", upload.said) if upload.failed else ("done", "✓", upload.said)
        else:
            kind, sign, said = ("doing", "…", step or "Reading") if under_way else ("waiting", "·", "Waiting")
            under_way = False
        rows += (
            f'<li class="{kind}"><span class="sign" aria-hidden="true">{sign}</span><b>{line(upload.name)}</b>'
            f"<small>{line(said)}</small></li>"
        )
    return safe(f'<ul class="uploads" role="status">{rows}</ul>' if rows else "")


def documents_html(documents: Sequence[DocumentRow], find: str, may_change: bool) -> str:
    """The list, of those that hold `find` in their title, name or tags."""
    sought = find.casefold().split()
    found = [row for row in documents if all(word in _words(row) for word in sought)]
    passages = count(sum(row.passages for row in documents), "passage")
    head = f"{count(len(documents), 'document')}, {passages}" + (f"; {len(found):,} match" if sought else "")
    rows = "".join(_document(row, may_change) for row in found[:_SHOWN])
    more = f'<p class="hint">{len(found) - _SHOWN:,} more. Name what you look for.</p>' if len(found) > _SHOWN else ""
    empty = "" if documents else '<p class="empty">Nothing is here yet. Drop a file above, or paste an address.</p>'
    return safe(f'<p class="hint">{head}</p>{empty}<ul class="shelf">{rows}</ul>{more}')


def _words(row: DocumentRow) -> str:
    return f"{row.title} {PurePath(row.path).name} {' '.join(row.tags)}".casefold()


def _document(row: DocumentRow, may_change: bool) -> str:
    place = row.path if is_web_address(row.path) else PurePath(row.path).name
    tags = "".join(f'<span class="tag">{line(tag)}</span>' for tag in row.tags)
    remove = (
        '<details class="confirm"><summary>Remove</summary>'
        f'<button type="button" class="remove" value="{escape(row.id)}">Yes, remove it</button></details>'
        if may_change
        else ""
    )
    return (
        f"<li><div><b>{line(row.title)}</b>{tags}<small>{line(place)} · {count(row.passages, 'passage')} · "
        f"{row.characters:,} characters · added {escape(row.added[:10])}</small></div>"
        f'<button type="button" class="document" value="{escape(row.id)}">Open</button>{remove}</li>'
    )


def conversations_html(conversations: Sequence[Conversation], kept: bool) -> str:
    """What can be taken up again."""
    if not kept:
        return safe(
            '<p class="empty">Conversations are not kept here: they end with the page. '
            "Whoever runs Pincite can keep them with <code>PINCITE_HISTORY=on</code>.</p>"
        )
    if not conversations:
        return safe('<p class="empty">Nothing yet. A conversation is kept from its first answer on.</p>')
    rows = "".join(
        f"<li><div><b>{line(item.question)}</b><small>{count(item.turns, 'question')} · "
        f"{escape(item.made[:16].replace('T', ' '))} UTC</small></div>"
        f'<button type="button" class="reopen" value="{escape(item.id)}">Open</button>'
        '<details class="confirm"><summary>Delete</summary>'
        f'<button type="button" class="forget" value="{escape(item.id)}">Yes, delete it</button></details></li>'
        for item in conversations[:_SHOWN]
    )
    return safe(f'<ul class="shelf">{rows}</ul>')


def quality_html(record: Record | None, marks: Sequence[Feedback]) -> str:
    """The latest run of the reference questions in a frame of its own, and the answers that were marked bad."""
    if record is None:
        report = safe('<p class="empty">No run was kept yet. Make one with: <code>pincite eval</code></p>')
    else:
        report = (
            '<iframe class="report" title="Report of the latest eval" sandbox="allow-scripts" '
            f'srcdoc="{escape(page(record))}"></iframe>'
        )
    return report + safe(_candidates([mark for mark in marks if mark.liked is False]))


def _candidates(marks: Sequence[Feedback]) -> str:
    if not marks:
        return (
            '<h2>Answers marked bad</h2><p class="empty">None. A thumb down makes a question a candidate for the '
            "reference questions.</p>"
        )
    rows = "".join(_candidate(mark) for mark in marks[-50:])
    return (
        '<h2>Answers marked bad</h2><p class="hint">Candidates for the reference questions. Propose them with '
        f'<code>pincite eval make mine.jsonl</code></p><ul class="shelf candidates">{rows}</ul>'
    )


def _candidate(mark: Feedback) -> str:
    passages = "".join(f"<blockquote>{line(text)}</blockquote>" for text in mark.passages[:3])
    said = line(mark.answer if mark.answered else "declined")
    return f"<li><div><b>{line(mark.question)}</b><small>{said}</small>{passages}</div></li>"
