"""locations.json: keys of an epoch, location records, which epochs count, and who keeps a record."""

import cases_tickets as t
import crypto as c
import locations as loc
import names as n
import rendezvous as r
from rng import rand
from wire import show_refused, u64

CAROL, NETWORK, NOW = t.CAROL, t.NETWORK, t.NOW
EPOCH = NOW // loc.EPOCH
OTHER = n.SigningKey.from_seed(rand("locations other"))


def expanded_key():
    b = bytearray(rand("locations expanded", 64))
    b[0] &= 248
    b[31] = b[31] & 127 | 64
    return n.SigningKey(bytes(b))


def keys():
    for name, key, network, epoch in (
        ("a seed", CAROL, NETWORK, EPOCH),
        ("the next epoch", CAROL, NETWORK, EPOCH + 1),
        ("another network", CAROL, rand("locations network", 8), EPOCH),
        ("epoch 0", CAROL, NETWORK, 0),
        ("the last epoch", OTHER, NETWORK, 2**64 - 1),
        ("an expanded key", expanded_key(), NETWORK, EPOCH),
    ):
        half = loc.EpochKey(key, network, epoch)
        message = rand("locations message " + name, 40)
        yield {
            "kind": "epoch key",
            "name": "epoch key: " + name,
            "clauses": ["RDV-29"],
            "expanded": key.expanded.hex(),
            "vat": key.public.hex(),
            "network": network.hex(),
            "epoch": u64(epoch).hex(),
            "factor": loc.factor(key.public, network, epoch).hex(),
            "key": half.public.hex(),
            "message": message.hex(),
            "signature": half.sign(message).hex(),
        }


def plain(spot=t.SPOT, class_=1, network=NETWORK, version=1, suite=1, prekey=c.x25519_public(rand("locations b"))):
    return r.encode_spot(spot) + r.encode_terms(class_, network, version, suite) + prekey


def record(revision=NOW, salt=rand("locations salt", 16), said=None, epoch=EPOCH, network=NETWORK, key=CAROL, **more):
    return loc.make_record(key, network, epoch, revision, salt, plain() if said is None else said, **more)


def records():
    six = t.SPOT | {"family": 6, "address": bytes.fromhex("20010db8") + bytes(12), "port": 1}
    for name, revision, said, epoch in (
        ("a record", NOW, {}, EPOCH),
        ("of the next epoch, class 3, at an IPv6 address", 2**64 - 1, {"spot": six, "class_": 3}, EPOCH + 1),
        ("revision 0, class 0", 0, {"class_": 0}, EPOCH),
    ):
        salt = rand("locations salt " + name, 16)
        data = record(revision, salt, plain(**said), epoch)
        now = epoch * loc.EPOCH
        assert len(data) == loc.LEN
        read = loc.read_record(data, CAROL.public, NETWORK, epoch, now)
        spot = read["spot"]
        yield {
            "kind": "record",
            "name": "record: " + name,
            "clauses": ["RDV-30", "RDV-31"],
            "seed": CAROL.seed.hex(),
            "vat": CAROL.public.hex(),
            "network": NETWORK.hex(),
            "epoch": u64(epoch).hex(),
            "revision": u64(revision).hex(),
            "salt": salt.hex(),
            "now": now,
            **t.hexed({key: spot[key] for key in ("relay", "address", "port", "cookie")}),
            **t.hexed({"class": read["class"], "prekey": read["prekey"]}),
            "seal_key": loc.seal_key(CAROL.public, data[: loc.HEAD]).hex(),
            "record": data.hex(),
            "index": data[17:49].hex(),
        }


def refused():
    good = record()
    other_network = rand("locations other network", 8)

    def bad(name, clause, data, keeper=False, alone=True, now=NOW):
        """keeper: whoever keeps it refuses it too."""

        def take():
            if keeper:
                return loc.check_record(data, NETWORK, now)
            return loc.read_record(data, CAROL.public, NETWORK, EPOCH, now)

        show_refused(take, [clause], name, alone)
        if not keeper:
            loc.check_record(data, NETWORK, now)
        case = {"kind": "record refused", "name": "record refused: " + name, "clauses": [clause], "keeper": keeper}
        known = {"vat": CAROL.public.hex(), "network": NETWORK.hex(), "epoch": u64(EPOCH).hex(), "now": now}
        return case | known | {"record": data.hex()}

    for at in (0, 1, 263):
        yield bad(f"{at} bytes", "RDV-30", good[:at], True, alone=False)
    yield bad("a byte behind it", "RDV-30", good + b"\0", True, alone=False)
    yield bad("version 2", "RDV-31", record(version=2), True)
    yield bad("another network", "RDV-31", record(network=other_network), True)
    yield bad("before it counts", "RDV-31", good, True, now=EPOCH * loc.EPOCH - loc.OVERLAP - 1)
    yield bad("when it counts no more", "RDV-31", good, True, now=(EPOCH + 1) * loc.EPOCH + loc.OVERLAP)
    for name, at in (("the revision", 56), ("the salt", 57), ("the seal", 73), ("the signature", 263)):
        yield bad("a bit of " + name, "RDV-31", t.patched(good, at, bytes([good[at] ^ 1])), True)
    yield bad("an epoch key of small order", "RDV-30", t.patched(good, 17, bytes(32)), True, alone=False)
    bare = good[:-64] + loc.EpochKey(CAROL, NETWORK, EPOCH).sign(good[:-64])
    yield bad("signed without the label", "RDV-31", bare, True)
    by_own = good[:-64] + CAROL.sign(c.label("record") + good[:-64])
    yield bad("signed with the vat's own key", "RDV-31", by_own, True)
    yield bad("of another vat, sealed for this one", "RDV-30", record(key=OTHER, vat=CAROL.public))
    yield bad("under the key of the next epoch", "RDV-30", record(signer=loc.EpochKey(CAROL, NETWORK, EPOCH + 1)))
    yield bad("sealed for another vat", "RDV-30", record(vat=OTHER.public), alone=False)
    yield bad("sealed with counter 1", "RDV-30", record(counter=1), alone=False)
    for name, said in (
        ("port 0", {"spot": t.SPOT | {"port": 0}}),
        ("class 4", {"class_": 4}),
        ("another network inside", {"network": other_network}),
        ("version 2 inside", {"version": 2}),
        ("suite 2 inside", {"suite": 2}),
    ):
        yield bad(name, "RDV-30", record(said=plain(**said)))


def epochs():
    start = EPOCH * loc.EPOCH
    for name, now in (
        ("at the beginning", start),
        ("in the middle", start + 5400),
        ("half an hour in", start + 1800),
        ("just before", start + 1799),
        ("half an hour before the end", start + 9000),
        ("just before that", start + 8999),
        ("the last second", start + 10799),
        ("1970", 0),
    ):
        yield {
            "kind": "epochs",
            "name": "epochs: " + name,
            "clauses": ["RDV-32"],
            "now": now,
            "epoch": u64(now // loc.EPOCH).hex(),
            "published": [u64(epoch).hex() for epoch in loc.published(now)],
            "looked_up": [u64(epoch).hex() for epoch in loc.looked_up(now)],
        }


def keepers():
    relays = [n.SigningKey.from_seed(rand(f"locations relay {i}")).public for i in range(20)]
    for name, vat, epoch, count in (
        ("of twenty", CAROL.public, EPOCH, 20),
        ("of twenty, the next epoch", CAROL.public, EPOCH + 1, 20),
        ("of twenty, another vat", OTHER.public, EPOCH, 20),
        ("of four", CAROL.public, EPOCH, 4),
        ("of two", CAROL.public, EPOCH, 2),
        ("of one", CAROL.public, EPOCH, 1),
        ("of none", CAROL.public, EPOCH, 0),
    ):
        index = loc.epoch_key(vat, NETWORK, epoch)
        found = loc.keepers(index, relays[:count])
        # In whatever order they stand.
        assert found == loc.keepers(index, relays[:count][::-1]) and len(found) == min(count, 3)
        yield {
            "kind": "keepers",
            "name": "keepers: " + name,
            "clauses": ["RDV-39"],
            "index": index.hex(),
            "relays": [relay.hex() for relay in relays[:count]],
            "keepers": [relay.hex() for relay in found],
        }


def make():
    cases = [*keys(), *records(), *refused(), *epochs(), *keepers()]
    spec = sorted({x for case in cases for x in case["clauses"]})
    return {"comment": "Keys of an epoch, and location records.", "spec": spec, "cases": cases}
