"""Two vats of pair.py, and transports that lose, delay and die as a seed says. Every vat keeps a log."""

from pair import Pair
from rng import rand

SIDES = ("slave", "master")


class Dice:
    """Numbers from a label."""

    def __init__(self, label):
        self.label, self.n, self.left = label, 0, b""

    def below(self, n):
        if len(self.left) < 8:
            self.left = rand(f"{self.label} {self.n}", 4096)
            self.n += 1
        value, self.left = int.from_bytes(self.left[:8], "big"), self.left[8:]
        return value % n

    def one(self, things):
        return things[self.below(len(things))]


class Counter:
    """VTP-20"""

    def __init__(self, dice):
        self.dice, self.last = dice, dice.below(2**62)

    def __call__(self):
        self.last += 1 + self.dice.below(2**16)
        return self.last


class Vat:
    def __init__(self, side, dice, incarnation, past=0, anonymous_peer=False, anonymous=False):
        self.side, self.incarnation, self.drawn, self.steps = side, incarnation, [], []
        self.says = 0 if anonymous else incarnation
        self.counter, self.starts = Counter(dice), past
        self.pair = Pair(side, self.draw, past, anonymous_peer)
        self.anonymous_peer = anonymous_peer

    def draw(self):
        self.drawn.append(self.counter())
        return self.drawn[-1]

    def event(self, name, *args):
        before = len(self.drawn)
        out = self.pair.event(name, *args)
        p = self.pair
        after = (p.object.id if p.object else 0, p.object.peer if p.object else 0, p.live, p.dials)
        self.steps.append((name, args, self.drawn[before:], out, after))
        assert sum(x.live for x in p.transports.values()) <= 1, "two live transports"
        assert p.live is None or p.object is not None, "a live transport without an object"
        return out


class Link:
    """queues[v]: what is on its way to v. open[v]: v has not closed it."""

    def __init__(self, dialler):
        self.dialler, self.queues, self.open, self.dead = dialler, ([], []), [True, True], [False, False]


class World:
    def __init__(self, label, anonymous=False, past=(0, 0)):
        self.dice, self.anonymous = Dice(label), anonymous
        self.past = past
        self.logs, self.links, self.next = [], {}, 1
        self.joins = {}
        self.broken = []
        self.vats = [self.vat(0, 1), self.vat(1, 1)]

    def vat(self, v, incarnation):
        a = self.anonymous
        vat = Vat(SIDES[v], self.dice, incarnation, self.past[v], a and v == 1, a and v == 0)
        self.logs.append(vat)
        return vat

    # --- what can happen -----------------------------------------------------------------------------------------

    def put(self, t, to, message):
        link = self.links[t]
        if link.open[to] and not link.dead[to]:
            link.queues[to].append(message)

    def event(self, v, t, name, *args):
        """An event at a vat, and what it says and closes."""
        vat = self.vats[v]
        out = vat.event(name, *args)
        assert not out.get("refused"), "a peer that keeps to the rule is refused"
        for own, peer in out["joined"]:
            self.note(v, own, peer)
        for id_ in out["broken"]:
            assert (v, id_) not in self.broken, "broken twice"
            self.broken.append((v, id_))
        if out["said"]:
            kind = "GO" if self.links[t].dialler == v else "GOTOO"
            self.put(t, 1 - v, (kind, vat.says, out["said"]))
        if out["close"] is not None:
            self.put(t, 1 - v, ("CLOSE", out["close"]))
        for closed in out["closed"]:
            self.close(closed, v)

    def note(self, v, own, peer):
        pair = (own, peer) if v == 0 else (peer, own)
        for a, b in self.joins.values():
            assert (a == pair[0]) == (b == pair[1]), "an object joined to two"
        self.joins[pair] = pair

    def close(self, t, v):
        link = self.links[t]
        if link.open[v]:
            self.put(t, 1 - v, ("FIN",))
            link.open[v] = False
            link.queues[v].clear()

    def dial(self, v):
        t, self.next = self.next, self.next + 1
        self.links[t] = Link(v)
        self.event(v, t, "dial", t)
        self.put(t, 1 - v, ("IWANT",))

    def deliver(self, t, v):
        link = self.links[t]
        message = link.queues[v].pop(0)
        known = t in self.vats[v].pair.transports
        if message[0] == "FIN":
            self.lose(t, v)
        elif message[0] == "IWANT":
            self.put(t, 1 - v, ("IAM", self.vats[v].says))
        elif message[0] == "IAM":
            self.event(v, t, "proven", t, message[1])
        elif message[0] == "GO":
            self.event(v, t, "heard_go", t, message[1], message[2])
        elif message[0] == "GOTOO":
            assert known
            self.event(v, t, "heard_gotoo", t, message[2])
        elif known:
            self.event(v, t, "heard_gone", t, message[1])

    def lose(self, t, v):
        self.links[t].open[v] = False
        self.links[t].queues[v].clear()
        if t in self.vats[v].pair.transports:
            self.event(v, t, "lost", t)

    def restart(self, v):
        self.vats[v] = self.vat(v, self.vats[v].incarnation + 1)
        for link in self.links.values():
            if link.open[v]:
                link.open[v], link.dead = False, [True, True]
                link.queues[v].clear()

    def busy(self):
        return any(any(link.open) for link in self.links.values())

    def actions(self, stormy):
        out = []
        for t, link in self.links.items():
            for v in (0, 1):
                if link.open[v] and link.queues[v]:
                    out.append((8, self.deliver, t, v))
                elif link.open[v] and any(link.dead):
                    out.append((2, self.lose, t, v))
        for v in (0, 1):
            pair = self.vats[v].pair
            dialling = any(x.dialled and not x.live for x in pair.transports.values())
            if pair.dials and (stormy or not dialling):
                out.append((1 if dialling else 5, self.dial, v))
            if pair.waits and (stormy or not any(link.open[v] for link in self.links.values())):
                out.append((1, self.event, v, None, "patience"))
        if stormy:
            out += self.storms()
        return out

    def storms(self):
        out = []
        for t, link in self.links.items():
            if any(link.open) and not any(link.dead):
                out += [(1, self.cut, t, mask) for mask in (1, 2, 3)]
        for v in (0, 1):
            pair = self.vats[v].pair
            if pair.object is None and not (self.anonymous and v == 1):
                out.append((4, self.event, v, None, "want"))
            if pair.object is not None and pair.live is None:
                out.append((1, self.event, v, None, "ends"))
            if not self.anonymous:
                out.append((1, self.restart, v))
                if pair.object is None and pair.incarnation and not self.busy():
                    out.append((3, self.event, v, None, "drop"))
        return out

    def cut(self, t, mask):
        for v in (0, 1):
            self.links[t].dead[v] = bool(mask >> v & 1)

    def step(self, stormy):
        actions = self.actions(stormy)
        if not actions:
            return False
        at = self.dice.below(sum(a[0] for a in actions))
        for weight, action, *args in actions:
            if at < weight:
                action(*args)
                return True
            at -= weight
        raise AssertionError

    def run(self, steps):
        for _ in range(steps):
            self.step(True)
        for _ in range(400):
            if not self.step(False):
                return self.rest()
        raise AssertionError("no rest")

    def rest(self):
        a, b = (vat.pair.object for vat in self.vats)
        if self.anonymous and a is None:
            return  # a responder's object waits for its deadline
        assert (a is None) == (b is None), "a connection at one side only"
        if a is None:
            assert not self.busy(), "a transport left"
            return
        assert (a.peer, b.peer) == (b.id, a.id), "not joined with each other"
        live = [vat.pair.live for vat in self.vats]
        assert live[0] is not None and live[0] == live[1], "no common live transport"
        assert [t for t, link in self.links.items() if any(link.open)] == [live[0]], "a transport left"
