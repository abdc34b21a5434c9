"""Uploading set up by scripts: `upload setup --key-file`, and an administrator's settings file."""

from __future__ import annotations

import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest
from ingest_server import KEY, IngestServer
from managed import managed_file

from netwatch_tray import paths, settings
from netwatch_tray.agent.uploading import Uploading
from netwatch_tray.cli import main
from netwatch_tray.cloud import account
from netwatch_tray.errors import Message
from netwatch_tray.settings import Otlp, Upload

URL = "https://netwatch.example.org"
OTHER_KEY = "ndk_another"


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    return file


def host_id() -> str:
    found = account.known_identity(settings.load(paths.settings_file()).upload)
    assert found is not None
    return found.host_id


def stored_key() -> str:
    key = account.load_key(account.parse_endpoint(URL))
    assert key is not None
    return key.reveal()


def test_a_key_file_sets_up_without_questions(
    key_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    arguments = ["upload", "setup", "--endpoint", URL, "--level", "apps", "--key-file", str(key_file)]
    assert main(arguments) == 0
    assert settings.load(paths.settings_file()).upload == Upload(endpoint=URL, level="apps")
    assert stored_key() == KEY
    printed = capsys.readouterr()
    assert KEY not in printed.out + printed.err
    assert "netwatch-tray upload on" in printed.out


def test_key_file_given_as_a_dash_is_read_from_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(KEY.encode())))
    assert main(["upload", "setup", "--endpoint", URL, "--key-file", "-"]) == 0
    assert stored_key() == KEY


def test_a_repeated_set_up_leaves_a_running_upload_alone(key_file: Path) -> None:
    arguments = ["upload", "setup", "--endpoint", URL, "--key-file", str(key_file)]
    assert main(arguments) == 0
    assert main(["upload", "on"]) == 0
    text, first = paths.settings_file().read_text(), host_id()
    assert main(arguments) == 0
    assert main([*arguments[:3], f"{URL}/api/v1/ingest/", *arguments[4:]]) == 0, "the same server"
    assert paths.settings_file().read_text() == text
    assert host_id() == first
    assert main([*arguments, "--interval", "60"]) == 0
    assert settings.load(paths.settings_file()).upload == Upload(on=True, endpoint=URL, interval=60)
    key_file.write_text(OTHER_KEY)
    assert main(arguments) == 0
    assert not settings.load(paths.settings_file()).upload.on, "the key may be of another account"
    assert host_id() != first
    key_file.write_text(KEY)
    assert main([*arguments, "--same-account"]) == 0
    assert stored_key() == KEY


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "The API key cannot be read from {file}: No such file or directory. Nothing was changed."),
        (b"", "There is no API key in {file}. Nothing was changed."),
        (b" \n\n", "There is no API key in {file}. Nothing was changed."),
        (b"nw_ak_1\nnw_ak_2\n", "The API key must be one word of plain ASCII characters. Copy it again."),
        ("schlüssel".encode(), "The API key must be one word of plain ASCII characters. Copy it again."),
        (b"k" * 5000, "The API key must be one word of plain ASCII characters. Copy it again."),
    ],
)
def test_missing_or_invalid_key_file_changes_nothing(
    content: bytes | None, reason: str, key_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["upload", "setup", "--endpoint", URL, "--key-file", str(key_file)]
    assert main(arguments) == 0
    assert main(["upload", "on"]) == 0
    before = paths.settings_file().read_text()
    key_file.unlink()
    if content is not None:
        key_file.write_bytes(content)
    capsys.readouterr()
    assert main([*arguments, "--level", "events"]) == 1
    assert capsys.readouterr().err == f"netwatch-tray: {reason.format(file=key_file)}\n"
    assert paths.settings_file().read_text() == before
    assert stored_key() == KEY


def test_a_managed_upload_needs_only_its_key(
    key_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    managed_file(tmp_path, monkeypatch, f'[upload]\non = true\nendpoint = "{URL}"\nlevel = "system"\n')
    assert main(["upload", "setup", "--key-file", str(key_file)]) == 0
    assert "netwatch-tray upload on" not in capsys.readouterr().out, "it is on"
    assert stored_key() == KEY
    assert main(["upload", "setup", "--key-file", str(key_file), "--endpoint", URL]) == 0
    assert main(["upload", "on"]) == 0
    assert not paths.settings_file().exists(), "nothing of it is the user's choice"
    capsys.readouterr()
    for arguments, key in (
        (["upload", "off"], "upload.on"),
        (["upload", "setup", "--level", "events", "--key-file", str(key_file)], "upload.level"),
        (["upload", "setup", "--endpoint", "https://b.example", "--key-file", str(key_file)], "upload.endpoint"),
    ):
        assert main(arguments) == 1
        file = paths.managed_settings_file()
        assert capsys.readouterr().err == (
            f"netwatch-tray: Set by your administrator in {file}: {key}. You cannot change this.\n"
        )
    assert main(["upload", "status"]) == 0
    status = capsys.readouterr().out
    assert "set by your administrator  upload.endpoint\n" in status
    assert status.count("upload.") == 3


def test_nothing_is_sent_where_the_administrator_turned_uploading_off(
    key_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    managed_file(tmp_path, monkeypatch, "[upload]\non = false\n")
    with IngestServer() as server:
        assert main(["upload", "setup", "--endpoint", server.url, "--key-file", str(key_file)]) == 0
        capsys.readouterr()
        for action in ("on", "test"):
            assert main(["upload", action]) == 1
            assert "Set by your administrator" in capsys.readouterr().err
        assert server.requests == []


def test_a_broken_managed_file_refuses_every_change_and_sends_nothing(
    key_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with IngestServer() as server:
        arguments = ["upload", "setup", "--endpoint", server.url, "--key-file", str(key_file)]
        assert main(arguments) == 0
        managed_file(tmp_path, monkeypatch, "[upload]\non = true\n").chmod(0o666)
        before = paths.settings_file().read_text()
        capsys.readouterr()
        for action in (arguments, ["upload", "on"], ["upload", "test"], ["upload", "off"]):
            assert main(action) == 1
            assert "must belong to root" in capsys.readouterr().err
        assert paths.settings_file().read_text() == before
        assert server.requests == []


def test_notification_says_whether_uploading_or_the_otlp_export_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Service:
        def __init__(self, *given: Any, **_: object) -> None:
            self.connections_read = None
            given[4](Message("The server refuses the token."))  # what the user has to do

        def stop(self, *, drain: bool) -> None:
            assert not drain

    monkeypatch.setattr("netwatch_tray.cloud.upload_service.UploadService", Service)
    monkeypatch.setattr("netwatch_tray.cloud.otlp_service.OtlpService", Service)
    shown: list[tuple[str, str]] = []

    class Watch:
        on_reading = None

        def read_with_tick(self) -> None:
            """Never called."""

    uploading = Uploading(
        None,  # type: ignore[arg-type]
        Watch(),  # type: ignore[arg-type]
        lambda key, heading, _text: shown.append((key, str(heading))),
        is_allowed=True,
    )
    uploading.apply(Upload(on=True, endpoint=URL))
    uploading.apply_otlp(Otlp(on=True))
    assert shown == [("upload", "Nothing is uploaded"), ("otlp", "Nothing is exported to OpenTelemetry")]


def test_an_agent_notices_that_the_key_file_was_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the administrator manages uploading, storing a key changes no setting."""

    class Service:
        def __init__(self, *_: object, **__: object) -> None:
            self.connections_read = None

        def stop(self, *, drain: bool) -> None:
            assert not drain

    monkeypatch.setattr("netwatch_tray.cloud.upload_service.UploadService", Service)

    class Watch:
        on_reading = None

        def read_with_tick(self) -> None:
            """Never called."""

    uploading = Uploading(None, Watch(), lambda *_: None, is_allowed=True)  # type: ignore[arg-type]
    assert not uploading.has_new_key
    uploading.apply(Upload(on=True, endpoint=URL))
    assert not uploading.has_new_key
    endpoint = account.parse_endpoint(URL)
    for key in (KEY, OTHER_KEY, KEY):
        account.save_key(endpoint, account.Key(key))
        assert uploading.has_new_key
        uploading.apply(Upload(on=True, endpoint=URL))
        assert not uploading.has_new_key
    uploading.apply(Upload(endpoint=URL))
    assert not uploading.has_new_key
