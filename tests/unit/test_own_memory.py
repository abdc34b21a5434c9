"""Memory of the running process."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from netwatch_tray import own_memory

_ROLLUP = """\
55e3c055a000-7ffdd70c5000 ---p 00000000 00:00 0                          [rollup]
Rss:               13552 kB
Pss:                8025 kB
Pss_Dirty:          6876 kB
SwapPss:               0 kB
"""


def test_the_proportional_set_size_is_read_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "smaps_rollup").write_text(_ROLLUP)
    assert own_memory.pss(str(tmp_path)) == 8025 * 1024


def test_memory_is_unknown_where_the_kernel_does_not_report_it(tmp_path: Path) -> None:
    assert own_memory.pss(str(tmp_path)) is None
    (tmp_path / "smaps_rollup").write_text("")
    assert own_memory.pss(str(tmp_path)) is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux reports it")
def test_the_kernel_reports_the_memory_of_this_process() -> None:
    found = own_memory.pss()
    assert found is not None
    assert found > 1 << 20
