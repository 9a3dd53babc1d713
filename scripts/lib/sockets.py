#!/usr/bin/env python3
"""Does something to the TCP sockets that a process has on a port of its own, while it lives and knows nothing of it.

  sockets.py cut PID PORT    its connections are cut: both ends see the end at once; new ones are welcome
  sockets.py shut PID PORT   whoever comes is not heard, as behind a firewall that drops; connections are cut
  sockets.py open PID PORT   they are heard again

The sockets are borrowed (pidfd_getfd, Linux 5.6, as root). Prints how many there were.
"""
import ctypes
import errno
import os
import socket
import struct
import sys

PIDFD_GETFD = 438  # the same on all architectures
# asm-generic/socket.h
SO_ATTACH_FILTER, SO_DETACH_FILTER = 26, 27


def sockets(pid, port):
    """Those that listen on the port, and the connections to it: each with whether it listens."""
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
            if ctypes.get_errno() == errno.EBADF:  # closed meanwhile
                continue
            sys.exit(f"sockets.py: cannot borrow a socket of {pid}: {os.strerror(ctypes.get_errno())}")
        with socket.socket(fileno=fd) as borrowed:
            try:
                is_there = (borrowed.type == socket.SOCK_STREAM and borrowed.family in (socket.AF_INET, socket.AF_INET6)
                            and borrowed.getsockname()[1] == port)
                listens = is_there and borrowed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
                is_there = is_there and (listens or borrowed.getpeername())
            except OSError:
                is_there = False
            if is_there:
                yield borrowed, listens


def drop_all(listener):
    """A filter that lets nothing in (BPF_RET | BPF_K, 0 bytes)."""
    instruction = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
    program = struct.pack("HP", 1, ctypes.addressof(instruction))
    listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)


def let_in(listener):
    try:
        listener.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)
    except OSError as error:
        if error.errno != errno.ENOENT:  # it has none
            raise


def cut(connection):
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # the other end was faster


def main():
    what, pid, port = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    for_listeners, for_connections = {
        "cut": (None, cut), "shut": (drop_all, cut), "open": (let_in, None)}[what]
    done = 0
    # The listeners first: nobody comes in behind our back.
    for wanted, deed in ((True, for_listeners), (False, for_connections)):
        for borrowed, listens in sockets(pid, port) if deed else ():
            if listens == wanted:
                deed(borrowed)
                done += 1
    if done == 0 and what != "cut":
        sys.exit(f"sockets.py: {pid} does not listen on {port}")
    print(done)


if __name__ == "__main__":
    main()
