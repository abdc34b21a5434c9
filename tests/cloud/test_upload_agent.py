"""Uploading end to end: set up in a terminal, measured by the agent, received by a server; nothing while it is off."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ingest_server import KEY, SCHEMA, IngestServer, scripted
from json_schema import faults
from networks import FAR, PACED_SENDER, RECEIVER, inside, wire
from uploading import wait_for

from netwatch_tray import paths, settings as settings_file, settings_writer
from netwatch_tray.cli import main
from netwatch_tray.cli.session import send
from netwatch_tray.cloud import uploader
from netwatch_tray.errors import NetWatchError
from netwatch_tray.feed.client import FeedClient
from netwatch_tray.feed.protocol import Command, Subscribe, TickMessage
from netwatch_tray.model import Tick
from netwatch_tray.settings import Settings, Upload

PROGRAM = [sys.executable, "-m", "netwatch_tray"]


def run(*arguments: str, stdin: str = "", before: list[str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*(before or []), *PROGRAM, *arguments], input=stdin, capture_output=True, text=True, timeout=60, check=False
    )


def said(*arguments: str, stdin: str = "", before: list[str] | None = None) -> str:
    done = run(*arguments, stdin=stdin, before=before)
    assert done.returncode == 0, done.stderr
    assert KEY not in done.stdout + done.stderr
    return done.stdout


@contextmanager
def agent(before: list[str] | None = None) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([*(before or []), *PROGRAM, "agent", "--headless"], stderr=subprocess.PIPE, text=True)
    try:
        wait_for(lambda: answers(process), "the agent listens")
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            complaints = process.communicate(timeout=60)[1]
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
    assert process.returncode == 0
    assert "Traceback" not in complaints
    assert KEY not in complaints


def answers(process: subprocess.Popen[str]) -> bool:
    assert process.poll() is None
    try:
        FeedClient(paths.feed_socket()).close()
    except NetWatchError:
        return False
    return True


def test_agent_uploads_from_setup_until_it_is_turned_off(home: Path) -> None:
    with wire() as network, IngestServer(namespace=network.near) as server, agent(inside(network.near)) as process:

        def tell(*arguments: str, stdin: str = "") -> str:
            return said(*arguments, stdin=stdin, before=inside(network.near))

        told = tell(
            *("upload", "setup", "--endpoint", server.url, "--level", "connections", "--interval", "10"),
            stdin=f"{KEY}\n",
        )
        assert "netwatch-tray upload on" in told
        assert server.requests == []
        assert settings_file.load(paths.settings_file()).upload == Upload(
            endpoint=server.url, level="connections", interval=10
        )
        assert "took one snapshot" in tell("upload", "test")
        (tested,) = server.stored()
        assert "go to" in tell("upload", "on")
        wait_for(lambda: len(server.stored()) > 1, "a snapshot comes within an interval")
        delivered = re.compile(r"[1-9]\d* delivered, 0 waiting")
        wait_for(lambda: delivered.search(tell("status")) is not None, "the agent has the server's answer")
        assert "upload  on" in tell("upload", "status")
        wait_for(lambda: delivered.search(tell("upload", "status")) is not None, "its settings turn uploading on")
        host, at = min(server.stored() - {tested}, key=lambda each: each[1])
        assert host == tested[0]
        snapshot = server.snapshots[host, at]
        assert server.complaints == []
        assert [row["name"] for row in snapshot["interfaces"]] == ["uplink"]
        counters = network.counters()
        assert 0 < snapshot["interfaces"][0]["tx_bytes"] <= counters["tx_bytes"]
        ends = [(row["local_addr"], row["state"]) for row in snapshot["connections"]]
        assert (f"127.0.0.1:{server.port}", "LISTEN") in ends
        assert (snapshot["health"] or {"gateway_ip": FAR})["gateway_ip"] == FAR
        arguments = Path(f"/proc/{process.pid}/cmdline").read_text() + Path(f"/proc/{process.pid}/environ").read_text()
        assert KEY not in arguments
        chosen = paths.settings_file().read_text()
        paths.settings_file().write_text(f"{chosen}\n[unitz]\n")
        send(Command("reload")).close()
        status = json.loads(tell("status", "--json"))
        assert status["upload"] is None, "with a fault in the settings nothing is sent"
        assert "unitz is not a setting" in status["settings_fault"]
        paths.settings_file().write_text(chosen)
        tell("upload", "off")
        assert "off: nothing is sent" in tell("upload", "status")
        before = len(server.requests)
        wait_for(lambda: json.loads(tell("status", "--json"))["upload"] is None, "the agent knows it")
        assert len(server.requests) == before
    for file in home.rglob("*"):
        if file.is_file() and file != paths.upload_key_file():
            assert KEY.encode() not in file.read_bytes()


def test_the_environments_key_is_not_passed_to_children(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test also checks that ticks continue while the server does not respond."""
    wrapper, seen = home / "wrapper", home / "seen"
    wrapper.write_text(f"#!/bin/sh\nenv > {seen}.half && mv {seen}.half {seen}\n")
    wrapper.chmod(0o700)
    settings_writer.change(
        paths.settings_file(), lambda _: Settings(upload=Upload(on=True, endpoint="https://netwatch.invalid"))
    )
    with IngestServer(script=scripted(["hang"])) as server:
        for name, value in (
            ("NETWATCH_API_KEY", KEY),
            ("NETWATCH_ENDPOINT", server.url),
            ("NETWATCH_INTERVAL", "10"),
            ("NETWATCH_TRAY_WRAPPER", str(wrapper)),
        ):
            monkeypatch.setenv(name, value)
        with agent():
            client = FeedClient(paths.feed_socket())
            client.send(Subscribe(frozenset({"interfaces"})))
            client.send(Command("open-window"))
            wait_for(seen.exists, "another process of the program is started")
            assert "NETWATCH_ENDPOINT" in seen.read_text()
            assert KEY not in seen.read_text()
            wait_for(lambda: len(server.requests) > 0, "the server is asked")
            ticks: list[Tick] = []
            while len(ticks) < 4:
                ticks += [message.tick for message in client.wait(60) if isinstance(message, TickMessage)]
            assert not all(tick.gap for tick in ticks[1:]), "a loaded machine may miss one"
            assert server.stored() == set()
            client.close()


@pytest.mark.parametrize("level", ["rates", "connections"])
def test_snapshot_prints_a_valid_body_and_writes_no_file(level: str, home: Path) -> None:
    shown = json.loads(said("snapshot", "--pretty", "--level", level))
    assert faults(shown, json.loads(SCHEMA.read_text())) == []
    assert shown["host"]["host_id"] == "00000000-0000-0000-0000-000000000000"
    assert shown["snapshots"][0]["health"] is None, "nobody turned uploading or health on"
    assert not [file for file in home.rglob("*") if file.is_file()]


def test_upload_test_reports_a_wrong_key() -> None:
    with IngestServer(key="another") as server:
        said("upload", "setup", "--endpoint", server.url, stdin=f"{KEY}\n")
        done = run("upload", "test")
        assert done.returncode == 1
        assert "does not accept the API key" in done.stderr
        assert run("upload", "setup", "--endpoint", "http://example.org", stdin=f"{KEY}\n").returncode == 1
        assert run("upload", "setup", "--interval", "1").returncode == 2
        assert run("upload", "setup", "--endpoint", server.url, stdin="").returncode == 1


def test_upload_test_retries_after_429_and_sends_no_traffic(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The agent may have sent a moment ago, and its snapshots already contain the traffic."""
    monkeypatch.setattr(uploader, "PACE", uploader.PACE._replace(gap=0.01))
    with IngestServer(rules="dashboard", script=scripted(["429"])) as server:
        monkeypatch.setenv("NETWATCH_ENDPOINT", server.url)
        monkeypatch.setenv("NETWATCH_API_KEY", KEY)
        assert main(["upload", "test"]) == 0
        said = capsys.readouterr()
        assert "trying again in a moment" in said.err
        assert "took one snapshot" in said.out
        (snapshot,) = server.snapshots.values()
        assert all(each["rx_bytes_delta"] == each["tx_bytes_delta"] == 0 for each in snapshot["interfaces"])
        server.script = scripted(["429", "429"])
        assert main(["upload", "test"]) == 1
        assert "asks for fewer requests" in capsys.readouterr().err


def test_same_account_keeps_the_host_id_for_a_new_key_or_url() -> None:
    def host_id(url: str, key: str, *options: str) -> str:
        said("upload", "setup", "--endpoint", url, *options, stdin=f"{key}\n")
        return str(json.loads(said("snapshot"))["host"]["host_id"])

    here, there = "http://127.0.0.1:9", "http://localhost:9"
    renewed, other = f"nw_ak_{'1' * 32}", f"nw_ak_{'2' * 32}"
    first = host_id(here, KEY)
    assert host_id(here, renewed, "--same-account") == first
    assert host_id(there, renewed, "--same-account") == first
    assert host_id(there, other) != first


def test_process_and_interface_bytes_cover_the_same_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    with wire() as network, IngestServer(namespace=network.near) as server:
        settings_writer.change(
            paths.settings_file(),
            lambda _: Settings(upload=Upload(on=True, endpoint=server.url, interval=10, level="connections")),
        )
        monkeypatch.setenv("NETWATCH_API_KEY", KEY)
        sender = network.python(network.far, PACED_SENDER, FAR, "8080", "1000000", "120")
        assert sender.stdout is not None
        sender.stdout.readline()
        receiver = network.python(network.near, RECEIVER, FAR, "8080")
        try:
            with agent(inside(network.near)):
                wait_for(lambda: len(server.stored()) >= 4, "snapshots arrive", seconds=120)
        finally:
            for process in (sender, receiver):
                process.kill()
                process.communicate(timeout=60)
        for snapshot in [server.snapshots[key] for key in sorted(server.stored())][1:4]:
            (uplink,) = snapshot["interfaces"]
            received = sum(each["rx_bytes"] for each in snapshot["processes"])
            assert received == pytest.approx(uplink["rx_bytes_delta"], rel=0.03)
            assert received > 8_000_000


def test_with_uploading_off_no_packet_is_sent() -> None:
    """The only link of the namespace counts packets while clients use every topic and every subcommand."""
    with wire() as network:
        for namespace in network:
            network.run(namespace, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
        settings_writer.change(paths.settings_file(), lambda _: Settings(upload=Upload(level="connections")))
        before = network.counters()
        loopback = network.counters("lo")
        with agent(inside(network.near)):
            client = FeedClient(paths.feed_socket())
            client.send(Subscribe(frozenset({"interfaces", "connections", "apps"})))
            for words in ("status", "snapshot", "upload status", "doctor", "watch --count 3", "connections", "apps"):
                done = run(*words.split(), before=inside(network.near))
                assert done.returncode == 0, done.stderr
            messages = client.wait(60)
            assert messages
            client.close()
        assert network.counters()["tx_packets"] == before["tx_packets"]
        assert network.counters("lo") == loopback
        # The counter does count: what a resolver would send shows.
        code = f"import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ({FAR!r}, 53))"
        network.run(network.near, sys.executable, "-c", code)
        assert network.counters()["tx_packets"] > before["tx_packets"]
    assert not paths.spool_file().exists()
    assert not paths.identities_file().exists()


def test_metrics_are_served_on_the_loopback_only() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [*PROGRAM, "serve-metrics", "--port", str(port)], stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == f"Serving http://127.0.0.1:{port}/metrics\n"
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
            text = answer.read().decode()
        assert "netwatch_interface_receive_bytes_total{" in text
        assert "netwatch_memory_available_bytes " in text
        assert "netwatch_events_total" not in text, "nobody looks for events"
        assert _status(f"http://127.0.0.1:{port}/healthz") == 200
        assert _status(f"http://127.0.0.1:{port}/elsewhere") == 404
        assert _status(f"http://127.0.0.1:{port}/metrics", Host="evil.example") == 403
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 0


def _status(url: str, **headers: Any) -> int:
    try:
        request = urllib.request.Request(url, headers=headers)  # noqa: S310  the loopback's
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  as above
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return int(error.code)
