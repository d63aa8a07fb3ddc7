"""onion_cells.json: cells of circuits, both ways, at every hop and at the client."""

import copy

import crypto as c
import onion as o
from onion import BACKWARD, ERA, FORWARD, HEAD, MESSAGE, RELAY, SLOT, THROUGH
from rng import rand
from wire import Refused, u64

SPEC = ["ONI-5", "ONI-6", "ONI-7", "ONI-8"]
FORTH, BACK = ["ONI-5", "ONI-6", "ONI-7"], ["ONI-5", "ONI-8"]
NAMES = {RELAY: "relay", MESSAGE: "message", THROUGH: "through"}


def start(label):
    return int.from_bytes(rand(label, 8), "big") % 2**62


def flip(data, at):
    data = bytearray(data)
    data[at] ^= 1
    return bytes(data)


class Circuit:
    """The relays' ends and the client's of one circuit, and the steps that were made."""

    def __init__(self, name, lives, starts=None):
        self.name, self.relays, self.client, self.steps, self.said = name, [], o.Client(), [], 0
        starts = starts or [start(f"onion {name} start {j}") for j in range(len(lives))]
        self.hops = [self.add(live, at) for live, at in zip(lives, starts, strict=True)]

    def add(self, live, at):
        label = f"onion {self.name} hop {len(self.relays)} {len(self.steps)}"
        forward, backward = rand(label + " forward"), rand(label + " backward")
        self.relays.append(o.Hop(forward, backward, at, live))
        self.client.push(o.Hop(forward, backward, at, live))
        return {"forward": forward.hex(), "backward": backward.hex(), "start": u64(at).hex(), "live": live}

    def drawn(self, what, n):
        return rand(f"onion {self.name} {what} {self.said}", n)

    # What the client makes, and what comes of it.

    def make_forward(self, k, role):
        """The payload, the slots drawn, the cells as the hops get them."""
        self.said += 1
        payload, slots = self.drawn("payload", o.PAYLOAD), self.drawn("slots", SLOT * (o.SLOTS - k))
        return payload, slots, self.client.wrap(k, role, payload, slots)

    def pass_forward(self, cells, k, role, payload):
        layers, cell = [], cells[0]
        for j, relay in enumerate(self.relays[:k]):
            assert cell == cells[j]
            counter = relay.forward.counter
            found, after = relay.peel(cell)
            assert found == (role if j == k - 1 else RELAY)
            layers.append(
                {
                    "counter": u64(counter).hex(),
                    "key": relay.forward.key.hex(),
                    "filler_key": relay.forward.filler_key.hex(),
                    "cell": cell.hex(),
                }
            )
            cell = after
        assert cell[HEAD:] == payload
        return layers

    def forward(self, k, role):
        payload, slots, cells = self.make_forward(k, role)
        self.steps.append(
            {
                "step": "forward",
                "hop": k,
                "role": NAMES[role],
                "payload": payload.hex(),
                "slots": slots.hex(),
                "layers": self.pass_forward(cells, k, role, payload),
            }
        )
        return self

    def make_backward(self, f, role, change=lambda number, cell: cell, count=None):
        """What hop f says, as it leaves hops f .. 1. change: what the link behind a hop does to what leaves it."""
        self.said += 1
        relay = self.relays[f - 1]
        payload = self.drawn("payload", o.PAYLOAD)
        live_slots = self.drawn("live slots", SLOT * relay.live)
        layers, cell = [], None
        for number in range(f, 0, -1):
            relay = self.relays[number - 1]
            noise = self.drawn(f"noise {number}", SLOT * (o.LIVE_MOST - relay.live))
            counter = relay.backward.counter
            cell = relay.originate(role, payload, live_slots, noise) if number == f else relay.wrap(cell, noise)
            key = relay.backward.key.hex()
            layers.append({"counter": u64(counter).hex(), "key": key, "cell": cell.hex()})
            cell = change(number, cell)
        return payload, live_slots, layers, cell

    def backward(self, f, role):
        payload, live_slots, layers, cell = self.make_backward(f, role)
        assert self.client.peel(cell) == (f, role, payload)
        self.steps.append(
            {
                "step": "backward",
                "hop": f,
                "role": NAMES[role],
                "payload": payload.hex(),
                "live_slots": live_slots.hex(),
                "layers": layers,
            }
        )
        return self

    def many(self, step, hop, times):
        for end in (self.relays, self.client.hops):
            for one in end[:hop]:
                chain = one.forward if step == "many forward" else one.backward
                chain.counter += times
        self.steps.append({"step": step, "hop": hop, "times": times})
        return self

    def join(self, live, at):
        self.steps.append({"step": "join", "hop": self.add(live, at)})
        return self

    def leave(self, hops):
        del self.relays[hops:]
        self.client.pop_to(hops)
        self.steps.append({"step": "leave", "hops": hops})
        return self

    # The cases.

    def base(self, kind, name, clauses):
        return {"kind": kind, "name": name, "clauses": clauses, "hops": self.hops, "steps": self.steps}

    def json(self, *clauses):
        return self.base("circuit", self.name, list(clauses) or [*FORTH, "ONI-8"])

    def not_forward(self, hop, cell):
        """This cell does not open at this hop."""
        relay = copy.deepcopy(self.relays[hop - 1])
        counter = relay.forward.counter
        try:
            relay.peel(cell)
        except Refused as e:
            assert e.clause == "ONI-6"
        else:
            raise AssertionError("opened: " + self.name)
        refused = {"hop": hop, "counter": u64(counter).hex(), "cell": cell.hex()}
        return {**self.base("forward refused", self.name, ["ONI-5", "ONI-6"]), "refused": refused}

    def not_backward(self, hop, cell):
        """Of this cell the client finds that it fails at this hop."""
        try:
            copy.deepcopy(self.client).peel(cell)
        except Refused as e:
            assert e.clause == "ONI-8" and e.hop == hop, (self.name, e.hop)
        else:
            raise AssertionError("opened: " + self.name)
        refused = {"hop": hop, "cell": cell.hex()}
        return {**self.base("backward refused", self.name, BACK), "refused": refused}


# --- what opens ----------------------------------------------------------------------------------------------------


def lives(last, n):
    return list(range(last + n - 1, last - 1, -1))


def circuits():
    for n in range(1, 9):
        circuit = Circuit(f"{n} hops" if n > 1 else "one hop", lives(min(2, 8 - n), n))
        yield circuit.forward(n, THROUGH).backward(n, THROUGH).json()
    circuit = Circuit("three hops, each heard and hearing in every role", lives(0, 3), [0, 0, 0])
    for hop, role in ((1, MESSAGE), (3, THROUGH), (2, MESSAGE), (3, MESSAGE), (3, THROUGH)):
        circuit.forward(hop, role).backward(hop, role)
    yield circuit.json()
    circuit = Circuit("eight hops, a message to the fifth and one of the fourth", lives(0, 8))
    yield circuit.forward(5, MESSAGE).backward(4, MESSAGE).forward(8, THROUGH).backward(8, MESSAGE).json()
    yield Circuit("one hop that throws all slots away", [0]).backward(1, THROUGH).backward(1, MESSAGE).json(*BACK)
    yield Circuit("one hop with seven live slots", [7]).backward(1, THROUGH).backward(1, MESSAGE).json(*BACK)
    yield Circuit("three hops, the last with five live slots", lives(5, 3)).backward(3, THROUGH).backward(
        2, MESSAGE
    ).json(*BACK)


def borders():
    greatest = 2**62 - 1
    circuit = Circuit("each hop has its own borders", lives(1, 3), [ERA - 2, 7 * ERA - 1, greatest])
    for _ in range(3):
        circuit.forward(3, THROUGH).backward(3, THROUGH)
    yield circuit.json()
    circuit = Circuit("the first cell is the first of an era", lives(3, 2), [ERA, 2**40 * ERA])
    yield circuit.forward(2, THROUGH).backward(2, THROUGH).json()
    circuit = Circuit("two borders between", lives(0, 2), [500, 2 * ERA - 1])
    circuit.forward(2, THROUGH).backward(2, THROUGH).many("many forward", 2, 2 * ERA + 1).forward(2, THROUGH)
    circuit.many("many backward", 2, 2 * ERA - 500).backward(2, THROUGH)
    yield circuit.json()
    circuit = Circuit("a border of the first hop alone", lives(2, 2), [0, 0])
    circuit.many("many forward", 1, ERA - 1).forward(2, THROUGH).forward(2, THROUGH)
    circuit.many("many backward", 1, ERA - 1).backward(2, THROUGH).backward(2, THROUGH)
    yield circuit.json()


def growing():
    circuit = Circuit("hops that come and go", lives(3, 1))
    circuit.forward(1, MESSAGE).backward(1, MESSAGE).join(2, start("onion second"))
    circuit.forward(2, MESSAGE).backward(2, MESSAGE).join(1, start("onion third"))
    circuit.forward(3, THROUGH).backward(3, THROUGH).forward(1, MESSAGE).leave(1).backward(1, MESSAGE)
    circuit.join(2, start("onion second again")).forward(2, THROUGH).backward(2, THROUGH)
    yield circuit.json()


# --- what does not -------------------------------------------------------------------------------------------------


def three(name, starts=None):
    return Circuit(name, lives(1, 3), starts)


def places(first_live=None):
    """One bit in every part of a cell."""
    yield "the tag", 0
    for slot in (1, 6, 7) if first_live is None else sorted({first_live, 7}):
        yield f"slot {slot}", SLOT * slot
    yield "the first byte of the payload", HEAD
    yield "the last byte", -1


def forward_refused():
    for hop in (1, 2, 3):
        for what, at in places():
            circuit = three(f"a bit of {what} on the way to hop {hop}")
            _, _, cells = circuit.make_forward(3, THROUGH)
            yield circuit.not_forward(hop, flip(cells[hop - 1], at))
    for hop in (1, 2, 3):
        circuit = three(f"a cell comes twice to hop {hop}").forward(3, THROUGH)
        yield circuit.not_forward(hop, bytes.fromhex(circuit.steps[-1]["layers"][hop - 1]["cell"]))
        circuit = three(f"one is lost before hop {hop}")
        circuit.make_forward(3, THROUGH)
        _, _, cells = circuit.make_forward(3, THROUGH)
        yield circuit.not_forward(hop, cells[hop - 1])
    for hop in (1, 2):
        circuit = three(f"the cell of hop {3 - hop} comes to hop {hop}")
        _, _, cells = circuit.make_forward(3, THROUGH)
        yield circuit.not_forward(hop, cells[2 - hop])
    circuit = three("noise")
    yield circuit.not_forward(1, circuit.drawn("noise", o.CELL))
    yield three("zeros").not_forward(1, bytes(o.CELL))
    yield from forward_sealed()


def forward_sealed():
    """Sealed otherwise than ONI-5 and ONI-6 have it, once each."""

    def sealed(circuit, key, ad, counter=None):
        counter = circuit.relays[0].forward.counter if counter is None else counter
        found = c.seal(key(circuit.relays[0]), counter, circuit.drawn("plain", o.CELL - SLOT), ad)
        return circuit.not_forward(1, found[-SLOT:] + found[:-SLOT])

    right = o.aad(FORWARD, MESSAGE)
    key = lambda hop: hop.forward.key
    yield sealed(three("role 3"), key, o.aad(FORWARD, 3))
    yield sealed(three("role 255"), key, o.aad(FORWARD, 255))
    for role in (MESSAGE, THROUGH):
        circuit = Circuit(f"role 3, behind a cell in role {NAMES[role]}", [0]).forward(1, role)
        yield sealed(circuit, key, o.aad(FORWARD, 3))
    yield sealed(three("the other direction"), key, o.aad(BACKWARD, MESSAGE))
    yield sealed(three("direction 2"), key, o.aad(2, MESSAGE))
    yield sealed(three("version 0"), key, b"\0" + right[1:])
    yield sealed(three("version 2"), key, b"\2" + right[1:])
    yield sealed(three("no associated data"), key, b"")
    yield sealed(three("a byte more of associated data"), key, right + b"\0")
    yield sealed(three("the backward key"), lambda hop: hop.backward.key, right)
    yield sealed(three("the filler key"), lambda hop: hop.forward.filler_key, right)
    yield sealed(three("the secret as it is"), lambda hop: hop.forward.secret, right)
    next_secret = lambda hop: c.expand(hop.forward.secret, c.label("hop next"))
    next_key = lambda hop: c.expand(next_secret(hop), c.label("hop key"))
    at = [5 * ERA - 1, 0, 0]
    yield sealed(three("the key of the next era at the end of one", at), next_key, right)
    circuit = three("the key of the era before at a border", at).forward(1, MESSAGE)
    yield sealed(circuit, key, right)
    circuit = three("the key of the second era before its border", [0, 0, 0]).many("many forward", 1, ERA - 1)
    yield sealed(circuit, next_key, right)
    yield sealed(three("a counter too low", [9, 0, 0]), key, right, 8)
    yield sealed(three("a counter too high", [9, 0, 0]), key, right, 10)
    yield sealed(three("the counter from the start of the era", [ERA + 9, 0, 0]), key, right, 9)


def backward_refused():
    for hop in (1, 2, 3):
        for what, at in places(o.SLOTS - lives(1, 3)[hop - 1]):
            circuit = three(f"a bit of {what} of what leaves hop {hop}")
            change = lambda number, cell: flip(cell, at) if number == hop else cell
            *_, cell = circuit.make_backward(3, THROUGH, change)
            yield circuit.not_backward(hop, cell)
        circuit = three(f"what leaves hop {hop} comes twice").backward(3, THROUGH)
        before = [bytes.fromhex(layer["cell"]) for layer in circuit.steps[-1]["layers"]]
        change = lambda number, cell: before[3 - number] if number == hop else cell
        *_, cell = circuit.make_backward(3, THROUGH, change)
        yield circuit.not_backward(hop, cell)
        circuit = three(f"what leaves hop {hop} is lost once")
        for relay in circuit.relays[hop - 1 :]:
            relay.backward.step()
        *_, cell = circuit.make_backward(3, THROUGH)
        yield circuit.not_backward(hop, cell)
    yield three("zeros to the client").not_backward(1, bytes(o.CELL))
    yield from backward_roles()
    yield from backward_sealed()


def backward_roles():
    def says(circuit, f, role):
        relay = circuit.relays[f - 1]
        payload, live_slots = circuit.drawn("payload", o.PAYLOAD), circuit.drawn("live slots", SLOT * relay.live)
        cell = relay._seal(role, live_slots, payload, circuit.drawn("noise", SLOT * (o.LIVE_MOST - relay.live)))
        for number in range(f - 1, 0, -1):
            relay = circuit.relays[number - 1]
            cell = relay.wrap(cell, circuit.drawn(f"noise {number}", SLOT * (o.LIVE_MOST - relay.live)))
        return circuit.not_backward(f, cell)

    # An end that tries the role of the cell before first must not thereby take one that cannot be.
    for behind in (None, 3, 1):
        name = "" if behind is None else f", behind a cell of hop {behind}"
        for what, f, role in (
            ("the first of three says through", 1, THROUGH),
            ("the second of three says through", 2, THROUGH),
            ("the last of three says relay", 3, RELAY),
        ):
            circuit = three(what + name)
            if behind is not None:
                circuit.backward(behind, THROUGH if behind == 3 else MESSAGE)
            yield says(circuit, f, role)
    yield says(Circuit("the only hop says relay", [2]), 1, RELAY)
    yield says(Circuit("the only hop says relay, behind a cell in role through", [2]).backward(1, THROUGH), 1, RELAY)
    for hop in (1, 3):
        yield says(three(f"hop {hop} of three says role 3"), hop, 3)
    yield says(three("the second has said relay and is the last now").backward(3, THROUGH).leave(2), 2, RELAY)
    circuit = Circuit("the second has said through and is not the last any more", lives(2, 2)).backward(2, THROUGH)
    yield says(circuit.join(1, start("onion third of three")), 2, THROUGH)


def backward_sealed():
    def sealed(circuit, key, ad, counter=None, more=0):
        """more: the hop takes so many slots more for live."""
        hop = circuit.relays[-1]
        counter = hop.backward.counter if counter is None else counter
        found = c.seal(key(hop), counter, circuit.drawn("plain", o.PAYLOAD + SLOT * (hop.live + more)), ad)
        noise = circuit.drawn("noise", SLOT * (o.LIVE_MOST - hop.live - more))
        return circuit.not_backward(1, found[-SLOT:] + noise + found[:-SLOT])

    def one(name, at=77):
        return Circuit("one hop: " + name, [3], [at])

    key, right = lambda hop: hop.backward.key, o.aad(BACKWARD, MESSAGE)
    yield sealed(one("the other direction"), key, o.aad(FORWARD, MESSAGE))
    yield sealed(one("version 2"), key, b"\2" + right[1:])
    yield sealed(one("no associated data"), key, b"")
    yield sealed(one("the forward key"), lambda hop: hop.forward.key, right)
    yield sealed(one("a counter too low"), key, right, 76)
    yield sealed(one("a counter too high"), key, right, 78)
    yield sealed(one("a live slot too few"), key, right, more=-1)
    yield sealed(one("a live slot too many"), key, right, more=1)
    next_key = lambda hop: c.expand(c.expand(hop.backward.secret, c.label("hop next")), c.label("hop key"))
    yield sealed(one("the key of the next era at the end of one", 3 * ERA - 1), next_key, right)
    yield sealed(one("the key of the era before at a border", 3 * ERA - 1).backward(1, THROUGH), key, right)


def make():
    return {
        "comment": "Cells of circuits of one to eight hops, both ways.",
        "spec": SPEC,
        "cases": [
            *circuits(),
            *borders(),
            *growing(),
            *forward_refused(),
            *backward_refused(),
        ],
    }
