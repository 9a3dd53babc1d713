#!/usr/bin/env python3
"""Records a call of a running lab as its ARI application sees it: the fixtures of tests/fixtures/ari.

  record.py DIR NUMBER FILE [--context outgoing] [--seconds 6] [--hang-up SECONDS] [--console SECONDS COMMAND] [--all]

DIR is the lab's folder, whose `env` tells where its Asterisk is. The application is subscribed to the trunk's
endpoint, as the bot is. FILE gets a line a request or event, with its time in milliseconds since just before the originate; the
application's name is written as novofon_bot. Events of no interest to the bot are left out; --all keeps them.
"""
import argparse
import base64
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

NO_INTEREST = {"ChannelVarset", "ChannelDialplan", "ChannelCallerId", "ChannelConnectedLine", "ChannelCreated"}


class Events(threading.Thread):
    """The events socket (RFC 6455): its texts, each with the time it came at."""

    def __init__(self, host, port, path):
        super().__init__(daemon=True)
        self.seen = []
        self.socket = socket.create_connection((host, port), timeout=10)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall((
            f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n").encode())
        self.stream = self.socket.makefile("rb")
        status = self.stream.readline().decode()
        if " 101 " not in status:
            sys.exit(f"record: Asterisk did not open the events socket: {status.strip()}")
        while self.stream.readline().strip():
            pass
        self.socket.settimeout(None)

    def run(self):
        text = b""
        while head := self.stream.read(2):
            kind, size = head[0] & 15, head[1] & 127
            if size >= 126:
                wide, form = (2, "!H") if size == 126 else (8, "!Q")
                size = struct.unpack(form, self.stream.read(wide))[0]
            body = self.stream.read(size)
            if kind in (0, 1):
                text += body
                if head[0] & 128:
                    self.seen.append((time.time(), json.loads(text)))
                    text = b""


class Ari:
    def __init__(self, env):
        self.url = env["PBX_ARI_URL"]
        self.user, self.password = env["PBX_ARI_USER"], env["PBX_ARI_PASSWORD"]

    def channels(self):
        return json.loads(self.ask("GET", "/channels", body=True))

    def ask(self, method, path, body=False, **query):
        url = f"{self.url}/ari{path}?{urllib.parse.urlencode(query)}"
        request = urllib.request.Request(url, method=method)
        login = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        request.add_header("Authorization", f"Basic {login}")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=10) as answer:
                return answer.read() if body else answer.status
        except urllib.error.HTTPError as error:
            return error.code


def with_channels(command, channels, call):
    names = {"NEAR": call, "FAR": f"{call};2"}
    names = {word: next(c["name"] for c in channels if c["id"] == id) for word, id in names.items()}
    names["TRUNK"] = next(c["name"] for c in channels if c["name"].startswith("PJSIP/novofon-"))
    for word, name in names.items():
        command = command.replace(word, name)
    return command


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("dir", "number", "file"):
        parser.add_argument(name)
    parser.add_argument("--context", default="outgoing")
    parser.add_argument("--seconds", type=float, default=6, help="how long to record (6)")
    parser.add_argument("--hang-up", type=float, help="DELETE our channel after so many seconds")
    parser.add_argument("--console", nargs=2, metavar=("SECONDS", "COMMAND"),
                        help="a command of the PBX's console; NEAR, FAR and TRUNK stand for the call's channels")
    parser.add_argument("--all", action="store_true", help="keep events of no interest")
    return parser.parse_args()


def main():
    wanted = arguments()
    with open(os.path.join(wanted.dir, "env"), encoding="utf-8") as file:
        env = dict(line.strip().split("=", 1) for line in file if "=" in line)
    ari, app, call = Ari(env), f"record{uuid.uuid4().hex[:6]}", str(uuid.uuid4())
    where = urllib.parse.urlsplit(ari.url)
    key = urllib.parse.quote(f"{ari.user}:{ari.password}")
    events = Events(where.hostname, where.port, f"/ari/events?app={app}&api_key={key}")
    events.start()
    ari.ask("POST", f"/applications/{app}/subscription", eventSource="endpoint:PJSIP/novofon")

    lines, begin = [], time.time()
    query = {"endpoint": f"Local/{wanted.number}@{wanted.context}", "channelId": call}
    wall = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(begin))
    lines.append((begin, {"wall": wall, "request": "POST /channels", "query": query}))
    status = ari.ask("POST", "/channels", app=app, otherChannelId=f"{call};2",
                     timeout=int(wanted.seconds) + 20, **query)
    if status != 200:
        sys.exit(f"record: Asterisk refused the originate: {status}")
    if wanted.console:
        time.sleep(max(0, begin + float(wanted.console[0]) - time.time()))
        command = with_channels(wanted.console[1], ari.channels(), call)
        lines.append((time.time(), {"request": "console", "why": command}))
        lab = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lab")
        subprocess.run([lab, "cli", "pbx", wanted.dir, command], check=True, stdout=subprocess.DEVNULL)
    if wanted.hang_up is not None:
        time.sleep(max(0, begin + wanted.hang_up - time.time()))
        lines.append((time.time(), {"request": "DELETE /channels/ID", "why": "it was asked for"}))
        ari.ask("DELETE", f"/channels/{call}")
    time.sleep(max(0, begin + wanted.seconds - time.time()))
    if ari.ask("GET", f"/channels/{call}") == 200:
        lines.append((time.time(), {"request": "DELETE /channels/ID", "why": "the recording ends"}))
        ari.ask("DELETE", f"/channels/{call}")
        time.sleep(1)

    lines += [(at, {"event": event}) for at, event in list(events.seen)
              if wanted.all or event["type"] not in NO_INTEREST]
    with open(wanted.file, "w", encoding="utf-8") as file:
        for at, line in sorted(lines, key=lambda line: line[0]):
            text = json.dumps({"t_ms": round((at - begin) * 1000, 1), **line}, ensure_ascii=False)
            file.write(text.replace(app, "novofon_bot") + "\n")
    print(f"record: {len(lines)} lines in {wanted.file}")


if __name__ == "__main__":
    main()
