"""Names from /etc/hosts."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, strategies

from netwatch_tray import clock
from netwatch_tray.collect.hosts_file import HostsFile, parse

CONTENT = b"""127.0.0.1 localhost
::1 localhost ip6-localhost
127.0.1.1 laptop

192.0.2.7\tnas.home nas   # the storage
2001:DB8::0:7 nas6.home
192.0.2.7 second
0.0.0.0 advertiser.example
not-an-address name
192.0.2.8
192.0.2.9 # no name
\xff\xfe garbage
fe80::1%eth0 router
"""


def test_each_address_gets_its_first_name() -> None:
    assert parse(CONTENT) == {"192.0.2.7": "nas.home", "2001:db8::7": "nas6.home", "fe80::1%eth0": "router"}


@given(strategies.binary())
def test_any_bytes_parse_as_hosts_file(content: bytes) -> None:
    parse(content)


def test_file_is_read_again_when_it_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(clock, "boottime", lambda: now[0])
    file = tmp_path / "hosts"
    names = HostsFile(str(file))
    assert names.name("192.0.2.7") is None
    file.write_bytes(CONTENT)
    assert names.name("192.0.2.7") is None, "it is looked at every ten seconds"
    now[0] += 11
    assert names.name("192.0.2.7") == "nas.home"
    file.unlink()
    now[0] += 11
    assert names.name("192.0.2.7") is None
