"""What adding files means: told apart by content, on hand-made lists and on any."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from index.ledger import DocumentRow
from index.sync import Plan, plan


def row(name: str, path: str, content: str) -> DocumentRow:
    return DocumentRow(name, path, path, content, 1, 1, "")


def planned(files: dict[str, str], rows: list[DocumentRow], missing: tuple[str, ...] = ()) -> Plan:
    return plan(files, rows, missing=missing, exists=lambda path: path not in missing)


A, B = row("1", "a.txt", "A"), row("2", "b.txt", "B")


def test_new_and_unchanged_and_changed() -> None:
    made = planned({"a.txt": "A", "b.txt": "B2", "c.txt": "C"}, [A, B])
    assert (made.unchanged, made.changed, made.added) == ([A], [(B, "b.txt")], ["c.txt"])


def test_a_file_with_another_name_has_moved_if_the_old_one_is_gone_and_is_a_duplicate_if_not() -> None:
    assert planned({"c.txt": "A"}, [A, B], missing=("a.txt",)).moved == [(A, "c.txt")]
    assert planned({"a.txt": "A", "c.txt": "A"}, [A, B]).duplicates == [("c.txt", "a.txt")]
    assert planned({"c.txt": "A"}, [A, B]).duplicates == [("c.txt", "a.txt")]


def test_of_two_new_files_with_the_same_content_one_is_a_duplicate() -> None:
    made = planned({"c.txt": "C", "d.txt": "C"}, [])
    assert (made.added, made.duplicates) == (["c.txt"], [("d.txt", "c.txt")])


def test_files_that_changed_places_have_moved() -> None:
    made = planned({"a.txt": "B", "b.txt": "A"}, [A, B])
    assert made.moved == [(B, "a.txt"), (A, "b.txt")]
    assert not made.gone


def test_a_file_moved_away_leaves_its_path_to_what_stands_there_now() -> None:
    made = planned({"a.txt": "new", "c.txt": "A"}, [A])
    assert (made.moved, made.added, made.gone) == ([(A, "c.txt")], ["a.txt"], [])


def test_a_file_that_became_the_same_as_another_is_a_duplicate_and_its_old_text_goes() -> None:
    made = planned({"a.txt": "B", "b.txt": "B"}, [A, B])
    assert (made.duplicates, made.gone) == ([("a.txt", "b.txt")], [A])


def test_what_is_missing_goes_and_what_was_not_looked_at_stays() -> None:
    made = planned({}, [A, B], missing=("a.txt",))
    assert (made.gone, made.unchanged) == ([A], [])


PATHS = st.sampled_from([f"{name}.txt" for name in "abcdef"])
FILES = st.dictionaries(PATHS, st.sampled_from("ABCD"))


@given(FILES, FILES)
def test_after_any_plan_the_library_holds_each_content_of_the_folder_once_and_nothing_else(
    before: dict[str, str], after: dict[str, str]
) -> None:
    rows: dict[str, tuple[str, str]] = {}
    for files in (before, after, after):
        held = [row(name, path, content) for name, (path, content) in rows.items()]
        missing = tuple(r.path for r in held if r.path not in files)
        made = planned(files, held, missing)
        for gone in made.gone:
            del rows[gone.id]
        for moved, path in made.moved:
            rows[moved.id] = (path, moved.sha256)
        for changed, path in made.changed:
            rows[changed.id] = (path, files[path])
        for path in made.added:
            rows[f"{path}:{files[path]}:{len(rows)}"] = (path, files[path])
        assert sorted(content for _, content in rows.values()) == sorted(set(files.values()))
        assert all(files[path] == content for path, content in rows.values())
        assert len({path for path, _ in rows.values()}) == len(rows)
    assert [*made.added, *made.changed, *made.moved, *made.gone] == []
