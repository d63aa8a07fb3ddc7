"""cells.json: records of one cell, and flights in cells."""

import cases_handshake as hs
import cells
import crypto as c
import pair
import vattp as v
from cases_records import OWN_MINE, PEER_MINE, datagram, msg, ping
from frames import encode_frames
from records import Traffic
from rng import rand
from wire import Refused, u64

SPEC = ["VTP-1", "VTP-14", "VTP-15", "VTP-22", "VTP-43", "VTP-44"]
SECRET = rand("cells traffic secret")
EPOCH = cells.BORDER
TOKEN = rand("cells token", 8).hex()
ITEMS = {
    1: [(v.IWANT_SHORTEST, v.IWANT_LONGEST)],
    2: [(v.IAM_LEN, v.IAM_LEN), (v.REPLYINFO_LEN, v.REPLYINFO_LEN)],
    3: [(v.GIVEINFO_LEN, v.GIVEINFO_LEN), (v.GO_LEN, v.GO_LEN)],
}
PAIR = pair.encode_fields(
    {"verdict": "go", "again": 0, "mine": PEER_MINE, "yours": OWN_MINE, "go": 9, "expect": 1, "first": 1, "past": 0}
)


def hello(n):
    return [msg(n, f"cell {n}".encode())]


# --- records -------------------------------------------------------------------------------------------------------


class Row:
    """Cells to one receiver, in the order they come."""

    def __init__(self, first, last, waits=False, secret=SECRET):
        self.first, self.last, self.waits, self.secret = first, last, waits, secret
        self.direction = cells.Direction(secret, first)
        self.receiver = cells.Receiver(secret, first, last, waits)
        self.out = []

    def put(self, index, cell, taken, frames=None, prefix=b""):
        had = self.receiver.gotoo
        found = self.receiver.take(index, cell)
        assert (found is not None) == taken, (index, found)
        gotoo = self.receiver.gotoo if had is None else None
        case = {"index": u64(index).hex(), "cell": cell.hex(), "frames": None, "gotoo": None}
        if taken:
            pads = cells.PLAIN - len(prefix + encode_frames(frames)) > 0
            assert found[: len(frames)] == frames and [f["frame"] for f in found[len(frames) :]] == ["PAD"] * pads
            case |= {"frames": found, "gotoo": None if gotoo is None else gotoo.hex()}
        self.out.append(case)
        return self

    def good(self, index, frames=None, prefix=b""):
        frames = hello(index) if frames is None else frames
        return self.put(index, self.direction.seal(index, frames, prefix), True, frames, prefix)

    def lost(self, index, cell=None):
        return self.put(index, self.direction.seal(index, hello(index)) if cell is None else cell, False)

    def base(self):
        return {
            "traffic_secret": self.secret.hex(),
            "first": u64(self.first).hex(),
            "last": u64(self.last).hex(),
            "waits_for_gotoo": self.waits,
            "cells": self.out,
        }

    def json(self, name, *clauses):
        traffic = self.direction.traffic(self.receiver.last)
        after = {
            "last": u64(self.receiver.last).hex(),
            "secret": traffic.secret.hex(),
            "key": traffic.key.hex(),
        }
        return {"kind": "records", "name": name, "clauses": list(clauses), **self.base(), "after": after}

    def refused(self, name, clause, index, plain):
        """The last cell opens and is refused."""
        cell = c.seal(self.direction.traffic(index).key, index, plain)
        try:
            self.receiver.take(index, cell)
        except Refused as e:
            assert e.clause == clause, (name, e.clause, e.part)
        else:
            raise AssertionError("accepted: " + name)
        refused = {"index": u64(index).hex(), "cell": cell.hex(), "plain": plain.hex()}
        return {"kind": "refused", "name": name, "clauses": [clause], **self.base(), "refused": refused}


def flip(data, at):
    data = bytearray(data)
    data[at] ^= 1
    return bytes(data)


def records():
    rule, full = "VTP-43", [msg(1, rand("cells full", cells.PLAIN - 12))]
    yield Row(0, 1).good(2).good(3).good(4).json("one behind the other", rule)
    yield Row(0, 1).good(2, full).good(3, [datagram(b"d"), ping(TOKEN)]).json("with PAD and without", rule, "VTP-22")
    nearly = [msg(1, rand("cells nearly full", cells.PLAIN - 13))]
    yield Row(0, 1).good(2, nearly).good(3, []).json("PAD of no zeros, and PAD alone", rule, "VTP-22")
    yield Row(7, 8).good(20).good(500).good(1023).json("some are lost", rule)
    at = 1000
    row = Row(at, at + 1)
    for index in range(EPOCH - 2, EPOCH + 2):
        row.good(index)
    yield row.json("a border", rule, "VTP-14")
    yield Row(EPOCH, EPOCH + 1).good(EPOCH + 2).good(2 * EPOCH - 1).good(2 * EPOCH).json("the first at a border", rule)
    yield Row(EPOCH - 1, EPOCH).good(EPOCH + 1).json("a border within the first flight", rule)
    yield Row(EPOCH - 2, EPOCH - 1).good(EPOCH).json("the first record at a border", rule)
    row = Row(5, 6).good(1023).good(1500).good(2 * EPOCH).good(5 * EPOCH + 1).good(9 * EPOCH - 1).good(9 * EPOCH)
    yield row.json("borders in what was lost", rule)
    yield Row(10, 11).good(64 * EPOCH).json("64 borders ahead", rule)
    yield Row(10, 11).good(65 * EPOCH - 1).json("64 borders ahead and no more", rule)
    yield Row(10, 11).lost(65 * EPOCH).good(12).json("65 borders ahead", rule)
    row = Row(10, 11).good(3 * EPOCH + 7).lost(68 * EPOCH).good(67 * EPOCH + 1023).lost(132 * EPOCH).good(131 * EPOCH)
    yield row.json("64 and 65 borders ahead of the last", rule)
    # What is that far ahead is lost unopened.
    yield Row(10, 11).lost(2**64 - 1, rand("cells greatest", cells.CELL)).good(12).json("the greatest index", rule)
    start = 2**40 + 17
    yield Row(start, start + 1).good(start + 2).good(start + 3 * EPOCH).json("great indices", rule)
    yield Row(0, 1).good(2).lost(2).good(3).json("an index again", rule)
    yield Row(0, 1).good(9).lost(8).lost(2).good(10).json("indices going back", rule)
    yield Row(0, 1).good(EPOCH - 1).good(EPOCH).lost(EPOCH - 1).lost(EPOCH - 2).good(EPOCH + 1).json(
        "going back over a border", rule
    )
    yield Row(3, 4).lost(4).lost(3).lost(0).good(5).json("indices of the flight", rule)
    sealed = cells.Direction(SECRET, 0).seal
    row = Row(0, 1).lost(2, flip(sealed(2, hello(2)), 0)).good(2).lost(3, flip(sealed(3, hello(3)), -1))
    row.lost(400, flip(sealed(400, hello(400)), 17)).good(3).good(4)
    yield row.json("bits flipped, and the right cell after it", rule)
    row = Row(0, 1).lost(3, sealed(2, hello(2))).lost(2, sealed(3, hello(3))).good(2)
    yield row.json("sealed for another index", rule)
    old, new, own = (Traffic(SECRET) for _ in range(3))
    new.rekey()
    row = Row(0, 1)
    row.lost(EPOCH, c.seal(old.key, EPOCH, cells.pad(encode_frames(hello(1)))))
    row.lost(EPOCH - 1, c.seal(new.key, EPOCH - 1, cells.pad(encode_frames(hello(1)))))
    row.lost(EPOCH, c.seal(new.key, 0, cells.pad(encode_frames(hello(1)))))
    row.lost(EPOCH, c.seal(SECRET, EPOCH, cells.pad(encode_frames(hello(1)))))
    yield row.good(EPOCH - 1).good(EPOCH).json("keys of the wrong side of a border", rule)
    row = Row(0, 1).lost(2, c.seal(own.key, 2, cells.pad(encode_frames(hello(2))), b"x"))
    yield row.lost(3, bytes(cells.CELL)).lost(4, rand("cells noise", cells.CELL)).good(2).json("noise", rule)

    kind = bytes([cells.GOTOO]) + PAIR
    first = "VTP-44", "VTP-15"
    yield Row(0, 1, True).good(2, [], kind).good(3).json("GOTOO", *first)
    yield Row(0, 1, True).good(2, hello(1), kind).json("GOTOO and frames behind it", *first)
    room = [msg(1, rand("cells gotoo", cells.PLAIN - len(kind) - 12))]
    yield Row(0, 1, True).good(2, room, kind).json("GOTOO and as much as fits", *first)
    yield Row(0, 1, True).lost(2).lost(3).good(4, [], kind).good(5).json("records before GOTOO", *first)
    row = Row(EPOCH - 2, EPOCH - 1, True).lost(EPOCH).good(EPOCH + 3, [], kind).good(2 * EPOCH)
    yield row.json("records before GOTOO, and borders", "VTP-43", *first)


def refused_records():
    yield Row(0, 1).good(2).refused("type 0x0e in a cell", "VTP-22", 3, cells.pad(b"\x0e"))
    yield Row(0, 1).refused("type 0x0d where no GOTOO is awaited", "VTP-22", 2, cells.pad(b"\x0d" + PAIR))
    cut = encode_frames([msg(1, bytes(cells.PLAIN - 11))])[: cells.PLAIN]
    yield Row(0, 1).refused("MSG that the cell cuts short", "VTP-22", 2, cut)
    yield Row(0, 1).refused("PAD with a last byte that is not zero", "VTP-22", 2, bytes(cells.PLAIN - 1) + b"\1")
    ends = encode_frames([msg(1, bytes(cells.PLAIN - 13))]) + b"\5"
    yield Row(0, 1).refused("REKEY", "VTP-43", 2, ends)
    yield Row(0, 1).good(2).refused("REKEY of a cell behind others", "VTP-43", 1024, ends)


# --- flights -------------------------------------------------------------------------------------------------------


def cells_json(parts):
    return [{"index": u64(index).hex(), "cell": cell.hex()} for index, cell in parts]


def flights(runs):
    for run, first in runs:
        for flight, data in ((1, run.flight1), (2, run.flight2), (3, run.flight3)):
            parts = cells.cut(data, first)
            assert cells.join(parts, ITEMS[flight]) == data
            yield {
                "kind": "flight",
                "name": f"{run.setup.name}, flight {flight}",
                "clauses": ["VTP-44"],
                "base": run.setup.name,
                "flight": flight,
                "first": u64(first).hex(),
                "cells": cells_json(parts),
            }
        first_of_r = first + 5000
        row = Row(first_of_r, first_of_r + 1, True, run.r.s.s_r_to_i)
        row.good(first_of_r + 2, run.setup.r_frames[:1], bytes([cells.GOTOO]) + run.gotoo)
        yield row.json(f"{run.setup.name}, flight 4", "VTP-44", "VTP-14", "VTP-15")


def refused_flights(run):
    def bad(name, flight, parts, clause="VTP-44"):
        try:
            cells.join(parts, ITEMS[flight])
        except Refused as e:
            assert e.clause == clause, (name, e.clause, e.part)
        else:
            raise AssertionError("accepted: " + name)
        return {
            "kind": "flight refused",
            "name": name,
            "clauses": [clause],
            "base": run.setup.name,
            "flight": flight,
            "cells": cells_json(parts),
        }

    for flight, data in ((1, run.flight1), (2, run.flight2)):
        (i, one), (_, two) = cells.cut(data, 40)
        yield bad(f"flight {flight}: an index left out", flight, [(i, one), (i + 2, two)])
        yield bad(f"flight {flight}: an index again", flight, [(i, one), (i, two)])
        yield bad(f"flight {flight}: an index going back", flight, [(i, one), (i - 1, two)])
        yield bad(f"flight {flight}: a border left out", flight, [(i, one), (i + EPOCH, two)])
        yield bad(f"flight {flight}: the last byte of the rest", flight, [(i, one), (i + 1, flip(two, -1))])
        end = len(data) - cells.CELL
        yield bad(f"flight {flight}: the first byte of the rest", flight, [(i, one), (i + 1, flip(two, end))])
    long = flip(cells.cut(run.flight1, 40)[0][1], 0)
    yield bad("flight 1: a length beyond all", 1, [(40, long), (41, bytes(cells.CELL))], "VTP-1")
    [(i, one)] = cells.cut(run.flight3, 40)
    yield bad("flight 3: the last byte of the rest", 3, [(i, flip(one, -1))])


def make():
    setups = {s.name: s for s in hs.setups()}
    names = {
        "vat, slave initiates, records behind GO and GOTOO": 40,
        "sixteen versions and suites offered, the longest IWANT": EPOCH - 1,
    }
    runs = [(hs.Run(setups[name]), first) for name, first in names.items()]
    out = [*records(), *refused_records(), *flights(runs), *refused_flights(runs[0][0])]
    return {
        "comment": "Records of one cell each, by index; flights cut into cells.",
        "spec": SPEC,
        "cases": out,
    }
