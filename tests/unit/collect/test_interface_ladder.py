"""The choice of a source, and one suite that every source of Linux passes in a network namespace."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import psutil  # noqa: F401  it picks its own half by sys.platform when imported, so before a test changes that
import pytest
from desktop import wait_for

from netwatch_tray.collect.interfaces import open_first, open_interfaces
from netwatch_tray.errors import Message, UnsupportedError, message
from netwatch_tray.model import Counters, Interface, Sample

LINUX_SOURCES = ("rtnetlink RTM_GETSTATS", "rtnetlink RTM_GETLINK", "/proc/net/dev", "psutil")

as_root_on_linux = pytest.mark.skipif(
    sys.platform != "linux" or os.getuid() != 0 or not shutil.which("ip"),
    reason="makes network namespaces: Linux, root, iproute2",
)


class Silent:
    note: Message | None = None

    def __init__(self, name: str) -> None:
        self.name = name

    def sample(self) -> Sample:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


def works(name: str) -> Callable[[], Silent]:
    return lambda: Silent(name)


def refuses(reason: str) -> Callable[[], Silent]:
    def refuse() -> Silent:
        raise UnsupportedError(reason)

    return refuse


class TestLadder:
    def test_first_working_source_is_used_and_reasons_against_others_are_kept(self) -> None:
        opened = open_first((("a", refuses("too old")), ("b", works("b")), ("c", works("c"))), None)
        assert opened.source.name == "b"
        assert [(name, str(state)) for name, state in opened.report] == [("a", "too old"), ("b", "in use")]

    def test_preferred_source_is_tried_first(self) -> None:
        opened = open_first((("a", works("a")), ("b", works("b"))), "b")
        assert opened.source.name == "b"
        assert [(name, str(state)) for name, state in opened.report] == [("b", "in use")]

    def test_other_sources_keep_their_order_after_the_preferred_one(self) -> None:
        opened = open_first((("a", works("a")), ("b", works("b")), ("c", refuses("no"))), "c")
        assert [(name, str(state)) for name, state in opened.report] == [("c", "no"), ("a", "in use")]

    def test_no_working_source_raises_with_all_reasons(self) -> None:
        with pytest.raises(UnsupportedError, match="a: too old; b: not here"):
            open_first((("a", refuses("too old")), ("b", refuses("not here"))), None)

    def test_unknown_preferred_source_raises(self) -> None:
        with pytest.raises(UnsupportedError, match="Choose one of: a, b"):
            open_first((("a", works("a")), ("b", works("b"))), "c")

    def test_opened_source_of_this_machine_has_counters(self) -> None:
        opened = open_interfaces()
        sample = opened.source.sample()
        opened.source.close()
        assert opened.report[-1] == (opened.source.name, message("in use"))
        assert any(one.is_loopback and one.is_up for one in sample.interfaces.values())
        assert sample.counters.keys() <= sample.interfaces.keys()

    @pytest.mark.parametrize(
        ("platform", "names"),
        [
            ("linux", LINUX_SOURCES),
            ("darwin", ("sysctl IFMIB_IFALLDATA", "sysctl NET_RT_IFLIST2 (32-bit, KiB-rounded)", "psutil")),
        ],
    )
    def test_error_lists_sources_of_each_system(
        self, monkeypatch: pytest.MonkeyPatch, platform: str, names: tuple[str]
    ) -> None:
        monkeypatch.setattr(sys, "platform", platform)
        with pytest.raises(UnsupportedError, match="Choose one of") as error:
            open_interfaces("x")
        assert str(error.value).endswith(f"Choose one of: {', '.join(names)}.")


CHILD = """
import socket, subprocess, sys
import msgspec
from netwatch_tray.collect.interfaces import open_interfaces

receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
receiver.bind(("127.0.0.1", 0))
source = None
for line in sys.stdin:
    request, argument = msgspec.json.decode(line)
    answer = None
    if request == "ip":
        subprocess.run(("ip", "-batch", "-"), input=argument, text=True, check=True)
    elif request == "open":
        source = open_interfaces(argument).source
        answer = source.name
    elif request == "sample":
        answer = source.sample()
    elif request == "send":
        receiver.sendto(bytes(argument), receiver.getsockname())
        receiver.recv(1 << 16)
    print(msgspec.json.encode(answer).decode(), flush=True)
"""


class Namespace:
    """A network namespace with a program in it that opens sources and reads them on request.

    The program makes the links as well, because it is always in its namespace, which ends with it.
    """

    def __init__(self) -> None:
        # A namespace's /sys/class/net is in the sysfs that was mounted in it; private, so that nobody else sees it.
        shell = 'mount --make-private /sys && mount -t sysfs none /sys && ip link set lo up && exec "$0" -c "$1"'
        self._child = subprocess.Popen(
            ["unshare", "--net", "--mount", "--propagation=unchanged", "sh", "-c", shell, sys.executable, CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def open(self, name: str) -> Any:
        """Open a source. Return its name."""
        return self._ask("open", name)

    def sample(self) -> tuple[dict[str, Counters], dict[str, Interface]]:
        """Return counters and interfaces, both by name."""
        sample = msgspec.convert(self._ask("sample"), Sample, strict=False)
        interfaces = {one.name: one for one in sample.interfaces.values()}
        return {sample.interfaces[index].name: Counters(*row) for index, row in sample.counters.items()}, interfaces

    def send(self, size: int) -> None:
        """Send one UDP datagram over the loopback."""
        self._ask("send", size)

    def ip(self, *batch: str) -> None:
        """Run commands of ip(8)."""
        self._ask("ip", "\n".join(batch))

    def close(self) -> None:
        self._child.kill()
        self._child.communicate(timeout=60)

    def _ask(self, request: str, argument: str | int | None = None) -> Any:
        assert self._child.stdin
        assert self._child.stdout
        self._child.stdin.write(msgspec.json.encode((request, argument)) + b"\n")
        self._child.stdin.flush()
        assert select.select([self._child.stdout], [], [], 60)[0], f"no answer to {request}"
        answer = self._child.stdout.readline()
        assert answer, f"{request} failed; see the captured stderr"
        return msgspec.json.decode(answer)


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    namespace = Namespace()
    yield namespace
    namespace.close()


@as_root_on_linux
@pytest.mark.parametrize("name", LINUX_SOURCES)
class TestEverySource:
    def test_counts_exactly_what_was_sent(self, namespace: Namespace, name: str) -> None:
        assert namespace.open(name) == name
        before = namespace.sample()[0]["lo"]
        sizes = (0, 1, 1000, 40_000)
        for size in sizes:
            namespace.send(size)
        after = namespace.sample()[0]["lo"]
        octets = sum(sizes) + len(sizes) * (20 + 8)  # the headers of IPv4 and UDP
        assert after.tx_bytes - before.tx_bytes == after.rx_bytes - before.rx_bytes == octets
        assert after.tx_packets - before.tx_packets == after.rx_packets - before.rx_packets == len(sizes)

    def test_added_and_renamed_links_are_listed_and_removed_ones_are_not(self, namespace: Namespace, name: str) -> None:
        namespace.open(name)
        namespace.ip("link add one type bridge", "link add two type bridge")
        counters, interfaces = namespace.sample()
        assert counters.keys() == interfaces.keys() == {"lo", "one", "two"}
        first = interfaces["one"].index
        namespace.ip("link set two name three", "link del one")
        counters, interfaces = namespace.sample()
        assert counters.keys() == interfaces.keys() == {"lo", "three"}
        namespace.ip("link add one type bridge")
        counters, interfaces = namespace.sample()
        assert counters.keys() == {"lo", "one", "three"}
        assert interfaces["one"].index != first

    def test_link_created_again_between_two_readings_has_a_new_index(self, namespace: Namespace, name: str) -> None:
        namespace.ip("link add one type bridge", "link add two type bridge")
        namespace.open(name)
        before = namespace.sample()[1]
        namespace.ip("link del one", "link add one type bridge")
        after = namespace.sample()[1]
        assert after["one"].index != before["one"].index
        assert after["two"] == before["two"]

    def test_states_of_links_are_reported(self, namespace: Namespace, name: str) -> None:
        namespace.ip(
            "link add down type bridge",
            "link add one type veth peer name two",
            "link set one up mtu 1400",
            "link set two up",
            "link add idle type veth peer name peer",
            "link set idle up",
        )
        interfaces: dict[str, Interface] = {}

        def are_up() -> bool:  # the kernel sets IFF_RUNNING in a work queue, later than the command returns
            namespace.open(name)
            interfaces.update(namespace.sample()[1])
            return {one.name for one in interfaces.values() if one.is_up} == {"lo", "one", "two"}

        wait_for(are_up, 10, "both ends of the pair are up")
        assert {one.name for one in interfaces.values() if one.is_loopback} == {"lo"}
        assert interfaces["one"].mtu == 1400

    def test_more_interfaces_than_one_response_holds_are_all_read(self, namespace: Namespace, name: str) -> None:
        namespace.ip(*(f"link add bridge{number} type bridge" for number in range(150)))
        namespace.open(name)
        counters, interfaces = namespace.sample()
        assert len(counters) == len(interfaces) == 151


@as_root_on_linux
@pytest.mark.parametrize("name", LINUX_SOURCES[:3])
def test_default_routes_and_kinds_are_reported(namespace: Namespace, name: str) -> None:
    """Of every source but psutil, which knows neither."""
    namespace.ip(
        "link add uplink type veth peer name peer",
        "link set uplink up",
        "link set peer up",
        "link add bridge type bridge",
        "tuntap add dev tunnel mode tun",
        "addr add 192.0.2.2/24 dev uplink",
        "route add default via 192.0.2.1 dev uplink metric 300",
        "route add ::/0 dev peer metric 77",
    )
    namespace.open(name)
    interfaces = namespace.sample()[1]
    assert {one.name: one.default_metric for one in interfaces.values() if one.default_metric is not None} == {
        "uplink": 300,
        "peer": 77,
    }
    assert interfaces["bridge"].kind == "bridge"
    assert interfaces["tunnel"].kind == "tun"
