"""Words and amounts that several parts of the screen use."""

from __future__ import annotations

import time
from datetime import datetime

from netwatch_tray import units, wording
from netwatch_tray.language import translate
from netwatch_tray.tui.state import State


def counted(state: State) -> str:
    tick = state.shown.tick
    return "" if tick is None else wording.counted(tick)


def nothing(state: State) -> str:
    if state.filter:
        return translate("Terminal", "No row matches “{words}”. Esc shows all.").format(words=state.filter)
    return translate("Terminal", "Waiting for the first reading")


def filter_words(state: State) -> str:
    return f"/{state.filter}{'_' if state.is_typing else ''}"


def size(amount: int | None, state: State) -> str:
    return str(units.size(amount, state.units))


def month_name(state: State, *, is_short: bool = False) -> str:
    """Return the name of the billing month, or `since 15 Nov` if it is not a calendar month."""
    stored = state.shown.stored
    first = stored.plan.cycle.first if stored and stored.plan else None
    if first is None or first.day == 1:
        now = first or datetime.fromtimestamp(time.time()).astimezone().date()
        return wording.month_name(now.month, is_short=is_short)
    return translate("Terminal", "since {day}").format(day=wording.day_name(first, is_short=True))
