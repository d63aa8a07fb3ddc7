"""Chapter 4, section 4.1: what travels on a link between two ends that have shaken hands."""

import pair
from records import LAST_COUNTER, Sender
from wire import Reader, require, u8, u32, u64

CELL, CELLS_MOST = 1024, 31
PADDING, WORDS, HALF, ID_MOST = 0, 2**31, 2**31, 2**32 - 1
ENDED_MOST = 255

# ONI-1: what GO and GOTOO say of the pair, there being none.
FIXED = {"verdict": "go", "again": 0, "mine": 1, "yours": 0, "go": 1, "expect": 1, "first": 1, "past": 0}


def read_pair(data):
    r = Reader(data, "ONI-1")
    fields = [r.u8("verdict"), r.u8("again"), *(r.u64(name) for name in pair.NUMBERS)]
    r.end("pair fields")
    require(fields == [1, 0, *(FIXED[name] for name in pair.NUMBERS)], "ONI-1", "pair fields")


def encode_record(tick, cells):
    return u32(tick) + b"".join(u32(id_) + cell for id_, cell in cells)


def read_record(plain, pacing=False):
    r = Reader(plain, "ONI-2")
    tick, cells = r.u32("tick"), []
    require(tick == 0 or pacing, "ONI-2", "tick")
    while r.left():
        cells.append((r.u32("circuit id"), r.take(CELL, "cell")))
    require(cells != [], "ONI-2", "no cell")
    require(len(cells) <= CELLS_MOST, "ONI-2", "too many cells")
    return tick, cells


class Direction(Sender):
    """ONI-2: the records of one direction; the key changes behind every 2^20."""

    def plain(self, plain):
        return super().plain(plain, self.traffic.counter == LAST_COUNTER)


def encode_ended(ids):
    body = u8(len(ids)) + b"".join(u32(id_) for id_ in ids)
    return body + bytes(CELL - len(body))


def read_ended(cell):
    r = Reader(cell, "ONI-4")
    n = r.u8("n")
    require(n > 0, "ONI-4", "n")
    ids = [r.u32("circuit id") for _ in range(n)]
    require(not any(r.take(r.left(), "rest")), "ONI-4", "rest")
    return ids


class Ids:
    """ONI-3: the circuit ids of one end of a link. opens: whether the other end may open circuits here."""

    def __init__(self, dialled, opens=True):
        self.own_first, self.other_first = (1, HALF + 1) if dialled else (HALF + 1, 1)
        self.given, self.heard = self.own_first - 1, self.other_first - 1
        self.opens, self.in_use = opens, set()

    def gives(self):
        """The next id of one's own."""
        assert self.given < self.own_first + HALF - 2
        self.given += 1
        self.in_use.add(self.given)
        return self.given

    def cell(self, id_):
        """What becomes of a cell with this id that is neither padding nor link words."""
        assert id_ not in (PADDING, WORDS)
        if id_ in self.in_use:
            return "goes on"
        own = (id_ < HALF) == (self.own_first < HALF)
        if own:
            require(id_ <= self.given, "ONI-3", "never given")
            return "dropped"
        if id_ <= self.heard:
            return "dropped"
        require(self.opens, "ONI-3", "may not open")
        self.heard = id_
        self.in_use.add(id_)
        return "opens"

    def over(self, ids):
        """Those of them that were in use."""
        ended = []
        for id_ in ids:
            if id_ in self.in_use:
                self.in_use.remove(id_)
                ended.append(id_)
        return ended
