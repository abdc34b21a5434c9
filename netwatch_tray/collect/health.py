"""Probes of the network: RTT and loss to the default gateway and to the DNS server.

The gateway is pinged with ICMP echo over a datagram socket, which needs no privilege where the system allows it (macOS;
Linux within net.ipv4.ping_group_range). Elsewhere a TCP connection is attempted, whose refusal is a response as well.
The DNS server is queried for the name servers of the root (RFC 1035), which every resolver has and which reveals
nothing about the user. The loss of a gateway that never responded is unknown, because many are silent by configuration.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import struct
import sys
import time
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple

from netwatch_tray.collect import kernel_file, own_sockets
from netwatch_tray.errors import CollectError
from netwatch_tray.text import decoded

PERIOD_S = 30.0
"""Seconds from the start of one probe to the start of the next. A gateway that misses two in a row is reported as an
event."""
_PROBES = 3
_TIMEOUT = 1.0
"""Seconds to wait for each response."""
_TCP_PORTS = (53, 80, 443)
"""Ports on which a gateway probably listens; tried where ICMP echo is not permitted. A refused connection is a
response, too."""
_ECHO = struct.Struct("!BBHHH")
"""ICMP echo message: type, code, checksum, identifier, sequence number (RFC 792, RFC 4443)."""
_ECHO_REQUEST, _ECHO_REQUEST6, _ECHO_REPLY, _ECHO_REPLY6 = 8, 128, 0, 129
_DNS_HEADER = struct.Struct("!HHHHHH")
_DNS_RECURSION, _DNS_RESPONSE = 0x0100, 0x8000
_ROOT_NAME_SERVERS = b"\0" + struct.pack("!HH", 2, 1)
"""The question of the DNS query: name (the root), type NS, class IN."""


class Reachability(NamedTuple):
    """Result of several probes of one address."""

    address: str
    rtt_s: float | None
    """Mean RTT of the responses in seconds; None if there were none."""
    loss: float | None
    """Share of probes without a response, 0 to 1; None for a gateway that never responded, because it may be configured
    not to."""


class Health(NamedTuple):
    gateway: Reachability | None
    """None if there is no default gateway."""
    dns: Reachability | None


class HealthSource:
    """Probes the default gateway and the DNS server. A call may block for several seconds, so make it in a separate
    thread."""

    def __init__(
        self,
        gateway: Callable[[], str | None] | None = None,
        dns_server: Callable[[], str | None] | None = None,
        dns_port: int = 53,
    ) -> None:
        """`gateway`, `dns_server`: functions that return the address to probe, or None; by default the addresses that
        the system uses."""
        self._gateway = gateway or default_gateway
        self._dns_server = dns_server or default_dns_server
        self._dns_port = dns_port
        self._answered: set[str] = set()
        """Gateways that have responded at least once; only for these does a missing response count as loss."""

    def probe(self) -> Health:
        """Probe gateway and DNS server. Raise CollectError, or UnsupportedError if this system cannot report their
        addresses."""
        gateway, dns = self._gateway(), self._dns_server()
        return Health(
            None if gateway is None else self._probe_gateway(gateway),
            None if dns is None else self._probe_dns(dns),
        )

    def _probe_gateway(self, address: str) -> Reachability:
        times = [ping(address) for _ in range(_PROBES)] if may_ping(address) else []
        if any(each is not None for each in times):
            self._answered.add(address)
        if address in self._answered and times:
            return _summary(address, times)
        rtt = _knock(address)
        return Reachability(address, rtt, None)

    def _probe_dns(self, address: str) -> Reachability:
        try:
            return _summary(address, [ask_dns(address, self._dns_port) for _ in range(_PROBES)])
        except OSError:  # there is no route, which is not a fault of the server
            return Reachability(address, None, None)


def _summary(address: str, times: list[float | None]) -> Reachability:
    answers = [each for each in times if each is not None]
    return Reachability(address, sum(answers) / len(answers) if answers else None, 1 - len(answers) / len(times))


def may_ping(address: str) -> bool:
    """Return whether this user may send ICMP echo, to addresses of this one's family (IPv4 or IPv6)."""
    try:
        _echo_socket(address).close()
    except OSError:
        return False
    return True


def ping(address: str) -> float | None:
    """Return the RTT of one ICMP echo request in seconds, or `None` without a response in time or without a route."""
    with contextlib.suppress(OSError), _echo_socket(address) as probe:
        probe.connect(_socket_address(address, 0))
        sequence = int.from_bytes(os.urandom(2), "big")
        is_six = probe.family == socket.AF_INET6
        # The kernel fills in the identifier, and over IPv6 the checksum; over IPv4 on macOS this program computes it.
        head = _ECHO.pack(_ECHO_REQUEST6 if is_six else _ECHO_REQUEST, 0, 0, 0, sequence)
        payload = os.urandom(16)
        request = head + payload
        if not is_six:
            request = head[:2] + struct.pack("!H", checksum(request)) + head[4:] + payload
        start = time.monotonic()
        probe.send(request)
        while (answer := _receive(probe, start)) is not None:
            # macOS delivers the IPv4 header as well.
            if not is_six and len(answer) >= 20 and answer[0] >> 4 == 4:
                answer = answer[(answer[0] & 15) * 4 :]
            if answer[:1] in (bytes([_ECHO_REPLY]), bytes([_ECHO_REPLY6])) and answer[8:] == payload:
                return time.monotonic() - start
    return None


def _echo_socket(address: str) -> socket.socket:
    """Return a socket for ICMP echo. Raise OSError if the system does not permit it to this user."""
    if ":" in address:
        return socket.socket(socket.AF_INET6, socket.SOCK_DGRAM, socket.IPPROTO_ICMPV6)
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)


def checksum(content: bytes) -> int:
    """Return the Internet checksum (RFC 1071)."""
    content += b"\0" * (len(content) % 2)
    total: int = sum(struct.unpack(f"!{len(content) // 2}H", content))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _knock(address: str) -> float | None:
    """Return the seconds until a TCP connection was accepted or refused on one of _TCP_PORTS; None if
    neither happened."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for port in _TCP_PORTS:
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_STREAM) as probe:
            own_sockets.note(probe)
            probe.settimeout(_TIMEOUT)
            start = time.monotonic()
            if probe.connect_ex(_socket_address(address, port)) in {0, errno.ECONNREFUSED}:
                return time.monotonic() - start
    return None


def ask_dns(address: str, port: int = 53) -> float | None:
    """Return the seconds until a DNS server sent any response to a query; None if it did not. Raise OSError if there is
    no route to it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    identifier = os.urandom(2)
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect(_socket_address(address, port))
        start = time.monotonic()
        header = _DNS_HEADER.pack(int.from_bytes(identifier, "big"), _DNS_RECURSION, 1, 0, 0, 0)
        probe.send(header + _ROOT_NAME_SERVERS)
        try:
            while (answer := _receive(probe, start)) is not None:
                if answer[:2] == identifier and len(answer) >= _DNS_HEADER.size and answer[2] & 0x80:
                    return time.monotonic() - start
        except ConnectionRefusedError:  # the machine is there, the server is not
            return None
    return None


def _receive(probe: socket.socket, start: float) -> bytes | None:
    """Return the next datagram from a socket, or None if none arrived within _TIMEOUT seconds of `start`."""
    left = start + _TIMEOUT - time.monotonic()
    if left <= 0 or not select.select([probe], [], [], left)[0]:
        return None
    return probe.recv(2048)


def _socket_address(address: str, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
    """Return address and port in the form that `socket` takes, with the scope of a link-local address as a number.
    Raise OSError if the scope's interface was removed."""
    host, _, scope = address.partition("%")
    if ":" not in host:
        return host, port
    try:
        return host, port, 0, (int(scope) if scope.isdecimal() else socket.if_nametoindex(scope)) if scope else 0
    except ValueError as error:  # no name that an interface could have
        raise OSError(errno.ENXIO, os.strerror(errno.ENXIO)) from error


def default_gateway() -> str | None:
    """Return the IP address of the default gateway with the lowest metric, IPv4 before IPv6; None if there is none.

    Raise CollectError if the routes cannot be read; UnsupportedError if the tool `route` is missing.
    """
    if sys.platform == "linux":
        from netwatch_tray.collect.linux import proc  # noqa: PLC0415  Linux only

        four = proc.default_gateway(proc.parse_routes(_read("/proc/net/route")))
        found = four or proc.default_gateway(proc.parse_routes6(_read("/proc/net/ipv6_route")))
        return None if found is None else found.next_hop
    from netwatch_tray.collect import tools  # noqa: PLC0415  where the kernel has no file for it

    route = tools.find("route")
    for family in ("-inet", "-inet6"):
        found = parse_route_get(tools.output([route, "-n", "get", family, "default"], timeout=2, harmless=1))
        if found:
            return found
    return None


def default_dns_server() -> str | None:
    """Return the address of the first configured DNS server that is on another machine; None if there is none. The
    servers that systemd-resolved uses come before those in /etc/resolv.conf."""
    for file in ("/run/systemd/resolve/resolv.conf", "/etc/resolv.conf"):
        for server in parse_resolv_conf(_read(file)):
            if not is_this_machine(server):
                return server
    return None


def is_this_machine(address: str) -> bool:
    """Return whether an address always means this machine: loopback, or unspecified, which glibc treats as the local
    host. It may be an IPv4 address wrapped in IPv6, or have a scope."""
    found = ip_address(address.partition("%")[0])
    found = (found.ipv4_mapped if isinstance(found, IPv6Address) else None) or found
    return found.is_loopback or found.is_unspecified


def _read(file: str) -> bytes:
    """Return the content of a file; empty if it does not exist. Raise CollectError if it cannot be read."""
    try:
        return kernel_file.read(file)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise CollectError("{file} cannot be read: {reason}.", file=file, reason=error) from error


def parse_route_get(content: bytes) -> str | None:
    """Return the gateway in the output of `route -n get default`, or `None` if it is not an address."""
    for line in decoded(content).split("\n"):
        name, _, value = line.partition(":")
        if name.strip() == "gateway":
            with contextlib.suppress(ValueError):
                ip_address(value.strip())  # scoped ones included; `link#7` is none
                return value.strip()
    return None


def parse_resolv_conf(content: bytes) -> list[str]:
    """Return the addresses of the `nameserver` lines (resolv.conf(5)); invalid ones are left out, as the
    resolver does."""
    servers = []
    for line in content.split(b"\n"):
        words = decoded(line).split()
        if len(words) >= 2 and words[0] == "nameserver":
            with contextlib.suppress(ValueError):
                ip_address(words[1])
                servers.append(words[1])
    return servers
