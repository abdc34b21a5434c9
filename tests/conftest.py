"""Rules for every test: no log record above INFO that the test did not ask for, and no failure for slowness."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Iterator

import dev
import needs
import pytest
from hypothesis import HealthCheck, settings
from networks import Wire, wire

from netwatch_tray.collect import odd_rows

# A shell that starts us in the background ignores SIGINT, nohup(1) ignores SIGHUP; our children would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# By default an example that takes 0.2 s fails, which it may on a machine that does something else as well.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

# Without the libraries of Qt these cannot even be imported.
collect_ignore = [] if needs.loads_qt() else ["gui", "unit/tray/test_icon.py"]


def pytest_sessionstart(session: pytest.Session) -> None:
    """Print first which tests are left out; only once, also if several processes run the tests."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or hasattr(session.config, "workerinput"):
        return
    desktops = [name for name in dev.DESKTOP_PROGRAMS if not name.startswith("/")]
    if text := needs.left_out([*dev.TEST_PROGRAMS, *desktops]):
        reporter.write_line(text)


class _Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def network() -> Iterator[Wire]:
    with wire() as made:
        yield made


@pytest.fixture(autouse=True)
def expected_logs(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Return a list to which the test appends parts of the warnings and errors that it expects. Each must be logged,
    and no others."""
    expected: list[str] = []
    odd_rows.clear()
    collector = _Collector()
    logging.getLogger().addHandler(collector)
    try:
        yield expected
    finally:
        logging.getLogger().removeHandler(collector)
    ignored = odd_rows.__name__ if request.node.get_closest_marker("odd_rows") else None
    texts = [record.getMessage() for record in collector.records if record.name != ignored]
    unexpected = [text for text in texts if not any(part in text for part in expected)]
    missing = [part for part in expected if not any(part in text for text in texts)]
    assert not unexpected, f"logged without being expected: {unexpected}"
    assert not missing, f"expected, but never logged: {missing}"


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make UTC the local time of a test."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
