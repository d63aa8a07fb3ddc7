#!/usr/bin/env python3
"""Writes seeds for the fuzz targets from the test vectors: seeds.py DIR makes DIR/<target>/<hash>."""

import hashlib
import json
import pathlib
import sys

VECTORS = pathlib.Path(__file__).parent / "../spec/vectors"

# The first byte of an input of `decoders` chooses the decoder.
IWANT, IAM, PAIR_FIELDS, FRAMES, ITEMS = (bytes([n]) for n in range(5))


def cases(name):
    return json.loads((VECTORS / f"{name}.json").read_text())["cases"]


def decoders():
    for case in cases("handshake"):
        items, plain = case["items"], case["plain"]
        yield IWANT + bytes.fromhex(items["iwant"])
        yield IAM + bytes.fromhex(items["iam"])
        yield PAIR_FIELDS + bytes.fromhex(plain["go"])[:50]
    for case in cases("records"):
        if "plain" in case:
            yield FRAMES + bytes.fromhex(case["plain"])[:4000]
        if "wire" in case:
            yield ITEMS + b"\x07" + bytes.fromhex(case["wire"])[:4000]


def texts():
    for case in cases("locators"):
        yield from (case[key].encode() for key in ("input", "a", "b") if key in case)
    for case in cases("names"):
        if "text" in case:
            yield case["text"].encode()
        if "file" in case:
            yield bytes.fromhex(case["file"])


def syrup():
    for case in cases("captp_syrup"):
        for field in ("wire", "stream"):
            if field in case:
                yield b"\x02" + bytes.fromhex(case[field])
    for case in cases("captp_ops"):
        for field in ("a", "b", "wire"):
            if case.get(field):
                yield b"\x07" + bytes.fromhex(case[field])


def certificates():
    for case in cases("captp_certificates"):
        for field in ("start", "message"):
            if field in case:
                yield bytes.fromhex(case[field])
    for place in range(0, 700, 37):
        yield place.to_bytes(2, "big") + b"0"


def tickets():
    for case in cases("tickets"):
        for field in ("ticket", "bytes"):
            if field in case:
                yield b"\x00" + bytes.fromhex(case[field])
        if "hints" in case:
            hints = "&".join(f"{name}={value}" for name, value in case["hints"])
            yield f"ocapn://{'a' * 56}.mix?{hints}".encode()
    for case in cases("locations"):
        if "record" in case:
            yield b"\x03" + bytes.fromhex(case["record"])
    for case in cases("calls"):
        if "items" in case:
            yield b"\x05" + bytes.fromhex(case["values"]["early_plain"])
            yield b"\x07" + bytes.fromhex(case["cells"]["1"][0])


def main():
    root = pathlib.Path(sys.argv[1])
    for target in (decoders, texts, syrup, certificates, tickets):
        folder = root / target.__name__
        folder.mkdir(parents=True, exist_ok=True)
        for seed in target():
            (folder / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)


main()
