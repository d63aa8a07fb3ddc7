"""paced_cells.json: cells whose counters follow from their indices, with gaps, at every hop and at the client."""

import copy

import onion as o
from cases_onion_cells import NAMES, Circuit, flip, lives, start
from onion import ERA, HEAD, MESSAGE, RELAY, SLOT, THROUGH
from rng import rand
from wire import Refused, u64

SPEC = ["PAC-9", "PAC-10", "PAC-11", "PAC-13"]


class Paced(Circuit):
    """A circuit whose hops have offsets: those of hop 1 are 0, those of the others rise from hop to hop."""

    def __init__(self, name, lives_, offsets, starts=None):
        self.offsets = []
        self.given = list(offsets)
        super().__init__("paced " + name, lives_, starts)
        self.name = name

    def add(self, live, at):
        forward, backward = self.given[len(self.offsets)]
        self.offsets.append((forward, backward))
        return super().add(live, at) | {"offsets": {"forward": forward, "backward": backward}}

    def at(self, hop, index, way):
        """The index that the cell with this one on the first link has at a hop."""
        return index - self.offsets[hop - 1][way]

    def seek_client(self, index, way):
        for number, hop in enumerate(self.client.hops, 1):
            chain = hop.backward if way else hop.forward
            chain.seek(self.at(number, index, way))

    def forward(self, index, k, role, reaches=None):
        """The cell with this index on the first link, which comes to hop `reaches` and no further."""
        self.said += 1
        reaches = k if reaches is None else reaches
        self.seek_client(index, 0)
        payload, slots = self.drawn("payload", o.PAYLOAD), self.drawn("slots", SLOT * (o.SLOTS - k))
        cells, layers = self.client.wrap(k, role, payload, slots), []
        cell = cells[0]
        for number, relay in enumerate(self.relays[:reaches], 1):
            assert cell == cells[number - 1]
            here = self.at(number, index, 0)
            relay.forward.seek(here)
            counter = relay.forward.counter
            assert counter == relay.forward.start + here
            found, after = relay.peel(cell)
            assert found == (role if number == k else RELAY)
            layers.append(
                {
                    "index": here,
                    "counter": u64(counter).hex(),
                    "key": relay.forward.key.hex(),
                    "filler_key": relay.forward.filler_key.hex(),
                    "cell": cell.hex(),
                }
            )
            cell = after
        if reaches == k:
            assert cell[HEAD:] == payload
        step = {"step": "forward", "index": index, "hop": k, "role": NAMES[role], "payload": payload.hex()}
        self.steps.append(step | {"slots": slots.hex(), "reaches": reaches, "layers": layers})
        return self

    def wrapped(self, index, f, cell, first):
        """What leaves hops f .. 1, of a cell that hop f makes with `first`, or wraps if that is None."""
        layers = []
        for number in range(f, 0, -1):
            relay, here = self.relays[number - 1], self.at(number, index, 1)
            relay.backward.seek(here)
            noise = self.drawn(f"noise {number}", SLOT * (o.LIVE_MOST - relay.live))
            counter = relay.backward.counter
            cell = first(relay, noise) if number == f and first else relay.wrap(cell, noise)
            key = relay.backward.key.hex()
            layers.append({"index": here, "counter": u64(counter).hex(), "key": key, "cell": cell.hex()})
        return layers, cell

    def backward(self, index, f, role):
        """Hop f says something; index is that of the cell on the first link."""
        self.said += 1
        payload = self.drawn("payload", o.PAYLOAD)
        live_slots = self.drawn("live slots", SLOT * self.relays[f - 1].live)
        first = lambda relay, noise: relay.originate(role, payload, live_slots, noise)
        layers, cell = self.wrapped(index, f, None, first)
        self.seek_client(index, 1)
        assert self.client.peel(cell) == (f, role, payload)
        step = {"step": "backward", "index": index, "hop": f, "role": NAMES[role], "payload": payload.hex()}
        self.steps.append(step | {"live_slots": live_slots.hex(), "layers": layers})
        return self

    def gap(self, index, f):
        """PAC-10: nothing came to hop f from the next in this place; it puts its layer on noise, and the client finds that of f + 1 broken."""
        self.said += 1
        noise = self.drawn("noise", o.CELL)
        layers, cell = self.wrapped(index, f, noise, None)
        self.seek_client(index, 1)
        try:
            self.client.peel(cell)
        except Refused as e:
            assert e.clause == "ONI-8" and e.hop == f + 1
        else:
            raise AssertionError("opened: " + self.name)
        step = {"step": "gap", "index": index, "hop": f, "noise": noise.hex(), "layers": layers, "broken": f + 1}
        self.steps.append(step)
        return self

    def join(self, live, at, offsets):
        self.given.append(offsets)
        return super().join(live, at)

    def leave(self, hops):
        del self.offsets[hops:], self.given[hops:]
        return super().leave(hops)

    def json(self, *clauses):
        return self.base("circuit", self.name, list(clauses) or SPEC[:1] + SPEC[2:3])

    def not_forward(self, hop, index, cell):
        """This cell does not open at this hop, in the place with this index there."""
        relay = copy.deepcopy(self.relays[hop - 1])
        relay.forward.seek(index)
        counter = relay.forward.counter
        try:
            relay.peel(cell)
        except Refused as e:
            assert e.clause == "ONI-6"
        else:
            raise AssertionError("opened: " + self.name)
        refused = {"hop": hop, "index": index, "counter": u64(counter).hex(), "cell": cell.hex()}
        return {**self.base("forward refused", self.name, ["PAC-9"]), "refused": refused}

    def not_backward(self, hop, index, cell):
        """Of this cell, in the place with this index on the first link, the client finds that it fails at this hop."""
        end = copy.deepcopy(self)
        end.seek_client(index, 1)
        try:
            end.client.peel(cell)
        except Refused as e:
            assert e.clause == "ONI-8" and e.hop == hop, (self.name, e.hop)
        else:
            raise AssertionError("opened: " + self.name)
        refused = {"hop": hop, "index": index, "cell": cell.hex()}
        return {**self.base("backward refused", self.name, ["PAC-9", "PAC-13"]), "refused": refused}


OFFSETS = [(0, 0), (40, 17), (95, 44)]


def three(name, starts=None, offsets=OFFSETS):
    return Paced(name, lives(1, 3), offsets, starts)


# --- what opens ----------------------------------------------------------------------------------------------------


def circuits():
    circuit = Paced("one hop, every cell", [2], OFFSETS[:1])
    for index in range(2, 6):
        circuit.forward(index, 1, MESSAGE).backward(index, 1, MESSAGE)
    yield circuit.json()
    circuit = Paced("three hops, the first cells that each can get", [3], OFFSETS[:1]).forward(2, 1, MESSAGE)
    circuit.backward(2, 1, MESSAGE).join(2, start("paced first second"), OFFSETS[1]).forward(42, 2, MESSAGE)
    circuit.backward(19, 2, MESSAGE).join(1, start("paced first third"), OFFSETS[2]).forward(97, 3, THROUGH)
    yield circuit.backward(46, 3, THROUGH).json()
    circuit = three("to one hop and to another, each counts all places")
    for index, hop in ((100, 3), (101, 1), (102, 2), (103, 3), (104, 1), (110, 3)):
        role = THROUGH if hop == 3 else MESSAGE
        circuit.forward(index, hop, role).backward(index, hop, role)
    yield circuit.json()
    circuit = three("offsets of 0", offsets=[(0, 0)] * 3)
    yield circuit.forward(2, 3, THROUGH).backward(2, 3, THROUGH).forward(3, 3, THROUGH).json()
    far = Paced("offsets of eras", [3], OFFSETS[:1], [5]).join(2, 1023, (9 * ERA - 1, 3 * ERA))
    far.forward(9 * ERA + 1, 2, MESSAGE).backward(3 * ERA + 2, 2, MESSAGE).join(1, 0, (9 * ERA + 7, 20 * ERA + 1))
    yield far.forward(9 * ERA + 9, 3, THROUGH).backward(20 * ERA + 3, 3, THROUGH).json()


def eras():
    """Gaps across eras: near a border, over several, and each hop at its own."""
    greatest = 2**62 - 1
    for name, starts in (
        ("every hop has its border elsewhere", [ERA - 102, 7 * ERA - 63, greatest]),
        ("the first layer is the first of an era", [ERA - 2, ERA - 2, 2 * ERA - 2]),
        ("the request ends an era", [ERA - 1, ERA - 1, 2 * ERA - 1]),
        ("starts near 0", [0, 1, 1022]),
    ):
        circuit = three(name, starts)
        for index in (97, 98, 101, 102, 103, 104, 97 + ERA, 98 + ERA, 100 + 3 * ERA):
            circuit.forward(index, 3, THROUGH).backward(index, 3, THROUGH)
        yield circuit.json()
    circuit = Paced("60 eras that nobody has heard anything of", [3], OFFSETS[:1], [ERA - 3])
    yield circuit.forward(2, 1, MESSAGE).forward(60 * ERA, 1, MESSAGE).backward(60 * ERA + 2, 1, MESSAGE).json()


def gaps():
    circuit = three("cells that are lost on the way there", [ERA - 104, ERA - 60, ERA - 9])
    for index, reaches in ((100, 3), (101, 1), (102, 2), (103, 0), (104, 3), (105, 2), (106, 1), (107, 3)):
        circuit.forward(index, 3, THROUGH, reaches)
    yield circuit.json()
    circuit = three("noise on the way back", [ERA - 104, ERA - 85, ERA - 59])
    circuit.backward(100, 3, THROUGH).gap(101, 1).backward(102, 3, MESSAGE).gap(103, 2).gap(104, 2)
    circuit.backward(105, 2, MESSAGE).gap(106, 1).backward(107, 3, THROUGH).backward(109, 3, THROUGH)
    yield circuit.json("PAC-9", "PAC-10", "PAC-11", "PAC-13")


def growing():
    circuit = Paced("hops that come and go", lives(3, 1), OFFSETS[:1])
    circuit.forward(9, 1, MESSAGE).backward(7, 1, MESSAGE).join(2, start("paced second"), (12, 10))
    circuit.forward(20, 2, MESSAGE).backward(20, 2, MESSAGE).join(1, start("paced third"), (30, 26))
    circuit.forward(32, 3, THROUGH).backward(40, 3, THROUGH).forward(35, 1, MESSAGE).leave(1).backward(50, 1, MESSAGE)
    circuit.join(2, start("paced second again"), (60, 70)).forward(62, 2, THROUGH).backward(72, 2, THROUGH)
    yield circuit.json()


# --- what does not -------------------------------------------------------------------------------------------------


def refused():
    for hop in (1, 2, 3):
        circuit = three(f"a cell comes to hop {hop} a place too late").forward(100, 3, THROUGH)
        cell = bytes.fromhex(circuit.steps[-1]["layers"][hop - 1]["cell"])
        del circuit.steps[-1]
        again = three(circuit.name)
        yield again.not_forward(hop, again.at(hop, 101, 0), cell)
        again = three(f"a cell comes to hop {hop} a place too early")
        yield again.not_forward(hop, again.at(hop, 99, 0), relabelled(again, hop))
        circuit = three(f"a cell comes to hop {hop} again in the next place").forward(100, 3, THROUGH)
        cell = bytes.fromhex(circuit.steps[-1]["layers"][hop - 1]["cell"])
        yield circuit.not_forward(hop, circuit.at(hop, 101, 0), cell)
        circuit = three(f"a bit of a cell on the way to hop {hop}, behind a gap").forward(100, 3, THROUGH)
        cell = relabelled(circuit, hop, 102)
        yield circuit.not_forward(hop, circuit.at(hop, 102, 0), flip(cell, HEAD))
    circuit = three("noise in the place of a cell").forward(100, 3, THROUGH)
    yield circuit.not_forward(2, circuit.at(2, 101, 0), rand("paced noise", o.CELL))
    for hop in (1, 2, 3):
        circuit = three(f"what leaves hop {hop} comes a place too late")
        yield circuit.not_backward(hop, 101, left(circuit, hop, 100))
        circuit = three(f"what leaves hop {hop} comes a place too early")
        yield circuit.not_backward(hop, 99, left(circuit, hop, 100, 99))
    circuit = three("noise in the place of what comes").backward(100, 3, THROUGH)
    yield circuit.not_backward(1, 101, rand("paced noise back", o.CELL))


def relabelled(circuit, hop, index=100):
    """A cell for hop 3 as this hop would get it; the circuit does not move on."""
    other = copy.deepcopy(circuit)
    other.forward(index, 3, THROUGH)
    return bytes.fromhex(other.steps[-1]["layers"][hop - 1]["cell"])


def left(circuit, hop, index, passed=None):
    """What the client gets of a cell that hop 3 made for this index, if the hops before `hop` take it for that of another place."""
    other = copy.deepcopy(circuit)
    passed = index + 1 if passed is None else passed
    other.said += 1
    payload, live_slots = other.drawn("payload", o.PAYLOAD), other.drawn("live slots", SLOT * other.relays[2].live)
    first = lambda relay, noise: relay.originate(THROUGH, payload, live_slots, noise)
    cell = None
    for number in (3, 2, 1):
        relay = other.relays[number - 1]
        relay.backward.seek(other.at(number, index if number >= hop else passed, 1))
        noise = other.drawn(f"noise {number}", SLOT * (o.LIVE_MOST - relay.live))
        cell = first(relay, noise) if number == 3 else relay.wrap(cell, noise)
    return cell


def make():
    cases = [*circuits(), *eras(), *gaps(), *growing(), *refused()]
    return {"comment": "Cells with counters by index, both ways, with gaps.", "spec": SPEC, "cases": cases}
