"""Converts events to log records of OpenTelemetry, with their evidence as attributes and without what the user has
hidden."""

from __future__ import annotations

import ipaddress
import uuid
from enum import Enum
from typing import Any

import msgspec

from netwatch_tray.cloud import alerts, otlp_json, privacy, wire
from netwatch_tray.cloud.account import Identity
from netwatch_tray.cloud.otlp_json import Attributes, Scalar
from netwatch_tray.event import Event, Severity
from netwatch_tray.settings import Upload

_SEVERITIES = {Severity.RECORD: (9, "INFO"), Severity.NOTICE: (10, "INFO2"), Severity.ALERT: (13, "WARN")}


def log_element(event: Event, upload: Upload, identity: Identity, resource: Attributes, now: float) -> bytes:
    """Return an event as an encoded element for `otlp_json.request`. `upload`: has the user's choices of what to hide.
    `now`: Unix time."""
    secret = bytes.fromhex(identity.secret)
    app = event.app_name
    if app is not None and upload.hide_names:
        app = privacy.word("app", app, secret)
    words = alerts.text(event, app or "an unknown app", alerts.address_of(event.host, hide=upload.hide_addresses))
    number, severity = _SEVERITIES[event.severity]
    record = otlp_json.LogRecord(
        time_unix_nano=otlp_json.nanoseconds(event.last),
        observed_time_unix_nano=otlp_json.nanoseconds(now),
        severity_number=number,
        severity_text=severity,
        event_name=f"netwatch.{event.kind.label.replace('-', '_')}",
        body=otlp_json.any_value(wire.text(words.message if words else event.kind.label.replace("-", " "))),
        attributes=otlp_json.key_values(
            {
                "log.record.uid": _uid(event, identity),
                "netwatch.event.id": event.id,
                "netwatch.event.count": event.count,
                **_names(event, app, upload),
                **_evidence(event, upload),
            }
        ),
    )
    return otlp_json.resource_logs(resource, record)


def _uid(event: Event, identity: Identity) -> str:
    """Return an ID for the record. A record that is sent again, after a lost response, has the same ID."""
    return str(uuid.uuid5(uuid.UUID(identity.host_id), f"{event.id} {event.severity:d}"))


def _names(event: Event, app: str | None, upload: Upload) -> dict[str, Scalar]:
    """Return the attributes with the names of app and remote address, as far as the user lets them be sent. Names of
    hosts never are."""
    found: dict[str, Scalar] = {}
    if app is not None:
        found["netwatch.app.name"] = wire.text(app)
    if event.pid is not None:
        found["process.pid"] = event.pid
    if event.host is not None and _is_address(event.host):
        found["network.peer.address"] = privacy.reach(event.host) if upload.hide_addresses else event.host
    return found


def _evidence(event: Event, upload: Upload) -> dict[str, Scalar | tuple[Scalar, ...]]:
    found: dict[str, Scalar | tuple[Scalar, ...]] = {}
    for name, value in msgspec.structs.asdict(event.evidence).items():
        if value is None or name.startswith("rule_") or (name == "program" and upload.hide_names):
            continue
        hide = upload.hide_addresses
        several = isinstance(value, tuple)
        found[f"netwatch.{name}"] = tuple(_shown(each, hide) for each in value) if several else _shown(value, hide)
    return found


def _shown(value: Any, hide_addresses: bool) -> Scalar:
    if isinstance(value, Enum):
        return str(getattr(value, "label", value.name.lower()))
    if isinstance(value, str):
        return privacy.reach(value) if hide_addresses and _is_address(value) else wire.text(value)
    return value if isinstance(value, int | float) else str(value)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True
