"""The pages of the reference are those of the code, and the README's Python runs as it is written."""

from __future__ import annotations

import re
import runpy
import shutil
from pathlib import Path
from typing import Any

import pytest

import index
import rag
from index import Library
from tests.conftest import ARTICLE

CHECKOUT = Path(__file__).resolve().parent.parent
REFERENCE = CHECKOUT / "docs" / "reference"
PACKAGES = ("index", "rag", "evals", "ui")
FOLDERS = tuple(f"{package}/" for package in PACKAGES)


def test_the_pages_are_those_of_the_code() -> None:
    written: dict[str, str] = runpy.run_path(str(CHECKOUT / "docs" / "reference.py"))["pages"]()
    committed = {page.name: page.read_text("utf-8") for page in REFERENCE.iterdir()}
    differ = sorted(name for name in written | committed if written.get(name) != committed.get(name))
    assert not differ, f"docs/reference is not of this code: {', '.join(differ)}. Run: python docs/reference.py"


@pytest.mark.parametrize("door", [rag, index])
def test_what_the_packages_hand_out_stands_on_a_page(door: Any) -> None:
    told = {name for page in REFERENCE.iterdir() for name in re.findall(r"^#+ (\w+)$", page.read_text("utf-8"), re.M)}
    assert not set(door.__all__) - told, "Give them a page in docs/reference.py"


def test_every_link_of_a_page_leads_somewhere() -> None:
    for page in REFERENCE.iterdir():
        for link in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8")):
            file, _, heading = link.partition("#")
            target = (REFERENCE / file).read_text("utf-8")
            anchors = [anchor.lower().replace(".", "") for anchor in re.findall(r"^#+ (.+)$", target, re.M)]
            assert not heading or heading in anchors, f"{page.name}: {link}"


def test_the_python_of_the_readme_runs_as_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    section = (CHECKOUT / "README.md").read_text("utf-8").partition("## In Python\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```python\n(.*?)^```$", section, re.M | re.S)
    assert blocks
    monkeypatch.chdir(tmp_path)
    (tmp_path / "minutes").mkdir()
    shutil.copy(ARTICLE, "minutes")
    with Library("path/of/library", create=True) as library:
        library.add("minutes")
        library.tag("minutes", "board")
    known: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), known)  # noqa: S102
    found, said = known["found"], re.search(r'found\.short  # (\w+), ([\d.]+), "(.*)"', section)
    assert said
    assert (str(found.answered), found.short) == (said[1], said[3])
    assert found.confidence == pytest.approx(float(said[2]), abs=0.02)


def test_the_readme_names_every_module_once() -> None:
    readme = (CHECKOUT / "README.md").read_text("utf-8")
    table = readme.partition("## The files, in reading order\n")[2].partition("\n## ")[0]
    named: list[str] = []
    for row in re.findall(r"^\|(.+?)\|", table, re.M):
        folder = ""
        for name in re.findall(r"`([^`]+)`", row):
            whole_name = name if name.startswith(FOLDERS) else f"{folder}/{name}"
            folder = whole_name.rstrip("/").rpartition("/")[0]
            named.append(whole_name)
    whole = tuple(name for name in named if name.endswith("/"))
    modules = [
        path.relative_to(CHECKOUT).as_posix() for package in PACKAGES for path in (CHECKOUT / package).rglob("*.py")
    ]
    left = {name for name in modules if not name.startswith(whole) and not name.endswith("__init__.py")}
    assert left <= set(named), "these have no place in the README's table"
    assert len(named) == len(set(named))
    assert {name for name in named if name.endswith(".py")} <= {*modules, "evals/pytest_pincite.py"}
