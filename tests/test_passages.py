from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.passages import PASSAGE_CHARACTERS, cut_passages, split_sentences

texts = st.text(st.sampled_from("aB Ü1.!?…\n\n\t,;:-#*“”\"'()。！？東é\u00a0\ufeff𝔸"), max_size=400) | st.text(
    max_size=200
)


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in split_sentences(text)]


@given(texts)
@settings(deadline=None)
def test_sentences_hold_every_visible_character_once_and_in_order(text: str) -> None:
    spans = split_sentences(text)
    assert all(start < end for start, end in spans)
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
    assert "".join("".join(sentences(text)).split()) == "".join(text.split())


@given(texts)
@settings(deadline=None)
def test_passages_are_made_of_whole_sentences_and_lose_none(text: str) -> None:
    passages = cut_passages(text)
    assert [span for passage in passages for span in passage.sentences] == split_sentences(text)
    for passage in passages:
        assert (passage.start, passage.end) == (passage.sentences[0][0], passage.sentences[-1][1])
        assert passage.end - passage.start <= PASSAGE_CHARACTERS or len(passage.sentences) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It rose. It fell.", ["It rose.", "It fell."]),
        ("It cost $4.5 million. Then 7.", ["It cost $4.5 million.", "Then 7."]),
        ("Dr. J. K. Smith came at 5 p.m. Then he left.", ["Dr. J. K. Smith came at 5 p.m.", "Then he left."]),
        ("The U.S. Senate met. The U.S. It met.", ["The U.S. Senate met.", "The U.S.", "It met."]),
        ("See Fig. 3 there. “Yes.” She nodded.", ["See Fig. 3 there.", "“Yes.”", "She nodded."]),
        ("Really?! Yes… no. (It was.) So", ["Really?!", "Yes… no.", "(It was.)", "So"]),
        ("北京很大。上海也是！好", ["北京很大。", "上海也是！", "好"]),
        ("1. First thing\n2. Second thing. More.", ["1. First thing", "2. Second thing.", "More."]),
        ("One line that was\nwrapped by hand. Two.", ["One line that was\nwrapped by hand.", "Two."]),
        ("A title\n\nA text.", ["A title", "A text."]),
        ("", []),
        (" \n ", []),
    ],
)
def test_sentences_end_where_a_reader_would_say(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


def test_a_passage_knows_the_heading_that_it_stands_under() -> None:
    text = "# Fruit\n\nApples are red.\n\n## Citrus\n\nLemons are sour.\n\nVegetables:\n\nLeeks are long."
    assert [(text[p.start : p.end], p.heading) for p in cut_passages(text)] == [
        ("# Fruit\n\nApples are red.", "Fruit"),
        ("## Citrus\n\nLemons are sour.", "Citrus"),
        ("Vegetables:\n\nLeeks are long.", "Vegetables"),
    ]


def test_a_passage_ends_before_it_grows_too_long() -> None:
    text = " ".join(f"This is sentence number {i} of them all." for i in range(100))
    passages = cut_passages(text)
    assert len(passages) > 3
    assert all(p.end - p.start <= PASSAGE_CHARACTERS for p in passages)


def test_an_endless_line_is_cut_between_words() -> None:
    text = "word " * 2000
    assert all(end - start <= PASSAGE_CHARACTERS for start, end in split_sentences(text))
    assert {piece for sentence in sentences(text) for piece in sentence.split()} == {"word"}
