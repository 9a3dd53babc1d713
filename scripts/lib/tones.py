#!/usr/bin/env python3
"""Which tones are in a recording: the level of each frequency in dB (0 is a sine at full scale), one JSON
line a file. Only the standard library; 16-bit mono, WAV or bare at 8000 Hz, also while it is being written.

  tones.py [--tones 440,1000] [--from S] [--seconds S] [--who NAME] FILE...
"""
import argparse
import array
import json
import math
import sys

BLOCK = 0.2  # seconds: 440 Hz is told from the 425 Hz of a ringing tone
FLOOR = -120.0


def samples(path):
    """Rate and samples; the header's length is not believed, for it is written at the end."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:4] != b"RIFF":
        return 8000, numbers(data)
    at, rate, kind = 12, 8000, (1, 1, 16)
    while at + 8 <= len(data):
        name, length = data[at:at + 4], int.from_bytes(data[at + 4:at + 8], "little")
        at += 8
        if name == b"fmt ":
            rate = int.from_bytes(data[at + 4:at + 8], "little")
            kind = tuple(int.from_bytes(data[at + n:at + n + 2], "little") for n in (0, 2, 14))
        elif name == b"data":
            break
        at += length + length % 2
    if kind != (1, 1, 16):
        sys.exit(f"tones.py: {path} is not 16-bit mono PCM")
    return rate, numbers(data[at:])


def numbers(data):
    sound = array.array("h")
    sound.frombytes(data[:len(data) - len(data) % 2])
    if sys.byteorder == "big":
        sound.byteswap()
    return sound


def goertzel(block, window, rate, frequency):
    """The amplitude of one frequency in a block, 1 being full scale."""
    turn = 2 * math.cos(2 * math.pi * frequency / rate)
    last = before = 0.0
    for sample, weight in zip(block, window):
        last, before = sample * weight + turn * last - before, last
    power = last * last + before * before - turn * last * before
    return 2 * math.sqrt(max(power, 0.0)) / (sum(window) * 32768)


def decibel(amplitude):
    return round(max(20 * math.log10(amplitude), FLOOR), 1) if amplitude > 0 else FLOOR


def measure(path, tones, start, seconds):
    rate, sound = samples(path)
    sound = sound[int(start * rate):]
    if seconds:
        sound = sound[:int(seconds * rate)]
    size = int(BLOCK * rate)
    window = [0.5 - 0.5 * math.cos(2 * math.pi * n / size) for n in range(size)]
    blocks = [sound[n:n + size] for n in range(0, len(sound) - size + 1, size)]
    levels = {}
    for tone in tones:
        squares = [goertzel(block, window, rate, tone) ** 2 for block in blocks]
        levels[f"{tone:g}"] = decibel(math.sqrt(sum(squares) / len(squares))) if squares else FLOOR
    rms = math.sqrt(sum(s * s for s in sound) / len(sound)) * math.sqrt(2) / 32768 if len(sound) else 0
    return {"file": path, "seconds": round(len(sound) / rate, 2), "all": decibel(rms), "db": levels}


def main():
    parser = argparse.ArgumentParser(description="the level of tones in recordings")
    parser.add_argument("--tones", default="440,700,850,1000,1633", help="frequencies in Hz")
    parser.add_argument("--from", dest="start", type=float, default=0, metavar="S", help="leave out the first seconds")
    parser.add_argument("--seconds", type=float, metavar="S", help="take no more than so much")
    parser.add_argument("--who", help="a name to put into the answer")
    parser.add_argument("files", nargs="+", metavar="FILE")
    args = parser.parse_args()
    tones = [float(tone) for tone in args.tones.split(",")]
    for path in args.files:
        answer = measure(path, tones, args.start, args.seconds)
        print(json.dumps({"who": args.who, **answer} if args.who else answer))


if __name__ == "__main__":
    main()
