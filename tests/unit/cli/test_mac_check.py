"""The report that the first person with a Mac sends: on any system, against stand-ins."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from cocoa import Cocoa

from netwatch_tray.cli import mac_check
from netwatch_tray.cli.parser import build
from netwatch_tray.collect.sockets import Socket
from netwatch_tray.model import Counters, Interface, Sample
from netwatch_tray.tray.backends import cocoa_names


def test_names_of_apple_that_this_mac_lacks_are_reported() -> None:
    mac = Cocoa()
    constants = dict(cocoa_names.CONSTANTS)
    assert mac_check.missing_names(mac.classes.__getitem__, constants.get) == []
    del mac.classes["NSStatusBar"]
    del constants["NSImageLeft"]
    delattr(mac.classes["NSMenu"], "cancelTracking")
    assert mac_check.missing_names(mac.classes.__getitem__, constants.get) == [
        "NSImageLeft=None",
        "NSStatusBar",
        "NSMenu cancelTracking",
    ]


def sample(rx: int, tx: int) -> Sample:
    counters = {4: Counters(0, 0, rx, tx, 0, 0, 0, 0)}
    return Sample(1.0, counters, {4: Interface(index=4, name="en0")}, 64)


@pytest.mark.parametrize(
    ("rounded", "agree"),
    [((5 << 10, 0), True), ((0, 0), True), ((1 << 19, 0), True), ((2 << 20, 0), False), ((3 << 30, 0), False)],
)
def test_counters_of_both_dumps_may_differ_by_rounding_and_traffic_between_them(
    rounded: tuple[int, int], *, agree: bool
) -> None:
    """The second dump has counters of 32 bits in steps of 1024."""
    whole = (7 << 32) + 1000
    assert mac_check.compared(sample(whole, 0), sample(*rounded)).startswith("agree" if agree else "WRONG")


def test_failing_section_does_not_stop_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    def fails() -> Iterator[tuple[str, str]]:
        yield "first", "fine"
        raise OSError("no such call")

    def works() -> Iterator[tuple[str, str]]:
        yield "second", "fine"

    assert mac_check.report((("a", fails), ("b", works))) == 1
    told = capsys.readouterr().out
    assert "first" in told
    assert "OSError: no such call" in told
    assert "second" in told
    assert mac_check.report((("b", works),)) == 0


def test_report_has_numbers_of_sockets_but_no_names() -> None:
    sockets = {
        "a": Socket(protocol="TCP", local_address="192.0.2.1", local_port=1, pid=os.getpid(), uid=501, rx_bytes=1),
        "b": Socket(protocol="UDP", local_address="192.0.2.1", local_port=1, pid=1, process="secret"),
    }
    told = mac_check.in_numbers(sockets)
    assert told.startswith("1 TCP, 1 UDP, 2 with a process, 1 of other processes, 1 with a user, 1 with received bytes")
    assert "192.0.2" not in told
    assert "secret" not in told


def test_mac_check_exists_on_macos_only(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit):
        build().parse_args(["mac-check"])
    monkeypatch.setattr("sys.platform", "darwin")
    assert build().parse_args(["mac-check"]).run is mac_check._mac_check
