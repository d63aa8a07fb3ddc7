"""tickets.json: tickets and introductions, what is in them, and what is refused."""

import crypto as c
import names as n
import rendezvous as r
from rng import rand
from wire import Refused, show_refused, u64

SPEC = [f"RDV-{i}" for i in range(1, 7)]
NOW, EXPIRY = 1_800_000_000, 1_800_003_600
CAROL, ALICE, BOB, DAVE, ERIN, FRANK, MALLORY = (
    n.SigningKey.from_seed(rand("tickets " + name))
    for name in ("carol", "alice", "bob", "dave", "erin", "frank", "mallory")
)
NETWORK = rand("tickets network", 8)
PROMISED = (CAROL.public, NETWORK, NOW)
SPOT = {
    "relay": n.SigningKey.from_seed(rand("tickets relay")).public,
    "family": 4,
    "address": bytes([192, 0, 2, 7]),
    "port": 9001,
    "cookie": rand("tickets cookie", 16),
}


def make_ticket(name="a ticket", key=CAROL, **more):
    fields = {
        "spot": SPOT,
        "class_": 1,
        "network": NETWORK,
        "prekey": c.x25519_public(rand(f"tickets {name} prekey")),
        "secret": rand(f"tickets {name} secret"),
        "bearer": ALICE.public,
        "expiry": EXPIRY,
        "id_": rand(f"tickets {name} id", 16),
    }
    return r.sign_ticket(key, **(fields | more))


def hexed(fields):
    return {key: value.hex() if isinstance(value, bytes) else value for key, value in fields.items()}


def promised_json(promised):
    vat, network, now = promised
    return {"vat": vat.hex(), "network": network.hex(), "now": now}


def pass_on(ticket, steps):
    """steps: who gives it to whom until when."""
    previous, id_, out = ticket, ticket[215:231], ticket
    for giver, to, expiry in steps:
        link = r.sign_link(giver, id_, to.public, expiry, previous)
        out, previous = out + link, link
    return out


def tickets():
    six = SPOT | {"family": 6, "address": bytes.fromhex("20010db8") + bytes(11) + b"\7", "port": 65535}
    for name, more in (
        ("for Alice", {}),
        ("for anyone, at an IPv6 address", {"bearer": r.ANYONE, "spot": six}),
        ("class 0, the last expiry", {"class_": 0, "expiry": 2**64 - 1}),
        ("class 3, port 1", {"class_": 3, "spot": SPOT | {"port": 1}}),
    ):
        data = make_ticket(name, **more)
        assert len(data) == r.TICKET_LEN
        t = r.read_ticket(data, PROMISED)
        spot = t["spot"]
        yield {
            "kind": "ticket",
            "name": "ticket: " + name,
            "clauses": ["RDV-1", "RDV-2", "RDV-3"],
            "seed": CAROL.seed.hex(),
            "promised": promised_json(PROMISED),
            "ticket": data.hex(),
            **hexed({key: spot[key] for key in ("relay", "address", "port", "cookie")}),
            **hexed({key: t[key] for key in ("class", "network", "prekey", "secret", "vat", "bearer", "id")}),
            "expiry": u64(t["expiry"]).hex(),
            "place": r.place(spot).hex(),
        }


def bad_case(kind, name, clause, data, promised, alone, take):
    show_refused(take, [clause], name, alone)
    case = {"kind": kind, "name": f"{kind}: {name}", "clauses": [clause], "bytes": data.hex()}
    return case | {"promised": promised_json(promised)}


def bad_ticket(name, clause, data, promised=PROMISED, alone=True):
    take = lambda: r.read_ticket(data, promised)
    return bad_case("ticket refused", name, clause, data, promised, alone, take)


def patched(data, at, new):
    return data[:at] + new + data[at + len(new) :]


def small_points():
    return [(name, c.encode(point)) for name, point in zip("01234567", c.torsion_points())]


def bad_tickets():
    good = make_ticket()
    for at in (0, 1, 31, 230, 231, 294):
        yield bad_ticket(f"{at} bytes", "RDV-1", good[:at], alone=False)
    yield bad_ticket("a byte behind it", "RDV-1", good + b"\0")

    def signed(at, new):
        body = patched(good, at, new)[:231]
        return body + CAROL.sign(c.label("ticket") + body)

    mapped = bytes(10) + b"\xff\xff\xc0\x00\x02\x07"
    for name, at, new in (
        ("relay id of small order", 0, bytes(32)),
        ("family 0", 32, b"\0"),
        ("family 5", 32, b"\5"),
        ("a byte behind an IPv4 address", 48, b"\1"),
        ("IPv4 dressed as IPv6", 32, b"\6" + mapped),
        ("no IPv4 address", 33, bytes(4)),
        ("no IPv6 address", 32, b"\6" + bytes(16)),
        ("port 0", 49, bytes(2)),
        ("class 4", 70, b"\4"),
        ("class 255", 70, b"\xff"),
    ):
        yield bad_ticket(name, "RDV-1", signed(at, new))
    for name, point in small_points():
        if point != bytes(32):
            yield bad_ticket("bearer of small order, " + name, "RDV-1", signed(175, point))
    yield bad_ticket("a bearer off the curve", "RDV-1", signed(175, b"\2" + bytes(31)))
    for name, at in (("the cookie", 51), ("the prekey", 79), ("the secret", 111), ("the expiry", 214), ("the id", 215)):
        yield bad_ticket("a bit of " + name, "RDV-2", patched(good, at, bytes([good[at] ^ 1])))
    yield bad_ticket("a prekey of the donor's", "RDV-2", patched(good, 79, c.x25519_public(rand("tickets donor"))))
    yield bad_ticket("signed by another", "RDV-2", make_ticket(key=MALLORY, vat=CAROL.public))
    bare = good[:231] + CAROL.sign(good[:231])
    yield bad_ticket("signed without the label", "RDV-2", bare)
    yield bad_ticket("of another vat", "RDV-2", make_ticket(key=MALLORY), alone=False)
    yield bad_ticket("another network", "RDV-2", good, (CAROL.public, rand("tickets other network", 8), NOW))
    for version, suite in ((0, 1), (2, 1), (1, 0), (1, 2), (1, 0x0100)):
        name = f"version {version}, suite {suite}"
        yield bad_ticket(name, "RDV-2", make_ticket(version=version, suite=suite))
    yield bad_ticket("at its expiry", "RDV-2", good, (CAROL.public, NETWORK, EXPIRY))
    yield bad_ticket("behind its expiry", "RDV-2", good, (CAROL.public, NETWORK, EXPIRY + 1))


CHAINS = [
    ("not passed on", []),
    ("to Bob", [(ALICE, BOB, EXPIRY)]),
    ("to Bob and Dave, each shorter", [(ALICE, BOB, EXPIRY - 60), (BOB, DAVE, EXPIRY - 61)]),
    ("to Bob, Dave and back to Alice", [(ALICE, BOB, EXPIRY), (BOB, DAVE, EXPIRY), (DAVE, ALICE, EXPIRY)]),
    ("four times", [(ALICE, BOB, EXPIRY), (BOB, DAVE, EXPIRY), (DAVE, ERIN, EXPIRY), (ERIN, FRANK, NOW + 1)]),
]


def introductions():
    for name, steps in CHAINS:
        ticket = make_ticket(name)
        data = pass_on(ticket, steps)
        _, links, holder, expiry = r.read_introduction(data, PROMISED)
        hints = r.to_hints(data)
        assert r.from_hints(dict(hints)) == data and len(links) == len(steps)
        yield {
            "kind": "introduction",
            "name": "introduction: " + name,
            "clauses": ["RDV-4", "RDV-5", "RDV-6"],
            "promised": promised_json(PROMISED),
            "ticket": ticket.hex(),
            "steps": [
                {"giver": giver.seed.hex(), "to": to.public.hex(), "expiry": until} for giver, to, until in steps
            ],
            "bytes": data.hex(),
            "bearer": holder.hex(),
            "expiry": u64(expiry).hex(),
            "hints": hints,
        }


def bad_introduction(name, clause, data, promised=PROMISED, alone=True):
    take = lambda: r.read_introduction(data, promised)
    return bad_case("introduction refused", name, clause, data, promised, alone, take)


def bad_introductions():
    ticket = make_ticket()
    id_ = ticket[215:231]
    to_bob = r.sign_link(ALICE, id_, BOB.public, EXPIRY, ticket)
    good = ticket + to_bob
    r.read_introduction(good, PROMISED)
    yield bad_introduction("a byte behind the ticket", "RDV-5", ticket + b"\0", alone=False)
    yield bad_introduction("a link without its last byte", "RDV-5", good[:-1], alone=False)
    yield bad_introduction("a byte behind the link", "RDV-5", good + b"\0", alone=False)
    for name, point in small_points():
        link = r.sign_link(ALICE, id_, point, EXPIRY, ticket)
        yield bad_introduction("to a point of small order, " + name, "RDV-4", ticket + link)
    four = pass_on(ticket, [(ALICE, BOB, EXPIRY), (BOB, DAVE, EXPIRY), (DAVE, ERIN, EXPIRY), (ERIN, FRANK, EXPIRY)])
    fifth = r.sign_link(FRANK, id_, BOB.public, EXPIRY, four[-120:])
    yield bad_introduction("a fifth link", "RDV-4", four + fifth)
    other = make_ticket("another ticket")
    link = r.sign_link(ALICE, other[215:231], BOB.public, EXPIRY, ticket)
    yield bad_introduction("a link of another id", "RDV-4", ticket + link)
    link = r.sign_link(ALICE, id_, BOB.public, EXPIRY, make_ticket(class_=2))
    yield bad_introduction("a link of another ticket with this id", "RDV-4", ticket + link)
    link = r.sign_link(ALICE, id_, BOB.public, EXPIRY, ticket[:231])
    yield bad_introduction("a link over the ticket without its signature", "RDV-4", ticket + link)
    link = r.sign_link(ALICE, id_, BOB.public, EXPIRY + 1, ticket)
    yield bad_introduction("a link that ends later than the ticket", "RDV-4", ticket + link)
    soon = r.sign_link(ALICE, id_, BOB.public, EXPIRY - 60, ticket)
    link = r.sign_link(BOB, id_, DAVE.public, EXPIRY - 59, soon)
    yield bad_introduction("a link that ends later than the one before", "RDV-4", ticket + soon + link)
    link = r.sign_link(MALLORY, id_, MALLORY.public, EXPIRY, ticket)
    yield bad_introduction("a link of a thief", "RDV-4", ticket + link)
    link = r.sign_link(ALICE, id_, DAVE.public, EXPIRY, to_bob)
    yield bad_introduction("a second link of who gave it away", "RDV-4", good + link)
    link = r.sign_link(BOB, id_, DAVE.public, EXPIRY, ticket)
    yield bad_introduction("a second link over the ticket", "RDV-4", good + link)
    link = r.sign_link(BOB, id_, DAVE.public, EXPIRY, to_bob[:56])
    yield bad_introduction("a second link over the first without its signature", "RDV-4", good + link)
    yield bad_introduction("the name in a link changed", "RDV-4", patched(good, 311, MALLORY.public))
    yield bad_introduction("the expiry in a link changed", "RDV-4", patched(good, 343, u64(EXPIRY - 1)))
    open_ticket = make_ticket(bearer=r.ANYONE)
    link = r.sign_link(BOB, id_, DAVE.public, EXPIRY, open_ticket)
    yield bad_introduction("a ticket for anyone, passed on", "RDV-4", open_ticket + link, alone=False)
    short = ticket + r.sign_link(ALICE, id_, BOB.public, NOW, ticket)
    yield bad_introduction("a link at its expiry", "RDV-4", short)
    forged = patched(good, 79, c.x25519_public(rand("tickets donor")))
    yield bad_introduction("the ticket at fault", "RDV-2", forged, alone=False)


def bad_hints():
    data = pass_on(make_ticket("hints"), [(ALICE, BOB, EXPIRY)])
    (_, one), (_, two), (_, three) = r.to_hints(data)
    text = one + two + three
    for name, hints in (
        ("the first is missing", {"ticket2": two, "ticket3": three}),
        ("the second is missing", {"ticket1": one, "ticket3": three}),
        ("one left out", {"ticket1": one, "ticket2": two, "ticket4": three}),
        ("a short piece", {"ticket1": one[:-1], "ticket2": one[-1] + two[:-1], "ticket3": two[-1] + three}),
        ("an empty one", {"ticket1": one, "ticket2": two, "ticket3": three, "ticket4": ""}),
        ("nothing", {"ticket1": ""}),
        ("another alphabet", {"ticket1": one, "ticket2": two, "ticket3": three[:-1] + "~"}),
        ("unused bits", {"ticket1": one, "ticket2": two, "ticket3": unused(text, three)}),
    ):
        try:
            r.from_hints(hints)
        except Refused as e:
            assert e.clause == "RDV-6", (name, e.clause)
        else:
            raise AssertionError(name)
        case = {"kind": "hints refused", "name": "hints refused: " + name, "clauses": ["RDV-6"]}
        yield case | {"hints": sorted(hints.items()), "promised": promised_json(PROMISED)}


def unused(text, last):
    """The last piece with a bit set that no byte uses."""
    assert len(text) % 4 in (2, 3)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return last[:-1] + alphabet[alphabet.index(last[-1]) ^ 1]


def make():
    cases = [*tickets(), *bad_tickets(), *introductions(), *bad_introductions(), *bad_hints()]
    return {"comment": "Tickets and introductions.", "spec": SPEC, "cases": cases}
