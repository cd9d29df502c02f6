"""The environment of a run, by allow-list."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep_loop.adapters.executors.environment import environment
from deep_loop.ports import Job, Slot

JOB = Job("study-3", "true", Path("/ws/runs/3"), Path("/ws/logs/3"), {"DEEP_LOOP_SEED": "7"}, 60.0)
CPU = Slot("cpu0")
OWN = str(Path(sys.executable).parent)


def build(
    inherited: dict[str, str], *, job: Job = JOB, slot: Slot = CPU, passed: tuple[str, ...] = ()
) -> dict[str, str]:
    """The environment of a run of `job` in `slot`."""
    return environment(job, slot, inherited, passed)


@pytest.mark.parametrize(
    "name",
    ["HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "XDG_CACHE_HOME", "CUDA_HOME", "NVIDIA_VISIBLE_DEVICES",
     "HF_HOME", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "UV_CACHE_DIR",
     "SSL_CERT_FILE", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "DEEP_LOOP_STEPS"],
)  # fmt: skip
def test_what_a_run_needs_comes_in(name: str) -> None:
    """Places, languages, GPUs, caches and thread counts are the harness's."""
    assert build({name: "value"})[name] == "value"


@pytest.mark.parametrize(
    "name",
    ["ANTHROPIC_API_KEY", "AWS_ACCESS_KEY_ID", "HF_TOKEN", "HTTPS_PROXY", "http_proxy", "SSH_AUTH_SOCK", "PYTHONPATH",
     "PYTHONHOME", "VIRTUAL_ENV", "UV_PUBLISH_TOKEN", "UV_INDEX_A_PASSWORD", "CUDA_MY_SECRET", "LC_API_KEY",
     "MY_VARIABLE"],
)  # fmt: skip
def test_nothing_else_comes_in(name: str) -> None:
    """Neither what is not listed, nor what is listed by its beginning and looks like a secret."""
    assert name not in build({name: "canary"})


def test_an_address_with_a_password_stays_out() -> None:
    """A variable that is harmless by name and holds credentials by value is no exception."""
    inherited = {"UV_INDEX_URL": "https://me:canary@packages.example/simple", "UV_DEFAULT_INDEX": "https://a.example"}
    assert "UV_INDEX_URL" not in build(inherited)
    assert build(inherited)["UV_DEFAULT_INDEX"] == "https://a.example"


def test_a_person_can_ask_for_more() -> None:
    """A name in the settings is passed as it is; one that is not set is not invented."""
    made = build({"WANDB_API_KEY": "mine"}, passed=("WANDB_API_KEY", "ABSENT"))
    assert made["WANDB_API_KEY"] == "mine"
    assert "ABSENT" not in made


def test_the_slot_wins_over_the_job_and_the_job_over_the_harness() -> None:
    """A slot's GPU cannot be talked away."""
    job = Job("j", "true", Path("/f"), Path("/l"), {"CUDA_VISIBLE_DEVICES": "1", "TZ": "UTC"}, 1.0)
    made = build({"CUDA_VISIBLE_DEVICES": "0,1,2", "TZ": "CET"}, job=job, slot=Slot("g", {"CUDA_VISIBLE_DEVICES": "2"}))
    assert (made["CUDA_VISIBLE_DEVICES"], made["TZ"]) == ("2", "UTC")


def test_what_the_harness_adds() -> None:
    """Unbuffered output, git kept below the run's folder, the seed, the mark."""
    made = build({})
    assert made["PYTHONUNBUFFERED"] == "1"
    assert made["GIT_CEILING_DIRECTORIES"] == "/ws/runs"
    assert made["DEEP_LOOP_SEED"] == "7"
    assert made["DEEP_LOOP_RUN"] == "study-3"


def test_our_interpreter_is_the_first_on_the_path() -> None:
    """`python` is the one that runs deep-loop, once, and the rest keeps its order."""
    path = os.pathsep.join(["/usr/bin", OWN, "", "/bin"])
    assert build({"PATH": path})["PATH"].split(os.pathsep) == [OWN, "/usr/bin", "/bin"]
    assert build({})["PATH"].split(os.pathsep)[0] == OWN


@given(
    st.text(alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZ_", min_size=1), st.sampled_from(["KEY", "TOKEN", "SECRET", "PASSWORD"])
)
def test_no_prefix_lets_a_secret_in(name: str, kind: str) -> None:
    """A name that contains a word for a secret never comes in by itself."""
    assert "canary" not in build({f"UV_{name}{kind}": "canary", f"{kind}{name}": "canary"}).values()
