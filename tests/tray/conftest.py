from __future__ import annotations

from collections.abc import Iterator

import pytest
from desktop import Session
from surroundings import Loop, Watcher


@pytest.fixture
def bus() -> Iterator[Session]:
    """Run a session with a bus and without a display."""
    with Session(display=False) as session:
        yield session


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    try:
        yield loop
    finally:
        loop.close()


@pytest.fixture
def watcher(bus: Session) -> Iterator[Watcher]:
    watcher = Watcher(bus.environment["DBUS_SESSION_BUS_ADDRESS"])
    try:
        yield watcher
    finally:
        watcher.close()
