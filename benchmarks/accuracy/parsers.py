"""Parses what the tools of the scoreboard print. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from benchmarks.accuracy.amounts import Both, Seen, added
from netwatch_tray.engine.apps import SEARCHING_KEY, UNSEEN_KEY

_APP = re.compile(r"\bacc-[a-z]+")


def app_name(text: str) -> str:
    """Return the name of the scenario's app in a command line, or the command line if it is of no such app."""
    found = _APP.search(text)
    return text if found is None else found[0]


def first_number(text: str) -> str:
    found = re.search(r"\d+(\.\d+)+", text)
    return "?" if found is None else found[0]


def vnstat_total(printed: str, uplinks: Iterable[str]) -> Both | None:
    interfaces = {each["name"]: each["traffic"]["total"] for each in json.loads(printed)["interfaces"]}
    found = [Both(interfaces[name]["rx"], interfaces[name]["tx"]) for name in uplinks if name in interfaces]
    return added(found) if found else None


def bmon_total(lines: Iterable[str]) -> Both:
    """Return the sum of the last line of each interface."""
    last = {name: Both(int(rx), int(tx)) for name, rx, tx in (line.split() for line in lines)}
    return added(last.values())


def conky_total(lines: Iterable[str]) -> Both:
    numbers = [float(word) for word in list(lines)[-1].split()]
    return added(Both(int(rx), int(tx)) for rx, tx in zip(numbers[::2], numbers[1::2], strict=True))


def nethogs_rows(lines: Iterable[str]) -> dict[str, Both]:
    """Return the last amounts of each row. A row that has left the list keeps its amounts."""
    rows: dict[str, Both] = {}
    for line in lines:
        name, _, amounts = line.partition("\t")
        sent, _, received = amounts.partition("\t")
        if received:
            rows[name] = Both(int(float(received)), int(float(sent)))
    return rows


def nethogs_apps(rows: dict[str, Both]) -> tuple[dict[str, Both], Both]:
    """Return the amounts of apps, and the sum of those that nethogs calls unknown or lists only by addresses."""
    apps: dict[str, Both] = {}
    for name, moved in rows.items():
        app = app_name(name) if not name.endswith("/0/0") else ""
        apps[app] = apps.get(app, Both()).plus(moved)
    return apps, apps.pop("", Both())


_IFTOP = re.compile(r"Cumulative \(sent/received/total\):\s+(\S+)\s+(\S+)")
_POWERS: dict[str, int] = {"B": 0, "KB": 1, "MB": 2, "GB": 3}


def iftop_total(text: str) -> Both:
    found = _IFTOP.findall(text)
    if not found:
        return Both()
    sent, received = (_iftop_bytes(each) for each in found[-1])
    return Both(received, sent)


def _iftop_bytes(text: str) -> int:
    number, unit = re.fullmatch(r"([\d.]+)([KMG]?B)", text).groups()  # type: ignore[union-attr]
    return int(float(number) * 1024 ** _POWERS[unit])


_BANDWHICH = re.compile(r"(process|connection): <\d+> (.+?) up/down Bps: (\d+)/(\d+)")


def bandwhich_seen(lines: Iterable[str]) -> Seen:
    """Return the last amounts of each row."""
    rows = {"process": dict[str, Both](), "connection": dict[str, Both]()}
    for line in lines:
        found = _BANDWHICH.match(line)
        if found is not None:
            rows[found[1]][found[2].strip('"')] = Both(int(found[4]), int(found[3]))
    apps = rows["process"]
    return Seen(added(rows["connection"].values()), apps, apps.pop("<UNKNOWN>", Both()))


def rustnet_seen(lines: Iterable[str]) -> Seen:
    """Return the last amounts of all connections, added up by process."""
    connections = {each["id"]: each for line in lines for each in json.loads(line).get("connections", ())}
    apps: dict[str, Both] = {}
    for each in connections.values():
        name = each["process"]["name"] if each["process"] else ""
        moved = Both(each["traffic"]["bytes_received"], each["traffic"]["bytes_sent"])
        apps[name] = apps.get(name, Both()).plus(moved)
    return Seen(added(apps.values()), apps, apps.pop("", Both()))


def ours_total(lines: Iterable[str]) -> Both:
    """Return the sum of what `watch --json` printed."""
    result = Both()
    for line in lines:
        total = json.loads(line)["total"]
        result = result.plus(Both(total["rx_delta"] or 0, total["tx_delta"] or 0))
    return result


def ours_seen(message: dict[str, Any], total: Both) -> Seen:
    """Return the amounts that `apps --json` printed."""
    apps: dict[str, Both] = {}
    local: dict[str, Both] = {}
    unnamed = Both()
    for app in message["apps"]:
        name, moved = app["name"], Both(app["rx_bytes"], app["tx_bytes"])
        stayed = Both(app["local_rx_bytes"], app["local_tx_bytes"])
        if app["key"] in {UNSEEN_KEY, SEARCHING_KEY}:
            unnamed = unnamed.plus(moved).plus(stayed)
            continue
        apps[name], local[name] = moved.plus(apps.get(name, Both())), stayed.plus(local.get(name, Both()))
    return Seen(total, apps, unnamed, local)
