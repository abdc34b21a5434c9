"""A QUIC connection of aioquic between two machines: its bytes by connection and app, and its name."""

from __future__ import annotations

import json
import subprocess
from contextlib import ExitStack

import nobody
import pytest
from networks import inside as enter
from test_agent_counts_udp import _ADDRESSES, _end, amounts, machine

pytest.importorskip("aioquic", reason="aioquic is not installed")

HOST = "quic.example"
SIZE = 2_000_000

_COUNTED = """
import asyncio, json, ssl, sys
from aioquic.asyncio import QuicConnectionProtocol, connect, serve
from aioquic.asyncio.server import QuicServer
from aioquic.quic.configuration import QuicConfiguration
rx = tx = 0
def count(kind):
    receive = kind.datagram_received
    def counted(self, data, address):
        global rx
        rx += len(data)
        receive(self, data, address)
    kind.datagram_received = counted
class Sending:
    def __init__(self, transport):
        self.transport = transport
    def sendto(self, data, address=None):
        global tx
        tx += len(data)
        self.transport.sendto(data, address)
    def __getattr__(self, name):
        return getattr(self.transport, name)
def wrap(kind):
    made = kind.connection_made
    kind.connection_made = lambda self, transport: made(self, Sending(transport))
"""
"""Counts the payload of each datagram that is received and sent."""

_SERVER = (
    _COUNTED
    + """
import datetime, tempfile
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
count(QuicServer), wrap(QuicServer)
key = ec.generate_private_key(ec.SECP256R1())
name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, sys.argv[2])])
now = datetime.datetime.now(datetime.UTC)
made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    .serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    .sign(key, hashes.SHA256()))
configuration = QuicConfiguration(is_client=False, alpn_protocols=["x"], certificate=made, private_key=key)
async def answer(reader, writer):
    size = int(await reader.read())
    writer.write(bytes(size))
    writer.write_eof()
async def main():
    await serve(sys.argv[1], 4433, configuration=configuration,
        stream_handler=lambda reader, writer: asyncio.ensure_future(answer(reader, writer)))
    print("ready", flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps([rx, tx]), flush=True)
asyncio.run(main())
"""
)
_CLIENT = (
    _COUNTED
    + """
count(QuicConnectionProtocol), wrap(QuicConnectionProtocol)
configuration = QuicConfiguration(alpn_protocols=["x"], server_name=sys.argv[2], verify_mode=ssl.CERT_NONE)
async def main():
    await asyncio.to_thread(sys.stdin.readline)
    async with connect(sys.argv[1], 4433, configuration=configuration) as client:
        reader, writer = await client.create_stream()
        writer.write(sys.argv[3].encode())
        writer.write_eof()
        data = await reader.read()
        assert len(data) == int(sys.argv[3])
        await asyncio.sleep(1)  # the last acknowledgements
        print(json.dumps([rx, tx]), flush=True)
        await asyncio.to_thread(sys.stdin.readline)
asyncio.run(main())
"""
)


def test_bytes_and_name_of_a_quic_connection_are_exact() -> None:
    with machine() as made, ExitStack() as stack:
        server = made.link.python(made.link.far, _SERVER, _ADDRESSES.far, HOST)
        stack.callback(_end, server)
        python, option, code, *arguments = nobody.python(_CLIENT, _ADDRESSES.far, HOST, str(SIZE))
        code = (
            "import aioquic.asyncio, concurrent.futures.thread\n" + code
        )  # before it becomes another user, who may not read it
        client = subprocess.Popen(
            [*enter(made.link.near), python, option, code, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
        )
        stack.callback(_end, client)
        assert server.stdin
        assert server.stdout
        assert client.stdin
        assert client.stdout
        assert server.stdout.readline() == "ready\n"
        made.await_rows(lambda _rows: str(made.ask("status", "--json")["helper"]).startswith("Running"))
        client.stdin.write("go\n")
        client.stdin.flush()
        received, tx = json.loads(client.stdout.readline())
        server.stdin.write("tell\n")
        server.stdin.flush()
        _received, rx = json.loads(server.stdout.readline())
        # What a full queue of the receiver dropped had arrived at its socket, and counts.
        assert rx >= received > SIZE

        rows = made.await_rows(
            lambda rows: any(row["remote_port"] == 4433 and row["rx_bytes"] == rx and row["host"] for row in rows)
        )
        (row,) = [row for row in rows if row["remote_port"] == 4433]
        assert amounts(rows, row["local_port"]) == [(rx, tx)]
        assert (row["host"], row["host_origin"]) == (HOST, "QUIC")
        (app,) = [each for each in made.ask("apps", "--json")["apps"] if each["rx_bytes"]]
        assert (app["rx_bytes"], app["tx_bytes"]) == (rx, tx)
