#!/usr/bin/env python3
"""The front of the simulated carrier: one UDP socket, the address that the PBX's trunk knows.

It checks the trunk's password (REGISTER and INVITE), answers OPTIONS, and looks at the number:
calls that need an answer or audio go on to a real Asterisk behind it; what an Asterisk cannot be
made to do (exact codes such as 600 or 407, silence, an answer that crosses our CANCEL) it plays
itself. As a proxy it keeps no state and stays out of the dialog (no Record-Route): after an answer
the two Asterisks talk to each other directly.

Every call that gets in is one line in the log, which is how tests count what reached the carrier.
"""

import argparse
import asyncio
import hashlib
import hmac
import json
import os
import re
import secrets
import signal
import socket
import sys
import time

PREFIX = "7900555"
REALM = "carrier"
COMPACT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length"}
RETRANSMIT = (0.5, 1, 2, 4, 4, 4)
TEXT = {
    200: "OK", 300: "Multiple Choices", 301: "Moved Permanently", 302: "Moved Temporarily",
    400: "Bad Request", 402: "Payment Required", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 406: "Not Acceptable", 408: "Request Timeout", 410: "Gone",
    415: "Unsupported Media Type", 420: "Bad Extension", 423: "Interval Too Brief",
    480: "Temporarily Unavailable", 481: "Call Does Not Exist", 482: "Loop Detected",
    483: "Too Many Hops", 484: "Address Incomplete", 485: "Ambiguous", 486: "Busy Here",
    487: "Request Terminated", 488: "Not Acceptable Here", 491: "Request Pending",
    500: "Server Internal Error", 501: "Not Implemented", 502: "Bad Gateway",
    503: "Service Unavailable", 504: "Server Time-out", 513: "Message Too Large",
    580: "Precondition Failure", 600: "Busy Everywhere", 603: "Decline",
    604: "Does Not Exist Anywhere", 606: "Not Acceptable", 607: "Unwanted", 608: "Rejected",
}


class Message:
    """A SIP message; header order and text are kept as they came."""

    def __init__(self, data):
        head, _, self.body = data.partition(b"\r\n\r\n")
        lines = head.decode("utf-8", "surrogateescape").split("\r\n")
        self.start = lines[0]
        self.headers = []
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.headers.append([name.strip(), value.strip()])

    def all(self, name):
        return [v for n, v in self.headers if COMPACT.get(n.lower(), n.lower()) == name]

    def get(self, name):
        return next(iter(self.all(name)), "")

    def index(self, name):
        for i, (n, _) in enumerate(self.headers):
            if COMPACT.get(n.lower(), n.lower()) == name:
                return i
        return -1

    def encode(self):
        head = "\r\n".join([self.start] + ["%s: %s" % (n, v) for n, v in self.headers])
        return head.encode("utf-8", "surrogateescape") + b"\r\n\r\n" + self.body


def param(value, name):
    found = re.search(r";\s*%s=([^;,\s>]+)" % name, value, re.I)
    return found.group(1) if found else None


def user_of(value):
    found = re.search(r"sips?:([^@;>]+)@", value)
    return found.group(1) if found else ""


def md5(text):
    return hashlib.md5(text.encode("utf-8", "surrogateescape")).hexdigest()


class Front(asyncio.DatagramProtocol):
    def __init__(self, args, numbers):
        self.me = (args.ip, args.port)
        self.back = (args.ip, args.back)
        self.user, self.password = args.user, os.environ["CARRIER_PASSWORD"]
        self.numbers = numbers
        self.log_file = open(args.log, "a", buffering=1, encoding="utf-8")
        self.key = secrets.token_bytes(16)
        self.transactions = {}  # branch -> transaction that we answer ourselves
        self.by_call = {}  # Call-ID -> the same transactions, for ACK
        self.forwarded = {}  # branch -> time, INVITEs that the Asterisk behind us answers
        self.calls = {}  # Call-ID -> time, calls that were counted already
        self.finals = {}  # Call-ID -> time, calls whose final answer was logged already

    def connection_made(self, transport):
        self.transport = transport
        asyncio.get_running_loop().call_later(60, self.forget)

    def forget(self):
        old = time.time() - 3600
        for table in (self.forwarded, self.calls, self.finals):
            for key in [k for k, t in table.items() if t < old]:
                del table[key]
        for key in [k for k, t in self.transactions.items() if t["time"] < old]:
            self.by_call.pop(self.transactions.pop(key)["msg"].get("call-id"), None)
        asyncio.get_running_loop().call_later(60, self.forget)

    def log(self, ev, msg, **more):
        line = {"t": round(time.time(), 3), "ev": ev, "call_id": msg.get("call-id")}
        line.update(more)
        self.log_file.write(json.dumps(line, ensure_ascii=False) + "\n")

    def log_call(self, msg, authorized):
        call_id = msg.get("call-id")
        if call_id in self.calls:
            return
        self.calls[call_id] = time.time()
        self.log("call", msg, number=user_of(msg.start), auth=authorized,
                 **{"from": user_of(msg.get("from")), "pai": user_of(msg.get("p-asserted-identity"))})

    def log_final(self, msg, code, text):
        call_id = msg.get("call-id")
        if code >= 200 and call_id not in self.finals:
            self.finals[call_id] = time.time()
            self.log("final", msg, code=code, text=text)

    # ---- receiving ----

    def datagram_received(self, data, addr):
        if len(data) < 16:
            return  # keep-alive
        try:
            msg = Message(data)
            if msg.start.startswith("SIP/2.0 "):
                self.on_response(msg)
            else:
                self.on_request(msg, addr)
        except Exception as error:  # one bad packet must not end the carrier
            print("ignored a packet from %s: %r" % (addr, error), file=sys.stderr, flush=True)

    def on_response(self, msg):
        top = msg.index("via")
        if param(msg.headers[top][1], "branch") is None or "%s:%d" % self.me not in msg.headers[top][1]:
            return
        del msg.headers[top]
        via = msg.get("via")
        host, _, port = via.split(None, 1)[1].split(";", 1)[0].strip().partition(":")
        self.transport.sendto(
            msg.encode(), (param(via, "received") or host, int(param(via, "rport") or port or 5060)))
        if msg.get("cseq").endswith("INVITE"):
            _, code, text = msg.start.split(" ", 2)
            self.log_final(msg, int(code), text)

    def on_request(self, msg, addr):
        method = msg.start.split(" ", 1)[0]
        via = msg.index("via")
        text = re.sub(r";rport(?=;|$)", "", msg.headers[via][1])
        msg.headers[via][1] = "%s;received=%s;rport=%d" % (text, addr[0], addr[1])
        msg.addr = addr
        branch = param(text, "branch") or ""
        if method == "INVITE":
            self.on_invite(msg, branch)
        elif method == "ACK":
            if branch in self.forwarded:
                self.forward(msg, branch)
            else:
                self.on_ack(msg)
        elif method == "CANCEL":
            self.on_cancel(msg, branch)
        elif method == "OPTIONS":
            self.reply(msg, 200, "OK", extra=["Accept: application/sdp"])
        elif method == "REGISTER":
            if self.authorized(msg):
                contact = msg.get("contact")
                self.reply(msg, 200, "OK", extra=["Contact: " + contact] if contact else [])
            else:
                self.challenge(msg, 401, "Unauthorized")
        elif method == "BYE":
            self.reply(msg, 200, "OK")
            self.log("bye", msg)
        else:
            self.reply(msg, 405, TEXT[405])

    def on_invite(self, msg, branch):
        known = self.transactions.get(branch)
        if known:
            if known["last"]:
                self.transport.sendto(known["last"], msg.addr)
            return
        if branch in self.forwarded:
            self.forward(msg, branch)
            return
        where, how = self.behaviour(user_of(msg.start))
        if where == "front" and how == "silent":
            self.log_call(msg, False)
            return
        if where == "front" and how.startswith("challenge "):
            code, text = how.split(" ", 2)[1:]
            self.log_call(msg, False)
            self.challenge(msg, int(code), text)
            return
        if not self.authorized(msg):
            if msg.get("authorization"):
                self.log("refused", msg, number=user_of(msg.start))
            else:
                self.log("challenged", msg, number=user_of(msg.start))
            self.challenge(msg, 401, "Unauthorized")
            return
        self.log_call(msg, True)
        if where == "asterisk":
            self.forwarded[branch] = time.time()
            self.forward(msg, branch)
        else:
            self.play(msg, branch, how)

    def behaviour(self, number):
        digits = number.lstrip("+")
        if len(digits) == 11 and digits[0] == "8":
            digits = "7" + digits[1:]
        if len(digits) != 11 or not digits.startswith(PREFIX):
            return self.numbers["any"]
        last = digits[-4:]
        if last in self.numbers:
            return self.numbers[last]
        code = int(last[1:])
        if last[0] in "01" and 300 <= code <= 699:
            how = "code %d %s" if last[0] == "0" else "ring 1 %d %s"
            return "front", how % (code, TEXT.get(code, "Code %d" % code))
        return self.numbers["any"]

    # ---- the proxy ----

    def forward(self, msg, branch):
        mine = "SIP/2.0/UDP %s:%d;branch=z9hG4bKfront-%s;rport" % (*self.me, branch.replace("z9hG4bK", ""))
        msg.headers.insert(msg.index("via"), ["Via", mine])
        msg.headers = [h for h in msg.headers if h[0].lower() != "authorization"]
        self.transport.sendto(msg.encode(), self.back)

    # ---- digest ----

    def challenge(self, msg, code, text):
        # Whoever answered with a wrong password gets the same nonce again: a new one would ask him to try once more,
        # and so it was at each turn of the second.
        nonce = self.credentials(msg).get("nonce", "")
        if not self.is_own(nonce):
            nonce = self.nonce("%x" % int(time.time()))
        name = "WWW-Authenticate" if code == 401 else "Proxy-Authenticate"
        self.reply(msg, code, text, extra=[
            '%s: Digest realm="%s", nonce="%s", algorithm=MD5, qop="auth"' % (name, REALM, nonce)])

    def nonce(self, stamp):
        return stamp + "." + hmac.new(self.key, stamp.encode(), "md5").hexdigest()

    def is_own(self, nonce):
        return hmac.compare_digest(nonce.encode(), self.nonce(nonce.partition(".")[0]).encode())

    def credentials(self, msg):
        return dict((k.lower(), a or b) for k, a, b in re.findall(
            r'(\w+)\s*=\s*(?:"([^"]*)"|([^\s,]+))', msg.get("authorization")))

    def authorized(self, msg):
        given = self.credentials(msg)
        if given.get("username") != self.user or not self.is_own(given.get("nonce", "")):
            return False
        first = md5("%s:%s:%s" % (self.user, REALM, self.password))
        second = md5("%s:%s" % (msg.start.split(" ", 1)[0], given.get("uri", "")))
        if "qop" in given:
            middle = ":".join(given.get(k, "") for k in ("nonce", "nc", "cnonce", "qop"))
        else:
            middle = given.get("nonce", "")
        return hmac.compare_digest(given.get("response", ""), md5("%s:%s:%s" % (first, middle, second)))

    # ---- what we answer ourselves ----

    def reply(self, msg, code, text, extra=(), tag=None, body=b""):
        lines = ["SIP/2.0 %d %s" % (code, text)]
        lines += ["Via: " + v for v in msg.all("via")]
        to = msg.get("to")
        if code > 100 and not param(to, "tag"):
            to += ";tag=" + (tag or secrets.token_hex(6))
        lines += ["From: " + msg.get("from"), "To: " + to, "Call-ID: " + msg.get("call-id"),
                  "CSeq: " + msg.get("cseq"), "Server: simulated-carrier"]
        lines += list(extra) + ["Content-Length: %d" % len(body)]
        data = "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body
        self.transport.sendto(data, msg.addr)
        return data

    def play(self, msg, branch, how):
        loop = asyncio.get_running_loop()
        t = {"msg": msg, "time": time.time(), "tag": secrets.token_hex(6), "how": how,
             "last": None, "final": None, "acked": False}
        self.transactions[branch] = self.by_call[msg.get("call-id")] = t
        t["last"] = self.reply(msg, 100, "Trying")
        words = how.split(" ")
        if words[0] == "code":
            self.final(t, int(words[1]), " ".join(words[2:]))
        elif words[0] == "ring":
            t["last"] = self.reply(msg, 180, "Ringing", tag=t["tag"], extra=[self.contact()])
            loop.call_later(float(words[1]), self.final, t, int(words[2]), " ".join(words[3:]))
        elif words[0] == "late-answer":
            t["last"] = self.reply(msg, 180, "Ringing", tag=t["tag"], extra=[self.contact()])
        elif words[0] == "answer":
            self.answer(t, *words[1:])

    def answer(self, t, after, ahead, sound, *expires):
        """A 200 whose SDP is of our choice: seconds until then, what comes before it (180, 183, 183/g729 or "-"), the SDP,
        Session-Expires."""
        if ahead != "-":
            ahead, _, early = ahead.partition("/")
            body = self.sdp(early or "alaw") if ahead == "183" else b""
            extra = [self.contact()] + (["Content-Type: application/sdp"] if body else [])
            text = "Session Progress" if ahead == "183" else "Ringing"
            t["last"] = self.reply(t["msg"], int(ahead), text, tag=t["tag"], extra=extra, body=body)
        extra = ["Require: timer", "Session-Expires: %s;refresher=uas" % expires[0]] if expires else []
        asyncio.get_running_loop().call_later(float(after), self.final, t, 200, "OK", self.sdp(sound), extra)

    def sdp(self, sound):
        if sound == "none":
            return b""
        kinds = {"alaw": "8 0\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000", "g729": "18\r\na=rtpmap:18 G729/8000"}
        return ("v=0\r\no=- 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\n"
                "m=audio 9 RTP/AVP {1}\r\n").format(self.me[0], kinds[sound]).encode()

    def contact(self):
        return "Contact: <sip:carrier@%s:%d>" % self.me

    def final(self, t, code, text, body=b"", more=()):
        if t["final"]:
            return
        t["final"] = code
        extra = list(more)
        if code == 200:
            extra += [self.contact()] + (["Content-Type: application/sdp"] if body else [])
        elif 300 <= code < 400:
            extra = ["Contact: <sip:+%s0201@%s:%d>" % (PREFIX, *self.me)]
        t["last"] = self.reply(t["msg"], code, text, tag=t["tag"], extra=extra, body=body)
        self.log_final(t["msg"], code, text)
        asyncio.get_running_loop().call_later(RETRANSMIT[0], self.again, t, 1)

    def again(self, t, n):
        if t["acked"] or n >= len(RETRANSMIT):
            return
        self.transport.sendto(t["last"], t["msg"].addr)
        asyncio.get_running_loop().call_later(RETRANSMIT[n], self.again, t, n + 1)

    def on_ack(self, msg):
        t = self.by_call.get(msg.get("call-id"))
        if t:
            t["acked"] = True

    def on_cancel(self, msg, branch):
        t = self.transactions.get(branch)
        if t is None:
            if branch in self.forwarded:
                self.log("cancel", msg)
                self.forward(msg, branch)
            elif self.behaviour(user_of(msg.start)) != ("front", "silent"):
                self.reply(msg, 481, TEXT[481])
            return
        self.log("cancel", msg)
        self.reply(msg, 200, "OK", tag=t["tag"])
        if t["how"] == "late-answer":
            # the callee picked up while our CANCEL was on its way
            self.final(t, 200, "OK", self.sdp("alaw"))
        else:
            self.final(t, 487, TEXT[487])


def read_numbers(path):
    numbers = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            if line.strip() and not line.startswith("#"):
                digits, where, how = line.rstrip("\n").split("\t")[:3]
                numbers[digits] = (where, how)
    return numbers


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name, kind in (("ip", str), ("port", int), ("back", int), ("user", str), ("log", str), ("numbers", str),
                       ("ready", str)):
        parser.add_argument("--" + name, type=kind, required=True)
    args = parser.parse_args()
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    # many calls at once come as one burst; a lost packet would cost half a second
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    sock.bind((args.ip, args.port))
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for sig in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sig, stop.set)
    await loop.create_datagram_endpoint(lambda: Front(args, read_numbers(args.numbers)), sock=sock)
    open(args.ready, "w").close()
    await stop.wait()


if __name__ == "__main__":
    asyncio.run(main())
