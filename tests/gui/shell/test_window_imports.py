"""What a window and the XEmbed icon do not load before it is needed."""

from __future__ import annotations

import subprocess
import sys

CODE = (
    "import netwatch_tray.window.shell.application, netwatch_tray.xembed.icon, sys; sys.exit('tomlkit' in sys.modules)"
)


def test_tomlkit_is_loaded_only_when_a_setting_is_saved() -> None:
    subprocess.run([sys.executable, "-c", CODE], check=True, timeout=60)
