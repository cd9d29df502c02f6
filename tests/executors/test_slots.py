"""Slots over the GPUs that a machine has and may use."""

from __future__ import annotations

from typing import Literal

import pytest

from deep_loop.adapters.executors.slots import Gpu, detect_slots, gpus, lay_out
from deep_loop.errors import ConfigError
from deep_loop.ports import Slot

MACHINE = tuple(Gpu(index, "Model", 81_920.0, f"GPU-{index}abc-def") for index in range(4))
BUS = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


def test_one_slot_for_each_gpu() -> None:
    """On its own a GPU is a slot, and indices mean the bus order."""
    assert lay_out("auto", 1, MACHINE[:2], None) == (
        Slot("gpu0", {"CUDA_VISIBLE_DEVICES": "0", **BUS}),
        Slot("gpu1", {"CUDA_VISIBLE_DEVICES": "1", **BUS}),
    )


def test_groups_of_gpus() -> None:
    """A run that needs several GPUs gets them together; a rest that is too small stays unused."""
    assert [slot.name for slot in lay_out("auto", 2, MACHINE, None)] == ["gpu0+gpu1", "gpu2+gpu3"]
    assert [slot.env["CUDA_VISIBLE_DEVICES"] for slot in lay_out("auto", 3, MACHINE, None)] == ["0,1,2"]


@pytest.mark.parametrize("visible", ["", "-1", "NoDevFiles", "7", "GPU-,0"])
def test_no_usable_gpu_is_one_cpu_slot(visible: str) -> None:
    """GPUs that CUDA_VISIBLE_DEVICES hides are not used, and neither are those that are not there."""
    assert lay_out("auto", 1, MACHINE, visible) == (Slot("cpu0"),)
    assert lay_out("auto", 1, (), None) == (Slot("cpu0"),)


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
    expected = tuple(Slot(name, {"CUDA_VISIBLE_DEVICES": token}) for name, token in zip(names, tokens, strict=False))
    assert lay_out("auto", 1, MACHINE, visible) == expected


def test_a_number_of_slots() -> None:
    """A number takes that many, of GPUs where a run needs one and of the CPU where it needs none."""
    assert [slot.name for slot in lay_out(3, 1, MACHINE, None)] == ["gpu0", "gpu1", "gpu2"]
    assert lay_out(3, 0, MACHINE, None) == (Slot("cpu0"), Slot("cpu1"), Slot("cpu2"))


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
        lay_out(wanted, each, machine, None)
    assert caught.value.hint


def test_this_machine() -> None:
    """Whatever this machine has, asking for the CPU works and GPUs have a name."""
    assert detect_slots(2, 0) == (Slot("cpu0"), Slot("cpu1"))
    assert len(detect_slots("auto", 1)) >= 1
    assert all(gpu.name and gpu.uuid for gpu in gpus())
