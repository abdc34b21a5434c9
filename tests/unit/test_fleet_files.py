"""The files of the recipe for a fleet agree with each other and with the program."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from netwatch_tray.settings import parse

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "packaging" / "fleet"
DASHBOARD: dict[str, Any] = json.loads((RECIPE / "grafana" / "netwatch.json").read_text())
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]


def test_the_dashboard_is_what_its_script_writes() -> None:
    code = "import dashboard, sys; sys.stdout.write(dashboard.text())"
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", code], cwd=RECIPE, capture_output=True, timeout=60, check=True
    )
    written = (RECIPE / "grafana" / "netwatch.json").read_bytes()
    assert written == done.stdout, "run python packaging/fleet/dashboard.py"


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    cells = [
        (x, y)
        for panel in PANELS
        for place in [panel["gridPos"]]
        for x, y in itertools.product(
            range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
        )
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


def test_the_dashboard_asks_only_for_metrics_that_are_documented() -> None:
    documented = set(re.findall(r"`((?:netwatch|process)_\w+)`", (ROOT / "docs" / "upload.md").read_text()))
    documented |= {
        name.replace("_bytes_", f"_{what}_")
        for name in documented
        if name.startswith("netwatch_interface")
        for what in ("packets", "errors", "drops")
    }
    expressions = [target["expr"] for panel in PANELS for target in panel.get("targets", ())]
    wanted = {name for each in expressions for name in re.findall(r"\b(?:netwatch|process)_\w+", each)}
    assert wanted
    assert wanted <= documented


def test_compose_mounts_files_that_exist_and_publishes_nothing_but_caddy() -> None:
    text = (RECIPE / "compose.yaml").read_text()
    mounts = re.findall(r"- \./(\S+?):/", text)
    assert mounts
    assert [name for name in mounts if not (RECIPE / name).exists()] == []
    images = re.findall(r'image: "[^"]+:\$\{(\w+)\}"', text)
    assert len(images) == text.count("image:"), "each version is in fleet.env"
    variables = set(re.findall(r"\$\{(\w+)\}", text)) | set(
        re.findall(r"\{\$(\w+)\}", (RECIPE / "Caddyfile").read_text())
    )
    given = set(re.findall(r"(?m)^(\w+)=", (RECIPE / "fleet.env.example").read_text()))
    assert variables == given
    assert "ports:" not in text, "with the network of the host, what listens decides"
    for name in ("collector.yaml", "prometheus.yml"):
        for address in re.findall(r"(\S+):\d{4}\b", (RECIPE / name).read_text().partition("# `db1`")[0]):
            assert address.strip('["') == "127.0.0.1", f"{name}: {address}"


def test_units_start_what_compose_starts_on_the_same_addresses() -> None:
    text = (RECIPE / "compose.yaml").read_text()
    services = set(re.findall(r"(?m)^  ([\w-]+): #", text))
    units = {file.stem.removeprefix("netwatch-"): file.read_text() for file in (RECIPE / "systemd").iterdir()}
    assert {name.removeprefix("netwatch-") for name in services} == set(units)
    for words in (
        "--web.listen-address=127.0.0.1:9090",
        "--storage.tsdb.retention.time=90d",
        "--config.file=/etc/netwatch-fleet/prometheus.yml",
        "--config=/etc/netwatch-fleet/collector.yaml",
    ):
        assert words in text
        assert any(words in unit for unit in units.values())


def test_the_settings_of_a_host_are_valid() -> None:
    """Those that an administrator gives to each."""
    settings, fault = parse((RECIPE / "host" / "settings.toml").read_text())
    assert fault is None
    assert (settings.metrics.on, settings.upload.on, settings.health) == (True, True, True)


def test_the_walk_through_names_each_file() -> None:
    text = (ROOT / "docs" / "fleet.md").read_text()
    files = [file.name for file in RECIPE.rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    unnamed = {"netwatch.yaml", "dashboard.py"}
    """What Grafana finds by itself, and what only the project runs."""
    units = {file.name for file in (RECIPE / "systemd").iterdir()}
    assert [name for name in files if name not in text and name not in unnamed | units] == []


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="not installed: systemd-analyze")
def test_systemd_accepts_the_units() -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *sorted(RECIPE.glob("*/*.service"))],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    ours = [line for line in done.stderr.splitlines() if "netwatch-" in line]
    assert [line for line in ours if "is not executable: No such file" not in line] == []
