"""Names of remote hosts, read from the packets that carry them: DNS messages, TLS and QUIC ClientHellos.

Everything here is pure: bytes in, values out. The bytes come from any host that sends packets to this machine, so every
parser is bounded in time and memory, and raises ParseError and nothing else.
"""
