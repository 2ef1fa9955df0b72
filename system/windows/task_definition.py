"""The XML of a task of Task Scheduler: its elements are those of [MS-TSCH] 2.5, in the order of that document."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from xml.sax.saxutils import escape

_TASK = """<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>{title}</Description>
  </RegistrationInfo>
  <Triggers>
{trigger}
  </Triggers>
  <Principals>
    <Principal id="Author">
      <UserId>{user}</UserId>
      <LogonType>{logon}</LogonType>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <AllowHardTerminate>true</AllowHardTerminate>
    <StartWhenAvailable>true</StartWhenAvailable>
    <RunOnlyIfNetworkAvailable>false</RunOnlyIfNetworkAvailable>
    <IdleSettings>
      <StopOnIdleEnd>false</StopOnIdleEnd>
      <RestartOnIdle>false</RestartOnIdle>
    </IdleSettings>
    <AllowStartOnDemand>true</AllowStartOnDemand>
    <Enabled>true</Enabled>
    <Hidden>false</Hidden>
    <RunOnlyIfIdle>false</RunOnlyIfIdle>
    <WakeToRun>false</WakeToRun>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <Priority>{priority}</Priority>
    <RestartOnFailure>
      <Interval>PT1M</Interval>
      <Count>255</Count>
    </RestartOnFailure>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>{program}</Command>
      <Arguments>{arguments}</Arguments>
      <WorkingDirectory>{folder}</WorkingDirectory>
    </Exec>
  </Actions>
</Task>
"""
_AT_LOG_ON = """    <LogonTrigger>
      <Enabled>true</Enabled>
      <UserId>{user}</UserId>
    </LogonTrigger>"""
_AT_START = """    <BootTrigger>
      <Enabled>true</Enabled>
    </BootTrigger>"""
_NORMAL_PRIORITY = 5
"""The default, 7, has a task and all it starts run below normal, with less of the disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    r"""A task that starts when its user logs on, in that session; or with the machine.

    Parameters
    ----------
    title
        What it is.
    user
        The user it runs as, such as STUDIO\anna.
    at_start
        Whether it starts with the machine, whoever is logged on. It then has no access to shares and mapped drives, as
        Windows keeps no password for it, and to no desktop.
    program, arguments, folder
        What it runs.
    """

    title: str
    user: str
    at_start: bool
    program: str
    arguments: tuple[str, ...]
    folder: str


def task_xml(task: Task) -> str:
    """Return a task's definition."""
    # Who names no user in a trigger asks for all users, which takes an administrator.
    trigger = _AT_START if task.at_start else _AT_LOG_ON.format(user=escape(task.user))
    return _TASK.format(
        title=escape(task.title),
        trigger=trigger,
        user=escape(task.user),
        logon="S4U" if task.at_start else "InteractiveToken",
        priority=_NORMAL_PRIORITY,
        program=escape(task.program),
        arguments=escape(subprocess.list2cmdline(task.arguments)),
        folder=escape(task.folder),
    )
