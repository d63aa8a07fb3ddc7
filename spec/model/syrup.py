"""Chapter 7.1: Syrup (CAP-1 to CAP-4). A value that was read is a Node, which knows where it stood."""

import struct
from dataclasses import dataclass

from wire import OFF, Refused

LONGEST, DEEPEST, DIGITS = 1 << 20, 64, 4096
NAN = bytes.fromhex("7ff8000000000000")
COUNTED = {":": "bytes", '"': "text", "'": "symbol"}
CLOSING = {"[": "]", "{": "}", "#": "$", "<": ">"}
OPENING = {"[": "list", "{": "dict", "#": "set", "<": "record"}


class Bad(Refused):
    """Refused, with the byte at which it shows."""

    def __init__(self, clause, part, at):
        super().__init__(clause, part)
        self.at = at


def check(condition, clause, part, at):
    if not condition and part not in OFF:
        raise Bad(clause, part, at)


@dataclass(frozen=True)
class Node:
    """kind: bool, int, double (8 bytes), bytes, text, symbol, list, set (items), dict (pairs), record (label first)."""

    kind: str
    value: object
    start: int = 0
    end: int = 0

    def __eq__(self, other):
        return (self.kind, self.value) == (other.kind, other.value)


# --- writing -------------------------------------------------------------------------------------------------------


def encode(node):
    kind, value = node.kind, node.value
    if kind == "bool":
        return b"t" if value else b"f"
    if kind == "int":
        return str(abs(value)).encode() + (b"-" if value < 0 else b"+")
    if kind == "double":
        return b"D" + value
    if kind == "bytes":
        return b"%d:" % len(value) + value
    if kind in ("text", "symbol"):
        data = value.encode("utf-8")
        return b"%d%s" % (len(data), b'"' if kind == "text" else b"'") + data
    if kind == "list":
        return b"[" + b"".join(map(encode, value)) + b"]"
    if kind == "record":
        return b"<" + b"".join(map(encode, value)) + b">"
    if kind == "set":
        return b"#" + b"".join(sorted(map(encode, value))) + b"$"
    pairs = sorted((encode(key), encode(item)) for key, item in value)
    return b"{" + b"".join(key + item for key, item in pairs) + b"}"


def boolean(truth):
    return Node("bool", truth)


def integer(number):
    return Node("int", number)


def double(number):
    return Node("double", struct.pack(">d", number) if number == number else NAN)


def data(value):
    return Node("bytes", value)


def text(value):
    return Node("text", value)


def symbol(value):
    return Node("symbol", value)


def row(*items):
    return Node("list", items)


def members(*items):
    return Node("set", items)


def dictionary(*pairs):
    return Node("dict", pairs)


def record(label, *fields):
    return Node("record", (symbol(label), *fields))


# --- reading -------------------------------------------------------------------------------------------------------


class Reader:
    def __init__(self, wire):
        self.wire = wire
        self.at = 0

    def peek(self):
        if self.at >= len(self.wire):
            raise Bad("CAP-1", "cut off", len(self.wire))
        return chr(self.wire[self.at])

    def value(self, depth=0):
        start, first = self.at, self.peek()
        if first in "tf":
            self.at += 1
            return Node("bool", first == "t", start, self.at)
        if first == "D":
            return self.double(start)
        if first.isascii() and first.isdigit():
            return self.numbered(start)
        if first in OPENING:
            check(depth < DEEPEST, "CAP-3", "too deep", start)
            return self.inside(first, start, depth + 1)
        if first == "F":
            raise Bad("CAP-1", "a float of single precision", start)
        if first in CLOSING.values():
            raise Bad("CAP-1", "a closing bracket out of place", start)
        raise Bad("CAP-1", "not a value", start)

    def double(self, start):
        bits = self.wire[start + 1 : start + 9]
        if len(bits) < 8:
            raise Bad("CAP-1", "cut off", len(self.wire))
        (number,) = struct.unpack(">d", bits)
        check(number == number or bits == NAN, "CAP-2", "not canonical: another NaN", start)
        self.at = start + 9
        return Node("double", bits, start, self.at)

    def numbered(self, start):
        end = start
        while end < len(self.wire) and chr(self.wire[end]).isascii() and chr(self.wire[end]).isdigit():
            end += 1
        digits = self.wire[start:end].decode()
        check(len(digits) <= DIGITS, "CAP-3", "too many digits", start)
        self.at = end
        mark = self.peek()
        if mark not in "+-" and mark not in COUNTED:
            raise Bad("CAP-1", "not a value", end)
        check(len(digits) == 1 or digits[0] != "0", "CAP-2", "not canonical: a zero in front of a number", start)
        self.at = end + 1
        if mark in "+-":
            check(mark == "+" or digits != "0", "CAP-2", "not canonical: minus zero", start)
            return Node("int", int(digits) * (-1 if mark == "-" else 1), start, self.at)
        length = int(digits)
        check(length <= LONGEST, "CAP-3", "too long", start)
        if len(self.wire) - self.at < length:
            raise Bad("CAP-1", "cut off", len(self.wire))
        found = self.wire[self.at : self.at + length]
        self.at += length
        if mark != ":":
            try:
                found = found.decode("utf-8")
            except UnicodeDecodeError:
                raise Bad("CAP-1", "text that is not UTF-8", start) from None
        return Node(COUNTED[mark], found, start, self.at)

    def inside(self, bracket, start, depth):
        self.at += 1
        items = []
        while self.peek() != CLOSING[bracket]:
            items.append(self.value(depth))
            if bracket == "{":
                self.rises(items[0::2], items[-1], "dictionary key") if len(items) % 2 else None
            if bracket == "#":
                self.rises(items, items[-1], "set member")
        if bracket == "{" and len(items) % 2:
            raise Bad("CAP-1", "a closing bracket out of place", self.at)
        if bracket == "<" and not items:
            raise Bad("CAP-1", "a record without a label", self.at)
        self.at += 1
        made = tuple(items) if bracket != "{" else tuple(zip(items[0::2], items[1::2]))
        return Node(OPENING[bracket], made, start, self.at)

    def rises(self, ones, last, what):
        if len(ones) < 2:
            return
        before, this = (self.wire[one.start : one.end] for one in (ones[-2], last))
        check(before != this, "CAP-2", f"not canonical: a {what} twice", last.start)
        check(before <= this, "CAP-2", f"not canonical: {what}s out of order", last.start)


def decode(wire):
    check(len(wire) <= LONGEST, "CAP-3", "too long", LONGEST)
    reader = Reader(wire)
    node = reader.value()
    check(reader.at == len(wire), "CAP-1", "bytes behind the value", reader.at)
    return node


# --- on paper ------------------------------------------------------------------------------------------------------


def shown(node):
    """The notation of the vectors: text and symbols in hexadecimal, so that nothing needs to be escaped."""
    kind, value = node.kind, node.value
    if kind == "bool":
        return "t" if value else "f"
    if kind == "int":
        return str(value)
    if kind == "double":
        return "D" + value.hex()
    if kind == "bytes":
        return ":" + value.hex()
    if kind == "text":
        return '"' + value.encode("utf-8").hex()
    if kind == "symbol":
        return "'" + value.encode("utf-8").hex()
    items = [item for pair in value for item in pair] if kind == "dict" else value
    inner = " ".join(map(shown, items))
    opening = {name: bracket for bracket, name in OPENING.items()}[kind]
    return opening + inner + CLOSING[opening]
