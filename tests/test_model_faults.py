"""Every fault of a model's server, by a real one on loopback: it ends in time, with one line, and leaves nothing."""

from __future__ import annotations

import gc
import logging
import os
import re
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path

import pytest

from index import Library
from rag import Answer, Assistant, ModelError, Verdict
from rag.models import language_model
from rag.reader import Reader
from rag.stream import Deadlines
from tests.faulty_server import FAULTS, FaultyServer, faulty_server

pytestmark = pytest.mark.slow

KEY = "sk-this-key-is-told-to-nobody"
QUESTION = "How many containers has North Korea supplied to Russia?"
WELL = (
    "North Korea has supplied ",
    "7,000 containers ",
    "filled with artillery rounds to Russia [1].",
    " It is so [1].",
)
DEADLINES = Deadlines(first=1.5, between=0.5, whole=3.0)
SLACK = 10.0  # seconds beyond a deadline: a shared machine may stand still, but what hangs does so for ever

# What ends with an error before any text, and the cause and the cure that its line names.
ERRORS = {
    "hang-before-headers": ("within 1.5 seconds", "server is busy"),
    "hang-after-headers": ("within 1.5 seconds", "server is busy"),
    "drip": ("within 1.5 seconds", "server is busy"),
    "429-retry-after-long": ("too many requests", "in 3,600 seconds"),
    "429-for-ever": ("too many requests", "later"),
    "429-insufficient-quota": ("no credit left", "Add some"),
    "401": ("refused the key", "OPENAI_API_KEY"),
    "403": ("does not allow", "OPENAI_API_KEY"),
    "404": ("has no model", "OPENAI_MODEL"),
    "400-context": ("does not fit", "PINCITE_CONTEXT"),
    "500-for-ever": ("status 500", "See its log"),
    "502-for-ever": ("status 502", "See its log"),
    "503-for-ever": ("status 503", "See its log"),
    "reset": ("Cannot reach", "OPENAI_BASE_URL"),
    "malformed-sse": ("before the end", "/v1"),
    "empty-choices": ("before the end", "/v1"),
    "no-text": ("wrote nothing", "OPENAI_MODEL"),
    "html-200": ("sent text/html", "/v1"),
    "huge-line": ("", ""),
    "redirect": ("redirects", "OPENAI_BASE_URL"),
}
# What begins and does not end: its text is kept and marked, and the sources speak.
CUTS = {
    "hang-after-tokens": "fell silent for 0.5 seconds",
    "reset-in-the-middle": "",
    "cut": "",
    "malformed-json": "what is no answer",
    "error-event": "reported an error",
    "huge": "more than 8,000 characters",
    "length": "limit of tokens",
}
MENDED = {"none", "slow", "429-retry-after", "429", "500", "502", "503", "reset-once", "json-200"}
TRIED_AGAIN = {"429-retry-after", "429", "500", "502", "503", "reset-once"}
NEVER_TRIED_AGAIN = {"429-insufficient-quota", "401", "403", "404", "400-context", "429-retry-after-long"}


def assistant(server: FaultyServer, library: Library, reader: Reader) -> Assistant:
    model = language_model({"OPENAI_BASE_URL": server.address, "OPENAI_API_KEY": KEY, "OPENAI_MODEL": "faulty"})
    assert model is not None
    return Assistant(library, reader, model, deadlines=DEADLINES, close=[model.close])


def ask(fault: str, library: Library, reader: Reader) -> tuple[Answer | ModelError, FaultyServer, float]:
    with faulty_server(fault, text=WELL) as server:
        start = time.monotonic()
        try:
            with assistant(server, library, reader) as asking:
                ended: Answer | ModelError = asking.ask(QUESTION)
        except ModelError as error:
            ended = error
        return ended, server, time.monotonic() - start


def test_every_fault_of_the_server_is_expected_here() -> None:
    assert {*ERRORS, *CUTS, *MENDED} == {*FAULTS}


@pytest.mark.parametrize("fault", ERRORS)
def test_a_fault_before_any_text_is_one_line_with_its_cause_and_its_cure(
    fault: str, library: Library, reader: Reader, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    ended, server, seconds = ask(fault, library, reader)
    assert isinstance(ended, ModelError)
    cause, cure = ERRORS[fault]
    assert cause in str(ended)
    assert cure in str(ended)
    assert "\n" not in str(ended)
    assert seconds < DEADLINES.whole + SLACK
    if fault in NEVER_TRIED_AGAIN:
        assert server.requests == 1
    told = "".join(traceback.format_exception(ended))
    for secret in (KEY, KEY.removeprefix("sk-"), "152mm"):
        assert secret not in told


@pytest.mark.parametrize("fault", CUTS)
def test_what_is_cut_in_the_middle_is_kept_and_marked_and_the_sources_speak(
    fault: str, library: Library, reader: Reader
) -> None:
    ended, server, seconds = ask(fault, library, reader)
    assert isinstance(ended, Answer)
    assert CUTS[fault] in ended.cut
    assert ended.sentences
    assert ended.sentences[-1].verdict is Verdict.NOT_CHECKED
    assert any("7,000" in sentence.text for sentence in ended.offered)
    assert server.requests == 1
    assert seconds < DEADLINES.whole + SLACK


@pytest.mark.parametrize("fault", sorted(MENDED))
def test_what_a_further_try_mends_is_answered(fault: str, library: Library, reader: Reader) -> None:
    ended, server, _ = ask(fault, library, reader)
    assert isinstance(ended, Answer)
    assert (ended.model, ended.cut) == ("faulty", "")
    assert server.requests == 1 + (fault in TRIED_AGAIN)


def test_a_redirect_is_not_followed_with_the_question_and_the_key(library: Library, reader: Reader) -> None:
    _, server, _ = ask("redirect", library, reader)
    assert server.redirected == 0


def test_a_redirect_is_not_followed_either_where_llamaindex_asks_the_model() -> None:
    with faulty_server("redirect") as server:
        model = language_model({"OPENAI_BASE_URL": server.address, "OPENAI_API_KEY": KEY})
        assert model is not None
        with pytest.raises(ModelError, match="redirects"):
            model.complete("A question.")
        model.close()
        assert server.redirected == 0
    with faulty_server("none", text=WELL) as server:
        model = language_model({"OPENAI_BASE_URL": server.address})
        assert model is not None
        assert model.complete("A question.").text == "".join(WELL)
        model.close()


@pytest.mark.parametrize("fault", ["hang-before-headers", "hang-after-tokens"])
def test_stop_closes_the_connection_at_once_while_the_model_is_silent(
    fault: str, library: Library, reader: Reader
) -> None:
    with faulty_server(fault, text=WELL) as server:
        reply = assistant(server, library, reader).stream(QUESTION)
        read = threading.Thread(target=lambda: list(reply))
        read.start()
        while not server.requests:
            time.sleep(0.01)
        time.sleep(0.3)
        start = time.monotonic()
        reply.close()
        assert server.closed_by_client.wait(1)
        read.join(1)
        assert not read.is_alive()
        assert time.monotonic() - start < 1


def test_a_reply_that_is_left_half_read_closes_its_connection(library: Library, reader: Reader) -> None:
    with faulty_server("hang-after-tokens", text=WELL) as server:
        reply = assistant(server, library, reader).stream(QUESTION)
        next(iter(reply))
        reply.close()
        assert server.closed_by_client.wait(1)


def open_files() -> int:
    """Sockets, pipes and the like; no files on the disk, of which Chroma keeps more open on a busy machine."""
    return sum(not path.is_file() for path in Path("/proc/self/fd").iterdir())


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="open files are counted on Linux")
def test_after_a_hundred_rounds_of_faults_no_thread_and_no_socket_is_left(library: Library, reader: Reader) -> None:
    quick = ["hang-after-tokens", "reset-in-the-middle", "cut", "401", "malformed-json", "reset", "none", "html-200"]
    deadlines = Deadlines(first=0.1, between=0.05, whole=0.5)

    def rounds(number: int) -> None:
        for count in range(number):
            with faulty_server(quick[count % len(quick)], text=WELL) as server:
                model = language_model({"OPENAI_BASE_URL": server.address, "OPENAI_MODEL": "faulty"})
                assert model is not None
                asking = Assistant(library, reader, model, deadlines=deadlines, close=[model.close])
                with asking, suppress(ModelError):
                    asking.ask(QUESTION)

    rounds(len(quick))
    gc.collect()
    time.sleep(0.2)
    before = threading.active_count(), open_files()
    rounds(100)
    end = time.monotonic() + 10  # what is ending may take its time on a busy machine
    while True:
        gc.collect()
        after = threading.active_count(), open_files()
        if (after[0] <= before[0] and after[1] <= before[1]) or time.monotonic() > end:
            break
        time.sleep(0.05)
    assert after[0] <= before[0]
    assert after[1] <= before[1] + 2


def test_no_line_of_a_fault_holds_what_was_sent_or_received(library: Library, reader: Reader) -> None:
    for fault in ("401", "html-200", "malformed-json"):
        ended, server, _ = ask(fault, library, reader)
        line = ended.cut if isinstance(ended, Answer) else str(ended)
        assert not re.search(r"<html|sk-|Bearer|data:", line)
        assert server.headers[-1]["authorization"] == f"Bearer {KEY}"
