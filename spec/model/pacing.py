"""Chapter 5: places, batches, plays and steps. No clock is here: what a node has made so far is given as a number."""

from links import CELL, CELLS_MOST, HALF
from wire import Reader, require, u32

LAST, TICK_MOST, TICKS_AHEAD = 2**31, 2**31 - 1, 1200
BATCH_CELLS_MOST, RECORDS_MOST = 16384, 529
STEP_LEAST = 64

CLASSES = ("idle", "talk", "fast", "bulk")


# --- PAC-3, PAC-5 --------------------------------------------------------------------------------------------------


def tick_of(class_, first, i):
    """The tick of the batch in which cell i of a circuit stands; first is t0."""
    return {"idle": first + 4 * i, "talk": first + i, "fast": first + i // 4, "bulk": first + i // 16}[class_]


def indices_in(class_, first, tick):
    """The cells of a circuit in a batch, in their order. Found by looking at each cell, from PAC-5's formula alone."""
    found, i = [], 0
    while tick_of(class_, first, i) <= tick:
        if tick_of(class_, first, i) == tick:
            found.append(i)
        i += 1
    return found


def cells_in_a_turn(class_):
    return len(indices_in(class_, 0, 0))


def class_of(circuit_id):
    """The class of a circuit: its id is 4 k + class, in either half, as 2^31 is a multiple of 4."""
    return CLASSES[(circuit_id % HALF) % 4]


# --- PAC-4 ---------------------------------------------------------------------------------------------------------


def encode_record(tick, last, cells):
    assert 0 < tick <= TICK_MOST
    return u32(tick + (LAST if last else 0)) + b"".join(u32(id_) + cell for id_, cell in cells)


def read_record(plain):
    r = Reader(plain, "PAC-4")
    four, cells = r.u32("tick"), []
    last, tick = four >= LAST, four % LAST
    require(tick > 0, "PAC-4", "tick")
    r.clause = "ONI-2"
    while r.left():
        cells.append((r.u32("circuit id"), r.take(CELL, "cell")))
    require(cells != [], "ONI-2", "no cell")
    require(len(cells) <= CELLS_MOST, "ONI-2", "too many cells")
    return tick, last, cells


class Batches:
    """The records of one direction, batch by batch."""

    def __init__(self):
        self.tick, self.cells, self.records, self.open = 0, 0, 0, False

    def record(self, tick, last, cells):
        """The batch that is complete with this record (its tick, the batches left out before it, its cells), or None."""
        if self.open:
            require(tick == self.tick, "PAC-4", "another tick within a batch")
        else:
            require(tick > self.tick, "PAC-4", "tick does not rise")
            require(self.tick > 0 or tick == 1, "PAC-4", "first tick")
            require(tick <= self.tick + TICKS_AHEAD, "PAC-4", "tick rises too much")
            self.skipped = tick - self.tick - 1
            self.tick, self.cells, self.records = tick, 0, 0
        self.cells, self.records, self.open = self.cells + cells, self.records + 1, not last
        require(self.cells <= BATCH_CELLS_MOST, "PAC-4", "too many cells in a batch")
        require(self.records <= RECORDS_MOST, "PAC-4", "too many records in a batch")
        return (self.tick, self.skipped, self.cells) if last else None


# --- PAC-6 ---------------------------------------------------------------------------------------------------------


class Plays:
    """When the batches of one direction are played."""

    def __init__(self, jitter):
        self.jitter, self.complete, self.s = jitter, [], None

    def batch(self, tick, next_, opens):
        """A batch is complete, the receiver makes its batch next_ next; opens: the first cell of the first circuit is in it.

        None before the first circuit, then the receiver's batch in which it is played, or "late"."""
        self.complete.append((tick, next_))
        if self.s is None and opens:
            # The J-th batch made after (t, n) was complete is n + J - 1. Of these the one that came earliest decides.
            self.s = min(n + self.jitter - 1 - t for t, n in self.complete)
        if self.s is None:
            return None
        played = tick + self.s
        return played if next_ <= played <= next_ + self.jitter + 2 else "late"


# --- PAC-8 ---------------------------------------------------------------------------------------------------------


def client_step(slots, class_):
    if class_ == "idle":
        return -(-slots // 4)
    return slots * cells_in_a_turn(class_)


class Step:
    """The step of one direction of a link between relays; epoch in quanta."""

    def __init__(self, epoch, padding=True):
        self.epoch, self.padding, self.now, self.since = epoch, padding, STEP_LEAST, []

    def wants(self, cells):
        """A circuit found no room; with it circuits would have had so many cells in one quantum."""
        self.since.append(cells)

    def batch(self, tick, cells):
        """The step of the batch with this tick, in which circuits have so many cells."""
        if not self.padding:
            return max(cells, 1)
        self.since.append(cells)
        if tick % self.epoch == 0:
            most, self.now = max(self.since), STEP_LEAST
            while self.now < 2 * most:
                self.now *= 2
            self.now = min(self.now, BATCH_CELLS_MOST)
            self.since = [cells]
        return self.now
