"""Finds names of remote hosts in the packets that contain them: DNS messages, and ClientHellos of TLS and QUIC.

Everything here is pure: bytes in, values out. The bytes come from any host that sends packets to this machine, so every
parser is bounded in time and memory, and raises ParseError and nothing else.
"""
