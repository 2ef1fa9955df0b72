"""A run of the ``frontburner`` command, followed without blocking. Independent of Blender."""

import json
import os
import queue
import subprocess
import threading
import time

STOP_TIMEOUT_S = 60.0
KEPT_LINES = 6
_NO_WINDOW = getattr(subprocess, "CREATE_NO_WINDOW", 0)
"""On Windows, a command of a program without console gets a window otherwise."""


class Run:
    """The command, and what it has reported so far.

    Parameters
    ----------
    command
        The program and its arguments, which must print progress as lines of JSON.
    environment
        Environment variables to set for it.
    folder
        Its working directory.
    """

    def __init__(self, command, environment=None, folder=None):
        self.stage, self.done, self.seconds_left = "starting", None, None
        self.frames, self.written, self.nodes = 0, 0, 0
        self.pictures, self.messages = [], []
        self.ended, self.took, self.image = None, 0.0, None
        self._pid = 0
        self._reported_end = None
        self._lines = queue.SimpleQueue()
        self._errors = []
        self._started_s = time.monotonic()
        try:
            self._process = subprocess.Popen(
                command,
                env={**os.environ, **(environment or {})},
                cwd=folder,
                creationflags=_NO_WINDOW,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                errors="replace",
            )
        except OSError as error:
            self._process = None
            reason = f"{command[0]} can't be started: {error.strerror or error}."
            self.ended = _end(3, reason, "Name the frontburner command in the add-on's preferences.")
            return
        self._threads = [
            threading.Thread(target=self._read, args=(self._process.stdout, self._lines.put), daemon=True),
            threading.Thread(target=self._read, args=(self._process.stderr, self._errors.append), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def poll(self):
        """Read what it has reported since. Returns whether it is running."""
        if self.ended is not None:
            return False
        ended = self._process.poll() is not None
        if ended:
            for thread in self._threads:
                thread.join(STOP_TIMEOUT_S)
        while not self._lines.empty():
            self._on_line(self._lines.get())
        if ended:
            self._close()
        return not ended

    def stop(self):
        """Ask it to stop; what is finished is kept. Poll until it has ended."""
        if self._process is not None and self._process.poll() is None:
            self.stage = "stopping"
            if not _set_event(self._pid):
                self._process.terminate()

    def kill(self):
        """Stop it, and kill it if it doesn't end in time."""
        self.stop()
        if self._process is None:
            return
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self.poll()

    def _on_line(self, line):
        try:
            document = json.loads(line)
        except ValueError:
            return
        what = document.get("what")
        if what == "stage":
            self.stage, self._pid = document["sentence"], document.get("pid", 0)
        elif what == "said":
            self.messages = [*self.messages, document["sentence"]][-KEPT_LINES:]
        elif what == "progress":
            self.stage, self.done, self.seconds_left = "rendering", document["done"], document["seconds_left"]
            self.frames, self.written, self.nodes = document["frames"], document["written"], document["nodes"]
        elif what == "picture":
            self.pictures.append((document["frame"], document["files"]))
        elif what == "ended":
            self._reported_end = _end(
                document["exit_code"], document["reason"], document["remedy"], document["problems"]
            )

    def _close(self):
        """Set how it ended, once all its output is read."""
        self._process.stdout.close()
        self._process.stderr.close()
        self.took = time.monotonic() - self._started_s
        code = self._process.returncode
        errors = " ".join(self._errors[-3:]).strip()
        self.ended = self._reported_end or _end(code, f"The command ended with code {code}. {errors}".strip(), "")

    @staticmethod
    def _read(stream, add):
        for line in stream:
            add(line.rstrip("\n"))


def _set_event(pid):
    """Ask the command to end, on Windows, by the event that it waits for; returns whether it does."""
    if os.name != "nt" or not pid:
        return False
    import ctypes

    modify_state = 2
    event = ctypes.windll.kernel32.OpenEventW(modify_state, False, f"Global\\frontburner-{pid}-15")
    return bool(event and ctypes.windll.kernel32.SetEvent(event) and ctypes.windll.kernel32.CloseHandle(event))


def _end(code, reason, remedy, problems=()):
    return {"exit_code": code, "reason": reason, "remedy": remedy, "problems": list(problems)}


def arguments(blend, frames, out, *, samples=0, nodes=0, scene="", farm=False):
    """Return the arguments of the command for a file.

    Parameters
    ----------
    farm
        Whether there is a farm: ``nodes`` is then a maximum, not the number to start on this machine.
    """
    command = ["render", blend, "--frames", frames, "--out", out, "--progress"]
    if scene:
        command += ["--parameters", f"scene={scene}"]
    if samples:
        command += ["--samples", str(samples)]
    if nodes:
        command += ["--max-nodes" if farm else "--nodes", str(nodes)]
    return command
