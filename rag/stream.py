"""What a language model writes, piece by piece, within deadlines and until it is stopped.

The model runs in an event loop of its own thread, whatever thread or loop the reader is in: there a wait can be ended
from outside, at once and on every platform, and its connection is closed. A blocking read could not be.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from functools import cache
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from rag.errors import ModelCut, ModelError

if TYPE_CHECKING:
    from llama_index.core.llms import LLM

MOST_CHARACTERS = 8_000  # more than any model writes in the tokens that it is allowed
_THOUGHT, _THOUGHT_ENDS = "<think>", "</think>"

Turn = tuple[str, str]  # a role ("system", "user", "assistant") and what it says


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds. `first`: until text comes, further tries included; `between` two pieces; `whole`: all of an answer."""

    first: float = 60.0
    between: float = 20.0
    whole: float = 300.0


class Stopped(Exception):
    """Who asked does not want to know any more."""


class Stop:
    """Pressed once, from any thread; who waits for a model then is woken."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wakers: list[Callable[[], object]] = []
        self.pressed = False

    def press(self) -> None:
        with self._lock:
            self.pressed = True
            wakers = list(self._wakers)
        for wake in wakers:
            wake()

    @contextmanager
    def waking(self, wake: Callable[[], object]) -> Iterator[None]:
        with self._lock:
            self._wakers.append(wake)
        if self.pressed:
            wake()
        try:
            yield
        finally:
            with self._lock:
                self._wakers.remove(wake)


@contextmanager
def written(
    model: LLM, turns: Sequence[Turn], deadlines: Deadlines, stop: Stop | None = None
) -> Iterator[Iterator[str]]:
    """The model begins at once; its pieces can be read while it writes on. Leaving ends it and its connection.

    Reading raises ModelError if nothing came, ModelCut if it ended in the middle, Stopped when `stop` is pressed.
    """
    stop = stop or Stop()
    pieces: SimpleQueue[str | ModelError | None] = SimpleQueue()
    task = asyncio.run_coroutine_threadsafe(_write(model, turns, deadlines, pieces.put), _event_loop())
    task.add_done_callback(lambda _: pieces.put(None))
    try:
        with stop.waking(task.cancel):
            yield _until_end(pieces, stop)
    finally:
        task.cancel()


def _until_end(pieces: SimpleQueue[str | ModelError | None], stop: Stop) -> Iterator[str]:
    while (piece := pieces.get()) is not None:
        if isinstance(piece, ModelError):
            raise piece
        yield piece
    if stop.pressed:
        raise Stopped


def in_event_loop(coroutine: Coroutine[Any, Any, object]) -> None:
    """Run to its end where the models run."""
    asyncio.run_coroutine_threadsafe(coroutine, _event_loop()).result()


@cache
def _event_loop() -> asyncio.AbstractEventLoop:
    """One a process: there the models' clients keep their connections."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="pincite-models", daemon=True).start()
    return loop


async def _write(
    model: LLM, turns: Sequence[Turn], deadlines: Deadlines, put: Callable[[str | ModelError], None]
) -> None:
    from rag.faults import fault, retry_in

    name = model.metadata.model_name
    clock = asyncio.get_running_loop().time
    start = clock()
    characters = tried = 0
    while True:
        tried += 1
        try:
            async with aclosing(_without_thoughts(_deltas(model, turns))) as deltas:
                while True:
                    left = start + deadlines.whole - clock()
                    wait = deadlines.between if characters else deadlines.first - (clock() - start) * (tried > 1)
                    piece = await asyncio.wait_for(anext(deltas), max(0.0, min(wait, left)))
                    if piece:
                        put(piece[: MOST_CHARACTERS - characters])
                        characters += len(piece)
                    if characters > MOST_CHARACTERS:
                        raise ModelError(
                            f"{name} wrote more than {MOST_CHARACTERS:,} characters. Ask for less at a time."
                        )
        except StopAsyncIteration:
            return
        except (TimeoutError, asyncio.TimeoutError):
            line = _late(name, deadlines, clock() - start, bool(characters))
            put(ModelCut(line) if characters else ModelError(line))
            return
        except Exception as error:
            wait_again = None if characters else retry_in(error, tried)
            if wait_again is None or clock() - start + wait_again >= deadlines.first:
                line = fault(error, name)
                put(ModelCut(line) if characters else ModelError(line))
                return
            await asyncio.sleep(wait_again)


def _late(name: str, deadlines: Deadlines, seconds: float, begun: bool) -> str:
    if seconds >= deadlines.whole:
        return f"{name} was not done after {deadlines.whole:g} seconds. Ask for less at a time."
    if begun:
        return f"{name} fell silent for {deadlines.between:g} seconds. Ask again, or see the log of its server."
    return (
        f"{name} wrote nothing within {deadlines.first:g} seconds. See whether its server is busy, "
        "or set PINCITE_CONTEXT lower: less to read is read sooner."
    )


async def _deltas(model: LLM, turns: Sequence[Turn]) -> AsyncGenerator[str, None]:
    from llama_index.core.base.llms.types import ChatMessage, MessageRole

    messages = [ChatMessage(role=MessageRole(role), content=text) for role, text in turns]
    async for response in await model.astream_chat(messages):
        yield response.delta or ""


async def _without_thoughts(deltas: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
    """What a model thinks aloud before its answer, between <think> and </think>, is no part of that; "" meanwhile."""
    held = ""
    begun = False
    async for delta in deltas:
        if begun:
            yield delta
            continue
        held += delta
        text = held.lstrip()
        if text.startswith(_THOUGHT):
            _, ended, text = text.partition(_THOUGHT_ENDS)
            begun = bool(ended)
        else:
            begun = bool(text) and not _THOUGHT.startswith(text)
        yield text if begun else ""
    if not begun and not held.lstrip().startswith(_THOUGHT):
        yield held
