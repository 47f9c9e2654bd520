"""What is written for systemd, for the Task Scheduler of Windows and for cron; and the scripts."""

import shlex
from pathlib import Path, PureWindowsPath
from typing import Final
from xml.etree import ElementTree as ET

import pytest

from tillbridge.connector.host import LAST_PAYMENT_SECONDS
from tillbridge.connector.supervisor.child import LEAVE_SECONDS
from tillbridge.connector.supervisor.crontab import line_for, with_line, without_line
from tillbridge.connector.supervisor.planning import Computer, Kind, Served, installing, removing
from tillbridge.connector.supervisor.scripts import POSIX, WINDOWS, posix_script, shipped, windows_script
from tillbridge.connector.supervisor.tasks import NAME, Task, create_command, delete_command
from tillbridge.connector.supervisor.units import STOP_SECONDS, Unit, quoted
from tillbridge.connector.updates.layout import Layout
from tillbridge.domain.errors import BridgeError

SPACE: Final = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"
HERE: Final = Computer(windows=False, systemd=True, root=True, units=Path("/home/till/.config/systemd/user"))
PLAIN: Final = Served(Path("/etc/tb/connector.yml"), Path("/var/lib/tb"), Path("/opt/tb/bin/tillbridge"), None)
PACKAGED: Final = Served(
    Path("/home/till/connector/connector.yml"),
    Path("/home/till/connector/data"),
    Path("/home/till/connector/versions/1.0/tillbridge"),
    Layout(Path("/home/till/connector")),
)


# ------------------------------------------------------------ systemd


def lines(served: Served = PLAIN, kind: Kind = Kind.SYSTEMD) -> list[str]:
    """The unit of such a plan."""
    plan = installing(kind, served, HERE, "tillbridge")
    (unit,) = [file for file in plan.files if file.path.name == "tillbridge.service"]
    return unit.content.decode().splitlines()


def test_the_unit_restarts_for_ever_except_after_a_tills_wish() -> None:
    unit = lines()
    for line in ("Restart=always", "StartLimitIntervalSec=0", "RestartPreventExitStatus=30", "SuccessExitStatus=30"):
        assert line in unit


def test_the_unit_waits_longer_than_a_payment_is_waited_for() -> None:
    assert LAST_PAYMENT_SECONDS < LEAVE_SECONDS < STOP_SECONDS
    assert f"TimeoutStopSec={STOP_SECONDS}" in lines()


def test_the_unit_is_closed_off_and_leaves_serial_ports_open() -> None:
    unit = lines()
    for line in ("NoNewPrivileges=yes", "ProtectSystem=strict", "SupplementaryGroups=dialout", "User=tillbridge"):
        assert line in unit
    assert 'ReadWritePaths="/var/lib/tb"' in unit
    for closing in ("PrivateDevices", "DevicePolicy", "DeviceAllow", "ProtectClock"):
        assert not any(line.startswith(closing) for line in unit)


def test_a_unit_of_a_user_asks_for_nothing_that_a_user_may_not() -> None:
    unit = lines(kind=Kind.SYSTEMD_USER)
    assert "WantedBy=default.target" in unit
    assert not any(line.startswith(("User=", "ProtectSystem=", "SupplementaryGroups=")) for line in unit)


def test_a_packaged_connector_is_started_through_what_follows_the_version_in_use() -> None:
    unit = lines(PACKAGED)
    assert 'ExecStart="/bin/sh" "/home/till/connector/supervise.sh"' in unit
    assert "versions/1.0" not in "\n".join(unit)
    assert "ProtectHome=read-only" in unit
    assert 'ReadWritePaths="/home/till/connector/data" "/home/till/connector"' in unit


@pytest.mark.parametrize(
    ("word", "written"),
    [("plain", '"plain"'), ("a b", '"a b"'), ('a"b', '"a\\"b"'), ("a\\b", '"a\\\\b"'), ("100 %", '"100 %%"')],
)
def test_words_of_a_unit_are_quoted(word: str, written: str) -> None:
    assert quoted(word) == written


def test_a_dollar_is_no_variable_in_a_command() -> None:
    unit = Unit(("/opt/$HOME/x",), (Path("/srv/$x"),), "till").text()
    assert 'ExecStart="/opt/$$HOME/x"' in unit
    assert 'ReadWritePaths="/srv/$x"' in unit


def test_removing_leaves_settings_and_data_alone() -> None:
    for kind in Kind:
        plan, files = removing(kind, PACKAGED, HERE)
        assert all("connector" not in str(file) for file in files)
        assert plan.files == ()


@pytest.mark.parametrize(
    ("computer", "kind"),
    [
        (HERE, Kind.SYSTEMD),
        (Computer(False, True, False, Path("/x")), Kind.SYSTEMD_USER),
        (Computer(False, False, True, Path("/x")), Kind.CRON),
        (Computer(True, False, False, Path("/x")), Kind.TASK),
    ],
)
def test_each_computer_gets_what_fits_it(computer: Computer, kind: Kind) -> None:
    assert computer.usual() is kind


# ------------------------------------------------------------ the Task Scheduler


def found(*path: str) -> str | None:
    """What stands at this place of the task."""
    task = Task(PureWindowsPath(r"C:\Käse & Wein\always-up.cmd"), r"SHOP\anna <till>")
    root = ET.fromstring(task.text().removeprefix('<?xml version="1.0" encoding="UTF-16"?>'))  # noqa: S314  # our own
    return root.findtext("/".join(f"{SPACE}{name}" for name in path))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("RegistrationInfo/URI", "\\Desktop Connector"),
        ("Triggers/CalendarTrigger/ScheduleByDay/DaysInterval", "1"),
        ("Triggers/CalendarTrigger/Repetition/Interval", "PT5M"),
        ("Principals/Principal/LogonType", "Password"),
        ("Principals/Principal/UserId", r"SHOP\anna <till>"),
        ("Settings/WakeToRun", "true"),
        ("Settings/StopIfGoingOnBatteries", "false"),
        ("Settings/DisallowStartIfOnBatteries", "false"),
        ("Settings/MultipleInstancesPolicy", "IgnoreNew"),
        ("Settings/ExecutionTimeLimit", "PT0S"),
        ("Actions/Exec/Command", r"C:\Käse & Wein\always-up.cmd"),
        ("Actions/Exec/WorkingDirectory", r"C:\Käse & Wein"),
    ],
)
def test_the_task_is_the_one_that_the_installation_text_describes(path: str, value: str) -> None:
    assert found(*path.split("/")) == value


def test_the_task_is_made_for_windows_10() -> None:
    text = Task(PureWindowsPath("C:/a.cmd"), "anna").text()
    assert '<Task version="1.4"' in text
    assert text.encode("utf-16").startswith((b"\xff\xfe", b"\xfe\xff"))


def test_windows_asks_for_the_password_itself() -> None:
    command = create_command("task.xml", "anna")
    assert command[command.index("/RP") + 1] == "*"
    assert NAME == "Desktop Connector"
    assert NAME in command
    assert NAME in delete_command()


# ------------------------------------------------------------ cron


def test_the_line_is_that_of_the_installation_text() -> None:
    assert line_for("/home/user/ecr/always-up.sh") == "*/2 * * * * /home/user/ecr/always-up.sh"


def test_awkward_paths_survive_cron() -> None:
    assert line_for("/a b/ü/100%.sh") == "*/2 * * * * '/a b/ü/100\\%.sh'"
    with pytest.raises(BridgeError):
        line_for("/a\n* * * * * evil")


def test_a_line_is_added_once_and_the_others_stay() -> None:
    line = line_for("/x.sh")
    for table in ("", "# mine\n", "# mine\nMAILTO=x\n"):
        once = with_line(table, line)
        assert with_line(once, line) == once
        assert once == f"{table}{line}\n"
        assert without_line(once, line) == table


# ------------------------------------------------------------ the scripts


@pytest.mark.parametrize("name", [*POSIX, *WINDOWS])
def test_every_script_can_be_filled_in(name: str) -> None:
    fill = posix_script if name in POSIX else windows_script
    text = fill(name, program="/a b/tillbridge", config="/c d.yml")
    assert "/a b/tillbridge" in text
    assert "/c d.yml" in text
    assert fill(name).replace("\r\n", "\n") == shipped(name)


@pytest.mark.parametrize("path", ["a'b", "a b", "$(reboot)", "`reboot`", "a;b", 'a"b', "ü"])
def test_a_shell_takes_what_is_filled_in_literally(path: str) -> None:
    (line,) = [one for one in posix_script("launch.sh", program=path).splitlines() if one.startswith("program=")]
    assert shlex.split(line) == [f"program={path}"]


def test_a_batch_file_has_its_line_ends_and_takes_percent_signs_literally() -> None:
    text = windows_script("always-up.cmd", program=r"C:\50 %\tillbridge.exe")
    assert 'set "PROGRAM=C:\\50 %%\\tillbridge.exe"\r\n' in text
    assert text.count("\n") == text.count("\r\n")
    with pytest.raises(BridgeError, match="quotation mark"):
        windows_script("always-up.cmd", program='C:\\"evil')


def test_the_task_of_a_packaged_connector_finds_its_version_by_itself() -> None:
    plan = installing(Kind.TASK, PACKAGED, HERE, "anna")
    names = {file.path.name: file.content for file in plan.files}
    assert set(names) == {"always-up.cmd", "launch.cmd", "desktop-connector.xml"}
    assert b'set "PROGRAM="\r\n' in names["always-up.cmd"]
    assert names["desktop-connector.xml"].decode("utf-16").count(NAME) == 1
