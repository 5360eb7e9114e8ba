from __future__ import annotations

import pytest

from rag.agreement import is_near, is_negated, is_surer, missing_numbers, numbers, turned, values


@pytest.mark.parametrize(
    ("claim", "source", "missing"),
    [
        ("75 countries met.", "40 countries met.", {"75"}),
        ("Fifteen countries met.", "15 countries met.", set()),
        ("7000 rounds", "7,000 rounds", set()),
        ("One of them left in 1990.", "Somebody left in 1990.", set()),
    ],
)
def test_a_number_must_stand_in_the_source_in_figures_or_in_words(claim: str, source: str, missing: set[str]) -> None:
    assert missing_numbers(claim, source) == missing


@pytest.mark.parametrize(
    ("claim", "sentence", "negated"),
    [
        ("Russia did not veto the resolution.", "Russia did veto the resolution.", True),
        ("Russia did veto the resolution.", "Russia didn't veto the resolution.", True),
        ("Russia did not veto it.", "Russia never did veto it.", False),
        ("The tankers did not leave.", "Russia did veto the resolution.", False),
        (
            "Beam bridges are used for short spans.",
            "Beam bridges are used for short spans, as they have no truss.",
            False,
        ),
        ("Prices rose in May.", "It is not true, he said: prices rose in May.", False),
        ("Not without reason Russia vetoed it.", "With reason Russia vetoed it.", False),
        ("With reason Russia vetoed it.", "Not without reason Russia vetoed it.", False),
        ("Russia vetoed aid.", "Never had Russia vetoed aid.", True),
        ("Tankers delivered containers.", "No tanker delivers a container.", True),
        ("The EU did not veto it.", "The US did veto it.", False),
        ("Plan B was not approved.", "The plan was approved.", True),
        # Of two places with the words the shorter one counts, of two as short the first.
        (
            "Russia vetoed aid.",
            "In March of a year Russia vetoed aid, and Russia, which did not veto oil, sent aid.",
            False,
        ),
        ("Russia vetoed aid.", "Russia vetoed aid. It is said that never Russia vetoed aid.", False),
    ],
)
def test_a_not_that_is_added_or_lost_is_seen_where_the_words_are_the_same(
    claim: str, sentence: str, negated: bool
) -> None:
    assert is_negated(claim, sentence) is negated


@pytest.mark.parametrize(
    ("claim", "source", "words"),
    [
        ("The islands lie 1,000 miles west.", "The islands lie 1,000 kilometres (620 mi) west.", ["1000 mile"]),
        ("The islands lie 620 miles west.", "The islands lie 1,000 kilometres (620 mi) west.", []),
        ("The wind blows at 26 km/h.", "The wind blows at 26 km / h.", []),
        ("The wind blows at 26 mph.", "The wind blows at 26 km / h.", ["26 mph"]),
        ("Prices rose by 5 tonnes.", "Prices rose by 5 per cent.", ["5 tonne"]),
        ("Prices rose by 5 %.", "Prices rose by 5 per cent.", []),
        ("The wind blows at 26 km/h.", "The wind blows at 26 km / h, then at 26 m.", []),
        ("It cost $5 million.", "It cost $5 billion.", ["5 million"]),
        ("It lasted six decades.", "It lasted six centuries.", ["six decade"]),
        ("60% live above the poverty line.", "60% live under the poverty line.", ["above"]),
        ("The capital lies in the south.", "The capital lies in the north and the port in the south.", []),
        ("All bridges are short.", "Most bridges are short.", ["all"]),
        ("All bridges are short.", "Every bridge is short.", []),
        ("Exactly, bridges are short.", "Bridges are short.", []),
        ("Sirius is above all a star.", "Lemons grow under glass.", []),
        ("A private northern port was sold.", "A public southern port was sold.", ["private", "northern"]),
    ],
)
def test_a_word_that_turns_what_the_source_says_is_found(claim: str, source: str, words: list[str]) -> None:
    assert turned(claim, source) == words


@pytest.mark.parametrize(
    ("claim", "source", "surer"),
    [
        ("North Korea obtains aircraft from Russia.", "North Korea may obtain aircraft from Russia.", True),
        ("A treaty will be signed.", "It is unclear whether a treaty will be signed.", True),
        ("A treaty might be signed.", "It is unclear whether a treaty will be signed.", False),
        ("Lemons are sour.", "It may rain tomorrow.", False),
    ],
)
def test_what_is_unsure_in_the_source_may_not_be_sure_in_the_claim(claim: str, source: str, surer: bool) -> None:
    assert is_surer(claim, source) is surer


def test_a_source_with_half_of_the_words_is_near() -> None:
    assert is_near("Lemons are sour and yellow.", "Lemons taste sour.")
    assert not is_near("Lemons are sour and yellow.", "Sirius is a yellow star.")


@pytest.mark.parametrize(("word", "other", "same"), [("ships", "ship", True), ("news", "new", False)])
def test_a_word_is_the_same_without_its_ending_unless_it_is_short(word: str, other: str, same: bool) -> None:
    assert is_near(word, other) is same


@pytest.mark.parametrize("text", ["", "?!"])
def test_nothing_is_near_to_no_word(text: str) -> None:
    assert not is_near(text, "Lemons are sour.")
    assert not is_near("Lemons are sour.", text)


def test_values_are_numbers_in_figures_or_words_and_months() -> None:
    assert values("late March of 2024") == {"march", "2024"}
    assert values("an initial five tankers") == {"5"}


def test_numbers_are_compared_without_their_thousands_separators() -> None:
    assert numbers("7,000 of 4.5% in 2024, at 10:30.") == {"7000", "4.5", "2024", "10:30"}
