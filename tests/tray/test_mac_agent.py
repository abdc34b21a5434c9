"""The whole agent with the stand-in for AppKit and this machine's counters and disk: what is saved at logout."""

from __future__ import annotations

import contextlib
import shutil
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cocoa import Cocoa, Exited
from desktop import wait_for

from netwatch_tray import paths, tray
from netwatch_tray.agent.agent import Agent
from netwatch_tray.errors import Message
from netwatch_tray.history.packing import TENS
from netwatch_tray.history.reader import HistoryReader
from netwatch_tray.tray.backends import Backend, menu_bar

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="measures by Linux's sources")


@pytest.fixture
def mac(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Cocoa]:
    mac = Cocoa()
    mac.install(monkeypatch)
    monkeypatch.setattr(sys, "platform", "linux")
    backend = Backend("menu bar", Message(""), (44,), "light", menu_bar.Icon, owns_main_thread=True)
    monkeypatch.setattr(tray, "choose", lambda: backend)
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"):
        place = tmp_path / name.removeprefix("XDG_").lower()  # short: the path of a socket has 107 bytes at most
        place.mkdir(mode=0o700)
        monkeypatch.setenv(name, str(place))
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    yield mac
    for number, handler in before.items():
        signal.signal(number, handler)


def test_logout_saves_the_history_up_to_the_last_second(mac: Cocoa, tmp_path: Path) -> None:
    agent = Agent(headless=False)
    copy = tmp_path / "copy"
    mac.at_exit = lambda: shutil.copytree(paths.history_file().parent, copy)
    begin = int(time.time())

    def user() -> None:
        wait_for(lambda: mac.is_running, 60, "AppKit's loop runs")
        mac.do(lambda: mac.show_or_hide(is_seen=True))
        wait_for(lambda: len(agent._recent.ticks) >= 4, 60, "the agent measures")
        mac.call_after(mac.terminate)

    player = threading.Thread(target=user)
    player.start()
    with pytest.raises(Exited):
        agent.run()
    player.join(60)
    with contextlib.closing(sqlite3.connect(copy / "history.sqlite3")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    reader = HistoryReader(copy / "history.sqlite3")
    try:
        covered = sum(row.covered_s for row in reader.rows("total", None, begin - 60, begin + 3600, TENS))
    finally:
        reader.close()
    assert covered >= 2.5, "the seconds since the start, which no whole minute has stored yet"
    assert not paths.feed_socket().exists(), "a logout leaves nothing behind"
