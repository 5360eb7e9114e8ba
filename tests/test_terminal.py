from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.cells import cell_len

from tests.conftest import ARTICLE
from ui import terminal

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("stocked")]

PINCITE = str(Path(sys.executable).parent / "pincite")
CONTAINERS = "How many containers has North Korea supplied to Russia?"


def pincite(*arguments: str, stdin: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PINCITE, *arguments], input=stdin, capture_output=True, text=True, encoding="utf-8", env=os.environ | environ
    )


def ran(*arguments: str, stdin: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    """The same without a process of its own: for what a command says and does, whatever process it is in."""
    code: int | str | None
    with CliRunner(env=environ).isolation(stdin) as (out, err, _):
        try:
            code = terminal.run(arguments)
        except SystemExit as ended:
            code = ended.code
    assert isinstance(code, int)
    return subprocess.CompletedProcess(arguments, code, out.getvalue().decode(), err.getvalue().decode())


def assert_one_line(run: subprocess.CompletedProcess[str], code: int, *parts: str) -> None:
    assert run.returncode == code
    assert run.stdout == ""
    *usage, line = run.stderr.strip().splitlines()
    assert all(text.startswith(("Usage:", "Try ")) or not text for text in usage), run.stderr
    assert line.startswith("Error: ")
    assert all(part in line for part in parts), line


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    return pincite("ask", CONTAINERS, PINCITE_HOME=str(tmp_path_factory.mktemp("home")))


def test_ask_prints_the_answer_with_numbered_quotes_document_and_characters(
    asked: subprocess.CompletedProcess[str], article: str
) -> None:
    assert asked.returncode == 0
    assert "7,000 containers" in " ".join(asked.stdout.split())
    start = article.index("Commenting further")
    end = article.index("over the last year.") + len("over the last year.")
    assert f"[1] russia-dprk, characters {start}-{end}" in asked.stdout
    assert str(ARTICLE) in asked.stdout


def test_ask_writes_nothing_but_the_answer(asked: subprocess.CompletedProcess[str]) -> None:
    assert asked.stderr == ""


def test_json_is_one_object_whose_quotes_stand_in_the_article(article: str) -> None:
    run = ran("ask", CONTAINERS, "--json")
    answer = json.loads(run.stdout)
    assert run.returncode == 0
    assert answer["answered"] is True
    assert "7,000" in answer["citations"][0]["quote"]
    for citation in answer["citations"]:
        assert article[citation["start"] : citation["end"]] == citation["quote"]


def test_what_is_not_in_the_library_is_said_with_exit_code_3() -> None:
    run = pincite("ask", "-", stdin="Who won the 2022 World Cup?\n")
    assert run.returncode == 3
    assert "not in the library" in run.stdout
    assert "The nearest passages:" in run.stdout


def test_an_answer_loads_neither_gradio_nor_openai_nor_llamaindex_nor_pytorch() -> None:
    program = (
        "import sys; from rag import answer; assert answer(sys.argv[1]).answered;"
        "print([name for name in ('gradio', 'openai', 'llama_index', 'torch', 'pandas') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", program, CONTAINERS], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_documents_can_be_added_listed_asked_and_removed(tmp_path: Path) -> None:
    text = tmp_path / "leeks.md"
    text.write_text("# Leeks\n\nLeeks were first grown by the Egyptians. They are related to onions.\n")
    place = ("--library", str(tmp_path / "library"))
    added = pincite(*place, "add", str(text))
    assert (added.returncode, added.stdout) == (0, f"Added {text}\n")
    assert pincite(*place, "add", str(text)).stdout == f"Unchanged {text}\n"
    (row,) = json.loads(pincite("list", "--json", *place).stdout)
    assert (row["title"], row["path"], row["passages"]) == ("Leeks", str(text), 1)
    assert "first grown by the Egyptians" in pincite("ask", "Who first grew leeks?", *place).stdout
    assert pincite(*place, "doctor").returncode == 0
    assert pincite(*place, "remove", "leeks.md").stdout == f"Removed {text}\n"
    assert pincite(*place, "ask", "Who first grew leeks?").returncode == 3


def test_an_added_document_joins_the_shipped_article_in_the_default_library(tmp_path: Path) -> None:
    text = tmp_path / "leeks.txt"
    text.write_text("Leeks were first grown by the Egyptians.")
    run = ran("add", str(text))
    assert "The library holds 2 documents" in run.stderr
    assert [line.split()[1] for line in ran("list").stdout.splitlines()[::2]] == ["leeks", "russia-dprk"]


@pytest.mark.parametrize(
    ("arguments", "code", "parts"),
    [
        (["add", "{tmp}/missing.txt"], 1, ["No such file or folder", "missing.txt", "Check the spelling"]),
        (["add", "{tmp}/empty.txt"], 1, ["Nothing to read", "empty.txt", "Add a file with text"]),
        (["add", "{tmp}/binary.txt"], 1, ["Not a text file", "binary.txt", "Save it as text"]),
        (["add", "{tmp}/folder"], 1, ["No documents in", ".txt", "Add a folder that holds some"]),
        (["ask", ""], 2, ["The question is empty", "Ask one"]),
        (["ask", "   "], 2, ["The question is empty"]),
        (["--library", "{tmp}/nowhere", "ask", "Why?"], 1, ["No library at", "Make one with: pincite --library"]),
        (["--library", "{tmp}/empty.txt/library", "add", "{tmp}"], 1, ["Cannot write a library", "PINCITE_HOME"]),
        (["remove", "nothing"], 1, ["No document 'nothing'", "pincite list"]),
        (["eval", "{tmp}/missing.jsonl"], 1, ["Cannot read the suite", "Give a JSONL file"]),
        (["import", "{tmp}/missing"], 1, ["No such file", "pincite export FILE"]),
        (["ask"], 2, ["Missing argument 'QUESTION'"]),
        (["frobnicate"], 2, ["No such command"]),
    ],
)
def test_bad_input_is_one_line_with_the_next_step(
    tmp_path: Path, arguments: list[str], code: int, parts: list[str]
) -> None:
    (tmp_path / "empty.txt").touch()
    (tmp_path / "binary.txt").write_bytes(b"\x7fELF\0\0\0")
    (tmp_path / "folder").mkdir()
    assert_one_line(ran(*(argument.format(tmp=tmp_path) for argument in arguments)), code, *parts)


def test_a_question_of_a_megabyte_is_refused_with_its_length() -> None:
    assert_one_line(pincite("ask", "-", stdin="why " * 250_000), 2, "characters", "Ask a shorter one")


def test_another_embedding_model_is_refused_with_both_names_and_the_command_that_rebuilds(tmp_path: Path) -> None:
    place = ("--library", str(tmp_path / "library"))
    assert ran(*place, "add", str(ARTICLE)).returncode == 0
    run = pincite(*place, "ask", CONTAINERS, PINCITE_EMBEDDING="text-embedding-3-small", OPENAI_API_KEY="none")
    assert_one_line(run, 1, "bge-small-en-v1.5", "text-embedding-3-small", "doctor --repair")


def test_doctor_repairs_a_library_whose_chroma_was_deleted(tmp_path: Path) -> None:
    place = ("--library", str(tmp_path / "library"))
    ran(*place, "add", str(ARTICLE))
    for file in (tmp_path / "library" / "chroma").rglob("*"):
        if file.is_file():
            file.write_bytes(b"scrambled")
    assert ran(*place, "doctor", "--repair").returncode == 0
    assert "7,000" in ran(*place, "ask", CONTAINERS).stdout


COMMANDS = (
    "ask", "search", "check", "verify", "add", "refresh", "list", "tag", "remove", "export", "import", "chat", "serve",
    "mcp", "eval", "doctor",
)  # fmt: skip


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_teaches_and_names_every_command(command: str) -> None:
    run = ran(*command.split(), "--help")
    assert run.returncode == 0
    assert "--library FOLDER" in run.stdout
    if not command:
        assert "Exit codes:" in run.stdout
        assert all(name in run.stdout for name in COMMANDS)


def test_a_question_needs_no_quotes() -> None:
    assert "7,000" in ran("ask", *CONTAINERS.split()).stdout


def test_a_setting_that_is_misspelt_is_said_and_what_is_no_setting_of_ours_is_not() -> None:
    said = "PINCITE_TRESHOLD is no setting, and is left aside. Did you mean PINCITE_THRESHOLD?\n"
    assert pincite("list", PINCITE_TRESHOLD="1", PINCITE_PORT="tcp://10.0.0.2:80").stderr == said


@pytest.mark.parametrize(
    ("words", "expected"),
    [("pincite rem", ["remove"]), ("pincite remove rus", ["russia-dprk"]), ("pincite ask --tag mi", ["minutes"])],
)
def test_a_shell_completes_commands_documents_and_tags(words: str, expected: list[str]) -> None:
    ran("tag", "russia-dprk", "minutes")
    run = pincite(_PINCITE_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(len(words.split()) - 1))
    assert [line.partition(",")[2] for line in run.stdout.splitlines()] == expected


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_for_the_shell(shell: str) -> None:
    assert "_PINCITE_COMPLETE" in ran("completion", shell).stdout


def test_completing_makes_no_library(tmp_path: Path) -> None:
    words = f"pincite --library {tmp_path / 'none'} remove x"
    assert pincite(_PINCITE_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD="4").stdout.strip() == ""
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("columns", [24, 80, 300])
def test_lines_fit_a_narrow_terminal_and_are_never_long_and_wide_characters_take_two_columns(
    tmp_path: Path, columns: int
) -> None:
    text = tmp_path / "radish.txt"
    text.write_text("The daikon radish is called 大根" + "と言う" * 30 + " in Japan.", "utf-8")
    place = ("--library", str(tmp_path / "library"))
    ran(*place, "add", str(text))
    answer = ran(*place, "ask", "What is the daikon radish called?", COLUMNS=str(columns)).stdout
    lines = [line for line in answer.splitlines() if str(text) not in line and "characters" not in line]
    widest = max(cell_len(line) for line in lines)
    assert min(columns, 100) - 10 < widest <= min(columns, 100)


@pytest.mark.parametrize("seconds", [0.2, 0.5, 0.8, 1.1])
def test_ctrl_c_at_any_moment_is_one_line(seconds: float) -> None:
    program = (
        "import os, signal, threading; signal.signal(signal.SIGINT, signal.default_int_handler);"
        f"later = threading.Timer({seconds}, os.kill, (os.getpid(), signal.SIGINT)); later.daemon = True;"
        "later.start();"
        f"from ui.terminal import main; main(['ask', {CONTAINERS!r}])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (130, "") or "7,000" in run.stdout
    assert run.stderr.strip() in ("", "Stopped.")


def test_the_version_is_the_distributions() -> None:
    assert ran("--version").stdout.startswith("pincite, version 0.")


def test_an_embedding_model_without_key_or_server_says_which_setting_is_missing() -> None:
    assert_one_line(ran("list", PINCITE_EMBEDDING="text-embedding-3-small"), 1, "needs a key", "OPENAI_API_KEY")


def test_a_users_own_suite_goes_from_baseline_to_diff_to_gate_to_acceptance(tmp_path: Path) -> None:
    """The way that the README teaches: three documents, ten questions, a setting changed."""
    facts = {
        "leeks": ["first grown by the Egyptians", "related to onions", "Wales has a leek as its emblem"],
        "stars": ["Sirius is the brightest star", "Vega is blue", "Antares is a red supergiant"],
        "tea": ["Tea was first drunk in China", "Assam tea is grown in India", "Matcha is ground green tea"],
    }
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "leeks.md").write_text(
        "# Leeks\n\nLeeks were first grown by the Egyptians. They are related to onions. "
        "Wales has a leek as its emblem.\n"
    )
    (tmp_path / "texts" / "stars.md").write_text(
        "# Stars\n\nSirius is the brightest star of the night sky. Vega is blue. Antares is a red supergiant.\n"
    )
    (tmp_path / "texts" / "tea.md").write_text(
        "# Tea\n\nTea was first drunk in China. Assam tea is grown in India. Matcha is ground green tea.\n"
    )
    questions = ["Who first grew leeks?", "What are leeks related to?", "Which country has a leek as its emblem?",
                 "Which star is the brightest?", "Which star is blue?", "What kind of star is Antares?",
                 "Where was tea first drunk?", "Where is Assam tea grown?", "What is matcha?"]  # fmt: skip
    quotes = [quote for listed in facts.values() for quote in listed]
    rows = [{"id": str(i), "type": "fact", "question": q, "quotes": [quote]}
            for i, (q, quote) in enumerate(zip(questions, quotes, strict=True))]  # fmt: skip
    rows.append({"id": "9", "type": "unanswerable", "question": "Who won the 2022 World Cup?"})
    suite = tmp_path / "mine.jsonl"
    suite.write_text("\n".join(json.dumps(row) for row in rows))
    place = ("--library", str(tmp_path / "library"))
    first, second, page = (str(tmp_path / name) for name in ("first.json", "second.json", "first.html"))

    assert ran(*place, "add", str(tmp_path / "texts")).returncode == 0
    run = ran("eval", str(suite), *place, "--record", first, "--html", page)
    assert run.returncode == 0, run.stderr
    assert "Which star is blue?" in Path(page).read_text()
    same = ran("eval", str(suite), *place, "--baseline", first)
    assert (same.returncode, "No regression" in same.stdout) == (0, True)
    worse = pincite("eval", str(suite), *place, "--record", second, "--baseline", first, PINCITE_THRESHOLD="1")
    assert worse.returncode == 4
    assert "REGRESSION" in worse.stdout
    assert "refused wrongly" in worse.stdout
    assert "pincite eval bless RECORD BASELINE" in worse.stdout
    assert "right, answered -> refused wrongly" in ran("eval", "diff", first, second).stdout
    assert ran("eval", "bless", second, first).returncode == 0
    accepted = ran("eval", str(suite), *place, "--baseline", first, PINCITE_THRESHOLD="1")
    assert accepted.returncode == 0


def test_a_folder_is_followed_by_content_and_the_library_travels_as_one_file(tmp_path: Path) -> None:
    texts, copy = tmp_path / "texts", str(tmp_path / "leeks.pincite")
    here, there = (("--library", str(tmp_path / name)) for name in ("here", "there"))
    texts.mkdir()
    (texts / "leeks.md").write_text("# Leeks\n\nLeeks were first grown by the Egyptians.\n")
    (texts / "tea.md").write_text("# Tea\n\nTea was first drunk in China.\n")
    assert ran(*here, "add", str(texts)).returncode == 0
    (texts / "leeks.md").rename(texts / "old.md")
    (texts / "same.md").write_text((texts / "tea.md").read_text())
    (texts / "damaged.pdf").write_bytes(b"%PDF-1.7 and no more")
    partly = ran(*here, "add", str(texts))
    assert partly.returncode == 1
    assert f"Moved {texts / 'old.md'}" in partly.stdout
    assert f"Left out {texts / 'same.md'}: the same as {texts / 'tea.md'}" in partly.stdout
    assert "damaged.pdf" in partly.stderr
    (texts / "damaged.pdf").unlink()
    (texts / "old.md").unlink()
    gone = ran(*here, "refresh")
    assert (gone.returncode, f"Removed {texts / 'old.md'}" in gone.stdout) == (0, True)
    assert ran(*here, "export", copy).returncode == 0
    assert ran(*there, "import", copy).returncode == 0
    assert "drunk in China" in ran(*there, "ask", "Where was tea first drunk?").stdout
    assert_one_line(ran(*there, "import", copy), 1, "There is a library at", "--library")
    assert_one_line(ran(*there, "import", str(texts / "tea.md"), PINCITE_HOME=str(tmp_path)), 1, "There is a library")
    assert_one_line(ran("--library", str(tmp_path / "new"), "import", str(texts / "tea.md")), 1, "no whole library")
    private = ran(*here, "add", "http://127.0.0.1:8080/page")
    assert_one_line(private, 1, "private network", "Save the page to a file")
