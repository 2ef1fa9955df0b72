"""One run of the ``frontburner`` command, followed without waiting for it. Knows nothing of Blender."""

import json
import os
import queue
import subprocess
import threading
import time

STOP_TIMEOUT_S = 60.0
KEPT_LINES = 6


class Run:
    """The command, and what it has told so far.

    Parameters
    ----------
    command
        The program and its arguments; it must print progress as lines of JSON.
    environment
        Variables that are set for it.
    folder
        Where it runs.
    """

    def __init__(self, command, environment=None, folder=None):
        self.stage, self.done, self.seconds_left = "starting", None, None
        self.frames, self.written, self.nodes = 0, 0, 0
        self.pictures, self.said = [], []
        self.ended, self.took, self.image = None, 0.0, None
        self._told_end = None
        self._lines = queue.SimpleQueue()
        self._words = []
        self._began_s = time.monotonic()
        try:
            self._process = subprocess.Popen(
                command,
                env={**os.environ, **(environment or {})},
                cwd=folder,
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
            threading.Thread(target=self._read, args=(self._process.stderr, self._words.append), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def poll(self):
        """Take in what it has told since. Returns whether it goes on."""
        if self.ended is not None:
            return False
        over = self._process.poll() is not None
        if over:
            for thread in self._threads:
                thread.join(STOP_TIMEOUT_S)
        while not self._lines.empty():
            self._take(self._lines.get())
        if over:
            self._close()
        return not over

    def stop(self):
        """Have it end cleanly; what is finished is kept. Poll on until it has."""
        if self._process is not None and self._process.poll() is None:
            self.stage = "stopping"
            self._process.terminate()

    def kill(self):
        """End it, in its own time if it takes little."""
        self.stop()
        if self._process is None:
            return
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self.poll()

    def _take(self, line):
        try:
            told = json.loads(line)
        except ValueError:
            return
        what = told.get("what")
        if what == "stage":
            self.stage = told["sentence"]
        elif what == "said":
            self.said = [*self.said, told["sentence"]][-KEPT_LINES:]
        elif what == "progress":
            self.stage, self.done, self.seconds_left = "rendering", told["done"], told["seconds_left"]
            self.frames, self.written, self.nodes = told["frames"], told["written"], told["nodes"]
        elif what == "picture":
            self.pictures.append((told["frame"], told["files"]))
        elif what == "ended":
            self._told_end = _end(told["exit_code"], told["reason"], told["remedy"], told["problems"])

    def _close(self):
        """Note how it ended, once all it told is read."""
        self._process.stdout.close()
        self._process.stderr.close()
        self.took = time.monotonic() - self._began_s
        code = self._process.returncode
        words = " ".join(self._words[-3:]).strip()
        self.ended = self._told_end or _end(code, f"The command ended with code {code}. {words}".strip(), "")

    @staticmethod
    def _read(stream, take):
        for line in stream:
            take(line.rstrip("\n"))


def _end(code, reason, remedy, problems=()):
    return {"exit_code": code, "reason": reason, "remedy": remedy, "problems": list(problems)}


def arguments(blend, frames, out, *, samples=0, nodes=0, scene="", farm=False):
    """Return the command's arguments for a file.

    Parameters
    ----------
    farm
        Whether a farm is named: nodes are then the most it may give, not those to start here.
    """
    words = ["render", blend, "--frames", frames, "--out", out, "--progress"]
    if scene:
        words += ["--parameters", f"scene={scene}"]
    if samples:
        words += ["--samples", str(samples)]
    if nodes:
        words += ["--max-nodes" if farm else "--nodes", str(nodes)]
    return words
