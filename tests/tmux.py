"""A real terminal for tests: tmux, with a separate server."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import needs
from desktop import wait_for

_FLAGS = ("alternate_on", "mouse_any_flag", "mouse_sgr_flag", "cursor_flag", "wrap_flag", "keypad_cursor_flag")


class Tmux:
    """A terminal with a shell; a context manager. `directory`: for its socket, empty and with a short path."""

    def __init__(
        self, directory: Path, environment: Mapping[str, str], width: int = 80, height: int = 24, style: str = ""
    ) -> None:
        """`style`: of the window, as `bg=#ffffff,fg=#000000`."""
        needs.programs("tmux")
        self._socket = directory / "tmux"
        self._environment = {"PATH": os.defpath, "LANG": "C.UTF-8", **environment, "ENV": ""}
        self._environment.pop("TMUX", None)
        settings = directory / "tmux.conf"
        settings.write_text(
            "set -g default-terminal tmux-256color\nset -g status off\nset -g escape-time 10\n"
            + (f"set -g window-style '{style}'\n" if style else "")
        )
        self._run("-f", str(settings), "new-session", "-d", "-x", str(width), "-y", str(height), "sh")
        self.size = width, height
        try:
            wait_for(lambda: self.lines()[0], 15, "the shell prompts")
        except BaseException:
            self._run("kill-server")
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._run("kill-server")

    def _run(self, *words: str) -> str:
        done = subprocess.run(
            ["tmux", "-S", self._socket, *words], capture_output=True, env=self._environment, check=False, timeout=60
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        return done.stdout.decode()

    def type(self, command: Sequence[str]) -> None:
        """Type a command into the shell."""
        self.keys(shlex.join(command), literal=True)
        self.keys("Enter")

    def keys(self, *keys: str, literal: bool = False) -> None:
        self._run("send-keys", *(["-l"] if literal else []), "--", *keys)

    def click(self, column: int, row: int) -> None:
        """Press and release the left button, as the terminal reports it (SGR, columns from 0)."""
        for letter in "Mm":
            self.keys(f"\x1b[<0;{column + 1};{row + 1}{letter}", literal=True)

    def resize(self, width: int, height: int) -> None:
        self._run("resize-window", "-x", str(width), "-y", str(height))
        self.size = width, height

    def lines(self) -> list[str]:
        """Return the lines on the screen, without blanks at their ends."""
        return self._run("capture-pane", "-p").split("\n")[:-1]

    def painted(self) -> str:
        """Return the screen with the escape sequences of its colours."""
        return self._run("capture-pane", "-p", "-e")

    def modes(self) -> dict[str, str]:
        """Return the modes of the terminal that a program can leave changed."""
        values = self._run("display-message", "-p", " ".join(f"#{{{flag}}}" for flag in _FLAGS)).split()
        return dict(zip(_FLAGS, values, strict=True))

    def pid(self) -> int:
        """Return the PID of the shell."""
        return int(self._run("display-message", "-p", "#{pane_pid}"))

    def wait(self, text: str, seconds: float = 15) -> list[str]:
        """Return the screen as soon as this text is on it."""

        def shown() -> list[str] | None:
            lines = self.lines()
            return lines if text in "\n".join(lines) else None

        return wait_for(shown, seconds, f"{text!r} is on the screen", lambda: "\n".join(self.lines()))
