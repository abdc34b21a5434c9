"""The optional privileged helper: counts bytes of UDP by socket and peer, and copies the packets that hold host names.

It is a separate program, which systemd starts when an agent connects to its socket. It loads four eBPF programs into
the kernel, drops its privileges and sends what they collect to the agents of the allowed users. It contains no parser
of packets, reads no configuration and writes no file.

It uses only the standard library and nothing else of the package netwatch_tray, so that a copy of this directory, which
belongs to root, runs by itself (`/usr/bin/python3 -I DIRECTORY`, Python 3.11 or newer). The agent's side is
`collect/helper_client.py`. docs/helper.md describes protocol and privileges.
"""
