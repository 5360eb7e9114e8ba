"""Writes `docs/reference/*.md`, a page per public noun, from docstrings and source: `python docs/reference.py`."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from importlib import import_module
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
# In the order of the data flow, a page an item; what neither `rag` nor `index` hands out stands with its module.
PAGES = """functions answer stream_answer check open_library import_library default_path; Document; Library; Part;
Added index.ingest.Ingest; Step; DocumentRow; Finding; Conversation Turn; Passage; Hit; Message; Excerpt;
Assistant rag.stream.Deadlines; Reply Anew; Answer Unsupported; Sentence; Citation; Verdict;
receipts rag.receipts.read_receipt rag.receipts.verify rag.receipts.Kept rag.receipts.Standing rag.receipts.reopen
rag.receipts.Reopened; errors PinciteError DocumentError LibraryError LibraryReadOnly EmbeddingMismatch QuestionError
SettingError ModelError rag.errors.ModelCut rag.errors.ReceiptError;
types index.ingest.Progress index.passages.Span index.embedder.Matrix rag.stream.Turn rag.reply.Event"""
ABOUT = {
    "functions": "For one question, and to open a library.",
    "receipts": "An answer that was kept, held against the library of today.",
    "errors": "What can go wrong. Every message is one line that says what to do next.",
    "types": "Short names of types.",
}


class Noun:
    """A class, a function or the alias of a type, with its source."""

    def __init__(self, named: str, page: str) -> None:
        module, _, self.name = named.rpartition(".")
        value = getattr(import_module(module), self.name) if module else None
        doors = [door for door in map(import_module, ("rag", "index")) if self.name in door.__all__]
        doors = [door for door in doors if value in (None, getattr(door, self.name))] or [import_module(module)]
        self.page, self.door, self.value = page, doors[0].__name__, getattr(doors[0], self.name)
        home = import_module(module or self.value.__module__)
        self.scope, self.text, self.file = vars(home), inspect.getsource(home), Path(str(home.__file__))
        self.node = next(node for node in ast.parse(self.text).body if _name(node) == self.name)
        self.link = f"{page}.md" if page == self.name else f"{page}.md#{self.name.lower()}"
        self.linked = f"[{self.name}]({self.link})"
        self.types: set[str] = set()

    def source(self, node: ast.AST | None) -> str:
        return (node and ast.get_source_segment(self.text, node)) or ""

    def marks(self, node: ast.stmt) -> list[str]:
        return [self.source(mark) for mark in getattr(node, "decorator_list", [])]

    def told(self, node: ast.stmt) -> str:
        """The docstring, in which other nouns are links; not those in lower case, which are fields as often."""
        nouns = {n.name: n for n in reversed(NOUNS) if n is not self and not n.name.islower()}

        def linked(found: re.Match[str]) -> str:
            noun = nouns.get(found[1] or found[3])
            at = noun and (f"{noun.page}.md#{(noun.name + found[2][1:]).lower()}" if found[2] else noun.link)
            return f"[{found[0]}]({at})" if at else found[0]

        assert isinstance(node, ast.FunctionDef | ast.ClassDef)
        words = r"`(\w+)(\.\w+)?(?:\(\))?`|`[^`]*`|\b([A-Z]\w+[A-Z]\w+)\b"
        return re.sub(words, linked, ast.get_docstring(node) or "")

    def typed(self, written: str, link: bool = True) -> str:
        """An annotation, linked if it names one noun; a name means what it does in this module."""
        words = set(re.findall(r"\b[A-Z]\w+", written)) - {self.name}
        found = [noun for noun in NOUNS if noun.name in words and self.scope.get(noun.name, noun.value) == noun.value]
        if link and len(found) == 1:
            return f"[`{written}`]({found[0].link})"
        self.types |= {noun.link for noun in found if noun.page != self.page}
        return f"`{written}`"

    def code(self, node: ast.stmt) -> str:
        """An alias, or a function's signature."""
        end = node.body[0].lineno - 1 if isinstance(node, ast.FunctionDef) else node.end_lineno
        written = dedent("\n".join(self.text.splitlines()[node.lineno - 1 : end]))
        written = re.sub("  # noqa.*", "", written).rstrip().removesuffix(":")
        self.typed(written, link=False)
        made = re.sub(r"^def __init__\((\s*)self,\s*(.*)\) -> None", rf"{self.name}(\1\2)", written, flags=re.DOTALL)
        return "\n".join(["```python", *(f"@{mark}" for mark in self.marks(node)), made, "```"])

    def row(self, node: ast.stmt) -> list[str]:
        """Of a field, a member or a property: its name, its type or value, and what is said of it."""
        kind, said = f"`{self.source(getattr(node, 'value', None))}`", self.text.splitlines()[node.lineno - 1]
        said = said.partition("  # ")[2]
        if isinstance(node, ast.AnnAssign):
            said = f"by default {kind}".replace("field(default_factory=list)", "[]") if node.value else ""
            kind = self.typed(self.source(node.annotation))
        elif isinstance(node, ast.FunctionDef):
            kind, said = self.typed(self.source(node.returns)), " ".join(self.told(node).split())
        return [f"`{_name(node)}`", kind.replace("|", r"\|"), said.replace("|", r"\|")]

    def attributes(self, made: ast.FunctionDef) -> list[list[str]]:
        """Those in which a constructor keeps what it was given."""
        given = {arg.arg: self.source(arg.annotation) for arg in made.args.args + made.args.kwonlyargs}
        kept = re.findall(r"self\.([a-z]\w*) = (?:(\w+)\()?\1\b", self.source(made))
        return [[f"`{name}`", self.typed(kind or given[name]).replace("|", r"\|"), ""] for name, kind in kept]

    def markdown(self) -> str:
        mark, file = "#" if self.page == self.name else "##", self.file.relative_to(ROOT).as_posix()
        bases = [f"`{base}`" for base in map(self.source, getattr(self.node, "bases", [])) if base != "Exception"]
        place = [f"`from {self.door} import {self.name}`", f"a {' and '.join(bases)}" if bases else ""]
        parts = [f"{mark} {self.name}", " · ".join(filter(None, [*place, f"[{file}](../../{file})"]))]
        if not isinstance(self.node, ast.ClassDef):
            said = self.told(self.node) if isinstance(self.node, ast.FunctionDef) else ""
            return "\n\n".join(filter(None, [*parts, self.code(self.node), said]))
        shown = [item for item in self.node.body if not _name(item).startswith("_")]
        methods = [item for item in shown if isinstance(item, ast.FunctionDef) and "property" not in self.marks(item)]
        made = [item for item in self.node.body if isinstance(item, ast.FunctionDef) and item.name == "__init__"]
        parts += [self.told(self.node), *(self.code(item) for item in made if self.name in ("Library", "Assistant"))]
        rows = [row for item in made for row in self.attributes(item)]
        parts.append(_table(rows + [self.row(item) for item in shown if item not in methods]))
        for item in methods:
            parts += [f"{mark}# {self.name}.{item.name}", self.code(item), self.told(item)]
        return "\n\n".join(filter(None, parts))


def _name(node: ast.stmt) -> str:
    target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", node)
    return str(getattr(target, "id", getattr(target, "name", "_")))


def _table(rows: list[list[str]]) -> str:
    width = len(rows[0]) - (not any(row[-1] for row in rows)) if rows else 0
    lines = [f"| {' | '.join(row[:width])} |" for row in rows]
    return "\n".join(["| " * width + "|", "|---" * width + "|", *lines] if rows else [])


def pages() -> dict[str, str]:
    """What each file holds, by its name."""
    made, contents = {}, []
    for page in dict.fromkeys(noun.page for noun in NOUNS):
        nouns = [noun for noun in NOUNS if noun.page == page]
        parts = [f"# {page.capitalize()}\n\n{ABOUT[page]}"] if page in ABOUT else []
        parts += [noun.markdown() for noun in nouns]
        types = [noun.linked for noun in NOUNS if any(noun.link in one.types for one in nouns)]
        parts += [f"Types: {' · '.join(types)}"] if types else []
        made[f"{page}.md"] = "\n\n".join([*parts, "[All pages](README.md)\n"])
        about = ABOUT.get(page) or re.split(r"(?<=[.])\s", nouns[0].told(nouns[0].node))[0].replace("\n", " ")
        contents.append([", ".join(noun.linked for noun in nouns), about])
    head = "# Reference\n\nWhat `rag` and `index` hand out, in the order of the data flow: documents in, answers out.\n"
    return made | {"README.md": f"{head}Written by `python docs/reference.py` from the source.\n\n{_table(contents)}\n"}


NOUNS = [Noun(name, page[0]) for page in map(str.split, PAGES.split(";")) for name in page if name not in ABOUT]
if __name__ == "__main__":
    folder, written = ROOT / "docs" / "reference", pages()
    for old in folder.glob("*.md"):
        old.unlink()
    for name, text in written.items():
        (folder / name).write_text(text, encoding="utf-8")
