"""hop_handshake.json: a client asks a relay, and what either refuses."""

import crypto as c
import hop
import names as n
from cases_handshake_refused import low_order_points
from rng import rand
from wire import Refused, lp, show_refused, u64

RULE = hop.RULE
SPEC = [RULE, "ONI-10", "PAC-3"]
CELL = 1024


def flip(data, at):
    data = bytearray(data)
    data[at] ^= 1
    return bytes(data)


class Run:
    """One handshake, and all that goes into it."""

    def __init__(self, name, live=2, class_=0, start=None):
        self.name, label = name, "hop handshake " + name
        self.id = n.SigningKey.from_seed(rand(label + " relay")).public
        self.b_secret, self.x, self.y = (rand(f"{label} {key}") for key in ("onion key", "x", "y"))
        self.d, self.z, self.m = (rand(f"{label} kem {x}") for x in "dzm")
        start = int.from_bytes(rand(label + " start", 8), "big") % 2**62 if start is None else start
        self.settings = hop.encode_settings(live, class_, start)
        self.class_, self.said = class_, {"live": live, "class": class_, "start": u64(start).hex()}
        client, relay = self.client(), self.relay()
        self.request = client.request()
        assert len(self.request) == hop.REQUEST
        found, self.reply = relay.answer(self.request, self.y, self.m)
        assert len(self.reply) == hop.REPLY
        assert found == {"live": live, "class": class_, "start": start}
        self.c, self.s = client, client.finish(self.reply)
        assert vars(self.s) == vars(relay.s)

    def client(self):
        return hop.Client(self.id, c.x25519_public(self.b_secret), self.settings, self.x, self.d, self.z)

    def relay(self):
        return hop.Relay(self.id, self.b_secret, (self.class_,))

    def json(self):
        values = {
            "hash_b": c.H(self.relay().b),
            "y_public": c.x25519_public(self.y),
            "settings": self.settings,
            "settings_key": self.c.settings_key,
        }
        return {
            "kind": "handshake",
            "name": self.name,
            "clauses": [RULE, "PAC-3"] if self.class_ else [RULE],
            "id": self.id.hex(),
            "onion_secret": self.b_secret.hex(),
            "onion_public": self.relay().b.hex(),
            **{"x_secret": self.x.hex(), "x_public": self.c.x_public.hex(), "y_secret": self.y.hex()},
            **{"kem_d": self.d.hex(), "kem_z": self.z.hex(), "kem_m": self.m.hex()},
            **self.said,
            "request": self.request.hex(),
            "reply": self.reply.hex(),
            "values": {name: value.hex() for name, value in values.items()} | self.s.json(),
        }


def requests(run):
    """What the relay refuses; `alone`: with that one check switched off the model takes it."""

    def bad(name, request, alone=True, before=(), kept=()):
        def take():
            relay = run.relay()
            relay.seen = list(kept)
            for one in before:
                relay.answer(one, run.y, run.m)
            return relay.answer(request, run.y, run.m)

        show_refused(take, [RULE], name, alone)
        case = {"kind": "request refused", "name": "request: " + name, "clauses": [RULE], "base": run.name}
        return case | {"before": [one.hex() for one in before], "request": request.hex()}

    def forge(id_=None, hash_b=None, x_public=None, ek=None, settings=None, key=None, shared=None, counter=0, ad=None):
        """Sealed as it must be for what it is given."""
        b = run.relay().b
        id_, ek = run.id if id_ is None else id_, run.c.ek if ek is None else ek
        x_public = run.c.x_public if x_public is None else x_public
        hash_b = c.H(b)[:8] if hash_b is None else hash_b
        shared = run.c.dh_xb if shared is None else shared
        key = hop.settings_key(shared, id_, b, x_public, ek) if key is None else key
        head = id_ + hash_b + x_public + ek
        settings = run.settings if settings is None else settings
        return head + c.seal(key, counter, settings, head if ad is None else ad)

    assert forge() == run.request
    other = n.SigningKey.from_seed(rand("hop handshake other relay")).public
    # Sealed with the other id in the key; a relay that does not look at the id would take it.
    yield bad("another id", forge(id_=other))
    yield bad("another H(B)", forge(hash_b=c.H(c.x25519_public(rand("hop handshake other key")))[:8]))
    yield bad("the end of H(B)", forge(hash_b=c.H(run.relay().b)[-8:]))
    for name, point in low_order_points():
        yield bad(f"X is {name}", forge(x_public=point, shared=bytes(32)))
    yield bad("the same again", run.request, before=[run.request])
    again = forge(settings=hop.encode_settings(3, 0, 7))
    yield bad("an X seen, with other settings", again, before=[run.request])
    wrong = run.c.ek[:1] + b"\xff\xff" + run.c.ek[3:]
    assert not c.kem_key_ok(wrong)
    yield bad("ek that fails the modulus check", forge(ek=wrong), alone=False)
    for name, settings in (
        ("live count 8", hop.encode_settings(8, 0, 5)),
        ("live count 255", hop.encode_settings(255, 0, 5)),
        ("class 1", hop.encode_settings(2, 1, 5)),
        ("class 255", hop.encode_settings(2, 255, 5)),
        ("version 0", hop.encode_settings(2, 0, 5, 0)),
        ("version 2", hop.encode_settings(2, 0, 5, 2)),
        ("start 2^62", hop.encode_settings(2, 0, 2**62)),
        ("the greatest start", hop.encode_settings(2, 0, 2**64 - 1)),
    ):
        yield bad(name, forge(settings=settings))
    for name, at in (
        ("a bit of X", 40),
        ("a bit of ek", 72),
        ("the last bit of ek", 1255),
        ("a bit of the settings", 1256),
        ("a bit of the tag", -1),
    ):
        yield bad(name, flip(run.request, at), alone=False)
    prk = c.extract(c.label("hop settings"), run.c.dh_xb)
    h = c.H(run.relay().b)
    info = c.label("hop settings") + run.id + h + run.c.x_public
    short = c.label("hop settings") + run.id + h[:8] + run.c.x_public + run.c.ek
    for name, forged in (
        ("settings sealed with counter 1", forge(counter=1)),
        ("settings sealed with no associated data", forge(ad=b"")),
        ("settings sealed under the extracted key", forge(key=prk)),
        ("settings sealed under a key without ek", forge(key=c.expand(prk, info))),
        ("settings sealed under a key with the head of H(B)", forge(key=c.expand(prk, short))),
        ("settings sealed by one who has another shared secret", forge(shared=rand("hop handshake shared"))),
    ):
        yield bad(name, forged, alone=False)


def kept(run):
    """An X is kept from when its settings have opened."""
    for name, before in (
        ("behind one with this X that did not open", flip(run.request, -1)),
        ("behind one with this X and another id", flip(run.request, 0)),
    ):
        relay = run.relay()
        try:
            relay.answer(before, run.y, run.m)
        except Refused:
            pass
        else:
            raise AssertionError
        assert relay.answer(run.request, run.y, run.m)[1] == run.reply
        case = {"kind": "request accepted", "name": "request: " + name, "clauses": [RULE], "base": run.name}
        yield case | {"refused": before.hex(), "request": run.request.hex(), "reply": run.reply.hex()}


def replies(run):
    """What the client refuses."""

    def bad(name, reply, alone=False):
        def take():
            client = run.client()
            client.request()
            return client.finish(reply)

        show_refused(take, [RULE], name, alone)
        case = {"kind": "reply refused", "name": "reply: " + name, "clauses": [RULE], "base": run.name}
        return case | {"reply": reply.hex()}

    for name, at in (
        ("a bit of Y", 0),
        ("a bit of ct", 32),
        ("the last bit of ct", 1119),
        ("a bit of AUTH", 1120),
        ("the last bit of AUTH", 1151),
        ("a bit of the settings back", 1152),
        ("a bit of their tag", -1),
    ):
        yield bad(name, flip(run.reply, at))

    # What a relay would say that has or lacks one thing.
    k, b, y_public, ct = run.c, run.relay().b, run.reply[:32], run.reply[32:1120]

    def forge(id_=run.id, b=b, x=k.x_public, ek=k.ek, sealed=k.sealed, y=y_public, dhs=(), settings=run.settings):
        dh_xy, dh_xb, kem_secret = dhs or (run.s.dh_xy, run.s.dh_xb, run.s.kem_secret)
        return hop.Relay.reply(y, ct, hop.Schedule(id_, b, x, ek, sealed, y, ct, dh_xy, dh_xb, kem_secret), settings)

    assert forge() == run.reply
    for name, point in low_order_points():
        yield bad(f"Y is {name}", forge(y=point, dhs=(bytes(32), run.s.dh_xb, run.s.kem_secret)), alone=True)
    for name, settings in (
        ("another live count", hop.encode_settings(1, 0, int(run.said["start"], 16))),
        ("another class", hop.encode_settings(2, 1, int(run.said["start"], 16))),
        ("another version", run.settings[:2] + b"\2" + run.settings[3:]),
        ("another start", hop.encode_settings(2, 0, int(run.said["start"], 16) ^ 1)),
    ):
        yield bad(name, forge(settings=settings), alone=True)
    secrets = (run.s.dh_xy, run.s.dh_xb, run.s.kem_secret)
    wrong = rand("hop handshake wrong secret")
    other = n.SigningKey.from_seed(rand("hop handshake other relay")).public
    for name, reply in (
        ("of one who has not the onion key's secret", forge(dhs=(secrets[0], wrong, secrets[2]))),
        ("of one who has not Y's secret", forge(dhs=(wrong, *secrets[1:]))),
        ("of one who has not the KEM secret", forge(dhs=(*secrets[:2], wrong))),
        ("for another id", forge(id_=other)),
        ("for another onion key", forge(b=c.x25519_public(rand("hop handshake other key")))),
        ("for another X", forge(x=c.x25519_public(rand("hop handshake other x")))),
        ("for other settings", forge(sealed=flip(k.sealed, 0))),
    ):
        yield bad(name, reply)

    def with_auth(auth):
        return run.reply[:1120] + auth + run.reply[1152:]

    s = run.s
    bare = c.H(c.label("hop transcript") + b"".join((run.id, b, k.x_public, k.ek, k.sealed, y_public, ct)))
    yield bad("AUTH over the transcript alone", with_auth(c.hmac(s.auth_key, s.th)))
    yield bad("AUTH with a label for relay", with_auth(c.hmac(s.auth_key, s.th + c.PREFIX + b"relay")))
    yield bad("AUTH over parts without their lengths", with_auth(c.hmac(s.auth_key, bare + b"relay")))
    salted = c.extract(c.label("hop"), lp(s.dh_xy) + lp(s.dh_xb) + lp(s.kem_secret))
    auth_key = c.expand(salted, c.label("hop auth") + s.th)
    yield bad("AUTH under a key whose salt is the label itself", with_auth(c.hmac(auth_key, s.th + b"relay")))
    head = run.reply[:1152]
    yield bad("settings back with counter 1", head + c.seal(s.back_key, 1, run.settings))
    yield bad("settings back with associated data", head + c.seal(s.back_key, 0, run.settings, head))
    yield bad("settings back as they came", head + k.sealed)


def bad_keys(run):
    """A client does not ask under an onion key of low order."""
    for name, point in low_order_points():
        try:
            hop.Client(run.id, point, run.settings, run.x, run.d, run.z)
        except Refused as e:
            assert e.clause == RULE
        else:
            raise AssertionError(name)
        case = {"kind": "bad onion key", "name": f"B is {name}", "clauses": [RULE], "id": run.id.hex()}
        yield case | {"onion_public": point.hex(), "x_secret": run.x.hex(), "kem_d": run.d.hex(), "kem_z": run.z.hex()}


def other_classes(runs):
    """PAC-3: the class in the settings is that of the circuit's id."""
    for run in runs:
        for class_ in range(4):
            if class_ == run.class_:
                continue
            relay = hop.Relay(run.id, run.b_secret, (class_,))
            try:
                relay.answer(run.request, run.y, run.m)
            except Refused as e:
                assert (e.clause, e.part) == (RULE, "class")
            else:
                raise AssertionError
            name = f"{run.name}, on a circuit of class {class_}"
            case = {"kind": "other class", "name": name, "clauses": [RULE, "PAC-3"], "base": run.name}
            yield case | {"class": class_}


def begins(run):
    """ONI-10: on a link the request and the reply travel in two cells each."""

    def cut(data):
        data += bytes(2 * CELL - len(data))
        return [data[:CELL].hex(), data[CELL:].hex()]

    case = {"kind": "on a link", "name": "on a link: " + run.name, "clauses": ["ONI-10"], "base": run.name}
    yield case | {"asked": cut(run.request), "answered": cut(run.reply)}
    for what, data in (("asked", run.request), ("answered", run.reply)):
        for name, at in (("the first byte", len(data)), ("the last byte", 2 * CELL - 1)):
            cells = cut(flip(data + bytes(2 * CELL - len(data)), at))
            case = {"kind": "on a link refused", "name": f"on a link: {name} behind what is {what}"}
            yield case | {"clauses": ["ONI-10"], "base": run.name, what: cells}


def make():
    runs = [
        Run("live count 2"),
        Run("live count 0, start 0", live=0, start=0),
        Run("live count 7, the greatest start", live=7, start=2**62 - 1),
    ]
    paced = [Run(f"class {class_}", class_=class_) for class_ in (1, 2, 3)]
    runs += paced
    out = [*(run.json() for run in runs), *bad_keys(runs[0]), *requests(runs[0]), *kept(runs[0]), *replies(runs[0])]
    out += [*begins(runs[0]), *other_classes([runs[0], *paced])]
    return {"comment": "The hop handshake.", "spec": SPEC, "cases": out}
