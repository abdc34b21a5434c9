"""The three eBPF programs for packets and new sockets. The one for TCP connections is in `streams`.

Two programs run for each packet of a socket of this machine, in every network namespace: one when the packet is queued
to the socket (after defragmentation), one when it leaves the socket (before fragmentation and segmentation). They count
protocols other than TCP by socket and peer, and copy the packets that contain names of hosts. The third runs within
socket(2) and reports the process that created the socket.

All of them return 1, which permits the operation. They use only the stack as their own memory, because one may be
interrupted by another run of itself.

Without CAP_PERFMON the kernel's verifier is stricter:
- It refuses packet pointers with a variable offset. So skb_load_bytes reads what is not at its usual place.
- It also checks paths that a processor takes only by speculation, in which a comparison proves nothing. So lengths are
  masked, and the stack is written before it is read.
- Up to Linux 6.1, after a number is stored at a multiple of 8, nothing may be stored in the rest of these 8 bytes. So
  the upper parts are stored first.
"""

from __future__ import annotations

from collections.abc import Mapping

from . import copying, layout
from .assembler import assemble

_KEY, _VALUE, _HEADER, _TRANSPORT, _SAMPLE = -32, -104, -144, -160, -169
_CONSTANTS = {
    # struct __sk_buff and struct bpf_sock (<linux/bpf.h>)
    "SKB_LENGTH": 0,
    "SKB_PROTOCOL": 16,
    "SKB_INTERFACE": 40,
    "SKB_DATA": 76,
    "SKB_DATA_END": 80,
    "SKB_SEGMENTS": 164,
    "SKB_SEGMENT_SIZE": 176,
    "SOCK_PROTOCOL": 12,
    "ETH_P_IPV6": 0x86DD,
    "TCP": 6,
    "UDP": 17,
    "HOP_BY_HOP": 0,
    "ROUTING": 43,
    "DESTINATION_OPTIONS": 60,
    "NO_EXIST": 1,
    "NO_WAKEUP": 1,
    # The stack, below r10: layout.KEY, layout.VALUE, IP header, ports and rest of a TCP header, first bytes of the
    # payload (at an odd place, so that the version of QUIC, which follows its first byte, is aligned).
    "KEY": _KEY,
    "KEY_PEER": _KEY + 8,
    "KEY_PEER_PORT": _KEY + 24,
    "KEY_PORT": _KEY + 26,
    "KEY_PROTOCOL": _KEY + 28,
    "KEY_KIND": _KEY + 29,
    "KEY_TIME": _KEY + 30,
    "TIME_SHIFT": layout.TIME_SHIFT,
    "VALUE": _VALUE,
    "VALUE_ADDRESS": _VALUE + 40,
    "HEADER": _HEADER,
    "TRANSPORT": _TRANSPORT,
    "SAMPLE": _SAMPLE,
    # layout.VALUE from its beginning
    "RX_BYTES": 0,
    "TX_BYTES": 8,
    "RX_DATAGRAMS": 16,
    "TX_DATAGRAMS": 24,
    "CGROUP": 32,
    "USER": 56,
    "INTERFACE": 60,
    "CREATED": layout.STAMPS_OFFSET,
    "TOUCHED": layout.STAMPS_OFFSET + 4,
    # layout.STAMP
    "REFUSALS": 8,
    "MOST_REFUSALS": layout.MOST_REFUSALS,
    "RST_AND_ACK": 0x14,
    # layout.LOSSES
    "RING_FULL": 0,
    "MAP_FULL": 8,
    # layout.OWNER on the stack; it has the size of layout.PACKET
    "OWNER": -48,
    "MAKER": -48 - layout.MAKER.size,
    "RECORD_SIZE": layout.PACKET.size,
    "NEW_SOCKET": layout.NEW_SOCKET,
    "DNS_QUERY": layout.DNS_QUERY,
    "DNS_ANSWER": layout.DNS_ANSWER,
    "TLS_HELLO": layout.TLS_HELLO,
    "QUIC_INITIAL": layout.QUIC_INITIAL,
    "REFUSAL": layout.REFUSAL,
    "MOST_PAYLOAD": layout.MOST_PAYLOAD,
}
_INBOUND = {
    "PEER_AT": 12,
    "OWN_AT": 16,
    "PEER_IPV4": _HEADER + 12,
    "OWN_IPV4": _HEADER + 16,
    "PEER_IPV6": _HEADER + 8,
    "OWN_IPV6": _HEADER + 24,
    "PEER_PORT": _TRANSPORT,
    "OWN_PORT": _TRANSPORT + 2,
    "BYTES": 0,
    "DATAGRAMS": 16,
}
_OUTBOUND = {
    "PEER_AT": 16,
    "OWN_AT": 12,
    "PEER_IPV4": _HEADER + 16,
    "OWN_IPV4": _HEADER + 12,
    "PEER_IPV6": _HEADER + 24,
    "OWN_IPV6": _HEADER + 8,
    "PEER_PORT": _TRANSPORT + 2,
    "OWN_PORT": _TRANSPORT,
    "BYTES": 8,
    "DATAGRAMS": 24,
}

# r6: the packet, r7: where its payload begins, r8: its protocol, r9: length of the payload.
_NETWORK = """
    r6 = r1
    *(u64 *)(r10 + KEY) = 0
    *(u64 *)(r10 + KEY_PEER) = 0
    *(u64 *)(r10 + KEY_PEER_PORT) = 0
    *(u64 *)(r10 + VALUE_ADDRESS) = 0
    *(u64 *)(r10 + TRANSPORT) = 0
    *(u64 *)(r10 + TRANSPORT + 8) = 0
    r5 = *(u32 *)(r6 + SKB_PROTOCOL)
    r5 = be16 r5
    if r5 == ETH_P_IPV6 goto ipv6
    {directly}
    r1 = r6
    r2 = 0
    r3 = r10
    r3 += HEADER
    r4 = 20
    call skb_load_bytes
    if r0 != 0 goto out
    r8 = *(u8 *)(r10 + HEADER + 9)
    {stop_early}
    r7 = *(u8 *)(r10 + HEADER)
    r7 &= 15
    r7 <<= 2
    *(u16 *)(r10 + KEY_PEER + 8) = 0
    *(u16 *)(r10 + KEY_PEER + 10) = 0xffff
    r4 = *(u32 *)(r10 + PEER_IPV4)
    *(u32 *)(r10 + KEY_PEER + 12) = r4
    *(u16 *)(r10 + VALUE_ADDRESS + 8) = 0
    *(u16 *)(r10 + VALUE_ADDRESS + 10) = 0xffff
    r4 = *(u32 *)(r10 + OWN_IPV4)
    *(u32 *)(r10 + VALUE_ADDRESS + 12) = r4
    goto transport
ipv6:
    r1 = r6
    r2 = 0
    r3 = r10
    r3 += HEADER
    r4 = 40
    call skb_load_bytes
    if r0 != 0 goto out
    r8 = *(u8 *)(r10 + HEADER + 6)
    {stop_early}
    r7 = 40
    r4 = *(u64 *)(r10 + PEER_IPV6)
    *(u64 *)(r10 + KEY_PEER) = r4
    r4 = *(u64 *)(r10 + PEER_IPV6 + 8)
    *(u64 *)(r10 + KEY_PEER + 8) = r4
    r4 = *(u64 *)(r10 + OWN_IPV6)
    *(u64 *)(r10 + VALUE_ADDRESS) = r4
    r4 = *(u64 *)(r10 + OWN_IPV6 + 8)
    *(u64 *)(r10 + VALUE_ADDRESS + 8) = r4
    {extensions}
transport:
    *(u8 *)(r10 + KEY_PROTOCOL) = r8
    r1 = r6
    r2 = r7
    r3 = r10
    r3 += TRANSPORT
    {tcp}
    if r8 != UDP goto length                // counted with its header, at port 0
    r4 = 4
    call skb_load_bytes
    if r0 != 0 goto out
    r7 += 8
ports:
    r4 = *(u16 *)(r10 + OWN_PORT)
    r4 = be16 r4
    *(u16 *)(r10 + KEY_PORT) = r4
    r4 = *(u16 *)(r10 + PEER_PORT)
    r4 = be16 r4
    *(u16 *)(r10 + KEY_PEER_PORT) = r4
length:
    r9 = *(u32 *)(r6 + SKB_LENGTH)
    if r7 > r9 goto out                     // a malformed packet of a raw socket
    r9 -= r7
"""

# The usual packet of UDP, without a call. What is read has to be within the first piece of the packet's memory.
_DIRECTLY = """
    r1 = *(u32 *)(r6 + SKB_DATA)
    r2 = *(u32 *)(r6 + SKB_DATA_END)
    r3 = r1
    r3 += 28
    if r3 > r2 goto indirectly
    r8 = *(u8 *)(r1 + 9)
    {stop_early}
    if r8 != UDP goto indirectly
    r4 = *(u8 *)(r1 + 0)
    if r4 != 0x45 goto indirectly           // with options
    *(u16 *)(r10 + KEY_PEER + 8) = 0
    *(u16 *)(r10 + KEY_PEER + 10) = 0xffff
    r4 = *(u32 *)(r1 + PEER_AT)
    *(u32 *)(r10 + KEY_PEER + 12) = r4
    *(u16 *)(r10 + VALUE_ADDRESS + 8) = 0
    *(u16 *)(r10 + VALUE_ADDRESS + 10) = 0xffff
    r4 = *(u32 *)(r1 + OWN_AT)
    *(u32 *)(r10 + VALUE_ADDRESS + 12) = r4
    r4 = *(u32 *)(r1 + 20)
    *(u32 *)(r10 + TRANSPORT) = r4
    *(u8 *)(r10 + KEY_PROTOCOL) = r8
    r7 = 28
    goto ports
indirectly:
"""

# Three in a row are more than anything sends; after that the packet counts under the next one's number.
_EXTENSION = """
    if r8 == HOP_BY_HOP goto extension{number}
    if r8 == ROUTING goto extension{number}
    if r8 != DESTINATION_OPTIONS goto transport
extension{number}:
    r1 = r6
    r2 = r7
    r3 = r10
    r3 += TRANSPORT
    r4 = 2
    call skb_load_bytes
    if r0 != 0 goto out
    r8 = *(u8 *)(r10 + TRANSPORT)
    r1 = *(u8 *)(r10 + TRANSPORT + 1)
    r1 += 1
    r1 <<= 3
    r7 += r1
"""

_TCP_ENDS = "if r8 == TCP goto out"
_TCP_PAYLOAD = """
    if r8 != TCP goto not_tcp
    r4 = 16
    call skb_load_bytes
    if r0 != 0 goto out
    r4 = *(u8 *)(r10 + TRANSPORT + 12)
    r4 >>= 4
    r4 <<= 2
    r7 += r4
    goto ports
not_tcp:
"""
_TCP_IS_NOT_COUNTED = "    if r8 == TCP goto copy"

ADD_ROW = """
    r1 = value stamp
    r1 = *(u32 *)(r1 + 0)
    *(u32 *)(r10 + VALUE + TOUCHED) = r1
    *(u32 *)(r10 + VALUE + CREATED) = r1
    r1 = map flows
    r2 = r10
    r2 += KEY
    r3 = r10
    r3 += VALUE
    r4 = NO_EXIST                           // another processor may have been faster
    call map_update_elem
"""
"""Instructions that add the value at the stack offset VALUE to the map of flows, under the key at KEY."""

_COUNT = (
    """
    r1 = r6
    call get_socket_cookie
    if r0 == 0 goto out
    *(u64 *)(r10 + KEY) = r0
    r1 = map flows
    r2 = r10
    r2 += KEY
    call map_lookup_elem
    if r0 != 0 goto count
    *(u64 *)(r10 + VALUE + RX_BYTES) = 0
    *(u64 *)(r10 + VALUE + TX_BYTES) = 0
    *(u64 *)(r10 + VALUE + RX_DATAGRAMS) = 0
    *(u64 *)(r10 + VALUE + TX_DATAGRAMS) = 0
    r1 = r6
    call skb_cgroup_id
    *(u64 *)(r10 + VALUE + CGROUP) = r0
    r1 = *(u32 *)(r6 + SKB_INTERFACE)
    *(u32 *)(r10 + VALUE + INTERFACE) = r1
    r1 = r6
    call get_socket_uid
    *(u32 *)(r10 + VALUE + USER) = r0
"""
    + ADD_ROW
    + """
    r1 = map flows
    r2 = r10
    r2 += KEY
    call map_lookup_elem
    if r0 != 0 goto count
    r0 = value losses                       // the map is full: the sum stays exact
    r0 += MAP_FULL
count:
    lock *(u64 *)(r0 + BYTES) += r9
    r1 = *(u32 *)(r6 + SKB_SEGMENTS)
    if r1 != 0 goto segments
    r1 = 1
segments:
    lock *(u64 *)(r0 + DATAGRAMS) += r1
    r1 = value stamp
    r1 = *(u32 *)(r1 + 0)
    *(u32 *)(r0 + TOUCHED) = r1
copy:
"""
)

END = """
full:
    r1 = value losses
    r2 = 1
    lock *(u64 *)(r1 + RING_FULL) += r2
out:
    r0 = 1
    exit
"""
"""Instructions at the end of every program. They are entered at `full` if the ring buffer had no room for a record."""

_NEW_SOCKET = """
    r6 = r1
    call get_socket_cookie
    *(u64 *)(r10 + OWNER) = r0
    *(u64 *)(r10 + OWNER + 8) = 0
    *(u64 *)(r10 + OWNER + 16) = 0
    *(u64 *)(r10 + OWNER + 24) = 0
    *(u64 *)(r10 + OWNER + 32) = 0
    r1 = *(u32 *)(r6 + SOCK_PROTOCOL)
    *(u8 *)(r10 + OWNER + 28) = r1
    *(u8 *)(r10 + OWNER + 29) = NEW_SOCKET
    call get_current_pid_tgid
    r0 >>= 32                               // the process; the lower half is the thread
    *(u32 *)(r10 + OWNER + 24) = r0
    call get_current_uid_gid
    *(u32 *)(r10 + OWNER + 32) = r0         // the lower half is the user
    call get_current_cgroup_id
    *(u64 *)(r10 + OWNER + 40) = r0
    {name}
    r1 = *(u32 *)(r6 + SOCK_PROTOCOL)
    if r1 != TCP goto report
    r1 = *(u64 *)(r10 + OWNER + 40)
    *(u64 *)(r10 + MAKER) = r1
    *(u64 *)(r10 + MAKER + 8) = 0
    r1 = *(u32 *)(r10 + OWNER + 32)
    *(u32 *)(r10 + MAKER + 8) = r1
    r1 = map makers
    r2 = r10
    r2 += OWNER
    r3 = r10
    r3 += MAKER
    r4 = 0
    call map_update_elem
report:
    r1 = map ring
    r2 = r10
    r2 += OWNER
    r3 = RECORD_SIZE
    r4 = NO_WAKEUP
    call ringbuf_output
    if r0 == 0 goto out
"""
_THREAD_NAME = """
    r1 = r10
    r1 += OWNER + 8
    r2 = 16
    call get_current_comm
"""


def inbound(maps: Mapping[str, int], *, directly: bool) -> bytes:
    """Return the code of the program for inbound packets (type CGROUP_SKB, attached as INGRESS).

    `maps`: file descriptors of the maps flows, stamp, losses and ring. `directly`: whether to read packets by pointers,
    which the verifier refuses on machines without unaligned access, instead of by calls.
    """
    network = _network(stop_early=_TCP_ENDS, tcp=_TCP_ENDS, directly=directly)
    return assemble(network + _COUNT + copying.inbound(directly=directly) + END, _CONSTANTS | _INBOUND, maps)


def outbound(maps: Mapping[str, int], *, directly: bool) -> bytes:
    """Return the code of the program for outbound packets (type CGROUP_SKB, attached as EGRESS). Arguments: see
    `inbound`."""
    network = _network(stop_early="", tcp=_TCP_PAYLOAD, directly=directly) + _TCP_IS_NOT_COUNTED
    return assemble(network + _COUNT + copying.outbound(directly=directly) + END, _CONSTANTS | _OUTBOUND, maps)


def new_socket(maps: Mapping[str, int], *, with_name: bool) -> bytes:
    """Return the code of the program that reports which process created a new socket (type CGROUP_SOCK, attached as
    SOCK_CREATE). `maps`: file descriptors of ring (the reports), makers (control group and user of each TCP socket) and
    losses. `with_name`: report the thread's name, too, which newer kernels permit only with CAP_PERFMON."""
    return assemble(_NEW_SOCKET.format(name=_THREAD_NAME if with_name else "") + END, _CONSTANTS, maps)


def _network(*, stop_early: str, tcp: str, directly: bool) -> str:
    extensions = "".join(_EXTENSION.format(number=number) for number in range(3))
    reading = _DIRECTLY.format(stop_early=stop_early) if directly else ""
    return _NETWORK.format(stop_early=stop_early, tcp=tcp, extensions=extensions, directly=reading)
