#!/usr/bin/env python3
"""Cuts the TCP connections that a process has on a port of its own, while it lives and listens on.

  cut.py PID PORT

The process's sockets are borrowed (pidfd_getfd, Linux 5.6, as root) and shut down: both ends see the end
of the connection at once. Prints how many there were.
"""
import ctypes
import os
import socket
import sys

PIDFD_GETFD = 438  # the same on all architectures


def connections(pid, port):
    libc = ctypes.CDLL(None, use_errno=True)
    process = os.pidfd_open(pid)
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            if not os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:"):
                continue
        except FileNotFoundError:
            continue  # closed meanwhile
        fd = libc.syscall(PIDFD_GETFD, process, int(name), 0)
        if fd < 0:
            if ctypes.get_errno() == 9:  # EBADF: closed meanwhile
                continue
            sys.exit(f"cut.py: cannot borrow a socket of {pid}: {os.strerror(ctypes.get_errno())}")
        with socket.socket(fileno=fd) as borrowed:
            try:
                connected = (borrowed.type == socket.SOCK_STREAM and borrowed.family in (socket.AF_INET, socket.AF_INET6)
                             and borrowed.getsockname()[1] == port and borrowed.getpeername())
            except OSError:
                connected = False
            if connected:
                yield borrowed


def main():
    pid, port = int(sys.argv[1]), int(sys.argv[2])
    cut = 0
    for connection in connections(pid, port):
        try:
            connection.shutdown(socket.SHUT_RDWR)
            cut += 1
        except OSError:
            pass  # the other end was faster
    print(cut)


if __name__ == "__main__":
    main()
