"""Replaces addresses and names in a recording, so that their relations stay recognizable.

Addresses are mapped one to one by a random key that is not kept. Addresses that share a prefix share one afterwards
(Crypto-PAn, Xu et al. 2002, with BLAKE2 as its random function). An address stays in its class: private, link-local,
multicast or public. Loopback addresses stay. In names, each word is always replaced by the same other word, except
words that the program itself interprets, such as directories of programs and the suffixes of systemd's units.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import re
from collections.abc import Mapping

import msgspec

from netwatch_tray.collect.process import Process
from netwatch_tray.collect.runtimes import is_runtime
from netwatch_tray.collect.sockets import Socket
from netwatch_tray.kinds import InterfaceKind
from netwatch_tray.model import Interface

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_CLASSES: tuple[_Network, ...] = tuple(
    map(
        ipaddress.ip_network,
        "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 169.254.0.0/16 172.16.0.0/12 192.168.0.0/16 224.0.0.0/4 240.0.0.0/4"
        " ::ffff:0:0/96 64:ff9b::/96 fc00::/8 fd00::/8 fe80::/64 fe80::/10 ff00::/8".split(),
    )
)
"""Networks that are mapped into themselves; the first match counts. Everything else is treated as public."""
_PUBLIC = {4: ipaddress.ip_network("0.0.0.0/0"), 6: ipaddress.ip_network("2000::/3")}

_WORD = re.compile(r"\\x[0-9a-fA-F]{2}|[^/.\-_@:\\ ]+")
_KEPT_WORDS = frozenset(
    "usr local bin sbin lib lib64 libexec opt home root snap nix store mount Applications System Library Contents MacOS"
    " Frameworks Helpers app service scope slice socket user session dbus init gnome kde flatpak desktop docker podman"
    " libpod containerd machine kubepods org com io py js sh rb jar exe"
    " WebKitNetworkProcess WebKitWebProcess WebKitGPUProcess QtWebEngineProcess plugin container".split()
)
_TUNNELS = frozenset("openvpn openconnect vpnc tailscaled sstpc openfortivpn".split())
"""Programs that carry the traffic of others. All become the first one, so that their role is preserved."""
_TUNNEL = "openvpn"
_STEMS = frozenset(
    "lo eth en eno ens enp wlan wlp wl wwan docker br virbr veth tun tap wg utun awdl llw anpi ap bridge bond ppp vmnet"
    " vmenet feth gif stf ipsec vnet lxc dummy".split()
)
"""Beginnings of interface names that reveal only the kind. Another name is replaced by its kind."""


class Redaction:
    """The replacements of addresses and names in one file; they must be consistent within it."""

    def __init__(self, *, hides_addresses: bool, hides_names: bool) -> None:
        self.hides_addresses, self.hides_names = hides_addresses, hides_names
        self._secret = os.urandom(32)
        self._addresses: dict[str, str] = {}
        self._words: dict[str, str] = {}
        self._interfaces: dict[str, str] = {}
        self._keys: dict[str, str] = {}

    def interface(self, found: Interface) -> Interface:
        return msgspec.structs.replace(
            found,
            name=self._interface_name(found.name, found.kind),
            addresses=tuple(map(self._with_prefix, found.addresses)),
        )

    def socket(self, found: Socket) -> Socket:
        return msgspec.structs.replace(
            found,
            local_address=self.address(found.local_address),
            remote_address=None if found.remote_address is None else self.address(found.remote_address),
            process=None if found.process is None else self.name(found.process),
        )

    def sockets(self, found: Mapping[str, Socket]) -> dict[str, Socket]:
        return {self.key(key): self.socket(each) for key, each in found.items()}

    def process(self, found: Process | None) -> Process | None:
        if found is None:
            return None
        return msgspec.structs.replace(
            found,
            name=self.name(found.name),
            executable=None if found.executable is None else self.name(found.executable),
            script=None if found.script is None else self.name(found.script),
            unit=None if found.unit is None else self.name(found.unit),
            desktop_name=None if found.desktop_name is None else self.name(found.desktop_name),
        )

    def key(self, key: str) -> str:
        """Replace a socket's key, which may contain its addresses."""
        return self._keys.setdefault(key, f"s{len(self._keys) + 1}") if self.hides_addresses else key

    def fault(self, text: str) -> str:
        """Replace the text of an error, which may contain anything."""
        return "A reading failed." if self.hides_addresses or self.hides_names else text

    def name(self, text: str) -> str:
        """Replace the words of a name, path or unit."""
        return _WORD.sub(lambda word: self._word(word[0]), text) if self.hides_names else text

    def address(self, text: str) -> str:
        """Replace an address, `*` or `fe80::1%eth0`."""
        host, percent, scope = text.partition("%")
        if self.hides_addresses and host != "*":
            host = self._address(host)
        return f"{host}%{self._interface_name(scope)}" if percent else host

    def _with_prefix(self, text: str) -> str:
        host, slash, length = text.partition("/")
        return f"{self.address(host)}{slash}{length}"

    def _word(self, word: str) -> str:
        if word in _TUNNELS:
            return _TUNNEL
        if word in _KEPT_WORDS or word.startswith("\\") or len(word) == 1 or is_runtime(word):
            return word
        return self._words.setdefault(word, f"name{len(self._words) + 1}")

    def _interface_name(self, name: str, kind: str = InterfaceKind.OTHER) -> str:
        if not self.hides_names or name.isdecimal():
            return name
        if name not in self._interfaces:
            stem = re.match("[a-z]*", name)[0]  # type: ignore[index]  # it matches at least nothing
            stem = stem if stem in _STEMS else kind
            number = sum(each.startswith(stem) for each in self._interfaces.values())
            self._interfaces[name] = f"{stem}{number}"
        return self._interfaces[name]

    def _address(self, text: str) -> str:
        if text not in self._addresses:
            try:
                found = ipaddress.ip_address(text)
            except ValueError:  # only a faulty source returns this; hide it all the same
                self._addresses[text] = "192.0.2.1"
            else:
                self._addresses[text] = self._replaced(found)
        return self._addresses[text]

    def _replaced(self, found: _Address) -> str:
        # Python 3.13 derives properties of an IPv4-mapped address from its IPv4 address, older versions do not.
        if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
            return str(ipaddress.IPv6Address(f"::ffff:{self._address(str(found.ipv4_mapped))}"))
        return str(found if found.is_loopback or found.is_unspecified else self._mapped(found))

    def _mapped(self, found: _Address) -> _Address:
        within = _class_of(found)
        if within is not None:
            kept = within.prefixlen
        else:
            kept = _PUBLIC[found.version].prefixlen if found in _PUBLIC[found.version] else 0
        mapped = self._permuted(found, kept)
        # A permutation that is repeated until its result is of the same class permutes that class (cycle walking).
        while mapped.is_loopback or _class_of(mapped) != within:
            mapped = self._permuted(mapped, kept)
        return mapped

    def _permuted(self, found: _Address, kept: int) -> _Address:
        """Flip or keep each bit after the first `kept` ones, depending on the bits before it."""
        width = found.max_prefixlen
        bits = int(found)
        flips = 0
        for position in range(kept, width):
            before = bits >> (width - position)
            message = f"{width} {position} {before}".encode()
            flips = flips << 1 | hashlib.blake2b(message, key=self._secret, digest_size=1).digest()[0] & 1
        return type(found)(bits ^ flips)


def _class_of(found: _Address) -> _Network | None:
    return next((each for each in _CLASSES if each.version == found.version and found in each), None)
