"""handshake.json: whole handshakes, both roles run against each other."""

import crypto as c
import names as n
import records as rec
import vattp as v
from frames import encode_frames
from rng import rand
from wire import lp, u16, u64

SPEC = [f"VTP-{i}" for i in (1, 2, 4, 7, 8, 9, 11, 12, 13, 14, 15, 19)]

# What a case tests that is not about one clause.
WHOLE = [f"VTP-{i}" for i in (1, 4, 7, 8, 9, 12, 14, 15, 19)]


def number(label):
    """A number below 2^62 that is not 0 (VTP-20, 3.3)."""
    return int.from_bytes(rand(label, 8), "big") % (2**62 - 1) + 1


def seed_key(label):
    return n.SigningKey.from_seed(rand(label))


def expanded_key(label):
    b = bytearray(rand(label, 64))
    b[0] &= 248
    b[31] = b[31] & 127 | 64
    return n.SigningKey(bytes(b))


def key_where(label, good, make=seed_key):
    """The first key of a row of labelled ones that is good."""
    i = 0
    while True:
        key = make(f"{label} {i}")
        if good(key.public):
            return key
        i += 1


class Setup:
    """All that goes into one handshake."""

    def __init__(self, name, use="vat", initiator_is_greater=True, responder_expanded=False, anonymous=False, **more):
        self.name, self.use, self.anonymous = name, use, anonymous
        label = "handshake " + name
        self.r_key = (expanded_key if responder_expanded else seed_key)(label + " responder key")
        self.i_key = key_where(
            label + " initiator key", lambda public: (public > self.r_key.public) == initiator_is_greater
        )
        self.onion_secret = None if use == "vat" else rand(label + " onion key")
        self.place = self.r_key.public if use != "vat" else "192.0.2.7:4433"
        self.i_versions, self.i_suites = [1], [1]
        self.r_versions, self.r_suites = [1], [1]
        self.i_x, self.r_x = rand(label + " x_i"), rand(label + " x_r")
        self.kem_d, self.kem_z, self.kem_m = (rand(f"{label} kem {x}") for x in "dzm")
        self.i_incarnation = 0 if anonymous else number(label + " incarnation_i")
        self.r_incarnation = number(label + " incarnation_r")
        self.i_hints = self.r_hints = b""
        self.i_mine, self.r_mine = number(label + " mine_i"), number(label + " mine_r")
        # One counter per vat (VTP-20): the go number of the master follows its `mine`.
        self.i_go = self.i_mine + int.from_bytes(rand(label + " go_i", 2), "big") + 1
        self.r_go = self.r_mine + int.from_bytes(rand(label + " go_r", 2), "big") + 1
        self.i_records, self.r_frames, self.r_records = [], [], []
        self.clauses = []
        for key, value in more.items():
            assert hasattr(self, key) or key == "places", key
            setattr(self, key, value)
        self.places = more.get("places", [self.place])

    def b_secret(self):
        return self.r_key.scalar if self.use == "vat" else self.onion_secret

    def b(self):
        return self.r_key.mapped if self.use == "vat" else c.x25519_public(self.onion_secret)

    def initiator(self):
        return v.Initiator(
            v.USES[self.use],
            self.i_key,
            self.r_key.public,
            self.b(),
            self.place,
            self.i_versions,
            self.i_suites,
            self.i_x,
            self.kem_d,
            self.kem_z,
            self.i_incarnation,
            self.i_hints,
            self.i_mine,
            self.i_go,
        )

    def responder(self, kept=()):
        return v.Responder(
            v.USES[self.use],
            self.r_key,
            self.b_secret(),
            self.places,
            self.r_versions,
            self.r_suites,
            self.r_x,
            self.kem_m,
            self.r_incarnation,
            self.r_hints,
            self.r_mine,
            self.r_go,
            kept,
        )


class Run:
    """The handshake of a setup, run to its end, and what was seen on the way."""

    def __init__(self, setup):
        self.setup = setup
        i, r = self.i, self.r = setup.initiator(), setup.responder()
        self.flight1 = i.flight1()
        r.flight1(self.flight1)
        self.flight2 = r.flight2()
        i.flight2(self.flight2)
        self.flight3 = i.flight3()
        i_sender = rec.Sender(i.s.s_i_to_r)
        self.i_wires = [i_sender.record(frames) for frames in setup.i_records]
        rest = r.flight3(self.flight3 + b"".join(self.i_wires))
        assert rest == b"".join(self.i_wires)
        r_receiver = rec.Receiver(r.s.s_i_to_r, r.peer_mine)
        for wire, frames in zip(self.i_wires, setup.i_records):
            assert r_receiver.take(wire) == frames
        r_sender = rec.Sender(r.s.s_r_to_i)
        self.gotoo = r.gotoo()
        self.flight4 = r_sender.record(setup.r_frames, self.gotoo)
        self.r_wires = [r_sender.record(frames) for frames in setup.r_records]
        i_receiver = rec.Receiver(i.s.s_r_to_i, None)

        def on_gotoo(pair):
            i.gotoo(pair)
            i_receiver.peer_mine = i.peer_mine

        assert i_receiver.take(self.flight4, on_gotoo) == setup.r_frames
        for wire, frames in zip(self.r_wires, setup.r_records):
            assert i_receiver.take(wire) == frames
        assert vars(i.s) == vars(r.s)
        assert i.is_master != r.is_master and i.go_number == r.go_number != 0
        assert (i.peer_mine, r.peer_mine) == (r.mine, i.mine)
        assert (i.peer_hints, r.peer_hints) == (setup.r_hints, setup.i_hints)
        assert (i.peer_incarnation, r.peer_incarnation) == (setup.r_incarnation, setup.i_incarnation)
        assert (i.version, i.suite) == (r.version, r.suite) and r.peer == setup.i_key.public
        assert not (setup.anonymous and i.is_master)

    def json(self):
        t, i, r, s = self.setup, self.i, self.r, self.i.s
        return {
            "name": t.name,
            "clauses": t.clauses or WHOLE + ["VTP-11"] * bool(t.i_hints) + ["VTP-13"] * t.anonymous,
            "use": t.use,
            "initiator": {
                **key_json(t.i_key, "relay" if t.use == "link" and not t.anonymous else "vat"),
                "anonymous": t.anonymous,
                "wanted": t.r_key.public.hex(),
                "b": t.b().hex(),
                "place": place_json(t.use, t.place),
                "versions": t.i_versions,
                "suites": t.i_suites,
                "x_secret": t.i_x.hex(),
                "x_public": i.x_public.hex(),
                "kem_d": t.kem_d.hex(),
                "kem_z": t.kem_z.hex(),
                "incarnation": u64(t.i_incarnation).hex(),
                "hints": t.i_hints.hex(),
                "mine": u64(t.i_mine).hex(),
                "go": u64(t.i_go).hex() if i.is_master else None,
                "master": i.is_master,
            },
            "responder": {
                **key_json(t.r_key, "vat" if t.use == "vat" else "relay"),
                "onion_secret": None if t.onion_secret is None else t.onion_secret.hex(),
                "b_secret": t.b_secret().hex(),
                "places": [place_json(t.use, p) for p in t.places],
                "versions": t.r_versions,
                "suites": t.r_suites,
                "x_secret": t.r_x.hex(),
                "x_public": r.x_public.hex(),
                "kem_m": t.kem_m.hex(),
                "incarnation": u64(t.r_incarnation).hex(),
                "hints": t.r_hints.hex(),
                "mine": u64(t.r_mine).hex(),
                "go": u64(t.r_go).hex() if r.is_master else None,
                "master": r.is_master,
            },
            "version": i.version,
            "suite": u16(i.suite).hex(),
            "plain": {
                "replyinfo": r.replyinfo_plain.hex(),
                "giveinfo": i.giveinfo_plain.hex(),
                "go": i.go_plain.hex(),
                "gotoo": self.gotoo.hex(),
            },
            "items": {
                "iwant": i.iwant.hex(),
                "iam": r.iam.hex(),
                "replyinfo": r.replyinfo.hex(),
                "giveinfo": i.giveinfo.hex(),
                "go": i.go_item.hex(),
            },
            "flights": {
                "1": self.flight1.hex(),
                "2": self.flight2.hex(),
                "3": self.flight3.hex(),
                "4": self.flight4.hex(),
            },
            "values": {
                "h0": s.h0.hex(),
                "target_secret": i.target_secret.hex(),
                "target": i.target.hex(),
                "h_iwant": s.h_iwant.hex(),
                "h_iam": s.h_iam.hex(),
                "h_replyinfo": s.h_replyinfo.hex(),
                "h_giveinfo": s.h_giveinfo.hex(),
                "h_go": s.h_go.hex(),
                "dh": s.dh.hex(),
                "kem_secret": s.kem_secret.hex(),
                "hs": s.hs.hex(),
                "k_rh": s.k_rh.hex(),
                "f_r": s.f_r.hex(),
                "k_ih": s.k_ih.hex(),
                "f_i": s.f_i.hex(),
                "derived": s.derived.hex(),
                "ms": s.ms.hex(),
                "s_i_to_r": s.s_i_to_r.hex(),
                "s_r_to_i": s.s_r_to_i.hex(),
                "key_i_to_r": rec.Traffic(s.s_i_to_r).key.hex(),
                "key_r_to_i": rec.Traffic(s.s_r_to_i).key.hex(),
                "exporter": s.exporter.hex(),
                "go_number": u64(i.go_number).hex(),
            },
            "records": {
                "behind_go": [record_json(f, w) for f, w in zip(t.i_records, self.i_wires)],
                "gotoo_frames": t.r_frames,
                "behind_gotoo": [record_json(f, w) for f, w in zip(t.r_records, self.r_wires)],
            },
        }


def record_json(frames, wire):
    return {"frames": frames, "plain": encode_frames(frames).hex(), "wire": wire.hex()}


def key_json(key, kind):
    out = {"expanded": key.expanded.hex(), "public": key.public.hex(), "text": n.to_text(kind, key.public)}
    if key.seed is not None:
        out["seed"] = key.seed.hex()
    return out


def place_json(use, place):
    return place if use == "vat" else place.hex()


def msg(number, data, more=False):
    return {"frame": "MSG", "more": more, "number": u64(number).hex(), "bytes": data.hex()}


def setups():
    yield Setup("vat, master initiates", i_mine=1, i_go=2)
    yield Setup(
        "vat, slave initiates, records behind GO and GOTOO",
        initiator_is_greater=False,
        i_records=[
            [msg(1, b"hello")],
            [msg(2, rand("handshake long", 300), True)],
            [msg(3, b"."), {"frame": "PAD", "zeros": 40}],
        ],
        r_frames=[msg(1, b"hello to you"), {"frame": "PAD", "zeros": 7}],
        r_records=[[msg(2, b"more")], [{"frame": "PAD", "zeros": 99}]],
    )
    yield Setup(
        "vat, responder key in expanded form, hints of both",
        responder_expanded=True,
        r_hints=b"at=192.0.2.7:4433",
        i_hints=(b"at=[2001:db8::17]:4433&x=" + b"y" * 254)[:254],
    )
    yield Setup("vat, anonymous initiator", initiator_is_greater=False, anonymous=True)
    yield Setup("link, relay initiates", use="link")
    yield Setup("link, anonymous initiator", use="link", initiator_is_greater=False, anonymous=True)
    yield Setup("exit, anonymous initiator", use="exit", initiator_is_greater=False, anonymous=True)
    yield Setup(
        "unknown versions and suites offered, another order of preference",
        i_versions=[9, 255, 1, 2],
        i_suites=[0x7A7A, 0xFFFF, 1, 0x0100],
        clauses=["VTP-1", "VTP-2", "VTP-4"],
    )
    yield Setup(
        "sixteen versions and suites offered, the longest IWANT",
        i_versions=list(range(16, 0, -1)),
        i_suites=[0xFF00 + x for x in range(15)] + [1],
        clauses=["VTP-1", "VTP-2", "VTP-4"],
    )
    yield Setup(
        "suites 0x0001 and 0x0002 offered, the first chosen",
        i_suites=[1, 2],
        clauses=["VTP-1", "VTP-2", "VTP-4"],
    )
    yield Setup(
        "the responder knows two suites and prefers 0x0001, the initiator 0x0002",
        i_suites=[2, 1],
        r_suites=[1, 2],
        clauses=["VTP-1", "VTP-2", "VTP-4"],
    )
    yield Setup(
        "vat at an IPv6 place, the second of three",
        place="[2001:db8::1]:4433",
        places=["192.0.2.7:4433", "[2001:db8::1]:4433", "vat.example:4433"],
        clauses=["VTP-4"],
    )
    yield Setup("vat at a DNS place", initiator_is_greater=False, place="vat.example:4433", clauses=["VTP-4"])
    yield Setup(
        "vat, anonymous initiator with the greater key",
        anonymous=True,
        i_records=[[msg(1, b"who I am is nobody's business")]],
        r_frames=[msg(1, b"quite")],
    )


def make():
    runs = [Run(s) for s in setups()]
    longest = runs[8]
    assert len(longest.i.iwant) == v.IWANT_LONGEST and len(runs[0].i.iwant) == v.IWANT_SHORTEST
    for run in runs:
        assert len(run.flight2) == 4 + v.IAM_LEN + v.REPLYINFO_LEN
        assert len(run.flight3) == 4 + v.GIVEINFO_LEN + v.GO_LEN
        assert run.setup.places.count(run.setup.place) == 1
        assert lp(run.i.iwant) == run.flight1
    return {
        "comment": "Whole handshakes: every random byte, every flight, every value on the way.",
        "spec": SPEC,
        "cases": [run.json() for run in runs],
    }
