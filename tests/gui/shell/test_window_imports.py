"""Modules that a window and the XEmbed icon load only when they are needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

_PAGES = ("interfaces", "connections", "apps", "usage", "events", "settings")


@pytest.mark.parametrize("module", ["tomlkit", *(f"netwatch_tray.window.pages.{page}" for page in _PAGES)])
def test_modules_for_saving_and_pages_are_imported_on_use(module: str) -> None:
    code = (
        "import netwatch_tray.window.shell.application, netwatch_tray.xembed.icon, sys;"
        f"sys.exit({module!r} in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_loaded_modules_are_left_out_of_garbage_collection() -> None:
    code = (
        "import gc; gc.disable();"
        "from netwatch_tray.window.shell.application import keep_what_is_loaded; keep_what_is_loaded();"
        "assert gc.isenabled() and gc.get_freeze_count() > 10_000 > len(gc.get_objects())"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
