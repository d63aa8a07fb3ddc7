"""Chapter 4, section 4.2: cells, at a hop and at the client. Nothing here draws randomness: it is given."""

import crypto as c
from wire import Refused, require, u8

CELL, PAYLOAD, SLOT, SLOTS, HOPS_MOST, LIVE_MOST = 1024, 896, 16, 8, 8, 7
ERA = 1024
VERSION, FORWARD, BACKWARD = 1, 0, 1
RELAY, MESSAGE, THROUGH = 0, 1, 2
ROLES = (RELAY, MESSAGE, THROUGH)
HEAD = SLOT * SLOTS


def aad(direction, role):
    return u8(VERSION) + u8(direction) + u8(role)


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b, strict=True))


class Chain:
    """ONI-5: one direction of one hop. The secret it begins with is that of the era in which `start` lies."""

    def __init__(self, secret, start):
        self.secret, self.era, self.counter = secret, start // ERA, start
        self.start = start

    def seek(self, index):
        """PAC-9: the next cell is the one with this index; those before it never come."""
        assert self.start + index >= self.counter
        self.counter = self.start + index

    def step(self):
        """The counter of this cell; from here on `key` and `filler_key` are those it is sealed under."""
        counter, self.counter = self.counter, self.counter + 1
        while self.era < counter // ERA:
            self.secret, self.era = c.expand(self.secret, c.label("hop next")), self.era + 1
        return counter

    @property
    def key(self):
        return c.expand(self.secret, c.label("hop key"))

    @property
    def filler_key(self):
        return c.expand(self.secret, c.label("hop filler"))

    def filler(self, counter):
        return c.seal(self.filler_key, counter, bytes(SLOT))[:SLOT]


def open_layer(key, counter, direction, roles, tag, sealed):
    """The role under which it opens, and what is in it."""
    for role in roles:
        try:
            return role, c.open_(key, counter, sealed + tag, aad(direction, role))
        except Refused:
            pass
    raise Refused("ONI-6" if direction == FORWARD else "ONI-8", "opens under no role")


def seal_layer(key, counter, direction, role, plain):
    """The tag, and what is sealed."""
    sealed = c.seal(key, counter, plain, aad(direction, role))
    return sealed[-SLOT:], sealed[:-SLOT]


class Hop:
    """A relay's end of one circuit."""

    def __init__(self, forward, backward, start, live):
        assert 0 <= live <= LIVE_MOST
        self.forward, self.backward, self.live = Chain(forward, start), Chain(backward, start), live

    def peel(self, cell):
        """ONI-6: the role, and the cell as it now is."""
        assert len(cell) == CELL
        counter = self.forward.step()
        role, plain = open_layer(self.forward.key, counter, FORWARD, ROLES, cell[:SLOT], cell[SLOT:])
        slots, payload = plain[: HEAD - SLOT], plain[HEAD - SLOT :]
        return role, slots + self.forward.filler(counter) + payload

    def _seal(self, role, live_slots, payload, noise):
        counter = self.backward.step()
        tag, sealed = seal_layer(self.backward.key, counter, BACKWARD, role, live_slots + payload)
        assert len(noise) == SLOT * (LIVE_MOST - self.live)
        return tag + noise + sealed

    def wrap(self, cell, noise):
        """ONI-8, a cell passed on. noise: what slots 1 .. 7 - live are drawn as."""
        first_live = SLOT * (SLOTS - self.live)
        live_slots = cell[first_live:HEAD]
        if self.live:
            live_slots = cell[:SLOT] + live_slots[SLOT:]
        return self._seal(RELAY, live_slots, cell[HEAD:], noise)

    def originate(self, role, payload, live_slots, noise):
        """ONI-8, a cell of this hop's own."""
        assert role != RELAY and len(payload) == PAYLOAD and len(live_slots) == SLOT * self.live
        return self._seal(role, live_slots, payload, noise)


class Client:
    """The client's end of one circuit."""

    def __init__(self):
        self.hops = []

    def push(self, hop):
        assert len(self.hops) < HOPS_MOST
        self.hops.append(hop)

    def pop_to(self, hops):
        del self.hops[hops:]

    def wrap(self, k, role, payload, slots):
        """ONI-7: the cells as hops 1 .. k get them. slots: the first 8 - k of what hop k finds in its slots 1 .. 7."""
        path = self.hops[:k]
        assert len(slots) == SLOT * (SLOTS - k) and len(payload) == PAYLOAD and role != RELAY
        counters = [hop.forward.step() for hop in path]
        # What the last slots hold when the cell comes to a hop; under the layer of the hop they are XORed with the
        # keystream, which sealing zeros shows.
        tail = b""
        for hop, counter in zip(path, counters):
            stream = c.seal(hop.forward.key, counter, bytes(HEAD - SLOT))[: HEAD - SLOT]
            inside = xor(tail, stream[len(stream) - len(tail) :]) if tail else b""
            arrived, tail = tail, inside + hop.forward.filler(counter)
        plain, cells = slots + inside + payload, []
        for j in range(k - 1, -1, -1):
            hop, this = path[j], role if j == k - 1 else RELAY
            tag, sealed = seal_layer(hop.forward.key, counters[j], FORWARD, this, plain)
            if j == k - 1:
                assert sealed[HEAD - SLOT - len(arrived) : HEAD - SLOT] == arrived
            cells.insert(0, tag + sealed)
            # The slots 0 .. 6 and the payload of this cell are what the hop before finds in its layer.
            plain = cells[0][: HEAD - SLOT] + cells[0][HEAD:]
        return cells

    def peel(self, cell):
        """ONI-8: the number of the hop that made the cell, the role, the payload. Refused with the number in `hop`."""
        assert len(cell) == CELL
        tag, rest = cell[:SLOT], cell[SLOT:]
        for number, hop in enumerate(self.hops, 1):
            counter = hop.backward.step()
            roles = (MESSAGE, THROUGH) if number == len(self.hops) else (RELAY, MESSAGE)
            sealed = rest[len(rest) - PAYLOAD - SLOT * hop.live :]
            try:
                role, plain = open_layer(hop.backward.key, counter, BACKWARD, roles, tag, sealed)
            except Refused as e:
                e.hop = number
                raise
            if role != RELAY:
                return number, role, plain[-PAYLOAD:]
            # A hop without live slots has thrown the tag of the next one away.
            tag, rest = (plain[:SLOT], plain[SLOT:]) if hop.live else (None, plain)
            require(tag is not None, "ONI-8", "no tag")
        raise AssertionError
