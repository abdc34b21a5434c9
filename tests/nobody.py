"""Runs code as a user without privileges, wherever the checkout is: it may be in a home that only its user can read."""

from __future__ import annotations

import sys

import needs

UID = 65534

_BECOME = """
import csv, ctypes, encodings.idna, importlib, json, os, pkgutil, socket, subprocess, sys
import netwatch_tray
for module in pkgutil.walk_packages(netwatch_tray.__path__, "netwatch_tray."):
    if not module.name.startswith(("netwatch_tray.window", "netwatch_tray.xembed", "netwatch_tray.__main__")):
        try:
            importlib.import_module(module.name)  # afterwards the files may be out of reach
        except ModuleNotFoundError:
            pass  # AppKit: a module for macOS
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
ctypes.CDLL(None).prctl(4, 1)  # PR_SET_DUMPABLE: a program started as this user may look at itself in /proc
"""


def python(code: str, *arguments: str) -> list[str]:
    """Return the command that runs `code` as that user, with the program's modules imported already. Root has to start
    it."""
    needs.root()
    return [sys.executable, "-c", _BECOME + code, *arguments]


def subcommand(*arguments: str) -> list[str]:
    """Return the command that runs a subcommand of the program as that user."""
    return python("from netwatch_tray.cli import main\nsys.exit(main(sys.argv[1:]))", *arguments)
