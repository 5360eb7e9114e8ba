"""The API of our own: what it answers, whom it refuses, how much it bears, and how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from evals.timing import environ_of
from index import Library
from index.opening import SHIPPED_ARTICLES
from tests.service import service
from ui.api.callers import ANYBODY, Callers
from ui.commands import pincite

pytestmark = pytest.mark.slow

QUESTION = "How many containers has North Korea supplied to Russia?"
SECRET = "The board sold the mill to Anna Berg for nine million crowns.\n"
ALL, BOARD, PRESS = "token-of-all-0000", "token-of-the-board", "token-of-the-press"
TOKENS = f"all:{ALL}, board:{BOARD}@board, press:{PRESS}@press+open"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of the shipped article, which bears two tags, and of minutes that bear one of their own."""
    home = tmp_path_factory.mktemp("home")
    (home / "minutes.txt").write_text(SECRET, encoding="utf-8")
    with Library(home / "library", create=True) as library:
        library.add(SHIPPED_ARTICLES)
        library.add(home / "minutes.txt")
        library.tag("russia-dprk", "press", "open")
        library.tag("minutes", "board")
    return home


@pytest.fixture(scope="module")
def minutes(home: Path) -> str:
    with Library(home / "library", read_only=True) as library:
        return library.find("minutes").id


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    with service(home, {"PINCITE_TOKENS": TOKENS, "PINCITE_RATE": "100000/minute"}) as address:
        yield address


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {ALL}"}, timeout=60) as client:
        yield client


def by(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def post(client: httpx.Client, path: str, token: str = ALL, **body: Any) -> Any:
    answer = client.post(path, json=body, headers=by(token))
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_an_answer_is_a_receipt_that_stands_in_the_library(client: httpx.Client, article: str) -> None:
    answer = post(client, "/ask", question=QUESTION)
    assert (answer["answered"], answer["short"]) == (True, "7,000")
    for citation in answer["citations"]:
        assert article[citation["start"] : citation["end"]] == citation["quote"]
    verified = post(client, "/receipts", **answer)
    assert [item["standing"] for item in verified["citations"]] == ["stands"]
    forged = {**answer["citations"][0], "quote": "North Korea has supplied nothing."}
    assert post(client, "/receipts", citations=[forged])["stand"] == 0


def test_follow_ups_are_asked_with_what_was_said_before(client: httpx.Client) -> None:
    said = [
        {"role": "user", "content": "Who called the arms transfer a mega deal?"},
        {"role": "assistant", "content": "Anwita Basu."},
    ]
    assert "Head of Europe" in post(client, "/ask", question="And what is her job?", history=said)["text"]


def test_a_text_is_checked_against_the_library_or_against_what_comes_with_it(client: httpx.Client) -> None:
    checked = post(client, "/check", text="Russia accepted 400 drones from Iran. Pigs fly.")
    assert [sentence["verdict"] for sentence in checked["sentences"]] == ["supported", "not found"]
    assert checked["supported"] == 1
    checked = post(client, "/check", text="Pigs fly.", passages=["In the year 2030 pigs fly.", "Cows do not."])
    assert checked["sentences"][0]["citations"][0]["document"] == "1"
    assert post(client, "/check", text="# ...") == {"sentences": [], "supported": 0}


def test_a_search_gives_quotes_that_a_document_gives_again(client: httpx.Client) -> None:
    best = post(client, "/search", question="Who bought the mill?")["excerpts"][0]
    quote = best["quotes"][0]
    place = {"start": quote["start"], "characters": quote["end"] - quote["start"], "around": 5}
    read = client.get(f"/documents/{best['document']}", params=place).json()
    assert read["text"] == quote["text"] == SECRET.strip()
    assert (read["before"], read["after"], read["title"]) == ("", "\n", "minutes")
    beyond = client.get(f"/documents/{best['document']}", params={"start": 10**6}).json()
    assert (beyond["start"], beyond["end"], beyond["text"]) == (len(SECRET), len(SECRET), "")


def test_documents_are_listed_in_pages(client: httpx.Client) -> None:
    listed = client.get("/documents").json()
    assert (listed["total"], [row["title"] for row in listed["documents"]]) == (2, ["minutes", "russia-dprk"])
    page = client.get("/documents", params={"start": 1, "most": 1}).json()
    assert (page["total"], [row["title"] for row in page["documents"]]) == (2, ["russia-dprk"])


PATHS = (
    ("GET", "/v1/models"),
    ("GET", "/v1/models/pincite"),
    ("POST", "/v1/chat/completions"),
    ("POST", "/ask"),
    ("POST", "/check"),
    ("POST", "/search"),
    ("POST", "/receipts"),
    ("GET", "/documents"),
    ("GET", "/documents/{minutes}"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
    ("GET", "/nothing"),
)


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong-token-0000", f"Basic {ALL}", f"Bearer {ALL}x", ALL])
def test_without_a_token_and_with_a_wrong_one_everything_is_refused(address: str, minutes: str, header: str) -> None:
    for method, path in PATHS:
        headers = {"Authorization": header} if header else {}
        answer = httpx.request(method, address + path.format(minutes=minutes), headers=headers, json={})
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["error"]["code"] == "invalid_api_key"
    assert httpx.get(f"{address}/healthz").json() == {"status": "ok"}
    assert httpx.get(f"{address}/readyz").json() == {"status": "ready", "documents": 2, "passages": 13}


def test_a_token_for_a_tag_knows_nothing_of_other_documents(client: httpx.Client, minutes: str) -> None:
    """Whatever names another's document gets what one that is nowhere gets."""
    mill, nowhere = "Who bought the mill?", "0" * 12
    assert post(client, "/ask", BOARD, question=mill)["answered"] is True
    hidden = post(client, "/ask", PRESS, question=mill)
    assert hidden["answered"] is False
    assert {hit["title"] for hit in hidden["hits"]} == {"russia-dprk"}
    assert "mill" not in json.dumps({**hidden, "question": "", "searched": "", "missing": []})
    assert post(client, "/search", BOARD, question=QUESTION)["excerpts"][0]["title"] == "minutes"
    assert post(client, "/check", PRESS, text=SECRET)["supported"] == 0
    assert post(client, "/check", BOARD, text=SECRET)["supported"] == 1
    assert [row["title"] for row in client.get("/documents", headers=by(PRESS)).json()["documents"]] == ["russia-dprk"]
    receipt = post(client, "/ask", BOARD, question=mill)
    assert post(client, "/receipts", BOARD, **receipt)["stand"] == 1
    gone = post(client, "/receipts", PRESS, **receipt)["citations"][0]
    assert (gone["standing"], gone["start"]) == ("gone", None)

    def refused(name: str) -> list[tuple[int, str]]:
        chat = {"messages": [{"role": "user", "content": mill}], "pincite": {"within": [name]}}
        answers = [client.get(f"/documents/{name}", headers=by(PRESS))]
        bodies = [("/v1/chat/completions", chat), ("/ask", {"question": mill, "within": [name]})]
        bodies += [("/search", {"question": mill, "within": [name]}), ("/check", {"text": SECRET, "within": [name]})]
        answers += [client.post(path, json=body, headers=by(PRESS)) for path, body in bodies]
        return [(answer.status_code, answer.text.replace(name, "...")) for answer in answers]

    assert refused(minutes) == refused("minutes") == refused("board") == refused(nowhere)
    assert {status for status, _ in refused(minutes)} == {404}
    assert client.post("/ask", json={"question": mill, "tags": ["board"]}, headers=by(PRESS)).status_code == 404


def test_tokens_that_make_no_sense_are_refused_with_the_way_to_make_one() -> None:
    for text in ("al", "al:short", f":{ALL}", f"al:{ALL}@", f"al:{ALL}@a+", "al:has spaces in it, yes"):
        with pytest.raises(Exception, match=r"PINCITE_TOKENS is not understood at .*secrets\.token_urlsafe"):
            Callers.of({"PINCITE_TOKENS": text})
    with pytest.raises(Exception, match="twice"):
        Callers.of({"PINCITE_TOKENS": f"al:{ALL},bo:{ALL}"})
    with pytest.raises(Exception, match="Others could reach this address"):
        Callers.of({}, shared=True)
    assert Callers.of({}).of_header("") is ANYBODY
    found = Callers.of({"PINCITE_TOKENS": TOKENS}).of_header(f"bearer {PRESS}")
    assert found
    assert (found.name, found.tags) == ("press", ("press", "open"))


@pytest.mark.parametrize(
    ("arguments", "environ", "message"),
    [
        (["--host", "0.0.0.0"], {}, "nothing says who may"),  # noqa: S104
        (["--port", "{taken}"], {}, "choose another port with --port"),
        ([], {"PINCITE_RATE": "often"}, "PINCITE_RATE is 'often'. Set it to such as 60/minute"),
        ([], {"PINCITE_THRESHOLD": "9"}, "PINCITE_THRESHOLD is '9'"),
    ],
)
def test_what_it_cannot_do_it_says_in_one_line_before_it_begins(
    tmp_path: Path, arguments: list[str], environ: dict[str, str], message: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        arguments = [part.format(taken=taken.getsockname()[1]) for part in arguments]
        command = [sys.executable, "-c", "from ui.terminal import main; main()", "serve", *arguments]
        done = subprocess.run(command, env=environ_of(tmp_path, **environ), capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert message in done.stderr
    assert (done.stdout, done.stderr.count("\n")) == ("", 1)


def test_so_often_and_no_more(home: Path) -> None:
    environ = {"PINCITE_TOKENS": TOKENS, "PINCITE_RATE": "3/hour"}
    with service(home, environ) as address, httpx.Client(base_url=address) as client:
        assert [client.get("/v1/models", headers=by(ALL)).status_code for _ in range(4)] == [200, 200, 200, 429]
        refused = client.get("/v1/models", headers=by(ALL))
        assert 3000 < int(refused.headers["retry-after"]) <= 3600
        assert refused.json()["error"]["type"] == "rate_limit_error"
        assert client.get("/v1/models", headers=by(BOARD)).status_code == 200


def test_so_much_and_no_more(address: str, client: httpx.Client) -> None:
    answer = client.post("/ask", content=b"x" * (4 * 2**20 + 1), headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
    answer = client.post("/ask", content=iter([b"{}"]), headers={"content-type": "application/json"})
    assert answer.status_code == 411
    for body, param in (
        ({"question": "a" * 4001}, "question"),
        ({"question": " "}, "question"),
        ({"question": "So?", "extra": 1}, "extra"),
        ({"question": "So?", "since": "yesterday"}, "since"),
        ({}, "question"),
    ):
        answer = client.post("/ask", json=body)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    answer = client.post("/ask", content=b"{", headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_value")
    answer = client.get("/ask")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_where_nobody_needs_a_token_no_page_of_another_site_can_ask(home: Path) -> None:
    with service(home) as address, httpx.Client(base_url=address) as client:
        assert client.get("/documents").status_code == 200
        assert client.get("/documents", headers={"host": "evil.example"}).status_code == 403
        for headers in ({"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}):
            refused = client.post("/ask", json={"question": QUESTION}, headers=headers)
            assert refused.status_code == 403
            assert "PINCITE_TOKENS" in refused.json()["error"]["message"]


def test_what_is_counted_says_nothing_of_what_was_asked(client: httpx.Client) -> None:
    post(client, "/ask", question=QUESTION)
    post(client, "/ask", question="Who won the 2022 World Cup?")
    text = client.get("/metrics").text
    counted = dict(re.findall(r"^(\w+(?:\{.*?\})?) ([\d.]+)$", text, re.MULTILINE))
    assert float(counted['pincite_answers_total{outcome="answered"}']) >= 1
    assert float(counted['pincite_answers_total{outcome="not_in_library"}']) >= 1
    assert float(counted['pincite_sentences_total{verdict="supported"}']) >= 1
    assert float(counted['pincite_requests_total{method="POST",path="/ask",status="200"}']) >= 2
    assert counted["pincite_requests_in_progress"] == "1.0"
    assert not re.search("World Cup|containers|minutes|token-of", text)


def test_who_is_asking_when_it_is_told_to_end_is_answered_first(home: Path) -> None:
    answers: list[httpx.Response] = []
    with service(home, ended_by=signal.SIGTERM) as address:
        ask = threading.Thread(
            target=lambda: answers.append(httpx.post(f"{address}/ask", json={"question": QUESTION}, timeout=60))
        )
        ask.start()
        while "pincite_requests_in_progress 2.0" not in httpx.get(f"{address}/metrics").text and ask.is_alive():
            pass
    ask.join()
    assert answers[0].json()["short"] == "7,000"
    with service(home, ended_by=signal.SIGINT):
        pass


@pytest.mark.skipif(os.name == "nt", reason="ended by a signal that Windows does not have")
def test_several_processes_answer_at_one_address_while_another_adds(tmp_path: Path) -> None:
    (tmp_path / "news.txt").write_text("Anna Berg opened the new harbour of Visby in May 2031.\n", encoding="utf-8")
    home = tmp_path / "home"
    with service(home, arguments=["--processes", "2"]) as address, httpx.Client(base_url=address) as client:
        ask = {"question": "Who opened the harbour of Visby?"}
        assert client.post("/ask", json=ask, timeout=60).json()["answered"] is False
        added = subprocess.run(
            [sys.executable, "-c", "from ui.terminal import main; main()", "add", str(tmp_path / "news.txt")],
            env=environ_of(home),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert added.returncode == 0, added.stderr
        for _ in range(6):
            found = httpx.post(f"{address}/ask", json=ask, timeout=60).json()
            assert found["citations"][0]["title"] == "news"
        counted = client.get("/metrics").text
    answered = re.search(r'^pincite_answers_total\{outcome="answered"\} (.*)$', counted, re.MULTILINE)
    assert answered
    assert float(answered[1]) == 6


def test_nothing_but_documented_answers_whatever_is_sent(address: str, tmp_path: Path) -> None:
    """A short run; `make fuzz` sends more than two thousand."""
    done = subprocess.run(
        [Path(sys.executable).parent / "schemathesis", "run", f"{address}/openapi.json", "--max-examples", "3",
         "--phases", "fuzzing", "--seed", "1", "--no-color", "-H", f"Authorization: Bearer {ALL}"],
        cwd=tmp_path, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_the_settings_of_a_folders_env_file_are_read_and_the_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("PINCITE_THRESHOLD=7\nOPENAI_MODEL='a model'\nPATH=/nowhere\n", encoding="utf-8")

    def refusal(environ: dict[str, str]) -> str:
        command = [sys.executable, "-c", "from ui.terminal import main; main()", "ask", "So?"]
        done = subprocess.run(
            command, cwd=tmp_path, env=environ_of(tmp_path, **environ), capture_output=True, text=True, timeout=60
        )
        return done.stderr

    assert "PINCITE_THRESHOLD is '7'" in refusal({})
    assert "PINCITE_THRESHOLD is '8'" in refusal({"PINCITE_THRESHOLD": "8"})


def test_its_help_names_the_settings() -> None:
    text = CliRunner().invoke(pincite, ["--help"]).output
    assert "PINCITE_TOKENS" in text
    assert "serve" in text
