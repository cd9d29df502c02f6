"""What a study owes the machine that it runs on, through the real process."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest
import real_lab
from real_lab import deep_loop, make, started, until

from deep_loop.adapters.executors import bubblewrap

RUN = ("run", "--tag", "a", "--max-experiments", "1")
IN_ORDER_SECONDS = 10.0
DEAF = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"

pytestmark = pytest.mark.slow


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """The tiny task, deaf to signals, with a ledger of short studies."""
    return make(tmp_path / "lab", train=DEAF + real_lab.TRAIN)


def add(lab: Path, table: str, *lines: str) -> None:
    """More settings in a table, committed."""
    file = lab / "deep-loop.toml"
    file.write_text(file.read_text().replace(f"[{table}]\n", "\n".join((f"[{table}]", *lines, "")), 1))
    real_lab.git(lab, "commit", "--quiet", "--all", "--message=more settings")


def left(lab: Path) -> list[str]:
    """Folders of runs that are still there."""
    return [str(path) for name in ("runs", "tmp") for path in (lab / ".deep-loop" / name).glob("*")]


def test_sigterm_ends_in_good_order_within_ten_seconds(lab: Path) -> None:
    """Though the run ignores it; nothing of the run is left."""
    with started(lab, *RUN, NAP="60") as study:
        until(lambda: real_lab.run_processes(lab))
        asked = time.monotonic()
        study.send_signal(signal.SIGTERM)
        _, err = study.communicate(timeout=60)
    assert time.monotonic() - asked < IN_ORDER_SECONDS
    assert study.returncode == 130, err
    assert not real_lab.run_processes(lab)
    assert left(lab) == []


def test_sigterm_during_the_preparation(lab: Path) -> None:
    """It does not wait for a download to end; the next run prepares again."""
    add(lab, "task", "prepare = 'touch started; sleep 600'")
    with started(lab, *RUN) as study:
        until(lambda: real_lab.run_processes(lab))
        asked = time.monotonic()
        study.send_signal(signal.SIGTERM)
        _, err = study.communicate(timeout=60)
    assert time.monotonic() - asked < IN_ORDER_SECONDS
    assert "was interrupted" in err and "Traceback" not in err
    assert not real_lab.run_processes(lab)


def test_a_preparation_works_in_the_person_s_home_and_runs_do_not(tmp_path: Path) -> None:
    """What it puts into a place that runs may read they find there, in their own home too."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "secret").write_text("mine")
    look = f"""
import os, pathlib
assert pathlib.Path("~/data/d").expanduser().read_text() == "1\\n"
assert not pathlib.Path("~/secret").expanduser().exists()
assert {str(home)!r} != os.environ["HOME"]
pathlib.Path("~/written").expanduser().write_text("x")
"""
    lab = make(tmp_path / "lab", train=look + real_lab.TRAIN)
    add(lab, "task", "prepare = 'mkdir -p ~/data; echo 1 > ~/data/d'", 'read = ["~/data"]')
    add(lab, "study", "final_runs = 0")
    done = deep_loop(lab, *RUN, HOME=str(home))
    assert done.code == 0, done
    assert sorted(path.name for path in home.iterdir()) == ["data", "secret"]
    assert left(lab) == []


def test_the_ledger_is_out_of_a_run_s_sight(tmp_path: Path) -> None:
    """As is the person's checkout; the run works in its own folder all the same."""
    if why := bubblewrap.missing():
        pytest.skip(why)
    lab = tmp_path / "lab"
    hidden = [str(lab / name) for name in ("results.tsv", "train.py", ".git/HEAD", ".deep-loop/ledger.db")]
    look = (
        f"import os\nassert not any(os.path.exists(path) for path in {hidden!r})\nassert os.path.exists('train.py')\n"
    )
    make(lab, train=look + real_lab.TRAIN)
    add(lab, "study", "final_runs = 0")
    done = deep_loop(lab, *RUN)
    assert done.code == 0, done


def test_two_studies_share_a_device_run_by_run(tmp_path: Path) -> None:
    """Neither waits for the other's end, no two runs are on at one time, and who waits says for whom."""
    log = tmp_path / "order"
    train = (
        real_lab.TRAIN.replace("time.sleep", f"open({str(log)!r}, 'a').write('+')\ntime.sleep", 1)
        + f"open({str(log)!r}, 'a').write('-')\n"
    )
    labs = [make(tmp_path / name, train=train) for name in ("one", "two")]
    for lab in labs:
        add(lab, "study", "final_runs = 0", 'sandbox = "off"')
    with started(labs[0], *RUN, NAP="0.3") as first, started(labs[1], *RUN, NAP="0.3") as second:
        told = [study.communicate(timeout=120) for study in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0], told
    order = log.read_text()
    assert order == "+-" * (len(order) // 2)
    assert any("waits for cpu0, held by a in" in err for _, err in told), told


def test_more_slots_than_cores_are_allowed_aloud(lab: Path) -> None:
    """Each study says that its runs disturb each other, and none where they do not."""
    add(lab, "study", "final_runs = 0")
    assert "share all cores" in deep_loop(lab, *RUN, "--slots", str(2 * (os.cpu_count() or 1))).err


def test_a_sandbox_that_is_missing_is_an_error_at_the_start(lab: Path, tmp_path: Path) -> None:
    """Before anything is touched, with what to do about it."""
    add(lab, "study", 'sandbox = "bubblewrap"')
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "git").symlink_to("/usr/bin/git")
    (tools / "sh").symlink_to("/bin/sh")
    message, hint = real_lab.error(deep_loop(lab, *RUN, PATH=str(tools)))
    assert "bubblewrap (bwrap) is not installed" in message
    assert "auto" in hint
    assert not (lab / ".deep-loop" / "ledger.db").exists()


def test_too_much_memory_is_a_crash_that_says_so(tmp_path: Path) -> None:
    """In the words that a person and a proposer read."""
    lab = make(tmp_path / "lab", train="import time\nheld = bytearray(b'x') * 300_000_000\ntime.sleep(60)\n")
    add(lab, "task", "memory_gb = 0.15")
    done = deep_loop(lab, *RUN)
    assert done.code == 1
    if sys.platform == "linux":
        assert "out of memory: it used 0." in done.err and "[task] memory_gb" in done.err
