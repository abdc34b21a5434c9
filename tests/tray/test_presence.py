"""What the agent does while no tray shows the icon. Real panels: tests/e2e/test_trays.py."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from bare_agent import tick
from desktop import Session, wait_for
from surroundings import Loop, Watcher, no_actions

from netwatch_tray import clock
from netwatch_tray.settings import Settings, TrayIcon
from netwatch_tray.tray import presence as presence_module
from netwatch_tray.tray.presence import PATIENCE, Presence


class Child:
    """A stand-in for the process that shows the icon."""

    def __init__(self) -> None:
        self.pid = 77
        self.code: int | None = None

    def poll(self) -> int | None:
        return self.code

    def terminate(self) -> None:
        self.code = -15


class FakeX:
    """An X server with or without a tray."""

    has_tray = False

    def __init__(self, _scheduler: object) -> None:
        self.asked = 0

    def ask(self) -> None:
        self.asked += 1

    def close(self) -> None:
        pass


class Life:
    """A presence with stand-ins for its surroundings, and a clock that the test sets."""

    def __init__(self, bus: Session, loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", bus.environment["DBUS_SESSION_BUS_ADDRESS"])
        monkeypatch.setenv("XDG_CURRENT_DESKTOP", "XFCE")
        monkeypatch.setattr(presence_module, "XEmbedWatch", FakeX)
        self.now = 1000.0
        monkeypatch.setattr(clock, "uptime", lambda: self.now)
        monkeypatch.setattr(FakeX, "has_tray", False)
        self.loop = loop
        self.opened = 0
        self.children: list[Child] = []
        self.presence = self.make(Settings())

    def make(self, settings: Settings, *, by_hand: bool = False) -> Presence:
        actions = no_actions(open_window=self._open)
        return self.loop.do(lambda: Presence(self.loop.scheduler, actions, settings, self._start, by_hand=by_hand))

    def start_by_hand(self) -> None:
        """Start as a user does, not as the login, and wait until the bus has reported whether there is a tray."""
        self.loop.do(self.presence.close)
        self.presence = self.make(Settings(), by_hand=True)
        tray = self.presence._tray
        assert tray
        wait_for(lambda: tray.has_tray is not None, 30, "the bus answers")

    def pass_seconds(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            self.now += 1
            self.loop.do(lambda: self.presence.show(tick(1.0, 1.0)))

    def _open(self) -> None:
        self.opened += 1

    def _start(self) -> Child:
        self.children.append(Child())
        return self.children[-1]


@pytest.fixture
def life(bus: Session, loop: Loop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Life]:
    life = Life(bus, loop, monkeypatch)
    yield life
    loop.do(life.presence.close)


def test_window_opens_once_after_patience_without_tray(life: Life, expected_logs: list[str]) -> None:
    life.pass_seconds(PATIENCE - 1)
    assert (life.opened, life.presence.no_tray) == (0, None)
    expected_logs.append("No tray shows the icon.")
    life.pass_seconds(300)
    assert life.opened == 1
    assert "Add a tray to your panel" in str(life.presence.no_tray)
    assert str(life.presence.state) == "StatusNotifierItem (D-Bus): waiting for a tray: none is on the session bus"


def test_window_opens_at_once_after_start_by_hand_without_tray(life: Life, expected_logs: list[str]) -> None:
    life.start_by_hand()
    life.pass_seconds(1)
    assert (life.opened, life.presence.is_looking, life.presence.no_tray) == (1, True, None)
    expected_logs.append("No tray shows the icon.")
    life.pass_seconds(300)
    assert life.opened == 1
    assert not life.presence.is_looking
    assert "Add a tray to your panel" in str(life.presence.no_tray)


def test_tray_started_after_window_ends_the_search(life: Life, bus: Session) -> None:
    life.start_by_hand()
    life.pass_seconds(1)
    assert life.presence.is_looking
    watcher = Watcher(bus.environment["DBUS_SESSION_BUS_ADDRESS"])
    wait_for(lambda: str(life.presence.state).endswith("icon shown"), 30, "the panel shows it")
    life.pass_seconds(1)
    assert (life.presence.is_looking, life.presence.no_tray) == (False, None)
    watcher.close()
    wait_for(lambda: "waiting for a tray" in str(life.presence.state), 30, "the panel has exited")
    life.pass_seconds(PATIENCE - 1)
    assert (life.presence.is_looking, life.presence.no_tray) == (False, None), "a panel may take as long to come back"


def test_no_window_opens_after_start_by_hand_with_tray(life: Life, bus: Session) -> None:
    watcher = Watcher(bus.environment["DBUS_SESSION_BUS_ADDRESS"])
    life.start_by_hand()
    wait_for(lambda: str(life.presence.state).endswith("icon shown"), 30, "the panel shows it")
    life.pass_seconds(60)
    assert (life.opened, life.children, life.presence.is_looking) == (0, [], False)
    watcher.close()


def test_slow_bus_opens_no_window(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the bus has responded, it is unknown whether there is a tray."""
    life.start_by_hand()
    monkeypatch.setattr(type(life.presence._tray), "has_tray", None)
    life.pass_seconds(PATIENCE - 1)
    assert (life.opened, life.presence.is_looking) == (0, False)


def test_xembed_tray_gets_icon_at_once_after_start_by_hand(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeX, "has_tray", True)
    life.start_by_hand()
    life.pass_seconds(1)
    assert (life.opened, len(life.children)) == (0, 1)


def test_no_xembed_process_while_tray_is_on_the_bus(life: Life, bus: Session) -> None:
    watcher = Watcher(bus.environment["DBUS_SESSION_BUS_ADDRESS"])
    wait_for(lambda: str(life.presence.state).endswith("icon shown"), 5, "the panel shows it")
    life.pass_seconds(60)
    assert (life.opened, life.children) == (0, [])
    watcher.close()


def test_xembed_process_runs_until_panel_starts(life: Life, bus: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeX, "has_tray", True)
    life.pass_seconds(60)
    assert (life.opened, len(life.children)) == (0, 1)
    assert str(life.presence.state) == "XEmbed: icon shown by process 77"
    watcher = Watcher(bus.environment["DBUS_SESSION_BUS_ADDRESS"])
    wait_for(lambda: life.presence._tray and life.presence._tray.is_shown, 5, "the panel shows it")
    life.pass_seconds(1)
    assert life.children[0].code == -15
    assert str(life.presence.state).endswith("icon shown")
    watcher.close()


def test_exited_xembed_process_is_restarted(
    life: Life, monkeypatch: pytest.MonkeyPatch, expected_logs: list[str]
) -> None:
    monkeypatch.setattr(FakeX, "has_tray", True)
    life.pass_seconds(PATIENCE)
    expected_logs.append("The process with the tray icon has ended with code -11")
    life.children[0].code = -11
    life.pass_seconds(59)
    assert len(life.children) == 1
    life.pass_seconds(2)
    assert len(life.children) == 2
    assert life.opened == 0


def test_closed_xembed_tray_is_reported_and_restarted_one_shows_icon(
    life: Life, monkeypatch: pytest.MonkeyPatch, expected_logs: list[str]
) -> None:
    monkeypatch.setattr(FakeX, "has_tray", True)
    life.pass_seconds(PATIENCE)
    assert life.presence.is_shown
    life.pass_seconds(100)
    monkeypatch.setattr(FakeX, "has_tray", False)
    life.pass_seconds(1)
    assert not life.presence.is_shown
    assert str(life.presence.state) == "XEmbed: process 77 is waiting for a tray"
    assert life.children[0].code is None, "a tray that is restarted gets the icon from the same process"
    expected_logs.append("No tray shows the icon.")
    life.pass_seconds(PATIENCE)
    assert life.children[0].code == -15
    assert "Add a tray to your panel" in str(life.presence.no_tray)
    monkeypatch.setattr(FakeX, "has_tray", True)
    life.pass_seconds(1)
    assert (life.presence.is_shown, life.presence.no_tray, len(life.children)) == (True, None, 2)
    monkeypatch.setattr(FakeX, "has_tray", False)
    life.pass_seconds(100)
    assert "Add a tray to your panel" in str(life.presence.no_tray)
    assert life.opened == 1


def test_tray_setting_none_shows_no_icon(life: Life) -> None:
    life.loop.do(lambda: life.presence.apply(Settings(tray=TrayIcon(way="none"))))
    life.pass_seconds(100)
    assert (life.opened, life.presence.no_tray, life.children) == (0, None, [])
    assert str(life.presence.state) == "no icon: chosen in the settings"


def test_missing_bus_is_logged_once_and_xembed_is_tried(
    life: Life, monkeypatch: pytest.MonkeyPatch, expected_logs: list[str]
) -> None:
    life.loop.do(life.presence.close)
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere/at/all")
    monkeypatch.setattr(FakeX, "has_tray", True)
    expected_logs.append("The session bus at unix:path=/nowhere/at/all cannot be used")
    life.presence = life.make(Settings())
    life.pass_seconds(PATIENCE)
    assert len(life.children) == 1
    life.loop.do(life.presence.close)
    assert life.children[0].code == -15
