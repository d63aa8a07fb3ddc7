"""captp_certificates.json: ids, signed locations, gives and receives. Certificates stand in an op:deliver of dialect B."""

import captp as c
import syrup as s
from captp import is_
from crypto import H, L, library_sign, verify_strict
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from rng import rand

SPEC = ["CAP-8", "CAP-9", "CAP-10"]
GIFTER, RECEIVER, OTHER, LATER = (rand(f"captp certificates {n}") for n in range(4))
HINTS = {"at": "host:1", "ticket": "x", "b": ""}
NEUTRAL = (1).to_bytes(32, "little")


def public(seed):
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def location(**change):
    parts = {"transport": "mix", "designator": "exporter", "hints": HINTS} | change
    return c.peer(parts["transport"], parts["designator"], parts["hints"])


def message(value):
    return s.encode(c.operation(is_("deliver", is_("export", 0), (value,), None, None), "B")).hex()


def ids():
    keys = [rand(f"captp key {n}") for n in range(4)]
    for n, seed in enumerate(keys):
        case = {"kind": "id", "name": f"the id of key {n}", "clauses": ["CAP-8"], "seed": seed.hex()}
        yield case | {"public": public(seed).hex(), "id": c.public_id(public(seed)).hex()}
    for n, m in ((0, 1), (1, 0), (2, 3), (3, 2), (1, 1)):
        one, two = c.public_id(public(keys[n])), c.public_id(public(keys[m]))
        case = {"kind": "session", "name": f"the session of keys {n} and {m}", "clauses": ["CAP-8"]}
        yield case | {"one": one.hex(), "two": two.hex(), "session": c.session_id(one, two).hex()}


def start(key, where, signature):
    return s.encode(c.operation(is_("start-session", "1.0", key, where, signature), "B")).hex()


def locations():
    places = {
        "with hints": location(),
        "without hints": location(hints=None),
        "with empty hints": location(hints={}),
        "of another transport": location(transport="tcp-testing-only", designator="é"),
    }
    for name, where in places.items():
        signed = c.my_location(where)
        signature = library_sign(GIFTER, signed)
        assert verify_strict(public(GIFTER), signed, signature)
        case = {"kind": "location", "name": f"a location {name}", "clauses": ["CAP-10"], "seed": GIFTER.hex()}
        yield case | {"start": start(public(GIFTER), where, signature), "signature": signature.hex()}
    where, key = location(), public(GIFTER)
    good = library_sign(GIFTER, c.my_location(where))
    # s + L is the same number modulo the order, and a lenient verifier would take it.
    large = good[:32] + (int.from_bytes(good[32:], "little") + L).to_bytes(32, "little")
    for name, key_, where_, signature in (
        ("signed bare", key, where, library_sign(GIFTER, s.encode(c.peer_record(where)))),
        ("signed by another key", key, where, library_sign(OTHER, c.my_location(where))),
        ("with another key", public(OTHER), where, good),
        ("with another hint", key, location(hints=HINTS | {"at": "host:2"}), good),
        ("with a hint more", key, location(hints=HINTS | {"c": ""}), good),
        ("without its hints", key, location(hints=None), good),
        ("of another designator", key, location(designator="exporter2"), good),
        ("of another transport", key, location(transport="mox"), good),
        ("with a changed R", key, where, bytes([good[0] ^ 1]) + good[1:]),
        ("with a changed S", key, where, good[:32] + bytes([good[32] ^ 1]) + good[33:]),
        ("with a large S", key, where, large),
        ("under a key of order one", NEUTRAL, where, NEUTRAL + bytes(32)),
    ):
        assert not verify_strict(key_, c.my_location(where_), signature), name
        case = {"kind": "bad location", "name": f"a bad location {name}", "clauses": ["CAP-10"]}
        yield case | {"start": start(key_, where_, signature)}


def give_parts(**change):
    parts = {
        "key": public(RECEIVER),
        "location": location(),
        "session": H(b"gifter and exporter"),
        "side": c.public_id(public(GIFTER)),
        "gift": rand("captp certificates gift"),
    } | change
    return tuple(parts.values())


def give(seed=GIFTER, **change):
    return c.signed(seed, "give", *give_parts(**change))


def gives():
    for name, it in {
        "of 32 bytes": give(),
        "of one byte": give(gift=b"g"),
        "of 64 bytes": give(gift=rand("captp long gift", 64)),
        "at a location without hints": give(location=location(hints=None)),
        "to the gifter itself": give(key=public(GIFTER)),
    }.items():
        assert c.verifies(it, public(GIFTER))
        case = {"kind": "give", "name": f"a gift {name}", "clauses": ["CAP-9", "CAP-10"], "seed": GIFTER.hex()}
        yield case | {"message": message(it), "give": c.shown(it), "signature": it.parts[-1].hex()}
    signature = give().parts[-1]
    changes = {
        "to another receiver": {"key": public(OTHER)},
        "at another location": {"location": location(designator="other")},
        "with another hint": {"location": location(hints=HINTS | {"b": "b"})},
        "of another session": {"session": H(b"another session")},
        "of another side": {"side": c.public_id(public(OTHER))},
        "of another id": {"gift": rand("captp another gift")},
        "of a longer id": {"gift": give_parts()[-1] + b"\0"},
    }
    for name, change in changes.items():
        it = is_("give", *give_parts(**change), signature)
        yield bad_give(f"a bad gift {name}", it)
    yield bad_give("a bad gift of another gifter", give(OTHER))
    bare = library_sign(GIFTER, b"")
    yield bad_give("a bad gift with a signature of nothing", is_("give", *give_parts(), bare))


def bad_give(name, it):
    assert not c.verifies(it, public(GIFTER)), name
    case = {"kind": "bad give", "name": name, "clauses": ["CAP-10"], "gifter": public(GIFTER).hex()}
    return case | {"message": message(it)}


def receive(seed=RECEIVER, **change):
    parts = {
        "session": H(b"receiver and exporter"),
        "side": c.public_id(public(LATER)),
        "count": 0,
        "give": give(),
    } | change
    return c.signed(seed, "receive", *parts.values())


def receives():
    for name, it in {
        "the first": receive(),
        "one of many": receive(count=2**64 - 1),
        "of a gift with a short id": receive(give=give(gift=b"my-gift")),
    }.items():
        assert c.verifies(it, public(RECEIVER)) and c.verifies(it.parts[3], public(GIFTER))
        case = {"kind": "receive", "name": f"a receive, {name}", "clauses": ["CAP-9", "CAP-10"]}
        case |= {"seed": RECEIVER.hex(), "gifter": public(GIFTER).hex(), "signature": it.parts[-1].hex()}
        yield case | {"message": message(it), "receive": c.shown(it)}
    good = receive()
    changes = {
        "of another session": (0, H(b"another session")),
        "of another side": (1, c.public_id(public(OTHER))),
        "with another count": (2, 1),
        "of another gift": (3, give(gift=b"another")),
        "of a gift to another": (3, give(key=public(OTHER))),
    }
    for name, (place, part) in changes.items():
        parts = list(good.parts)
        parts[place] = part
        yield bad_receive(f"a bad receive {name}", is_("receive", *parts), True)
    yield bad_receive("a receive signed by a thief", receive(OTHER), True)
    yield bad_receive("a receive signed with the key of the session it goes over", receive(LATER), True)
    stolen = is_("give", *give_parts(key=public(OTHER)), give().parts[-1])
    yield bad_receive("a receive of a gift that was made over", receive(OTHER, give=stolen), False)
    yield bad_receive("a receive of a gift of nobody", receive(give=give(OTHER)), False)


def bad_receive(name, it, outside):
    own = it.parts[3].parts[0]
    assert c.verifies(it, own) != outside and c.verifies(it.parts[3], public(GIFTER)) == outside, name
    case = {"kind": "bad receive", "name": name, "clauses": ["CAP-10"], "gifter": public(GIFTER).hex()}
    return case | {"message": message(it), "receive_good": not outside, "give_good": outside}


def make():
    cases = [*ids(), *locations(), *gives(), *receives()]
    return {"comment": "Ids, and what is signed with the keys of sessions.", "spec": SPEC, "cases": cases}
