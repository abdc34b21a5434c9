"""What a test needs of the machine. Each function skips the calling test where its requirement is not met."""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import stat
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

import pytest

_ROOT = "network namespaces, mounts, other users"


def root() -> None:
    """Skip the test unless it runs as root."""
    if os.geteuid() != 0:
        pytest.skip(f"needs root ({_ROOT})")


def readable_checkout() -> None:
    """Skip the test unless other users can read this checkout."""
    checkout = Path(__file__).resolve().parent.parent
    if any(not each.stat().st_mode & stat.S_IXOTH for each in (checkout, *checkout.parents)):
        pytest.skip("needs a checkout that other users can read")


def programs(*names: str) -> None:
    """Skip the test unless all these programs are installed."""
    missing = [name for name in names if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


def _dev() -> ModuleType:
    """Return the module of `./dev`. Only pytest puts it on the path, and benchmarks use this module as well."""
    tools = str(Path(__file__).resolve().parent.parent / "tools")
    if tools not in sys.path:
        sys.path.append(tools)
    return importlib.import_module("dev")


def panel(program: str) -> None:
    """Skip the test unless this panel is installed, with the plugin that it draws icons with."""
    dev = _dev()
    programs(program)
    for plugin in dev.SVG_PLUGINS:
        if plugin.panel == program and plugin.is_missing:
            pytest.skip(f"not installed: {plugin.package}, without which {program} draws no icon")


def fleet() -> None:
    """Skip the test unless `./dev test fleet` runs it, which builds what it needs."""
    if not os.environ.get("NETWATCH_FLEET"):
        pytest.skip("./dev test fleet")


def fleet_program(name: str) -> str:
    """Return the path of a program that `./dev test fleet` built, or of an installed one; skip the test without it."""
    fleet()
    dev = _dev()
    if (built := dev.FLEET / name).exists():
        return str(built)
    if found := shutil.which(name):
        return found
    pytest.skip(f"not installed, and not built by ./dev test fleet: {name}")


def qt() -> None:
    """Skip the test unless PySide6 can be imported."""
    if not loads_qt():
        pytest.skip("Qt's system libraries are not installed")


def loads_qt() -> bool:
    """Return whether the system has the libraries that Qt links against."""
    assert importlib.util.find_spec("PySide6"), "run the tests with ./dev test"
    try:
        import PySide6.QtWidgets  # noqa: F401, PLC0415
    except ImportError:
        return False
    return True


def left_out(programs: Iterable[str]) -> str:
    """Describe in one line what is left out on this machine; empty if nothing is. `programs`: that the tests run."""
    import dev  # noqa: PLC0415  only pytest puts it on the path, and benchmarks use this module as well

    reasons = []
    if sys.platform == "linux" and os.geteuid() != 0:
        reasons.append(f"tests that need root ({_ROOT})")
    if not loads_qt():
        reasons.append("tests of the window (Qt's system libraries are not installed)")
    missing = [name for name in programs if not dev.is_installed(name)]
    if missing:
        reasons.append(f"tests of programs that are not installed ({', '.join(missing)})")
    return f"Left out: {'; '.join(reasons)}." if reasons else ""
