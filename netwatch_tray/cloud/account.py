"""The account that snapshots are sent under: the server's URL, the API key, and the random ID of this host.

The key is stored in the system's keyring if the optional package `keyring` finds one, otherwise in a file that only the
user can read. It is in no setting, log, error, representation or command line.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import ipaddress
import os
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlsplit

import msgspec

from netwatch_tray import paths, settings
from netwatch_tray.errors import NetWatchError, SettingsError
from netwatch_tray.settings import Upload
from netwatch_tray.text import without_credentials

_INGEST = "/api/v1/ingest"
_SERVICE = "netwatch-tray"
_ASK_KEYRING = """
import sys, keyring
from keyring.errors import NoKeyringError
try:
    sys.stdout.write(keyring.get_password(*sys.argv[1:]) or "")
except NoKeyringError:
    pass
"""
_LONGEST_KEY = 512
_MOST_IDENTITIES = 50


class Endpoint(NamedTuple):
    """The validated URL of a server, to which a key may be sent."""

    is_secure: bool
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Return host and port in the form of the Host header; the port is left out if it is the default
        of the scheme."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_secure else 80) else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{'https' if self.is_secure else 'http'}://{self.authority}{self.path}"


class Key:
    """An API key. Only its method `reveal` returns the text, so that it cannot get into a log by accident."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        """Raise SettingsError if the text cannot be an API key. The message does not contain the text."""
        text = text.strip()
        if not 0 < len(text) <= _LONGEST_KEY or not all("!" <= letter <= "~" for letter in text):
            raise SettingsError("The API key must be one word of plain ASCII characters. Copy it again.")
        self._text = text

    def __repr__(self) -> str:
        return "Key(…)"

    def reveal(self) -> str:
        return self._text


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Random values that identify this host to one account."""

    host_id: str
    secret: str
    """Hexadecimal; never sent. With `hide_names`, the words that replace names are derived from it."""


class Account(NamedTuple):
    """Endpoint, key and identity: everything needed to send."""

    endpoint: Endpoint
    key: Key
    identity: Identity


def parse_endpoint(address: str, api: str = _INGEST) -> Endpoint:
    """Parse the URL of a server: `https://host`, with or without the path of the API. Raise SettingsError if it is
    invalid.

    `api`: that path. `http` is accepted for the loopback only; user names, queries and fragments are not accepted.
    """
    address = address.strip()
    shown = without_credentials(address)
    try:
        parts = urlsplit(address if "://" in address else f"https://{address}")
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        reason = f": {error}" if shown == address else ""  # which may quote the password
        raise SettingsError("Invalid URL {url}{reason}.", url=repr(shown), reason=reason) from error
    if parts.scheme not in {"http", "https"} or not _is_host(host) or any(map(str.isspace, address)):
        raise SettingsError("Invalid URL {url}. Example: https://netwatch.example.org", url=repr(shown))
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise SettingsError("The URL must not contain a user name, password, query or fragment.")
    is_secure = parts.scheme == "https"
    if not is_secure and not _is_loopback(host):
        raise SettingsError(
            "The URL {url} is not encrypted. Use https:// (http:// is for a server on this computer only).",
            url=repr(shown),
        )
    path = quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=~")
    if not path.endswith(api):
        path += api
    return Endpoint(is_secure, host, port or (443 if is_secure else 80), path or "/")


def _is_host(name: str) -> bool:
    """Return whether this is an IP address or an ASCII host name whose labels are short enough for the
    DNS (RFC 1035)."""
    return name.isascii() and all(0 < len(label) < 64 for label in name.removesuffix(".").split("."))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def resolve(upload: Upload, environment: Mapping[str, str] = os.environ) -> Account:
    """Return the account to send under. Raise SettingsError, which explains what is missing.

    The environment variables NETWATCH_ENDPOINT and NETWATCH_API_KEY override what the user has set up.
    """
    endpoint, key = _server_and_key(upload, environment)
    if key is None:
        raise SettingsError("There is no API key for {endpoint}. Run: netwatch-tray upload setup", endpoint=endpoint)
    return Account(endpoint, key, identity(endpoint, key))


def _server_and_key(upload: Upload, environment: Mapping[str, str]) -> tuple[Endpoint, Key | None]:
    endpoint = server(upload, environment)
    from_environment = environment.get("NETWATCH_API_KEY")
    return endpoint, Key(from_environment) if from_environment else load_key(endpoint)


def server(upload: Upload, environment: Mapping[str, str] = os.environ) -> Endpoint:
    """Return the server to send to. The environment variable NETWATCH_ENDPOINT overrides the setting. Raise
    SettingsError if the URL is invalid."""
    chosen = environment.get("NETWATCH_ENDPOINT")
    return parse_endpoint(chosen if chosen and "upload.endpoint" not in settings.managed() else upload.endpoint)


def known_identity(upload: Upload, environment: Mapping[str, str] = os.environ) -> Identity | None:
    """Return the identity of this host for the account in use, or None if none was made yet. Raise NetWatchError if it
    cannot be read."""
    endpoint, key = _server_and_key(upload, environment)
    return None if key is None else _read_identities(paths.identities_file()).get(_fingerprint(endpoint, key))


def interval(upload: Upload, environment: Mapping[str, str] = os.environ) -> int:
    """Return the seconds between snapshots. The environment variable NETWATCH_INTERVAL overrides the setting. Raise
    SettingsError if it is invalid."""
    text = environment.get("NETWATCH_INTERVAL")
    if not text or "upload.interval" in settings.managed():
        return upload.interval
    if not text.isdecimal() or not 10 <= int(text) <= 3600:
        raise SettingsError(
            "NETWATCH_INTERVAL is {text}; it must be a whole number of seconds from 10 to 3600.", text=repr(text)
        )
    return int(text)


def identity(endpoint: Endpoint, key: Key, *, like: tuple[Endpoint, Key] | None = None) -> Identity:
    """Return this host's identity for the account of a key; a new random one if the key is new. Raise NetWatchError if
    it cannot be stored.

    It is not derived from the machine: a server files snapshots under the account that used the ID first, so two
    accounts must not share one. `like`: URL and key under which the same account was used before, to keep its identity.
    """
    file = paths.identities_file()
    known = _read_identities(file)
    name = _fingerprint(endpoint, key)
    found = known.get(name)
    if like is not None:
        found = known.get(_fingerprint(*like), found)
    if found is None:
        found = Identity(host_id=str(uuid.uuid4()), secret=os.urandom(16).hex())
    if known.get(name) != found:
        known.pop(name, None)
        recent = dict(list(known.items())[1 - _MOST_IDENTITIES :])
        _write_private(file, msgspec.json.encode({**recent, name: found}))
    return found


def _fingerprint(endpoint: Endpoint, key: Key) -> str:
    """Return the key under which an account's identity is in the file; it reveals neither API key nor server."""
    return hashlib.sha256(f"{endpoint}\n{key.reveal()}".encode()).hexdigest()[:32]


def _read_identities(file: Path) -> dict[str, Identity]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, Identity])
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise NetWatchError(
            "{file}, which holds this host's id, cannot be read ({error}). Repair or remove it; "
            "without it the servers will see a new host.",
            file=file,
            error=error,
        ) from error


def load_key(endpoint: Endpoint) -> Key | None:
    """Return the API key that was set up for this server, or None if there is none. Raise NetWatchError if it cannot be
    read."""
    try:
        text = paths.upload_key_file().read_text()
    except FileNotFoundError:
        return _key_in_keyring(endpoint)
    except (OSError, UnicodeDecodeError) as error:
        raise NetWatchError(
            "The API key cannot be read from {upload_key_file}.", upload_key_file=paths.upload_key_file()
        ) from error
    host, _, key = text.strip().rpartition(" ")
    # A key is sent only to the server it was entered for, even if the URL in the settings is changed.
    return Key(key) if host == _place(endpoint) else None


def save_key(endpoint: Endpoint, key: Key) -> str:
    """Store the API key of a server. Return in words where it is stored. Raise NetWatchError if that fails."""
    file = paths.upload_key_file()
    if _has_keyring():
        import keyring  # noqa: PLC0415  12 MB, and in the terminal only
        from keyring.errors import KeyringError  # noqa: PLC0415  as above

        with contextlib.suppress(KeyringError):
            keyring.set_password(_SERVICE, _place(endpoint), key.reveal())
            file.unlink(missing_ok=True)
            return "the system's keyring"
    _write_private(file, f"{_place(endpoint)} {key.reveal()}\n".encode())
    return f"{file} (readable by you alone)"


def _place(endpoint: Endpoint) -> str:
    return f"{endpoint.host}:{endpoint.port}"


def _has_keyring() -> bool:
    return importlib.util.find_spec("keyring") is not None


def _key_in_keyring(endpoint: Endpoint) -> Key | None:
    """Return the API key in the keyring, or None if there is no keyring or no key in it. Raise NetWatchError if the
    keyring refuses.

    The key is read in a child process, so that the 12 MB of the keyring library are freed when it exits.
    """
    if not _has_keyring():
        return None
    import subprocess  # noqa: PLC0415  costs 1 MB, and only with a keyring

    try:
        asked = subprocess.run(
            [sys.executable, "-c", _ASK_KEYRING, _SERVICE, _place(endpoint)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NetWatchError("The system's keyring did not answer. Unlock it, then start the upload again.") from error
    if asked.returncode:
        raise NetWatchError("The system's keyring refused to return the API key. Unlock it, or run: upload setup")
    return Key(asked.stdout) if asked.stdout else None


def _write_private(file: Path, content: bytes) -> None:
    """Write a file atomically, with mode 0600 from the start. Raise NetWatchError if that fails."""
    new = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as written:
            written.write(content)
            written.flush()
            os.fsync(descriptor)
        new.replace(file)
    except OSError as error:
        raise NetWatchError("{file} cannot be written: {reason}.", file=file, reason=error) from error
