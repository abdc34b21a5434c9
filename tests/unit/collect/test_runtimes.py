"""Programs that share a runtime are distinguished by their command lines and by the units of the desktop."""

from __future__ import annotations

import platform
import struct
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from desktop import wait_for
from hypothesis import given, strategies as st

from netwatch_tray.collect.linux import desktop_entries
from netwatch_tray.collect.linux.process_map import ProcessMap
from netwatch_tray.collect.process import Process
from netwatch_tray.collect.runtimes import _RUNTIMES, is_runtime, script_of
from netwatch_tray.collect.systemd import desktop_app, short_name, unescaped
from netwatch_tray.engine.apps import app_of, app_of_unit

NINE = [
    ("electron", ["electron", "--type=utility", "--user-data-dir=/home/a/.config/Notes"], "Notes"),
    ("electron", ["electron", "/usr/lib/chatter/app.asar"], "chatter"),
    ("java", ["java", "-Xmx4G", "-jar", "/srv/game/server.jar", "nogui"], "server.jar"),
    ("java", ["java", "-cp", "/opt/search/lib/a.jar", "org.example.Search"], "org.example.Search"),
    ("mono-sgen", ["mono", "/opt/series/Series.exe", "-nobrowser"], "Series.exe"),
    ("wine64-preloader", ["C:\\Games\\Launcher.exe"], "Launcher.exe"),
    ("python3.11", ["python3", "-W", "ignore", "/srv/a.py"], "a.py"),
    ("python3.11", ["python3", "-X", "dev", "app.py"], "app.py"),
    ("node", ["node", "--require", "./trace.js", "server.js"], "server.js"),
]


@pytest.mark.parametrize(
    ("program", "words", "name"),
    [
        *NINE,
        ("python3", ["python3", "-m", "http.server", "80"], "http.server"),
        ("python3", ["python3", "-Im", "tool"], "tool"),
        ("python3", ["python3", "-mtool"], "tool"),
        ("python3", ["python3", "-uWignore", "-Xdev", "b.py"], "b.py"),
        ("python3", ["python3", "-uW", "ignore", "b.py"], "b.py"),
        ("python3", ["python3", "-c", "pass", "x.py"], None),
        ("python3", ["python3", "-Bc", "pass"], None),
        ("python3", ["python3", "-"], None),
        ("python3", ["python3"], None),
        ("pypy3.10", ["pypy3", "/srv/c.py"], "c.py"),
        ("Python", ["/x/Python", "/srv/c.py"], "c.py"),
        ("perl", ["perl", "-w", "-I", "lib", "/usr/bin/tool", "x"], "tool"),
        ("perl", ["perl", "-we", "print"], None),
        ("perl5.36", ["perl", "-Mexample", "tool.pl"], "tool.pl"),
        ("ruby3.1", ["ruby", "-rbundler/setup", "-C", "/srv", "app.rb"], "app.rb"),
        ("php8.2", ["php", "-d", "a=b", "-f", "job.php"], "job.php"),
        ("php", ["php", "artisan", "queue:work"], "artisan"),
        ("bash", ["bash", "-euo", "pipefail", "/usr/bin/backup.sh", "x"], "backup.sh"),
        ("dash", ["sh", "-c", "curl x"], None),
        ("bash", ["-bash"], None),
        ("zsh", ["zsh", "-o", "x", "a.zsh"], "a.zsh"),
        ("gjs-console", ["gjs", "-m", "/usr/share/x/org.gnome.Shell.Notifications"], "org.gnome.Shell.Notifications"),
        ("gjs-console", ["gjs", "-I", "/lib", "a.js"], "a.js"),
        ("deno", ["deno", "run", "-A", "--config", "d.json", "main.ts"], "main.ts"),
        ("deno", ["deno", "task", "start"], None),
        ("bun", ["bun", "--hot", "server.ts"], "server.ts"),
        ("bun", ["bun", "run", "--preload", "x.ts", "server.ts"], "server.ts"),
        ("node", ["node", "-e", "1"], None),
        ("node", ["node", "/usr/bin/npm", "start"], "npm"),
        ("java", ["java", "-p", "mods", "-m", "game/org.example.Main"], "org.example.Main"),
        ("java", ["java", "-XX:+UseG1GC", "-Dname=x -jar", "@more", "Main.java"], "Main.java"),
        ("mono", ["mono", "--debug", "--config", "x", "b.exe"], "b.exe"),
        ("dotnet", ["dotnet", "exec", "--depsfile", "x.json", "/srv/api.dll"], "api.dll"),
        ("dotnet", ["dotnet", "run", "--project", "x"], None),
        ("wine64-preloader", ["/usr/bin/wine64-preloader", "/usr/bin/wine64", "Setup.EXE"], "Setup.EXE"),
        ("wine-preloader", ["C:\\Program Files\\A b\\c.exe -x d.exe"], "c.exe"),
        ("electron36", ["electron", "--no-sandbox", "/opt/Bit Warden/resources/app.asar"], "Bit Warden"),
        ("electron", ["electron --type=utility --user-data-dir=/home/a/.config/A b --lang=de"], "A b"),
        ("electron", ["electron", "--type=renderer", "--app-path=/usr/lib/x/app.asar"], "x"),
        ("firefox", ["firefox", "x.py"], None),
        ("shutter", ["shutter", "x"], None),
        ("node_exporter", ["node_exporter", "x"], None),
        ("php-fpm", ["php-fpm: pool www"], None),
    ],
)
def test_script_of_a_runtime_is_named(program: str, words: list[str], name: str | None) -> None:
    assert script_of(program, "".join(f"{word}\0" for word in words)) == name


@given(st.sampled_from([*_RUNTIMES, "bash", "firefox"]), st.text("-=/\\.\0 abcemWXx", max_size=60) | st.text())
def test_any_command_line_yields_a_name_or_none(program: str, command_line: str) -> None:
    found = script_of(program, command_line)
    assert found is None or (found and is_runtime(program))


# Real processes.

PAUSE = bytes.fromhex("b8220000000f05ebf7")
"""x86-64: mov eax, 34 (pause); syscall; again."""


def sleeper(file: Path) -> None:
    """Write the smallest program that does nothing, whatever its arguments are."""
    start = 64 + 56
    header = b"\x7fELF\2\1\1" + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0x400000 + start, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, 0x400000, 0x400000, start + len(PAUSE), start + len(PAUSE), 0x1000)
    file.write_bytes(header + segment + PAUSE)
    file.chmod(0o755)


def nobody(_process: Process) -> Process | None:
    return None


@pytest.mark.skipif(sys.platform != "linux" or platform.machine() != "x86_64", reason="the program is for x86-64 Linux")
def test_nine_programs_of_six_runtimes_are_nine_apps(tmp_path: Path) -> None:
    processes = []
    try:
        for program, words, _name in NINE:
            file = tmp_path / program
            if not file.exists():
                sleeper(file)
            processes.append(subprocess.Popen(words, executable=file))
        # Popen returns when execve(2) has closed the pipe, which is before the kernel sets the arguments.
        wait_for(lambda: all(Path(f"/proc/{each.pid}/cmdline").read_bytes() for each in processes), 5, "all run")
        found = [ProcessMap().process(process.pid) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert all(found)
    apps = [app_of(each, nobody) for each in found if each is not None]
    assert [app.name for app in apps] == [name for _program, _words, name in NINE]
    assert len({app.key for app in apps}) == len(NINE)


# Units of a desktop.


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("app-firefox-77.scope", (None, "firefox")),
        (
            "app-gnome-org.gnome.Evolution\\x2dalarm\\x2dnotify-1234.scope",
            ("gnome", "org.gnome.Evolution-alarm-notify"),
        ),
        ("app-flatpak-org.mozilla.firefox-77.scope", ("flatpak", "org.mozilla.firefox")),
        ("app-org.kde.konsole@0123abcd.service", (None, "org.kde.konsole")),
        ("app-org.kde.kdeconnect.daemon@autostart.service", (None, "org.kde.kdeconnect.daemon")),
        ("app-niri-chatter.desktop-7.scope", ("niri", "chatter")),
        ("app-gr\\xc3\\xbcn-7.scope", (None, "grün")),
        ("nginx.service", None),
        ("docker 0123456789ab", None),
        (None, None),
    ],
)
def test_launcher_and_app_are_parsed_from_a_unit(unit: str | None, expected: tuple[str | None, str] | None) -> None:
    assert desktop_app(unit) == expected


@given(st.text())
def test_any_name_yields_a_unit_or_none(name: str) -> None:
    unescaped(name)
    desktop_app(name)
    short_name(name)


NOTES = "app-gnome-org.example.Notes-77.scope"
ELECTRON = "/usr/lib/electron39/electron"


def test_a_runtime_is_named_by_the_desktop_that_launched_it() -> None:
    main = Process(
        pid=2, name="electron", executable=ELECTRON, script="notes", unit=NOTES, parent=1, desktop_name="Notes!"
    )
    zygote = Process(pid=3, name="electron", executable=ELECTRON, unit=NOTES, parent=2)
    helper = Process(pid=4, name="electron", executable=ELECTRON, script="Notes", unit=NOTES, parent=3)
    other = Process(pid=5, name="electron", executable=ELECTRON, script="chatter", unit="app-chatter-7.scope", parent=1)
    known = {each.pid: each for each in (main, zygote, helper, other)}
    apps = [app_of(each, lambda process: known.get(process.parent or 0)) for each in (main, zygote, helper)]
    assert {app.name for app in apps} == {"Notes!"}
    assert len({app.key for app in apps}) == 1
    assert app_of(other, nobody).name == "chatter"
    assert app_of_unit(NOTES) == msgspec.structs.replace(app_of(main, nobody), name="Notes")


def test_a_command_in_a_terminal_is_not_the_terminal() -> None:
    terminal = Process(pid=1, name="kitty", executable="/usr/bin/kitty", unit="app-kitty-1.scope")
    shell = Process(pid=2, name="bash", executable="/usr/bin/bash", unit=terminal.unit, parent=1)
    script = Process(pid=3, name="a.sh", executable="/usr/bin/bash", script="a.sh", unit=terminal.unit, parent=2)
    tool = Process(pid=4, name="python3", executable="/usr/bin/python3", script="a.py", unit=terminal.unit, parent=3)
    known = {each.pid: each for each in (terminal, shell, script, tool)}
    assert app_of(tool, lambda process: known.get(process.parent or 0)).name == "a.py"


def test_scripts_of_one_runtime_are_separate_apps_but_workers_join_their_script() -> None:
    launcher = Process(pid=1, name="java", executable="/opt/jre/bin/java", script="launcher.jar")
    game = Process(pid=2, name="java", executable="/opt/jre/bin/java", script="Game", parent=1)
    server = Process(pid=3, name="python3", executable="/usr/bin/python3", script="serve.py")
    worker = Process(pid=4, name="python3", executable="/usr/bin/python3", parent=3)  # multiprocessing: -c
    known = {each.pid: each for each in (launcher, game, server, worker)}
    names = [app_of(each, lambda process: known.get(process.parent or 0)).name for each in known.values()]
    assert names == ["launcher.jar", "Game", "serve.py", "serve.py"]


def test_two_runs_of_an_app_image_are_one_app() -> None:
    runs = [
        Process(pid=each, name="tool", executable=f"/tmp/.mount_Krita-{random}/usr/bin/krita")  # noqa: S108  no file is made
        for each, random in enumerate(("a1B2c3", "Z9y8X7"))
    ]
    first, second = (app_of(each, nobody) for each in runs)
    assert first == second
    assert first.name == "krita"
    other = Process(pid=9, name="krita", executable="/tmp/.mount_Other-a1B2c3/usr/bin/krita")  # noqa: S108  as above
    assert app_of(other, nobody) != first


def test_a_bundle_that_is_a_runtime_does_not_name_the_app() -> None:
    python = "/Library/Frameworks/Python.framework/Versions/3.13/Resources/Python.app/Contents/MacOS/Python"
    assert app_of(Process(pid=1, name="Python", executable=python, script="a.py"), nobody).name == "a.py"
    java = "/Applications/Idea.app/Contents/jbr/Contents/Home/bin/java"
    assert app_of(Process(pid=1, name="java", executable=java, script="com.x.Main"), nobody).name == "Idea"


def test_name_is_that_of_the_main_group_of_a_desktop_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    applications = tmp_path / "applications"
    applications.mkdir()
    (applications / "org.example.Notes.desktop").write_bytes(
        b"# x\n[Desktop Action a]\nName=No\n[Desktop Entry]\nName[de]=Notizen\nName = Not\xffes \n[X]\nName=No\n"
    )
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "none"))
    monkeypatch.setenv("XDG_DATA_DIRS", f"relative:{tmp_path}")
    desktop_entries.name_of.cache_clear()
    assert desktop_entries.name_of("org.example.Notes") == "Not\ufffdes"
    assert desktop_entries.name_of("org.example.Other") is None
    assert desktop_entries.name_of("../org.example.Notes") is None
    desktop_entries.name_of.cache_clear()


@given(st.binary())
def test_any_desktop_entry_is_read(content: bytes) -> None:
    desktop_entries.parse(content)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_script_of_a_running_python_process_is_found(tmp_path: Path) -> None:
    file = tmp_path / "notes.py"
    file.write_text("import sys; sys.stdin.read()")
    with subprocess.Popen([sys.executable, file], stdin=subprocess.PIPE) as child:
        wait_for(lambda: (it := ProcessMap().process(child.pid)) and it.script == "notes.py", 5, "the script is found")
