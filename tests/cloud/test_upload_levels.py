"""The documented list of what leaves the machine at each level is complete, and names nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest
from test_wire import EVERYTHING

from netwatch_tray.cloud import wire
from netwatch_tray.cloud.privacy import limited
from netwatch_tray.settings import UploadLevel

DOCUMENT = Path(__file__).parents[2] / "docs" / "upload.md"
TYPES: dict[str, Any] = json.loads((DOCUMENT.parent / "snapshot.schema.json").read_text())["$defs"]
LEVELS: tuple[UploadLevel, ...] = get_args(UploadLevel)


def _documented(highest: UploadLevel) -> set[str]:
    """Return the keys that the document lists up to a level."""
    section = DOCUMENT.read_text().partition("### What leaves the machine at each level\n")[2].partition("\n#")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", section, re.MULTILINE)
    assert {level for level, _keys in rows} == set(LEVELS)
    wanted = LEVELS[: LEVELS.index(highest) + 1]
    return {key for level, keys in rows if level in wanted for key in re.findall(r"`(\w+)`", keys)}


def _within(described: Any) -> set[str]:
    """Return the keys of the types that a part of the schema refers to."""
    if isinstance(described, list):
        return set().union(*map(_within, described))
    if not isinstance(described, dict):
        return set()
    found = set().union(*map(_within, described.values()))
    if "$ref" in described:
        properties = TYPES[described["$ref"].rpartition("/")[2]]["properties"]
        found |= properties.keys() | _within(list(properties.values()))
    return found


@pytest.mark.parametrize("level", LEVELS)
def test_the_keys_of_each_level_are_documented(level: UploadLevel) -> None:
    sent = json.loads(wire.encode(limited(EVERYTHING, level, b"", hide_addresses=False, hide_names=False)))
    envelope, snapshot = TYPES["Envelope"]["properties"], TYPES["Snapshot"]["properties"]
    keys = {key for key, value in sent.items() if value is not None}
    keys |= _within([snapshot[key] for key in keys])
    around = envelope.keys() - {"snapshots"}
    assert keys | around | _within([envelope[key] for key in around]) == _documented(level)


def test_the_highest_level_has_every_key_of_the_format() -> None:
    every = set().union(*(each["properties"] for each in TYPES.values()))
    assert every - {"snapshots"} == _documented(LEVELS[-1])
