"""Every command that README and docs show is run here, or is named with the test that runs it: none can go stale."""

from __future__ import annotations

import argparse
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

import dev
import msgspec
import pytest
from desktop import Session
from networks import wire

from netwatch_tray.cli.parser import build
from netwatch_tray.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
PROGRAM = [sys.executable, "-m", "netwatch_tray"]

ENDS: dict[str, int] = {
    # In the order in which they are run, beside an agent, in a network that leads nowhere; with the exit code.
    "status": 0,
    "doctor": 0,
    "selftest": 0,
    "selftest --installed": 0,
    "snapshot": 0,
    "snapshot --pretty": 0,
    "autostart on": 0,
    "autostart off": 0,
    "desktop install": 0,
    "desktop status": 0,
    "desktop remove": 0,
    "upload setup": 1,  # on no terminal, and no key is given
    "upload setup --endpoint https://netwatch.example.org --key-file - < key-file": 0,
    "upload test": 1,
    "upload on": 0,
    "upload status": 0,
    "upload off": 0,
    "otlp on --endpoint https://collector.example.org:4318 --level system": 0,
    "otlp show": 0,
    "otlp test": 1,
    "otlp status": 0,
    "otlp off": 0,
    "quit": 0,
    "usage": 0,  # the agent writes at its end what it had not written yet
    "events": 0,
    "events --since 2026-11-26T14:00 --json": 0,
}
GOES_ON = {
    # Until it is interrupted; the first line it prints is waited for.
    "watch",
    "watch --json",
    "watch --format waybar",
    "watch --format i3bar",
    "watch --format text",
    "watch --format polybar",
    "serve-metrics",
}
RUN_ELSEWHERE = {
    "": "e2e/test_main_job.py::test_kernel_counters_reach_the_window",
    "window": "e2e/test_main_job.py::test_subcommands_reach_the_running_agent",
    "window --settings": "e2e/test_trays.py::test_panel_on_the_session_bus_shows_the_icon",
    "window --mini": "gui/shell/test_application.py::test_mini_window_opens_without_the_main_window",
    "agent": "e2e/test_main_job.py::test_signals_end_the_agent_cleanly",
    "events --since today --follow": "e2e/test_events.py::test_events_are_followed_until_the_agent_ends",
    "helper install": "helper/test_helper_setup.py::test_root_installs_the_helper_for_the_invoking_user_and_removes_it",
    "helper remove": "helper/test_helper_setup.py::test_root_installs_the_helper_for_the_invoking_user_and_removes_it",
    "helper run": "helper/test_helper_setup.py::test_helper_run_serves_in_a_terminal",
    "helper status": "helper/test_helper_setup.py::test_helper_run_serves_in_a_terminal",
}
INSTALLS = {
    # Of other programs, run by `./dev package check`.
    "sudo apt install ./dist/netwatch-tray_*.deb": (
        "test_finished_packages.py::test_package_can_be_installed_used_and_removed"
    ),
    "sudo apt remove netwatch-tray": "test_finished_packages.py::test_package_can_be_installed_used_and_removed",
    "pipx install dist/netwatch_tray-*.whl": (
        "test_finished_packages.py::test_pipx_installs_extends_and_removes_the_program"
    ),
    "pipx inject netwatch-tray keyring": (
        "test_finished_packages.py::test_pipx_installs_extends_and_removes_the_program"
    ),
    "pipx inject netwatch-tray opentelemetry-sdk opentelemetry-exporter-otlp-proto-http": (
        "test_finished_packages.py::test_pipx_installs_extends_and_removes_the_program"
    ),
    "pipx uninstall netwatch-tray": "test_finished_packages.py::test_pipx_installs_extends_and_removes_the_program",
    "man netwatch-tray": "test_package_sources.py::test_the_manual_is_well_formed_and_whole",
}
OF_OTHER_SYSTEMS = {
    # `./dev package check` has Debian alone.
    "sudo dnf install ./dist/netwatch-tray-*.rpm",
    "sudo dnf remove netwatch-tray",
    "sudo zypper install --allow-unsigned-rpm ./dist/netwatch-tray-*.rpm",
}
FLEET_PAGE = "fleet.md"
"""Its commands set up servers; tests/unit/test_fleet_files.py checks the files that they use."""
_SILENT = {"events --since 2026-11-26T14:00 --json"}
"""Print a line for each event, and here are none."""
_DEV_SUBCOMMANDS = {"run", "test", "lint", "shots", "bench", "assets", "package", "lock", "translate"}


def code(pages: Iterable[Path] = PAGES) -> Iterator[str]:
    """Yield every code span and every line of every code block."""
    for page in pages:
        text = page.read_text("utf-8")
        blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        for block in blocks:
            yield from block.splitlines()
        yield from re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))


def documented(program: str) -> set[str]:
    """Return the arguments of each call of the program in the documentation, without comments and placeholders."""
    found = set()
    for line in code():
        called = re.search(
            rf"(?:^|\"|=\s?|_command |exec )(?:sudo )?{re.escape(program)}(?= |\"|$)([^\"#]*)", line.strip()
        )
        if called and "…" not in called[1] and not re.search(r"\b[A-Z]{3,}\b|\[", called[1]):
            found.add(called[1].strip())
    return found


def test_each_documented_command_of_the_program_is_run_by_a_test() -> None:
    assert documented("netwatch-tray") == {*ENDS, *GOES_ON, *RUN_ELSEWHERE}
    for where in RUN_ELSEWHERE.values():
        file, test = where.split("::")
        assert f"def {test}(" in (ROOT / "tests" / file).read_text("utf-8")


def test_each_command_of_the_checkout_is_known() -> None:
    """`./dev test` runs this test, and `./dev package check` those of the packages. Of other commands only the words
    are checked."""
    shown = documented("./dev") - {""}
    assert shown
    assert {command.split()[0] for command in shown} <= _DEV_SUBCOMMANDS
    assert {command.split()[1] for command in shown if command.startswith("bench ")} <= dev.benchmarks().keys()
    listed = subprocess.run([ROOT / "dev", "help"], capture_output=True, text=True, check=True, timeout=60).stdout
    assert {line.split()[0] for line in listed.splitlines()[2:] if line.strip()} == _DEV_SUBCOMMANDS


_OF_OTHERS = r"(?:sudo (?!netwatch-tray )|(?:apt|pip|pipx|uv|man|brew|flatpak|systemctl) )"


def test_each_command_of_other_programs_is_known() -> None:
    lines = {line.strip() for line in code(page for page in PAGES if page.name != FLEET_PAGE)}
    assert {line for line in lines if re.match(_OF_OTHERS, line)} == {*INSTALLS, *OF_OTHER_SYSTEMS}
    for where in INSTALLS.values():
        file, test = where.split("::")
        assert f"def {test}(" in (ROOT / "tests" / "packaging" / file).read_text("utf-8")


def _options(parser: argparse.ArgumentParser, path: list[str]) -> set[str]:
    for word in path:
        (subcommands,) = (each for each in parser._actions if isinstance(each, argparse._SubParsersAction))
        parser = subcommands.choices[word]
    return {flag for action in parser._actions for flag in action.option_strings}


def test_readme_table_shows_only_existing_options() -> None:
    rows = re.findall(r"^\| `(\w[\w-]*)([^`]*)`", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    assert len(rows) > 8
    for subcommand, words in rows:
        assert set(re.findall(r"--[a-z-]+", words)) <= _options(build(), [subcommand])


def test_documented_settings_are_valid() -> None:
    pages = [page.read_text("utf-8") for page in PAGES]
    shown = [block for page in pages for block in re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)]
    assert len(shown) >= 4
    for block in shown:
        msgspec.convert(tomllib.loads(block), Settings)


def test_documentation_lists_all_settings_with_their_defaults() -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "settings.md").read_text("utf-8"), re.DOTALL)
    shown = tomllib.loads(block)
    assert msgspec.convert(shown, Settings) == Settings()
    for name, table in msgspec.to_builtins(Settings()).items():
        keys = set(table) if isinstance(table, dict) else set()
        assert keys - set(shown[name] if keys else ()) <= {"begin", "cap_gb", "counter_since", "endpoint", "rate_mb"}, (
            name
        )


def test_links_in_the_documentation_have_targets() -> None:
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#][^)]*)\)", page.read_text("utf-8")):
            if "://" not in link:
                assert (page.parent / link.partition("#")[0]).exists(), f"{page.name}: {link}"


@pytest.fixture(scope="module")
def desktop() -> Iterator[Session]:
    """Run a session without a display, its agent, and a network that leads nowhere and that no other test uses."""
    with wire() as network, Session(display=False, netns=network.near) as session:
        session.start_agent()
        yield session


@pytest.mark.parametrize("command", sorted(GOES_ON))
def test_documented_long_running_commands_run_until_interrupted(command: str, desktop: Session) -> None:
    with subprocess.Popen(
        [*desktop.prefix, *PROGRAM, *command.split()],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=desktop.environment,
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline().strip()
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
        finally:
            process.kill()


def test_other_documented_commands_exit_with_the_expected_code(desktop: Session, tmp_path: Path) -> None:
    (tmp_path / "key-file").write_text("nw_ak_0123456789abcdef0123456789abcdef\n")
    for command, expected in ENDS.items():
        words, _, given = command.partition(" < ")
        done = subprocess.run(
            [*desktop.prefix, *PROGRAM, *words.split()],
            input=(tmp_path / given).read_text() if given else "",
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
            env=desktop.environment,
        )
        assert done.returncode == expected, f"{command}: {done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr
        if command == "quit":
            assert desktop.wait_exit("agent") == 0
        elif command not in _SILENT:
            assert (done.stderr if expected else done.stdout).strip()
