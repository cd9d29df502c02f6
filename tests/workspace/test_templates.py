"""Workspaces from templates."""

from __future__ import annotations

import pytest
from person import Person

from deep_loop.adapters.workspace.template import create, templates
from deep_loop.errors import WorkspaceError


@pytest.fixture
def source(tmp_path):
    """A folder of templates, one of them with hidden files and litter."""
    folder = tmp_path / "templates"
    for path, text in {
        "small/train.py": "X = 1\n",
        "small/.claude/commands/loop.md": "# Loop\n",
        "small/.gitignore": "*.log\n",
        "small/__pycache__/train.pyc": "x",
        "other/train.py": "X = 2\n",
        "__pycache__/x.pyc": "x",
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def test_names(source):
    """The folders are the templates."""
    assert templates(source) == ("other", "small")


@pytest.mark.parametrize("there", [False, True])
def test_a_workspace_is_made(source, tmp_path, there):
    """All files, hidden ones included, in one commit on main, in a new or an empty folder."""
    target = tmp_path / "new" / "my läb"
    if there:
        target.mkdir(parents=True)
    create(target, "small", source)
    person = Person(target)
    assert person.git("ls-files").splitlines() == [".claude/commands/loop.md", ".gitignore", "train.py"]
    assert person.git("log", "--format=%s") == "deep-loop: workspace from template small"
    assert (person.where(), person.status()) == ("main", [])


def test_a_folder_in_use_is_refused(source, tmp_path):
    """Nothing of the person's is touched."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / ".hidden").touch()
    for target in (tmp_path / "mine", tmp_path / "mine" / ".hidden"):
        with pytest.raises(WorkspaceError) as caught:
            create(target, "small", source)
        assert "empty folder" in caught.value.hint
    assert [path.name for path in (tmp_path / "mine").iterdir()] == [".hidden"]


def test_an_unknown_template_names_the_nearest(source, tmp_path):
    """A slip of the finger is cheap, and nothing was written."""
    with pytest.raises(WorkspaceError) as caught:
        create(tmp_path / "new", "smal", source)
    assert "'small'" in caught.value.hint
    assert not (tmp_path / "new").exists()


def test_every_shipped_template_makes_a_clean_workspace(tmp_path):
    """What the package carries can be copied and committed."""
    for name in templates():
        create(tmp_path / name, name)
        person = Person(tmp_path / name)
        assert person.status() == []
        assert person.git("ls-files") != ""
