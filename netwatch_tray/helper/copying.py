"""The second half of the two eBPF programs that run for each packet: copies packets with host names; see `programs`.

It begins after the packet was counted. Registers then: r6 is the packet, r7 the offset of its payload, r8 its protocol,
r9 the length of the payload. It ends at the label `out`, or at `full` if the ring buffer has no room.
"""

from __future__ import annotations

from . import layout

_CHOOSE_INBOUND = """
    if r8 != UDP goto out
    if r9 < 12 goto out
    r1 = *(u16 *)(r10 + KEY_PEER_PORT)
    if r1 != 53 goto out
    {sample}
    r1 = *(u8 *)(r10 + SAMPLE + 2)
    r1 &= 0x80
    if r1 == 0 goto out
    *(u8 *)(r10 + KEY_KIND) = DNS_ANSWER
"""
_CHOOSE_OUTBOUND = """
    if r8 == TCP goto segment
    if r8 != UDP goto out
    if r9 < 12 goto out
    r1 = *(u16 *)(r10 + KEY_PEER_PORT)
    if r1 == 53 goto sample
    if r9 < 1200 goto out                   // the least size of what an Initial is in
    goto sample
segment:
    if r9 == 0 goto empty
    if r9 < 44 goto out
sample:
    {sample}
    r1 = *(u8 *)(r10 + SAMPLE)
    if r8 == TCP goto tls
    r2 = *(u16 *)(r10 + KEY_PEER_PORT)
    if r2 == 53 goto dns
    *(u8 *)(r10 + KEY_KIND) = QUIC_INITIAL
    r2 = *(u32 *)(r10 + SAMPLE + 1)
    r2 = be32 r2
    r1 &= 0xf0
    if r1 == 0xc0 goto quic_1
    if r1 != 0xd0 goto out
    if r2 == 0x6b3343cf goto keep           // version 2 (RFC 9369)
    goto out
quic_1:
    if r2 == 1 goto keep
    goto out
dns:
    *(u8 *)(r10 + KEY_KIND) = DNS_QUERY
    r1 = *(u8 *)(r10 + SAMPLE + 2)
    r1 &= 0x80
    if r1 == 0 goto keep
    goto out
tls:
    *(u8 *)(r10 + KEY_KIND) = TLS_HELLO
    if r1 != 0x16 goto out                  // a record of the handshake
    r1 = *(u8 *)(r10 + SAMPLE + 1)
    if r1 != 3 goto out
    r1 = *(u8 *)(r10 + SAMPLE + 5)
    if r1 != 1 goto out                     // with a ClientHello
    r1 = r6
    call get_socket_cookie
    *(u64 *)(r10 + KEY) = r0
"""
# Six bytes of it are looked at.
_LOAD_SAMPLE = """
    {directly}
    r1 = r6
    r2 = r7
    r3 = r10
    r3 += SAMPLE
    r4 = 8
    call skb_load_bytes
    if r0 != 0 goto out
sampled:
"""
_DIRECTLY = """
    if r7 != 28 goto load                   // IPv4 and UDP without options
    r1 = *(u32 *)(r6 + SKB_DATA)
    r2 = *(u32 *)(r6 + SKB_DATA_END)
    r3 = r1
    r3 += 36
    if r3 > r2 goto load
    r3 = *(u8 *)(r1 + 33)
    *(u8 *)(r10 + SAMPLE + 5) = r3
    r3 = *(u32 *)(r1 + 29)
    *(u32 *)(r10 + SAMPLE + 1) = r3
    r3 = *(u8 *)(r1 + 28)
    *(u8 *)(r10 + SAMPLE) = r3
    goto sampled
load:
"""

_RESERVE = """
{label}:
    r1 = map ring
    r2 = {size} + RECORD_SIZE
    r3 = 0
    call ringbuf_reserve
    if r0 == 0 goto full
    r1 = *(u64 *)(r10 + KEY)
    *(u64 *)(r0 + 0) = r1
    r1 = *(u64 *)(r10 + KEY + 8)
    *(u64 *)(r0 + 8) = r1
    r1 = *(u64 *)(r10 + KEY + 16)
    *(u64 *)(r0 + 16) = r1
    r1 = *(u64 *)(r10 + KEY + 24)
    *(u64 *)(r0 + 24) = r1
    *(u32 *)(r0 + 36) = r9
    *(u32 *)(r0 + 40) = r8
    r1 = *(u32 *)(r6 + SKB_SEGMENT_SIZE)
    *(u32 *)(r0 + 44) = r1
    r8 = r0
    r1 = r6
    call get_socket_uid
    *(u32 *)(r8 + 32) = r0
    r1 = r6
    r2 = r7
    r3 = r8
    r3 += RECORD_SIZE
    r4 = r9
    r4 -= 1
    r4 &= {size} - 1
    r4 += 1
    call skb_load_bytes
    r1 = r8
    r2 = NO_WAKEUP                          // the ring is read when an agent asks
    if r0 != 0 goto discard
    call ringbuf_submit
    goto out
"""
# A closed port answers a SYN with RST and ACK, and 0 as sequence number (RFC 9293, 3.10.7.1). Linux sends that from a
# socket of its own, over IPv4 alone through the hook. At most so many are reported between two stamps, so that a scan
# displaces no other record.
_REFUSAL = """
empty:
    r1 = *(u8 *)(r10 + TRANSPORT + 13)
    if r1 != RST_AND_ACK goto out
    r1 = *(u32 *)(r10 + TRANSPORT + 4)
    if r1 != 0 goto out
    r1 = value stamp
    r2 = 1
    lock *(u64 *)(r1 + REFUSALS) += r2
    r2 = *(u64 *)(r1 + REFUSALS)
    if r2 > MOST_REFUSALS goto out
    *(u64 *)(r10 + VALUE) = 0               // no cookie: the socket is the kernel's
    *(u8 *)(r10 + KEY_KIND) = REFUSAL
    r1 = *(u64 *)(r10 + KEY + 8)
    *(u64 *)(r10 + VALUE + 8) = r1
    r1 = *(u64 *)(r10 + KEY + 16)
    *(u64 *)(r10 + VALUE + 16) = r1
    r1 = *(u64 *)(r10 + KEY + 24)
    *(u64 *)(r10 + VALUE + 24) = r1
    *(u64 *)(r10 + VALUE + 32) = 0
    *(u64 *)(r10 + VALUE + 40) = 0
    r1 = map ring
    r2 = r10
    r2 += VALUE
    r3 = RECORD_SIZE
    r4 = NO_WAKEUP
    call ringbuf_output
    if r0 == 0 goto out
    goto full
"""

# The record is written in the ring itself. The verifier wants a constant size: the smallest that fits.
_KEEP = f"""
keep:
    call ktime_get_boot_ns
    r0 >>= TIME_SHIFT
    *(u16 *)(r10 + KEY_TIME) = r0
    r8 = r9                                 // the whole length
    if r9 <= 512 goto small
    if r9 <= 2048 goto middle
    if r9 <= MOST_PAYLOAD goto large
    r9 = MOST_PAYLOAD
{_RESERVE.format(label="large", size=layout.MOST_PAYLOAD)}
{_RESERVE.format(label="middle", size=2048)}
{_RESERVE.format(label="small", size=512)}
discard:
    call ringbuf_discard
    goto out
"""


def inbound(*, directly: bool) -> str:
    """Return the second half of the program for inbound packets as text for the assembler. `directly`: see
    programs.inbound."""
    return _CHOOSE_INBOUND.format(sample=_sample(directly=directly)) + _KEEP


def outbound(*, directly: bool) -> str:
    """Return the second half of the program for outbound packets as text for the assembler. `directly`: see
    programs.outbound."""
    return _CHOOSE_OUTBOUND.format(sample=_sample(directly=directly)) + _KEEP + _REFUSAL


def _sample(*, directly: bool) -> str:
    return _LOAD_SAMPLE.format(directly=_DIRECTLY if directly else "")
