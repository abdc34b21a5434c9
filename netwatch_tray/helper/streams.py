"""The eBPF program that reads the counters of TCP connections (BPF_PROG_TYPE_SOCK_OPS).

It runs in every network namespace when a connection is established and when its state changes: some times for each
connection, but not for each packet, with the two exceptions below. When a connection closes, the kernel still has its
counters (an abort sets them to 0 afterwards, in tcp_disconnect). SYN and FIN count as one byte each; the previous state
of the connection shows whether they are in the counters.

- The state FIN_WAIT_2 does not show whether the peer's FIN has been received. So the program also runs for each packet
  that a connection receives after this side has closed it, and remembers the FIN.
- The agent cannot list the connections of other network namespaces, such as those of containers. So their counters are
  copied to the map of flows with each segment that they send, and each round-trip time that is measured. If agents run
  in several namespaces, this is done for all connections, because each namespace is another one for some agent.

What the program remembers of a connection is stored in two flags of the kernel for it. They have the side effect that
the program runs when a segment is sent again; then it does nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from . import layout, programs
from .assembler import assemble

_ESTABLISHED, _FIN_WAIT_1, _FIN_WAIT_2, _CLOSE = 1, 4, 5, 7
_CLOSE_WAIT, _LAST_ACK, _CLOSING = 8, 9, 11
"""States of a connection, from <net/tcp_states.h>."""
_RECORD, _VALUE = -layout.TCP_END.size, -layout.TCP_END.size - layout.VALUE.size

_CONSTANTS = {
    # struct bpf_sock_ops (<linux/bpf.h>)
    "OP": 0,
    "NEW_STATE": 8,
    "FAMILY": 20,
    "PEER_IPV4": 24,
    "OWN_IPV4": 28,
    "PEER_IPV6": 32,
    "OWN_IPV6": 48,
    "PEER_PORT": 64,
    "OWN_PORT": 68,
    "FLAGS": 84,
    "STATE": 88,
    "SENT_UP_TO": 104,
    "ACKNOWLEDGED_UP_TO": 108,
    "BYTES_RECEIVED": 168,
    "BYTES_ACKNOWLEDGED": 176,
    "PACKET_FLAGS": 212,
    "FIN": 1,
    "AF_INET6": 10,
    # Why the program runs.
    "OPENED": 4,
    "ACCEPTED": 5,
    "STATE_CHANGES": 10,
    "ROUND_TRIP": 12,
    "PACKET": 13,
    "SEGMENT": 14,
    # Flags of a connection: run in these cases (BPF_SOCK_OPS_STATE_CB_FLAG, BPF_SOCK_OPS_PARSE_ALL_HDR_OPT_CB_FLAG;
    # BPF_SOCK_OPS_WRITE_HDR_OPT_CB_FLAG and BPF_SOCK_OPS_RTT_CB_FLAG) …
    "AT_STATES": 1 << 2,
    "AT_PACKETS": 1 << 4,
    "AT_SEGMENTS": 1 << 6 | 1 << 3,
    # … and what is noted of it (BPF_SOCK_OPS_RTO_CB_FLAG, BPF_SOCK_OPS_RETRANS_CB_FLAG).
    "SENT_SYN": 1 << 0,
    "GOT_FIN": 1 << 1,
    "FIN_IS_KNOWN": 1 << 4 | 1 << 1,
    "FIN_WAIT_1": _FIN_WAIT_1,
    "CLOSE": _CLOSE,
    "SENT_FIN_STATES": 1 << _FIN_WAIT_1 | 1 << _FIN_WAIT_2 | 1 << _LAST_ACK | 1 << _CLOSING,
    "GOT_FIN_STATES": 1 << _CLOSE_WAIT | 1 << _LAST_ACK | 1 << _CLOSING,
    "MAY_HAVE_FIN_STATES": 1 << _FIN_WAIT_2,
    # The stack, below r10: layout.TCP_END, whose beginning is layout.KEY, and layout.VALUE.
    "RECORD": _RECORD,
    "KEY": _RECORD,
    "PEER": _RECORD + 8,
    "PORTS": _RECORD + 24,
    "KIND": _RECORD + 29,
    "RX": _RECORD + 32,
    "TX": _RECORD + 40,
    "OWN": _RECORD + 48,
    "NETNS": _RECORD + 64,
    "VALUE": _VALUE,
    "RX_BEFORE": 16,
    "TX_BEFORE": 24,
    "CGROUP": 32,
    "ADDRESS": 40,
    "USER": 56,
    "CLOSED": 60,
    "CREATED": layout.STAMPS_OFFSET,
    "TOUCHED": layout.STAMPS_OFFSET + 4,
    "RECORD_SIZE": layout.TCP_END.size,
    "TCP": 6,
    "TCP_ENDED": layout.TCP_ENDED,
    "NOBODY": 0xFFFFFFFF,
    "NO_EXIST": 1,
    "NO_WAKEUP": 1,
    "RING_FULL": 0,
    "ONLY_HOME": layout.ONLY_HOME,
}

# r6: the context, r7: why the program runs, r8: flags, later bytes received, r9: whether a row is wanted, later bytes
# sent. The flags do not say so: the program of another helper, with other agents, sets them as well.
_BEGIN = """
    r6 = r1
    r7 = *(u32 *)(r6 + OP)
    *(u64 *)(r10 + NETNS) = 0
    r8 = *(u32 *)(r6 + FLAGS)
    r9 = 0
    if r7 >= ROUND_TRIP goto read           // the flags permit no others than those above
    if r7 == STATE_CHANGES goto state
    if r7 == ACCEPTED goto watch
    if r7 != OPENED goto out
    r8 |= SENT_SYN
watch:
    r8 |= AT_STATES
    {watch_elsewhere}
set:
    r1 = r6
    r2 = r8
    call sock_ops_cb_flags_set
    if r9 == 0 goto out
    goto read
state:
    r1 = *(u32 *)(r6 + NEW_STATE)
    if r1 == CLOSE goto read
    if r1 != FIN_WAIT_1 goto out
    r8 |= AT_PACKETS
    goto set
read:
    r1 = r6
    call get_socket_cookie
    *(u64 *)(r10 + RECORD) = r0
    r1 = *(u32 *)(r6 + FAMILY)
    if r1 == AF_INET6 goto ipv6
    *(u64 *)(r10 + PEER) = 0
    *(u64 *)(r10 + OWN) = 0
    r3 = 0xffff                             // IPv4 is mapped: ::ffff:a.b.c.d
    r3 = be32 r3
    r1 = *(u32 *)(r6 + PEER_IPV4)
    *(u32 *)(r10 + PEER + 12) = r1
    *(u32 *)(r10 + PEER + 8) = r3
    r1 = *(u32 *)(r6 + OWN_IPV4)
    *(u32 *)(r10 + OWN + 12) = r1
    *(u32 *)(r10 + OWN + 8) = r3
    goto ports
ipv6:
    {ipv6}
ports:
    *(u64 *)(r10 + PORTS) = 0
    *(u8 *)(r10 + PORTS + 4) = TCP
    r1 = *(u32 *)(r6 + OWN_PORT)
    *(u16 *)(r10 + PORTS + 2) = r1
    r1 = *(u32 *)(r6 + PEER_PORT)
    r1 = be32 r1
    *(u16 *)(r10 + PORTS) = r1
"""
_IPV6_WORD = """
    r1 = *(u32 *)(r6 + {field} + {at})
    *(u32 *)(r10 + {place} + {at}) = r1
"""

# Bytes received and sent, without SYN and FIN. In doubt a FIN is assumed, so that the result is never too high.
_AMOUNTS = """
    r3 = *(u32 *)(r6 + STATE)
    r3 &= 15
    r5 = 1
    r5 <<= r3
    r4 = *(u32 *)(r6 + FLAGS)
    r8 = *(u64 *)(r6 + BYTES_RECEIVED)
    if r5 & GOT_FIN_STATES goto got_fin
    if r5 & MAY_HAVE_FIN_STATES goto may_have_fin
    goto received
may_have_fin:
    if r7 == PACKET goto received           // the first FIN ends this state
    r4 &= FIN_IS_KNOWN
    if r4 == AT_PACKETS goto received
got_fin:
    if r8 == 0 goto received
    r8 -= 1
received:
    r9 = *(u64 *)(r6 + BYTES_ACKNOWLEDGED)
    r1 = *(u32 *)(r6 + SENT_UP_TO)
    r2 = *(u32 *)(r6 + ACKNOWLEDGED_UP_TO)
    r1 -= r2
    r1 <<= 32
    r1 >>= 32
    r9 += r1
    r4 = *(u32 *)(r6 + FLAGS)
    r4 &= SENT_SYN
    if r5 & SENT_FIN_STATES goto sent_fin
    goto sent
sent_fin:
    r4 += 1
sent:
    if r9 >= r4 goto more_than_flags
    r9 = r4
more_than_flags:
    r9 -= r4
"""

# The row of a connection of another network namespace has counters since the row was made, as all rows have, by what
# its connection had carried before.
_COPY = """
    r1 = map flows
    r2 = r10
    r2 += RECORD
    call map_lookup_elem
    if r0 == 0 goto absent
    r1 = *(u64 *)(r0 + 0)
    if r8 <= r1 goto copy_sent
    *(u64 *)(r0 + 0) = r8
copy_sent:
    r1 = *(u64 *)(r0 + 8)
    if r9 <= r1 goto touch
    *(u64 *)(r0 + 8) = r9
touch:
    r1 = value stamp
    r1 = *(u32 *)(r1 + 0)
    *(u32 *)(r0 + TOUCHED) = r1
    if r7 != STATE_CHANGES goto note_fin
    *(u32 *)(r0 + CLOSED) = 1
    {report_here}
    goto out
absent:
    if r7 == STATE_CHANGES goto report
"""
_ADD = """
    *(u64 *)(r10 + VALUE + RX_BEFORE) = 0
    *(u64 *)(r10 + VALUE + TX_BEFORE) = 0
    if r7 <= ACCEPTED goto add
    {find_home}
    if r0 != 0 goto note_fin
    *(u64 *)(r10 + VALUE + RX_BEFORE) = r8  // it is older than this helper
    *(u64 *)(r10 + VALUE + TX_BEFORE) = r9
add:
    *(u64 *)(r10 + VALUE + 0) = r8
    *(u64 *)(r10 + VALUE + 8) = r9
    r1 = *(u64 *)(r10 + OWN)
    *(u64 *)(r10 + VALUE + ADDRESS) = r1
    r1 = *(u64 *)(r10 + OWN + 8)
    *(u64 *)(r10 + VALUE + ADDRESS + 8) = r1
    *(u64 *)(r10 + VALUE + CGROUP) = 0
    *(u64 *)(r10 + VALUE + USER) = 0
    *(u32 *)(r10 + VALUE + USER) = NOBODY
    r1 = map makers
    r2 = r10
    r2 += RECORD
    call map_lookup_elem
    if r0 == 0 goto stamps
    r1 = *(u64 *)(r0 + 0)
    *(u64 *)(r10 + VALUE + CGROUP) = r1
    r1 = *(u32 *)(r0 + 8)
    *(u32 *)(r10 + VALUE + USER) = r1
stamps:
"""
_REPORT = """
note_fin:
    if r7 != PACKET goto out
    r1 = *(u32 *)(r6 + PACKET_FLAGS)
    r1 &= FIN
    if r1 == 0 goto out
    r2 = *(u32 *)(r6 + FLAGS)
    r2 |= GOT_FIN
    r1 = r6
    call sock_ops_cb_flags_set
    goto out
report:
    {report_netns}
    *(u8 *)(r10 + KIND) = TCP_ENDED
    *(u64 *)(r10 + RX) = r8
    *(u64 *)(r10 + TX) = r9
    r1 = map ring
    r2 = r10
    r2 += RECORD
    r3 = RECORD_SIZE
    r4 = NO_WAKEUP
    call ringbuf_output
    if r0 == 0 goto out
"""
_NETNS = """
    r1 = r6
    call get_netns_cookie
    *(u64 *)(r10 + NETNS) = r0
"""
_FIND_HOME = f"""{_NETNS}
    r1 = map homes
    r2 = r10
    r2 += NETNS
    call map_lookup_elem
"""
_WATCH_ELSEWHERE = f"""{_FIND_HOME}
    if r0 == 0 goto elsewhere
    r1 = *(u8 *)(r0 + 0)
    if r1 == ONLY_HOME goto set
elsewhere:
    r8 |= AT_SEGMENTS
    r9 = 1
"""
# A connection of one of several homes has a row for the agents of the others, and its own agent needs the report.
_REPORT_HERE = f"""{_FIND_HOME}
    if r0 != 0 goto report
"""


def connections(maps: Mapping[str, int], *, elsewhere: bool) -> bytes:
    """Return the code of the program (type SOCK_OPS). `maps`: file descriptors of flows, homes, makers, stamp, losses
    and ring. `elsewhere`: copy the counters of other network namespaces, which needs Linux 5.15."""
    ipv6 = "".join(
        _IPV6_WORD.format(field=field, place=place, at=at)
        for field, place in (("PEER_IPV6", "PEER"), ("OWN_IPV6", "OWN"))
        for at in (12, 8, 4, 0)
    )
    text = _BEGIN.format(watch_elsewhere=_WATCH_ELSEWHERE if elsewhere else "", ipv6=ipv6) + _AMOUNTS
    text += _COPY.format(report_here=_REPORT_HERE if elsewhere else "")
    text += _ADD.format(find_home=_FIND_HOME) + programs.ADD_ROW if elsewhere else ""
    text += _REPORT.format(report_netns=_NETNS if elsewhere else "") + programs.END
    return assemble(text, _CONSTANTS, maps)
