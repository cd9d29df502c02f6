"""The notebook's file, and how it is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from deep_loop.adapters.analysts.notebook import SHOWN, Notebook, NotebookError


def plain(text: str) -> str:
    return text


def test_notes_and_links_are_read_back(tmp_path: Path) -> None:
    """By another notebook on the same file; a note that was replaced shows by its link alone."""
    one = Notebook(tmp_path / "notebook.jsonl", plain)
    one.add("Small steps pay.", [1, 3], [], 1)
    one.add("Only below 1e-3.", [4], ["explains n1"], 2)
    one.add("Small steps pay to 1e-4.", [5], ["replaces n1", "supports n2"], 2)
    other = Notebook(tmp_path / "notebook.jsonl", plain)
    assert other.notes() == one.notes()
    assert other.about("") == (
        "n2 (v2); explains n1: Only below 1e-3. [experiments 4] <- n3 supports it\n"
        "n3 (v2); replaces n1; supports n2: Small steps pay to 1e-4. [experiments 5]"
    )
    assert other.about("only BELOW").startswith("n2")
    assert other.about("elephants") == "(no notes)"


def test_the_same_again_is_the_note_that_there_is(tmp_path: Path) -> None:
    """An analysis that goes on after a kill notes nothing twice."""
    notebook = Notebook(tmp_path / "notebook.jsonl", plain)
    assert notebook.add("Same.", [], [], 1).id == notebook.add(" Same. ", [2], [], 1).id == 1
    assert len(notebook.notes()) == 1


@pytest.mark.parametrize("links", [["supports n9"], ["supports"], ["likes n1"], ["n1"], [""]])
def test_a_link_that_leads_nowhere(tmp_path: Path, links: list[str]) -> None:
    """It is refused with the reason, and nothing is written."""
    notebook = Notebook(tmp_path / "notebook.jsonl", plain)
    notebook.add("First.", [], [], 1)
    with pytest.raises(NotebookError):
        notebook.add("Second.", [], links, 1)
    with pytest.raises(NotebookError, match="empty"):
        notebook.add(" \n ", [], [], 1)
    assert len(notebook.notes()) == 1


def test_a_line_that_was_cut_off(tmp_path: Path) -> None:
    """A kill in the middle of a line costs that note alone."""
    path = tmp_path / "notebook.jsonl"
    notebook = Notebook(path, plain)
    notebook.add("First.", [], [], 1)
    notebook.add("Second.", [], [], 1)
    path.write_bytes(path.read_bytes()[:-20] + b"\n[]\n\xff\n")
    assert [note.text for note in notebook.notes()] == ["First."]
    assert notebook.add("Third.", [], ["supports n1"], 1).id == 2


def test_a_long_notebook_is_shown_in_part(tmp_path: Path) -> None:
    """The latest notes, and how many more there are."""
    notebook = Notebook(tmp_path / "notebook.jsonl", plain)
    for number in range(SHOWN + 5):
        notebook.add(f"Finding {number}.", [], [], 1)
    rows = notebook.about("").splitlines()
    assert len(rows) == SHOWN + 1 and rows[-1] == "(and 5 older ones)"


def test_a_note_behind_a_line_that_was_cut_off(tmp_path: Path) -> None:
    """It has a line of its own."""
    notebook = Notebook(tmp_path / "notebook.jsonl", plain)
    notebook.add("First.", [], [], 1)
    with (tmp_path / "notebook.jsonl").open("a") as file:
        file.write('{"id": 2, "te')
    notebook.add("Second.", [], [], 1)
    notebook.add("Third.", [], ["supports n2"], 1)
    assert [note.text for note in notebook.notes()] == ["First.", "Second.", "Third."]
