"""Makes the notices for the banner: about the connection to the agent, and about faults that the agent reports."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from PySide6.QtCore import QCoreApplication

from netwatch_tray.feed.protocol import Status
from netwatch_tray.language import said
from netwatch_tray.window.data.agent_link import AgentLink
from netwatch_tray.window.shell.banner import Notice

translate = QCoreApplication.translate


def link_notice(link: AgentLink, *, is_starting: bool, can_start: bool, known_until: datetime | None) -> Notice | None:
    """Return a notice if no agent is connected; None if one is, and before the first attempt to connect.

    `is_starting`: whether the user has started an agent. `can_start`: whether the user can start one by the banner's
    button. `known_until`: local time of the last tick; None: there was none.
    """
    if link.version_mismatch:
        return Notice(
            "err",
            translate("Notices", "The agent is of another version than this window."),
            translate(
                "Notices", "What was measured so far is safe. Quit NetWatch from its tray icon and start it again."
            ),
        )
    if link.attempt == 0:
        return None
    if is_starting:
        return Notice(
            "err",
            translate("Notices", "The agent is starting …"),
            translate("Notices", "There are no rates without it."),
        )
    action = translate("Notices", "Start it") if can_start else translate("Notices", "Try now")
    when = translate("Notices", "Reconnecting in {seconds} s.").format(seconds=link.retry_in)
    if not link.was_connected:
        return Notice(
            "err",
            f"{translate('Notices', 'The agent is not running.')} {when}",
            translate("Notices", "There are no rates without it. Start it with: netwatch-tray"),
            action,
        )
    since = f"{known_until:%H:%M:%S}" if known_until else ""
    return Notice(
        "err",
        f"{translate('Notices', 'The agent stopped.')} {when}",
        translate("Notices", "No live rates. The chart is complete up to {time}.").format(time=since),
        action,
    )


def agent_notices(status: Status | None, acknowledged: Collection[str]) -> list[Notice]:
    """Return a notice for each fault in the agent's status, except for those that the user has acknowledged. `status`:
    None if no agent is connected. `acknowledged`: texts of those notices."""
    if status is None:
        return []
    faults = [(translate("Notices", "Something is missing."), fault) for fault in status.faults]
    if status.settings_fault:
        faults.append((translate("Notices", "Fault in the settings."), status.settings_fault))
    if status.no_tray:
        faults.append((translate("Notices", "No system tray found."), status.no_tray))
    button = translate("Notices", "Understood")
    notices = [Notice("warn", title, said(fault), button) for title, fault in faults]
    return [each for each in notices if each.detail not in acknowledged]


def first_of(notices: Sequence[Notice]) -> Notice | None:
    """Return the first notice, with the number of further ones added to its text; None if there is no notice."""
    if len(notices) <= 1:
        return notices[0] if notices else None
    more = translate("Notices", "And {count} more.").format(count=len(notices) - 1)
    return notices[0]._replace(detail=f"{notices[0].detail} {more}")
