"""captp_syrup.json: values and their encodings, encodings that are refused, streams that are cut."""

import syrup as s
from rng import rand
from wire import OFF

SPEC = ["CAP-1", "CAP-2", "CAP-3", "CAP-4"]


def valid(name, node, clause="CAP-1"):
    wire = s.encode(node)
    assert s.decode(wire) == node or node.kind in ("set", "dict"), name
    assert s.encode(s.decode(wire)) == wire
    value = s.shown(s.decode(wire))
    return {"kind": "valid", "name": name, "clauses": [clause], "wire": wire.hex(), "value": value}


def built(name, clause, prefix, part, times, suffix, accept):
    """Too large to print: prefix, so many times the part, suffix."""
    wire = prefix + part * times + suffix
    try:
        s.decode(wire)
        reason = at = None
    except s.Bad as e:
        assert e.clause == clause, name
        reason, at = e.part, e.at
    assert (reason is None) == accept, (name, reason)
    case = {"kind": "built", "name": name, "clauses": [clause], "prefix": prefix.hex(), "part": part.hex()}
    return case | {"times": times, "suffix": suffix.hex(), "reason": reason, "at": at}


def refused(name, clause, wire, alone=False):
    try:
        s.decode(wire)
    except s.Bad as e:
        assert e.clause == clause, (name, e)
        bad = e
    else:
        raise AssertionError(name)
    if alone:
        OFF.add(bad.part)
        s.decode(wire)
        OFF.clear()
    case = {"kind": "refused", "name": name, "clauses": [clause], "wire": wire.hex()}
    return case | {"reason": bad.part, "at": bad.at}


def stream(name, *nodes, rest=b""):
    wires = [s.encode(node) for node in nodes]
    case = {"kind": "stream", "name": "stream: " + name, "clauses": ["CAP-4"], "values": [wire.hex() for wire in wires]}
    return case | {"stream": (b"".join(wires) + rest).hex()}


def bad_stream(name, wire, at, reason):
    case = {"kind": "bad stream", "name": "bad stream: " + name, "clauses": ["CAP-4"], "stream": wire.hex()}
    return case | {"at": at, "reason": reason}


def atoms():
    yield valid("true", s.boolean(True))
    yield valid("false", s.boolean(False))
    for number in (0, 1, -1, 9, 10, 42, -42, 2**31, 2**53 + 1, 10**18 - 1, 10**18, -(10**18)):
        yield valid(f"the number {number}", s.integer(number))
    for power in (63, 64, 127, 128, 1000):
        for number in (2**power - 1, 2**power, -(2**power), -(2**power) - 1):
            yield valid(f"a number near 2^{power}: {str(number)[:9]}… {number % 7}", s.integer(number))
    for name, number in (("zero", 0.0), ("minus zero", -0.0), ("one", 1.0), ("a third", 1 / 3), ("the least", 5e-324)):
        yield valid(f"the double {name}", s.double(number), "CAP-2" if "zero" in name else "CAP-1")
    for name in ("inf", "-inf", "nan", "1.7976931348623157e308", "2.2250738585072014e-308"):
        yield valid(f"the double {name}", s.double(float(name)), "CAP-2" if name == "nan" else "CAP-1")
    for length in (0, 1, 9, 10, 99, 100, 300):
        yield valid(f"{length} bytes", s.data(rand("captp syrup", length)))
    for name, value in (
        ("empty", ""),
        ("plain", "cat"),
        ("with marks in it", "3\"a'b:c]>}$"),
        ("of two bytes", "é"),
        ("of four bytes", "𝛼"),
        ("with a zero", "\0"),
        ("of eleven", "elevenbytes"),
        ("at the end of the planes", "\U0010ffff"),
        ("beside the surrogates", "\ud7ff\ue000"),
    ):
        yield valid(f"text {name}", s.text(value))
        yield valid(f"a symbol {name}", s.symbol(value))


def containers():
    t, f, n = s.boolean(True), s.boolean(False), s.integer
    yield valid("an empty list", s.row())
    yield valid("a list", s.row(n(1), s.text("a"), s.row(t)))
    yield valid("an empty dictionary", s.dictionary())
    yield valid("an empty set", s.members())
    yield valid("a record of a label", s.record("void"))
    yield valid("a record in a record", s.record("a", s.record("b", t), f))
    for label in (s.text("a"), s.data(b"a"), n(1), s.row(), s.record("a")):
        yield valid(f"a record with a label that is {label.kind}", s.Node("record", (label, t)))
    texts = ["", "a", "b", "aa", "bb", "0123456789", "z" * 100]
    yield valid("keys of many lengths", s.dictionary(*((s.text(key), t) for key in texts)), "CAP-2")
    kinds = [t, n(1), n(-1), n(10), n(2), s.double(1.0), s.data(b"a"), s.text("a"), s.symbol("a"), s.row(), s.record("a")]
    yield valid("keys of every kind", s.dictionary(*((key, f) for key in kinds)), "CAP-2")
    yield valid("members of every kind", s.members(*kinds, s.dictionary(), s.members()), "CAP-2")
    yield valid("a set in a set", s.members(s.members(n(1)), s.members(n(2)), s.members()), "CAP-2")


def wrong_form():
    for name, wire in {
        "nothing": b"",
        "a space in front": b" t",
        "a line feed behind": b"t\n",
        "spaces in a list": b"[1+ 2+]",
        "two values": b"tf",
        "a list with round brackets": b"(t)",
        "a list in bencode": b"lte",
        "a single": b"F\0\0\0\0",
        "an unknown letter": b"x",
        "a byte above ASCII": b"\xc3",
        "a number without a sign": b"42",
        "a sign without a number": b"+",
        "a number with a sign in front": b"-42",
        "digits and a letter": b"42x",
        "a length without bytes": b"3:",
        "bytes that are cut off": b"3:ab",
        "a text that is cut off": b'3"ab',
        "a double that is cut off": b"D\0\0\0\0\0\0\0",
        "a list that is cut off": b"[t",
        "a list that is empty and cut off": b"[",
        "a dictionary that is cut off behind a key": b'{1"a',
        "a set that is cut off": b"#t",
        "a record that is cut off": b"<1'a",
        "a record without a label": b"<>",
        "a key without a value": b'{1"a}',
        "a list closed as a record": b"[t>",
        "a dictionary closed as a list": b'{1"at]',
        "a set closed as a dictionary": b"#t}",
        "a closing bracket alone": b"]",
        "text that is not UTF-8": b'1"\xff',
        "text with a surrogate": b'3"\xed\xa0\x80',
        "text that is too long in UTF-8": b'2"\xc0\x80',
        "a symbol that is not UTF-8": b"1'\x80",
        "a text of half a character": b'1"\xc3',
    }.items():
        yield refused(name, "CAP-1", wire)


def other_spellings():
    for name, wire in {
        "minus zero": b"0-",
        "a zero in front of a number": b"042+",
        "two zeros": b"00+",
        "a zero in front of a length": b"03:cat",
        "a zero in front of the length of a symbol": b"03'cat",
        "another quiet NaN": b"D\x7f\xf8\0\0\0\0\0\1",
        "a negative NaN": b"D\xff\xf8\0\0\0\0\0\0",
        "a signalling NaN": b"D\x7f\xf0\0\0\0\0\0\1",
        "keys out of order": b'{1"bt1"at}',
        "keys in the order of their texts": b'{2"aat1"bt}',
        "keys in the order of their lengths": b'{1"at2"aat10"0123456789t}',
        "a key twice": b'{1"at1"af}',
        "keys out of order further on": b'{1"at1"bt1"at}',
        "keys out of order deep inside": b'[<1\'r{1"a[{1"bt1"at}]}>]',
        "numbers as keys in the order of numbers": b"{2+t10+t}",
        "members out of order": b"#2+1+$",
        "a member twice": b"#1+1+$",
        "an order of members that is that of numbers": b"#9+10+$",
    }.items():
        yield refused(name, "CAP-2", wire, alone=True)


def bounds():
    for accept, more in ((True, 0), (False, 1)):
        word = "beyond" if more else "within"
        depth = s.DEEPEST + more
        wire = b"[" * depth + b"]" * depth
        yield built(f"lists {word} the depth", "CAP-3", b"[" * (depth - 1), b"[]", 1, b"]" * (depth - 1), accept)
        assert wire == b"[" * (depth - 1) + b"[]" + b"]" * (depth - 1)
        yield built(f"records {word} the depth", "CAP-3", b"<1'a" * (depth - 1), b"{}", 1, b">" * (depth - 1), accept)
        yield built(f"sets {word} the depth", "CAP-3", b"#" * (depth - 1), b"{}", 1, b"$" * (depth - 1), accept)
        yield built(f"digits {word} the bound", "CAP-3", b"", b"7", s.DIGITS + more, b"+", accept)
        length = s.LONGEST - 8 + more
        yield built(f"bytes {word} the bound", "CAP-3", b"%d:" % length, b"\7", length, b"", accept)
        yield built(f"a list {word} the bound", "CAP-3", b"[", b"t", s.LONGEST - 2 + more, b"]", accept)
    yield refused("a length that no message has", "CAP-3", b"[1048577:", alone=False)
    yield refused("a length of nineteen digits", "CAP-3", b"9223372036854775808:", alone=False)


def streams():
    t, n = s.boolean(True), s.integer
    yield stream("nothing")
    yield stream("small values", t, n(0), n(-10), s.text("3:cat"), s.data(b"[[["), s.symbol("a"))
    yield stream("containers", s.row(s.row(), t), s.members(n(1)), s.dictionary((s.text("a"), t)), s.record("a", s.row()))
    yield stream("a double with brackets in it", s.Node("double", b"[[<<{{##"), t)
    for rest in (b"[", b"12", b"3:ab", b"<1'a", b"D\0", b'{1"a', b"0"):
        yield stream(f"a rest: {rest.decode()}", s.row(t), rest=rest)
    yield bad_stream("a line feed", b"t\nt", 0, "not a value")
    yield bad_stream("brackets that do not match", b"[t}", 2, "a closing bracket out of place")
    yield bad_stream("a single", b"F\0\0\0\0", 0, "a float of single precision")
    yield bad_stream("a length that no message has", b"1048577:", 0, "too long")
    yield bad_stream("a list whose bytes have no room", b"[1048567:", s.LONGEST, "too long")
    yield bad_stream("brackets beyond the depth", b"[" * 65, 64, "too deep")
    yield bad_stream("digits without end", b"1" * 4097, 0, "too many digits")
    yield bad_stream("digits and a letter", b"[42x", 3, "not a value")


def make():
    cases = [*atoms(), *containers(), *wrong_form(), *other_spellings(), *bounds(), *streams()]
    return {"comment": "Values of Syrup and their only encodings.", "spec": SPEC, "cases": cases}
