"""The optional privileged helper: counts bytes of UDP by socket and peer, and copies the packets that hold host names.

A program of its own, started by its socket. It loads four eBPF programs, drops its privileges and serves what they
collect to the agents of the allowed users. It contains no parser of packets, reads no configuration and writes no file.

It uses the standard library alone and imports nothing else of this package, with relative imports only: a root-owned
copy of this directory runs by itself (`/usr/bin/python3 -I DIRECTORY`, Python 3.11 or newer). The agent's side is
`collect/helper_client.py`. docs/helper.md describes protocol and privileges.
"""
