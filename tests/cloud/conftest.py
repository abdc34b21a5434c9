"""A separate home directory for each test, and the clients it creates."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from netwatch_tray.cloud.client import ServerClient


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Keep the user's files and environment variables out of the tests."""
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        directory = tmp_path / name.lower()
        directory.mkdir(mode=0o700)
        monkeypatch.setenv(name, str(directory))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("NETWATCH_ENDPOINT", "NETWATCH_API_KEY", "NETWATCH_INTERVAL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("https_proxy", "http_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with tempfile.TemporaryDirectory() as runtime:  # a short path, since the path of a socket is limited
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        yield tmp_path


@pytest.fixture(autouse=True)
def clients(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[ServerClient]]:
    """Close every client after the test, as the uploader's thread does where there is one."""
    made: list[ServerClient] = []
    make = ServerClient.__init__

    def noted(client: ServerClient, *arguments: Any, **options: Any) -> None:
        make(client, *arguments, **options)
        made.append(client)

    monkeypatch.setattr(ServerClient, "__init__", noted)
    yield made
    for client in made:
        client.close()
