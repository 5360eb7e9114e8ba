"""The measures of checking: sentences changed in one thing, and sentences that a person labelled."""

from __future__ import annotations

import json
from pathlib import Path

from evals.adversarial import pairs, table
from evals.written import labelled, of_labels

ROME = "Rome was founded by Romulus in the year 753. Nothing is known of Veii."
LEEKS = "The Egyptians were the first to grow leeks. They ate them raw."


def test_a_changed_sentence_is_found_and_a_true_one_goes_to_where_it_is_supported() -> None:
    items = [
        {
            "id": "1",
            "kind": "number",
            "passage": ROME,
            "true": "Rome was founded by Romulus in the year 753.",
            "false": "Rome was founded by Romulus in the year 754.",
        },
        {"id": "c1", "kind": "paraphrase", "passage": LEEKS, "true": "They ate them raw, the leeks.", "false": ""},
    ]
    first, second = pairs(items)
    assert (first.accused, first.found, first.moved) == (False, True, True)
    assert not second.found
    lines = list(table([first, second]))
    assert lines[1] == "| number | 1 | 100 % | 0 % of 1 | 100 % |"
    assert [line.split(" | ")[0] for line in lines[1:]] == [
        "| number",
        "| paraphrase",
        "| all",
        "| all that nothing was chosen by",
    ]


def test_labelled_sentences_are_checked_anew(tmp_path: Path) -> None:
    asked = {
        "question": "Who founded Rome?",
        "passages": [{"title": "Cities of old", "heading": "Italy", "text": ROME}],
        "sentences": [
            {"text": "Rome was founded by Romulus in the year 753.", "label": "supported"},
            {"text": "Rome was founded by Romulus in the year 754.", "label": "not"},
            {"text": "Nothing is known of Veii.", "label": "not"},
        ],
    }
    (tmp_path / "labels.jsonl").write_text(json.dumps(asked))
    found = list(labelled(tmp_path / "labels.jsonl"))
    assert [(supported, checked.verdict.value) for _, supported, checked in found] == [
        (True, "supported"),
        (False, "contradicted"),
        (False, "supported"),
    ]
    assert list(of_labels(found)) == [
        "3 sentences labelled by hand: 1 are supported",
        "2 shown as supported, of which 1 are not (50 %)",
        "1 not shown as supported, of which 0 are supported all the same (0 %)",
    ]
