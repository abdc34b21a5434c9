"""A window whose libraries the system does not have: a sentence that names the library, and no traceback."""

from __future__ import annotations

import importlib.abc
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

import pytest

from netwatch_tray.cli import main

APPLICATION = "netwatch_tray.window.shell.application"


class Unloadable(importlib.abc.MetaPathFinder):
    """Makes importing the window fail as if a shared library were missing."""

    def find_spec(self, name: str, _path: object = None, _target: ModuleType | None = None) -> ModuleSpec | None:
        if name == APPLICATION:
            raise ImportError("libEGL.so.1: cannot open shared object file: No such file or directory")
        return None


def test_a_missing_library_is_named_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, APPLICATION, raising=False)
    monkeypatch.setattr(sys, "meta_path", [Unloadable(), *sys.meta_path])
    assert main(["window"]) == 1
    told = capsys.readouterr().err
    assert "libEGL.so.1" in told
    assert "netwatch-tray watch" in told
    assert "Traceback" not in told
