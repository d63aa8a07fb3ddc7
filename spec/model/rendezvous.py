"""Chapter 6: tickets, delegations, and how they stand in hints."""

import base64

import crypto as c
import names as n
from wire import Reader, Refused, require, u8, u16, u64

TICKET_LEN, LINK_LEN, MOST_LINKS = 295, 120, 4
HINTS, PIECE = ["ticket1", "ticket2", "ticket3", "ticket4", "ticket5"], 255
ANYONE = bytes(32)
VERSION, SUITE = 1, 1


# --- RDV-1, RDV-3 --------------------------------------------------------------------------------------------------


def encode_spot(spot):
    """A spot: relay, family, address (of 4 or 16 bytes), port, cookie."""
    address = spot["address"]
    assert len(address) == {4: 4, 6: 16}[spot["family"]]
    head = spot["relay"] + u8(spot["family"]) + address + bytes(16 - len(address))
    return head + u16(spot["port"]) + spot["cookie"]


def is_key(key):
    try:
        n.check_key(key)
    except Refused:
        return False
    return True


def read_spot(r, clause):
    relay = r.take(32, "relay id")
    require(is_key(relay), clause, "relay id")
    family, address = r.u8("family"), r.take(16, "address")
    require(family in (4, 6), clause, "family")
    if family == 4:
        require(not any(address[4:]), clause, "address behind IPv4")
        address = address[:4]
    else:
        require(address[:12] != bytes(10) + b"\xff\xff", clause, "mapped address")
    require(any(address), clause, "unspecified address")
    port = r.u16("port")
    require(port != 0, clause, "port")
    return {
        "relay": relay,
        "family": family,
        "address": address,
        "port": port,
        "cookie": r.take(16, "cookie"),
    }


def encode_terms(class_, network, version=VERSION, suite=SUITE):
    return u8(version) + u16(suite) + u8(class_) + network


def place(spot):
    return c.H(c.label("place") + spot["relay"] + spot["cookie"])


def sign_ticket(key, spot, class_, network, prekey, secret, bearer, expiry, id_, version=VERSION, suite=SUITE, vat=None):
    body = encode_spot(spot) + encode_terms(class_, network, version, suite) + prekey + secret
    body += (key.public if vat is None else vat) + bearer + u64(expiry) + id_
    return body + key.sign(c.label("ticket") + body)


# --- RDV-2 ---------------------------------------------------------------------------------------------------------


def read_ticket(data, promised):
    """promised: the vat, the network and the time."""
    vat, network, now = promised
    r = Reader(data, "RDV-1")
    t = {"spot": read_spot(r, "RDV-1")}
    version, suite, t["class"], t["network"] = r.u8("version"), r.u16("suite"), r.u8("class"), r.take(8, "network id")
    require(t["class"] < 4, "RDV-1", "class")
    t["prekey"], t["secret"], t["vat"] = r.take(32, "prekey"), r.take(32, "secret"), r.take(32, "vat")
    t["bearer"] = r.take(32, "bearer")
    require(t["bearer"] == ANYONE or is_key(t["bearer"]), "RDV-1", "bearer")
    t["expiry"], t["id"] = r.u64("expiry"), r.take(16, "ticket id")
    body, sig = data[: r.at], r.take(64, "sig")
    r.end("ticket")
    require(t["vat"] == vat, "RDV-2", "another vat")
    require(c.verify_strict(vat, c.label("ticket") + body, sig), "RDV-2", "signature")
    require(t["network"] == network, "RDV-2", "another network")
    require((version, suite) == (VERSION, SUITE), "RDV-2", "version or suite")
    require(now < t["expiry"], "RDV-2", "expired")
    t["bytes"] = data
    return t


# --- RDV-4, RDV-5 --------------------------------------------------------------------------------------------------


def sign_link(giver, id_, to, expiry, previous):
    """previous: all of the ticket, or of the link before."""
    body = id_ + to + u64(expiry)
    return body + giver.sign(c.label("delegation") + body + c.H(previous))


def walk(ticket, links):
    """Who may use the ticket in the end, and until when."""
    require(len(links) <= MOST_LINKS, "RDV-4", "more than four")
    holder, expiry, previous = ticket["bearer"], ticket["expiry"], ticket["bytes"]
    for link in links:
        r = Reader(link, "RDV-4")
        id_, to, until, sig = r.take(16, "ticket id"), r.take(32, "to"), r.u64("expiry"), r.take(64, "sig")
        r.end("link")
        require(is_key(to), "RDV-4", "to")
        require(holder != ANYONE, "RDV-4", "for anyone")
        require(id_ == ticket["id"], "RDV-4", "another ticket")
        require(until <= expiry, "RDV-4", "wider")
        said = c.label("delegation") + link[:56] + c.H(previous)
        require(holder != ANYONE and c.verify_strict(holder, said, sig), "RDV-4", "link signature")
        holder, expiry, previous = to, until, link
    return holder, expiry


def read_introduction(data, promised):
    ticket = read_ticket(data[:TICKET_LEN], promised)
    rest = data[TICKET_LEN:]
    require(len(rest) % LINK_LEN == 0, "RDV-5", "length")
    links = [rest[at : at + LINK_LEN] for at in range(0, len(rest), LINK_LEN)]
    holder, expiry = walk(ticket, links)
    require(promised[2] < expiry, "RDV-4", "link expired")
    return ticket, links, holder, expiry


# --- RDV-6 ---------------------------------------------------------------------------------------------------------


def to_hints(data):
    text = base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")
    return [[name, text[at : at + PIECE]] for name, at in zip(HINTS, range(0, len(text), PIECE))]


def from_hints(hints):
    """The bytes that the hints say, or None; hints is a dict."""
    names = [name for name in HINTS if name in hints]
    if not names:
        return None
    require(names == HINTS[: len(names)], "RDV-6", "a name left out")
    pieces = [hints[name] for name in names]
    require(all(len(piece) == PIECE for piece in pieces[:-1]), "RDV-6", "a short piece")
    require(1 <= len(pieces[-1]) <= PIECE, "RDV-6", "the last piece")
    text = "".join(pieces)
    require(n.BASE64URL.match(text) is not None, "RDV-6", "alphabet")
    require(len(text) % 4 != 1, "RDV-6", "length of base64")
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    require("".join(piece for _, piece in to_hints(data)) == text, "RDV-6", "unused bits")
    return data
