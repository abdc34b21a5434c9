"""Modules that other packages load without a need."""

from __future__ import annotations

import subprocess
import sys

import pytest

from netwatch_tray import lean_imports

WITHOUT = """
import sys
from netwatch_tray import cli
cli.import_msgspec()
assert "typing_extensions" not in sys.modules
import msgspec
class Value(msgspec.Struct):
    number: int
    name: str | None = None
assert msgspec.json.decode(b'{"number": 1}', type=Value) == Value(1)
import typing_extensions
assert typing_extensions.get_type_hints(Value)["number"] is int
"""
REDUCED = """
import sys
from netwatch_tray import cli
cli.import_msgspec()
from netwatch_tray.tray.backends.pystray_api import Icon, Menu, MenuItem
assert not {"inspect", "six", "six.moves"} & sys.modules.keys()
class Actions:
    def none(self): done.append(0)
    def icon(self, icon): done.append(icon)
    def both(self, icon, item): done.append((icon, item.text))
done = []
of = Actions()
actions = of.none, of.icon, of.both, lambda: done.append(0), lambda icon: done.append(icon)
for item in Menu(*(MenuItem(str(place), action) for place, action in enumerate(actions))):
    item(7)
assert done == [0, 7, (7, "2"), 0, 7]
assert Icon("name").name == "name"
import inspect, six
assert inspect.signature and six.moves
"""


@pytest.mark.parametrize("code", [WITHOUT, REDUCED])
def test_packages_work_without_modules_they_need_not_and_others_get_these(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""


def test_module_that_is_loaded_already_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    with lean_imports.without("json"), lean_imports.reduced("pathlib"):
        import json  # noqa: PLC0415
        import pathlib  # noqa: PLC0415

        assert json.dumps([1]) == "[1]"
        assert pathlib.Path("a").name == "a"
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with lean_imports.without("colorsys"), pytest.raises(ModuleNotFoundError):
        import colorsys  # noqa: F401, PLC0415
    assert "colorsys" not in sys.modules
