"""Remembers the sockets of this program itself, so that their traffic is not attributed to an app.

Thread-safe, because uploads and probes run in separate threads.
"""

from __future__ import annotations

import socket
import struct
import threading

_SO_COOKIE = 57
"""Linux: the socket option with the socket's cookie, 64 bits, which sock_diag lists as well (socket(7), since 4.12)."""
_COOKIE = struct.Struct("=Q")

_MOST = 64
"""Number of sockets to remember. An upload takes one, a probe of a gateway three, and few are open at a time."""

_keys: dict[str, None] = {}
"""Keys of the sockets opened last, oldest first. A dict, because it keeps the order; the values are unused."""
_lock = threading.Lock()


def note(opened: socket.socket) -> None:
    """Record that this program has opened a socket. Does nothing on systems without socket cookies."""
    try:
        cookie = opened.getsockopt(socket.SOL_SOCKET, _SO_COOKIE, _COOKIE.size)
    except OSError:
        return
    if len(cookie) == _COOKIE.size:
        with _lock:
            _keys[f"{_COOKIE.unpack(cookie)[0]:x}"] = None
            while len(_keys) > _MOST:
                del _keys[next(iter(_keys))]


def is_own(key: str) -> bool:
    """Return whether this program has opened the socket with this key (`Socket` mappings are by key)."""
    return key in _keys
