"""Modules that the resident agent must not load: each occupies memory as long as the user is logged in."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

UNWANTED = frozenset(
    {
        # others' packages: only what was asked for may load them
        *("platformdirs", "tomlkit", "psutil", "keyring", "maxminddb", "opentelemetry", "PySide6", "textual"),
        *("PIL", "rich", "jeepney", "typing_extensions", "six"),
        # of the standard library: 0.3 to 3 MB each, and what loads them is loaded when it is needed
        *("tempfile", "shutil", "bz2", "lzma", "random", "sqlite3", "ssl", "http", "email", "asyncio", "calendar"),
        *("argparse", "gettext", "tomllib", "dataclasses", "concurrent", "xml", "unittest", "plistlib", "zipfile"),
        *("inspect", "ast", "dis"),
        # our own
        *("netwatch_tray.cli.parser", "netwatch_tray.cli.upload", "netwatch_tray.cli.export", "netwatch_tray.cli.live"),
        *(
            "netwatch_tray.history.writer",
            "netwatch_tray.cloud",
            "netwatch_tray.window",
            "netwatch_tray.tui",
            "netwatch_tray.recording",
        ),
        *("netwatch_tray.collect.disks", "netwatch_tray.collect.health", "netwatch_tray.collect.system"),
        "netwatch_tray.settings_writer",
    }
)
_CODE = """
import json, sys
from netwatch_tray import cli
cli.import_msgspec()
import netwatch_tray.agent.agent
if sys.platform == "linux":
    import netwatch_tray.collect.linux.rtnetlink, netwatch_tray.collect.linux.sock_diag
    import netwatch_tray.collect.linux.process_map, netwatch_tray.tray.backends.status_notifier
print(json.dumps(sorted(sys.modules)))
"""


@pytest.mark.skipif(sys.platform == "darwin", reason="AppKit's bridge loads what it likes")
def test_agent_imports_no_avoidable_module() -> None:
    done = subprocess.run([sys.executable, "-c", _CODE], capture_output=True, text=True, check=True, timeout=60)
    assert UNWANTED & set(json.loads(done.stdout)) == set()
