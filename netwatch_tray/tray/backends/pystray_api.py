"""pystray's classes `Icon`, `Menu` and `MenuItem`, imported without the backend that `import pystray` would choose.

Importing any module of pystray chooses a backend and imports it: on Linux one that needs PyGObject or a display and may
raise any error. Its `dummy` backend is harmless, so it is selected during this import only.

pystray needs one function of inspect, and six for the name that `queue` had in Python 2. Both modules, with what they
load, would take 0.9 MB of the agent's memory.
"""

from __future__ import annotations

import os
import queue
from types import MethodType

from netwatch_tray import lean_imports


def _is_method(found: object) -> bool:
    return isinstance(found, MethodType)


_asked = os.environ.get("PYSTRAY_BACKEND")
os.environ["PYSTRAY_BACKEND"] = "dummy"
try:
    with (
        lean_imports.reduced("inspect", ismethod=_is_method),
        lean_imports.reduced("six"),
        lean_imports.reduced("six.moves", queue=queue),
    ):
        from pystray._base import Icon, Menu, MenuItem
finally:
    if _asked is None:
        del os.environ["PYSTRAY_BACKEND"]
    else:
        os.environ["PYSTRAY_BACKEND"] = _asked

__all__ = ["Icon", "Menu", "MenuItem"]
