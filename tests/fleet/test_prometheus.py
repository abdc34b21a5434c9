"""The real Prometheus beside the program."""

from __future__ import annotations

import subprocess

import needs


def test_promtool_reads_an_exposition() -> None:
    promtool = needs.fleet_program("promtool")
    text = b"# HELP netwatch_info About.\n# TYPE netwatch_info gauge\nnetwatch_info 1\n"
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
