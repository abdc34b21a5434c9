"""A running agent whose settings become unreadable continues, and sends nothing any more."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from desktop import Session

from netwatch_tray.errors import Message
from netwatch_tray.feed.protocol import Hello

PROGRAM = [sys.executable, "-m", "netwatch_tray"]
UPLOADING = '[units]\nbits = true\n[upload]\non = true\nendpoint = "http://127.0.0.1:9"\n'


def _replace_by(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def replace(file: Path) -> None:
        file.unlink()
        make(file)

    return replace


BROKEN: dict[str, Callable[[Path], object]] = {
    "5 000 nines": lambda file: file.write_text(f"{UPLOADING}interval = {'9' * 5000}\n"),
    "deep nesting": lambda file: file.write_text(f"{UPLOADING}[total]\na = {'[' * 4000}"),
    "a FIFO": _replace_by(os.mkfifo),
    "/dev/zero": _replace_by(lambda file: file.symlink_to("/dev/zero")),
    "50 MB": lambda file: os.truncate(file, 50_000_000),
    "a directory": _replace_by(Path.mkdir),
    "a loop": _replace_by(lambda file: file.symlink_to(file)),
    "not UTF-8": lambda file: file.write_bytes(UPLOADING.encode() + b"# \xff\n"),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_settings_fault_stops_uploading_only(broken: str) -> None:
    with Session(display=False) as desktop:
        file = Path(desktop.environment["XDG_CONFIG_HOME"]) / "netwatch-tray" / "settings.toml"
        file.parent.mkdir(parents=True)
        file.write_text(UPLOADING)
        desktop.spawn("agent", [*PROGRAM, "agent", "--headless"], {"NETWATCH_API_KEY": "nw_ak_" + "0" * 32})

        def status(expected: Callable[[Message | None, Message | None], bool]) -> Callable[[], bool]:
            def is_so() -> bool:
                found = desktop.agent_status()
                return found is not None and expected(found.upload, found.settings_fault)

            return is_so

        desktop.wait_for(status(lambda upload, fault: upload is not None and not fault), 60, "it uploads")
        BROKEN[broken](file)
        desktop.wait_for(status(lambda upload, fault: upload is None and bool(fault)), 60, "it has stopped")
        found = desktop.agent_status()
        assert found is not None
        assert f"settings file {file}" in str(found.settings_fault)
        with contextlib.closing(desktop.feed()) as feed:
            hello = feed.wait(60)[0]
            assert isinstance(hello, Hello)
            assert hello.settings.units.bits, "what was valid before stays"
        assert "Traceback" not in desktop.log("agent")
        desktop.stop("agent")
