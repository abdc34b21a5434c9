"""URLs of servers, keys that are never shown, and host ids that two accounts never share."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from netwatch_tray import paths
from netwatch_tray.cloud import account
from netwatch_tray.cloud.account import Key, parse_endpoint
from netwatch_tray.errors import NetWatchError, SettingsError
from netwatch_tray.settings import Upload

SECRET = "nw_ak_" + 4 * "deadbeef"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://example.org", "https://example.org/api/v1/ingest"),
        ("example.org", "https://example.org/api/v1/ingest"),
        ("https://example.org/", "https://example.org/api/v1/ingest"),
        ("https://example.org/api/v1/ingest", "https://example.org/api/v1/ingest"),
        ("https://example.org/api/v1/ingest/", "https://example.org/api/v1/ingest"),
        ("https://example.org:8443/netwatch", "https://example.org:8443/netwatch/api/v1/ingest"),
        ("http://127.0.0.1:3000", "http://127.0.0.1:3000/api/v1/ingest"),
        ("http://[::1]:3000", "http://[::1]:3000/api/v1/ingest"),
        ("http://localhost", "http://localhost/api/v1/ingest"),
    ],
)
def test_urls_with_and_without_the_api_path_are_equal(address: str, expected: str) -> None:
    assert str(parse_endpoint(address)) == expected


@pytest.mark.parametrize(
    "address",
    [
        "http://example.org",
        "http://192.0.2.1",
        "http://localhost.example.org",
        "http://127.0.0.1.example.org",
        "ftp://example.org",
        "https://",
        "https://user:word@example.org",
        "https://example.org/?key=1",
        "https://example.org/#x",
        "https://exa mple.org",
        "https://example.org:99999",
        "https://a..b",
        "https://[::1",
        "",
    ],
)
def test_urls_that_no_key_may_be_sent_to_are_refused(address: str) -> None:
    with pytest.raises(SettingsError):
        parse_endpoint(address)


@pytest.mark.parametrize(
    "address",
    [
        "ftp://user:pw-x@h",
        "user:pw-x@h",
        "https://user:pw-x@h/",
        "https://user:pw-x/y@h",
        "http://u:pw-x@h",
        "x://a:pw-x@[",
        "https://u:pw-x @h",
    ],
)
def test_no_message_about_a_url_contains_its_password(address: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parse_endpoint(address)
    assert "pw-x" not in str(refused.value)


@given(st.text(max_size=40))
def test_any_text_parses_as_url_or_raises_settings_error(text: str) -> None:
    try:
        found = parse_endpoint(text)
    except SettingsError:
        return
    assert found.path.endswith("/api/v1/ingest")
    assert found.is_secure or found.host in {"localhost", "::1"} or found.host.startswith("127.")


@pytest.mark.parametrize("text", ["", " ", "two words", "line\nbreak", "ünïcode", "x" * 1000, f"{SECRET}\x00"])
def test_an_invalid_key_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(SettingsError) as failure:
        Key(text)
    assert not text.strip() or text.strip() not in str(failure.value)


def test_the_representation_of_a_key_hides_it() -> None:
    key = Key(f" {SECRET}\n")
    assert key.reveal() == SECRET
    assert SECRET not in f"{key} {key!r} {[key]} {key.__reduce_ex__}"


def test_a_key_is_stored_for_one_server_with_mode_0600() -> None:
    here, there = parse_endpoint("https://one.example"), parse_endpoint("https://two.example")
    account.save_key(here, Key(SECRET))
    file = paths.upload_key_file()
    assert file.stat().st_mode & 0o777 == 0o600
    found = account.load_key(here)
    assert found is not None
    assert found.reveal() == SECRET
    assert account.load_key(there) is None
    with pytest.raises(SettingsError, match=r"There is no API key for https://two\.example"):
        account.resolve(Upload(endpoint="https://two.example"), {})


def test_the_environment_overrides_the_settings() -> None:
    environment = {"NETWATCH_ENDPOINT": "https://env.example", "NETWATCH_API_KEY": SECRET, "NETWATCH_INTERVAL": "60"}
    found = account.resolve(Upload(), environment)
    assert (found.endpoint.host, found.key.reveal()) == ("env.example", SECRET)
    assert account.interval(Upload(), environment) == 60
    with pytest.raises(SettingsError, match="NETWATCH_INTERVAL"):
        account.interval(Upload(), {"NETWATCH_INTERVAL": "5"})


def test_each_account_has_its_own_permanent_random_id() -> None:
    server = parse_endpoint("https://one.example")
    first = account.identity(server, Key("first"))
    second = account.identity(server, Key("second"))
    elsewhere = account.identity(parse_endpoint("https://two.example"), Key("first"))
    assert len({first.host_id, second.host_id, elsewhere.host_id}) == 3
    assert account.identity(server, Key("first")) == first
    assert account.identity(server, Key("renewed"), like=(server, Key("first"))) == first
    assert account.identity(server, Key("renewed")) == first
    assert account.identity(parse_endpoint("https://moved.example"), Key("new"), like=(server, Key("first"))) == first
    content = paths.identities_file().read_text()
    assert "first" not in content
    assert "one.example" not in content
    assert paths.identities_file().stat().st_mode & 0o777 == 0o600


def test_an_unreadable_id_file_is_not_replaced() -> None:
    """With a new ID, the server would count another host, perhaps more than the user's plan allows."""
    file = paths.identities_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("{half")
    with pytest.raises(NetWatchError, match="which holds this host's id"):
        account.identity(parse_endpoint("https://one.example"), Key("k"))
    assert file.read_text() == "{half"


KEYRING = """
import json, os, pathlib
from keyring.errors import NoKeyringError
_FILE = pathlib.Path(os.environ["TEST_KEYRING"])
def set_password(service, name, secret):
    _FILE.write_text(json.dumps({**_known(), f"{service} {name}": secret}))
def get_password(service, name):
    return _known().get(f"{service} {name}")
def _known():
    if not _FILE.exists():
        raise NoKeyringError("there is none")
    return json.loads(_FILE.read_text())
"""


@pytest.fixture
def keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Install a stand-in for the optional package. It stores keys in the returned file; without the file there is no
    keyring."""
    package, kept = tmp_path / "packages" / "keyring", tmp_path / "kept.json"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(KEYRING)
    (package / "errors.py").write_text("class KeyringError(Exception): ...\nclass NoKeyringError(KeyringError): ...")
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    monkeypatch.setenv("TEST_KEYRING", str(kept))
    monkeypatch.syspath_prepend(package.parent)
    kept.write_text("{}")
    yield kept
    for name in ("keyring", "keyring.errors"):
        sys.modules.pop(name, None)


def test_with_a_keyring_the_key_is_in_no_file(keyring: Path) -> None:
    here, there = parse_endpoint("https://one.example"), parse_endpoint("https://two.example")
    keyring.unlink()  # a server has none
    assert account.load_key(here) is None
    assert str(paths.upload_key_file()) in account.save_key(here, Key("old"))
    keyring.write_text("{}")
    assert account.save_key(here, Key(SECRET)) == "the system's keyring"
    assert not paths.upload_key_file().exists()
    assert json.loads(keyring.read_text()) == {"netwatch-tray one.example:443": SECRET}
    found = account.load_key(here)
    assert found is not None
    assert found.reveal() == SECRET
    assert account.load_key(there) is None


def test_a_refusing_keyring_is_reported_without_its_message(keyring: Path) -> None:
    keyring.write_text(SECRET)
    with pytest.raises(NetWatchError, match=r"refused to return the API key\. Unlock it") as failure:
        account.load_key(parse_endpoint("https://one.example"))
    assert SECRET not in "".join(traceback.format_exception(failure.value))


def test_no_traceback_contains_the_key(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", _full_disk)
        with pytest.raises(NetWatchError) as failure:
            account.save_key(parse_endpoint("https://one.example"), Key(SECRET))
    assert SECRET not in "".join(traceback.format_exception(failure.value))
    assert not [file for file in home.rglob("*") if file.is_file() and SECRET in file.read_text()]


def _full_disk(*_: object) -> int:
    raise OSError(28, "No space left on device")
