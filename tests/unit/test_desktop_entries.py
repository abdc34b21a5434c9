"""Desktop entries of programs, honest and hostile."""

from __future__ import annotations

import os
import plistlib
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from netwatch_tray.desktop_entries import Entries, Entry, bundle, groups, parse, read_all


def _file(**facts: str) -> bytes:
    lines = "".join(f"{key}={value}\n" for key, value in ({"Type": "Application", "Name": "X"} | facts).items())
    return f"# a comment\n[Desktop Entry]\n{lines}[Desktop Action new]\nName=New window\nExec=other\n".encode()


def _entry(entry_id: str, **facts: str) -> Entry:
    entry = parse(_file(**facts), entry_id, "de_AT")
    assert entry is not None
    return entry


@pytest.mark.parametrize(
    ("key", "entry"),
    [
        ("executable:/usr/lib/firefox/firefox", "firefox"),
        ("executable:/opt/google/chrome/chrome", "google-chrome"),
        ("executable:/opt/Slack/slack", "slack"),
        ("executable:/usr/bin/gnome-calendar", "org.gnome.Calendar"),
        ("executable:/usr/bin/python3.11", None),
        ("executable:/usr/bin/unknown", None),
        ("script:/usr/bin/python3.11 deluge", "deluge"),
        ("desktop:org.gnome.Calendar", "org.gnome.Calendar"),
        ("flatpak:com.spotify.Client", "com.spotify.Client"),
        ("snap:thunderbird", "thunderbird_thunderbird"),
        ("executable:/usr/bin/settings", None),
        ("executable:/usr/lib/office/program/soffice", "office"),
        ("unit:postgresql.service", None),
        ("user:ada", None),
        ("", None),
    ],
)
def test_an_app_is_found_by_class_program_or_id(key: str, entry: str | None) -> None:
    entries = Entries(
        [
            _entry("firefox", Exec="/usr/lib/firefox/firefox %u", StartupWMClass="Firefox"),
            _entry("private", Exec="/usr/lib/firefox/firefox --private-window", NoDisplay="true"),
            _entry("google-chrome", Exec="/opt/google/chrome/google-chrome %U", StartupWMClass="Google-chrome"),
            _entry("slack", Exec='"/opt/Slack/slack" %U'),
            _entry("org.gnome.Calendar", Exec="gnome-calendar"),
            _entry("deluge", Exec="env LANG=C python3 /usr/bin/deluge %U"),
            _entry("com.spotify.Client", Exec="/usr/bin/flatpak run com.spotify.Client"),
            _entry("settings-colour", Exec="settings colour"),
            _entry("settings-sound", Exec="settings sound"),
            _entry("office-writer", Exec="/usr/lib/office/program/soffice --writer %U"),
            _entry("office", Exec="/usr/lib/office/program/soffice %U"),
            _entry("thunderbird_thunderbird", Exec="env X=1 /snap/bin/thunderbird %u"),
        ]
    )
    found = entries.of_app(key)
    assert (found and found.id) == entry


def test_names_are_in_the_language_asked_for() -> None:
    file = _file(Name="Files", **{"Name[de]": "Dateien", "Name[fr]": "Fichiers"})
    assert [entry.name for each in ("de_AT", "de", "nl", "") if (entry := parse(file, "x", each))] == [
        "Dateien",
        "Dateien",
        "Files",
        "Files",
    ]


@pytest.mark.parametrize(
    "facts",
    [{"Type": "Link"}, {"Hidden": "true"}, {"Name": ""}, {"Icon": "../../etc/passwd"}, {"Icon": "a\0b"}],
)
def test_entries_that_describe_no_program_are_left_out(facts: dict[str, str]) -> None:
    assert parse(_file(**facts), "x", "en") is None


@given(st.binary(max_size=400) | st.text(max_size=200).map(lambda text: b"[Desktop Entry]\n" + text.encode()))
def test_any_bytes_parse_as_entry_or_none(content: bytes) -> None:
    groups(content)
    entry = parse(content, "x", "en")
    assert entry is None or entry.name
    Entries([entry] if entry else []).of_app("executable:/x/y")


@given(st.text(max_size=60))
def test_any_command_is_parsed(command: str) -> None:
    facts = {"Exec": command.replace("\n", " ").replace("\r", " ")}
    entry = parse(_file(**facts), "x", "en")
    assert entry is None or len(entry.programs) <= 2


def test_directories_are_read_in_order_and_odd_files_skipped(tmp_path: Path) -> None:
    own, system = tmp_path / "own/applications", tmp_path / "system/applications"
    for directory in (own / "kde", system):
        directory.mkdir(parents=True)
    (own / "a.desktop").write_bytes(_file(Name="Mine", Exec="a"))
    (system / "a.desktop").write_bytes(_file(Name="Theirs", Exec="a"))
    (own / "kde/b.desktop").write_bytes(_file(Name="B", Exec="b"))
    os.mkfifo(own / "fifo.desktop")
    (own / "directory.desktop").mkdir()
    (own / "loop.desktop").symlink_to(own / "loop.desktop")
    (own / "around").symlink_to(own)
    (own / "zero.desktop").symlink_to("/dev/zero")
    (own / "bytes.desktop").write_bytes(b"\xff\0\xfe" * 99)
    (own / os.fsdecode(b"\xff.desktop")).write_bytes(_file())
    with (own / "huge.desktop").open("wb") as huge:
        huge.truncate(1 << 34)
    environment = {"XDG_DATA_HOME": f"{tmp_path}/own", "XDG_DATA_DIRS": f"relative:{tmp_path}/system"}
    entries = read_all("en", environment, tmp_path / "home")
    names = [entries.of_app(f"desktop:{each}") for each in ("a", "kde-b", "fifo", "huge", "zero")]
    assert [each and each.name for each in names] == ["Mine", "B", None, None, None]


def test_a_bundle_names_itself(tmp_path: Path) -> None:
    contents = tmp_path / "Foo.app/Contents"
    contents.mkdir(parents=True)
    plist = {"CFBundleName": "Foo!", "CFBundleIconFile": "foo"}
    (contents / "Info.plist").write_bytes(plistlib.dumps(plist))
    entry = Entries([]).of_app(f"bundle:{tmp_path}/Foo.app")
    assert entry == Entry(f"{tmp_path}/Foo.app", "Foo!", f"{contents}/Resources/foo.icns")


@pytest.mark.parametrize(
    "content",
    [b"", b"bplist00\xff", b"<plist><string>", plistlib.dumps(["x"]), plistlib.dumps({"CFBundleIconFile": "../x"})],
)
def test_an_odd_bundle_has_no_icon(tmp_path: Path, content: bytes) -> None:
    contents = tmp_path / "Foo.app/Contents"
    contents.mkdir(parents=True)
    (contents / "Info.plist").write_bytes(content)
    entry = bundle(tmp_path / "Foo.app")
    assert entry is None or entry.icon == ""
