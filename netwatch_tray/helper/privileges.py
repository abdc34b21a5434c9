"""Drops privileges of this process (root, and capabilities(7)), by ctypes. They cannot be regained."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import struct
from collections.abc import Callable

NET_ADMIN, PERFMON, BPF = 1 << 12, 1 << 38, 1 << 39
"""Capabilities as bits (<linux/capability.h>)."""

_NOBODY = 65534
_VERSION_3 = 0x20080522
_PR_SET_DUMPABLE, _PR_SET_KEEPCAPS, _PR_SET_NO_NEW_PRIVS = 4, 8, 38

_libc = ctypes.CDLL(None, use_errno=True)


def restrict(kept: int) -> None:
    """Drop all privileges of root except for these capabilities (bits). Raise OSError.

    Afterwards no program started from here gains privileges, and other processes of the same user cannot trace this
    one. The limit of locked memory is lifted if that is permitted, because maps count for it up to Linux 5.10.
    """
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    if os.geteuid() == 0:
        _prctl(_PR_SET_KEEPCAPS, 1)
        os.setgroups([])
        _checked(_libc.setresgid(_NOBODY, _NOBODY, _NOBODY))
        _checked(_libc.setresuid(_NOBODY, _NOBODY, _NOBODY))
    kept &= _permitted()
    _set(kept, kept)
    _prctl(_PR_SET_DUMPABLE, 0)


def drop(needed: int, works: Callable[[], object]) -> None:
    """Drop all capabilities but `needed` (bits), and those as well if `works()` raises no PermissionError without
    them."""
    _set(0, needed & _permitted())
    try:
        works()
    except PermissionError:
        _set(needed & _permitted(), needed & _permitted())
    else:
        _set(0, 0)


def effective() -> int:
    """Return the effective capabilities of this process as bits."""
    return _get()[0]


def _permitted() -> int:
    return _get()[1]


def _get() -> tuple[int, int]:
    data = ctypes.create_string_buffer(24)
    _checked(_libc.capget(struct.pack("=Ii", _VERSION_3, 0), data))
    low_effective, low_permitted, _, high_effective, high_permitted, _ = struct.unpack("=6I", data)
    return high_effective << 32 | low_effective, high_permitted << 32 | low_permitted


def _set(effective: int, permitted: int) -> None:
    """Set the effective and permitted capabilities (bits) of this process; clear the inheritable ones."""
    low, high = (effective & 0xFFFFFFFF, permitted & 0xFFFFFFFF, 0), (effective >> 32, permitted >> 32, 0)
    _checked(_libc.capset(struct.pack("=Ii", _VERSION_3, 0), struct.pack("=6I", *low, *high)))


def _prctl(option: int, value: int) -> None:
    _checked(_libc.prctl(option, value, 0, 0, 0))


def _checked(result: int) -> None:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
