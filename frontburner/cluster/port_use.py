"""Who has a port of this machine that a service wants."""

from __future__ import annotations

import errno
import socket

import psutil

from system.ports import bind


def port_problem(host: str, port: int) -> str:
    """Say in a sentence why nothing can listen on a port; empty if something can. Port 0 is any free one."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            bind(probe, address)
            return ""
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            return f"port {port} of {host} can't be used: {error.strerror}."
    return f"port {port} is taken{by_whom(port)}."


def by_whom(port: int) -> str:
    """Return " by" and the process that listens on a port; empty where the system doesn't say."""
    try:
        listening = [each for each in psutil.net_connections("tcp") if each.status == psutil.CONN_LISTEN]
    except psutil.Error:
        return ""  # only root may ask, on some systems
    for connection in listening:
        if connection.laddr and connection.laddr.port == port and connection.pid:
            try:
                process = psutil.Process(connection.pid)
                words = " ".join(process.cmdline()) or process.name()
            except psutil.Error:
                return f" by process {connection.pid}"
            return f" by process {connection.pid} ({words if len(words) <= 80 else words[:79] + '…'})"
    return ""
