"""deep-loop.toml: what is read from it, and what a person is told where it says something impossible."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep_loop import config
from deep_loop.config import settings as tables
from deep_loop.config.shape import keys, named, walk
from deep_loop.config.shape import tables as tables_of
from deep_loop.core.metric import Direction
from deep_loop.errors import ConfigError, DeepLoopError, WorkspaceError

MINIMAL = '[task]\nrun = "python train.py"\neditable = ["train.py"]\n'


def test_the_least_file_gets_every_default() -> None:
    """A command and an editable file are enough; the rest has its documented default."""
    settings = config.parse(MINIMAL)
    assert settings.mode == "ml"
    assert settings.study == tables.Study()
    assert settings.study.meta_interval == 12 and settings.study.max_experiments == 100
    assert settings.agents.proposers == "auto" and settings.agents.claude_code.max_turns == 40
    assert settings.metric.name == "val_bpb" and settings.metric.direction is Direction.MINIMIZE
    assert settings.task.timeout_seconds == 660
    assert settings.task.gpus_per_run == "auto"


def test_defaults_follow_what_they_depend_on() -> None:
    """The time-out follows the budget, the metric's pattern its name, unless they are said."""
    settings = config.parse(MINIMAL + 'budget_seconds = 2\nmetric = { name = "f1.macro" }\n')
    assert settings.task.timeout_seconds == 64
    assert settings.task.metric.pattern == r"^f1\.macro:\s+(\S+)"
    assert config.parse(MINIMAL + "timeout_seconds = 9\n").task.timeout_seconds == 9


def test_settings_survive_json() -> None:
    """The text that the ledger keeps reads back as the same settings."""
    settings = config.parse(
        MINIMAL
        + "[study]\nslots = 3\nmax_hours = 1.5\n[agents.claude-code]\nbash = true\n[notify]\nthresholds = [1, 0.5]\n"
    )
    assert config.Settings.model_validate_json(settings.model_dump_json()) == settings


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("", "the table [task] is missing", "`run` and `editable`"),
        ('[task]\nrun = "x"\n', "`editable` is missing in [task]", "Files that a proposal may change"),
        (MINIMAL + 'editible = ["x"]\n', "unknown key `editible` in [task]", "did you mean `editable`?"),
        (MINIMAL + "[study]\nmeta_intervall = 3\n", "unknown key `meta_intervall` in [study]", "`meta_interval`"),
        (MINIMAL + "[studdy]\nslots = 1\n", "unknown key `studdy` at the top level", "did you mean `study`?"),
        ("seed = 3\n" + MINIMAL, "unknown key `seed` at the top level", "`seed` belongs in [study]"),
        (MINIMAL + "zzz = 1\n", "unknown key `zzz` in [task]", "known keys there: run, editable"),
        (MINIMAL + "[study]\nslots = 0\n", "`slots` in [study]: 0 should be greater", '`"auto"` or whole number'),
        (MINIMAL + "[study]\nmeta_interval = true\n", "`meta_interval` in [study]: True", "whole number"),
        (MINIMAL + 'budget_seconds = "5"\n', "`budget_seconds` in [task]: '5'", "Expected: number"),
        ("metric = 3\n" + MINIMAL, "unknown key `metric`", "`metric` belongs in [task]"),
        (MINIMAL + "metric = 3\n", "`metric` in [task] must be a table", "name, direction, pattern"),
        (MINIMAL + 'metric = { pattern = "a(" }\n', "`pattern` in [task.metric]: 'a(' is not a regular", "group"),
        (MINIMAL + 'metric = { pattern = "a" }\n', "needs exactly one group", "`pattern`"),
        (MINIMAL + 'metric = { pattern = "(a)(b)" }\n', "needs exactly one group", "`pattern`"),
        (MINIMAL + 'metric = { name = "a b" }\n', "must be one word", "results.tsv"),
        (MINIMAL + 'progress = { pattern = "x" }\n', "(?P<percent>", "`pattern`"),
        (MINIMAL + '[agents]\nproposers = ["tunerr"]\n', "'tunerr' names no proposer", "tuner"),
        (
            MINIMAL + "[agents.claude-code]\nmax_turn = 3\n",
            "unknown key `max_turn` in [agents.claude-code]",
            "`max_turns`",
        ),
        (MINIMAL + "[agents.claude_code]\nmax_turns = 3\n", "unknown key `claude_code` in [agents]", "`claude-code`"),
        (MINIMAL + "[agents.prices.m]\ninput = 3\n", "`output` is missing in [agents.prices.m]", "Of output"),
        (MINIMAL + "[agents.mixture]\ntuner = 0\n", "`mixture` in [agents]: 0 should be greater", "table of numbers"),
        (MINIMAL + "[agents]\nproposers = []\n", "must name at least one", "`proposers`"),
        (MINIMAL + 'protected = ["train.py"]\n', "`train.py` is both editable and protected", "[task]"),
        (MINIMAL + 'seed_cmd = "python train.py"\n', "`seed_cmd` has no place for the seed", "[task]"),
        (MINIMAL + 'result = "log"\n', "`result` in [task]: 'log'", '"channel"'),
        (MINIMAL + '[task.holdout]\nfiles = ["test.bin"]\n', "`holdout` says nothing of how to `run` it", "[task]"),
        (MINIMAL + '[task.holdout]\nrun = "x"\nfiles = ["train.py"]\n', "both editable and held out", "[task]"),
        (MINIMAL + '[task.holdout]\nrun = "x"\npattern = "y"\n', "`pattern` in [task.holdout]", "group"),
        (MINIMAL + 'link = ["../data"]\n', "must be a path inside the workspace", "`link`"),
        (MINIMAL + 'env = ["A=1"]\n', "must be the name of an environment variable", "`env`"),
        (MINIMAL + "[notify]\nthresholds = [nan]\n", "finite", "`thresholds`"),
        ('mode = "research"\n' + MINIMAL, "`mode` at the top level: 'research'", '`"ml"`'),
        ("[task\n", "is not valid TOML", "quotes"),
    ],
)
def test_a_mistake_is_one_line_and_a_hint(text: str, message: str, hint: str) -> None:
    """Every mistake names its key, the table it stands in, and what to do."""
    with pytest.raises(ConfigError) as raised:
        config.parse(text)
    told = f"{raised.value} / {raised.value.hint}"
    assert message in told and hint in told
    assert "\n" not in str(raised.value) and "\n" not in raised.value.hint
    assert str(raised.value).startswith(config.FILE)


@given(
    key=st.text(alphabet="abcdefgilmnprstuxyz_", min_size=1, max_size=20), table=st.sampled_from(["study", "notify"])
)
def test_no_unknown_key_gets_in(key: str, table: str) -> None:
    """A key is either known in its table or an error that names it."""
    known = {"study": tables.Study, "notify": tables.Notify}[table].model_fields
    try:
        config.parse(f"{MINIMAL}[{table}]\n{key} = 'x'\n")
    except ConfigError as error:
        assert f"`{key}`" in str(error) and f"[{table}]" in str(error)
        assert ("unknown key" in str(error)) == (key not in known)
    else:
        raise AssertionError(key)


@given(st.text(max_size=200))
def test_any_text_gives_settings_or_a_deliberate_error(text: str) -> None:
    """Nothing that stands in the file makes the reader fail in another way."""
    try:
        config.parse(text)
    except DeepLoopError as error:
        assert error.hint


def test_load_says_where_a_file_is_missing_or_unreadable(tmp_path: Path) -> None:
    """No file is an error about the folder; a file that is not text is one about the settings."""
    with pytest.raises(WorkspaceError, match=r"no deep-loop\.toml in"):
        config.load(tmp_path)
    (tmp_path / config.FILE).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read"):
        config.load(tmp_path)


def test_find_looks_upwards(tmp_path: Path) -> None:
    """The nearest folder with a deep-loop.toml is found from any depth below it."""
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    assert config.find(deep) is None
    (tmp_path / config.FILE).write_text(MINIMAL)
    assert config.find(deep) == tmp_path.resolve() == config.find(tmp_path)


def test_settings_cannot_be_changed() -> None:
    """Settings are values."""
    with pytest.raises(ValueError, match="frozen"):
        config.parse(MINIMAL).study.seed = 3


def test_the_manual_is_current() -> None:
    """docs/reference/settings.md is what `reference()` gives; the page itself says how to make it anew."""
    page = Path(__file__).parents[1] / "docs" / "reference" / "settings.md"
    assert page.read_text(encoding="utf-8") == config.reference()


def test_the_manual_has_every_key_with_a_meaning() -> None:
    """No setting is undocumented."""
    manual = config.reference()
    for path, table in walk(tables.Settings, ()):
        for name, field in keys(table).items():
            if name not in tables_of(table) and name not in named(table):
                assert f"| `{name}` |" in manual and field.description
            elif name in tables_of(table):
                assert f"## `[{'.'.join((*path, name))}]`" in manual
