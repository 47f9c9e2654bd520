"""The task of the Windows Task Scheduler, as a shop that follows the installation text by hand would make it.

Format: task definition of Windows 10, version 1.4 (Microsoft, "Task Scheduler Schema").
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PureWindowsPath
from typing import Final
from xml.sax.saxutils import escape

NAME: Final = "Desktop Connector"

ENCODING: Final = "utf-16"
"""What `schtasks` reads, with its mark of the order of bytes."""


_TEMPLATE: Final = """<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.4" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>Keeps the connector between till and card terminal up.</Description>
    <URI>\\{name}</URI>
  </RegistrationInfo>
  <Triggers>
    <CalendarTrigger>
      <Repetition>
        <Interval>PT5M</Interval>
        <Duration>P1D</Duration>
        <StopAtDurationEnd>false</StopAtDurationEnd>
      </Repetition>
      <StartBoundary>2020-01-01T00:00:00</StartBoundary>
      <Enabled>true</Enabled>
      <ScheduleByDay>
        <DaysInterval>1</DaysInterval>
      </ScheduleByDay>
    </CalendarTrigger>
  </Triggers>
  <Principals>
    <Principal id="Author">
      <UserId>{account}</UserId>
      <LogonType>Password</LogonType>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <StartWhenAvailable>true</StartWhenAvailable>
    <RunOnlyIfNetworkAvailable>false</RunOnlyIfNetworkAvailable>
    <IdleSettings>
      <StopOnIdleEnd>false</StopOnIdleEnd>
      <RestartOnIdle>false</RestartOnIdle>
    </IdleSettings>
    <Enabled>true</Enabled>
    <Hidden>false</Hidden>
    <WakeToRun>true</WakeToRun>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <Priority>5</Priority>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>{script}</Command>
      <WorkingDirectory>{folder}</WorkingDirectory>
    </Exec>
  </Actions>
</Task>
"""


@dataclass(frozen=True, slots=True)
class Task:
    """`script` is always-up.cmd; `account` is whom it runs as, with its domain or without."""

    script: PureWindowsPath
    account: str

    def text(self) -> str:
        """The XML: daily, repeated every five minutes, also when nobody is signed in, on battery, and out of sleep."""
        return _TEMPLATE.format(
            name=NAME,
            account=escape(self.account),
            script=escape(str(self.script)),
            folder=escape(str(self.script.parent)),
        )


def create_command(xml: str, account: str) -> Sequence[str]:
    """Makes the task, or replaces it; Windows itself asks for the password, which stands in no command."""
    return ("schtasks", "/Create", "/TN", NAME, "/XML", xml, "/RU", account, "/RP", "*", "/F")


def delete_command() -> Sequence[str]:
    """Takes it away."""
    return ("schtasks", "/Delete", "/TN", NAME, "/F")


def run_command() -> Sequence[str]:
    """Starts it now."""
    return ("schtasks", "/Run", "/TN", NAME)


def query_command() -> Sequence[str]:
    """Shows it; ends with an error where there is none."""
    return ("schtasks", "/Query", "/TN", NAME, "/FO", "LIST")
