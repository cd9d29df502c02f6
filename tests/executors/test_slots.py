"""Slots over the GPUs that a machine has and may use."""

from __future__ import annotations

from typing import Literal

import pytest

from deep_loop.adapters.executors.host import Host
from deep_loop.adapters.executors.slots import Gpu, crowding, detect_slots, gpus, lay_out
from deep_loop.errors import ConfigError
from deep_loop.ports import Slot

MACHINE = tuple(Gpu(index, "Model", 81_920.0, f"GPU-{index}abc-def") for index in range(4))
BUS = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
HOST = Host("lab3", "EPYC", ((0, 4), (1, 5), (2, 6), (3, 7)))  # four cores with two threads each


def test_one_slot_for_each_gpu() -> None:
    """On its own a GPU is a slot, and indices mean the bus order."""
    assert lay_out("auto", 1, MACHINE[:2], None, HOST) == (
        Slot("gpu0", {"CUDA_VISIBLE_DEVICES": "0", **BUS}, "lab3, Model", (), ("GPU-0abc-def",)),
        Slot("gpu1", {"CUDA_VISIBLE_DEVICES": "1", **BUS}, "lab3, Model", (), ("GPU-1abc-def",)),
    )


def test_groups_of_gpus() -> None:
    """A run that needs several GPUs gets them together; a rest that is too small stays unused."""
    assert [slot.name for slot in lay_out("auto", 2, MACHINE, None, HOST)] == ["gpu0+gpu1", "gpu2+gpu3"]
    assert [slot.env["CUDA_VISIBLE_DEVICES"] for slot in lay_out("auto", 3, MACHINE, None, HOST)] == ["0,1,2"]


@pytest.mark.parametrize("visible", ["", "-1", "NoDevFiles", "7", "GPU-,0"])
def test_no_usable_gpu_is_one_cpu_slot(visible: str) -> None:
    """GPUs that CUDA_VISIBLE_DEVICES hides are not used, and neither are those that are not there."""
    slots = lay_out("auto", 1, MACHINE, visible, HOST)
    assert slots == lay_out("auto", 1, (), None, HOST)
    assert [(slot.name, slot.env, slot.machine) for slot in slots] == [("cpu0", {}, "lab3, EPYC")]


@pytest.mark.parametrize(
    ("visible", "names"),
    [
        ("2,0", ["gpu2", "gpu0"]),
        (" 3 , 1 ", ["gpu3", "gpu1"]),
        ("1,-1,2", ["gpu1"]),
        ("GPU-2abc,GPU-0abc-def", ["gpu2", "gpu0"]),
        ("MIG-12345678-aaaa", ["mig-12345678"]),
    ],
)
def test_the_person_s_choice_is_honoured(visible: str, names: list[str]) -> None:
    """Indices, UUIDs and parts of a GPU are taken in the order given, up to the first that names nothing."""
    tokens = [token.strip() for token in visible.split(",")]
    slots = lay_out("auto", 1, MACHINE, visible, HOST)
    assert [slot.name for slot in slots] == names
    assert [slot.env for slot in slots] == [{"CUDA_VISIBLE_DEVICES": token} for token in tokens[: len(names)]]


def test_a_gpu_has_one_name_among_studies() -> None:
    """However a person writes it, a lease of a GPU is a lease of that GPU."""
    devices = {lay_out(1, 1, MACHINE, visible, HOST)[0].devices for visible in ("2", "GPU-2abc", "GPU-2abc-def", " 2 ")}
    assert devices == {("GPU-2abc-def",)}


def test_cpu_slots_have_cores_of_their_own() -> None:
    """Whole physical cores, both threads of each; the first one is the harness's."""
    three = lay_out(3, 0, (), None, HOST)
    assert [slot.cpus for slot in three] == [(1, 5), (2, 6), (3, 7)]
    assert [slot.devices for slot in three] == [("core1",), ("core2",), ("core3",)]
    (one,) = lay_out("auto", 0, (), None, HOST)
    assert (one.cpus, one.devices) == ((1, 2, 3, 5, 6, 7), ("core1", "core2", "core3"))
    assert crowding(three) is None and crowding((one,)) is None


@pytest.mark.parametrize(("count", "cores"), [(4, HOST.cores), (6, HOST.cores), (2, ((0,), (1,))), (2, ())])
def test_more_slots_than_cores_share_them_aloud(count: int, cores: tuple[tuple[int, ...], ...]) -> None:
    """They are allowed, not pinned, and a person is told; each still has a name of its own among studies."""
    slots = lay_out(count, 0, (), None, Host("lab3", "EPYC", cores))
    assert [slot.cpus for slot in slots] == [()] * count
    assert len({slot.devices for slot in slots}) == count
    assert "share all cores" in (crowding(slots) or "")


def test_a_machine_of_one_core() -> None:
    """It is used, not pinned, and there is nothing to say about it."""
    (slot,) = lay_out("auto", 0, (), None, Host("lab3", "EPYC", ((0,),)))
    assert (slot.cpus, slot.devices, crowding((slot,))) == ((), ("core0",), None)


def test_a_number_of_slots() -> None:
    """A number takes that many, of GPUs where a run needs one and of the CPU where it needs none."""
    assert [slot.name for slot in lay_out(3, 1, MACHINE, None, HOST)] == ["gpu0", "gpu1", "gpu2"]
    assert [slot.name for slot in lay_out(3, 0, MACHINE, None, HOST)] == ["cpu0", "cpu1", "cpu2"]


@pytest.mark.parametrize(
    ("wanted", "each", "machine"),
    [
        (5, 1, MACHINE),
        (3, 2, MACHINE),
        ("auto", 8, MACHINE),
        (1, 1, ()),
        (0, 0, ()),
        (-1, 1, MACHINE),
        (1, -1, MACHINE),
    ],
)
def test_what_a_machine_cannot_give_is_refused(
    wanted: int | Literal["auto"], each: int, machine: tuple[Gpu, ...]
) -> None:
    """More than there is, or nonsense, is one line with a hint."""
    with pytest.raises(ConfigError) as caught:
        lay_out(wanted, each, machine, None, HOST)
    assert caught.value.hint


def test_this_machine() -> None:
    """Whatever this machine has, asking for the CPU works and GPUs have a name."""
    assert [slot.name for slot in detect_slots(2, 0)] == ["cpu0", "cpu1"]
    assert len(detect_slots("auto", 1)) >= 1
    assert all(gpu.name and gpu.uuid for gpu in gpus())
