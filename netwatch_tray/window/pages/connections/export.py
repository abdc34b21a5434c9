"""The connection list as a file that other programs read: the same keys in both formats, numbers unformatted."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import msgspec

from netwatch_tray.model import Connection
from netwatch_tray.text import csv_cell


def save_csv(file: Path, connections: Sequence[Connection]) -> None:
    """With a heading; what is not known is empty, and no cell is a formula. Raises OSError."""
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, Connection.__struct_fields__)
        writer.writeheader()
        writer.writerows(
            {name: csv_cell(value) for name, value in msgspec.structs.asdict(each).items()} for each in connections
        )


def save_json(file: Path, connections: Sequence[Connection]) -> None:
    """A list of objects; what is not known is null. Raises OSError."""
    file.write_bytes(msgspec.json.format(msgspec.json.encode(connections)) + b"\n")
