"""The guard accepts plain new texts of editable files, and nothing else."""

from __future__ import annotations

import ast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from deep_loop.core.guard import MAX_BYTES, NOT_TEXT, Accepted, Rejected, review
from deep_loop.core.patterns import matches
from deep_loop.core.syntax import fingerprint

BASE = {"train.py": '"""A model."""\n\nRATE = 1e-3  # per step\n\n\ndef go(x):\n    """Go."""\n    return x * RATE\n'}
BETTER = BASE["train.py"].replace("1e-3", "2e-3")


def look(changed, *, before=BASE, editable=("train.py",), protected=("prepare.py",), seen=None):
    return review(before, changed, editable=editable, protected=protected, seen=seen or {})


def reason(changed, **rules):
    """The reason of a change that has to be rejected."""
    verdict = look(changed, **rules)
    assert isinstance(verdict, Rejected)
    assert "\n" not in verdict.reason
    return verdict.reason


def test_a_plain_change_is_accepted():
    """A new text of an editable file passes, with the fingerprint of the files after it."""
    assert look({"train.py": BETTER}) == Accepted({"train.py": BETTER}, fingerprint({"train.py": BETTER}))


def test_unchanged_paths_are_left_out():
    """A path reported with its old text is no part of the change."""
    both = {"train.py": BASE["train.py"], "model.py": "A = 1\n"}
    verdict = look({"train.py": both["train.py"], "model.py": "A = 2\n"}, before=both, editable=("*.py",))
    assert isinstance(verdict, Accepted)
    assert verdict.files == {"model.py": "A = 2\n"}


def test_a_new_file_under_an_editable_pattern_is_accepted():
    """Patterns let a proposer add files."""
    verdict = look({"src/deep/block.py": "X = 1\n"}, editable=("train.py", "src/**/*.py"))
    assert isinstance(verdict, Accepted)


@pytest.mark.parametrize(
    "text",
    [
        BASE["train.py"],
        BASE["train.py"].replace("  # per step", "  # each step"),
        BASE["train.py"].replace('"""Go."""', '"""Went."""'),
        BASE["train.py"].replace("x * RATE", "(x   *  RATE)"),
        BASE["train.py"].replace("1e-3", "0.001"),
        BASE["train.py"].replace("\n", "\r\n"),
    ],
)
def test_a_change_without_meaning_is_empty(text):
    """Comments, docstrings, formatting and line ends do not make an experiment."""
    assert "empty" in reason({"train.py": text})


def test_no_change_at_all_is_empty():
    """A proposer that did nothing is told so."""
    assert "empty" in reason({})


def test_white_space_at_line_ends_of_other_files_is_empty():
    """Text other than Python counts without trailing white space."""
    before = {"rules.yaml": "a: 1\nb: 2\n"}
    assert "empty" in reason({"rules.yaml": "a: 1  \nb: 2\n\n"}, before=before, editable=("*.yaml",))


@pytest.mark.parametrize("path", ["prepare.py", "Prepare.py", "PREPARE.PY", "prepare\u200b.py", "prepare.py "])
def test_protected_files_are_named(path):
    """A protected file is refused by name, whatever its case, even where a pattern would allow it."""
    said = reason({"train.py": BETTER, path: "cheat = 1\n"}, editable=("**/*",))
    assert said.startswith("prepare") or said.casefold().startswith("prepare")
    assert "protected" in said


def test_deleting_a_protected_file_is_named():
    """Deletion is a change of a protected file too."""
    assert reason({"prepare.py": None}) == "prepare.py: protected, so no proposal may change it"


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../train.py",
        "src/../train.py",
        "./train.py",
        "src//a.py",
        "C:train.py",
        "src\\a.py",
        "train.py ",
        "train.py.",
        "a\nb.py",
        ".gitattributes",
        "src/.gitattributes",
        ".GitModules",
        ".git/hooks/post-commit",
        "sub/.git/config",
        "GIT~1/config",
        "",
    ],
)
def test_impossible_paths_are_refused_whatever_is_editable(path):
    """Absolute paths, climbing paths, disguised names and git's own files never pass."""
    reason({path: "X = 1\n"}, editable=("**/*", "*", "**", path), protected=())


def test_a_path_outside_the_editable_files_is_refused_with_what_is_editable():
    """The proposer learns which files it may change."""
    assert reason({"notes.txt": "hi"}) == "notes.txt: not one of the editable files (train.py)"


def test_a_second_name_that_differs_only_in_case_is_refused():
    """On some file systems it would be the same file."""
    assert "only in its case" in reason({"Train.py": BETTER}, editable=("*.py",))
    assert "only in its case" in reason({"a.py": "X = 1\n", "A.py": "X = 2\n"}, editable=("*.py",))


def test_deleting_an_editable_file_is_refused():
    """A program without its file is no change worth running."""
    assert "deleted" in reason({"train.py": None})


def test_links_and_the_like_are_refused_in_their_own_words():
    """What the workspace marks as no text is refused with the mark's words."""
    assert reason({"train.py": f"{NOT_TEXT}a symbolic link"}) == "train.py: a symbolic link"


@pytest.mark.parametrize("text", ["X = '\ufffd'\n", "X = 1\0\n"])
def test_binary_content_is_refused(text):
    """What is not UTF-8 would not be committed as it was tried."""
    assert "UTF-8" in reason({"train.py": text})


def test_a_huge_file_is_refused():
    """Size counts in bytes, not characters."""
    assert "larger than" in reason({"train.py": "#" + "é" * (MAX_BYTES // 2) + "\nX = 1\n"})


def test_python_that_does_not_parse_is_refused_with_its_line():
    """The proposer learns where it went wrong."""
    assert "does not parse: line 3" in reason({"train.py": "A = 1\nB = 2\nC = = 3\n"})


def test_absurdly_nested_python_is_refused_or_accepted_but_never_raises():
    """Depth beyond the parser's is a reason, not a crash."""
    assert "does not parse" in reason({"train.py": "X = " + "(" * 5000 + "1" + ")" * 5000})


def test_long_chains_and_long_integers_have_fingerprints():
    """Neither recursion nor the limit on printing integers stands in the way."""
    text = "X = " + " + ".join(["'a'"] * 800) + "\nY = 0x" + "f" * 5000 + "\n"
    assert fingerprint({"a.py": text}) != fingerprint({"a.py": text.replace("0xf", "0xe")})


def test_a_base_that_needs_another_python_does_not_block_its_proposals():
    """Where the base itself does not parse here, syntax is no evidence."""
    newer = {"train.py": "syntax of tomorrow = 1\n"}
    assert isinstance(look({"train.py": "syntax of tomorrow = 2\n"}, before=newer), Accepted)


def test_doubtful_escapes_are_accepted_without_a_warning():
    """The harness stays quiet about a proposer's style (warnings are errors here)."""
    assert isinstance(look({"train.py": "X = '\\d'\n"}), Accepted)


def test_a_duplicate_names_its_experiment():
    """The same code, however it is formatted, is the same experiment."""
    seen = {fingerprint({"train.py": BETTER}): 7}
    assert reason({"train.py": BETTER + "# again\n"}, seen=seen) == "the same code as experiment 7"


@pytest.mark.parametrize(
    ("one", "other"),
    [("X = 1", "X = 1.0"), ("X = 1", "X = True"), ("X = '1'", "X = 1"), ("X = [1, 2]", "X = [[1], 2]"), ("", "X = 1")],
)
def test_different_meanings_have_different_fingerprints(one, other):
    """Values that compare equal in Python are still different programs."""
    assert fingerprint({"a.py": one}) != fingerprint({"a.py": other})


def test_the_fingerprint_covers_names_of_files():
    """Moving text from one file to the next is a change."""
    assert fingerprint({"a.py": "X = 1", "b.py": ""}) != fingerprint({"a.py": "", "b.py": "X = 1"})


def test_the_fingerprint_is_stable():
    """A ledger from an older release still recognises its experiments."""
    known = "efb2e32b5160c4ab0295211a1788a1051e6cebfe1db76e2f34f8df42e596cfbb"
    assert fingerprint(BASE) == known


@pytest.mark.parametrize(
    ("path", "pattern", "expected"),
    [
        ("train.py", "train.py", True),
        ("train.py", "./train.py", True),
        ("src/train.py", "train.py", False),
        ("src/train.py", "*.py", False),
        ("src/a.py", "src/**/*.py", True),
        ("src/x/y/a.py", "src/**/*.py", True),
        ("src/x/y/a.py", "src/", True),
        ("src/x/a.py", "src/*.py", False),
        ("Train.py", "train.py", False),
        ("data[1].py", "data[1].py", True),
        ("data1.py", "data[1].py", True),
        ("ab.py", "a?.py", True),
    ],
)
def test_patterns(path, pattern, expected):
    """A star stays within a folder, two stars cross folders."""
    assert matches(path, [pattern]) is expected


PATHS = st.text(alphabet="abP./\\ ~\u200bgit", min_size=0, max_size=12)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.one_of(PATHS, st.just("train.py")), st.one_of(st.none(), st.text(max_size=40)), max_size=4))
@example({"train.py": "X = '\ud800'"})
def test_whatever_is_left_behind_the_guard_answers(changed):
    """No change raises, and an accepted one holds editable files that parse, and nothing else."""
    match look(changed):
        case Accepted(files=files):
            assert set(files) == {"train.py"}
            ast.parse(files["train.py"])
        case Rejected(reason=said):
            assert said


@settings(max_examples=100, deadline=None)
@given(st.integers(), st.floats(allow_nan=False), st.text(max_size=20))
def test_comments_never_change_a_fingerprint(number, real, text):
    """Whatever the values, a comment and blank lines are nothing."""
    code = f"A = {number}\nB = {real!r}\nC = {text!r}\n"
    assert fingerprint({"t.py": code}) == fingerprint({"t.py": "# a\n\n" + code.replace("\n", "  # b\n")})
