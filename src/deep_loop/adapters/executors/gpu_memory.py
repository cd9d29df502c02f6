"""What a run left on its GPU: memory that a process holds which was not there before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Held:
    """What one process holds of one GPU's memory."""

    device: str  # UUID
    pid: int


def held(devices: Sequence[str]) -> Mapping[Held, int | None]:
    """Who holds memory of these GPUs (UUIDs), in bytes; None where the driver does not tell how much.

    Empty where no driver answers, as in containers that hide other processes.
    """
    import pynvml

    found: dict[Held, int | None] = {}
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return found
    try:
        for device in devices:
            handle = pynvml.nvmlDeviceGetHandleByUUID(device)
            for process in pynvml.nvmlDeviceGetComputeRunningProcesses(handle):
                found[Held(device, process.pid)] = process.usedGpuMemory
    except pynvml.NVMLError:  # it cannot tell for such a device
        return found
    finally:
        pynvml.nvmlShutdown()
    return found


def left_over(before: Mapping[Held, int | None], after: Mapping[Held, int | None]) -> str | None:
    """What a person should know of memory that is held now and was not before; None where there is none."""
    new = {entry: size for entry, size in after.items() if entry not in before}
    if not new:
        return None
    told = [
        f"process {entry.pid}{_name(entry.pid)} holds {_amount(size)} of {entry.device}" for entry, size in new.items()
    ]
    return f"after a run {'; '.join(told)}: the next one has less, or fails"


def _name(pid: int) -> str:
    try:
        return f" ({psutil.Process(pid).name()})"
    except psutil.Error:  # gone, or in another namespace
        return ""


def _amount(size: int | None) -> str:
    return "memory" if size is None else f"{size / 2**20:.0f} MB"
