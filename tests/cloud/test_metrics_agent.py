"""Metrics of a real agent: nothing listens until they are turned on, and a busy port costs nothing but them."""

from __future__ import annotations

import json
import socket
import urllib.request
from collections.abc import Iterator

import pytest
from test_upload_agent import agent, answers, run, said
from uploading import wait_for

from netwatch_tray import paths, settings_writer
from netwatch_tray.cli.session import send
from netwatch_tray.feed.protocol import Command
from netwatch_tray.settings import Metrics, Settings


@pytest.fixture
def taken() -> Iterator[socket.socket]:
    """Yield a listener of another program, whose port is in use."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


def turn_on(port: int, *, on: bool = True) -> None:
    settings_writer.change(paths.settings_file(), lambda _: Settings(metrics=Metrics(on=on, port=port)))


def scrape(port: int) -> str | None:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as response:
            return str(response.read().decode())
    except OSError:  # also where the agent hangs up
        return None


def test_agent_serves_metrics_while_they_are_turned_on(taken: socket.socket) -> None:
    port = taken.getsockname()[1]
    turn_on(port, on=False)
    with agent() as process:
        assert json.loads(said("status", "--json"))["metrics"] is None
        turn_on(port)
        send(Command("reload")).close()
        sentence = f"Metrics cannot be served at port {port} of 127.0.0.1: Address already in use."
        wait_for(lambda: sentence in said("status"), "status has the reason")
        assert sentence in run("doctor").stdout
        assert answers(process)
        taken.close()
        wait_for(lambda: scrape(port) is not None, "the port is tried again")
        assert json.loads(said("status", "--json"))["metrics"] == f"at http://127.0.0.1:{port}/metrics"
        wait_for(lambda: "netwatch_interface_receive_bytes_total{" in (scrape(port) or ""), "a tick was counted")
        wait_for(lambda: "netwatch_tcp_connections{" in (scrape(port) or ""), "the sockets were read")
        assert 'netwatch_events_total{kind="beacon"} 0\n' in (scrape(port) or "")
        chosen = paths.settings_file().read_text()
        paths.settings_file().write_text(f"{chosen}\n[unitz]\n")
        send(Command("reload")).close()
        wait_for(lambda: scrape(port) is None, "with a fault in the settings nothing is served")
        paths.settings_file().write_text(chosen)
        send(Command("reload")).close()
        wait_for(lambda: scrape(port) is not None, "it is served again")
        turn_on(port, on=False)
        send(Command("reload")).close()
        wait_for(lambda: scrape(port) is None, "nothing listens once metrics are off")
