"""Declares the settings that the page shows. For a new setting, add one row to `setting_rows`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any, NamedTuple

import msgspec
from PySide6.QtCore import QCoreApplication

from netwatch_tray.settings import Settings
from netwatch_tray.window.pages.settings.controls import Amount, Control, Day, Menu, OneOf, Show, Since, Size, Toggle
from netwatch_tray.window.widgets.setting_controls import FormRow
from netwatch_tray.window.widgets.theme import Theme

translate = QCoreApplication.translate

Change = Callable[[Callable[[Settings], Settings]], None]
"""Function that changes the settings file: its argument gets the current settings and returns the changed ones."""


class SettingRow(NamedTuple):
    """The declaration of the row of one setting."""

    path: str
    """Key in the settings file with its table: `units.bits`."""
    label: str
    control: Control
    help_text: str = ""


def setting_rows(interfaces: Callable[[], Sequence[str]]) -> dict[str, tuple[SettingRow, ...]]:
    """Return the declarations of all rows, by section of the page.

    `interfaces`: returns the names of the interfaces that the tray can show.
    """
    return {
        "general": (
            SettingRow(
                "language",
                translate("Settings", "Language"),
                OneOf({"auto": translate("Settings", "System"), "en": "English", "de": "Deutsch"}),
                translate("Settings", "An open window keeps its language until it is opened again."),
            ),
            SettingRow(
                "window.theme",
                translate("Settings", "Colour scheme"),
                OneOf(
                    {
                        "system": translate("Settings", "System"),
                        "light": translate("Settings", "Light"),
                        "dark": translate("Settings", "Dark"),
                    }
                ),
                translate("Settings", "For this window. The icon follows its panel."),
            ),
            SettingRow(
                "window.mini",
                translate("Settings", "Mini window at start"),
                Toggle(),
                translate("Settings", "Rates above all other windows. Ctrl+Shift+M opens it at any time."),
            ),
            SettingRow(
                "countries",
                translate("Settings", "Countries of addresses"),
                Toggle(),
                translate("Settings", "From a database on this computer, if there is one. Nothing is requested."),
            ),
            SettingRow(
                "window.same_scale",
                translate("Settings", "One scale for download and upload"),
                Toggle(),
                translate("Settings", "In charts of rates: the same height is the same rate."),
            ),
        ),
        "tray": (
            SettingRow(
                "tray.interface",
                translate("Settings", "Rates of"),
                Menu(interfaces, empty=translate("Settings", "The total")),
                translate("Settings", "Shown by the icon, its tooltip and its text."),
            ),
            SettingRow(
                "tray.text",
                translate("Settings", "Rates beside the icon"),
                Toggle(),
                translate("Settings", "Where the bar has room for text."),
            ),
            SettingRow(
                "tray.digits",
                translate("Settings", "Rates in the icon"),
                Toggle(),
                translate("Settings", "As digits, for trays without text beside it (KDE, LXQt, older trays)."),
            ),
            SettingRow(
                "tray.period",
                translate("Settings", "New rates every"),
                OneOf({each: translate("Settings", "{seconds} s").format(seconds=each) for each in (1, 2, 5)}),
                translate("Settings", "The tray shows averages of that time; measuring continues every second."),
            ),
        ),
        "units": (
            SettingRow(
                "units.bits",
                translate("Settings", "Rates in"),
                OneOf({False: translate("Settings", "Bytes"), True: translate("Settings", "Bits")}),
                translate("Settings", "Amounts are always in bytes."),
            ),
            SettingRow(
                "units.binary",
                translate("Settings", "Multiples of"),
                OneOf({False: "1000", True: "1024"}),
                translate("Settings", "1000: kB, MB. 1024: KiB, MiB."),
            ),
        ),
        "history": (
            SettingRow(
                "history.on",
                translate("Settings", "Keep a history"),
                Toggle(),
                translate("Settings", "On this computer alone."),
            ),
            SettingRow(
                "history.size_mb",
                translate("Settings", "At most"),
                Amount(20, 100_000, suffix=" MB"),
                translate("Settings", "When full, the oldest hourly data is deleted; daily totals stay."),
            ),
            SettingRow(
                "history.hosts_days",
                translate("Settings", "Keep hosts of apps"),
                OneOf(
                    {
                        0: translate("Settings", "1 day"),
                        30: translate("Settings", "30 days"),
                        365: translate("Settings", "1 year"),
                    }
                ),
                translate(
                    "Settings",
                    "Which app moved how much with which host. A day is kept in memory; more in files of up to 50 MB, "
                    "with the names of hosts.",
                ),
            ),
            SettingRow(
                "history.network_names",
                translate("Settings", "Names of networks"),
                Toggle(),
                translate(
                    "Settings",
                    "Usage by network with its name, such as that of the Wi-Fi, from NetworkManager. On this computer "
                    "alone, never uploaded.",
                ),
            ),
        ),
        "plan": (
            SettingRow(
                "plan.cap_gb",
                translate("Settings", "Allowed in a month"),
                Size(1e9, translate("Settings", "No cap")),
                translate(
                    "Settings",
                    "Download and upload together, such as 500 GB or 2.5 TB; you are notified at 80 and 100 %.",
                ),
            ),
            SettingRow(
                "plan.billing_day",
                translate("Settings", "The month begins on day"),
                Amount(1, 31),
                translate("Settings", "As on your bill."),
            ),
            SettingRow(
                "plan.days",
                translate("Settings", "Instead of a month"),
                Amount(0, 366, suffix=translate("Settings", " days")),
                translate("Settings", "Prepaid plans last 28 or 30 days, from the day below on. 0: a month."),
            ),
            SettingRow(
                "plan.begin",
                translate("Settings", "First day of a period"),
                Day(translate("Settings", "No day")),
                translate("Settings", "Of any period, such as the day you paid: 2026-11-03."),
            ),
            SettingRow(
                "plan.counts",
                translate("Settings", "What counts"),
                OneOf(
                    {
                        "all": translate("Settings", "All"),
                        "metered": translate("Settings", "Metered"),
                        "internet": translate("Settings", "Internet"),
                    },
                ),
                translate(
                    "Settings",
                    "Metered: networks that NetworkManager calls so, such as a phone's. Internet: without what is "
                    "known to have stayed in the local network.",
                ),
            ),
            SettingRow(
                "usage.counter_since",
                translate("Settings", "Counter on the Usage page"),
                Since(translate("Settings", "off")),
                translate("Settings", "Counts the traffic since you reset it."),
            ),
        ),
        "events": (
            SettingRow(
                "events.on",
                translate("Settings", "Look for what is unusual"),
                Toggle(),
                translate("Settings", "On this computer alone. What was found before stays."),
            ),
            SettingRow(
                "events.notify",
                translate("Settings", "Notifications"),
                OneOf(
                    {
                        "alerts": translate("Settings", "Alerts"),
                        "notices": translate("Settings", "And notices"),
                        "none": translate("Settings", "None"),
                    }
                ),
                translate("Settings", "The Events page lists everything in any case."),
            ),
            SettingRow("events.quiet_from", translate("Settings", "Quiet from"), Menu(_hours, _never())),
            SettingRow(
                "events.quiet_until",
                translate("Settings", "Quiet until"),
                Menu(_hours, _never()),
                translate("Settings", "Nothing notifies between these times, also across midnight."),
            ),
            SettingRow(
                "events.upload_times",
                translate("Settings", "Unusual upload: times the usual day"),
                Amount(2, 1000),
                translate(
                    "Settings", "An app that sends more raises an alert. The usual day is the median of 28 days."
                ),
            ),
            SettingRow(
                "events.upload_least_mb",
                translate("Settings", "Unusual upload: at least"),
                Amount(1, 1_000_000, suffix=" MB"),
            ),
            SettingRow(
                "events.rate_mb",
                translate("Settings", "Long upload: above"),
                Amount(0, 100_000, suffix=" MB/s", decimals=1, none=translate("Settings", "Off")),
            ),
            SettingRow(
                "events.rate_minutes",
                translate("Settings", "Long upload: for"),
                Amount(1, 1440, suffix=translate("Settings", " min")),
                translate("Settings", "An upload above that rate for this long raises an alert, for any app."),
            ),
        ),
        "upload": (
            SettingRow(
                "upload.interval",
                translate("Settings", "Every"),
                Amount(10, 3600, suffix=translate("Settings", " s")),
                translate("Settings", "Each has the traffic since the previous one."),
            ),
            SettingRow(
                "upload.hide_addresses",
                translate("Settings", "Hide addresses"),
                Toggle(),
                translate("Settings", "They become “private”, “public” or “loopback”."),
            ),
            SettingRow(
                "upload.hide_names",
                translate("Settings", "Hide names"),
                Toggle(),
                translate("Settings", "Names of the computer, users, apps and disks become random words."),
            ),
        ),
        "metrics": (
            SettingRow(
                "metrics.on",
                translate("Settings", "Serve metrics to Prometheus"),
                Toggle(),
                translate(
                    "Settings",
                    "At 127.0.0.1:9464, unless the settings file has another address. No apps and no connections.",
                ),
            ),
        ),
    }


def _hours() -> list[str]:
    return [f"{hour:02}:00" for hour in range(24)]


def _never() -> str:
    return translate("Settings", "Never")


def value_at(settings: Settings, path: str) -> Any:
    value: Any = settings
    for name in path.split("."):
        value = getattr(value, name)
    return value


def with_values(settings: Settings, values: dict[str, Any]) -> Settings:
    """Return a copy of the settings with these values, given by the paths of their keys."""
    for path, value in values.items():
        settings = _with_value(settings, path.split("."), value)
    return settings


class BoundRows:
    """Creates the widgets of declared rows. Each shows the value of its setting, and saves another one that the user
    chooses."""

    def __init__(self, theme: Theme, change: Change) -> None:
        self._theme = theme
        self._change = change
        self._show: dict[str, Show] = {}
        self._rows: dict[str, FormRow] = {}
        self._is_showing = False

    def make(self, row: SettingRow) -> FormRow:
        """Create the widget for a declared row."""
        widget, self._show[row.path] = row.control.make(self._theme, row.label, partial(self._choose, row.path))
        made = self._rows[row.path] = FormRow(self._theme, row.label, row.help_text, widget)
        return made

    def show(self, settings: Settings, managed: Collection[str]) -> None:
        """Show the values of these settings in all rows. `managed`: keys of those that only the administrator can
        change."""
        self._is_showing = True  # what a control emits now was not chosen by the user
        for path, show in self._show.items():
            show(value_at(settings, path))
            self._rows[path].show_managed(path in managed)
        self._is_showing = False

    def _choose(self, path: str, value: Any) -> None:
        if not self._is_showing:
            self._change(lambda before: with_values(before, {path: value}))


def _with_value(struct: Any, names: list[str], value: Any) -> Any:
    name, *rest = names
    return msgspec.structs.replace(struct, **{name: _with_value(getattr(struct, name), rest, value) if rest else value})
