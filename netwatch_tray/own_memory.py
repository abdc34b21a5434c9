"""Memory of the running process."""

from __future__ import annotations

from pathlib import Path


def pss(directory: str = "/proc/self") -> int | None:
    """Return the proportional set size in bytes: pages that several processes share count for each by its part.

    Unlike the resident set size, it does not count the same library again for each process. None where the kernel does
    not report it: on macOS, and before Linux 4.14. The kernel walks all pages for it, which takes 0.3 ms in the agent
    and 2 ms in the window. proc_pid_smaps(5).
    """
    try:
        content = Path(directory, "smaps_rollup").read_bytes()
    except OSError:
        return None
    found = [line.split()[1] for line in content.splitlines() if line.startswith(b"Pss:")]
    return int(found[0]) * 1024 if found else None
