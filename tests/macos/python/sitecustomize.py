"""Give this process no more of Linux than macOS has; every Python does so that has this folder in PYTHONPATH.

Libraries stay those of Linux, so `sys.platform` is "darwin" for the package `system` alone, which is the only one that
asks for it, and files of /proc and /sys are missing for this tree's own code.
"""

# ruff: noqa: INP001 - it is found by PYTHONPATH
from __future__ import annotations

import ast
import errno
import os
import re
import resource
import signal
import socket
import sys
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import CodeType, FrameType, ModuleType

assert sys.platform != "win32"

TREE = Path(__file__).parents[3]
OURS = tuple(str(TREE / name) + os.sep for name in ("flows", "frontburner", "tasks", "storage", "system"))
LACKING = {
    os: re.compile(
        r"sched_(?!yield)\w+|SCHED_\w+|posix_fa\w+|copy_file_range|splice|eventfd\w*|memfd\w*|pidfd_open|waitid|"
        r"P_(?:PID|PGID|ALL|PIDFD)|W(?:EXITED|NOWAIT|STOPPED)|[gs]etres[ug]id|pipe2|getrandom|\w+xattr|O_TMPFILE|O_PATH|"
        r"O_DIRECT|setns|unshare|preadv2?|pwritev2?|fdatasync|sync_file_range"
    ),
    resource: re.compile(r"prlimit|RLIMIT_(?:MSGQUEUE|NICE|RT\w+|SIGPENDING|OFILE)"),
    signal: re.compile(r"sigwaitinfo|sigtimedwait|pidfd_send_signal|SIG(?:RT\w+|PWR|STKFLT|POLL|CLD)"),
    socket: re.compile(r"SO_(?:PEERCRED|BINDTODEVICE|INCOMING_CPU)|AF_(?:NETLINK|VSOCK)|TCP_(?:CORK|QUICKACK)"),
}
"""Functions and constants of Python's own modules that don't exist on macOS."""
PSUTIL = ("cpu_affinity", "cpu_num", "io_counters", "ionice")
"""What psutil tells of a process on Linux, and not on macOS."""


class _SystemLoader(SourceFileLoader):
    """Loads modules of `system` as on macOS."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        tree = _OnMacOS().visit(ast.parse(self.get_data(path)))
        return compile(ast.fix_missing_locations(tree), path, "exec")


class _OnMacOS(ast.NodeTransformer):
    """Answers what platform this is, also in programs that a module has as text."""

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        self.generic_visit(node)
        asks = node.attr == "platform" and isinstance(node.value, ast.Name) and node.value.id == "sys"
        return ast.copy_location(ast.Constant("darwin"), node) if asks else node

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if isinstance(node.value, str) and "sys.platform" in node.value:
            return ast.copy_location(ast.Constant(node.value.replace("sys.platform", "'darwin'")), node)
        return node


class _PsutilLoader(SourceFileLoader):
    """Loads psutil without what it hasn't got on macOS."""

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        for name in PSUTIL:
            delattr(module.Process, name)


class _Finder:
    """Finds the modules that are loaded differently."""

    @staticmethod
    def find_spec(name: str, path: Any = None, _target: object = None) -> ModuleSpec | None:
        loader = _PsutilLoader if name == "psutil" else _SystemLoader if name.partition(".")[0] == "system" else None
        found = PathFinder.find_spec(name, path) if loader else None
        if found is None or loader is None or not isinstance(found.loader, SourceFileLoader):
            return None
        if loader is _SystemLoader and not found.loader.path.startswith(OURS):
            return None
        found.loader = loader(name, found.loader.path)
        return found


def _hide(event: str, arguments: tuple[Any, ...]) -> None:
    """Hide files of Linux's kernel from this tree's code; libraries may have them."""
    if event in ("open", "os.listdir", "os.scandir") and str(arguments[0]).startswith(("/proc/", "/sys/")):
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and not (file := frame.f_code.co_filename).startswith(OURS):
            if file == __file__ or "site-packages" in file:
                return
            frame = frame.f_back
        if frame is not None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(arguments[0]))


class _Socket(socket.socket):
    """A socket whose port nobody else can bind, be it one with SO_REUSEADDR, as long as it is bound itself."""

    def bind(self, address: Any) -> None:
        reused = self.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) and self.type == socket.SOCK_STREAM
        if reused and self.family == socket.AF_INET and address[1] and not _only_waits(address[1]):
            self.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
            try:
                super().bind(address)
            finally:
                self.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        else:
            super().bind(address)


def _only_waits(port: int) -> bool:
    """Whether connections of a port that have ended wait for stray packets: macOS, too, gives such a port again."""
    table = Path("/proc/net/tcp").read_text().splitlines()
    connections = [line.split()[1:4:2] for line in table[1:]]
    return any(place.endswith(f":{port:04X}") and state == "06" for place, state in connections)


def _wait4(pid: int, options: int) -> tuple[int, int, resource.struct_rusage]:
    """Count memory in bytes, as macOS does."""
    ended, status, used = _linux_wait4(pid, options)
    return ended, status, resource.struct_rusage([*used[:2], used.ru_maxrss * 1024, *used[3:]])


_linux_wait4, os.wait4 = os.wait4, _wait4
for _module, _names in LACKING.items():
    for _name in [name for name in vars(_module) if _names.fullmatch(name)]:
        delattr(_module, _name)
sys.meta_path.insert(0, _Finder)
sys.addaudithook(_hide)
socket.socket = _Socket  # type: ignore[misc]
