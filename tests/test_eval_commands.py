"""The eval commands beside `run`, as a user types them: samples proposed and accepted, a judge, rows for others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evals.feedback import Feedback, keep_feedback
from evals.samples import read_suite
from tests.model_server import scripted_server
from tests.test_terminal import ran

pytestmark = pytest.mark.slow

LEEKS = (
    "# Leeks\n\nThe Egyptians grew leeks in 1550 before anyone else did so. Nero ate 12 leeks every day because he "
    "believed that they helped his voice.\n\nWales chose the leek as its national emblem in 1536.\n"
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("leeks")
    (folder / "leeks.md").write_text(LEEKS)
    library = str(folder / "library")
    assert ran("--library", library, "add", str(folder / "leeks.md")).returncode == 0
    return ["--library", library]


def test_proposals_are_made_reviewed_and_only_then_asked(place: list[str], tmp_path: Path) -> None:
    suite = str(tmp_path / "mine.jsonl")
    disliked = Feedback("Who wrote about leeks?", (), "Nero did.", True, ("Nero ate 12 leeks",), False, "now")
    keep_feedback(Path(place[1]), disliked)
    made = ran("eval", "make", suite, "--count", "6", *place)
    assert made.returncode == 0, made.stderr
    proposals = read_suite(Path(suite)).samples
    assert proposals
    assert all(not sample.reviewed and sample.note for sample in proposals)
    assert any(sample.question == disliked.question for sample in proposals)
    assert all(quote in LEEKS for sample in proposals for quote in sample.quotes)

    unasked = ran("eval", suite, *place)
    assert unasked.returncode == 1
    assert f"pincite eval review {suite}" in unasked.stderr

    reviewed = ran("eval", "review", suite, stdin="a\nd\n" + "s\n" * len(proposals))
    assert f"1 accepted, 1 dropped, {len(proposals) - 2} left to review" in reviewed.stdout
    assert proposals[0].question in reviewed.stdout
    run = ran("eval", suite, *place)
    assert run.returncode == 0
    assert f"proposals that nobody has reviewed, not asked: {len(proposals) - 2}" in run.stdout


def test_with_a_model_what_it_cannot_quote_is_rejected_and_said(place: list[str], tmp_path: Path) -> None:
    quote = "Wales chose the leek as its national emblem in 1536."
    good = json.dumps({"question": "When did Wales choose the leek?", "answer": "1536", "quote": quote})
    for reply, added in ((good, 1), ('{"question": "Q?", "answer": "9", "quote": "It is not there."}', 0)):
        with scripted_server(reply) as address:
            suite = str(tmp_path / f"{added}.jsonl")
            made = ran("eval", "make", suite, "--count", "2", "--model", "m", *place, OPENAI_BASE_URL=address)
        assert f"{added} proposal" in made.stdout
        assert ("rejected, " in made.stderr) == (added == 0)


def test_a_judge_grades_beside_the_scores_and_its_failures_are_counted(place: list[str], tmp_path: Path) -> None:
    suite = tmp_path / "mine.jsonl"
    suite.write_text(
        '{"id": "1", "type": "fact", "question": "When did Wales choose the leek?", "answers": ["1536"],'
        ' "quotes": ["Wales chose the leek as its national emblem in 1536."]}'
    )
    command = ["eval", str(suite), *place, "--model", "extractive", "--judge", "judge", "--repeats", "2"]
    with scripted_server('{"reason": "It says so.", "correct": true}') as address:
        run = ran(*command, OPENAI_BASE_URL=address)
    assert "judge judge, 2 times: correct 100 %" in run.stdout
    assert "agrees with the scores on 100 %" in " ".join(run.stdout.split())
    with scripted_server("Well.") as address:
        assert "2 grades failed" in " ".join(ran(*command, OPENAI_BASE_URL=address).stdout.split())
    assert "needs a server" in ran(*command).stderr


def test_a_record_is_written_for_other_tools(place: list[str], tmp_path: Path) -> None:
    suite, record = tmp_path / "mine.jsonl", str(tmp_path / "record.json")
    suite.write_text('{"id": "1", "type": "fact", "question": "What did Nero eat?", "quotes": ["Nero ate 12 leeks"]}')
    assert ran("eval", str(suite), *place, "--record", record).returncode == 0
    rows = tmp_path / "rows.jsonl"
    assert "1 row." in ran("eval", "export", record, str(rows), "--to", "ragas").stdout
    assert json.loads(rows.read_text())["user_input"] == "What did Nero eat?"
    slim = str(tmp_path / "slim.json")
    assert ran("eval", "bless", record, slim).returncode == 0
    refused = ran("eval", "export", slim, str(rows), "--to", "ragas")
    assert refused.returncode == 1
    assert "pincite eval --record" in refused.stderr


def test_a_folder_with_a_public_set_is_a_suite(tmp_path: Path) -> None:
    (tmp_path / "corpus.jsonl").write_text(json.dumps({"doc_id": "a", "title": "Leeks", "text": LEEKS}))
    rows = [
        {"id": n, "question": "What did Nero eat?", "answers": ["leeks"], "evidence": [{"doc_id": "a"}]} for n in "12"
    ]
    (tmp_path / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    run = ran("eval", str(tmp_path), "--questions", "1", "--json")
    outcomes = json.loads(run.stdout)["outcomes"]
    assert [outcome["right"] for outcome in outcomes] == [True]
