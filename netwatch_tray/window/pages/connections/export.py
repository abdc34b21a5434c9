"""Saves the connection list as CSV or JSON: the same keys in both formats, numbers unformatted."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import msgspec

from netwatch_tray.model import Connection
from netwatch_tray.text import csv_cell


def save_csv(file: Path, connections: Sequence[Connection]) -> None:
    """Write CSV with a header row. Unknown values are empty. Texts that a spreadsheet would take for a formula are
    escaped. Raise OSError."""
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, Connection.__struct_fields__)
        writer.writeheader()
        writer.writerows(
            {name: csv_cell(value) for name, value in msgspec.structs.asdict(each).items()} for each in connections
        )


def save_json(file: Path, connections: Sequence[Connection]) -> None:
    """Write a JSON array of objects; unknown values are null. Raise OSError."""
    file.write_bytes(msgspec.json.format(msgspec.json.encode(connections)) + b"\n")
