"""Reads the desktop's colour scheme and font from the settings portal, a D-Bus service of Linux desktops.

org.freedesktop.portal.Settings (flatpak.github.io/xdg-desktop-portal): `color-scheme` in the namespace
org.freedesktop.appearance is 0 for no preference, 1 for dark, 2 for light. GNOME's backend also reports its own
settings, such as `font-name`. Qt reads some of this on some desktops and follows changes on fewer.
"""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import SLOT, QObject, Qt, Signal, Slot
from PySide6.QtDBus import QDBusConnection, QDBusMessage, QDBusPendingCallWatcher, QDBusVariant

_PORTAL = ("org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop", "org.freedesktop.portal.Settings")
_SCHEME = ("org.freedesktop.appearance", "color-scheme")
_FONT = ("org.gnome.desktop.interface", "font-name")
_SCHEMES = {1: Qt.ColorScheme.Dark, 2: Qt.ColorScheme.Light}


class PortalSettings(QObject):
    """Reads the settings of the portal once, without blocking, and then follows their changes by signals. Without a
    session bus or a portal no signal is emitted."""

    scheme_changed = Signal()
    font_changed = Signal(str)
    """The desktop's font has changed; carries a description such as `Cantarell 11`. Not emitted for the font at the
    start, which Qt reads itself."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.scheme: Qt.ColorScheme | None = None
        """The colour scheme; None if the portal has not responded, or has no preference."""
        bus = QDBusConnection.sessionBus()
        if not bus.isConnected():
            return
        # PySide's stubs miss this overload.
        bus.connect(*_PORTAL, "SettingChanged", self, SLOT("_on_changed(QDBusMessage)"))  # type: ignore[call-overload]
        # `Read`, although deprecated: version 1 of the interface, which is widespread, has no `ReadOne`.
        call = QDBusMessage.createMethodCall(*_PORTAL, "Read")
        call.setArguments([*_SCHEME])
        self._pending = QDBusPendingCallWatcher(bus.asyncCall(call), self)
        self._pending.finished.connect(self._on_read)

    def _on_read(self, answer: QDBusPendingCallWatcher) -> None:
        reply = answer.reply()
        if reply.type() == QDBusMessage.MessageType.ReplyMessage:
            self._take(_SCHEME, reply.arguments())

    @Slot(QDBusMessage)
    def _on_changed(self, message: QDBusMessage) -> None:
        match message.arguments():
            case [str(namespace), str(key), value]:
                self._take((namespace, key), [value])

    def _take(self, name: tuple[str, str], values: list[Any]) -> None:
        value = values[0] if values else None
        while isinstance(value, QDBusVariant):  # `Read` wraps it twice
            value = value.variant()
        if name == _SCHEME and isinstance(value, int):
            scheme = _SCHEMES.get(value)
            if scheme != self.scheme:
                self.scheme = scheme
                self.scheme_changed.emit()
        elif name == _FONT and isinstance(value, str):
            self.font_changed.emit(value)
