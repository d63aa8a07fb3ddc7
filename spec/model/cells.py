"""Chapter 3, VTP-43 and VTP-44: flights and records in cells."""

import crypto as c
from frames import decode_frames, encode_frames
from records import Traffic
from wire import Reader, Refused, require

CELL, PLAIN = 896, 880
BORDER, AHEAD_MOST = 1024, 64
GOTOO = 0x0D


class Direction:
    """The keys of one direction. first: the index of the first cell of its first flight."""

    def __init__(self, secret, first):
        self.secret, self.first = secret, first

    def traffic(self, index):
        traffic = Traffic(self.secret)
        for _ in range(index // BORDER - self.first // BORDER):
            traffic.rekey()
        return traffic

    def seal(self, index, frames, prefix=b""):
        return c.seal(self.traffic(index).key, index, pad(prefix + encode_frames(frames)))


def pad(plain):
    """PAD is a type and zeros, all of them zero bytes."""
    assert len(plain) <= PLAIN
    return plain + bytes(PLAIN - len(plain))


class Receiver:
    """last: the index of the last cell taken, in a flight or as a record."""

    def __init__(self, secret, first, last, waits_for_gotoo=False):
        self.direction, self.last, self.waits = Direction(secret, first), last, waits_for_gotoo
        self.gotoo = None

    def take(self, index, cell):
        """The frames of a cell, or None where it is as if lost."""
        assert len(cell) == CELL
        if index <= self.last or index // BORDER - self.last // BORDER > AHEAD_MOST:
            return None
        try:
            plain = c.open_(self.direction.traffic(index).key, index, cell, clause="VTP-43", part="does not open")
        except Refused:
            return None
        if self.waits:
            if plain[0] != GOTOO:
                return None
            self.waits, self.gotoo, plain = False, plain[1:51], plain[51:]
        self.last = index
        frames = decode_frames(plain)
        require(all(f["frame"] != "REKEY" for f in frames), "VTP-43", "REKEY")
        return frames


def cut(flight, first):
    """The cells of a flight: pairs of index and bytes."""
    parts = [flight[at : at + CELL] for at in range(0, len(flight), CELL)]
    return [(first + i, part + bytes(CELL - len(part))) for i, part in enumerate(parts)]


def join(cells, items):
    """The items, with their lengths, that these cells hold; items: how many, and their lengths (shortest, longest)."""
    for (before, _), (after, _) in zip(cells, cells[1:]):
        require(after == before + 1, "VTP-44", "gap")
    reader = Reader(b"".join(cell for _, cell in cells), "VTP-44")
    for shortest, longest in items:
        n = reader.u16("length")
        require(shortest <= n <= longest, "VTP-1", "length")
        reader.take(n, "item")
    at, rest = reader.at, reader.take(reader.left(), "rest")
    require(len(rest) < CELL, "VTP-44", "a cell too many")
    require(not any(rest), "VTP-44", "rest")
    return reader.data[:at]
