"""An administrator's settings file in place of the system's, which tests never touch."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from netwatch_tray import paths, settings_text


def managed_file(directory: Path, monkeypatch: pytest.MonkeyPatch, text: str = "") -> Path:
    """Write the file that this process treats as the administrator's, as if the user who runs the tests were root.
    Return it."""
    file = directory / "managed" / "settings.toml"
    file.parent.mkdir(mode=0o755, exist_ok=True)
    monkeypatch.setattr(paths, "managed_settings_file", lambda: file)
    monkeypatch.setattr(settings_text, "_ROOT", os.getuid())
    if text:
        file.write_text(text)
        file.chmod(0o644)
    return file
