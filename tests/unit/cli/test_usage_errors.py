from __future__ import annotations

import re

import pytest

from netwatch_tray.cli import main


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("watch --count 0", "--count: must be a whole number from 1 to 1000000000, not '0'"),
        ("watch --count many", "not 'many'"),
        ("watch --interval soon", "--interval: must be a number of seconds from 0.1 to 3600, not 'soon'"),
        ("watch --interval nan", "not 'nan'"),
        ("watch --count -1", "--count: must be a whole number from 1 to 1000000000, not '-1'"),
        ("usage --from soon", "--from: must be a day such as 2026-01-31, yesterday or -7d, not 'soon'"),
        ("usage --from -7x", "--from: must be a day such as 2026-01-31, yesterday or -7d, not '-7x'"),
        ("usage --from -999999d", "not '-999999d'"),
        ("events --since 2026-01-31T25:00", "or a time such as 2026-01-31T14:00, not '2026-01-31T25:00'"),
        ("export --to 2026-02-30", "--to: must be a day such as 2026-01-31, yesterday or -7d, not '2026-02-30'"),
        ("usage --from 2027-01-01 --to 2026-01-01", "--from 2027-01-01 is after --to 2026-01-01"),
        ("export --from 9999-12-31", "--from 9999-12-31 is after today"),
        ("usage --apps --internet", "--internet is about the total alone"),
        ("history delete", "either days (--from, --to) or --all is required"),
        ("history delete --all --to 2026-01-01", "either days (--from, --to) or --all is required"),
        ("upload setup --interval 9", "--interval: must be a whole number from 10 to 3600, not '9'"),
        ("serve-metrics --port 99999", "--port: must be a whole number from 1 to 65535, not '99999'"),
        ("serve-metrics --port 0", "not '0'"),
        ("serve-metrics --port http", "not 'http'"),
    ],
)
def test_error_lists_the_allowed_values(command: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(command.split())
    assert ended.value.code == 2
    assert capsys.readouterr().err.endswith(f"{told}\n")


def test_unrecognizable_subcommand_gets_the_list_of_subcommands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["dance"])
    told = capsys.readouterr().err
    assert re.search(r"\bwatch\b", told.splitlines()[-1])  # quoted before Python 3.12
    assert "xembed" not in told


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("wach", "'wach' is none of the choices. Did you mean watch?"),
        ("upload stats", "'stats' is none of the choices. Did you mean status?"),
        ("usage --by mnth", "argument --by: 'mnth' is none of the choices. Did you mean month?"),
        ("watch --cuont 3", "unrecognized arguments: --cuont 3. Did you mean --count?"),
        ("watch --cuont=3", "unrecognized arguments: --cuont=3. Did you mean --count?"),
        ("watch --frobnicate", "unrecognized arguments: --frobnicate"),
        ("--versoin", "unrecognized arguments: --versoin. Did you mean --version?"),
    ],
)
def test_mistyped_words_get_a_suggestion(command: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(command.split())
    assert ended.value.code == 2
    assert capsys.readouterr().err.endswith(f"{told}\n")
