"""Make `files/desktop.rec.gz` anew: five minutes of a desktop's usual traffic between two namespaces. Needs root.

The mix, each a program of its own:

- browser: a page every 6 s or so, which opens up to 12 connections to 30 addresses and closes them after 1 to 30 s
- mail: two lasting connections to IMAP, a POP3 session each 20 s, a message sent each 50 s
- chat: a lasting connection with a message now and then, lost and renewed twice a minute at irregular times
- sync: a lasting connection that carries 5 MB, and short ones to a tracker at irregular times
- system: time by NTS each 30 s, and a burst of 15 downloads
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1])]

from networks import SERVER, inside, wire  # noqa: E402  found by the path above

FILE = HERE / "files" / "desktop.rec.gz"
SECONDS = 300
_ADDRESSES = [f"203.0.113.{number}" for number in range(1, 31)]
_PORTS = ("80", "443", "587", "993", "995", "4460", "22000")

_COMMON = """
import random, socket, sys, threading, time
chance = random.Random(sys.argv[1])
def call(host, port, lasts, sent=300):
    with socket.create_connection((f"203.0.113.{host}", port)) as made:
        made.sendall(bytes(sent))
        time.sleep(lasts)
def later(*arguments):
    threading.Thread(target=call, args=arguments, daemon=True).start()
"""
_PROGRAMS = {
    "browser": """
while True:
    for host in chance.sample(range(1, 31), chance.randint(1, 6)):
        for _ in range(chance.randint(1, 2)):
            later(host, 443, chance.choice((1, 5, 10, 15, 30)) + chance.uniform(0, 3), chance.randint(200, 900))
    time.sleep(chance.expovariate(1 / 6))
""",
    "mail": """
later(10, 993, 600)
later(11, 993, 600)
for number in range(100):
    call(12, 995, 0.5)
    if number % 3 == 1:
        later(13, 587, 1, 200_000)
    time.sleep(19.5)
""",
    "chat": """
while True:
    with socket.create_connection(("203.0.113.14", 443)) as made:
        for _ in range(chance.randint(2, 12)):
            made.sendall(bytes(chance.randint(50, 900)))
            time.sleep(chance.expovariate(1 / 4))
    time.sleep(chance.uniform(0.2, 3))
""",
    "sync": """
with socket.create_connection(("203.0.113.15", 22000)) as made:
    for _ in range(600):
        made.sendall(bytes(8_000))
        if chance.random() < 0.05:
            later(16, 443, chance.uniform(0.2, 2))
        time.sleep(0.5)
""",
    "system": """
for number in range(100):
    call(17, 4460, 0.2)
    if number == 3:
        for _ in range(15):
            later(chance.randint(18, 20), 80, chance.uniform(1, 5))
    time.sleep(29.8)
""",
}


def main() -> None:
    FILE.unlink(missing_ok=True)
    with wire() as network, tempfile.TemporaryDirectory() as scripts:
        for address in _ADDRESSES:
            network.run(network.far, "ip", "address", "add", f"{address}/32", "dev", "lo")
        running = [network.python(network.far, SERVER, "", "20", *_PORTS)]
        assert running[0].stdout is not None
        running[0].stdout.readline()
        command = [*inside(network.near), sys.executable, "-m", "netwatch_tray", "record", str(FILE)]
        recorder = subprocess.Popen([*command, "--for", f"{SECONDS}s"])
        for name, code in _PROGRAMS.items():
            script = Path(scripts, f"{name}.py")
            script.write_text(_COMMON + code)
            running.append(subprocess.Popen([*inside(network.near), sys.executable, str(script), name], text=True))
        assert recorder.wait(SECONDS + 120) == 0
        for process in running:
            process.kill()
            process.communicate()


if __name__ == "__main__":
    main()
