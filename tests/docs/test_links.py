"""The pages for people: their links lead somewhere, their commands exist, their example runs."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from deep_loop.interfaces.cli.group import COMMANDS
from deep_loop.interfaces.cli.reference import reference

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
EXAMPLE = ROOT / "docs" / "guides" / "your-own-repository.md"

LINK = re.compile(r"\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^ *(`{3,})(\w*)\n(.*?)^ *\1$", re.MULTILINE | re.DOTALL)
NAMED_FILE = re.compile(r"^`([\w.-]+)`(?:[:.,]| )[^\n]*(?:\n[^\n`]+)*\n\n```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def anchors(text: str) -> set[str]:
    """What a `#…` may lead to: the headings, as GitHub spells them."""
    titles = re.findall(r"^#+ (.+)$", BLOCK.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_relative_link_leads_to_a_file_and_heading_that_exist(page: Path) -> None:
    """A page never sends its reader to nowhere."""
    for link in LINK.findall(BLOCK.sub("", page.read_text("utf-8"))):
        if re.match(r"\w+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), f"{link} in {named(page)}"
        assert not anchor or anchor in anchors(target.read_text("utf-8")), f"{link} in {named(page)}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_and_flag_that_a_page_names_exists(page: Path) -> None:
    """What a reader types is what the command line knows."""
    for words in typed(page.read_text("utf-8")):
        name, *rest = words
        assert name in COMMANDS, f"deep-loop {name} in {named(page)}"
        for flag in (word for word in rest if word.startswith("--")):
            assert flag in help_of(name), f"deep-loop {name} {flag} in {named(page)}"


def typed(text: str) -> list[list[str]]:
    """The commands of deep-loop in a page's shell blocks and code spans, each as its words after `deep-loop`."""
    shell = [body for _, language, body in BLOCK.findall(text) if language == "sh"]
    spans = re.findall(r"`([^`\n]+)`", BLOCK.sub("", text))
    parts = [part for code in (*shell, *spans) for part in re.split(r"&&|[|;\n]", code)]
    words = [shlex.split(part, comments=True) for part in parts if part.strip().startswith("deep-loop ")]
    return [found[1:] for found in words if not found[1].startswith("-")]


def help_of(name: str) -> str:
    """The section of the reference for a command; empty for a hidden one."""
    _, _, after = reference().partition(f"## `deep-loop {name}`\n")
    return after.partition("\n## ")[0]


def test_the_reference_of_commands_is_what_help_prints() -> None:
    """docs/reference/commands.md was made after the last change of the command line."""
    assert (ROOT / "docs" / "reference" / "commands.md").read_text("utf-8") == reference()


def test_every_page_is_reached_from_the_readme() -> None:
    """No page is an island."""
    reached, todo = set[Path](), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        links = LINK.findall(BLOCK.sub("", page.read_text("utf-8")))
        todo += [(page.parent / link.partition("#")[0]).resolve() for link in links if not re.match(r"\w+:|#", link)]
    assert not set(PAGES) - reached


def test_the_example_of_a_repository_of_ones_own_runs(tmp_path: Path) -> None:
    """Its files, typed as they stand, make a study that measures and decides."""
    page = EXAMPLE.read_text("utf-8")
    files = dict(NAMED_FILE.findall(page))
    assert {"problem.py", "solve.py", "deep-loop.toml", "program.md", ".gitignore"} == files.keys()
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    for line in ("init -q", "add -A", "-c user.name=A -c user.email=a@example.com commit -q -m Begin"):
        subprocess.run(["git", *line.split()], cwd=tmp_path, check=True)
    loop = [sys.executable, "-m", "deep_loop.interfaces.cli"]
    told = subprocess.run(
        [*loop, "run", "--tag", "a", "--max-experiments", "3"], cwd=tmp_path, capture_output=True, text=True
    )
    assert told.returncode == 0, told.stderr
    rows = [line.split("\t") for line in (tmp_path / "results.tsv").read_text("utf-8").splitlines()]
    assert [row[1] for row in rows[:1]] == ["value"]
    assert len(rows) == 1 + 1 + 3
    assert all(row[3] in ("keep", "discard") for row in rows[1:])
