"""The documents name files that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_files_named_in_the_documents_exist(page: Path) -> None:
    named = set(re.findall(r"`(?:netwatch_tray/)?((?:\w+/)+\w+\.py)`", page.read_text("utf-8")))
    missing = [file for file in sorted(named) if not any((ROOT / top / file).exists() for top in ("", "netwatch_tray"))]
    assert missing == []
