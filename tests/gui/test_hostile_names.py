"""The same hostile names on every surface: they are shown as names only, and change or run nothing."""

from __future__ import annotations

import argparse
import csv
import io
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import needs
import networks
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import Qt as GuiQt, QTextDocument
from PySide6.QtWidgets import QApplication, QMenu
from windows import connection

from netwatch_tray.cli import connections, live, session
from netwatch_tray.cloud import metrics, wire
from netwatch_tray.cloud.wire import text as wire_text
from netwatch_tray.errors import Message
from netwatch_tray.history.results import NOTHING, NetworkUse
from netwatch_tray.model import App, GapReason, InterfaceTick, Tick, Total, Why, WhyCode
from netwatch_tray.settings import Settings, TrayIcon
from netwatch_tray.text import decoded, printable
from netwatch_tray.tray import presenter
from netwatch_tray.tray.backends import Notification, dbus_menu, status_item
from netwatch_tray.tray.backends.notifications import Notifications
from netwatch_tray.tray.backends.pystray_api import Menu, MenuItem
from netwatch_tray.tray.bars import Bar
from netwatch_tray.tray.menu import Actions, TrayMenu
from netwatch_tray.units import Units
from netwatch_tray.window.pages.connections.export import save_csv, save_json
from netwatch_tray.window.pages.usage.summary import SummaryStrip
from netwatch_tray.window.table.column import Column
from netwatch_tray.window.table.model import SortedModel
from netwatch_tray.window.widgets.buttons import FlatButton
from netwatch_tray.window.widgets.text import Paragraph, Text
from netwatch_tray.window.widgets.theme import Theme
from netwatch_tray.xembed.icon import _DrawnMenu

NAMES = {
    "escape sequence": "a\x1b[2J\x1b]0;owned\x07b",
    "C1 control": "a\x9b2Jb",
    "newline": "a\nb",
    "carriage return": "a\rb",
    "tab": "\ta\tb",
    "NUL": "a\0b",
    "line separator": "a\u2028b\u2029c\x85d\x0ce\x0bf",
    "right-to-left override": "a\u202eexe.b\u2066c",
    "no UTF-8": decoded(b"a\xff\xd0"),
    "image": "<img src=x>",
    "heading": "<h1>a</h1>&amp;<!-- b",
    "mnemonic": "&File & more",
    "underscore": "_x__y",
    "formula": '=HYPERLINK("http://x","y")',
    "plus": "+1",
    "minus": "-1+cmd|' /C calc'!A0",
    "at": "@SUM(1)",
    "quote and comma": 'a",b\\',
    "long": "x" * 10_000,
    "empty": "",
    "emoji": "\N{WOMAN}\u200d\N{PERSONAL COMPUTER}",
    "combining": "Z\u0310\u0311\u0312e\u0301",
    "polybar": "%{A1:reboot:}%{A}",
}
CONTROL = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return NAMES[request.param]


def assert_lines(shown: str, count: int) -> None:
    """Check that a text has this many lines, all of printable characters."""
    assert shown.endswith("\n")
    lines = shown.removesuffix("\n").split("\n")
    assert len(lines) == count
    assert not any(map(CONTROL.search, lines))
    assert shown.splitlines() == lines


def interface(name: str) -> InterfaceTick:
    zeros: dict[str, Any] = dict.fromkeys(
        "rx_bytes tx_bytes rx_packets tx_packets rx_errors tx_errors rx_drops tx_drops".split(), 0
    )
    return InterfaceTick(
        index=2, name=name, kind="ethernet", is_up=True, is_uplink=True, why=Why(WhyCode.UNDERLAY, (name,)),
        rx_rate=1.0, tx_rate=1.0, **zeros,
    )  # fmt: skip


def tick(name: str, gap: GapReason | None = None) -> Tick:
    total = Total(rx_rate=1.0, tx_rate=2.0, uplinks=(name, "eth0"))
    at = datetime(2026, 11, 16, tzinfo=UTC)
    return Tick(at=at, interval_s=1.0, gap=gap, total=total, interfaces=(interface(name), interface("eth0")))


def app(name: str) -> App:
    return App(
        key=name, name=name, processes=1, connections=1, rx_bytes=1, tx_bytes=1, rx_rate=9.0, tx_rate=9.0,
        local_rx_bytes=0, local_tx_bytes=0,
    )  # fmt: skip


def hostile(name: str) -> Any:
    return connection(1, process=name, unit=name, user=name, app=name, host=name, host_origin="TLS")


# The terminal.


def test_terminal_tables_and_pairs_print_hostile_names_safely(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    session.print_table(("APP", "N"), [(name, "1"), ("b", "2")], "<>")
    assert_lines(capsys.readouterr().out, 3)
    session.print_pairs({"agent": name, name: "x"})
    assert_lines(capsys.readouterr().out, len({"agent", name}))
    session.complain(name.replace("\n", ""))
    assert_lines(capsys.readouterr().err, 1)


def test_connections_command_prints_hostile_names_safely(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for has_hosts in (False, True):
        row = connections._cells(hostile(name), Units(), {}, has_hosts=has_hosts, is_narrow=not has_hosts)
        session.print_table(("APP", *"PQRSTUVW"), [row], "<><<<<>>>")
        assert_lines(capsys.readouterr().out, 2)


def test_watch_prints_hostile_names_safely(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    write = live._line_writer(Units())
    write(tick(name))
    assert_lines(capsys.readouterr().out, 1)


@pytest.mark.parametrize("chosen", [True, False])
def test_bar_lines_print_hostile_names_safely(name: str, chosen: bool) -> None:
    settings = Settings(tray=TrayIcon(interface=name if chosen else ""))
    for kind in ("text", "polybar", "waybar", "i3bar"):
        line = Bar(kind, settings).line(tick(name))
        assert_lines(line + "\n", 1)
        assert "reboot" not in line or kind == "waybar"
        if kind == "waybar":
            tooltip = json.loads(line)["tooltip"]
            assert not re.search("<|&(?!amp;|lt;|gt;)", tooltip)
        if kind == "i3bar":
            json.loads(line.removeprefix(","))


def test_printed_json_round_trips_and_has_no_control_characters(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    session.print_json([hostile(name), app(name), tick(name)])
    written = capsys.readouterr().out
    assert_lines(written, 1)
    assert json.loads(written)[0]["process"] == name


def test_csv_of_terminal_and_window_escapes_hostile_names(
    name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    session.print_csv(("a", "b", "c", "d"), [(name, -5, None, 0.5)])
    written = capsys.readouterr().out
    assert_lines(written, 2)
    save_csv(tmp_path / "x.csv", [hostile(name)])
    saved = (tmp_path / "x.csv").read_text(encoding="utf-8")
    for text in (written, saved):
        rows = list(csv.reader(io.StringIO(text, newline="")))
        assert len(rows) == 2
        assert not any(CONTROL.search(cell) for cell in rows[1])
        assert not any(re.match(r"\s*[=+@]|\s*-(?!\d+$)", cell) for cell in rows[1])
    assert list(csv.reader(io.StringIO(written, newline="")))[1][1:] == ["-5", "", "0.5"]
    save_json(tmp_path / "x.json", [hostile(name)])
    assert json.loads((tmp_path / "x.json").read_bytes())[0]["process"] == name


def test_log_records_print_hostile_names_safely(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from netwatch_tray import cli  # noqa: PLC0415  beside what it sets up

    root = logging.getLogger()
    before = root.handlers[:]
    root.handlers.clear()
    try:
        monkeypatch.setattr(
            "netwatch_tray.cli.autostart.add_subcommands", lambda subcommands: subcommands.add_parser("x")
        )
        with pytest.raises(SystemExit):
            cli.main(["--version"])
        capsys.readouterr()
        parsed = argparse.Namespace(run=lambda _options: _log(name))
        monkeypatch.setattr("netwatch_tray.cli.parser.parse", lambda _words: parsed)
        assert cli.main(["status"]) == 0
    finally:
        root.handlers[:] = before
    written = capsys.readouterr().err
    assert_lines(written, 1)


def _log(name: str) -> int:
    logging.getLogger("x").info("odd: %s", name)
    return 0


# The tray.


def test_tray_view_shows_hostile_names_safely(name: str) -> None:
    view = presenter.Presenter(Settings(tray=TrayIcon(text=True))).present(tick(name))
    rows = (*view.tooltip, view.label, *view.rows.texts(), *presenter.app_rows([app(name)], Units()))
    assert not any(map(CONTROL.search, rows))
    assert all(len(row) < 120 for row in presenter.app_rows([app(name)], Units()))


def menu(name: str) -> TrayMenu:
    nothing: dict[str, Any] = dict.fromkeys(Actions._fields, lambda *_: None)
    asked: dict[str, Any] = {"upload_state": lambda: Message(name), "apps": lambda: [app(name)]}
    made = TrayMenu(Actions(**{**nothing, **asked}), Settings(tray=TrayIcon(interface=name)))
    made.view = presenter.Presenter(Settings()).present(tick(name))
    return made


def items(of: Any) -> Iterator[MenuItem]:
    for item in of:
        if item is not Menu.SEPARATOR:
            yield item
            yield from items(item.submenu or ())


def test_menu_labels_on_the_bus_show_hostile_names_safely(name: str) -> None:
    made = menu(name)
    for item in items(made.build()):
        label = dbus_menu._properties(item)["label"][1]
        assert not CONTROL.search(label)
        assert "_" not in label.replace("__", "")


def test_menu_of_xembed_trays_shows_hostile_names_safely(name: str) -> None:
    drawn = _DrawnMenu()
    drawn.draw(menu(name).build())
    for action, item in drawn._rows:
        assert not CONTROL.search(action.text())
        assert action.text().replace("&&", "&") == printable(str(item.text))


def test_status_item_tooltip_shows_hostile_names_safely(name: str) -> None:
    view = presenter.Presenter(Settings()).present(tick(name))
    _icon, _pictures, heading, rest = status_item._tooltip("\n".join(view.tooltip))
    for text in (heading, rest):
        assert not re.search("[<>&]", text)
        assert not any(map(CONTROL.search, text.split("\n")))
    assert len(rest.split("\n")) == len(view.tooltip) - 1


def test_notifications_show_hostile_names_safely(name: str) -> None:
    sent: list[Any] = []

    class Bus:
        def call_bus(self, *_arguments: Any) -> None: ...

        def call(self, *arguments: Any, **_more: Any) -> None:
            sent.append(arguments[5])

    notifications = Notifications(Bus(), "x", "x", lambda: None)  # type: ignore[arg-type]  # as much of it as is used
    notifications.show(Notification("x", name, name))
    ((_program, _replaced, _icon, heading, text, *_rest),) = sent
    assert not CONTROL.search(heading)
    assert not any(map(CONTROL.search, text.split("\n")))
    assert not re.search("[<>]|&(?!amp;|lt;|gt;)", text)


# Other programs.


def test_prometheus_labels_escape_hostile_names(name: str) -> None:
    sample = (({"interface": wire_text(name)}, 1.0),)
    written = f"x{metrics._labels(sample[0][0])} 1.0"
    assert "\n" not in written
    value = re.fullmatch(r'x\{interface="((?:[^"\\\n]|\\["\\n])*)"\} 1\.0', written)
    assert value
    assert re.sub(r"\\(.)", lambda found: {"n": "\n"}.get(found[1], found[1]), value[1]) == wire_text(name)
    written.encode()


def test_snapshots_are_json_without_surrogates_and_nul(name: str) -> None:
    body = wire.encode(
        wire.Snapshot(
            timestamp=wire.timestamp(datetime(2026, 1, 1, tzinfo=UTC)),
            interfaces=(),
            disk_usage=(
                wire.DiskUsage(
                    mount_point=wire_text(name), device=wire_text(name), total_bytes=1, used_bytes=1,
                    available_bytes=0, usage_pct=100.0,
                ),
            ),
        )
    )  # fmt: skip
    found = json.loads(body.decode())
    assert found["disk_usage"][0]["mount_point"] == name.replace("\0", "")


# The window.


def plain(text: str) -> str:
    """Return the text that Qt shows where it detects the format of a text itself."""
    if not GuiQt.mightBeRichText(text):
        return text
    document = QTextDocument()
    document.setHtml(text)
    assert not document.allFormats()[0].isImageFormat()
    return document.toPlainText()


@pytest.mark.usefixtures("application")
def test_table_cells_and_tooltips_show_hostile_names_safely(name: str) -> None:
    model = SortedModel(
        [Column(id="x", title="x", text=lambda row: row, order=lambda row: row, widest="x")], key=lambda row: row
    )
    model.put([name])
    shown = printable(name)
    index = model.index(0, 0)
    assert model.data(index) == shown
    assert model.data(index, Qt.ItemDataRole.AccessibleTextRole) == shown
    assert plain(model.data(index, Qt.ItemDataRole.ToolTipRole)) == shown


def test_texts_paragraphs_and_buttons_show_hostile_names_safely(name: str, application: QApplication) -> None:
    theme = Theme(application)
    text, paragraph = Text(theme, theme.fonts.base), Paragraph(theme, theme.fonts.base)
    button = FlatButton(theme, name)
    text.show_text(name)
    text.resize(1, 20)
    text._update_tooltip()
    assert not CONTROL.search(text.text())
    assert plain(text.toolTip()) in {"", text.text()}
    assert text.textFormat() == paragraph.textFormat() == Qt.TextFormat.PlainText
    paragraph.setText(f"A line.\n{name}")
    assert not any(map(CONTROL.search, paragraph.text().split("\n")))
    assert button.text() == printable(name)
    assert button.shortcut().isEmpty()
    shown, _width = theme.metrics(theme.fonts.base).fit(name, 10_000, Qt.TextElideMode.ElideRight)
    assert not CONTROL.search(shown)


# Real interfaces and a real process with such names.


@pytest.mark.skipif(sys.platform != "linux", reason="makes interfaces in a network namespace")
def test_usage_page_shows_hostile_network_names_safely(name: str, application: QApplication) -> None:
    name = name or "unnamed"
    strip = SummaryStrip(Theme(application))
    networks = [NetworkUse("a", "wifi", NOTHING, name=name), NetworkUse("b", "ethernet", NOTHING)]
    assert strip.show_networks(networks, "a") == name
    shown = printable(name, 32)
    assert strip.network.text() == f"{shown} ▾"
    strip.network.click()
    (menu,) = strip.findChildren(QMenu)
    assert [action.text().replace("&&", "&") for action in menu.actions()] == ["All networks", shown, "Ethernet"]
    menu.close()
    strip.deleteLater()


def test_watch_prints_real_interfaces_with_hostile_names_safely(tmp_path: Path) -> None:
    """The kernel refuses only white space, slashes and colons in names."""
    needs.root()
    names = [os.fsdecode(b"e\xff\x1b[2J"), "n\u2028\u202eb", "<img>&_x", "=1+1"]
    tmp_path.chmod(0o700)
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    with networks.wire(default_route=False) as network:
        for number, name in enumerate(names):
            network.run(network.near, "ip", "link", "add", name, "type", "veth", "peer", "name", f"peer{number}")
            network.run(network.near, "ip", "link", "set", name, "up")
            network.run(network.near, "ip", "link", "set", f"peer{number}", "up")
            network.run(network.near, "ip", "address", "add", f"198.51.100.{number + 1}/32", "dev", name)
            network.run(network.near, "ip", "route", "add", "default", "dev", name, "metric", str(10 + number))

        def watched(*options: str) -> str:
            command = [
                *networks.inside(network.near),
                sys.executable,
                "-m",
                "netwatch_tray",
                "watch",
                "--once",
                *options,
            ]
            done = subprocess.run(command, capture_output=True, env=environment, check=False, timeout=120)
            assert done.returncode == 0, done.stderr
            return done.stdout.decode()

        expected = [decoded(os.fsencode(name)) for name in names]
        assert_lines(watched(), 1)
        written = watched("--json")
        assert_lines(written, 1)
        assert set(expected) <= {each["name"] for each in json.loads(written)["interfaces"]}
        assert_lines(watched("--format", "waybar"), 1)


LISTEN = """
import ctypes, os, socket, sys
ctypes.CDLL(None).prctl(15, ctypes.c_char_p(bytes.fromhex(sys.argv[1])))  # PR_SET_NAME
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="names itself with prctl")
@pytest.mark.parametrize(
    "comm", [b"a\x1b[2J\nb", b"\xff\xd0\x9c\xd0", b"=cmd|' /C'!A0", "a\u2028\u202eb".encode(), b"<img src=x>\t\r"]
)
def test_connections_print_a_real_process_with_a_hostile_name_safely(comm: bytes, tmp_path: Path) -> None:
    """The process runs a script, whose app has the name of the file."""
    file = os.fsencode(tmp_path) + b"/" + comm.replace(b"/", b"-")
    with open(file, "w") as script:  # noqa: PTH123  the name is no text
        script.write(LISTEN)
    process = subprocess.Popen(
        [sys.executable, file, comm.hex()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        port = int(process.stdout.readline())
        expected = decoded(comm)
        environment = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
        tmp_path.chmod(0o700)

        def listed(*options: str) -> str:
            command = [sys.executable, "-m", "netwatch_tray", "connections", "--listening", *options]
            done = subprocess.run(command, capture_output=True, env=environment, check=False, timeout=120)
            assert done.returncode == 0, done.stderr
            assert not CONTROL.search(done.stderr.decode().replace("\n", ""))
            return done.stdout.decode()

        shown = [line for line in listed().split("\n") if f"127.0.0.1:{port}" in line]
        assert len(shown) == 1
        assert shown[0].startswith(printable(expected.replace("/", "-")))
        rows = list(csv.DictReader(io.StringIO(listed("--csv"), newline="")))
        (row,) = (row for row in rows if row["local_port"] == str(port))
        assert row["process"].removeprefix("'") == printable(expected)
        assert not row["process"].startswith("=")
        (found,) = (each for each in json.loads(listed("--json")) if each["local_port"] == port)
        assert found["process"] == expected
    finally:
        process.stdin.close()
        process.wait(60)
        process.stdout.close()
