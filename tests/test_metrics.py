"""Every metric against examples worked by hand, and against a reference that was written independently of it."""

from __future__ import annotations

import doctest
import inspect
import itertools
import math
import re
import string
from collections.abc import Callable, Sequence
from fractions import Fraction
from types import ModuleType
from typing import Any

import ir_measures
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import evals.metrics
import evals.ranking
import evals.squad
import evals.statistics
import evals.words
from evals.metrics import (
    abstention_precision,
    abstention_recall,
    area_under_roc,
    aurc,
    citation_precision,
    citation_recall,
    contains_answer,
    expected_calibration_error,
    faithfulness,
    is_cited,
    quote_precision,
    quote_recall,
    risk_coverage,
)
from evals.ranking import ndcg_at_k, recall_at_k, reciprocal_rank
from evals.squad import exact_match, normalised, token_f1
from evals.statistics import mcnemar_exact, mean, paired_sign_flip_test, percentile

NAN = float("nan")


@pytest.mark.parametrize(
    "module", [evals.metrics, evals.ranking, evals.squad, evals.statistics, evals.words], ids=lambda m: m.__name__
)
def test_every_metric_has_a_worked_example_and_the_examples_are_right(module: ModuleType) -> None:
    public = [value for name, value in inspect.getmembers(module, inspect.isfunction) if not name.startswith("_")]
    own = [function for function in public if function.__module__ == module.__name__]
    assert own
    assert [function.__name__ for function in own if ">>>" not in (function.__doc__ or "")] == []
    assert doctest.testmod(module).failed == 0


# SQuAD


def official_scores(prediction: str, accepted: list[str]) -> tuple[float, float]:
    """Exact match and F1 as SQuAD 2.0's evaluation is published, step by step."""

    def normalize(text: str) -> str:
        text = re.sub("[" + re.escape(string.punctuation) + "]", "", text.lower())
        return re.sub(r"\s+", " ", re.sub(r"\b(?:a|an|the)\b", " ", text)).strip()

    def f1(gold: str) -> float:
        gold_tokens, tokens = normalize(gold).split(), normalize(prediction).split()
        if len(gold_tokens) == 0 or len(tokens) == 0:
            return float(gold_tokens == tokens)
        same = 0
        left = list(gold_tokens)
        for token in tokens:
            if token in left:
                left.remove(token)
                same += 1
        if same == 0:
            return 0.0
        precision, recall = same / len(tokens), same / len(gold_tokens)
        return 2 * precision * recall / (precision + recall)

    golds = [answer for answer in accepted if normalize(answer)]
    if not golds:
        golds = [""]
    return max(float(normalize(gold) == normalize(prediction)) for gold in golds), max(f1(gold) for gold in golds)


@pytest.mark.parametrize(
    ("prediction", "accepted", "exact", "f1"),
    [
        ("Denver Broncos", ["Denver Broncos", "the Broncos"], 1.0, 1.0),
        ("The Broncos.", ["Denver Broncos"], 0.0, 2 / 3),
        ("10th and 11th centuries", ["in the 10th and 11th centuries", "10th and 11th centuries"], 1.0, 1.0),
        ("the 10th century", ["10th and 11th centuries"], 0.0, 1 / 3),
        ("Levi's Stadium in Santa Clara", ["Levi's Stadium", "Santa Clara, California"], 0.0, 4 / 7),
        ("France", [], 0.0, 0.0),
        ("", [], 1.0, 1.0),
        ("the", ["", "a"], 1.0, 1.0),
        ("", ["France"], 0.0, 0.0),
        ("no no no", ["no no yes"], 0.0, 2 / 3),
    ],
)
def test_short_answers_are_scored_as_by_hand(prediction: str, accepted: list[str], exact: float, f1: float) -> None:
    assert exact_match(prediction, accepted) == exact
    assert token_f1(prediction, accepted) == pytest.approx(f1, abs=1e-9)
    assert official_scores(prediction, accepted) == pytest.approx((exact, f1), abs=1e-9)


_WORDS = "the a an The A. panel Panel of experts experts, 7,000 7000 14-year U.S. Theatre don't “Cold cold War” é !"
_words = st.sampled_from([*_WORDS.split(), "\t", ""])
_answers = st.one_of(st.lists(_words, max_size=7).map(" ".join), st.text(max_size=12))


@settings(max_examples=300, deadline=None)
@given(_answers, st.lists(_answers, max_size=4))
def test_exact_match_and_f1_equal_the_official_script(prediction: str, accepted: list[str]) -> None:
    scores = exact_match(prediction, accepted), token_f1(prediction, accepted)
    assert scores == pytest.approx(official_scores(prediction, accepted), abs=1e-9)


def test_text_is_normalised_as_the_squad_script_does() -> None:
    assert normalised(" The  7,000 Containers! ") == "7000 containers"


# Accepted answers


@pytest.mark.parametrize(
    ("text", "answers", "given"),
    [
        ("It supplied 7,000 containers.", ["7000"], True),
        ("It supplied 17,000 containers.", ["7,000"], False),
        ("The Panel of Experts", ["a panel of experts"], True),
        ("Anything", [], None),
        ("Anything", ["the", "..."], None),
        ("Anything", ["...", "anything"], True),
        ("", ["anything"], False),
        ("They went by sea.", ["by air", "by sea"], True),
        ("the beginning of “Cold War 2.0”.", ["Cold War 2.0"], True),
        ("Russia’s aims", ["Russia"], True),
        ("surface to air missiles; on-going", ["surface-to-air missiles"], True),
        ("surface to air missiles; on-going", ["ongoing"], True),
        ("the U.S. said", ["US"], True),
        ("152mm/122mm rounds", ["122 mm"], True),
        ("It has many elements [1][2].", ["2"], False),
        ("It has 2 elements [1].", ["two elements"], True),
    ],
)
def test_an_answer_is_given_if_it_stands_there_as_whole_words(
    text: str, answers: list[str], given: bool | None
) -> None:
    assert contains_answer(text, answers) is given


@pytest.mark.parametrize(
    ("text", "answer", "given"),
    [
        ("seven thousand containers", "7,000", True),
        ("7000 containers", "seven thousand containers", True),
        ("7 thousand", "7,000", True),
        ("1.5 million barrels", "1,500,000", True),
        ("two hundred and five", "205", True),
        ("twenty-five men", "25", True),
        ("of the twenty, five came", "5", True),
        ("twenty five six", "31", False),
        ("a contraction of 4.50 per cent", "4.5%", True),
        ("4.5 tonnes", "4.5%", False),
        ("45 containers", "4.5", False),
        ("-5 degrees", "5", False),
        ("zero, one and two", "0", True),
        ("6,950 containers", "7,000 ± 100 containers", True),
        ("6,850 containers", "7,000 ± 100 containers", False),
        ("6,650", "7,000 ± 5%", True),
        ("6,649", "7,000 ± 5%", False),
        ("56 percent", "60% ± 5%", True),
        ("54 percent", "60% +- 5", False),
        ("1.6 million", "1.5 million +/- 0.1 million", True),
        ("7,050 of 2,030", "7,000 ± 100 of 2,024", False),
    ],
)
def test_numbers_are_compared_by_value_and_within_the_tolerance_that_the_answer_states(
    text: str, answer: str, given: bool
) -> None:
    assert contains_answer(text, [answer]) is given


@pytest.mark.parametrize("written", ["2024-03-28", "28 March 2024", "28th of March, 2024", "Mar. 28, 2024"])
@pytest.mark.parametrize(
    ("answer", "given"),
    [
        ("2024-03-28", True),
        ("28 March 2024", True),
        ("March 28th, 2024", True),
        ("March 2024", True),
        ("2024", True),
        ("27 March 2024", False),
        ("2024-04-28", False),
    ],
)
def test_dates_are_compared_by_their_day(written: str, answer: str, given: bool) -> None:
    assert contains_answer(f"It was vetoed on {written}.", [answer]) is given


def test_what_only_looks_like_a_date_is_plain_text() -> None:
    assert contains_answer("In late March of 2024 it was vetoed.", ["late March of 2024"])
    assert contains_answer("31 February 2024", ["31 February 2024"])
    assert not contains_answer("31 February 2024", ["2024-02-31"])
    assert contains_answer("they march 28, 2024 others march", ["28, 2024 others"])


def in_words(number: int) -> str:
    """A whole number below a thousand million, as it is said."""
    ones = (
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen"
    ).split()
    if number < 20:
        return ones[number]
    if number < 100:
        ten = "twenty thirty forty fifty sixty seventy eighty ninety".split()[number // 10 - 2]
        return f"{ten}-{ones[number % 10]}" if number % 10 else ten
    for size, name in ((10**6, "million"), (1000, "thousand"), (100, "hundred")):
        if number >= size:
            many, rest = divmod(number, size)
            joint = "" if not rest else " and " if rest < 100 else " "
            return f"{in_words(many)} {name}{joint}{in_words(rest) if rest else ''}"
    raise AssertionError(number)


@settings(deadline=None)
@example(421, 400)
@given(st.one_of(st.integers(0, 2000), st.integers(0, 10**9 - 1)), st.integers(0, 10**9 - 1))
def test_a_number_in_words_is_the_number_in_digits_and_no_other(number: int, other: int) -> None:
    for written in (str(number), f"{number:,}"):
        assert contains_answer(f"There were {in_words(number)} of them.", [written])
        assert contains_answer(f"There were {written} of them.", [in_words(number)])
    assert contains_answer(f"There were {in_words(number)} of them.", [str(other)]) is (number == other)


@settings(deadline=None)
@given(st.text(max_size=30))
def test_a_text_holds_itself_unless_there_is_no_word_in_it(text: str) -> None:
    assert contains_answer(text, [text]) in (True, None)


# Citations


def test_a_gold_quote_is_cited_if_half_of_it_is() -> None:
    assert is_cited((0, 10), [(5, 20)])
    assert not is_cited((0, 10), [(6, 20)])
    assert is_cited((0, 10), [(0, 3), (8, 20)])
    assert is_cited((100, 110), [(105, 120)])


def test_quote_recall_wants_every_quote_or_any_one() -> None:
    assert quote_recall([(0, 10), (20, 30)], [(0, 10)], every=True) == 0.5
    assert quote_recall([(0, 10), (20, 30)], [(0, 10)], every=False) == 1.0
    assert quote_recall([], [(0, 10)], every=True) is None


def test_quote_precision_is_the_share_of_citations_that_hold_gold() -> None:
    assert quote_precision([(0, 10)], [(5, 8), (40, 50)]) == 0.5
    assert quote_precision([(0, 10)], []) is None


def supports(sentence: str, passages: Sequence[str]) -> bool:
    """Every letter of the sentence stands in one of the passages."""
    return set(sentence) <= set("".join(passages))


@pytest.mark.parametrize(
    ("sentences", "precision", "recall"),
    [
        ([("ab", ["ab"])], 1.0, 1.0),
        ([("ab", ["a", "b"])], 1.0, 1.0),  # neither alone, and neither can be missed
        ([("ab", ["ab", "c"])], 0.5, 1.0),  # the second supports nothing and is not missed
        ([("ab", ["ab", "ab"])], 1.0, 1.0),  # each would do
        ([("ab", ["ab", "a"])], 0.5, 1.0),  # a part, and not missed
        ([("ab", ["a", "a"])], 0.0, 0.0),  # not supported: no citation of it counts
        ([("ab", [])], None, 0.0),  # uncited
        ([("ab", ["ab"]), ("cd", [])], 1.0, 0.5),
        ([("ab", ["ab"]), ("cd", ["c", "x"])], 1 / 3, 0.5),  # the citations are counted over the whole answer
        ([], None, None),
    ],
)
def test_citations_are_scored_as_alce_does(
    sentences: list[tuple[str, list[str]]], precision: float | None, recall: float | None
) -> None:
    assert citation_precision(sentences, supports) == pytest.approx(precision)
    assert citation_recall(sentences, supports) == pytest.approx(recall)


_letters = st.text("abc", min_size=1, max_size=3)


@settings(deadline=None)
@given(st.lists(st.tuples(_letters, st.lists(_letters, max_size=4)), max_size=4))
def test_citation_scores_equal_alces_loop(sentences: list[tuple[str, list[str]]]) -> None:
    supported, counted, citations = 0, 0, 0
    for sentence, cited in sentences:
        joint = bool(cited) and supports(sentence, cited)
        supported += joint
        citations += len(cited)
        if joint and len(cited) > 1:
            for number in range(len(cited)):
                others = [passage for place, passage in enumerate(cited) if place != number]
                irrelevant = not supports(sentence, [cited[number]]) and supports(sentence, others)
                counted += not irrelevant
        else:
            counted += joint
    assert citation_recall(sentences, supports) == (supported / len(sentences) if sentences else None)
    assert citation_precision(sentences, supports) == (counted / citations if citations else None)


def test_faithfulness_is_the_share_of_sentences_that_the_passages_support() -> None:
    assert faithfulness(["ab", "ad", "c"], ["ab", "c"], supports) == pytest.approx(2 / 3)
    assert faithfulness(["ab"], [], supports) == 0.0
    assert faithfulness([], ["ab"], supports) is None


def test_a_judge_that_fails_is_an_error_and_no_score() -> None:
    def broken(sentence: str, passages: object) -> bool:
        raise TimeoutError

    for scored in (citation_precision, citation_recall):
        with pytest.raises(TimeoutError):
            scored([("ab", ["ab"])], broken)
    with pytest.raises(TimeoutError):
        faithfulness(["ab"], ["ab"], broken)


# Ranked lists


_names = [f"d{number}" for number in range(12)]
_ranked = st.permutations(_names).flatmap(lambda names: st.integers(1, len(names)).map(lambda n: names[:n]))
_grades = st.dictionaries(st.sampled_from(_names), st.integers(0, 3), min_size=1)


def reference(ranked: list[str], grades: dict[str, int], k: int) -> dict[str, float]:
    run = [ir_measures.ScoredDoc("q", name, float(-rank)) for rank, name in enumerate(ranked)]
    judged = [ir_measures.Qrel("q", name, grade) for name, grade in grades.items()]
    measures = {"recall": ir_measures.R @ k, "rr": ir_measures.RR, "ndcg": ir_measures.nDCG @ k}
    found = {result.measure: result.value for result in ir_measures.iter_calc(list(measures.values()), judged, run)}
    return {name: float(found[measure]) for name, measure in measures.items()}


@settings(max_examples=200, deadline=None)
@given(_ranked, _grades, st.integers(1, 14), st.booleans())
def test_rankings_are_scored_as_trec_eval_does(ranked: list[str], grades: dict[str, int], k: int, binary: bool) -> None:
    if binary:
        grades = {name: min(grade, 1) for name, grade in grades.items()}
    relevant = {name for name, grade in grades.items() if grade}
    ours = {
        "recall": recall_at_k(ranked, relevant, k),
        "rr": reciprocal_rank(ranked, relevant),
        "ndcg": ndcg_at_k(ranked, dict(grades), k),
    }
    if relevant:
        assert ours == pytest.approx(reference(ranked, grades, k), abs=1e-9)
    else:
        assert set(ours.values()) == {None}


def test_rankings_are_scored_as_by_hand() -> None:
    ranked = ["x", "a", "y", "b"]
    assert recall_at_k(ranked, {"a", "b", "c"}, 3) == pytest.approx(1 / 3)
    assert [reciprocal_rank(ranked, relevant) for relevant in ({"a"}, {"b"}, {"z"}, set())] == [0.5, 0.25, 0.0, None]
    assert mean([reciprocal_rank(ranked, {"a"}), reciprocal_rank(ranked, {"z"}), None]) == 0.25
    best = 1 + 1 / math.log2(3)
    assert ndcg_at_k(ranked, {"a": 1, "b": 1}, 4) == pytest.approx((1 / math.log2(3) + 1 / math.log2(5)) / best)
    assert ndcg_at_k(ranked, {"a": 1, "b": 3}, 2) == pytest.approx((1 / math.log2(3)) / (3 + 1 / math.log2(3)))
    assert recall_at_k([], {"a"}, 3) == reciprocal_rank([], {"a"}) == ndcg_at_k([], {"a": 1}, 3) == 0.0


def test_a_ranking_with_something_twice_or_a_k_of_zero_is_an_error() -> None:
    with pytest.raises(ValueError, match="ranked twice"):
        ndcg_at_k(["a", "a"], {"a": 1}, 2)
    with pytest.raises(ValueError, match="k is 1 or more"):
        recall_at_k(["a"], {"a"}, 0)


# Abstention and confidence


def test_abstention_is_right_where_the_question_cannot_be_answered() -> None:
    declined, answerable = [True, True, False, False, True], [False, True, False, True, False]
    assert abstention_precision(declined, answerable) == pytest.approx(2 / 3)
    assert abstention_recall(declined, answerable) == pytest.approx(2 / 3)
    assert abstention_precision([False], [True]) is None
    assert abstention_recall([True], [True]) is None


@pytest.mark.parametrize("scored", [abstention_precision, abstention_recall, risk_coverage, expected_calibration_error])
def test_answers_that_are_fewer_than_their_judgements_are_an_error(scored: Callable[[Any, Any], object]) -> None:
    with pytest.raises(ValueError, match="zip"):
        scored([True], [True, False])


_judged = st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.3, 0.5, 0.7, 0.9, 1.0]), st.booleans()), max_size=25)


@settings(deadline=None)
@given(_judged)
def test_risk_and_coverage_are_those_of_answering_above_each_confidence(judged: list[tuple[float, bool]]) -> None:
    points = {}
    for threshold in {confidence for confidence, _ in judged}:
        answered = [right for confidence, right in judged if confidence >= threshold]
        points[threshold] = (len(answered) / len(judged), answered.count(False) / len(answered))
    confidences, rights = [c for c, _ in judged], [right for _, right in judged]
    assert risk_coverage(confidences, rights) == [points[threshold] for threshold in sorted(points, reverse=True)]
    if judged:
        of_each = [points[confidence][1] for confidence in confidences]
        assert aurc(confidences, rights) == pytest.approx(sum(of_each) / len(of_each), abs=1e-9)
    else:
        assert aurc([], []) is None


def test_the_area_is_least_where_the_wrong_are_the_least_confident() -> None:
    assert aurc([0.9, 0.8, 0.7, 0.1], [True, True, True, False]) == pytest.approx(1 / 16)
    assert aurc([0.9, 0.8, 0.7, 0.1], [False, True, True, True]) == pytest.approx((1 + 1 / 2 + 1 / 3 + 1 / 4) / 4)
    assert aurc([0.5, 0.5], [True, False]) == aurc([0.5, 0.5], [False, True]) == 0.5
    assert risk_coverage([], []) == []


@settings(deadline=None)
@given(_judged, st.integers(1, 20))
def test_calibration_error_is_the_weighted_gap_of_equal_width_bins(judged: list[tuple[float, bool]], bins: int) -> None:
    expected = 0.0
    for number in range(bins):
        low, high = number / bins, (number + 1) / bins
        inside = [(c, right) for c, right in judged if low < c <= high or (number == 0 and c == 0)]
        if inside:
            accuracy = sum(right for _, right in inside) / len(inside)
            confidence = sum(c for c, _ in inside) / len(inside)
            expected += len(inside) / len(judged) * abs(accuracy - confidence)
    scored = expected_calibration_error([c for c, _ in judged], [right for _, right in judged], bins=bins)
    assert scored == (pytest.approx(expected, abs=1e-9) if judged else None)


def test_calibration_is_over_fifteen_bins_where_nothing_is_said() -> None:
    # 0.064 and 0.068 lie on both sides of 1/15, and of no edge of 14 or 16 bins.
    assert expected_calibration_error([0.064, 0.068], [False, True]) == pytest.approx((0.064 + 0.932) / 2)


def test_a_confidence_that_is_none_is_an_error() -> None:
    with pytest.raises(ValueError, match="0 to 1"):
        expected_calibration_error([1.5], [True])
    for scored in (expected_calibration_error, aurc):
        with pytest.raises(ValueError, match="NaN is no score"):
            scored([NAN], [True])


def test_the_area_under_roc_is_how_often_a_positive_stands_above_a_negative() -> None:
    assert area_under_roc([0.9, 0.5], [0.5, 0.1]) == 0.875
    assert area_under_roc([], [0.1]) is None


# Summaries


def test_what_cannot_be_scored_is_left_out_of_a_mean_and_never_zero() -> None:
    assert mean([1.0, None, 0.0]) == 0.5
    assert mean([None]) is None


def test_a_nan_is_an_error_and_never_a_score() -> None:
    with pytest.raises(ValueError, match="NaN is no score"):
        mean([1.0, NAN])
    with pytest.raises(ValueError, match="NaN is no score"):
        percentile([1.0, NAN], 50)
    with pytest.raises(ValueError, match="NaN is no score"):
        area_under_roc([NAN], [1.0])


def test_percentiles_are_by_nearest_rank() -> None:
    assert [percentile([4, 1, 3, 2], q) for q in (0, 50, 75, 95, 100)] == [1, 2, 3, 4, 4]
    assert percentile([], 50) is None
    assert percentile(range(1, 101), 7) == 7


@settings(deadline=None)
@given(st.lists(st.integers(0, 20), min_size=1, max_size=120), st.integers(1, 100))
def test_a_percentile_is_the_first_value_that_so_many_do_not_exceed(values: list[int], q: int) -> None:
    enough = [value for value in values if 100 * sum(other <= value for other in values) >= q * len(values)]
    assert percentile(values, q) == min(enough)


# Two runs


@pytest.mark.parametrize(
    ("lost", "won", "one_sided", "two_sided"),
    [
        (0, 0, 1.0, 1.0),
        (1, 0, 1 / 2, 1.0),
        (5, 0, 1 / 32, 1 / 16),
        (0, 5, 1.0, 1 / 16),
        (3, 1, 5 / 16, 10 / 16),
        (2, 2, 11 / 16, 1.0),
        (8, 2, 56 / 1024, 112 / 1024),
    ],
)
def test_mcnemars_p_is_as_by_hand(lost: int, won: int, one_sided: float, two_sided: float) -> None:
    assert mcnemar_exact(lost, won, one_sided=True) == pytest.approx(one_sided, abs=1e-12)
    assert mcnemar_exact(lost, won) == pytest.approx(two_sided, abs=1e-12)


@pytest.fixture(scope="session")
def binomtest() -> Any:
    return pytest.importorskip("scipy.stats", reason="the cases by hand stand above").binomtest


@settings(deadline=None)
@given(lost=st.integers(0, 60), won=st.integers(0, 60))
def test_mcnemars_p_equals_the_binomial_test_of_scipy(binomtest: Any, lost: int, won: int) -> None:
    if lost + won:
        one = binomtest(lost, lost + won, 0.5, alternative="greater").pvalue
        two = binomtest(lost, lost + won, 0.5).pvalue
        assert mcnemar_exact(lost, won, one_sided=True) == pytest.approx(one, abs=1e-9)
        assert mcnemar_exact(lost, won) == pytest.approx(two, abs=1e-9)


def test_thousands_of_flips_are_no_overflow() -> None:
    assert mcnemar_exact(2000, 2000) == 1.0
    assert 0 < mcnemar_exact(2200, 1800, one_sided=True) < 1e-9
    with pytest.raises(ValueError, match="0 or more"):
        mcnemar_exact(-1, 2)


_differences = st.lists(st.sampled_from([-1.0, -0.5, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3, 0.5, 1.0]), max_size=9)


@settings(deadline=None)
@given(_differences)
def test_few_differences_are_tested_exactly(differences: list[float]) -> None:
    exact = [Fraction(round(10 * difference), 10) for difference in differences]
    sums = [sum(signs, Fraction(0)) for signs in itertools.product(*((value, -value) for value in exact))]
    total = sum(exact, Fraction(0))
    one = Fraction(sum(value >= total for value in sums), len(sums))
    two = Fraction(sum(abs(value) >= abs(total) for value in sums), len(sums))
    assert paired_sign_flip_test(differences, one_sided=True) == pytest.approx(float(one), abs=1e-9)
    assert paired_sign_flip_test(differences) == pytest.approx(float(two), abs=1e-9)


@settings(deadline=None)
@given(st.integers(0, 8), st.integers(0, 8), st.integers(0, 5))
def test_of_right_and_wrong_the_sign_flip_test_is_mcnemars(lost: int, won: int, same: int) -> None:
    differences = [1.0] * lost + [-1.0] * won + [0.0] * same
    for one_sided in (True, False):
        assert paired_sign_flip_test(differences, one_sided=one_sided) == pytest.approx(
            mcnemar_exact(lost, won, one_sided=one_sided), abs=1e-9
        )


def test_many_differences_are_sampled_the_same_way_each_time_and_near_the_exact_value() -> None:
    differences = [1.0] * 14 + [-1.0] * 6 + [0.0] * 80
    for one_sided in (True, False):
        p = paired_sign_flip_test(differences, one_sided=one_sided)
        assert p == paired_sign_flip_test(differences, one_sided=one_sided)
        assert p != paired_sign_flip_test(differences, one_sided=one_sided, seed=1)
        assert p == pytest.approx(mcnemar_exact(14, 6, one_sided=one_sided), abs=0.01)
    assert paired_sign_flip_test([1.0] * 40, one_sided=True) == 1 / 10_001


def test_nothing_changed_is_no_difference_and_a_nan_is_an_error() -> None:
    assert paired_sign_flip_test([0.0, 0.0]) == paired_sign_flip_test([], one_sided=True) == 1.0
    with pytest.raises(ValueError, match="finite"):
        paired_sign_flip_test([NAN])
