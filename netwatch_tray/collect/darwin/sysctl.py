"""Reads whole tables by sysctl(3), without another process, into a buffer that is reused."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable
from typing import Any

from netwatch_tray.errors import CollectError, UnsupportedError

_FIRST_BUFFER = 16 << 10
"""Size of the buffer in bytes at the beginning: room for 91 interfaces."""
_LARGEST_BUFFER = 16 << 20


class Sysctl:
    """Reads one sysctl, with one system call a reading once the buffer is large enough."""

    def __init__(self, mib: tuple[int, ...], function: Callable[..., int] | None = None) -> None:
        """`mib`: the numbers that stand for the name. `function`: replaces C's sysctl in tests. Raise UnsupportedError
        if libc has no sysctl."""
        self._function = function or _libc_sysctl()
        self._mib = (ctypes.c_int * len(mib))(*mib)
        self._size = ctypes.c_size_t()
        self._buffer = ctypes.create_string_buffer(_FIRST_BUFFER)

    def read(self) -> memoryview:
        """Return the kernel's response, in a buffer that the next call overwrites.

        The size is not requested first, because the table may grow until it is read; on ENOMEM the buffer is doubled.
        Raise CollectError if the kernel refuses, or returns more than any machine should have.
        """
        while True:
            size = len(self._buffer)
            self._size.value = size
            pointer = ctypes.byref(self._size)
            if not self._function(self._mib, len(self._mib), self._buffer, pointer, None, 0):
                return memoryview(self._buffer).cast("B")[: self._size.value]
            number = ctypes.get_errno()
            if number != errno.ENOMEM or size >= _LARGEST_BUFFER:
                name = ".".join(str(part) for part in self._mib)
                raise CollectError(
                    "macOS refused to answer sysctl {name}: {reason}.", name=name, reason=os.strerror(number)
                )
            self._buffer = ctypes.create_string_buffer(2 * size)


def _libc_sysctl() -> Callable[..., int]:
    try:
        function: Any = ctypes.CDLL(None, use_errno=True).sysctl
    except (OSError, AttributeError) as error:
        raise UnsupportedError("this system's C library has no sysctl: {error}", error=error) from error
    function.argtypes = (
        ctypes.POINTER(ctypes.c_int),
        ctypes.c_uint,
        ctypes.c_void_p,
        ctypes.POINTER(ctypes.c_size_t),
        ctypes.c_void_p,
        ctypes.c_size_t,
    )
    function.restype = ctypes.c_int
    return function  # type: ignore[no-any-return]  # ctypes has no type for a function of a library
