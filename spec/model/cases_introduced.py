"""introduced.json: handshakes with a ticket, both roles run against each other, and single faults in them."""

import cases_handshake as hs
import crypto as c
import introduced as x
import records as rec
import vattp as v
from frames import decode_frames, encode_frames
from rng import rand
from wire import OFF, Refused, lp, u16, u64

SPEC = ["VTP-4", "VTP-5", "VTP-8", "VTP-12", *(f"RDV-{i}" for i in (10, 12, 13, 14, 15))]
WHOLE = [f"RDV-{i}" for i in (10, 12, 13, 14, 15)]


class Setup(hs.Setup):
    """A ticket's prekey, secret and place; EARLY as bytes, and the frames of ANSWER."""

    def __init__(self, name, early, answer_frames=(), **more):
        super().__init__("with a ticket, " + name, **more)
        label = "introduced " + name
        self.b_t, self.ticket_secret, self.place = rand(label + " b_t"), rand(label + " s_t"), rand(label + " place")
        self.places, self.early, self.answer_frames = [self.place], early, list(answer_frames)

    def b_secret(self):
        return self.b_t

    def b(self):
        return c.x25519_public(self.b_t)

    def initiator(self, early=None):
        return x.Initiator(self.ticket_secret, self.early if early is None else early, *rest_of(super().initiator()))

    def responder(self, kept=(), claim=None):
        i = super().initiator()
        claim = claim or (self.i_key.public, self.i_incarnation, i.pair_fields())
        frames = encode_frames(self.answer_frames)
        return x.Responder(self.ticket_secret, claim, frames, *rest_of(super().responder(kept)))


def rest_of(role):
    """What an ordinary role of chapter 3 was made with."""
    names = type(role).__init__.__code__.co_varnames[1 : type(role).__init__.__code__.co_argcount]
    return [getattr(role, name) for name in names]


class Run:
    """The handshake of a setup, run to its end."""

    def __init__(self, setup):
        self.setup, self.is_first = setup, False
        i, r = self.i, self.r = setup.initiator(), setup.responder()
        self.flight1 = i.flight1()
        r.flight1(self.flight1)
        self.flight2 = r.flight2()
        frames = i.flight2(self.flight2)
        assert (decode_frames(frames) if frames else []) == setup.answer_frames
        self.flight3 = i.flight3()
        i_sender, r_sender = rec.Sender(i.s.s_i_to_r), rec.Sender(i.s.s_r_to_i)
        self.i_wires = [i_sender.record(frames) for frames in setup.i_records]
        assert r.flight3(self.flight3 + b"".join(self.i_wires)) == b"".join(self.i_wires)
        self.r_wires = [r_sender.record(frames) for frames in setup.r_records]
        assert vars(i.s) == vars(r.s)
        assert i.is_master != r.is_master and i.go_number == r.go_number != 0
        assert (i.peer_mine, r.peer_mine, r.peer) == (r.mine, i.mine, setup.i_key.public)

    def json(self):
        t, i, r, s = self.setup, self.i, self.r, self.i.s
        items = ("iwant", "early", "iam", "replyinfo", "answer", "giveinfo", "go")
        item = {"iwant": i.iwant, "early": i.early, "iam": r.iam, "replyinfo": r.replyinfo, "answer": r.answer}
        item |= {"giveinfo": i.giveinfo, "go": i.go_item}
        plain = {"replyinfo": r.replyinfo_plain, "answer": r.answer_plain}
        plain |= {"giveinfo": i.giveinfo_plain, "go": i.go_plain}
        values = ("h0", "h_iwant", "h_early", "h_iam", "h_replyinfo", "h_answer", "h_giveinfo", "h_go", "dh")
        values += ("kem_secret", "hs", "k_rh", "f_r", "k_ih", "f_i", "derived", "ms", "s_i_to_r", "s_r_to_i")
        more = {"target": i.target, "target_secret": i.target_secret, "go_number": u64(i.go_number)}
        more |= {f"key_{way}": rec.Traffic(vars(s)["s_" + way]).key for way in ("i_to_r", "r_to_i")}
        more |= {name: vars(s)[name] for name in (*values, "exporter")}
        return {
            "name": t.name,
            "clauses": WHOLE,
            "use": t.use,
            "initiator": self.side(t.i_key, i, t.i_incarnation, t.i_hints, t.i_mine, t.i_go)
            | {
                "anonymous": False,
                "wanted": t.r_key.public.hex(),
                "b": t.b().hex(),
                "place": t.place.hex(),
                "kem_d": t.kem_d.hex(),
                "kem_z": t.kem_z.hex(),
            },
            "responder": self.side(t.r_key, r, t.r_incarnation, t.r_hints, t.r_mine, t.r_go)
            | {
                "b_secret": t.b_t.hex(),
                "places": [p.hex() for p in t.places],
                "kem_m": t.kem_m.hex(),
            },
            "version": i.version,
            "suite": u16(i.suite).hex(),
            "plain": {name: value.hex() for name, value in plain.items()},
            "items": {name: item[name].hex() for name in items},
            "flights": {"1": self.flight1.hex(), "2": self.flight2.hex(), "3": self.flight3.hex()},
            "values": {name: value.hex() for name, value in more.items()},
            "records": {
                "answer": t.answer_frames,
                "behind_go": [hs.record_json(f, w) for f, w in zip(t.i_records, self.i_wires)],
                "behind_answer": [hs.record_json(f, w) for f, w in zip(t.r_records, self.r_wires)],
            },
        }

    def side(self, key, role, incarnation, hints, mine, go):
        return {
            **hs.key_json(key, "vat"),
            "ticket_secret": self.setup.ticket_secret.hex(),
            "versions": role.versions,
            "suites": role.suites,
            "x_secret": role.x_secret.hex(),
            "x_public": role.x_public.hex(),
            "incarnation": u64(incarnation).hex(),
            "hints": hints.hex(),
            "mine": u64(mine).hex(),
            "go": u64(go).hex() if role.is_master else None,
            "master": role.is_master,
        }


def setups():
    msg = hs.msg
    yield Setup("master initiates, nothing said in ANSWER", rand("introduced early 1", 333))
    yield Setup(
        "slave initiates, frames in ANSWER and records behind it",
        rand("introduced early 2", 700),
        [msg(1, b"welcome"), msg(2, rand("introduced answer", 500), True)],
        initiator_is_greater=False,
        r_hints=b"x=1",
        i_hints=b"y=2",
        i_records=[[msg(3, b"behind what EARLY said")]],
        r_records=[[msg(3, b".")], [{"frame": "PAD", "zeros": 9}]],
    )
    yield Setup(
        "the longest EARLY and the longest ANSWER",
        rand("introduced early 3", x.EARLY_LONGEST),
        [msg(1, rand("introduced long answer", 4000), True), {"frame": "PAD", "zeros": x.MOST_FRAMES - 4012 - 1}],
    )
    yield Setup("the shortest EARLY", rand("introduced early 4", x.EARLY_SHORTEST), initiator_is_greater=False)


# --- single faults ---------------------------------------------------------------------------------------------------


class Cases:
    def __init__(self):
        self.out = []

    def bad(self, run, flight, name, clauses, wire, alone=True, kept=(), early=None):
        """alone: with that one check switched off the model accepts the flight. early: what I has said instead."""

        def waiting():
            t = run.setup
            if flight == 2:
                i = t.initiator(early)
                i.flight1()
                return i, i.flight2
            r = t.responder(kept)
            if flight == 1:
                return r, r.flight1
            r.flight1(run.flight1)
            r.flight2()
            return r, r.flight3

        role, take = waiting()
        try:
            take(wire)
        except Refused as e:
            assert e.clause in clauses, (name, e.clause, e.part)
            part = e.part
        else:
            raise AssertionError("accepted: " + name)
        if alone:
            OFF.add(part)
            waiting()[1](wire)
            OFF.clear()
        more = {"kept": [k.hex() for k in kept]} if kept else {}
        if early is not None:
            more["early"] = early.hex()
        self.out.append(
            {
                "kind": "refused",
                "name": f"flight {flight}: {name}",
                "clauses": clauses,
                "base": run.setup.name,
                "flight": flight,
                "state": role.expects,
                "wire": wire.hex(),
                **more,
            }
        )


def with_target(run, secret, vat):
    i = run.i
    asked = v.target(
        3, v.encode_versions([1]), v.encode_suites([1]), i.x_public, i.ek, secret, vat, run.setup.place
    )
    return lp(i.iwant[:-16] + asked) + lp(i.early)


def flight1(cases, run):
    t, i = run.setup, run.i
    vat, other = t.r_key.public, rand("introduced another secret")
    cases.bad(run, 1, "a target without the ticket's secret", ["VTP-4"], with_target(run, i.target_secret, vat))
    cases.bad(run, 1, "another secret", ["VTP-4"], with_target(run, i.target_secret, vat + other))
    wrong = c.x25519(t.i_x, t.r_key.mapped)
    cases.bad(run, 1, "R's own key as prekey", ["VTP-4"], with_target(run, wrong, vat + t.ticket_secret))
    cases.bad(run, 1, "another vat", ["VTP-4"], with_target(run, i.target_secret, t.i_key.public + t.ticket_secret))
    cases.bad(run, 1, "an x_i that was answered", ["VTP-5"], run.flight1, kept=[i.x_public])
    for n in (0, x.EARLY_SHORTEST - 1, x.EARLY_LONGEST + 1):
        wire = lp(i.iwant) + lp(bytes(n))
        cases.bad(run, 1, f"EARLY of {n} bytes", ["RDV-10"], wire, alone=False)


def flight2(cases, run, other):
    r = run.r
    head = lp(r.iam) + lp(r.replyinfo)
    cases.bad(run, 2, "EARLY was another", ["VTP-8", "RDV-13"], run.flight2, alone=False, early=other.i.early)

    def bad(name, answer):
        cases.bad(run, 2, name, ["RDV-14"], head + lp(answer), alone=False)

    for at in (0, 49, 50, -1):
        changed = bytearray(r.answer)
        changed[at] ^= 1
        bad(f"a bit of ANSWER at {at}", bytes(changed))
    bad("ANSWER of another handshake", other.r.answer)
    bad("ANSWER with counter 0", c.seal(r.s.k_rh, 0, r.answer_plain))
    bad("ANSWER under k_ih", c.seal(r.s.k_ih, 1, r.answer_plain))
    bad("ANSWER with associated data", c.seal(r.s.k_rh, 1, r.answer_plain, b"x"))
    bad("ANSWER without the last pair field", c.seal(r.s.k_rh, 1, r.answer_plain[:49]))
    bad("ANSWER of 4163 bytes", c.seal(r.s.k_rh, 1, r.answer_plain[:50] + bytes(4097)))


def flight3(cases, run):
    t, i = run.setup, run.i

    def bad(name, clauses, change, alone=True):
        forged = t.initiator()
        forged.flight1()
        forged.flight2(run.flight2)
        change(forged)
        cases.bad(run, 3, name, clauses, forged.flight3(), alone=alone)

    def key(forged):
        forged.key = hs.key_where("introduced other key", lambda k: (k > t.r_key.public) == i.is_master)

    def incarnation(forged):
        forged.incarnation += 1

    def pair(**change):
        fields = {"verdict": i.pair[0], "mine": t.i_mine, "yours": 0, "go": t.i_go if i.is_master else 0} | change

        def changed(forged):
            forged.pair_fields = lambda: v.encode_pair(**fields)

        return changed

    def old_transcript(forged):
        forged.s.h_flight2 = lambda: forged.s.h_replyinfo

    bad("another vat", ["RDV-15"], key)
    bad("another incarnation", ["RDV-15"], incarnation)
    for name, change in (("mine", t.i_mine + 1), ("again", 1), ("expect", 2), ("first", 2), ("past", 0)):
        bad(f"another {name} in GO", ["RDV-15"], pair(**{name: change}))
    bad("another go in GO", ["RDV-15"], pair(go=t.i_go + 1) if i.is_master else pair(go=7))
    bad("a signature that does not cover ANSWER", ["VTP-12", "RDV-13"], old_transcript, alone=False)


def make():
    runs = [Run(s) for s in setups()]
    cases = Cases()
    for run, other in ((runs[0], runs[1]), (runs[1], runs[0])):
        many = run is runs[0]
        if many:
            flight1(cases, run)
            flight2(cases, run, other)
        flight3(cases, run)
    for case in cases.out:
        case["name"] += "" if case["base"] == runs[0].setup.name else " (slave)"
    assert len(runs[2].r.answer) == x.ANSWER_LONGEST and len(runs[0].r.answer) == x.ANSWER_SHORTEST
    return {
        "comment": "Handshakes with a ticket: every random byte, every flight, every value on the way, and single faults.",
        "spec": SPEC,
        "cases": [run.json() for run in runs] + cases.out,
    }
