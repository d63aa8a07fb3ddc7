"""pair.json: the pair fields, scenarios for one vat, and what two vats go through over bad transports."""

import itertools

import pair as p
import worlds
from wire import OFF, Refused, u64

RULE = [f"VTP-{i}" for i in range(33, 42)]
SPEC = ["VTP-19", *RULE]
OWN, PEER = 0x1100, 0x7700  # where the numbers of the vat and of its peer begin
RUNS = 200


def hex64(n):
    return u64(n).hex()


def fields(verdict, mine=PEER, yours=0, go=0, again=0, past=0, expect=1, first=1):
    names = {"verdict": verdict, "again": again, "mine": mine, "yours": yours, "go": go}
    return {**names, "expect": expect, "first": first, "past": past}


# --- logs ----------------------------------------------------------------------------------------------------------

# The events of pair.py, with the names of their arguments.
EVENTS = {
    "want": ("want",),
    "dial": ("dial", "transport"),
    "proven": ("proven", "transport", "incarnation"),
    "heard_go": ("go", "transport", "incarnation", "fields"),
    "heard_gotoo": ("gotoo", "transport", "fields"),
    "heard_gone": ("gone", "transport", "id"),
    "lost": ("lost", "transport"),
    "ends": ("ends",),
    "patience": ("patience",),
    "drop": ("drop",),
}


def value_json(name, value):
    if name == "transport":
        return value
    return p.encode_fields(value).hex() if name == "fields" else hex64(value)


def step_json(step):
    name, args, drawn, out, after = step
    event, *names = EVENTS[name]
    made = {"event": event, **{n: value_json(n, a) for n, a in zip(names, args)}}
    if drawn:
        made["draws"] = [hex64(n) for n in drawn]
    for what in ("made", "broken"):
        assert len(out[what]) <= 1
        if out[what]:
            made[what] = hex64(out[what][0])
    if out["joined"]:
        [[_, peer]] = out["joined"]
        made["joined"] = hex64(peer)
    if out["closed"]:
        made["closed"] = out["closed"]
    if out["said"]:
        made["said"] = p.encode_fields(out["said"]).hex()
    if out["close"] is not None:
        made["close"] = hex64(out["close"])
    if out.get("refused"):
        made["refused"] = True
    made["after"] = {"object": hex64(after[0]), "joined": hex64(after[1]), "live": after[2], "dials": after[3]}
    return made


def log_json(kind, name, clauses, vat):
    return {
        "kind": kind,
        "name": name,
        "clauses": clauses,
        "side": vat.side,
        "anonymous": vat.anonymous_peer,
        "past": hex64(vat.starts),
        "steps": [step_json(step) for step in vat.steps],
    }


# --- scenarios -----------------------------------------------------------------------------------------------------


class Scenario(worlds.Vat):
    """Every step says what is to come of it: the verdict said, what closes, and how many objects are made and break."""

    def __init__(self, name, clauses, side, past=0, anonymous=False):
        super().__init__(side, worlds.Dice("pair scenarios"), 1, past, anonymous)
        self.counter = self.count
        self.name, self.clauses, self.last = name, clauses, OWN - 16

    def count(self):
        self.last += 16
        return self.last

    def step(self, name, *args, said=None, closed=(), made=0, broken=0, joined=0, close=None, refused=False):
        out = self.event(name, *args)
        found = out["said"]["verdict"] if out["said"] else None
        assert (found, out["closed"]) == (said, list(closed)), (self.name, name, out)
        counts = tuple(len(out[what]) for what in ("made", "broken", "joined"))
        assert counts == (made, broken, joined), (self.name, name, out)
        assert (out["close"], out.get("refused", False)) == (close, refused), (self.name, name, out)
        return self

    def want(self, made=1):
        return self.step("want", made=made)

    def dials(self, t, k=1, **more):
        """Dials, and the peer is proven."""
        said = "go" if self.side == "master" else "say"
        return self.step("dial", t).step("proven", t, k, **{"said": said, **more})

    def go(self, t, f, k=1, **more):
        return self.step("heard_go", t, k, f, **more)

    def gotoo(self, t, f, **more):
        return self.step("heard_gotoo", t, f, **more)

    def lost(self, t):
        return self.step("lost", t)

    def json(self):
        return log_json("scenario", self.name, self.clauses, self)


def say(x=PEER, m=0, seen=0, **more):
    return fields("say", x, m, seen, **more)


def go(g, c=PEER, m=0, **more):
    return fields("go", c, m, g, **more)


def master(name, *clauses, **more):
    return Scenario(name, list(clauses), "master", **more)


def slave(name, *clauses, **more):
    return Scenario(name, list(clauses), "slave", **more)


def joined_master(name, *clauses, x=PEER, **more):
    """A master whose object (OWN) is joined to x over transport 1, with go number OWN + 16."""
    return master(name, *clauses, **more).go(1, say(x), said="go", made=1, joined=1)


def joined_slave(name, *clauses, c=PEER, g=PEER + 16, **more):
    """A slave whose object (OWN) is joined to c over transport 1, with go number g."""
    return slave(name, *clauses, **more).go(1, go(g, c), said="say", made=1, joined=1)


def dialling(s):
    """With an unjoined object (OWN), shown on transport 1, which is lost."""
    return s.want().dials(1).lost(1)


def first_meetings():
    yield master("the master dials", "VTP-33", "VTP-35").want().dials(1).gotoo(1, say(PEER, OWN, OWN + 16), joined=1)
    yield master("the master is dialled", "VTP-36").go(1, say(), said="go", made=1, joined=1)
    yield (
        slave("the slave dials", "VTP-33", "VTP-35", "VTP-37")
        .want()
        .dials(1)
        .gotoo(1, go(PEER + 16, PEER, OWN), joined=1)
    )
    yield slave("the slave is dialled", "VTP-37").go(1, go(PEER + 16), said="say", made=1, joined=1)
    yield master("what is wanted twice is one object", "VTP-33").want().want(0)
    yield master("an object that is wanted takes the slave's GO", "VTP-36").want().go(1, say(), said="go", joined=1)
    yield slave("an object that is wanted takes the master's GO", "VTP-37").want().go(
        1, go(PEER + 16), said="say", joined=1
    )
    yield (
        master("the master dials twice, and one is enough", "VTP-35")
        .want()
        .step("dial", 1)
        .step("dial", 2)
        .step("proven", 2, 1, said="go", closed=[1])
    )
    yield (
        slave("the slave dials twice, and go on one closes the other", "VTP-37")
        .want()
        .step("dial", 1)
        .dials(2)
        .step("proven", 1, 1, said="say")
        .gotoo(2, go(PEER + 16, PEER, OWN), joined=1, closed=[1])
    )


def incarnations():
    c = "VTP-34"
    yield (
        master("a lower incarnation dials", c)
        .go(1, say(), k=5, said="go", made=1, joined=1)
        .go(2, say(PEER + 1), k=4, closed=[2])
    )
    yield slave("a lower incarnation is dialled", c).want().dials(1, 5).step("dial", 2).step(
        "proven", 2, 4, closed=[2]
    )
    yield (
        joined_master("a higher incarnation dials the master", c, "VTP-36").go(
            2, say(5), k=2, said="go", broken=1, made=1, joined=1, closed=[1]
        )
    )
    yield (
        joined_slave("a higher incarnation dials the slave, with a go number below those seen", c, "VTP-37").go(
            2, go(5, 4), k=2, said="say", broken=1, made=1, joined=1, closed=[1]
        )
    )
    yield (
        dialling(master("an object shown to the old incarnation breaks", c))
        .step("dial", 2)
        .step("proven", 2, 2, broken=1, closed=[2])
    )
    yield (
        dialling(slave("an object shown to the old incarnation breaks, the slave's", c, "VTP-33"))
        .dials(2)
        .step("dial", 3)
        .step("proven", 3, 2, broken=1, closed=[2, 3])
    )
    yield (
        joined_slave("an object that nobody has seen stays", c, "VTP-40")
        .lost(1)
        .step("ends", broken=1)
        .want()
        .dials(2, 2)
    )
    yield (
        dialling(slave("what was told by the old incarnation is forgotten", c, "VTP-38"))
        .dials(2)
        .gotoo(2, fields("dup", PEER, 0, PEER + 32), closed=[2])
        .go(3, go(5, 4), k=2, said="say", broken=1, made=1, joined=1)
        .lost(3)
        .dials(4, 2)
    )
    yield (
        joined_master("the past of the old incarnation is forgotten", c, "VTP-36")
        .lost(1)
        .step("ends", broken=1)
        .go(2, say(PEER), k=2, said="go", made=1, joined=1)
    )
    yield (
        joined_master("the past of an old incarnation is unknown to a vat that drops pairs", c, past=p.UNKNOWN)
        .lost(1)
        .step("ends", broken=1)
        .go(2, say(PEER, again=1), k=2, said="gone", closed=[2])
    )


def masters():
    c = "VTP-36"
    newer = PEER + 100
    yield joined_master("1: joined to an older object, and the slave has seen too little", c).go(
        2, say(newer, seen=0), said="dup", broken=1, closed=[1, 2]
    )
    yield joined_master("1: joined to an older object, and the slave has seen all", c).go(
        2, say(newer, seen=OWN + 16), said="go", broken=1, made=1, joined=1, closed=[1]
    )
    yield joined_master("1: joined to an older object, and the slave names it", c).go(
        2, say(newer, OWN, OWN + 16), said="gone", broken=1, closed=[1, 2]
    )
    yield joined_master("1: joined to a newer object", c, x=newer).go(
        2, say(PEER, seen=OWN + 16), said="dup", closed=[2]
    )
    yield joined_master("1: joined to a newer object, and its own is named", c, x=newer).go(
        2, say(PEER, OWN, OWN + 16), said="dup", closed=[2]
    )
    yield master("2: an object is named and there is none", c).go(1, say(PEER, OWN), said="gone", closed=[1])
    yield master("2: another object is named", c).want().go(1, say(PEER, OWN + 1), said="gone", closed=[1])
    yield joined_master("2: joined, and another object is named", c).go(
        2, say(PEER, OWN - 1, OWN + 16), said="gone", closed=[2]
    )
    ended = lambda name, **more: joined_master(name, c, **more).lost(1).step("ends", broken=1)
    yield ended("2: an object of the past").go(2, say(PEER, seen=OWN + 16), said="gone", closed=[2])
    yield ended("2: an object older than the past").go(2, say(PEER - 1, seen=OWN + 16), said="gone", closed=[2])
    yield ended("2: an object of the past, and a new one here").want().go(
        2, say(PEER, seen=OWN + 16), said="gone", closed=[2]
    )
    yield ended("2: an object just behind the past").go(
        2, say(PEER + 1, seen=OWN + 16), said="go", made=1, joined=1
    )
    yield ended("2: past unknown, shown before", past=p.UNKNOWN).go(2, say(PEER, again=1), said="gone", closed=[2])
    yield ended("2: past unknown, not shown before", past=p.UNKNOWN).go(2, say(PEER), said="go", made=1, joined=1)
    yield joined_master("2: past unknown, shown before, and joined to it", c, past=p.UNKNOWN).go(
        2, say(PEER, seen=OWN + 16, again=1), said="go", closed=[1]
    )
    yield joined_master("2: past unknown, shown before, and the own object is named", c, past=p.UNKNOWN).go(
        2, say(PEER, OWN, OWN + 16, again=1), said="go", closed=[1]
    )
    yield master("3: both dial at once", c).want().dials(1).go(2, say(), said="dup", closed=[2])
    yield ended("3: no object, and the slave has seen too little").go(
        2, say(PEER + 1, seen=OWN + 15), said="dup", closed=[2]
    )
    yield dialling(master("3: an object and past unknown", c, past=p.UNKNOWN)).go(2, say(), said="dup", closed=[2])
    yield (
        dialling(master("3: no object and past unknown", c, "VTP-40", past=p.UNKNOWN))
        .step("ends", broken=1)
        .go(2, say(), said="go", made=1, joined=1)
    )
    yield joined_master("3: a late resume", c).go(2, say(PEER, OWN, OWN + 15), said="dup", closed=[2])
    yield (
        joined_master("4: resume", c)
        .go(2, say(PEER, OWN, OWN + 16), said="go", closed=[1])
        .go(3, say(PEER, OWN, OWN + 32), said="go", closed=[2])
    )
    yield joined_master("4: resume of a slave that has heard of no go, but has given it up", c).go(
        2, say(PEER, 0, OWN + 16), said="go", closed=[1]
    )
    shown = lambda name, **more: dialling(master(name, c, **more))
    yield shown("4: the slave has given up the partner").go(
        2, say(PEER, 0, OWN + 16, past=OWN), said="go", broken=1, made=1, joined=1
    )
    yield shown("4: the slave has given up older ones").go(
        2, say(PEER, 0, OWN + 16, past=OWN - 1), said="go", joined=1
    )
    yield shown("4: the slave does not know its past, and the object was shown").go(
        2, say(PEER, 0, OWN + 16, past=p.UNKNOWN), said="go", broken=1, made=1, joined=1
    )
    yield (
        master("4: the slave does not know its past, and the object was never shown", c)
        .want()
        .go(2, say(PEER, past=p.UNKNOWN), said="go", joined=1)
    )
    yield shown("4: the slave names the unjoined object").go(
        2, say(PEER, OWN, OWN + 16, past=p.UNKNOWN), said="go", joined=1
    )
    yield (
        shown("4: go closes the own dials")
        .step("dial", 2)
        .go(3, say(PEER, 0, OWN + 16), said="go", joined=1, closed=[2])
    )
    yield (
        shown("dup shows nothing")
        .step("ends", broken=1)
        .want()
        .go(2, say(PEER), said="dup", closed=[2])
        .go(3, say(PEER, 0, OWN + 16, past=p.UNKNOWN), said="go", joined=1)
    )
    yield (
        master("say joins to another", "VTP-33", "VTP-37")
        .want()
        .dials(1)
        .gotoo(1, say(PEER, OWN, OWN + 16), joined=1)
        .lost(1)
        .dials(2)
        .gotoo(2, say(PEER + 1, OWN, OWN + 32), refused=True, broken=1, closed=[2])
    )


def slaves():
    c = "VTP-37"
    g = PEER + 16
    yield joined_slave("a go number again", c).lost(1).go(2, go(g, PEER, OWN), closed=[2])
    yield joined_slave("a go number going back", c).lost(1).go(2, go(g - 1, PEER, OWN), closed=[2])
    yield joined_slave("resume while the old transport looks alive", c).go(
        2, go(g + 1, PEER, OWN), said="say", closed=[1]
    )
    yield joined_slave("the master has not heard say", c).go(2, go(g + 1, PEER), said="say", closed=[1])
    yield slave("an object is named and there is none", c, "VTP-39").go(1, go(g, PEER, OWN), said="gone", closed=[1])
    yield slave("another object is named", c, "VTP-39").want().go(1, go(g, PEER, OWN + 1), said="gone", closed=[1])
    yield slave("another object is named in GOTOO", c, "VTP-39").want().dials(1).gotoo(
        1, go(g, PEER, OWN + 1), closed=[1], close=PEER
    )
    ended = lambda name, **more: joined_slave(name, c, **more).lost(1).step("ends", broken=1)
    yield ended("an object of the past").go(2, go(g + 1, PEER), said="gone", closed=[2])
    yield ended("an object older than the past, and a new one here").want().go(
        2, go(g + 1, PEER - 1), said="gone", closed=[2]
    )
    yield ended("an object just behind the past").go(2, go(g + 1, PEER + 1), said="say", made=1, joined=1)
    yield ended("past unknown, shown before", past=p.UNKNOWN).go(2, go(g + 1, PEER, again=1), said="gone", closed=[2])
    yield ended("past unknown, not shown before", past=p.UNKNOWN).go(2, go(g + 1, PEER), said="say", made=1, joined=1)
    yield joined_slave("past unknown, shown before, and joined to it", c, past=p.UNKNOWN).go(
        2, go(g + 1, PEER, again=1), said="say", closed=[1]
    )
    yield joined_slave("joined to another", c).go(
        2, go(g + 1, PEER + 8), said="say", broken=1, made=1, joined=1, closed=[1]
    )
    yield joined_slave("joined to another that is named with the own object", c, "VTP-33").go(
        2, go(g + 1, PEER + 8, OWN), refused=True, broken=1, closed=[1, 2]
    )
    shown = lambda name, **more: dialling(slave(name, c, **more))
    yield shown("the master has given up the partner").go(
        2, go(g, past=OWN), said="say", broken=1, made=1, joined=1
    )
    yield shown("the master has given up older ones").go(2, go(g, past=OWN - 1), said="say", joined=1)
    yield shown("the master does not know its past, and the object was shown").go(
        2, go(g, past=p.UNKNOWN), said="say", broken=1, made=1, joined=1
    )
    yield slave("the master does not know its past, and the object was never shown", c).want().go(
        2, go(g, past=p.UNKNOWN), said="say", joined=1
    )
    yield shown("the master names the unjoined object").go(2, go(g, m=OWN, past=p.UNKNOWN), said="say", joined=1)
    yield shown("go closes the own dials").dials(2).step("dial", 3).go(4, go(g), said="say", joined=1, closed=[2, 3])
    yield (
        slave("gone shows nothing", c, "VTP-39")
        .want()
        .go(1, go(g, m=OWN + 1), said="gone", closed=[1])
        .go(2, go(g + 1, PEER + 1, past=p.UNKNOWN), said="say", joined=1)
    )


def others():
    dup = lambda n, mine=0: fields("dup", mine, 0, n)
    c = "VTP-38"
    yield (
        slave("dup, and the go comes", c)
        .want()
        .dials(1)
        .gotoo(1, dup(PEER + 16), closed=[1])
        .go(2, go(PEER + 16), said="say", joined=1)
        .lost(2)
        .dials(3)
    )
    yield (
        slave("dup, and no go comes", c).want().dials(1).gotoo(1, dup(PEER + 16), closed=[1]).step("patience").dials(2)
    )
    yield (
        slave("dup, no go comes, and the go is too late", c)
        .want()
        .dials(1)
        .gotoo(1, dup(PEER + 16), closed=[1])
        .step("patience")
        .go(2, go(PEER + 16), closed=[2])
        .dials(3)
    )
    yield (
        joined_slave("dup of a number that was seen", c)
        .lost(1)
        .dials(2)
        .gotoo(2, dup(PEER + 16), closed=[2])
        .dials(3)
    )
    yield (
        slave("two dups, the greater first", c)
        .want()
        .dials(1)
        .dials(2)
        .gotoo(1, dup(PEER + 32), closed=[1])
        .gotoo(2, dup(PEER + 16), closed=[2])
        .go(3, go(PEER + 16), said="say", joined=1)
        .lost(3)
        .go(4, go(PEER + 32, m=OWN), said="say")
        .lost(4)
        .dials(5)
    )
    c = "VTP-39"
    gone = lambda yours, mine=0: fields("gone", mine, yours)
    yield slave("the slave hears gone", c).want().dials(1).gotoo(1, gone(OWN), broken=1, closed=[1])
    yield (
        joined_slave("the slave hears gone for a joined object", c, "VTP-36")
        .lost(1)
        .dials(2)
        .gotoo(2, gone(OWN, PEER + 64), broken=1, closed=[2])
        .want()
        .dials(3)
    )
    yield master("the master hears gone in GOTOO", c).want().dials(1).gotoo(1, gone(OWN), broken=1, closed=[1])
    yield joined_master("the master hears CLOSE with gone", c).step("heard_gone", 1, OWN, broken=1, closed=[1])
    yield joined_master("CLOSE with gone for another object", c).step(
        "heard_gone", 1, OWN + 1, refused=True, broken=1, closed=[1]
    )
    c = "VTP-40"
    yield (
        slave("the deadline closes the own dials", c)
        .want()
        .dials(1)
        .step("dial", 2)
        .step("ends", broken=1, closed=[1, 2])
    )
    yield joined_master("a joined object ends, and its partner is past", c).step("ends", broken=1, closed=[1]).go(
        2, say(PEER, OWN, OWN + 16), said="gone", closed=[2]
    )
    yield (
        joined_master("what is left is dropped, and the past is unknown", c, "VTP-36")
        .lost(1)
        .step("ends", broken=1)
        .step("drop")
        .go(2, say(PEER, again=1), said="gone", closed=[2])
        .go(3, say(PEER + 1), said="go", made=1, joined=1)
    )
    yield (
        joined_slave("what is left is dropped, and the slave has seen nothing", c, "VTP-37")
        .lost(1)
        .step("ends", broken=1)
        .step("drop")
        .go(2, go(5, 4), k=9, said="say", made=1, joined=1)
    )
    c = "VTP-41"
    anonymous = lambda name, *clauses: Scenario(name, [c, *clauses], "master", past=0, anonymous=True)
    yield (
        anonymous("an anonymous initiator resumes")
        .go(1, say(), k=0, said="go", made=1, joined=1)
        .lost(1)
        .go(2, say(PEER, OWN, OWN + 16, again=1), k=0, said="go")
    )
    yield (
        anonymous("of an anonymous initiator nothing is kept", "VTP-36")
        .go(1, say(), k=0, said="go", made=1, joined=1)
        .lost(1)
        .step("ends", broken=1)
        .go(2, say(PEER - 1), k=0, said="go", made=1, joined=1)
        .step("ends", broken=1, closed=[2])
        .go(3, say(PEER, again=1), k=0, said="gone", closed=[3])
    )


def runs():
    """Both vats of so many worlds, every life of each."""
    out = []
    for i in range(RUNS):
        pasts = [(0, 0), (0, p.UNKNOWN), (p.UNKNOWN, 0), (p.UNKNOWN, p.UNKNOWN)]
        anonymous = i % 8 == 7
        world = worlds.World(f"pair run {i}", anonymous, pasts[i // 8 % 4] if i % 4 == 3 else (0, 0))
        world.run(8 + i % 24)
        lives = {}
        for vat in world.logs:
            if vat.steps:
                lives[vat.side] = lives.get(vat.side, 0) + 1
                name = f"run {i}, {vat.side}, life {lives[vat.side]}"
                clauses = RULE if vat.anonymous_peer else RULE[:-1]
                out.append(log_json("run", name, clauses, vat))
    return out


# --- the fields ----------------------------------------------------------------------------------------------------


def good_fields():
    most = 2**64 - 1
    for name, f in (
        ("go of a first meeting", go(1, 1)),
        ("say of a first meeting", say(1)),
        ("all different", fields("go", 2, 3, 4, 1, 7, 5, 6)),
        ("all the greatest", fields("say", most, most, most, 1, most, most, most)),
        ("dup without an object", fields("dup", 0, 0, 9)),
        ("dup with an object", fields("dup", 8, 0, 9, 1)),
        ("gone without an object", fields("gone", 0, 5)),
        ("gone with an object and a go number", fields("gone", 8, 5, 9, 1, most)),
        ("go of a resume", fields("go", 2, 3, 4, 1, 0, 1000, 900)),
        ("say with nothing seen and past unknown", say(1, past=p.UNKNOWN)),
    ):
        data = p.encode_fields(f)
        assert p.decode_fields(data) == f and len(data) == p.PAIR_LEN
        shown = {n: hex64(f[n]) for n in p.NUMBERS}
        case = {"kind": "fields", "name": name, "clauses": ["VTP-19"], "bytes": data.hex()}
        yield {**case, "verdict": f["verdict"], "again": f["again"] == 1, **shown}


def bad_fields():
    good = p.encode_fields(fields("go", 2, 3, 4, 0, 7, 5, 6))

    def put(at, value, size=1, of=good):
        return of[:at] + value.to_bytes(size, "big") + of[at + size :]

    said, dup = put(0, 4), put(0, 2)
    cases = [(f"verdict {x}", put(0, x), "verdict") for x in (0, 5, 0x7F, 0x80, 0xFF)]
    cases += [(f"again {x}", put(1, x), "again") for x in (2, 3, 0x80, 0xFF)]
    cases += [("mine 0 with go", put(2, 0, 8), "mine"), ("mine 0 with say", put(2, 0, 8, said), "mine")]
    cases += [("yours 0 with gone", put(10, 0, 8, put(0, 3)), "yours")]
    cases += [("go 0 with go", put(18, 0, 8), "go"), ("go 0 with dup", put(18, 0, 8, dup), "go")]
    for verdict in (1, 2, 3, 4):
        of = put(0, verdict)
        name = p.NAMES[verdict]
        cases += [(f"expect 0 with {name}", put(26, 0, 8, of), "expect")]
        cases += [(f"first 0 with {name}", put(34, 0, 8, of), "first")]
    cases += [(f"{n} bytes", (good + b"\0")[:n], "length") for n in (0, 1, 49, 51)]
    for name, data, field in cases:
        try:
            p.decode_fields(data)
        except Refused as e:
            assert e.part == field or field == "length", (name, e.part)
        else:
            raise AssertionError("accepted: " + name)
        if field != "length":
            OFF.add(field)
            p.decode_fields(data)
            OFF.clear()
        yield {"kind": "bad fields", "name": name, "clauses": ["VTP-19"], "bytes": data.hex(), "field": field}


def places():
    """Who may say what where, with either object and without."""
    objects = (("", 2, 3), (", yours 0", 2, 0), (", mine 0", 0, 3))
    for place, sender in itertools.product(("GO", "GOTOO"), ("master", "slave")):
        for verdict, (which, mine, yours) in itertools.product(p.VERDICTS, objects):
            data = p.encode_fields(fields(verdict, mine, yours, 4))
            try:
                p.read_fields(data, sender, place)
                accepted = True
            except Refused:
                accepted = False
            yield {
                "kind": "place",
                "name": f"{verdict} of the {sender} in {place}{which}",
                "clauses": ["VTP-19"],
                "bytes": data.hex(),
                "sender": sender,
                "place": place,
                "accepted": accepted,
            }


def make():
    scenarios = [s.json() for part in (first_meetings, incarnations, masters, slaves, others) for s in part()]
    return {
        "comment": "One connection per pair: the fields, and what one vat does, event by event.",
        "spec": SPEC,
        "cases": [*good_fields(), *bad_fields(), *places(), *scenarios, *runs()],
    }
