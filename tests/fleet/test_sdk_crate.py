"""netwatch-sdk 0.4.0 itself, which both public servers are built on, parses what is sent and loses nothing of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import needs
import pytest
from msgspec.structs import replace
from test_wire import EVERYTHING, HOST

from netwatch_tray.cloud import wire
from netwatch_tray.settings import UploadLevel

EXTENSIONS = {"connections": ("rx_bytes", "tx_bytes"), "alerts": ("time",)}
"""Fields of a snapshot's rows that the SDK does not have, and skips."""


def parsed(*bodies: bytes) -> list[dict[str, Any]]:
    """Return the JSON that the SDK writes after it has parsed the bodies."""
    program = needs.fleet_program("sdk_crate")
    done = subprocess.run([program], input=b"\n".join(bodies), capture_output=True, timeout=60, check=True)
    return [json.loads(line, parse_float=_rounded) for line in done.stdout.splitlines()]


def _rounded(digits: str) -> float:
    """Round a fraction as serde_json does, which reads it to within a unit in the last place."""
    return float(f"{float(digits):.12g}")


def expected(body: bytes) -> dict[str, Any]:
    """Return the body without the fields that the SDK does not have."""
    envelope = json.loads(body, parse_float=_rounded)
    del envelope["schema_version"], envelope["agent_health"]
    for snapshot in envelope["snapshots"]:
        for table, fields in EXTENSIONS.items():
            for row in snapshot.get(table, ()):
                for field in fields:
                    row.pop(field, None)
        snapshot["timestamp"] = _short(snapshot["timestamp"])
        for row in snapshot.get("processes", ()):
            if "started_at" in row:
                row["started_at"] = _short(row["started_at"])
        for row in snapshot.get("alerts", ()):
            row["timestamp"] = _short(row["timestamp"])
    assert isinstance(envelope, dict)
    return envelope


def _short(moment: str) -> str:
    """Return a time as the SDK writes it: with as many groups of three digits as it needs."""
    whole, fraction = moment.removesuffix("Z").split(".")
    fraction = fraction.removesuffix("000").removesuffix("000")
    return f"{whole}.{fraction}Z" if fraction else f"{whole}Z"


def envelope(*snapshots: wire.Snapshot) -> bytes:
    health = wire.AgentHealth(collectors_ok=True, dropped_count=1, queue_depth=len(snapshots))
    return wire.encode_envelope(HOST, wire.AGENT, [wire.encode(each) for each in snapshots], health)


def test_every_field_is_parsed() -> None:
    bare = wire.Snapshot(timestamp=EVERYTHING.timestamp, interfaces=())
    bodies = [envelope(EVERYTHING), envelope(bare), envelope(*[EVERYTHING] * 100)]
    assert parsed(*bodies) == [expected(body) for body in bodies]


@pytest.mark.parametrize("level", get_args(UploadLevel))
@pytest.mark.parametrize("hides", [False, True])
def test_snapshot_of_this_machine_is_parsed(level: str, hides: bool, tmp_path: Path) -> None:
    settings = tmp_path / "config" / "settings.toml"
    settings.parent.mkdir()
    hidden = str(hides).lower()
    settings.write_text(f"[upload]\nhide_addresses = {hidden}\nhide_names = {hidden}\nall_interfaces = {hidden}\n")
    program = [sys.executable, "-m", "netwatch_tray", "snapshot", "--level", level]
    environment = {**os.environ, "NETWATCH_TRAY_HOME": str(tmp_path)}
    done = subprocess.run(program, capture_output=True, timeout=120, check=True, env=environment)
    body = done.stdout.strip()
    (found,) = parsed(body)
    assert found == expected(body)


def test_sdk_refuses_values_outside_the_types() -> None:
    text = envelope(EVERYTHING)
    wrong = [
        text.replace(b'"tx_packets":6', b'"tx_packets":6.0'),
        text.replace(b'"tx_packets":6', b'"tx_packets":-6'),
        text.replace(b'"category":"bandwidth"', b'"category":"another"'),
        text.replace(HOST.host_id.encode(), b"not-a-uuid"),
        envelope(replace(EVERYTHING, timestamp="yesterday")),
    ]
    assert text not in wrong
    assert all(found.keys() == {"refused"} for found in parsed(*wrong))
