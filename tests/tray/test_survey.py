"""What `doctor` reports of trays, on a real bus; the desktops themselves are in tests/e2e."""

from __future__ import annotations

import pytest
from desktop import Session
from surroundings import Watcher

from netwatch_tray.settings import Settings
from netwatch_tray.tray import survey as survey_module
from netwatch_tray.tray.survey import survey

NOTIFICATIONS = "org.freedesktop.Notifications"


@pytest.fixture(autouse=True)
def _session(bus: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", bus.environment["DBUS_SESSION_BUS_ADDRESS"])


@pytest.mark.parametrize(
    ("process", "has_host", "expected"),
    [
        ("kded5", True, "KDE Plasma (kded5, process {pid})"),
        ("kded5", False, "KDE Plasma (kded5, process {pid}), no panel is running"),
        ("notification-ar", True, "MATE panel (notification-ar, process {pid})"),
        ("panel-1-systray", False, "Xfce panel (panel-1-systray, process {pid})"),
        ("swaybar", True, "swaybar (swaybar, process {pid})"),
        ("something", True, "something (something, process {pid})"),
    ],
)
def test_survey_names_panel_and_whether_it_runs(
    bus: Session, monkeypatch: pytest.MonkeyPatch, process: str, has_host: bool, expected: str
) -> None:
    monkeypatch.setattr(survey_module, "process_name", lambda _: process)
    watcher = Watcher(bus.environment["DBUS_SESSION_BUS_ADDRESS"], has_host=has_host)
    watcher.has_host = True  # what kded goes on claiming when plasmashell was killed
    try:
        pid = bus.client.call_bus("GetConnectionUnixProcessID", "s", ("org.kde.StatusNotifierWatcher",))[0]
        assert survey(Settings())["tray, StatusNotifier"] == expected.format(pid=pid)
    finally:
        watcher.close()


def test_survey_starts_no_service(bus: Session) -> None:
    activatable = bus.client.call_bus("ListActivatableNames")[0]
    report = survey(Settings())
    assert bus.client.owner(NOTIFICATIONS) is None
    expected = "a server is installed" if NOTIFICATIONS in activatable else "no server"
    assert report["notifications"].startswith(expected)
    assert report["tray, StatusNotifier"] == "none: nobody owns org.kde.StatusNotifierWatcher"
