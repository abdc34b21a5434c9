"""A recording replays to what was measured, reveals nothing that is hidden, and survives damage line by line."""

from __future__ import annotations

import gzip
import itertools
import json
import logging
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import needs
import psutil
import pytest
from hypothesis import given, strategies as st
from networks import FAR, FAR6, NEAR, NEAR6, PACED_SENDER, RECEIVER, inside, wire

from netwatch_tray import paths
from netwatch_tray.cli import main
from netwatch_tray.cli.record import record, replay
from netwatch_tray.engine.observation import Observation
from netwatch_tray.errors import NetWatchError, UnsupportedError
from netwatch_tray.feed.client import FeedClient
from netwatch_tray.feed.protocol import AppsMessage, Command, ConnectionsMessage, Status, Subscribe, TickMessage
from netwatch_tray.model import GapReason, Tick
from netwatch_tray.recording.format import RecordingReader
from netwatch_tray.recording.recorder import Recorder
from netwatch_tray.recording.replay import Replay

SAMPLE = Path(__file__).parent / "files" / "sample.rec.gz"
HEADER = (
    b'{"is":"NetWatch recording","version":1,"program":"0.1",'
    b'"interfaces":"x","hides_addresses":true,"hides_names":true}\n'
)
PROGRAM = [sys.executable, "-m", "netwatch_tray"]


def shown(tick: Tick | None, observation: Observation) -> bytes:
    """Return everything that a client can see, encoded."""
    rows = sorted(observation.table.rows(), key=lambda row: row.key)
    return msgspec.json.encode([tick, rows, AppsMessage.of(observation)])


@contextmanager
def traffic() -> Iterator[None]:
    """Open and close connections on the loopback that carry bytes, all the time."""
    stopped = threading.Event()

    def run() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            while not stopped.wait(0.15):
                with socket.create_connection(listener.getsockname()) as client:
                    server, _ = listener.accept()
                    with server:
                        server.sendall(bytes(10_000))
                        client.recv(10_000)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


@pytest.mark.parametrize("name", ["plain.rec", "packed.rec.gz"])
def test_replay_equals_the_measurements_to_the_byte(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    with traffic(), closing(Recorder(file, hides_addresses=False, hides_names=False)) as recorder:
        measured = [shown(*step) for step in itertools.islice(record(recorder), 5)]
    assert len(set(measured)) == 5
    with closing(Replay(file, keeps_time=True)) as source:
        assert [shown(*step) for step in replay(source)] == measured
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def readings(file: Path) -> int:
    """Return how many readings of the interfaces are in a compressed recording that is still being written."""
    return zlib.decompressobj(wbits=31).decompress(file.read_bytes()).count(b'"counters"')


def test_a_redacted_recording_shows_the_same_amounts_and_no_names(tmp_path: Path) -> None:
    file = tmp_path / "hidden.rec.gz"
    with wire() as network:
        sender = network.python(network.far, PACED_SENDER, FAR, "8080", "200000", "4")
        recorder = subprocess.Popen([*inside(network.near), *PROGRAM, "record", str(file)], stdout=subprocess.PIPE)
        for process in (sender, recorder):
            assert process.stdout is not None
            process.stdout.readline()
        wait_for(lambda: readings(file) > 0)  # the first holds what was before
        receiver = network.python(network.near, RECEIVER, FAR, "8080")
        received = int(receiver.communicate(timeout=120)[0])
        sender.communicate(timeout=60)
        done = readings(file)
        wait_for(lambda: readings(file) > done)  # written after a reading of the sockets
        recorder.send_signal(signal.SIGINT)
        assert b"--replay" in recorder.communicate(timeout=60)[0]
    content = gzip.decompress(file.read_bytes()).decode()
    executable = Path(os.path.realpath(sys.executable))
    for hidden in (NEAR, FAR, NEAR6, FAR6, "uplink", str(executable.parent), os.uname().nodename):
        assert hidden not in content
    with closing(Replay(file, keeps_time=True)) as source:
        steps = list(replay(source))
    ticks = [tick for tick, _ in steps if tick is not None]
    (uplink,) = ticks[-1].total.uplinks
    assert received < sum(tick.total.rx_delta for tick in ticks) < 1.1 * received + 20_000
    apps = steps[-1][1].table.apps()
    assert sum(app.rx_bytes for app in apps) == received
    assert uplink == "veth0"


def test_an_existing_file_is_not_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "mine"
    file.write_text("precious")
    with pytest.raises(NetWatchError, match="File exists"):
        Recorder(file)
    assert file.read_text() == "precious"


def test_only_the_damaged_line_is_skipped(tmp_path: Path, expected_logs: list[str]) -> None:
    lines = gzip.decompress(SAMPLE.read_bytes()).splitlines(keepends=True)
    file = tmp_path / "damaged"
    counters = [number for number, line in enumerate(lines) if b'"counters"' in line]
    whole = len(counters)
    lines[counters[3]] = b'{"is":"counters","boottime":-1}\n'
    lines[counters[7]] = b"\xff\xfe nothing\n"
    file.write_bytes(b"".join(lines))
    expected_logs += [f"line {counters[3] + 1} is damaged", f"line {counters[7] + 1} is damaged"]
    with closing(Replay(file)) as source:
        assert len(list(replay(source))) == whole - 2


def test_a_truncated_file_ends_early(tmp_path: Path, expected_logs: list[str]) -> None:
    file = tmp_path / "truncated"
    file.write_bytes(SAMPLE.read_bytes()[:-200])
    expected_logs.append("the recording ends within line")
    with closing(Replay(file)) as source:
        assert len(list(replay(source))) > 5


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is not a recording"),
        (b"{}\n", "is not a recording"),
        (b"\x1f\x8b nothing", "is not a recording"),
        (b'{"is":"counters","boottime":1,"uptime":1,"at":1,"rows":{}}\n', "is not a recording"),
        (
            HEADER.replace(b'"version":1,"program":"0.1"', b'"version":2,"program":"9.9"'),
            r"version 2.*Replay it with NetWatch Tray 9\.9",
        ),
        (HEADER, "holds no measurement"),
    ],
)
def test_a_file_that_is_not_a_recording_is_refused(
    tmp_path: Path, content: bytes, reason: str, caplog: pytest.LogCaptureFixture, expected_logs: list[str]
) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    with pytest.raises(NetWatchError, match=reason):
        Replay(file)
    expected_logs += [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


def test_a_missing_file_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", "--replay", "/nowhere/at/all"]) == 1
    assert "The recording /nowhere/at/all cannot be read: No such file or directory." in capsys.readouterr().err


LINES = gzip.decompress(SAMPLE.read_bytes()).splitlines(keepends=True)


@pytest.fixture(scope="module")
def quiet() -> Iterator[None]:
    """Ignore log messages about damaged lines, which are too many to expect each."""
    log = logging.getLogger("netwatch_tray.recording.format")
    log.disabled = True
    yield
    log.disabled = False


@pytest.mark.usefixtures("quiet")
@given(data=st.data())
def test_any_damage_leaves_a_recording_that_can_be_replayed(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    lines = list(LINES)
    for _ in range(data.draw(st.integers(1, 6))):
        number = data.draw(st.integers(0, len(lines) - 1))
        line = lines[number]
        start = data.draw(st.integers(0, len(line)))
        change = data.draw(
            st.binary(max_size=6) | st.sampled_from([b"-1", b"null", b"1e300", b"99999999999999999999", b"}"])
        )
        match data.draw(st.sampled_from(["bytes", "remove", "repeat", "swap"])):
            case "bytes":
                lines[number] = line[:start] + change + line[start + data.draw(st.integers(0, 6)) :]
            case "remove":
                del lines[number]
            case "repeat":
                lines.insert(number, line)
            case _:
                other = data.draw(st.integers(0, len(lines) - 1))
                lines[number], lines[other] = lines[other], line
    file = tmp_path_factory.mktemp("fuzz") / "file"
    file.write_bytes(b"".join(lines))
    try:
        source = Replay(file)
    except NetWatchError:
        return
    with closing(source):
        for tick, observation in replay(source):
            shown(tick, observation)


@contextmanager
def replaying_agent(*options: str) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Run an agent on the sample. Yield its process and its directory."""
    command = [*PROGRAM, "agent", "--headless", "--replay", str(SAMPLE), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        variable, _, directory = process.stdout.readline().strip().partition("=")
        assert variable == paths.HOME
        try:
            yield process, Path(directory)
        finally:
            process.send_signal(signal.SIGTERM)
            complaints = process.communicate(timeout=60)[1]
    assert process.returncode == 0
    assert "Traceback" not in complaints


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"):
        directory = tmp_path / name.lower()
        directory.mkdir(mode=0o700)
        monkeypatch.setenv(name, str(directory))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def messages(client: FeedClient, kind: type[Any]) -> Iterator[Any]:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        yield from (message for message in client.wait(60) if isinstance(message, kind))


def test_an_agent_replays_to_its_clients_and_touches_nothing_of_the_user(home: Path) -> None:
    with replaying_agent("--speed", "20") as (process, directory):
        client = FeedClient(directory / "runtime" / "feed")
        client.send(Subscribe(frozenset({"interfaces", "connections", "apps"})))
        rows: set[str] = set()
        ticks: list[Tick] = []
        apps: AppsMessage | None = None
        end = time.monotonic() + 60
        while not (ticks and ticks[-1].gap == GapReason.UNREADABLE) and time.monotonic() < end:
            for message in client.wait(60):
                if isinstance(message, ConnectionsMessage):
                    rows |= {row.key for row in message.added}
                elif isinstance(message, TickMessage):
                    ticks.append(message.tick)
                elif isinstance(message, AppsMessage):
                    apps = message
        assert abs(ticks[0].at.timestamp() - time.time()) < 60, "it seems to happen now"
        assert any(tick.total.rx_rate and tick.total.rx_rate > 400_000 for tick in ticks)
        assert len(rows) >= 3
        assert apps is not None
        assert sum(app.rx_bytes for app in apps.apps) > 4_000_000
        client.send(Command("status"))
        status: Status = next(messages(client, Status))
        assert status.pid == process.pid
        assert [str(fault) for fault in status.faults] == ["The recording has ended."]
        client.close()
        state = directory / "state"
        assert (state / "history.sqlite3").exists() or state.exists()
    assert not directory.exists()
    assert [file for file in home.rglob("*") if file.is_file()] == []


def test_a_replaying_agent_sends_nothing_though_uploading_is_turned_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, replaying_agent("--speed", "5") as (_, directory):
        monkeypatch.setenv(paths.HOME, str(directory))
        monkeypatch.setenv("NETWATCH_API_KEY", "nw_ak_0")
        settings = directory / "config" / "settings.toml"
        settings.parent.mkdir()
        settings.write_text(
            f'[upload]\non = true\ninterval = 10\nendpoint = "http://127.0.0.1:{server.getsockname()[1]}"\n'
        )
        client = FeedClient(directory / "runtime" / "feed")
        client.send(Command("reload"))
        client.send(Command("status"))
        status: Status = next(messages(client, Status))
        assert status.upload is None
        server.settimeout(2)
        with pytest.raises(TimeoutError):
            server.accept()
        client.close()


def test_terminal_screen_replays_a_recording(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", "--json", "--replay", str(SAMPLE), "--speed", "1000"]) == 0
    ticks = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    with RecordingReader(SAMPLE) as reader:
        assert reader.header.hides_addresses
        assert reader.header.hides_names
    assert len(ticks) > 15
    assert sum(tick["gap"] is not None for tick in ticks) == 1, "the break"
    assert main(["apps", "--json", "--replay", str(SAMPLE)]) == 0
    apps = json.loads(capsys.readouterr().out)["apps"]
    assert sum(app["rx_bytes"] for app in apps) > 4_000_000
    assert main(["connections", "--replay", str(SAMPLE)]) == 0
    assert "TIME_WAIT" in capsys.readouterr().out


def test_the_window_replays_with_an_agent_that_ends_with_it() -> None:
    needs.qt()
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen", "DISPLAY": ":0"}
    with subprocess.Popen([*PROGRAM, "window", "--replay", str(SAMPLE)], env=environment) as window:
        try:
            agent, feed = wait_for(lambda: listening_child(window.pid))
            wait_for(lambda: clients(feed) > 1)
        finally:
            window.send_signal(signal.SIGTERM)
        assert window.wait(60) == 0
    assert not agent.is_running()
    assert not feed.parents[1].exists()


def wait_for(found: Callable[[], Any]) -> Any:
    """Wait until the function returns something true, and return that."""
    end = time.monotonic() + 60
    while not (result := found()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return result


def listening_child(pid: int) -> tuple[psutil.Process, Path] | None:
    """Return the child of a process that serves a feed, and its socket; None if there is none."""
    for child in psutil.Process(pid).children():
        for each in child.net_connections("unix"):
            address = str(each.laddr)
            if address.endswith("/runtime/feed"):
                return child, Path(address)
    return None


def clients(feed: Path) -> int:
    with closing(FeedClient(feed)) as client:
        client.send(Command("status"))
        return int(next(messages(client, Status)).clients)


def test_a_recording_without_connections_replays(tmp_path: Path) -> None:
    lines = gzip.decompress(SAMPLE.read_bytes()).splitlines()
    header = json.loads(lines[0])
    header |= {"connections": None, "connections_fault": "They cannot be listed here."}
    file = tmp_path / "file"
    file.write_bytes(b"\n".join([json.dumps(header).encode(), *lines[1:]]))
    with closing(Replay(file)) as source:
        with pytest.raises(UnsupportedError, match="cannot be listed here"):
            source.connections()
        steps = list(replay(source))
    assert len(steps) > 15
    assert steps[-1][1].table.rows() == ()
    assert main(["apps", "--replay", str(file)]) == 1
