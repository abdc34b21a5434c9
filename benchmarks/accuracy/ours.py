"""This program: the agent of an ordinary user, read by its own subcommands, with and without the helper."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from typing import Any

from benchmarks.accuracy.amounts import Seen
from benchmarks.accuracy.observers import Observer
from benchmarks.accuracy.parsers import ours_seen, ours_total
from benchmarks.accuracy.processes import AS_NOBODY, NOBODY, ROOT, Measured, Running, python_of_users

sys.path.insert(0, str(ROOT / "tests"))
sys.path.insert(0, str(ROOT / "tests" / "helper"))

from helper_service import service

import netwatch_tray
from netwatch_tray.helper import probes

_SUBCOMMAND = """
import sys
from netwatch_tray.cli import main
from netwatch_tray.collect import sources
sources.HELPER_SOCKET = sys.argv[1]
sys.exit(main(sys.argv[2:]))
"""
_HOMES = ("HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME")


class Ours(Observer):
    name = "NetWatch Tray"
    about = "The agent of an ordinary user. Total: the sum of `watch --json`; apps: `apps --json --watch`."
    _helper_socket = ""

    @classmethod
    def missing(cls) -> str | None:
        return None

    @classmethod
    def version(cls) -> str:
        return netwatch_tray.__version__

    def _start(self) -> None:
        for path in (self.directory.parent, self.directory):
            path.chmod(0o755)
        home = self.directory / "home"
        home.mkdir(0o700)
        os.chown(home, NOBODY, NOBODY)
        self._environment = dict.fromkeys(_HOMES, str(home))
        self._home = home
        self._agent = self._subcommand("agent", "--headless")
        self._watch: Running | None = None
        self._apps: Running | None = None

    def _subcommand(self, *words: str) -> Running:
        command = [*AS_NOBODY, *python_of_users(), "-c", _SUBCOMMAND, self._helper_socket or f"{self._home}/none"]
        return self.run(*command, *words, name=words[0], environment=self._environment)

    def is_ready(self) -> bool:
        if self._watch is None or self._apps is None:
            if list(self._home.rglob("feed")):
                self._watch = self._subcommand("watch", "--json")
                self._apps = self._subcommand("apps", "--json", "--watch")
            return False
        return len(self._watch.lines()) >= 2 and self._knows_apps()

    def _knows_apps(self) -> bool:
        assert self._apps is not None
        return bool(self._apps.lines())

    def _last_apps(self) -> dict[str, Any]:
        assert self._apps is not None
        message: dict[str, Any] = json.loads(self._apps.lines()[-1])
        return message

    def read(self) -> Seen:
        assert self._watch is not None
        return ours_seen(self._last_apps(), ours_total(self._watch.lines()))


class OursWithHelper(Ours):
    name = "NetWatch Tray with helper"
    about = "The same with the helper that root starts once. Its cost includes that process."

    @classmethod
    def missing(cls) -> str | None:
        try:
            probes.attach().close()
        except probes.UnavailableError as reason:
            return str(reason)
        return None

    def _start(self) -> None:
        self._service = self._stack.enter_context(service(NOBODY))
        self._helper_socket = str(self._service.path)
        super()._start()
        self._helper = Measured(self._service.process.pid)
        self.processes.append(self._helper)

    @property
    def measured(self) -> Iterable[Measured]:
        return [*super().measured, self._helper]

    def _knows_apps(self) -> bool:
        self._service.restart_if_ended()
        self._helper.pid = self._service.process.pid
        return super()._knows_apps() and self._last_apps()["udp"] is not None
