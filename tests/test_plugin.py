from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

LEEKS = "Leeks were first grown by the Egyptians, who ate them raw. They are related to onions.\n"
GROWN = "Leeks were first grown by the Egyptians"
# The other plugins here, which would take a second and a half of every run.
OTHERS = [f"-pno:{plugin.name}" for plugin in entry_points(group="pytest11") if plugin.name != "pincite"]
HEAVY = ("chromadb", "gradio", "llama_index", "numpy", "onnxruntime", "index", "rag")


def sample(name: str, question: str, *quotes: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "type": "fact", "question": question, "documents": ["leeks.txt"], "quotes": quotes, **more}


SAMPLES = [
    sample("right", "Who first grew leeks?", GROWN),
    sample("declined", "Who won the 2022 World Cup?", type="unanswerable"),
    sample("partly", "Who first grew leeks?", GROWN, "Leeks are blue"),
    sample("refused", "Who won the 2022 World Cup?", "They are related to onions", "who ate them raw", type="list"),
    sample("answered", "Who first grew leeks?", type="unanswerable"),
    sample("forbidden", "Who first grew leeks?", GROWN, must_not_say=["Egyptians"]),
    sample("lost", "Who first grew leeks?", "Leeks are blue"),
    sample("overlong", "Why? " * 1000, GROWN, history=[{"role": "user", "text": "Who first grew leeks?"}]),
    sample("proposal", "What are leeks?", GROWN, reviewed=False),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's project: a test, a document, and beside the tests a suite."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "test_own.py").write_text("def test_own() -> None:\n    pass\n")
    (project / "pytest.ini").write_text("[pytest]\ntestpaths = test_own.py\n")
    (project / "questions.jsonl").write_text("\n\n".join(map(json.dumps, SAMPLES)))
    (project / "leeks.txt").write_text(LEEKS)
    return project


def run(folder: Path, *arguments: str, code: int, **environ: str) -> str:
    """What pytest prints, run in `folder`."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *OTHERS, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONUTF8": "1", "COLUMNS": "120", "PYTEST_ADDOPTS": ""} | environ,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_suite_runs_with_the_users_own_tests_and_each_failure_says_why(folder: Path) -> None:
    text = run(folder, "--pincite-suite", "questions.jsonl", "-ra", code=1)
    assert "5 failed, 4 passed, 1 skipped, 1 warning" in text
    assert "SKIPPED [1] questions.jsonl: not reviewed yet: pincite eval review questions.jsonl" in text
    assert "questions.jsonl:5: PytestWarning: partly: no longer in the library: 'Leeks are blue'" in text
    for name, cause in {
        "refused": "refused wrongly",
        "answered": "answered what it should refuse",
        "forbidden": "said what it must not",
        "lost": "not in the library: every gold quote has left it",
        "overlong": "error: The question has 4,999 characters",
    }.items():
        assert f"FAILED questions.jsonl::{name} - Failed: {cause}" in text
    assert "Traceback" not in text
    assert "pytest_pincite.py" not in text
    assert _failure(text, "refused") == [
        "refused wrongly",
        "  question:",
        "    Who won the 2022 World Cup?",
        "  answer, confidence 0.00:",
        "    This is not in the library.",
        "  expected, all of:",
        "    “They are related to onions”",
        "    “who ate them raw”",
    ]
    assert _failure(text, "forbidden")[3:] == [
        "  answer, confidence 0.99:",
        "    Leeks were first grown by the Egyptians, who ate them raw. [1]",
        "    [1] leeks, 0-58: “Leeks were first grown by the Egyptians, who ate them raw.”",
        "  expected, any one of:",
        f"    “{GROWN}”",
        "  must not say:",
        "    Egyptians",
    ]
    assert _failure(text, "answered")[-2:] == ["  expected:", "    to be declined"]
    assert _failure(text, "lost")[-1] == "    “Leeks are blue”  (no longer in the library)"
    assert _failure(text, "overlong")[1:3] == ["  question:", "    user: Who first grew leeks?"]


def test_what_is_not_chosen_is_not_asked_and_to_collect_opens_nothing(folder: Path) -> None:
    wrong = {"PINCITE_THRESHOLD": "high"}  # what is asked with it fails
    listed = run(folder, "--pincite-suite=questions.jsonl", "--collect-only", "-q", "-k", "fact", code=0, **wrong)
    names = [line.partition("::")[2] for line in listed.splitlines() if line.startswith("questions.jsonl::")]
    assert names == ["right", "partly", "forbidden", "lost", "overlong", "proposal"]
    text = run(folder, "--pincite-suite=questions.jsonl", "-x", code=1, **wrong)
    assert "1 failed, 1 passed" in text
    assert "error: PINCITE_THRESHOLD is 'high'. Set it to a number" in text


def test_one_sample_can_be_named_and_warnings_can_be_errors(folder: Path) -> None:
    chosen = ("questions.jsonl::right", "questions.jsonl::partly")
    text = run(folder, "--pincite-suite", "questions.jsonl", *chosen, "-W", "error", "-ra", code=1)
    assert "1 failed, 1 passed" in text
    assert _failure(text, "partly") == ["partly: no longer in the library: 'Leeks are blue'. Correct the suite."]


def test_a_library_can_be_named_and_a_project_have_no_tests_of_its_own(folder: Path) -> None:
    (folder / "empty").mkdir()
    (folder / "more.jsonl").write_text(json.dumps(sample("right", "Who?", GROWN, documents=["of-the-library.txt"])))
    suites = ("--pincite-suite", "../questions.jsonl", "--pincite-suite", "../more.jsonl")
    text = run(folder / "empty", "--rootdir=.", *suites, "--pincite-library", "none", "-k", "right", "-q", code=1)
    assert "2 failed, 8 deselected" in text
    assert "error: No library at" in text
    assert "Make one with: pincite --library" in text


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{}", "questions.jsonl:1 is not a sample (KeyError: 'id'). Write it like"),
        (json.dumps(sample("1", "Why?", documents=["no.txt"])), "1 names no.txt, which is not there"),
    ],
)
def test_a_suite_that_cannot_be_read_is_wrong_usage(folder: Path, line: str, reason: str) -> None:
    (folder / "questions.jsonl").write_text(line)
    text = run(folder, "--pincite-suite", "questions.jsonl", code=4)
    assert text.startswith("ERROR: ")
    assert reason in text
    assert len(text.strip().splitlines()) == 1


def test_without_a_suite_the_plugin_loads_nothing_and_it_can_be_switched_off(folder: Path) -> None:
    (folder / "test_own.py").write_text(
        "import sys\n\n"
        "def test_loaded() -> None:\n"
        "    assert 'pytest_pincite' in sys.modules\n\n"
        "def test_light() -> None:\n"
        f"    assert not set({HEAVY}) & set(sys.modules)\n"
    )
    assert "2 passed" in run(folder, "-W", "error", code=0)
    assert "1 failed, 1 passed" in run(folder, "-W", "error", "-p", "no:pincite", code=1)


def _failure(text: str, name: str) -> list[str]:
    """The lines of one test's failure."""
    lines = iter(text.splitlines())
    next(line for line in lines if line.strip("_ ") == name and line.startswith("_"))
    found = []
    for line in lines:
        if line.startswith(("_", "=")):
            break
        found.append(line)
    return found
