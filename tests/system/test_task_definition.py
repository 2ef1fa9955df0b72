"""A task's XML follows the published schema, [MS-TSCH] 2.5: its elements, their order, and their values."""

from __future__ import annotations

import re
import subprocess
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from system.windows.task_definition import Task, task_xml

NAMESPACE = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"
BOOLEAN, TEXT, DURATION = r"true|false", r"(?s).+", r"PT?\d+[SMHD]"
SCHEMA: dict[str, list[tuple[str, str]]] = {
    "RegistrationInfo": [("Description", TEXT)],
    "Triggers": [("BootTrigger", ""), ("LogonTrigger", "")],
    "BootTrigger": [("Enabled", BOOLEAN)],
    "LogonTrigger": [("Enabled", BOOLEAN), ("UserId", TEXT)],  # a sequence: what every trigger has comes first
    "Principals": [("Principal", "")],
    "Principal": [("UserId", TEXT), ("LogonType", "S4U|Password|InteractiveToken"), ("RunLevel", "LeastPrivilege")],
    "Settings": [
        ("MultipleInstancesPolicy", "Parallel|Queue|IgnoreNew|StopExisting"), ("DisallowStartIfOnBatteries", BOOLEAN),
        ("StopIfGoingOnBatteries", BOOLEAN), ("AllowHardTerminate", BOOLEAN), ("StartWhenAvailable", BOOLEAN),
        ("RunOnlyIfNetworkAvailable", BOOLEAN), ("IdleSettings", ""), ("AllowStartOnDemand", BOOLEAN),
        ("Enabled", BOOLEAN), ("Hidden", BOOLEAN), ("RunOnlyIfIdle", BOOLEAN), ("WakeToRun", BOOLEAN),
        ("ExecutionTimeLimit", DURATION), ("Priority", r"[0-9]|10"), ("RestartOnFailure", ""),
    ],
    "IdleSettings": [("StopOnIdleEnd", BOOLEAN), ("RestartOnIdle", BOOLEAN)],
    "RestartOnFailure": [("Interval", DURATION), ("Count", r"1?\d?\d|2[0-4]\d|25[0-5]")],
    "Actions": [("Exec", "")],
    "Exec": [("Command", TEXT), ("Arguments", TEXT), ("WorkingDirectory", TEXT)],
}  # fmt: skip
PARTS = ["RegistrationInfo", "Triggers", "Principals", "Settings", "Actions"]
WORDS = st.text(st.characters(min_codepoint=32, max_codepoint=0xFFFD, exclude_categories=["Cs", "Cc", "Zl", "Zp"]))


def task(*arguments: str, at_start: bool = False, user: str = "STUDIO\\anna") -> Task:
    return Task(
        title="Frontburner node", user=user, at_start=at_start, program=r"C:\Python & Co\pythonw.exe",
        arguments=arguments or ("-m", "x"), folder=r"C:\farm <1>",
    )  # fmt: skip


def parsed(described: Task) -> ET.Element:
    text = task_xml(described)
    assert text.startswith('<?xml version="1.0" encoding="UTF-16"?>')
    return ET.fromstring(text.encode("utf-16"))


def follow(element: ET.Element) -> None:
    """Hold an element against the schema, and all in it."""
    allowed = SCHEMA[element.tag.removeprefix(NAMESPACE)]
    names = [child.tag.removeprefix(NAMESPACE) for child in element]
    order = [name for name, _ in allowed]
    assert names == sorted(names, key=order.index)
    assert len(set(names)) == len(names)
    for child in element:
        pattern = dict(allowed)[child.tag.removeprefix(NAMESPACE)]
        if pattern:
            assert re.fullmatch(pattern, child.text or ""), child.tag
        else:
            follow(child)


@pytest.mark.parametrize("at_start", [True, False])
def test_every_element_is_of_the_schema_and_in_its_order(at_start: bool) -> None:
    root = parsed(task(at_start=at_start))
    assert root.tag == f"{NAMESPACE}Task"
    assert root.attrib == {"version": "1.2"}
    assert [part.tag.removeprefix(NAMESPACE) for part in root] == PARTS
    for part in root:
        follow(part)
    principal = root.find(f".//{NAMESPACE}Principal")
    actions = root.find(f"{NAMESPACE}Actions")
    assert principal is not None
    assert actions is not None
    assert principal.attrib["id"] == actions.attrib["Context"]


def said(root: ET.Element, path: str) -> str | None:
    return root.findtext("/".join(f"{NAMESPACE}{name}" for name in path.split("/")))


def test_it_runs_in_the_users_session_or_without_any() -> None:
    session, machine = parsed(task()), parsed(task(at_start=True))
    assert said(session, "Principals/Principal/LogonType") == "InteractiveToken"
    # Without its user the trigger would be one for all users, which takes an administrator.
    assert said(session, "Triggers/LogonTrigger/UserId") == "STUDIO\\anna"
    assert said(machine, "Principals/Principal/LogonType") == "S4U"
    assert said(machine, "Triggers/BootTrigger/Enabled") == "true"
    for root in (session, machine):
        assert said(root, "Settings/ExecutionTimeLimit") == "PT0S"  # no limit
        assert said(root, "Settings/StopIfGoingOnBatteries") == "false"
        assert said(root, "Settings/DisallowStartIfOnBatteries") == "false"


@given(st.lists(WORDS, min_size=1, max_size=4), WORDS.filter(str.strip))
def test_any_words_arrive_as_they_are(words: list[str], user: str) -> None:
    root = parsed(task("-m", *words, user=user))
    assert said(root, "Actions/Exec/Arguments") == subprocess.list2cmdline(["-m", *words])
    assert said(root, "Principals/Principal/UserId") == user
    assert said(root, "Actions/Exec/Command") == r"C:\Python & Co\pythonw.exe"
    assert said(root, "Actions/Exec/WorkingDirectory") == r"C:\farm <1>"
