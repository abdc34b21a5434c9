"""Lines for status bars that show the output of a program: waybar, i3bar, polybar and others."""

from __future__ import annotations

from typing import Literal

import msgspec

from netwatch_tray.model import Tick
from netwatch_tray.settings import Settings
from netwatch_tray.tray.presenter import Presenter, View

BarFormat = Literal["text", "waybar", "i3bar", "polybar"]

_NAME = "netwatch-tray"


class Bar:
    """Writes the lines for a status bar, in the format of one of them."""

    def __init__(self, kind: BarFormat, settings: Settings) -> None:
        self._kind = kind
        with_text = msgspec.structs.replace(settings.tray, text=True)
        self._presenter = Presenter(msgspec.structs.replace(settings, tray=with_text))

    @property
    def head(self) -> str:
        """Return what must be printed before the first line; empty if the format needs nothing."""
        return '{"version":1}\n[\n[]' if self._kind == "i3bar" else ""

    def line(self, tick: Tick) -> str:
        view = self._presenter.present(tick)
        match self._kind:
            case "text":
                return view.label
            case "waybar":
                return _waybar(view)
            case "i3bar":
                return f",[{_json(_i3bar(view))}]"
            case "polybar":
                # A left click opens the window. The text cannot be mistaken for a tag of polybar, because no tag
                # contains a space.
                return f"%{{A1:{_NAME} window:}}{view.label}%{{A}}"


def _waybar(view: View) -> str:
    """Return a JSON line for waybar-custom(5): text and tooltip are markup; `class` is for the style sheet, `alt` for
    icons."""
    tooltip = "\n".join(view.tooltip).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _json({"text": view.label, "alt": view.glyph.kind, "class": view.glyph.kind, "tooltip": tooltip})


def _i3bar(view: View) -> dict[str, object]:
    """Return a block of the i3bar protocol (i3wm.org/docs/i3bar-protocol.html)."""
    return {"name": _NAME, "full_text": view.label, "urgent": view.glyph.kind == "alert"}


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
