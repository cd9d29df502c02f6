"""The places of this machine where a run can go."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

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
    """The slots of this machine; raises ConfigError where it has fewer than `wanted`.

    "auto" is one for each group of `gpus_per_run` GPUs, and one share of the CPU where there is no GPU
    or none is needed. An existing CUDA_VISIBLE_DEVICES is honoured.
    """
    found = gpus() if gpus_per_run > 0 else ()
    return lay_out(wanted, gpus_per_run, found, os.environ.get(VISIBLE))


def lay_out(
    wanted: int | Literal["auto"], gpus_per_run: int, found: Sequence[Gpu], visible: str | None
) -> tuple[Slot, ...]:
    """`detect_slots` for a machine with these GPUs and this CUDA_VISIBLE_DEVICES (None: not set)."""
    if wanted != "auto" and wanted < 1:
        raise ConfigError(f"{wanted} slots can run nothing", hint='set slots to 1 or more, or to "auto"')
    if gpus_per_run < 0:
        raise ConfigError(f"gpus_per_run is {gpus_per_run}", hint="set it to 0 to run on the CPU")
    usable = _usable(found, visible)
    if gpus_per_run == 0 or (wanted == "auto" and not usable):
        return tuple(Slot(f"cpu{n}") for n in range(1 if wanted == "auto" else wanted))
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
        Slot("+".join(name for name, _ in group), {VISIBLE: ",".join(token for _, token in group), **order})
        for group in groups[: None if wanted == "auto" else wanted]
    )


def _usable(found: Sequence[Gpu], visible: str | None) -> list[tuple[str, str]]:
    """Name and CUDA token of each GPU that CUDA would show: like CUDA, up to the first token that names none."""
    if visible is None:
        return [(f"gpu{gpu.index}", str(gpu.index)) for gpu in found]
    usable: list[tuple[str, str]] = []
    for token in (part.strip() for part in visible.split(",")):
        name = _name(found, token)
        if name is None:
            break
        usable.append((name, token))
    return usable


def _name(found: Sequence[Gpu], token: str) -> str | None:
    """What to call the GPU that a token of CUDA_VISIBLE_DEVICES means: an index, a UUID's beginning, a MIG part."""
    if token.isdecimal():
        return f"gpu{int(token)}" if int(token) < len(found) else None
    if token.startswith("MIG-") and found:
        return token[:12].lower()
    matches = [gpu for gpu in found if token.startswith("GPU-") and gpu.uuid.startswith(token)]
    return f"gpu{matches[0].index}" if len(matches) == 1 else None


def _memory_mb(handle: object) -> float | None:
    """A GPU's own memory in 2^20 bytes; None where it shares the machine's."""
    import pynvml

    try:
        return float(pynvml.nvmlDeviceGetMemoryInfo(handle).total) / 2**20
    except pynvml.NVMLError_NotSupported:
        return None
