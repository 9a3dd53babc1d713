"""The flood read by panoramisk, as its README does: a Manager and a callback for every event.

Usage: read.py HOST PORT USER SECRET. Prints what bench/src/flood/reader.rs calls `Told`, as one line of JSON.
"""

import asyncio
import collections
import json
import re
import sys
import time

from panoramisk import Manager

END = "FloodEnd"

host, port, user, secret = sys.argv[1:]
loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
kinds = collections.Counter()
began = {}


def begin(manager):
    """The ping tells the sender that somebody listens now."""
    began.update(clock=time.monotonic(), cpu=time.process_time())
    manager.send_action({"Action": "Ping"})


manager = Manager(loop=loop, host=host, port=int(port), username=user, secret=secret, on_login=begin)


@manager.register_event("*")
def callback(manager, message):
    if message.event == "FullyBooted":
        return
    kinds[message.event] += 1
    if message.event == "UserEvent" and message.userevent == END:
        began.update(seconds=time.monotonic() - began["clock"], spent=time.process_time() - began["cpu"])
        loop.stop()


manager.connect()
loop.run_forever()
with open("/proc/self/status") as status:
    peak = 1024 * int(re.search(r"VmHWM:\s*(\d+) kB", status.read())[1])
told = {"events": kinds.total(), "kinds": kinds, "unreadable": 0}
print(json.dumps(told | {"seconds": began["seconds"], "cpu": began["spent"], "peak": peak}))
