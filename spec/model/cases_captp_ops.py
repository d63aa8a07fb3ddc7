"""captp_ops.json: every operation in dialects A and B, what is refused in them, and finding out which a peer speaks."""

import captp as c
import syrup as s
from captp import is_
from crypto import H, library_sign
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from rng import rand

SPEC = [f"CAP-{n}" for n in (5, 7, 9, 11, 12, 13, 14, 15, 16)]
EXPORT, ANSWER = is_("export", 3), is_("answer", 2**64 - 1)
OBJECT, PROMISE = is_("object", 5), is_("promise", 0)
GIFTER, RECEIVER = rand("captp gifter"), rand("captp receiver")


def public(seed):
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


LOCATION = c.peer("mix", "a designator", {"at": "host:1", "ticket": "x", "b": ""})
GIVE = c.signed(GIFTER, "give", public(RECEIVER), LOCATION, H(b"session"), H(b"side"), rand("captp gift"))
RECEIVE = c.signed(RECEIVER, "receive", H(b"here"), H(b"us"), 7, GIVE)
STURDYREF = is_("sturdyref", c.peer("tcp-testing-only", "é", None), b"JadQ0++RzsD4M+40uLxTWVaVqM10DcBJ")


def deliver(*args, to=EXPORT, answer=None, resolver=OBJECT):
    return is_("deliver", to, args, answer, resolver)


def written(op, dialect):
    try:
        wire = s.encode(c.operation(op, dialect))
    except c.NotSaid:
        return None
    assert c.shown(c.read_operation(wire, dialect)) == c.shown(op)
    return wire


def said(name, clauses, op):
    a, b = written(op, "A"), written(op, "B")
    kind = "shared" if a == b else "own"
    case = {"kind": kind, "name": name, "clauses": clauses, "op": c.shown(op), "b": b.hex()}
    return case if kind == "shared" else case | {"a": a and a.hex()}


def shared():
    key = public(GIFTER)
    location = library_sign(GIFTER, c.my_location(LOCATION))
    start = is_("start-session", "1.0", key, LOCATION, location)
    yield said("a session", ["CAP-5", "CAP-7", "CAP-11"], start)
    start = is_("start-session", "", bytes(32), c.peer("x", "", {}), bytes(64))
    yield said("a session with nothing in it", ["CAP-5", "CAP-7", "CAP-11"], start)
    for to in (EXPORT, ANSWER):
        for answer in (None, 0, 2**64 - 1):
            for resolver in (OBJECT, PROMISE):
                words = f"{to.name}, answer {answer}, {resolver.name}"
                yield said(f"a message to {words}", ["CAP-11"], deliver(to=to, answer=answer, resolver=resolver))
    for partial in (False, True):
        yield said(f"listen, partial {partial}", ["CAP-11"], is_("listen", ANSWER, OBJECT, partial))
    yield said("get", ["CAP-11"], is_("get", ANSWER, "a field", 1))
    yield said("index", ["CAP-11"], is_("index", EXPORT, 0, 2))
    yield said("untag", ["CAP-11"], is_("untag", ANSWER, "é", 3))
    yield said("abort", ["CAP-11"], is_("abort", "no reason"))
    values = {
        "a method and its arguments": (s.symbol("fetch"), b"swissnum", 42, "text"),
        "numbers": (0, -1, 2**64, -(2**200), s.double(1.5), s.double(-0.0), s.double(float("nan"))),
        "nothing and null": (is_("void"), is_("null"), True, False),
        "lists": ((), ((), (1, (2,)))),
        "structs": ({}, {"b": 1, "aa": {"0123456789": is_("void")}, "": ()}),
        "tagged": (is_("tagged", s.symbol("decimal"), "3.14"), is_("tagged", s.symbol(""), is_("null"))),
        "an error": (s.symbol("break"), is_("error", "what went wrong")),
        "sturdyrefs": (STURDYREF, is_("sturdyref", LOCATION, b"")),
    }
    for name, args in values.items():
        yield said(name, ["CAP-12"], deliver(*args))
    yield said("references", ["CAP-13"], deliver(EXPORT, ANSWER, OBJECT, PROMISE, (EXPORT, {"a": OBJECT})))
    yield said("a give", ["CAP-9", "CAP-13"], deliver(GIVE))
    yield said("a receive", ["CAP-9", "CAP-13"], deliver(s.symbol("withdraw-gift"), RECEIVE, answer=1))


def own():
    both = ["CAP-14", "CAP-15"]
    yield said("a message of which nobody wants the answer", both, deliver(1, OBJECT, resolver=None))
    yield said("a message without arguments", both, deliver(to=ANSWER, resolver=None))
    yield said("an answer that nobody is told", both, deliver(1, answer=4, resolver=None))
    yield said("no references are gone", both, is_("gc-exports"))
    yield said("references are gone", both, is_("gc-exports", (1, 2), (2**64 - 1, 0)))
    yield said("no answers are gone", both, is_("gc-answers"))
    yield said("answers are gone", both, is_("gc-answers", 0, 7))


def refused(name, wire, dialects="AB", clause=None):
    for dialect in dialects:
        try:
            c.read_operation(wire, dialect)
        except s.Bad as e:
            bad = e
        else:
            raise AssertionError((name, dialect))
        assert clause in (None, bad.clause), (name, bad.clause)
        case = {"kind": "refused", "name": f"{name}, in {dialect}", "clauses": [bad.clause], "dialect": dialect}
        yield case | {"wire": wire.hex(), "reason": bad.part, "at": bad.at}


def with_args(args):
    return b"<10'op:deliver<11'desc:export0+>[" + args + b"]f<18'desc:import-object5+>>"


def replaced(node, old, new):
    wire = s.encode(node)
    assert wire.count(old) == 1, (old, wire)
    return wire.replace(old, new)


def bad_operations():
    good = s.encode(c.operation(deliver(), "B"))
    for name, wire in {
        "an unknown operation": b"<6'op:foo>",
        "a label that is a text": b'<8"op:abort1"x>',
        "a list": b"[8'op:abort1\"x]",
        "an abort without a reason": b"<8'op:abort>",
        "an abort with two reasons": b"<8'op:abort1\"x1\"y>",
        "a reason that is a symbol": b"<8'op:abort1'x>",
        "a message to an import": good.replace(b"11'desc:export", b"18'desc:import-object"),
        "a message to a number": b"<10'op:deliver3+[]f<18'desc:import-object5+>>",
        "a position below zero": good.replace(b"3+", b"3-"),
        "a position above 64 bits": good.replace(b"3+", b"18446744073709551616+"),
        "a position that is a text": good.replace(b"3+", b'1"3'),
        "two positions": good.replace(b"3+", b"3+3+"),
        "no position": good.replace(b"3+", b""),
        "arguments that are a set": good.replace(b"[]", b"#$"),
        "an answer that is true": good.replace(b"]f", b"]t"),
        "an answer that is a descriptor": good.replace(b"]f", b"]<11'desc:answer1+>"),
        "an answer below zero": good.replace(b"]f", b"]1-"),
        "a resolver that is an export": good.replace(b"18'desc:import-object", b"11'desc:export"),
        "a resolver that is true": good[: -len(b"<18'desc:import-object5+>>")] + b"t>",
        "a message with three fields": good.replace(b"]f", b"]"),
        "a message with five fields": good[:-1] + b"f>",
        "listen with two fields": b"<9'op:listen<11'desc:answer1+><18'desc:import-object5+>>",
        "listen with a number": b"<9'op:listen<11'desc:answer1+><18'desc:import-object5+>0+>",
        "an index below zero": b"<8'op:index<11'desc:answer1+>1-1+>",
        "a field that is a symbol": b"<6'op:get<11'desc:answer1+>1'a1+>",
        "an answer of a get that is f": b"<6'op:get<11'desc:answer1+>1\"af>",
    }.items():
        yield from refused(name, wire, clause="CAP-11")


def bad_values():
    for name, args in {
        "an unknown record": b"<3'foo>",
        "a record with a label that is a text": b'<4"void>',
        "void with a field": b"<4'voidt>",
        "a set": b"#1+$",
        "a set in a list": b"[[#$]]",
        "a dictionary with symbols as keys": b"{1'a1+}",
        "a dictionary with numbers as keys": b"{1+1+}",
        "a tag that is a text": b'<11\'desc:tagged1"at>',
        "a tag without a value": b"<11'desc:tagged1'a>",
        "a tag with two values": b"<11'desc:tagged1'att>",
        "an error that is a symbol": b"<10'desc:error1'a>",
        "an operation as a value": b"<8'op:abort1\"x>",
        "a locator as a value": s.encode(c.peer_record(LOCATION)),
    }.items():
        yield from refused(name, with_args(args), clause="CAP-12")
    yield from refused("a descriptor without a position", with_args(b"<11'desc:export>"), clause="CAP-13")
    yield from refused("a descriptor above 64 bits", with_args(b"<11'desc:answer18446744073709551616+>"), clause="CAP-13")
    bare = s.encode(c.give_record(GIVE))
    yield from refused("a give without an envelope", with_args(bare), clause="CAP-13")


def bad_locators():
    good = c.node(is_("sturdyref", c.peer("mix", "x", {"a": "b"}), b"s"))
    for name, old, new in (
        ("a transport with a dot", b"3'mix", b"3'm.x"),
        ("an empty transport", b"3'mix", b"0'"),
        ("a transport that is a text", b"3'mix", b'3"mix'),
        ("a designator that is a symbol", b'1"x', b"1'x"),
        ("hints that are true", b'{1"a1"b}', b"t"),
        ("hints that are a list", b'{1"a1"b}', b"[]"),
        ("a hint that is a number", b'1"b', b"1+"),
        ("a hint named by a symbol", b'{1"a', b"{1'a"),
        ("a peer with four fields", b'1"b}', b'1"b}f'),
        ("a peer of an older draft", b"10'ocapn-peer", b"10'ocapn-node"),
    ):
        yield from refused(name, with_args(replaced(good, old, new)), "B", "CAP-5")


def bad_keys():
    start = is_("start-session", "1.0", b"k" * 32, c.peer("mix", "x", None), b"r" * 32 + b"s" * 32)
    good = c.operation(start, "B")
    key, r = b"32:" + b"k" * 32, b"32:" + b"r" * 32
    for name, old, new in (
        ("a key of 31 bytes", key, b"31:" + b"k" * 31),
        ("a key of 33 bytes", key, b"33:" + b"k" * 33),
        ("half a signature of 31 bytes", r, b"31:" + b"r" * 31),
        ("another curve", b"7'Ed25519", b"5'Ed448"),
        ("another scheme", b"3'ecc", b"3'rsa"),
        ("other flags", b"5'flags5'eddsa", b"5'flags5'param"),
        ("a key called otherwise", b"10'public-key", b"11'private-key"),
        ("a signature called otherwise", b"7'sig-val", b"7'sig-var"),
        ("halves the other way round", b"1'r", b"1's"),
        ("a key that is bytes alone", s.encode(c.key_list(b"k" * 32)), key),
        ("flags left out", b"[5'flags5'eddsa]", b""),
        ("a key with more behind it", key, key + b"t"),
    ):
        yield from refused(name, replaced(good, old, new), "B", "CAP-7")


def bad_certificates():
    session, side, gift = H(b"session"), H(b"side"), GIVE.parts[4]
    give, receive = c.envelope(GIVE), c.envelope(RECEIVE)
    for name, node, old, new in (
        ("a session of 31 bytes", give, b"32:" + session, b"31:" + session[1:]),
        ("a side of 33 bytes", give, b"32:" + side, b"33:" + side + b"x"),
        ("an empty gift id", give, b"32:" + gift, b"0:"),
        ("a gift id of 65 bytes", give, b"32:" + gift, b"65:" + b"g" * 65),
        ("a gift id that is a text", give, b"32:" + gift, b'1"g'),
        ("a count below zero", receive, b"7+<", b"7-<"),
        ("a count above 64 bits", receive, b"7+<", b"18446744073709551616+<"),
        ("an envelope around something else", give, b"17'desc:handoff-give", b"17'desc:handoff-gave"),
        ("a receive of another length", receive, b"32:" + H(b"us"), b"3:abc"),
        ("a give with more in it", give, gift + b">", gift + b"t>"),
    ):
        yield from refused(name, with_args(replaced(node, old, new)), "B", "CAP-9")
    inside = with_args(s.encode(s.record("desc:sig-envelope", c.receive_record(RECEIVE))))
    yield from refused("an envelope without a signature", inside, "B")


def bad_dialects():
    for name, op in (
        ("a message of which nobody wants the answer", deliver(resolver=None)),
        ("an answer that nobody is told", deliver(answer=1, resolver=None)),
        ("references that are gone", is_("gc-exports", (1, 2))),
        ("answers that are gone", is_("gc-answers", 1)),
    ):
        yield from refused(name + ", as B says it", written(op, "B"), "A")
        if written(op, "A"):
            yield from refused(name + ", as A says it", written(op, "A"), "B", "CAP-15")
    for dialect, (exports, _) in c.GC.items():
        for lists in (b"[1+][]", b"[][1+]"):
            wire = b"<%d'%s%s>" % (len(exports), exports.encode(), lists)
            yield from refused(f"lists of two lengths {lists.decode()}", wire, dialect, "CAP-14")


class Auto:
    """CAP-16."""

    def __init__(self):
        self.heard = None

    def hears(self, wire):
        for dialect in "BA":
            try:
                op = c.read_operation(wire, dialect)
            except s.Bad:
                continue
            a, b = written(op, "A"), written(op, "B")
            if a != b:
                self.heard = "A" if "A" in (dialect, self.heard) else "B"
            return True
        return False


def heard():
    plain, alone = deliver(1), deliver(1, resolver=None)
    kept, exports, answers = deliver(answer=1, resolver=None), is_("gc-exports", (1, 1)), is_("gc-answers", 1)
    worlds = {
        "nothing that differs": [(plain, "A"), (is_("abort", "x"), "B")],
        "B by a kept answer": [(plain, "B"), (kept, "B"), (plain, "B")],
        "B falls to A": [(exports, "B"), (exports, "A"), (exports, "B")],
        "A stays A": [(answers, "A"), (alone, "B"), (answers, "B")],
    }
    for dialect in "AB":
        for op, name in ((alone, "a message"), (exports, "references"), (answers, "answers")):
            worlds[f"{dialect} by {name}"] = [(plain, dialect), (op, dialect)]
    for name, said_ops in worlds.items():
        auto, steps = Auto(), []
        wires = [written(op, dialect) for op, dialect in said_ops]
        for wire in [*wires[:1], b"<12'op:gc-export[1+]>", *wires[1:]]:
            taken = auto.hears(wire)
            answer = written(answers, auto.heard or "B")
            step = {"wire": wire.hex(), "taken": taken, "heard": auto.heard, "says": answer.hex()}
            steps.append(step)
        yield {"kind": "heard", "name": f"heard: {name}", "clauses": ["CAP-16"], "steps": steps}


def make():
    bad = (bad_operations, bad_values, bad_locators, bad_keys, bad_certificates, bad_dialects)
    cases = [*shared(), *own(), *(case for one in bad for case in one()), *heard()]
    return {"comment": "Operations in dialects A and B.", "spec": SPEC, "cases": cases}
