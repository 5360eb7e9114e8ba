"""Conversations that are kept in the ledger; they are no part of the library, and no copy of it holds them."""

from __future__ import annotations

from dataclasses import dataclass

from index.database import Database
from index.schema import SEALED, checksum


@dataclass(frozen=True, slots=True)
class Turn:
    """A question of a conversation, from 1, and its answer as JSON; `owner` is who asked, "" where nobody signs in."""

    conversation: str
    number: int
    owner: str
    made: str
    question: str
    receipt: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """A line of the list of conversations; `question` is the first one, `made` the time of the last."""

    id: str
    question: str
    turns: int
    made: str


class History:
    """The conversations of every owner, a turn a row."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def keep(self, turn: Turn) -> None:
        """In the place of the one of that number and all later ones of its conversation."""
        values = (turn.conversation, turn.number, turn.owner, turn.made, turn.question, turn.receipt)
        with self._db.transaction():
            self._db.execute("DELETE FROM turns WHERE conversation = ? AND number >= ?", turn.conversation, turn.number)
            self._db.execute("INSERT INTO turns VALUES (?, ?, ?, ?, ?, ?, ?)", *values, checksum(*values))

    def turns(self, owner: str, conversation: str) -> list[Turn]:
        found = self._db.execute(
            f"SELECT {SEALED['turns']} FROM turns WHERE owner = ? AND conversation = ? ORDER BY number",  # noqa: S608
            owner,
            conversation,
        )
        with self._db.sound("a conversation"):
            return [Turn(*row) for row in found]

    def conversations(self, owner: str) -> list[Conversation]:
        """The latest first; each is called by its first question."""
        found = self._db.execute(
            "SELECT conversation, question, count(*), max(made), min(number) FROM turns WHERE owner = ? "
            "GROUP BY conversation ORDER BY max(made) DESC, conversation",
            owner,
        )
        with self._db.sound("a conversation"):
            return [Conversation(*row[:4]) for row in found]

    def forget(self, owner: str, conversation: str) -> None:
        with self._db.transaction():
            self._db.execute("DELETE FROM turns WHERE owner = ? AND conversation = ?", owner, conversation)
