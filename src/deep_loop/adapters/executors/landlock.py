"""Landlock: the kernel's own fence around a process, without any other program.

A run is started through this file (`python -I -S landlock.py RULES STATUS COMMAND…`): it puts the fence
around itself and becomes the command. So it may import nothing but the standard library, and that sparingly.

A rule allows; what no rule allows is denied. Numbers and structures are those of linux/landlock.h; see
landlock(7).
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from typing import NamedTuple

LINUX = sys.platform == "linux"
_CREATE, _ADD, _RESTRICT = 444, 445, 446  # system calls, numbered alike on every architecture
_VERSION = 1  # flag of _CREATE: tell the version of the interface
_PATH_BENEATH = 1
_NO_NEW_PRIVILEGES = 38  # of prctl; the kernel asks for it
_DROP_CAPABILITY = 24  # of prctl: what is dropped here is gone with the next program that is started

# Rights of linux/landlock.h, by the version of the interface that brought them.
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_CHANGE = ((1 << 13) - 1) & ~(EXECUTE | WRITE_FILE | READ_FILE | READ_DIR)  # make and remove names
_REFER, _TRUNCATE, _IOCTL_DEVICE = 1 << 13, 1 << 14, 1 << 15
_SINCE = {2: _REFER, 3: _TRUNCATE, 5: _IOCTL_DEVICE}
_TCP = 0b11  # bind and connect; since version 4
_SCOPES = 0b11  # abstract sockets and signals of processes outside; since version 6
NETWORK_VERSION, SCOPE_VERSION = 4, 6

READ = EXECUTE | READ_FILE | READ_DIR
WRITE = READ | WRITE_FILE | _CHANGE | _REFER | _TRUNCATE | _IOCTL_DEVICE
_OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | _TRUNCATE | _IOCTL_DEVICE  # the others make sense for folders only


class Rules(NamedTuple):
    """What is allowed: rights by place, and whether the network is."""

    places: dict[str, int]
    network: bool


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"  # what packing means; Python 3.14 wants to hear it
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def version() -> int | None:
    """The version of the kernel's interface; None where there is none, or it is switched off."""
    if not LINUX:
        return None
    found = ctypes.CDLL(None).syscall(_CREATE, None, ctypes.c_size_t(0), _VERSION)
    return int(found) if found > 0 else None


def restrict(rules: Rules) -> None:
    """Put the fence around this process and all that it will start; raises OSError. There is no way back."""
    libc = ctypes.CDLL(None, use_errno=True)
    known = version() or 0
    handled = (1 << 13) - 1
    for since, right in _SINCE.items():
        handled |= right if known >= since else 0
    attributes = _Ruleset(
        handled,
        _TCP if known >= NETWORK_VERSION and not rules.network else 0,
        _SCOPES if known >= SCOPE_VERSION else 0,
    )
    size = 8 if known < NETWORK_VERSION else 16 if known < SCOPE_VERSION else 24
    capability = 0
    while libc.prctl(_DROP_CAPABILITY, capability, 0, 0, 0) == 0:  # root's; others have none, and may not ask
        capability += 1
    ruleset = _checked(libc.syscall(_CREATE, ctypes.byref(attributes), ctypes.c_size_t(size), 0))
    for place, rights in rules.places.items():
        _allow(libc, ruleset, place, rights & handled)
    _checked(libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    _checked(libc.syscall(_RESTRICT, ruleset, 0))
    os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, place: str, rights: int) -> None:
    try:
        parent = os.open(place, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:  # it has gone since the rules were made
        return
    try:
        folder = os.path.isdir(place)  # noqa: PTH112  (see the top)
        rule = _Beneath(rights if folder else rights & _OF_FILES, parent)
        _checked(libc.syscall(_ADD, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0))
    finally:
        os.close(parent)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def main(rules: str, status: str, *command: str) -> None:
    """Become the command, behind the fence. Says on the file `status` that it came so far."""
    fields = json.loads(rules)
    restrict(Rules(fields[0], fields[1]))
    os.write(int(status), b'{"exit-code": null}\n')  # bubblewrap's word for it
    os.close(int(status))
    os.execv(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
