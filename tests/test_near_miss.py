from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from evals.near_miss import NearMisses
from index import Library

TRADE = """# Grain

In 1994 the trade ministry met in Oslo. Last year Norway sold 400 tonnes of winter wheat to Denmark for its mills.
The wheat of Norway goes by sea. In the harbour the ministry of Denmark weighs the winter wheat.
"""
ORE = """# Ore

In 1994 the company mined copper ore in Finland. Copper ore is heavy. The mine in Finland has nine shafts.
"""
FRUIT = """# Fruit

In the south the farms of Spain grow plums. Last year the farms sold 400 tonnes of plums to Ireland.
"""


@pytest.fixture(scope="module")
def makes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NearMisses]:
    folder = tmp_path_factory.mktemp("near-miss")
    (folder / "trade.md").write_text(TRADE)
    (folder / "ore.md").write_text(ORE)
    (folder / "fruit.md").write_text(FRUIT)
    with Library(folder / "library", create=True) as library:
        library.add(folder)
        yield NearMisses(library)


QUESTION = "How many tonnes of winter wheat did Norway sell?"


def _swapped(makes: NearMisses, question: str, kind: str) -> set[tuple[str, str]]:
    return {each.swapped for each in makes.of(question) if each.kind == kind}


def test_a_country_gives_way_to_another_of_the_library_but_to_none_that_it_may_tell_of(makes: NearMisses) -> None:
    # Denmark stands in a sentence with all four words, Spain and Ireland near two of them: tonnes and sold.
    assert _swapped(makes, QUESTION, "entity") == {("Norway", "Finland")}
    [found] = [each for each in makes.of(QUESTION) if each.kind == "entity"]
    assert found.question == "How many tonnes of winter wheat did Finland sell?"


def test_no_name_is_put_in_that_the_question_holds_already(makes: NearMisses) -> None:
    question = "What does the harbour ministry of Norway weigh for Finland?"
    assert all(new not in ("Norway", "Finland") for _, new in _swapped(makes, question, "entity"))


def test_words_that_stand_in_different_documents_are_no_answer(makes: NearMisses) -> None:
    assert ("Finland", "Spain") in _swapped(makes, "How many shafts does the copper mine in Finland have?", "entity")


def test_a_year_moves_to_one_of_which_the_library_tells_nothing(makes: NearMisses) -> None:
    found = [each for each in makes.of("In which city did the trade ministry meet in 1994?") if each.kind == "date"]
    assert found
    assert all(each.swapped[0] == "1994" and int(each.swapped[1]) < 1994 for each in found)


def test_a_number_stays_one_of_its_kind(makes: NearMisses) -> None:
    found = _swapped(makes, "Who sold 400 tonnes of winter wheat?", "number")
    assert found
    assert all(old == "400" and new.endswith("00") and new != "400" for old, new in found)


def test_a_relation_turns_round_with_its_preposition(makes: NearMisses) -> None:
    found = [each.question for each in makes.of("Which farms sold plums to Ireland?") if each.kind == "relation"]
    assert found == ["Which farms bought plums from Ireland?"]


def test_a_relation_that_the_library_tells_of_is_no_near_miss(tmp_path: Path) -> None:
    (tmp_path / "told.txt").write_text("Norway sold winter wheat to Denmark. Norway acquired winter wheat in Denmark.")
    with Library(tmp_path / "library", create=True) as library:
        library.add(tmp_path / "told.txt")
        question = "How much winter wheat was sold to Denmark?"
        assert not [each for each in NearMisses(library).of(question) if each.kind == "relation"]


def test_a_question_for_yes_or_no_has_none_for_no_is_an_answer(makes: NearMisses) -> None:
    assert makes.of("Did Norway sell 400 tonnes of winter wheat to Denmark in 1994?") == []


def test_the_same_seed_gives_the_same_and_a_swap_is_all_that_differs(library: Library) -> None:
    question = "How many containers of artillery rounds has North Korea supplied to Russia since 2023?"
    found = NearMisses(library, seed=3).of(question)
    assert found == NearMisses(library, seed=3).of(question)
    assert len({each.question for each in found}) == len(found) > 3
    for each in found:
        if each.kind != "relation":
            assert each.question == question.replace(*each.swapped)


def test_no_other_name_of_the_same_country_takes_its_place(library: Library) -> None:
    found = NearMisses(library).of("Which sanctions does the poverty of North Korea come from?")
    assert not {new for old, new in (each.swapped for each in found) if old == "North Korea"} & {"DPRK", "Pyongyang"}


def test_a_library_of_one_line_makes_nothing_of_it(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("Leeks grow in Egypt.")
    with Library(tmp_path / "library", create=True) as library:
        library.add(tmp_path / "one.txt")
        assert NearMisses(library).of("Where do leeks grow?") == []


def test_a_decade_stays_a_decade_and_an_aside_is_left_alone(makes: NearMisses) -> None:
    found = _swapped(makes, "Which trade ministry met in the 1990s?", "date")
    assert found
    assert all(new.endswith("0") for _, new in found)
    assert not _swapped(makes, "Other than Norway, which northern lands dig deep shafts for copper?", "entity")
