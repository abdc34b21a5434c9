"""The export of a running agent: nothing while it is off, metrics and events while it is on, and no secret shown."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from networks import LISTENER, inside, wire
from otlp_collector import Collector, values
from test_upload_agent import agent, said
from uploading import wait_for

from netwatch_tray import paths, settings_writer
from netwatch_tray.settings import Otlp, Settings


def test_an_agent_exports_until_it_is_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20s3cret")
    with wire() as network, Collector(namespace=network.near) as collector:
        otlp = Otlp(endpoint=collector.url, interval=10, level="events")
        settings_writer.change(paths.settings_file(), lambda _: Settings(otlp=otlp))
        with agent(inside(network.near)) as process:

            def tell(*arguments: str) -> str:
                return said(*arguments, before=inside(network.near))

            assert json.loads(tell("status", "--json"))["otlp"] is None
            assert not paths.otlp_spool_file().exists()
            assert "Metrics at the level events go to" in tell("otlp", "on")
            wait_for(lambda: len(collector.metrics) >= 1, "metrics arrive", 120)
            listener = network.python(network.near, LISTENER, "5555")
            wait_for(lambda: len(collector.records()) >= 1, "the event of the new port arrives", 120)
            listener.communicate(timeout=60)
            assert "delivered" in tell("otlp", "status")
            assert "s3cret" not in Path(f"/proc/{process.pid}/cmdline").read_text()
            assert "Nothing is sent" in tell("otlp", "off")
            wait_for(lambda: json.loads(tell("status", "--json"))["otlp"] is None, "it ends")
            until_now = len(collector.requests)
        assert len(collector.requests) == until_now
    assert collector.complaints == []
    assert {headers["authorization"] for _, headers, _ in collector.requests} == {"Bearer s3cret"}
    assert {path for path, _, _ in collector.requests} == {"/v1/metrics", "/v1/logs"}
    names = {each.name for each in collector.points()}
    assert {"system.network.io", "system.memory.usage", "process.memory.usage"} <= names
    interfaces = {each.attributes["network.interface.name"] for each in collector.points("system.network.io")}
    assert interfaces == {"uplink"}
    assert values(collector.metrics[0]["resource"]["attributes"])["host.name"] == os.uname().nodename
