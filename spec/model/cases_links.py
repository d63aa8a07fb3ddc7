"""links.json: the pair fields of a link, its records, circuit ids, link words."""

import cases_hop_handshake as hs
import crypto as c
import links as l
import pair
from records import LAST_COUNTER
from rng import rand
from wire import Refused, lp, u8, u32, u64

SPEC = ["ONI-1", "ONI-2", "ONI-3", "ONI-4"]
SECRET = rand("links traffic secret")


def refused(clause, take, *args):
    try:
        take(*args)
    except Refused as e:
        assert e.clause == clause, (e.clause, e.part)
    else:
        raise AssertionError(args)


def case(kind, name, clause, **fields):
    return {"kind": kind, "name": name, "clauses": [clause], **fields}


# --- ONI-1 ---------------------------------------------------------------------------------------------------------


def pairs():
    good = pair.encode_fields(l.FIXED)
    l.read_pair(good)
    yield case("pair fields", "the pair fields of a link", "ONI-1", bytes=good.hex())
    for name, value in (
        *(("verdict", value) for value in ("dup", "gone", "say")),
        ("again", 1),
        *(("mine", value) for value in (0, 2, 2**62)),
        *(("yours", value) for value in (1, 2**62)),
        *(("go", value) for value in (0, 2)),
        *(("expect", value) for value in (0, 2)),
        *(("first", value) for value in (0, 2)),
        *(("past", value) for value in (1, 2**64 - 1)),
    ):
        fields = pair.encode_fields(l.FIXED | {name: value})
        refused("ONI-1", l.read_pair, fields)
        yield case("pair fields refused", f"{name} {value}", "ONI-1", bytes=fields.hex(), behind="")
    behind = {"a PAD": b"\0", "a DATAGRAM": b"\x0c\0\1d"}
    for name, data in behind.items():
        refused("ONI-1", l.read_pair, good + data)
        fields = {"bytes": good.hex(), "behind": data.hex()}
        yield case("pair fields refused", f"{name} behind them in the record with GOTOO", "ONI-1", **fields)


# --- ONI-2 ---------------------------------------------------------------------------------------------------------


def cells(label, ids):
    return [(id_, rand(f"links {label} {i}", l.CELL)) for i, id_ in enumerate(ids)]


def cells_json(found):
    return [{"id": id_, "cell": cell.hex()} for id_, cell in found]


def records():
    for name, ids in (
        ("one cell", [1]),
        ("three cells of two circuits", [7, 2**31 + 1, 7]),
        ("padding and the greatest ids", [0, 2**31 - 1, 2**32 - 1]),
        ("31 cells", range(1, 32)),
    ):
        found = cells(name, ids)
        plain = l.encode_record(0, found)
        assert l.read_record(plain) == (0, found)
        yield case("record", name, "ONI-2", plain=plain.hex(), cells=cells_json(found))
    [(_, one)] = cells("refused", [1])
    whole = l.encode_record(0, [(1, one)])
    for name, plain in (
        ("no byte", b""),
        ("a tick cut short", bytes(3)),
        ("a tick alone", bytes(4)),
        ("a tick and an id", bytes(8)),
        ("a cell cut short", whole[:-1]),
        ("a byte behind the cell", whole + b"\0"),
        ("an id behind the cell", whole + u32(2)),
        ("a second cell cut short", whole + whole[4:-1]),
        ("a tick where nothing is paced", b"\0\0\0\1" + whole[4:]),
        ("the greatest tick", b"\xff" * 4 + whole[4:]),
        ("32 cells", whole[:4] + whole[4:] * 32),
    ):
        refused("ONI-2", l.read_record, plain)
        yield case("record refused", name, "ONI-2", plain=plain.hex())
    assert l.read_record(b"\0\0\0\1" + whole[4:], pacing=True) == (1, [(1, one)])


def sealed():
    """Records as they stand on the stream, and the border at which the key changes."""
    for name, counter, times in (("the first records", 0, 2), ("the key changes", LAST_COUNTER - 1, 4)):
        direction, out = l.Direction(SECRET), []
        direction.traffic.counter = counter
        for i in range(times):
            plain = l.encode_record(0, cells(f"{name} {i}", [1]))
            at, key = direction.traffic.counter, direction.traffic.key
            record = {"counter": u64(at).hex(), "key": key.hex(), "plain": plain.hex()}
            out.append(record | {"wire": direction.plain(plain).hex()})
        start = {"traffic_secret": SECRET.hex(), "counter": u64(counter).hex()}
        yield case("sealed", name, "ONI-2", **start, records=out)
    key, plain = c.expand(SECRET, c.label("key")), l.encode_record(0, cells("late", [1]))
    late = {"counter": u64(2**20).hex(), "key": key.hex(), "plain": plain.hex()}
    wire = c.seal(key, 2**20, plain)
    start = {"traffic_secret": SECRET.hex(), "counter": u64(LAST_COUNTER).hex()}
    direction = l.Direction(SECRET)
    direction.traffic.counter = LAST_COUNTER
    before = direction.plain(plain)
    late |= {"wire": lp(wire).hex()}
    fields = {**start, "before": before.hex(), "refused": late}
    yield case("sealed refused", "the old key behind its last record", "ONI-2", **fields)


# --- ONI-3, ONI-4 --------------------------------------------------------------------------------------------------


class Link:
    """One end of a link and what it hears."""

    def __init__(self, name, side, opens=True):
        self.name, self.side, self.opens, self.steps = name, side, opens, []
        self.ids = l.Ids(side == "dialler", opens)

    def gives(self, times=1):
        for _ in range(times):
            self.steps.append({"step": "gives", "id": self.ids.gives()})
        return self

    def hears(self, id_, outcome):
        assert self.ids.cell(id_) == outcome, (self.name, id_)
        self.steps.append({"step": "hears", "id": id_, "outcome": outcome})
        return self

    def words(self, *ids):
        self.steps.append({"step": "words", "ids": list(ids), "ended": self.ids.over(ids)})
        return self

    def base(self):
        return {"side": self.side, "opens": self.opens, "steps": self.steps}

    def json(self, *clauses):
        return {"kind": "ids", "name": self.name, "clauses": list(clauses) or ["ONI-3"], **self.base()}

    def refused(self, id_):
        refused("ONI-3", self.ids.cell, id_)
        return {"kind": "ids refused", "name": self.name, "clauses": ["ONI-3"], **self.base(), "refused": id_}


def ids():
    half = l.HALF
    for side, own, other in (("dialler", 1, half + 1), ("accepter", half + 1, 1)):

        def link(name):
            return Link(f"{side}: {name}", side)

        yield link("its own ids rise").gives(3).hears(own, "goes on").hears(own + 2, "goes on").json()
        circuits = link("the other's ids rise").hears(other, "opens").hears(other + 1, "opens").hears(other, "goes on")
        yield circuits.json()
        circuits = link("ids may be left out").hears(other + 4, "opens").hears(other + 3, "dropped")
        yield circuits.hears(other, "dropped").hears(other + 5, "opens").hears(other + 4, "goes on").json()
        last = other + half - 2
        circuits = link("the greatest id").hears(other, "opens").hears(last, "opens").hears(last, "goes on")
        yield circuits.hears(last - 1, "dropped").json()
        circuits = link("what is over is dropped").gives(2).hears(other, "opens").words(own, other)
        circuits.hears(own, "dropped").hears(other, "dropped").hears(own + 1, "goes on").hears(other + 1, "opens")
        yield circuits.gives().hears(other, "dropped").json("ONI-3", "ONI-4")
        circuits = link("link words for what is not in use").gives().words(own + 1, other, 0, half, own, own)
        yield circuits.hears(own, "dropped").hears(other, "opens").gives().json("ONI-3", "ONI-4")
        yield link("its own first id, never given").refused(own)
        yield link("its own second id, never given").gives().refused(own + 1)
        yield link("its own greatest id").gives(2).refused(own + half - 2)
    closed = Link("a client lets nobody open", "dialler", opens=False).gives(2).hears(2, "goes on").words(1)
    yield closed.hears(1, "dropped").refused(half + 1)
    yield Link("a client lets nobody open, from the first cell on", "dialler", opens=False).refused(l.ID_MOST)


def words():
    for name, found in (
        ("one", [1]),
        ("ids of both halves", [2, l.HALF + 1, l.ID_MOST, l.HALF - 1]),
        ("ids that are none", [0, l.HALF, 5, 5]),
        ("255", list(range(1, 256))),
    ):
        cell = l.encode_ended(found)
        assert l.read_ended(cell) == found
        yield case("words", "link words: " + name, "ONI-4", cell=cell.hex(), ids=found)
    one, most = l.encode_ended([9]), l.encode_ended(list(range(1, 256)))
    for name, cell in (
        ("none", bytes(l.CELL)),
        ("none, and an id", u8(0) + one[1:]),
        ("a byte behind them", hs.flip(one, 5)),
        ("the last byte", hs.flip(one, -1)),
        ("one id more than said", u8(1) + l.encode_ended([9, 8])[1:]),
        ("the last byte behind 255", hs.flip(most, -1)),
        ("the first byte behind 255", hs.flip(most, 1021)),
        ("one less than 255 said", u8(254) + most[1:]),
    ):
        refused("ONI-4", l.read_ended, cell)
        yield case("words refused", "link words: " + name, "ONI-4", cell=cell.hex())


def make():
    out = [*pairs(), *records(), *sealed(), *ids(), *words()]
    return {"comment": "Links: pair fields, records, circuit ids, link words.", "spec": SPEC, "cases": out}
