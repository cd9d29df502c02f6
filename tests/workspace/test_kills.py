"""A harness killed at any moment leaves a repository that the next one brings into order by itself."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from person import BRANCH, repository, workspace

HARNESS = """
import sys
from pathlib import Path
from person import workspace

lab = workspace(Path(sys.argv[1]))
lab.enter(None)
lab.recover()
start = lab.head()
print("ready", flush=True)
for number in range(1000):
    base = lab.head() if number % 2 else start
    commit = lab.commit(base, {"train.py": f"X = {number}\\n" * 2000}, f"try {number}")
    lab.settle(number, commit, f"keep {number}")
    lab.write({"process_log.md": f"{number}\\n" * 2000}, f"meta: {number}")
"""


def test_a_killed_harness_leaves_order_behind(tmp_path):
    """After SIGKILL anywhere between keeps, a new run finds a clean checkout on a branch whose log is whole."""
    person = repository(tmp_path / "lab")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for wait in (0.1, 0.12, 0.14, 0.17, 0.2):
        harness = subprocess.Popen(
            [sys.executable, "-c", HARNESS, str(person.root)], env=environment, stdout=subprocess.PIPE
        )
        assert harness.stdout.readline() == b"ready\n"
        time.sleep(wait)
        harness.kill()
        harness.communicate()
        time.sleep(0.1)  # a git that it had started may still be at work
        lab = workspace(person.root)
        lab.enter(None)
        lab.recover()
        assert (person.status(), person.where(), lab.notices) == ([], BRANCH, [])
        assert list(lab.sync()) == []
        assert person.text("train.py") == lab.read(lab.head(), "train.py")
    person.git("fsck", "--strict", "--no-dangling")
