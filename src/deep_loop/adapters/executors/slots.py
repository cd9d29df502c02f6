"""The places of this machine where a run can go."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from deep_loop.adapters.executors.host import Host, this_host
from deep_loop.errors import ConfigError
from deep_loop.ports import Slot

VISIBLE = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU of the machine."""

    index: int  # in the order of the PCI bus, as nvidia-smi shows it
    name: str
    memory_mb: float | None  # in 2^20 bytes; None where it is the machine's own memory
    uuid: str


def gpus() -> tuple[Gpu, ...]:
    """The NVIDIA GPUs that the driver shows, allowed to us or not; none where no driver answers."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return ()
    try:
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
        return tuple(
            Gpu(index, pynvml.nvmlDeviceGetName(handle), _memory_mb(handle), pynvml.nvmlDeviceGetUUID(handle))
            for index, handle in enumerate(handles)
        )
    except pynvml.NVMLError:  # a GPU that fell off the bus: CUDA would not start on this machine either
        return ()
    finally:
        pynvml.nvmlShutdown()


def detect_slots(wanted: int | Literal["auto"], gpus_per_run: int) -> tuple[Slot, ...]:
    """The slots of this machine; raises ConfigError where it has fewer GPUs than `wanted` needs.

    "auto" is one for each group of `gpus_per_run` GPUs, and one share of the CPU where there is no GPU
    or none is needed. An existing CUDA_VISIBLE_DEVICES is honoured.
    """
    found = gpus() if gpus_per_run > 0 else ()
    return lay_out(wanted, gpus_per_run, found, os.environ.get(VISIBLE), this_host())


def lay_out(
    wanted: int | Literal["auto"], gpus_per_run: int, found: Sequence[Gpu], visible: str | None, host: Host
) -> tuple[Slot, ...]:
    """`detect_slots` for a machine with these GPUs and this CUDA_VISIBLE_DEVICES (None: not set)."""
    if wanted != "auto" and wanted < 1:
        raise ConfigError(f"{wanted} slots can run nothing", hint='set slots to 1 or more, or to "auto"')
    if gpus_per_run < 0:
        raise ConfigError(f"gpus_per_run is {gpus_per_run}", hint="set it to 0 to run on the CPU")
    usable = _usable(found, visible)
    if gpus_per_run == 0 or (wanted == "auto" and not usable):
        return _cpu_slots(1 if wanted == "auto" else wanted, host)
    groups = [usable[start : start + gpus_per_run] for start in range(0, len(usable), gpus_per_run)]
    groups = [group for group in groups if len(group) == gpus_per_run]
    if not groups or (wanted != "auto" and wanted > len(groups)):
        asked = 1 if wanted == "auto" else wanted
        raise ConfigError(
            f"{asked} slot(s) of {gpus_per_run} GPU(s) need {asked * gpus_per_run}, and {len(usable)} can be used",
            hint="lower slots or gpus_per_run (0 runs on the CPU), or widen CUDA_VISIBLE_DEVICES",
        )
    # Without a choice of the person's, indices mean the bus order that `gpus` speaks of, not CUDA's fastest first.
    order = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"} if visible is None else {}
    return tuple(
        Slot(
            name="+".join(gpu.name for gpu in group),
            env={VISIBLE: ",".join(gpu.token for gpu in group), **order},
            machine=f"{host.name}, {group[0].model}",
            devices=tuple(gpu.device for gpu in group),
        )
        for group in groups[: None if wanted == "auto" else wanted]
    )


def crowding(slots: Sequence[Slot]) -> str | None:
    """What a person should know where runs get in each other's way; None where each slot has its own."""
    if len(slots) < 2 or all(slot.cpus or VISIBLE in slot.env for slot in slots):
        return None
    return (
        f"{len(slots)} slots share all cores, since one must stay free to keep them apart: "
        "runs disturb each other, and their times and metrics with a budget in seconds vary more"
    )


def _cpu_slots(count: int, host: Host) -> tuple[Slot, ...]:
    """Slots with as many physical cores each, one being left to the harness; not pinned where there are too few."""
    machine = f"{host.name}, {host.cpu}"
    spare, *cores = host.cores or ((),)
    share = len(cores) // count
    if share:
        shares = [cores[start : start + share] for start in range(0, count * share, share)]
        return tuple(
            Slot(f"cpu{n}", {}, machine, tuple(sorted(sum(own, ()))), tuple(f"core{core[0]}" for core in own))
            for n, own in enumerate(shares)
        )
    first = [core[0] for core in (*cores, spare) if core]
    numbers = [*first, *(f"-extra{n}" for n in range(len(first), count))]
    return tuple(Slot(f"cpu{n}", {}, machine, (), (f"core{numbers[n]}",)) for n in range(count))


@dataclass(frozen=True, slots=True)
class _Usable:
    """A GPU, or a part of one, as CUDA would show it."""

    name: str  # "gpu0"
    token: str  # what CUDA_VISIBLE_DEVICES calls it
    device: str  # what leases call it: the same for every token that means it
    model: str


def _usable(found: Sequence[Gpu], visible: str | None) -> list[_Usable]:
    """Each GPU that CUDA would show: like CUDA, up to the first token that names none."""
    if visible is None:
        return [_Usable(f"gpu{gpu.index}", str(gpu.index), gpu.uuid, gpu.name) for gpu in found]
    usable: list[_Usable] = []
    for token in (part.strip() for part in visible.split(",")):
        meant = _meant(found, token)
        if meant is None:
            break
        usable.append(meant)
    return usable


def _meant(found: Sequence[Gpu], token: str) -> _Usable | None:
    """The GPU that a token of CUDA_VISIBLE_DEVICES means: an index, a UUID's beginning, a MIG part."""
    if token.startswith("MIG-") and found:
        return _Usable(token[:12].lower(), token, token, f"part of {found[0].name}")
    if token.isdecimal():
        matches = [gpu for gpu in found if gpu.index == int(token)]
    else:
        matches = [gpu for gpu in found if token.startswith("GPU-") and gpu.uuid.startswith(token)]
    if len(matches) != 1:
        return None
    return _Usable(f"gpu{matches[0].index}", token, matches[0].uuid, matches[0].name)


def _memory_mb(handle: object) -> float | None:
    """A GPU's own memory in 2^20 bytes; None where it shares the machine's."""
    import pynvml

    try:
        return float(pynvml.nvmlDeviceGetMemoryInfo(handle).total) / 2**20
    except pynvml.NVMLError_NotSupported:
        return None
