"""pystray's classes `Icon`, `Menu` and `MenuItem`, imported without the backend that `import pystray` would choose.

Importing any module of pystray chooses a backend and imports it: on Linux one that needs PyGObject or a display and may
raise any error. Its `dummy` backend is harmless, so it is selected during this import only.
"""

from __future__ import annotations

import os

_asked = os.environ.get("PYSTRAY_BACKEND")
os.environ["PYSTRAY_BACKEND"] = "dummy"
try:
    from pystray._base import Icon, Menu, MenuItem
finally:
    if _asked is None:
        del os.environ["PYSTRAY_BACKEND"]
    else:
        os.environ["PYSTRAY_BACKEND"] = _asked

__all__ = ["Icon", "Menu", "MenuItem"]
