"""The template `tiny-lm`, run as the harness runs it: a copy of the folder, a fresh process, an environment."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from deep_loop import config
from deep_loop.core import strategy
from deep_loop.core.experiment import Breached
from deep_loop.core.readout import Exit, Patterns, readout
from deep_loop.interfaces.cli.group import COMMANDS
from deep_loop.knobs import Knob, read, rewrite

TEMPLATE = Path(str(files("deep_loop") / "templates" / "tiny-lm"))
PROGRAM = (TEMPLATE / "train.py").read_text(encoding="utf-8")
BEFORE_TRAINING = PROGRAM.partition("training, validation = prepare.load()")[0]


@pytest.fixture
def task(tmp_path: Path) -> Path:
    """A copy of the template."""
    return Path(shutil.copytree(TEMPLATE, tmp_path / "task", ignore=shutil.ignore_patterns("__pycache__")))


def run(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """`python ARGUMENTS`, else `python train.py`, with these variables and no others of ours."""
    environment = {name: text for name, text in os.environ.items() if not name.startswith("DEEP_LOOP_")}
    command = [sys.executable, *(arguments or ["train.py"])]
    return subprocess.run(
        command, cwd=folder, env=environment | variables, capture_output=True, text=True, timeout=100, check=False
    )


def metric(log: str) -> str:
    """The printed val_bpb, to the last digit."""
    found = re.findall(r"^val_bpb:\s+(\S+)", log, re.MULTILINE)
    assert len(found) == 1
    return str(found[0])


def test_budget_is_kept_and_the_summary_printed(task: Path) -> None:
    """A run spends its two CPU seconds, learns, prints at most 20 lines on the way, and ends with the summary."""
    done = run(task)
    assert done.returncode == 0, done.stderr
    progress, _, summary = done.stdout.partition("---\n")
    assert 1 < len(progress.splitlines()) <= 20
    values = dict(re.findall(r"^(\w+): +(\S+)$", summary, re.MULTILINE))
    names = "val_bpb training_seconds total_seconds peak_vram_mb num_steps num_params_M"
    assert list(values) == names.split() and len(summary.splitlines()) == len(values)
    assert 2.0 <= float(values["training_seconds"]) < 2.5
    assert 1.5 < float(values["val_bpb"]) < 4
    assert 20 < float(values["peak_vram_mb"]) < 500


def test_settings_read_what_the_program_prints(task: Path) -> None:
    """The patterns of deep-loop.toml find metric, memory, percentage and loss in a real log."""
    settings = config.load(task)
    log = run(task, DEEP_LOOP_STEPS="40").stdout
    for pattern in (settings.task.metric.pattern, settings.task.memory.pattern):
        assert float(re.findall(pattern, log, re.MULTILINE)[-1]) > 0
    lines = list(re.finditer(settings.task.progress.pattern, log, re.MULTILINE))
    percents = [float(line["percent"]) for line in lines]
    assert len(lines) == 20 and percents == sorted(percents) and percents[-1] < 100
    assert all(0 < float(line["loss"]) < 10 for line in lines)
    assert settings.task.editable == ("train.py",) and settings.task.protected == ("prepare.py",)


def test_fixed_steps_repeat_exactly(task: Path) -> None:
    """With DEEP_LOOP_STEPS the same seed gives the same digits, another seed others, and no seed means 0."""
    first, again, unseeded, other = (
        metric(run(task, DEEP_LOOP_STEPS="25", **seed).stdout)
        for seed in ({"DEEP_LOOP_SEED": "0"}, {"DEEP_LOOP_SEED": "0"}, {}, {"DEEP_LOOP_SEED": "1"})
    )
    assert first == again == unseeded != other


def test_every_constant_is_a_documented_knob() -> None:
    """There are at least 12 constants, each with its meaning beside it, and all of them are knobs."""
    knobs = read(PROGRAM)
    constants = re.findall(r"^([A-Z][A-Z0-9_]+) = ", PROGRAM, re.MULTILINE)
    assert [knob.name for knob in knobs] == constants and len(knobs) >= 12
    assert all(len(knob.comment.split()) >= 3 for knob in knobs)


@pytest.mark.parametrize("knob", [knob for knob in read(PROGRAM) if knob.choices], ids=lambda knob: knob.name)
def test_every_declared_choice_runs(task: Path, knob: Knob) -> None:
    """What a `# choices:` comment offers is understood by the program."""
    for choice in knob.choices:
        (task / "train.py").write_text(rewrite(PROGRAM, {knob.name: choice}), encoding="utf-8")
        assert 2 < float(metric(run(task, DEEP_LOOP_STEPS="5").stdout)) <= 8.1


GRADIENT_CHECK = """
model = Model(np.random.default_rng(3))
model.weights, model.gradient = model.weights.astype(np.float64), model.gradient.astype(np.float64)
model.w, model.g = model.views(model.weights), model.views(model.gradient)
rng = np.random.default_rng(4)
context, target = rng.integers(0, 5, (6, CONTEXT_LENGTH)).astype(np.uint8), rng.integers(0, 256, 6)
model.learn(context, target)
gradient = model.gradient.copy()
for name, part in model.views(gradient).items():
    direction = np.zeros(model.size)
    model.views(direction)[name][:] = rng.standard_normal(part.shape)
    origin, losses = model.weights.copy(), []
    for distance in (-1e-6, 1e-6):
        model.weights[:] = origin + distance * direction
        losses.append(model.learn(context, target))
    model.weights[:] = origin
    print(name, (losses[1] - losses[0]) / 2e-6, gradient @ direction)
"""


@pytest.mark.parametrize("activation", ["relu", "silu", "tanh"])
def test_gradient_is_the_slope_of_the_loss(task: Path, activation: str) -> None:
    """For every part of a three-layer model the gradient agrees with a central difference in double precision."""
    small = {"HIDDEN_SIZE": "12", "EMBEDDING_SIZE": "3", "CONTEXT_LENGTH": "4", "LAYERS": "3"}
    changed = rewrite(BEFORE_TRAINING, {**small, "ACTIVATION": f'"{activation}"', "OUTPUT_INIT_SCALE": "1.0"})
    (task / "check.py").write_text(changed + GRADIENT_CHECK, encoding="utf-8")
    done = run(task, "check.py")
    rows = [line.split() for line in done.stdout.splitlines()]
    assert [row[0] for row in rows] == ["embedding", "w0", "b0", "w1", "b1", "w2", "b2", "w_out", "b_out"], done.stderr
    for name, measured, computed in rows:
        assert float(computed) == pytest.approx(float(measured), rel=1e-4, abs=1e-7), name


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"LEARNING_RATE": "1e4"}, "FAIL: the loss is"),
        ({"ADAM_EPSILON": "0.0"}, "FAIL: the loss is nan"),
        ({"HIDDEN_SIZE": "100_000"}, "parameters are more than"),
        ({"CONTEXT_LENGTH": "600"}, "context of 600 bytes"),
        ({"BATCH_SIZE": "0"}, "at least 1"),
        ({"BATCH_SIZE": "2**33"}, "Unable to allocate"),
        ({"ACTIVATION": '"rleu"'}, "KeyError: 'rleu'"),
    ],
    ids=str,
)
def test_silly_constants_fail_clearly(task: Path, setting: dict[str, str], message: str) -> None:
    """A constant out of all reason ends the run with status 1, a message, and no metric."""
    if "allocate" in message and sys.platform != "linux":
        pytest.skip("only Linux bounds the address space")
    (task / "train.py").write_text(rewrite(PROGRAM, setting), encoding="utf-8")
    done = run(task, DEEP_LOOP_STEPS="20")
    assert done.returncode == 1 and message in done.stderr
    assert "val_bpb" not in done.stdout


def test_data_are_python_source_split_by_file(task: Path) -> None:
    """There are several megabytes on the one side and enough on the other, the same ones every time."""
    first, again = run(task, "prepare.py").stdout, run(task, "prepare.py").stdout
    assert first == again
    sizes = [int(size.replace(",", "")) for size in re.findall(r"([\d,]+) bytes", first)]
    assert sizes[0] > 4_000_000 and 0.02 < sizes[1] / sizes[0] < 0.2


EVALUATION_CHECK = """
import prepare
import numpy as np
training, validation = prepare.load()
print(prepare.evaluate_bpb(lambda context: np.zeros((len(context), 256)), validation, 1))
table = np.ones((256, 256))
np.add.at(table, (training[:-1], training[1:]), 1)
bigram = np.log(table / table.sum(axis=1, keepdims=True))
for length in (1, 7, 512):
    print(prepare.evaluate_bpb(lambda context: bigram[context[:, -1]] + 3, validation, length))
print(prepare.evaluate_bpb(lambda context: np.full((len(context), 256), np.nan), validation, 1))
names = [name for name, _ in prepare.sources()]
print(len(names) == len(set(names)), any({"test", "site-packages"} & set(name.split("/")) for name in names))
"""


def test_evaluation_is_fair_to_every_model(task: Path) -> None:
    """Knowing nothing costs 8 bits; the context's length and a shift of the logits change nothing; NaN stays NaN."""
    done = run(task, "-c", EVALUATION_CHECK)
    uniform, *bigrams, broken, names = done.stdout.splitlines()
    assert float(uniform) == pytest.approx(8, abs=1e-9), done.stderr
    assert len({round(float(value), 9) for value in bigrams}) == 1
    assert 3 < float(bigrams[0]) < 4.5
    assert broken == "nan"
    assert names == "True False"


def test_one_thread_whatever_the_environment_says(task: Path) -> None:
    """NumPy's linear algebra runs on one thread, since the budget is CPU time."""
    check = (
        "import prepare, numpy as np; a = np.ones((600, 600)); a @ a;"
        "import os; print(os.environ['OPENBLAS_NUM_THREADS'], len(os.listdir('/proc/self/task')))"
    )
    if not Path("/proc/self/task").exists():
        pytest.skip("threads are counted in /proc")
    assert run(task, "-c", check, OPENBLAS_NUM_THREADS="8", OMP_NUM_THREADS="8").stdout.split() == ["1", "1"]


def test_the_evaluator_reports_by_its_own_channel(task: Path, tmp_path: Path) -> None:
    """The value that is printed, to the last digit, on a line of JSON; the program itself does not see where."""
    channel = tmp_path / "result.jsonl"
    printed = metric(run(task, DEEP_LOOP_STEPS="5", DEEP_LOOP_RESULT=str(channel)).stdout)
    [reported] = map(json.loads, channel.read_text(encoding="utf-8").splitlines())
    assert list(reported) == ["val_bpb"]
    assert f"{reported['val_bpb']:.6f}" == printed
    seen = run(task, "-c", "import prepare, os; print('DEEP_LOOP_RESULT' in os.environ)", DEEP_LOOP_RESULT=str(channel))
    assert seen.stdout.strip() == "False"
    assert config.load(task).task.result == "channel"


def test_the_harness_takes_what_the_evaluator_says(task: Path, tmp_path: Path) -> None:
    """Neither a better line in the program's own summary nor a second evaluation gets through."""
    channel = tmp_path / "result.jsonl"
    (task / "train.py").write_text(PROGRAM.replace("val_bpb=val_bpb", "val_bpb=val_bpb - 1"), encoding="utf-8")
    done = run(task, DEEP_LOOP_STEPS="5", DEEP_LOOP_RESULT=str(channel))
    settings = config.load(task)
    patterns = Patterns(settings.task.metric.pattern, channel_only=True)
    ended = Exit(done.returncode, 1.0, done.stdout, channel=channel.read_text(encoding="utf-8"))
    outcome = readout(ended, settings.metric, patterns, timeout_seconds=9)
    assert isinstance(outcome, Breached)
    assert outcome.reason.startswith("two different values of val_bpb")


def test_the_holdout_is_other_text_that_nobody_learns_from(task: Path) -> None:
    """It stands in for the validation text, and the training text is the same without it and with it."""
    usual, held_out = (
        re.findall(r"^(\w+): +(\S+) bytes.* sha256 (\w+)$", run(task, "prepare.py", **variables).stdout, re.MULTILINE)
        for variables in ({}, {"DEEP_LOOP_HOLDOUT": "1"})
    )
    assert [part for part, _, _ in usual] == ["training", "validation"]
    assert [part for part, _, _ in held_out] == ["training", "holdout"]
    assert usual[0] == held_out[0]
    assert usual[1][2] != held_out[1][2]
    assert int(held_out[1][1].replace(",", "")) > 100_000
    command = config.load(task).task.holdout.run
    assert command == "DEEP_LOOP_HOLDOUT=1 python train.py"


def test_strategy_starts_at_v0() -> None:
    """program.md has a section that the outer tier can rewrite, with prose and no typed field yet."""
    program = (TEMPLATE / "program.md").read_text(encoding="utf-8")
    first = strategy.parse(program)
    assert (first.version, dict(first.weights), dict(first.ranges), first.combinations) == (0, {}, {}, ())
    assert first.prose
    assert "YOUR_TOPIC_HERE" not in program


def test_commands_exist() -> None:
    """Every `deep-loop COMMAND` that the template's texts name is one."""
    texts = [path.read_text(encoding="utf-8") for path in TEMPLATE.rglob("*.md")]
    named = {name for text in texts for name in re.findall(r"`deep-loop ([a-z-]+)|\(deep-loop ([a-z-]+)", text)}
    words = {word for pair in named for word in pair if word}
    assert {"run", "status", "history", "meta"} <= words <= set(COMMANDS)


def test_what_the_harness_writes_is_ignored() -> None:
    """The person's `git status` stays clean while a study runs."""
    ignored = (TEMPLATE / ".gitignore").read_text(encoding="utf-8").split()
    assert set(ignored) == {".deep-loop/", "results.tsv", "notify.log", "progress.png", "report.html", "__pycache__/"}
