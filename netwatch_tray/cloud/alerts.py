"""Converts events to alerts in the format of NetWatch servers: four categories, in English, without names of hosts.

An alert is one text. Names cannot be removed from it later, so it contains only what the user chose to send.
"""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from netwatch_tray import units
from netwatch_tray.cloud import privacy, wire
from netwatch_tray.event import Beacon, DnsTunnel, Event, HeldRate, PortScan, SentMuch
from netwatch_tray.settings import Upload

_Category = Literal["port_scan", "beaconing", "dns_tunnel", "bandwidth"]


class Text(NamedTuple):
    category: _Category
    message: str
    detail: str


def alert(event: Event, upload: Upload, secret: bytes) -> wire.Alert | None:
    """Return an event in the wire format, or None if the servers have no category for it. `secret`: as in
    privacy.limited."""
    app = event.app_name or "an unknown app"
    if upload.hide_names and event.app_name:
        app = privacy.word("app", event.app_name, secret)
    found = text(event, app, address_of(event.host, hide=upload.hide_addresses))
    if found is None:
        return None
    at = wire.timestamp(datetime.fromtimestamp(event.last, UTC))
    return wire.Alert(
        severity="critical" if found.category == "port_scan" else "warning",
        category=found.category,
        message=wire.text(found.message),
        detail=wire.text(found.detail),
        timestamp=at,
        time=at,
    )


def text(event: Event, app: str, address: str) -> Text | None:
    """Return the category and the English sentences of an event, or None if the servers have no category for it. `app`,
    `address`: names to use in them."""
    match event.evidence:
        case PortScan(inbound=True) as scan:
            return Text(
                "port_scan", f"{scan.ports} ports tried by {address}", f"within {scan.seconds:.0f} s, source {address}"
            )
        case PortScan() as scan:
            return Text("port_scan", f"{app} tried one port of {scan.hosts} hosts", f"within {scan.seconds:.0f} s")
        case Beacon() as beacon:
            return Text(
                "beaconing",
                f"{app} connects to {address} every {beacon.period:.0f} s",
                f"{beacon.times} times, at most {beacon.deviation:.1f} s early or late",
            )
        case DnsTunnel() as tunnel:
            return Text(
                "dns_tunnel",
                f"names requested by {app} look like carried data",
                f"{tunnel.queries} queries in {tunnel.seconds:.0f} s, {tunnel.length:.0f} characters on average",
            )
        case SentMuch() as upload:
            return Text(
                "bandwidth",
                f"{app} sent {units.size(upload.sent)} in one day",
                f"usual day {units.size(upload.usual)}, greatest in {upload.days} days {units.size(upload.greatest)}",
            )
        case HeldRate() as held:
            return Text(
                "bandwidth",
                f"{app} sent {units.rate(held.rate)} for {held.seconds:.0f} s",
                f"limit {units.rate(held.rule_rate)}",
            )
    return None


def address_of(host: str | None, *, hide: bool) -> str:
    """Return the host if it is an IP address. Otherwise, or with `hide`, return words in its place, because no level
    sends names of hosts."""
    try:
        ipaddress.ip_address(host or "")
    except ValueError:
        return "a remote host"
    return privacy.reach(host or "") + " address" if hide else str(host)
