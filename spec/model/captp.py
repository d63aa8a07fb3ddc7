"""Chapter 7.2 to 7.5: locators, keys, certificates, operations and their dialects (CAP-5 to CAP-16)."""

from dataclasses import dataclass

import syrup as s
from crypto import H, library_sign, verify_strict
from syrup import Bad, Node

# --- values and operations -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Is:
    """Something with a name and its parts, as `shown` writes it: (name part part …)."""

    name: str
    parts: tuple = ()


def is_(name, *parts):
    return Is(name, parts)


def shown(value):
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, bytes):
        return ":" + value.hex()
    if isinstance(value, str):
        return '"' + value.encode("utf-8").hex()
    if isinstance(value, tuple):
        return "[" + " ".join(map(shown, value)) + "]"
    if isinstance(value, dict):
        pairs = sorted(value.items(), key=lambda pair: pair[0].encode("utf-8"))
        return "{" + " ".join(shown(key) + " " + shown(item) for key, item in pairs) + "}"
    if isinstance(value, Node):
        return s.shown(value)
    return "(" + " ".join([value.name, *map(shown, value.parts)]) + ")"


# --- CAP-5, CAP-7, CAP-8 -------------------------------------------------------------------------------------------


def peer(transport, designator, hints):
    return is_("peer", s.symbol(transport), designator, hints)


def peer_record(it):
    transport, designator, hints = it.parts
    pairs = () if hints is None else ((s.text(name), s.text(value)) for name, value in hints.items())
    hints = s.boolean(False) if hints is None else s.dictionary(*pairs)
    return s.record("ocapn-peer", transport, s.text(designator), hints)


def key_list(public):
    names = (("curve", s.symbol("Ed25519")), ("flags", s.symbol("eddsa")), ("q", s.data(public)))
    return s.row(s.symbol("public-key"), s.row(s.symbol("ecc"), *(s.row(s.symbol(n), v) for n, v in names)))


def signature_list(signature):
    halves = (("r", signature[:32]), ("s", signature[32:]))
    return s.row(s.symbol("sig-val"), s.row(s.symbol("eddsa"), *(s.row(s.symbol(n), s.data(v)) for n, v in halves)))


def public_id(public):
    return H(H(s.encode(key_list(public))))


def session_id(one, two):
    return H(H(b"prot0" + min(one, two) + max(one, two)))


# --- CAP-9, CAP-10 -------------------------------------------------------------------------------------------------


def my_location(it):
    return s.encode(s.record("my-location", peer_record(it)))


def give_record(it):
    key, location, session, side, gift = it.parts[:5]
    return s.record("desc:handoff-give", key_list(key), peer_record(location), *map(s.data, (session, side, gift)))


def receive_record(it):
    session, side, count, give = it.parts[:4]
    fields = s.data(session), s.data(side), s.integer(count), envelope(give)
    return s.record("desc:handoff-receive", *fields)


def signed_part(it):
    return give_record(it) if it.name == "give" else receive_record(it)


def envelope(it):
    return s.record("desc:sig-envelope", signed_part(it), signature_list(it.parts[-1]))


def signed(seed, name, *parts):
    """A give or a receive with the signature of this seed as its last part."""
    return is_(name, *parts, library_sign(seed, s.encode(signed_part(is_(name, *parts)))))


def verifies(it, key):
    return verify_strict(key, s.encode(signed_part(it)), it.parts[-1])


# --- writing -------------------------------------------------------------------------------------------------------

PLACES = {
    "export": "desc:export",
    "answer": "desc:answer",
    "object": "desc:import-object",
    "promise": "desc:import-promise",
}


def node(value):
    """A value of CAP-12 and CAP-13 as Syrup."""
    if isinstance(value, Node):
        return value
    if isinstance(value, bool):
        return s.boolean(value)
    if isinstance(value, int):
        return s.integer(value)
    if isinstance(value, bytes):
        return s.data(value)
    if isinstance(value, str):
        return s.text(value)
    if isinstance(value, tuple):
        return s.row(*map(node, value))
    if isinstance(value, dict):
        return s.dictionary(*((s.text(key), node(item)) for key, item in value.items()))
    if value.name in PLACES:
        return s.record(PLACES[value.name], s.integer(value.parts[0]))
    if value.name in ("void", "null"):
        return s.record(value.name)
    if value.name == "tagged":
        return s.record("desc:tagged", value.parts[0], node(value.parts[1]))
    if value.name == "error":
        return s.record("desc:error", s.text(value.parts[0]))
    if value.name == "sturdyref":
        return s.record("ocapn-sturdyref", peer_record(value.parts[0]), s.data(value.parts[1]))
    return envelope(value)


def or_no(value):
    return s.boolean(False) if value is None else node(value)


class NotSaid(Exception):
    """The dialect has no words for it."""


GC = {"A": ("op:gc-export", "op:gc-answer"), "B": ("op:gc-exports", "op:gc-answers")}


def operation(op, dialect):
    """An operation as Syrup (CAP-11, CAP-14, CAP-15)."""
    parts = op.parts
    if op.name == "start-session":
        version, key, location, signature = parts
        fields = s.text(version), key_list(key), peer_record(location), signature_list(signature)
        return s.record("op:start-session", *fields)
    if op.name == "deliver":
        to, args, answer, resolver = parts
        if dialect == "A" and resolver is None:
            if answer is not None:
                raise NotSaid
            return s.record("op:deliver-only", node(to), node(args))
        return s.record("op:deliver", node(to), node(args), or_no(answer), or_no(resolver))
    if op.name == "gc-exports":
        positions, deltas = (tuple(part[at] for part in parts) for at in (0, 1))
        return s.record(GC[dialect][0], node(positions), node(deltas))
    if op.name == "gc-answers":
        return s.record(GC[dialect][1], node(parts))
    return s.record("op:" + op.name, *map(node, parts))


# --- reading -------------------------------------------------------------------------------------------------------


def expect(condition, clause, part, at):
    if not condition:
        raise Bad(clause, part, at)


KIND = {"text": "text", "symbol": "a symbol", "bytes": "bytes", "list": "a list", "record": "a record"}


class Fields:
    """The fields of a record or list, one after the other; clause is the one that says which they are."""

    def __init__(self, it, clause, at=0):
        self.items, self.end, self.at, self.clause = it.value, it.end - 1, at, clause

    def next(self):
        if self.at == len(self.items):
            raise Bad(self.clause, "a closing bracket out of place", self.end)
        self.at += 1
        return self.items[self.at - 1]

    def of(self, kind, words=None):
        it = self.next()
        expect(it.kind == kind, self.clause, "expected " + (words or KIND[kind]), it.start)
        return it

    def position(self):
        it = self.of("int", "a whole number")
        expect(0 <= it.value < 2**64, self.clause, "number out of range", it.start)
        return it.value

    def bytes_32(self):
        it = self.of("bytes")
        expect(len(it.value) == 32, self.clause, "32 bytes expected", it.start)
        return it.value

    def this_symbol(self, name):
        it = self.of("symbol")
        expect(it.value == name, self.clause, "expected " + name, it.start)

    def done(self, value):
        if self.at < len(self.items):
            raise Bad(self.clause, "wrong number of fields", self.items[self.at].start)
        return value


def label(it, clause):
    expect(it.kind == "record", clause, "expected a record", it.start)
    expect(it.value[0].kind == "symbol", clause, "expected a symbol", it.value[0].start)
    return it.value[0].value


def this_record(it, name, clause):
    expect(label(it, clause) == name, clause, "expected " + name, it.start)
    return Fields(it, clause, 1)


def read_peer(it):
    fields = this_record(it, "ocapn-peer", "CAP-5")
    transport = fields.of("symbol")
    good = transport.value and "." not in transport.value
    expect(good, "CAP-5", "not the name of a transport", transport.start)
    designator, hints = fields.of("text").value, fields.next()
    if hints == s.boolean(False):
        hints = None
    else:
        expect(hints.kind == "dict", "CAP-5", "expected a dictionary", hints.start)
        for one in (one for pair in hints.value for one in pair):
            expect(one.kind == "text", "CAP-5", "expected text", one.start)
        hints = {key.value: value.value for key, value in hints.value}
    return fields.done(peer(transport.value, designator, hints))


def read_named(it, names, last):
    """[name [scheme [name value] …]] of CAP-7: names are (name, fixed value or None); gives the 32 bytes of those."""
    expect(it.kind == "list", "CAP-7", "expected a list", it.start)
    outer = Fields(it, "CAP-7")
    outer.this_symbol(last[0])
    inner = Fields(outer.of("list"), "CAP-7")
    inner.this_symbol(last[1])
    found = b""
    for name, fixed in names:
        pair = Fields(inner.of("list"), "CAP-7")
        pair.this_symbol(name)
        if fixed is None:
            found += pair.bytes_32()
        else:
            pair.this_symbol(fixed)
        pair.done(None)
    inner.done(None)
    return outer.done(found)


def read_key(it):
    return read_named(it, (("curve", "Ed25519"), ("flags", "eddsa"), ("q", None)), ("public-key", "ecc"))


def read_signature(it):
    return read_named(it, (("r", None), ("s", None)), ("sig-val", "eddsa"))


def read_give(it):
    fields = this_record(it, "desc:handoff-give", "CAP-9")
    key, location = read_key(fields.next()), read_peer(fields.next())
    session, side, gift = fields.bytes_32(), fields.bytes_32(), fields.of("bytes")
    expect(1 <= len(gift.value) <= 64, "CAP-9", "not a gift id", gift.start)
    return fields.done((key, location, session, side, gift.value))


def read_envelope(it, give_only=False):
    fields = this_record(it, "desc:sig-envelope", "CAP-9")
    inner = fields.next()
    name = label(inner, "CAP-9")
    if name == "desc:handoff-give" or give_only:
        parts, name = read_give(inner), "give"
    else:
        expect(name == "desc:handoff-receive", "CAP-9", "expected a certificate", inner.start)
        receive = Fields(inner, "CAP-9", 1)
        parts = receive.bytes_32(), receive.bytes_32(), receive.position()
        parts, name = receive.done((*parts, read_envelope(receive.next(), give_only=True))), "receive"
    return fields.done(is_(name, *parts, read_signature(fields.next())))


def read_place(it, names, words):
    found = {PLACES[name]: name for name in names}.get(label(it, "CAP-11"))
    expect(found, "CAP-11", "expected " + words, it.start)
    fields = Fields(it, "CAP-11", 1)
    return fields.done(is_(found, fields.position()))


def read_target(it):
    return read_place(it, ("export", "answer"), "an export or an answer")


def read_import(it):
    return read_place(it, ("object", "promise"), "an import")


def read_value(it):
    if it.kind in ("bool", "int", "bytes", "text"):
        return it.value
    if it.kind in ("double", "symbol"):
        return it
    if it.kind == "list":
        return tuple(map(read_value, it.value))
    if it.kind == "dict":
        for key, _ in it.value:
            expect(key.kind == "text", "CAP-12", "expected text", key.start)
        return {key.value: read_value(value) for key, value in it.value}
    expect(it.kind != "set", "CAP-12", "expected a value that can be passed", it.start)
    name, fields = label(it, "CAP-12"), Fields(it, "CAP-12", 1)
    places = {wire: name for name, wire in PLACES.items()}
    if name in places:
        fields.clause = "CAP-13"
        return fields.done(is_(places[name], fields.position()))
    if name in ("void", "null"):
        return fields.done(is_(name))
    if name == "desc:tagged":
        return fields.done(is_("tagged", fields.of("symbol"), read_value(fields.next())))
    if name == "desc:error":
        return fields.done(is_("error", fields.of("text").value))
    if name == "desc:sig-envelope":
        return read_envelope(it)
    if name == "ocapn-sturdyref":
        return fields.done(is_("sturdyref", read_peer(fields.next()), fields.of("bytes").value))
    raise Bad("CAP-13" if name == "desc:handoff-give" else "CAP-12", "unknown record", it.start)


def or_none(it, read):
    return None if it == s.boolean(False) else read(it)


def read_deliver(fields, dialect):
    to, args = read_target(fields.next()), read_value(fields.of("list"))
    answer = None
    if fields.at < len(fields.items) and fields.items[fields.at] == s.boolean(False):
        fields.next()
    else:
        answer = fields.position()
    resolver = fields.next()
    silent = dialect == "A" and resolver == s.boolean(False)
    expect(not silent, "CAP-14", "not in this dialect", resolver.start)
    return is_("deliver", to, args, answer, or_none(resolver, read_import))


def read_positions(it):
    fields = Fields(it, "CAP-11")
    return tuple(fields.position() for _ in it.value)


def read_own(name, fields, dialect):
    exports, answers = GC[dialect]
    if name == exports:
        positions, deltas = read_positions(fields.of("list")), fields.of("list")
        counts = read_positions(deltas)
        expect(len(positions) == len(counts), "CAP-14", "as many deltas as positions expected", deltas.start)
        return is_("gc-exports", *zip(positions, counts))
    if name == answers:
        return is_("gc-answers", *read_positions(fields.of("list")))
    if dialect == "A" and name == "op:deliver-only":
        return is_("deliver", read_target(fields.next()), read_value(fields.of("list")), None, None)
    other = name == "op:deliver-only" or name in (*GC["A"], *GC["B"])
    raise Bad("CAP-15" if other else "CAP-11", "not in this dialect" if other else "unknown operation", 0)


def read_operation(wire, dialect):
    it = s.decode(wire)
    name, fields = label(it, "CAP-11"), Fields(it, "CAP-11", 1)
    if name == "op:start-session":
        version, key = fields.of("text").value, read_key(fields.next())
        op = is_("start-session", version, key, read_peer(fields.next()), read_signature(fields.next()))
    elif name == "op:deliver":
        op = read_deliver(fields, dialect)
    elif name == "op:listen":
        to, resolver = read_target(fields.next()), read_import(fields.next())
        op = is_("listen", to, resolver, fields.of("bool", "a boolean").value)
    elif name in ("op:get", "op:untag"):
        op = is_(name[3:], read_target(fields.next()), fields.of("text").value, fields.position())
    elif name == "op:index":
        op = is_("index", read_target(fields.next()), fields.position(), fields.position())
    elif name == "op:abort":
        op = is_("abort", fields.of("text").value)
    else:
        op = read_own(name, fields, dialect)
    return fields.done(op)
