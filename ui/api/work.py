"""Questions among threads: so many at the same time, the next wait, and who leaves is not answered any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, nullcontext, suppress
from itertools import takewhile
from threading import Event
from typing import TypeVar

from anyio import to_thread
from starlette.requests import Request

from rag import Answer, Reply
from ui.network import AT_ONCE, WAITING

Item = TypeVar("Item")

_LOOKS = 0.25  # seconds between looks whether somebody has left
_END = object()


class Busy(Exception):
    """More wait already than may."""


class Gone(Exception):
    """Who asked has left."""


class Work:
    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._here = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Raises Busy at once if too many wait."""
        if self._here >= AT_ONCE + WAITING:
            raise Busy
        self._here += 1
        try:
            async with self._turns:
                yield
        finally:
            self._here -= 1

    async def answer(self, request: Request, reply: Reply) -> Answer:
        """Raises Gone, and what the reply raises."""
        await self.done(request, reply)
        return reply.answer

    async def done(self, request: Request, items: Iterator[Item]) -> list[Item]:
        """All items, one by one; raises Gone."""
        async with self.turn():
            return await all_of(items, request)

    async def each(self, reply: Reply, items: Iterator[Item]) -> AsyncIterator[Item]:
        """The items that are made of a reply, which is closed when they are not read any more."""
        async with self.turn():
            try:
                while (item := await to_thread.run_sync(next, items, _END, abandon_on_cancel=True)) is not _END:
                    yield item  # type: ignore[misc]
            finally:
                reply.close()


async def all_of(items: Iterator[Item], request: Request | None) -> list[Item]:
    """In a thread, and no further once the call is cancelled. Raises Gone if who asked has left."""
    left = Event()

    def leave() -> None:
        left.set()
        if isinstance(items, Reply):
            items.close()

    try:
        async with watched(request, leave) if request else nullcontext():
            found = await to_thread.run_sync(
                lambda: list(takewhile(lambda _: not left.is_set(), items)), abandon_on_cancel=True
            )
    except asyncio.CancelledError:
        leave()
        raise
    if left.is_set():
        raise Gone
    return found


@asynccontextmanager
async def watched(request: Request, leave: Callable[[], object]) -> AsyncIterator[None]:
    """Meanwhile, `leave` is called if who asked leaves."""

    async def watch() -> None:
        while not await request.is_disconnected():
            await asyncio.sleep(_LOOKS)
        leave()

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
