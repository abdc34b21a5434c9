"""An administrator's settings file in place of the system's, which tests never touch."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from netwatch_tray import paths, settings_text


def managed_file(directory: Path, monkeypatch: pytest.MonkeyPatch, text: str = "") -> Path:
    """Return the file that this process takes for the administrator's, whose part the user running the tests plays."""
    file = directory / "managed" / "settings.toml"
    file.parent.mkdir(mode=0o755, exist_ok=True)
    monkeypatch.setattr(paths, "managed_settings_file", lambda: file)
    monkeypatch.setattr(settings_text, "_ROOT", os.getuid())
    if text:
        file.write_text(text)
        file.chmod(0o644)
    return file
