"""The files of the recipe for a fleet agree with each other and with the program."""

from __future__ import annotations

import itertools
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from netwatch_tray.cli.parser import build
from netwatch_tray.settings import Settings, parse

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "packaging" / "fleet"
DASHBOARD: dict[str, Any] = json.loads((RECIPE / "grafana" / "netwatch.json").read_text())
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
PAGE = (ROOT / "docs" / "fleet.md").read_text("utf-8")
INSTALLED = "/etc/netwatch-fleet"
"""Where the walk-through copies the recipe."""
CALLED = set(
    "cd cp curl docker install journalctl netwatch-tray nft openssl setpriv sudoedit systemctl victoria-metrics".split()
)
"""The programs of the walk-through; the tests below check what each of them is called with."""


def test_dashboard_equals_the_output_of_its_script() -> None:
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


def test_units_and_compose_have_the_same_services_and_options() -> None:
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
    """These are the settings that an administrator gives to each host."""
    settings, fault = parse((RECIPE / "host" / "settings.toml").read_text())
    assert fault is None
    assert (settings.metrics.on, settings.upload.on, settings.health) == (True, True, True)


def test_the_walk_through_names_each_file() -> None:
    files = [file.name for file in RECIPE.rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    unnamed = {"netwatch.yaml", "dashboard.py"}
    """What Grafana finds by itself, and what only the project runs."""
    units = {file.name for file in (RECIPE / "systemd").iterdir()}
    assert [name for name in files if name not in PAGE and name not in unnamed | units] == []


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="not installed: systemd-analyze")
def test_systemd_accepts_the_units() -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *sorted(RECIPE.glob("*/*.service"))],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    ours = [line for line in done.stderr.splitlines() if "netwatch-" in line]
    assert [line for line in ours if "is not executable: No such file" not in line] == []


def commands() -> list[list[str]]:
    """Return the words of each command of the walk-through: lines of code blocks for a shell, and spans of code."""
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    spans = re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```", "", PAGE, flags=re.MULTILINE | re.DOTALL))
    lines += [" ".join(span.split()) for span in spans if span.split()[0] in CALLED and " " in span]
    found = [shlex.split(line, comments=True) for line in lines]
    return [words[1:] if words[0] == "sudo" else words for words in found if words]


def called(*start: str) -> list[list[str]]:
    """Return what follows each command that begins so."""
    return [words[len(start) :] for words in commands() if tuple(words[: len(start)]) == start]


def test_the_programs_that_the_walk_through_calls_are_checked() -> None:
    assert {words[0] for words in commands()} == CALLED


def test_the_walk_through_copies_files_that_exist(tmp_path: Path) -> None:
    (copied,) = called("cp", "-r")
    assert copied == ["packaging/fleet", INSTALLED]
    recipe = tmp_path / "recipe"
    shutil.copytree(RECIPE, recipe)
    (words,) = called("install")
    subprocess.run(["install", *words], cwd=recipe, timeout=60, check=True)
    assert (recipe / "fleet.env").stat().st_mode & 0o777 == 0o600
    (pattern, units) = next(words for words in called("cp") if words[0] != "-r")
    assert units == "/etc/systemd/system/"
    names = {file.stem for file in recipe.glob(str(Path(pattern).relative_to(INSTALLED)))}
    enabled = next(set(words[1:]) for words in called("systemctl", "enable") if len(words) > 2)
    assert names == enabled
    for path in re.findall(r"packaging/fleet/([\w./-]+\w)", PAGE):
        assert (RECIPE / path).exists(), path
    for path in re.findall(r"`(systemd/|[\w-]+\.(?:ya?ml|json|env\.example|service)|Caddyfile)`", PAGE):
        assert (RECIPE / path).exists() or list(RECIPE.rglob(path)), path


def test_the_compose_file_has_what_the_walk_through_does_with_it() -> None:
    text = (RECIPE / "compose.yaml").read_text()
    services = re.findall(r"(?m)^  ([\w-]+): #", text)
    composed = called("docker", "compose")
    assert {words[0] for words in composed} == {"--env-file", "logs"}
    assert [words[1] for words in composed if words[0] == "--env-file"] == ["fleet.env"] * 2
    assert [words[1] for words in composed if words[0] == "logs" and words[1] not in services] == []
    assert ("five services" in PAGE) == (len(services) == 5)
    (run,) = called("docker", "run")
    version = re.findall(r"(?m)^CADDY_VERSION=(.*)", (RECIPE / "fleet.env.example").read_text())
    assert run[2:] == [f"caddy:{version[0]}", "caddy", "hash-password"]


def test_the_walk_through_asks_where_the_servers_listen() -> None:
    files = [(RECIPE / name).read_text() for name in ("Caddyfile", "collector.yaml", "compose.yaml", "prometheus.yml")]
    files += [file.read_text() for file in (RECIPE / "systemd").iterdir()]
    (table,) = re.findall(r"(?m)^\| service \|.*\n(?:\|.*\n)+", PAGE)
    ports = set(re.findall(r"127\.0\.0\.1:(\d+)|SERVER:(\d+)", table)) | {("8889", "")}
    for port in {number for pair in ports for number in pair if number}:
        assert any(re.search(rf"\b{port}\b", text) for text in files), port
    asked = {url for words in called("curl") for url in re.findall(r"http://\S+:\d+", " ".join(words))}
    assert asked == {"http://127.0.0.1:9090", "http://HOST:9464"}
    assert Settings().metrics.port == 9464


def test_the_program_has_the_options_that_the_walk_through_gives_it() -> None:
    parser = build()
    shown = called("netwatch-tray")
    assert len(shown) >= 5
    for words in shown:
        given = words[: words.index("<")] if "<" in words else words
        assert parser.parse_args(given).run


def test_the_status_of_a_server_is_asked_where_its_agent_listens() -> None:
    (words,) = called("setpriv")
    unit = (RECIPE / "host" / "netwatch-tray.service").read_text()
    assert "RuntimeDirectory=netwatch-tray\n" in unit
    assert "XDG_RUNTIME_DIR=/run/netwatch-tray\n" in unit
    assert words[:1] == ["--reuid=$(stat"]
    assert words[-3:] == ["XDG_RUNTIME_DIR=/run/netwatch-tray", "netwatch-tray", "status"]


def test_other_programs_have_the_options_that_the_walk_through_gives_them() -> None:
    """Each where it is installed."""
    helps = {"systemctl": "--help", "curl": "--help", "docker": "--help"}
    for program, option in helps.items():
        if shutil.which(program):
            text = subprocess.run([program, option], capture_output=True, text=True, timeout=60, check=False).stdout
            for words in called(program):
                known = {each for each in words if program != "docker" and re.fullmatch(r"--?[a-z-]+", each)}
                assert {each for each in known if not re.search(rf"(?<![\w-]){each}\b", text)} == set(), program
    if shutil.which("openssl"):
        (words,) = called("openssl")
        token = subprocess.run(["openssl", *words], capture_output=True, text=True, timeout=60, check=True).stdout
        assert re.fullmatch(r"[0-9a-f]{48}", token.strip())


def test_victoria_metrics_takes_the_place_of_prometheus() -> None:
    (words,) = called("victoria-metrics")
    unit = (RECIPE / "systemd" / "netwatch-prometheus.service").read_text()
    for option in ("storage.tsdb.retention.time", "config.file", "storage.tsdb.path", "web.listen-address"):
        (value,) = re.findall(rf"--{option}=(\S*)", unit)
        assert any(word.endswith(f"={value}") for word in words), option
    assert "-promscrape.config.strictParse=false" in words, "it has no rules"
