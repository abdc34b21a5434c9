"""The page of the first start."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSettings
from statuses import status
from windows import Opened, button, child, interface, tick, uplink, visible_text

from netwatch_tray.errors import Message
from netwatch_tray.feed.protocol import TickMessage
from netwatch_tray.window.shell.banner import Banner

_FEW = (uplink(2, "eth0", 12.4e6, 840e3), interface(3, "wg0", 2.1e6, 96.2e3, over=("eth0",)))


def test_first_run_page_is_shown_once_if_the_user_has_to_act(opened: Opened, tmp_path: Path) -> None:
    window = opened.window
    shown = window.first_run
    opened.say(TickMessage(tick(*_FEW)), status(no_tray=None))
    assert not shown.isVisible(), "nothing needs anybody"
    opened.say(status(no_tray=Message("Install the extension.")), TickMessage(tick(*_FEW, interface(9, "lo"))))
    assert shown.isVisible()
    assert "NetWatch is measuring" in visible_text(shown)
    assert "Interfaces found: 3. The total is eth0" in visible_text(shown)
    assert "Install the extension." in visible_text(shown)
    assert child(window, Banner).isHidden(), "it is reported only once"
    shown.done.emit()
    assert window.interfaces.isVisible()
    opened.say(status(no_tray=Message("Install the extension.")))
    assert window.interfaces.isVisible(), "never again"
    memory = QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)
    assert memory.value("welcomed") is not None
    opened.memory.remove("welcomed")
    opened.say(status(no_tray=Message("Install the extension.")))
    assert shown.isVisible()
    button(window, "Interfaces").click()
    assert window.interfaces.isVisible(), "the tab of the page below leads there as well"


def test_first_run_page_shows_whether_a_tray_was_found(opened: Opened) -> None:
    window = opened.window
    shown = window.first_run
    opened.say(TickMessage(tick(*_FEW)), status(is_looking=True))
    assert shown.isVisible()
    assert "Looking for a tray …" in visible_text(shown)
    opened.say(status(no_tray=Message("Install the extension.")))
    assert "Looking for a tray …" not in visible_text(shown)
    assert "Install the extension." in visible_text(shown)
    assert child(window, Banner).isHidden(), "it is reported only once"
    opened.say(status())
    assert "The icon is in the tray" in visible_text(shown)
    assert "Install the extension." not in visible_text(shown)
    assert shown.isVisible(), "until the user goes on"
