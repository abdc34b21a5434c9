"""The agent's export to a collector: nothing is lost or sent twice, and responses are handled by the rules of OTLP."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings as hypothesis_settings, strategies as st
from otlp_collector import Answer, Collector, free_port, values
from test_upload_service import Loop
from uploading import FAST, certificate, server_side, snapshot, wait_for

from netwatch_tray import paths, settings
from netwatch_tray.cli import main
from netwatch_tray.cloud import otlp_json, otlp_target
from netwatch_tray.cloud.client import Response
from netwatch_tray.cloud.otlp_metrics import MetricsEncoder
from netwatch_tray.cloud.otlp_service import OtlpService
from netwatch_tray.cloud.otlp_target import parse_headers, resource, target
from netwatch_tray.cloud.otlp_uploader import OtlpUploader, decide
from netwatch_tray.cloud.privacy import Scope
from netwatch_tray.cloud.response_policy import Pause, PerSnapshot, Retry, SetAside, Split
from netwatch_tray.cloud.spool import Spool
from netwatch_tray.cloud.wire import HostInfo
from netwatch_tray.engine.events import Outcome
from netwatch_tray.errors import SettingsError
from netwatch_tray.event import Beacon, Event, NewListener, Severity
from netwatch_tray.settings import Otlp

STREAM = "6f1c2d3e-0000-4000-8000-123456789abc"


def fill(spool: Spool, count: int) -> list[int]:
    """Append metrics of the last seconds. Return their times in nanoseconds."""
    encoder = MetricsEncoder()
    times = []
    for number in range(count):
        at = datetime.now(UTC) - timedelta(seconds=count - number)
        spool.append(STREAM, at.timestamp(), encoder.encode(snapshot(at, number), {"service.name": "test"}), Scope())
        times.append(int(otlp_json.nanoseconds(at.timestamp())))
    return times


def uploader(spool: Spool, collector: Collector, **environment: str) -> OtlpUploader:
    return OtlpUploader(
        spool, target(Otlp(endpoint=collector.url), "metrics", environment), "metrics", STREAM, pace=FAST
    )


def times(collector: Collector) -> list[int]:
    return [
        each.at
        for each in collector.points("system.network.io")
        if each.attributes["network.io.direction"] == "receive"
    ]


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    made = Spool(tmp_path / "otlp.sqlite3")
    yield made
    made.close()


def drained(spool: Spool, sender: OtlpUploader) -> None:
    sender.start()
    wait_for(lambda: spool.counts(STREAM).waiting == 0, "everything is settled")
    sender.stop(drain=False)
    assert sender.wait(60)


def test_a_failing_collector_gets_each_snapshot_once(spool: Spool) -> None:
    expected = fill(spool, 40)
    busy = [Answer(503, b"", {"Retry-After": "0"}), Answer(429, b""), Answer(502), Answer(504, b"not JSON")]
    with Collector() as collector:
        collector.script.extend(busy)
        drained(spool, uploader(spool, collector))
        assert [status for _, _, status in collector.requests] == [503, 429, 502, 504, 200]
    assert collector.complaints == []
    assert times(collector) == expected
    assert {headers["content-type"] for _, headers, _ in collector.requests} == {"application/json"}
    assert {headers["content-encoding"] for _, headers, _ in collector.requests} == {"gzip"}


def test_elements_that_a_dead_collector_missed_are_sent_in_order_after_a_restart(spool: Spool) -> None:
    expected = fill(spool, 30)
    dead = Collector(port=free_port())
    sender = uploader(spool, dead)
    assert not sender.send_once()
    assert "cannot be reached" in str(sender.state().fault)
    sender._client.close()
    with dead as collector:  # as after a restart of the agent: another uploader of the same spool
        drained(spool, uploader(spool, collector))
    assert times(collector) == expected


def test_after_a_lost_response_a_point_comes_again_with_the_same_time_and_value(spool: Spool) -> None:
    """OTLP has no key for a request, but a database of series stores an equal point only once."""
    expected = fill(spool, 3)
    with Collector() as collector:
        collector.script.append(Answer(200, is_lost=True))
        drained(spool, uploader(spool, collector))
    found = collector.points("system.network.io")
    assert {each.at for each in found} == set(expected)
    assert len({(*each.series, each.at) for each in found}) == len(
        {(*each.series, each.at, each.value) for each in found}
    )


def test_partial_success_is_not_retried_and_reported(spool: Spool, expected_logs: list[str]) -> None:
    expected_logs.append("refused 3 values: too old")
    fill(spool, 2)
    with Collector() as collector:
        body = b'{"partialSuccess": {"rejectedDataPoints": "3", "errorMessage": "too old"}}'
        collector.script.append(Answer(200, body))
        sender = uploader(spool, collector)
        drained(spool, sender)
        assert len(collector.requests) == 1
    assert "refused 3 values (too old)" in str(sender.state().fault)
    assert spool.counts(STREAM).delivered == 2


@pytest.mark.parametrize("status", [400, 408, 422, 500, 501])
def test_elements_with_a_final_error_are_sent_once(spool: Spool, status: int) -> None:
    fill(spool, 5)
    with Collector() as collector:
        collector.script.append(Answer(status, b'{"message": "no \\u0000 such"}'))
        sender = uploader(spool, collector)
        drained(spool, sender)
        assert len(collector.requests) == 1
    counts = spool.counts(STREAM)
    assert (counts.aside, counts.delivered) == (5, 0)
    assert f"HTTP {status}" in (counts.reason or "")


def test_batch_refused_as_too_large_is_sent_in_halves(spool: Spool) -> None:
    expected = fill(spool, 4)
    with Collector() as collector:
        collector.script.append(Answer(413, b""))
        drained(spool, uploader(spool, collector))
        assert [status for _, _, status in collector.requests] == [413, 200, 200]
    assert times(collector) == expected


def test_wrong_credentials_keep_what_is_pending(spool: Spool, expected_logs: list[str]) -> None:
    expected_logs.append("Sending is paused")
    expected = fill(spool, 2)
    with Collector() as collector:
        collector.script.append(Answer(401, b""))
        sender = uploader(spool, collector, OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20abc,x-tenant=a")
        assert not sender.send_once()
        assert sender.state().needs_user
        assert "credentials" in str(sender.state().fault)
        drained(spool, sender)
        assert {headers["authorization"] for _, headers, _ in collector.requests} == {"Bearer abc"}
        assert {headers["x-tenant"] for _, headers, _ in collector.requests} == {"a"}
    assert times(collector) == expected


@given(
    st.lists(st.sampled_from([200, 429, 502, 503, 504, 413, 400, 401, 404, 307]), max_size=8),
    st.integers(1, 12),
)
@example([401, 503, 413, 200, 429], 5)
@hypothesis_settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_element_is_stored_once_or_set_aside(expected_logs: list[str], statuses: list[int], count: int) -> None:
    expected_logs.append("Sending is paused")
    with tempfile.TemporaryDirectory() as directory:
        spool = Spool(Path(directory) / "otlp.sqlite3")
        expected = fill(spool, count)
        with Collector() as collector:
            collector.script.extend(Answer(status) for status in statuses)
            drained(spool, uploader(spool, collector))
        counts = spool.counts(STREAM)
        spool.close()
    found = times(collector)
    assert len(found) == len(set(found)) == counts.delivered
    assert set(found) <= set(expected)
    assert counts.delivered + counts.aside == count
    assert counts.aside == 0 or 400 in statuses or 413 in statuses


def response(status: int, body: bytes = b"", **given: Any) -> Response:
    return Response(status, body, **({"server_time": None, "retry_after": None, "location": None} | given))


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        (response(200), PerSnapshot),
        (response(200, b"<html>"), PerSnapshot),
        (response(200, b'{"partialSuccess": null}'), PerSnapshot),
        (response(202), PerSnapshot),
        (response(429, retry_after=7.0), Retry),
        (response(503, retry_after=7.0), Retry),
        (response(400), SetAside),
        (response(500), SetAside),
        (response(413), Split),
        (response(401), Pause),
        (response(302, location="https://elsewhere.example/"), Pause),
    ],
)
def test_each_response_decides_what_is_done_with_the_snapshots(found: Response, kind: type) -> None:
    decision, refused = decide(found, 2)
    assert isinstance(decision, kind)
    assert refused is None
    if isinstance(decision, Retry):
        assert decision.after == 7.0


class OtlpLoop(Loop):
    def export(self, otlp: Otlp, **environment: str) -> OtlpService:
        """Start an export in place of the previous one."""
        before = self._services[-1] if self._services else None
        made: list[OtlpService] = []

        def start() -> None:
            if before:
                before.stop(drain=False)
            made.append(OtlpService(self.scheduler, otlp, environment, lambda: None, self.told.append, after=before))
            self._services.append(made[0])

        self.do(start)
        wait_for(lambda: str(made[0].status) != "starting", "it begins")
        made[0]._interval = 1e-6  # an export with each tick
        return made[0]


@pytest.fixture
def loop() -> Iterator[OtlpLoop]:
    made = OtlpLoop()
    yield made
    made.close()


def event(number: int = 1, **options: Any) -> Event:
    evidence = Beacon(period=60.0, times=10, deviation=0.5, variation=0.01, rule_times=8, rule_variation=0.1)
    now = datetime.now(UTC).timestamp()
    made: dict[str, Any] = {
        "id": number,
        "first": now,
        "last": now,
        "severity": Severity.ALERT,
        "key": "k",
        "evidence": evidence,
        "app": "/usr/bin/syncthing",
        "app_name": "Syncthing",
        "host": "192.0.2.7",
        "pid": 42,
    }
    return Event(**(made | options))


def notable(event: Event) -> Outcome:
    return Outcome((event,), is_notable=True)


def test_outage_neither_loses_nor_duplicates_elements(loop: OtlpLoop) -> None:
    """The collector does not respond for ten minutes of ticks, and the service is restarted meanwhile."""
    port = free_port()
    otlp = Otlp(on=True, endpoint=f"http://127.0.0.1:{port}", all_interfaces=True)
    ticks = 0

    def measure(service: OtlpService, count: int) -> None:
        nonlocal ticks
        for _ in range(count):
            loop.tick(service)
            wait_for(lambda: service._worker.pending == 0, "it is stored")
        ticks += count - 1  # the first tick of a service begins an interval

    with Collector(port=port) as first:
        service = loop.export(otlp)
        measure(service, 5)
        wait_for(lambda: _waiting() == 0, "they are sent")
    measure(service, 21)
    ticks += 1
    wait_for(lambda: service.fault is not None, "the outage is noticed")
    assert "cannot be reached" in str(service.status)
    service = loop.export(otlp)
    measure(service, 20)
    assert _waiting() == 40
    with Collector(port=port) as second:
        wait_for(lambda: _waiting() == 0, "they are sent after the return")
        wait_for(lambda: service.fault is None, "all is well again")
        measure(service, 3)
        ticks += 1
        wait_for(lambda: _waiting() == 0, "and later ones")
    assert first.complaints == second.complaints == []
    elements = [*first.metrics, *second.metrics]
    assert len(elements) == ticks
    assert len({msgspec.json.encode(each) for each in elements}) == ticks
    attributes = values(elements[0]["resource"]["attributes"])
    assert attributes["service.name"] == "netwatch-tray"
    assert attributes["service.instance.id"] == values(elements[-1]["resource"]["attributes"])["service.instance.id"]
    for collector in (first, second):
        at = [each.at for each in collector.points("system.network.io")]
        assert at == sorted(at)


def test_events_become_log_records_without_hidden_values(loop: OtlpLoop) -> None:
    with Collector() as collector:
        service = loop.export(Otlp(on=True, endpoint=collector.url, level="events"), OTEL_SERVICE_NAME="mine")
        loop.do(lambda: service.take(notable(event())))
        wait_for(lambda: len(collector.records()) == 1, "it comes")
        hidden = Otlp(on=True, endpoint=collector.url, level="events", hide_names=True, hide_addresses=True)
        service = loop.export(hidden)
        listener = NewListener(protocol="TCP", address="192.168.1.2", port=80, before=("127.0.0.1",))
        loop.do(
            lambda: service.take(notable(event(2, host="dns.example", evidence=listener, severity=Severity.NOTICE)))
        )
        wait_for(lambda: len(collector.records()) == 2, "it comes")
    assert collector.complaints == []
    first, second = collector.records()
    assert (first["eventName"], first["severityNumber"], first["severityText"]) == ("netwatch.beacon", 13, "WARN")
    assert first["body"]["stringValue"] == "Syncthing connects to 192.0.2.7 every 60 s"
    found = values(first["attributes"])
    assert found["netwatch.app.name"] == "Syncthing"
    assert found["network.peer.address"] == "192.0.2.7"
    assert (found["netwatch.period"], found["netwatch.times"], found["process.pid"]) == (60.0, 10, 42)
    assert not [name for name in found if "rule" in name]
    assert values(collector.logs[0]["resource"]["attributes"])["service.name"] == "mine"
    assert (second["eventName"], second["severityNumber"]) == ("netwatch.listener", 10)
    text = msgspec.json.encode(second).decode()
    for secret in ("Syncthing", "syncthing", "192.", "127.", "example"):
        assert secret not in text
    assert values(second["attributes"])["netwatch.address"] == "private"
    assert values(second["attributes"])["netwatch.before"] == ("loopback",)


def test_events_are_not_sent_below_level_events(loop: OtlpLoop) -> None:
    with Collector() as collector:
        service = loop.export(Otlp(on=True, endpoint=collector.url, level="apps"))
        loop.do(lambda: service.take(notable(event())))
        loop.tick(service)
        loop.tick(service)
        wait_for(lambda: len(collector.metrics) == 1, "metrics come")
    assert collector.logs == []


def test_a_lower_level_drops_pending_elements_of_a_higher_one(loop: OtlpLoop) -> None:
    endpoint = f"http://127.0.0.1:{free_port()}"
    service = loop.export(Otlp(on=True, endpoint=endpoint, level="events"))
    loop.do(lambda: service.take(notable(event())))
    wait_for(lambda: _waiting() == 1, "it waits")
    loop.export(Otlp(on=True, endpoint=endpoint, level="rates"))
    assert _waiting() == 0


def test_unusable_target_is_reported_with_advice(loop: OtlpLoop, expected_logs: list[str]) -> None:
    expected_logs.append("Sending is on, but cannot begin")
    service = loop.export(Otlp(on=True, endpoint="http://192.0.2.1:4318"))
    wait_for(lambda: service.fault is not None, "it is reported")
    assert "is not encrypted" in str(service.fault)
    assert not paths.otlp_spool_file().exists()


def test_chosen_authority_and_client_certificate_are_used_for_tls(spool: Spool, tmp_path: Path) -> None:
    server, client = certificate(tmp_path, "127.0.0.1"), certificate(tmp_path, "client.example")
    tls = server_side(server)
    tls.load_verify_locations(client[0])
    tls.verify_mode = ssl.CERT_REQUIRED
    expected = fill(spool, 2)
    with Collector(tls=tls) as collector:
        drained(
            spool,
            uploader(
                spool,
                collector,
                OTEL_EXPORTER_OTLP_CERTIFICATE=str(server[0]),
                OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=str(client[0]),
                OTEL_EXPORTER_OTLP_CLIENT_KEY=str(client[1]),
                OTEL_EXPORTER_OTLP_COMPRESSION="none",
            ),
        )
        assert "content-encoding" not in collector.requests[0][1]
    assert times(collector) == expected


@pytest.mark.parametrize(
    ("setting", "environment", "metrics", "logs"),
    [
        ("http://localhost:4318", {}, "http://localhost:4318/v1/metrics", "http://localhost:4318/v1/logs"),
        ("https://a.example", {}, "https://a.example/v1/metrics", "https://a.example/v1/logs"),
        ("https://a.example/otlp/", {}, "https://a.example/otlp/v1/metrics", "https://a.example/otlp/v1/logs"),
        ("https://a.example/v1/metrics", {}, "https://a.example/v1/metrics", "https://a.example/v1/logs"),
        (
            "https://a.example",
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://b.example:4318/"},
            "https://b.example:4318/v1/metrics",
            "https://b.example:4318/v1/logs",
        ),
        (
            "https://a.example",
            {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "https://m.example/api"},
            "https://m.example/api",
            "https://a.example/v1/logs",
        ),
        (
            "https://a.example",
            {"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "https://l.example"},
            "https://a.example/v1/metrics",
            "https://l.example/",
        ),
    ],
)
def test_collector_urls_get_the_path_of_the_signal(
    setting: str, environment: dict[str, str], metrics: str, logs: str
) -> None:
    otlp = Otlp(endpoint=setting)
    assert str(target(otlp, "metrics", environment).endpoint) == metrics
    assert str(target(otlp, "logs", environment).endpoint) == logs


def test_options_of_a_signal_override_general_ones() -> None:
    environment = {
        "OTEL_EXPORTER_OTLP_TIMEOUT": "2500",
        "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT": "500",
        "OTEL_EXPORTER_OTLP_HEADERS": "a=1",
        "OTEL_EXPORTER_OTLP_METRICS_HEADERS": "b=2",
        "OTEL_EXPORTER_OTLP_METRICS_COMPRESSION": "none",
    }
    metrics, logs = target(Otlp(), "metrics", environment), target(Otlp(), "logs", environment)
    assert (metrics.timeout, logs.timeout) == (2.5, 0.5)
    assert (metrics.headers, logs.headers) == ({"b": "2"}, {"a": "1"})
    assert (metrics.is_compressed, logs.is_compressed) == (False, True)


@pytest.mark.parametrize(
    "environment",
    [
        {"OTEL_EXPORTER_OTLP_TIMEOUT": "soon"},
        {"OTEL_EXPORTER_OTLP_TIMEOUT": "0"},
        {"OTEL_EXPORTER_OTLP_COMPRESSION": "br"},
        {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
        {"OTEL_EXPORTER_OTLP_HEADERS": "s3cret"},
        {"OTEL_EXPORTER_OTLP_HEADERS": "x=s3cret%0D%0Ahost: a"},
        {"OTEL_EXPORTER_OTLP_HEADERS": "host=s3cret"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector.example:4318"},
        {"OTEL_EXPORTER_OTLP_CERTIFICATE": "/nowhere"},
    ],
)
def test_unusable_options_are_refused_without_values_of_headers(environment: dict[str, str]) -> None:
    with pytest.raises(SettingsError) as error:
        target(Otlp(), "metrics", environment)
    assert "s3cret" not in str(error.value)


def test_the_environment_does_not_override_an_administrator(monkeypatch: pytest.MonkeyPatch) -> None:
    managed = frozenset({"otlp.endpoint", "otlp.headers_file"})
    monkeypatch.setattr(settings, "managed", lambda: managed)
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "https://b.example",
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "https://m.example",
        "OTEL_EXPORTER_OTLP_HEADERS": "a=1",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "2500",
    }
    found = target(Otlp(endpoint="https://a.example"), "metrics", environment)
    assert (str(found.endpoint), found.headers, found.timeout) == ("https://a.example/v1/metrics", {}, 2.5)


def test_headers_of_a_file_that_others_can_read_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "headers"
    file.write_text("# the token\nauthorization=Bearer%20abc\n\nx-tenant=a\n")
    file.chmod(0o644)
    with pytest.raises(SettingsError, match="chmod o="):
        target(Otlp(headers_file=str(file)), "metrics", {})
    file.chmod(0o640)
    found = target(Otlp(headers_file=str(file)), "metrics", {"OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=b"})
    assert found.headers == {"authorization": "Bearer abc", "x-tenant": "b"}
    assert "abc" not in repr(found)


@given(st.text())
def test_any_text_parses_as_headers_or_is_refused(text: str) -> None:
    try:
        found = parse_headers(text)
    except SettingsError:
        return
    for name, value in found.items():
        assert f"{name}: {value}".isprintable()


def test_the_standard_environment_describes_the_resource() -> None:
    host = HostInfo(host_id="abc", hostname="laptop", os="Debian 13")
    found = resource(host, {"OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=my%20home, host.name=x"})
    assert found["service.name"] == "netwatch-tray"
    assert found["deployment.environment.name"] == "my home"
    assert found["host.name"] == "x"
    assert found["service.instance.id"] == "abc"
    with pytest.raises(SettingsError):
        resource(host, {"OTEL_RESOURCE_ATTRIBUTES": "oops"})


def test_the_subcommand_turns_the_export_on_and_off(capsys: pytest.CaptureFixture[str]) -> None:
    with Collector() as collector:
        assert main(["otlp", "on", "--endpoint", collector.url, "--level", "system", "--interval", "30"]) == 0
        assert f"Metrics at the level system go to {collector.url}/v1/metrics each 30 s" in capsys.readouterr().out
        assert main(["otlp", "test"]) == 0
        assert "accepts OTLP (not encrypted: it never leaves this computer)" in capsys.readouterr().out
        collector.script.append(Answer(401))
        assert main(["otlp", "test"]) == 1
        assert "credentials" in capsys.readouterr().err
        assert main(["otlp", "show"]) == 0
        shown = msgspec.json.decode(capsys.readouterr().out)
        assert main(["otlp", "status"]) == 0
        assert "the agent is not running" in capsys.readouterr().out
        assert main(["otlp", "off"]) == 0
    assert collector.metrics == [], "a test sends no metrics, and what is shown is not sent"
    assert len(collector.requests) == 2
    assert collector.complaints == []
    (element,) = shown["resourceMetrics"]
    assert values(element["resource"]["attributes"])["service.name"] == "netwatch-tray"
    found = settings.load(paths.settings_file()).otlp
    assert found == Otlp(endpoint=collector.url, level="system", interval=30)


@pytest.mark.parametrize("arguments", ["--endpoint http://collector.example:4318", "--headers-file /nowhere"])
def test_an_unusable_collector_is_not_turned_on(arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["otlp", "on", *arguments.split()]) == 1
    assert capsys.readouterr().err
    assert not settings.load(paths.settings_file()).otlp.on


def test_the_identity_is_one_for_each_collector() -> None:
    one, other = (target(Otlp(endpoint=f"https://{name}.example"), "metrics", {}).endpoint for name in "ab")
    assert otlp_target.identity(one) == otlp_target.identity(one) != otlp_target.identity(other)


def _waiting() -> int:
    spool = Spool(paths.otlp_spool_file())
    try:
        return spool.counts().waiting
    finally:
        spool.close()
