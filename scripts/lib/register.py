#!/usr/bin/env python3
"""Registers SIP phones at a registrar, or takes them back: what a phone does when it is plugged in.

  PHONE_PASSWORD=... register.py --registrar IP:PORT --contact IP:PORT --expires S USER=CONTACT_USER...

It is said once for a week: a laboratory does not last until it would have to be said again. By hand because
Asterisk 16 as a phone takes 1 to 10 s for it. Only the standard library; UDP and MD5, as RFC 3261 has them.
"""
import argparse
import hashlib
import os
import re
import secrets
import socket
import sys
import time


def md5(*words):
    return hashlib.md5(":".join(words).encode()).hexdigest()


def authorization(challenge, user, password, uri):
    field = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge))
    nonce, cnonce = field["nonce"], secrets.token_hex(8)
    secret = md5(user, field["realm"], password)
    answer = (f'Digest username="{user}", realm="{field["realm"]}", nonce="{nonce}", uri="{uri}", algorithm=MD5')
    if "opaque" in field:
        answer += f', opaque="{field["opaque"]}"'
    if "qop" in field:
        response = md5(secret, nonce, "00000001", cnonce, "auth", md5("REGISTER", uri))
        answer += f', qop=auth, nc=00000001, cnonce="{cnonce}"'
    else:
        response = md5(secret, nonce, md5("REGISTER", uri))
    return f'{answer}, response="{response}"'


class Phone:
    def __init__(self, args, user, contact):
        self.args, self.user = args, user
        host, port = args.contact.split(":")
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        registrar, at = args.registrar.split(":")
        self.socket.connect((registrar, int(at)))
        self.uri = f"sip:{args.registrar}"
        self.address = f"sip:{user}@{registrar}"
        self.contact = f"<sip:{contact}@{host}:{port}>"
        self.call, self.tag, self.sequence = secrets.token_hex(12), secrets.token_hex(6), 0

    def ask(self, extra=""):
        """Sends one REGISTER, again every half second, and returns its final answer."""
        self.sequence += 1
        branch = "z9hG4bK" + secrets.token_hex(8)
        # Without "rport": with it chan_sip would call the phone where this came from, not at its contact.
        via = "%s:%d" % self.socket.getsockname()
        request = (f"REGISTER {self.uri} SIP/2.0\r\nVia: SIP/2.0/UDP {via};branch={branch}\r\nMax-Forwards: 70\r\n"
                   f"From: <{self.address}>;tag={self.tag}\r\nTo: <{self.address}>\r\nCall-ID: {self.call}\r\n"
                   f"CSeq: {self.sequence} REGISTER\r\nContact: {self.contact}\r\nExpires: {self.args.expires}\r\n"
                   f"{extra}Content-Length: 0\r\n\r\n").encode()
        until = time.monotonic() + self.args.patience
        while time.monotonic() < until:
            try:
                self.socket.send(request)
                self.socket.settimeout(0.5)
                while True:
                    answer = self.socket.recv(65535).decode(errors="replace")
                    code = int(answer.split(" ", 2)[1])
                    if branch in answer and code >= 200:
                        return code, answer
            except ConnectionError:
                time.sleep(0.05)  # nobody listens yet
            except socket.timeout:
                pass
        sys.exit(f"register.py: no answer from {self.args.registrar} for {self.user}")

    def register(self, password):
        code, answer = self.ask()
        if code == 401:
            challenge = re.search(r"^WWW-Authenticate: *Digest (.*)$", answer, re.M | re.I).group(1)
            code, answer = self.ask(f"Authorization: {authorization(challenge, self.user, password, self.uri)}\r\n")
        if code != 200:
            sys.exit(f"register.py: {self.args.registrar} answers {answer.splitlines()[0]} to {self.user}")


def main():
    parser = argparse.ArgumentParser(description="registers SIP phones")
    parser.add_argument("--registrar", required=True, metavar="IP:PORT")
    parser.add_argument("--contact", required=True, metavar="IP:PORT", help="where the phones are called")
    parser.add_argument("--expires", type=int, default=604800, metavar="S", help="0 takes them back")
    parser.add_argument("--patience", type=float, default=10, metavar="S", help="how long to wait for an answer")
    parser.add_argument("phones", nargs="+", metavar="USER=CONTACT_USER")
    args = parser.parse_args()
    for phone in args.phones:
        Phone(args, *phone.split("=")).register(os.environ["PHONE_PASSWORD"])


if __name__ == "__main__":
    main()
