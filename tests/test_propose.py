from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from evals.feedback import Feedback
from evals.metrics import contains_answer
from evals.propose import propose, propose_with_model
from evals.review import Reviewed, append, review
from evals.samples import Sample, SampleError, read_suite
from index import Library
from rag import Message, ModelError
from rag.models import language_model
from tests.model_server import scripted_server

TOWN = """# Ystad

In 1890 the council of Ystad planned a wooden bridge over the river. Later the council met with Harald Berg.
The Ystad Museum is a small museum of local history near the old harbour. Visitors plan a walk in the Ystad Museum.
The old bridge was closed because the ice had broken two pillars in the winter. It was painted green.
The Ystad Museum has 40 wooden boats in its great hall. However, this was not to last.
Anna Lind, a carpenter from Malmo, built the great wooden boat for the Ystad Museum. The mayor thanked Anna Lind.
Heavy floods could destroy the wooden houses along the river.
"""
FIELD = """# Leeks

In dry summers the farmers of Lund water the leeks with river water every second night of the week.
The farmers of Lund sold nine tonnes of leeks in the market at Ystad.
"""


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    folder = tmp_path_factory.mktemp("town")
    (folder / "town.md").write_text(TOWN)
    (folder / "field.md").write_text(FIELD)
    with Library(folder / "library", create=True) as library:
        library.add(folder)
        yield library


def _texts(library: Library) -> list[str]:
    return [library.document(row.id).text for row in library.documents()]


def test_sentences_of_a_plain_shape_become_questions_with_their_answers(town: Library) -> None:
    made = {sample.question: sample for sample in propose(town, 40)}
    assert made["When did the council of Ystad plan a wooden bridge over the river?"].answers == ("1890",)
    assert made["What is the Ystad Museum?"].answers == ("a small museum of local history near the old harbour",)
    why = made["Why was the old bridge closed?"]
    assert (why.type, why.answers) == ("why", ("the ice had broken two pillars in the winter",))
    assert made["How many wooden boats does the Ystad Museum have in its great hall?"].answers == ("40 wooden boats",)
    assert made["Who is Anna Lind?"].answers == ("a carpenter from Malmo",)
    assert made["What could destroy the wooden houses along the river?"].answers == ("Heavy floods",)
    assert any(sample.type == "cloze" and "____" in sample.question for sample in made.values())


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_proposal_is_unreviewed_and_its_quote_stands_once_and_holds_its_answer(
    library: Library, town: Library, seed: int
) -> None:
    for asked in (library, town):
        made = propose(asked, 20, seed=seed)
        assert made == propose(asked, 20, seed=seed)
        assert len({sample.id for sample in made}) == len({sample.question for sample in made}) == len(made) <= 20
        for sample in made:
            assert not sample.reviewed
            assert sample.note
            assert sample.answerable == (sample.type != "near_miss")
            assert all(sum(text.count(quote) for text in _texts(asked)) == 1 for quote in sample.quotes)
            assert contains_answer(" ".join(sample.quotes), sample.answers) in (True, None)
            # What stands only after another sentence is not asked about.
            assert not sample.question.startswith(("Who or what was painted", "What was painted"))


def test_all_documents_come_to_word_and_no_more_than_what_is_asked_for(town: Library) -> None:
    made = propose(town, 4)
    assert len(made) <= 4
    assert {"Ystad", "Leeks"} <= {sample.note.rpartition("from ")[2] for sample in made if sample.answerable}
    assert propose(town, 0) == []


def test_a_sentence_that_stands_twice_is_no_quote(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Heavy floods could destroy the wooden houses along the river.\n" * 2)
    with Library(tmp_path / "library", create=True) as library:
        library.add(tmp_path / "a.txt")
        assert propose(library, 5) == []


def test_near_misses_are_made_of_the_reviewed_questions_too(library: Library) -> None:
    real = Sample("1", "fact", "How many containers of artillery rounds has North Korea supplied?", quotes=("x",))
    made = propose(library, 20, samples=[real])
    assert any(real.question in sample.note for sample in made if sample.type == "near_miss")
    assert all(sample.question != real.question for sample in made)


def test_a_disliked_answer_is_asked_again_with_other_evidence(town: Library) -> None:
    history = (Message("user", "Tell me of Ystad."), Message("assistant", "It has a museum."))
    wrong = "The old bridge was closed because the ice had broken two pillars in the winter."
    marks = [
        Feedback("Who built the wooden boat of the Ystad Museum?", history, wrong, True, (wrong,), False, "2026-11-01"),
        Feedback("Who painted the Mona Lisa?", (), "", False, (), False, "2026-11-02"),
        Feedback("What is the Ystad Museum?", (), "A museum.", True, (), True, "2026-11-03"),
        Feedback("Where is Ystad?", (), "Here.", True, (), None, "2026-11-04"),
    ]
    boat, painter = (sample for sample in propose(town, 10, feedback=marks) if sample.type == "thumbs_down")
    assert boat.history == history
    assert boat.quotes == ("Anna Lind, a carpenter from Malmo, built the great wooden boat for the Ystad Museum.",)
    assert wrong in boat.note
    assert painter.quotes == ()
    assert "declined" in painter.note
    assert not any(sample.reviewed for sample in (boat, painter))


QUOTE = "Heavy floods could destroy the wooden houses along the river."


def _reply(**changes: str) -> str:
    return json.dumps(
        {"question": "What could floods destroy?", "answer": "the wooden houses", "quote": QUOTE} | changes
    )


@pytest.mark.parametrize(
    ("reply", "kept", "reason"),
    [
        (_reply(), 1, "asked already"),
        (f"```json\n{_reply()}\n```", 1, "asked already"),
        ("What could floods destroy?", 0, "not the JSON object that was asked for"),
        ("[1]", 0, "not the JSON object that was asked for"),
        (_reply(question=" "), 0, "question, answer or quote is empty"),
        (_reply(quote=QUOTE.replace("could", "might")), 0, "the quote does not stand in the document exactly once"),
        (_reply(quote="wooden"), 0, "the quote does not stand in the document exactly once"),
        (_reply(answer="the stone houses"), 0, "the answer does not stand in the quote"),
    ],
)
def test_of_a_models_questions_those_are_kept_that_can_be_checked(
    tmp_path: Path, reply: str, kept: int, reason: str
) -> None:
    (tmp_path / "town.md").write_text(TOWN + "\n" + "A wooden fence stands by the old river.\n" * 40)
    with Library(tmp_path / "library", create=True) as library, scripted_server(reply) as address:
        library.add(tmp_path / "town.md")
        model = language_model({"OPENAI_BASE_URL": address})
        assert model is not None
        written = propose_with_model(model, library, 2)
    assert [sample.quotes for sample in written.samples] == [(QUOTE,)] * kept
    assert not any(sample.reviewed for sample in written.samples)
    assert set(written.rejected) == {reason}


def test_a_model_that_fails_is_an_error(town: Library) -> None:
    with scripted_server(status=401) as address:
        model = language_model({"OPENAI_BASE_URL": address})
        assert model is not None
        with pytest.raises(ModelError):
            propose_with_model(model, town, 1)


ACCEPTED = '{"type":"fact",  "id": "x", "question": "By\u2028hand?", "quotes": ["q"], "mine": 1}\r\n'


def _suite(path: Path) -> Path:
    path.write_bytes((ACCEPTED + "\n").encode())
    append(path, [Sample(f"p-{n}", "fact", f"Question {n} – é?", quotes=("q",), reviewed=False) for n in range(4)])
    return path


def test_a_person_accepts_drops_skips_and_stops_and_the_file_is_right_after_each(tmp_path: Path) -> None:
    path = _suite(tmp_path / "mine.jsonl")
    before = path.read_bytes().splitlines(keepends=True)
    replies, seen = iter("adsq"), []

    def ask(sample: Sample, number: int, total: int) -> str:
        seen.append((sample.id, number, total, [(each.id, each.reviewed) for each in read_suite(path).samples[1:]]))
        return next(replies)

    assert review(path, ask) == Reviewed(accepted=1, dropped=1, left=2)
    assert [(name, number, total) for name, number, total, _ in seen] == [(f"p-{n}", n + 1, 4) for n in range(4)]
    assert seen[1][3] == [("p-0", True), ("p-1", False), ("p-2", False), ("p-3", False)]
    assert seen[2][3] == [("p-0", True), ("p-2", False), ("p-3", False)]
    after = path.read_bytes().splitlines(keepends=True)
    assert after[:2] == before[:2]
    assert after[3:] == before[4:]
    assert list(tmp_path.iterdir()) == [path]


def test_one_who_is_stopped_half_way_loses_nothing(tmp_path: Path) -> None:
    path = _suite(tmp_path / "mine.jsonl")

    def ask(sample: Sample, number: int, total: int) -> str:
        if number == 3:
            raise KeyboardInterrupt
        return "a"

    with pytest.raises(KeyboardInterrupt):
        review(path, ask)
    assert [sample.reviewed for sample in read_suite(path).samples] == [True, True, True, False, False]
    assert review(path, lambda sample, number, total: "s") == Reviewed(0, 0, left=2)


def test_a_reply_that_is_none_and_a_suite_that_is_none_are_told(tmp_path: Path) -> None:
    path = _suite(tmp_path / "mine.jsonl")
    with pytest.raises(ValueError, match="a, d, s or q"):
        review(path, lambda sample, number, total: "yes")
    with pytest.raises(SampleError, match="Give a JSONL file"):
        review(tmp_path / "none.jsonl", lambda sample, number, total: "a")
    with pytest.raises(SampleError, match="Choose another file"):
        append(tmp_path / "none" / "mine.jsonl", [Sample("1", "fact", "Why?")])


def test_what_is_added_gets_free_ids_and_no_question_comes_twice(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    turn = (Message("user", "Who built the boat?"),)
    first = [Sample("fact-01", "fact", "Who?", quotes=("q",)), Sample("fact-02", "fact", "Why?", history=turn)]
    assert append(path, first) == first
    path.write_text(path.read_text().rstrip("\n"))
    more = [Sample("fact-01", "fact", "who? "), Sample("fact-01", "fact", "Why?"), Sample("fact-01", "fact", "Where?")]
    assert [(sample.id, sample.question) for sample in append(path, more)] == [
        ("fact-03", "Why?"),
        ("fact-04", "Where?"),
    ]
    assert [sample.id for sample in read_suite(path).samples] == ["fact-01", "fact-02", "fact-03", "fact-04"]
    before = path.stat().st_mtime_ns
    assert append(path, more) == []
    assert path.stat().st_mtime_ns == before


def test_proposals_go_into_a_suite_and_come_back_as_they_were(library: Library, tmp_path: Path) -> None:
    made = append(tmp_path / "mine.jsonl", propose(library, 12))
    assert list(read_suite(tmp_path / "mine.jsonl").samples) == made
