"""Chapter 6: calls with a ticket, both sides, and the seal over the flights."""

import crypto as c
import introduced as x
import rendezvous as r
import vattp as v
from pair import read_fields
from wire import Reader, lp, require, u8, u64

CELL, TAG = 896, 16


# --- RDV-10 --------------------------------------------------------------------------------------------------------


def early_key(h, dh, secret):
    return c.expand(c.extract(h, lp(dh) + lp(secret)), c.label("early"))


def early_signed(h, id_, vat_r, head, covered):
    """head: vat_i and incarnation_i; covered: all between them and the signature."""
    return c.label("early signature") + h + id_ + vat_r + head + c.H(covered)


def early_plain(key, incarnation, links, pair, frames, h, id_, vat_r, vat=None):
    head = (key.public if vat is None else vat) + u64(incarnation)
    covered = u8(len(links)) + b"".join(links) + pair + frames
    return head + covered + key.sign(early_signed(h, id_, vat_r, head, covered))


def seal_early(key, id_, plain):
    return id_ + c.seal(key, 0, plain, id_)


# --- the sides -----------------------------------------------------------------------------------------------------


class Caller(x.Initiator):
    """More is known: the ticket's id, the links, first frames."""

    def __init__(self, id_, links, frames, secret, *rest):
        super().__init__(secret, None, *rest)
        self.id, self.links, self.frames = id_, links, frames

    def write_early(self):
        h, pair = self.s.h_iwant, self.pair_fields()
        self.early_key = early_key(h, self.target_secret, self.ticket_secret)
        args = (self.key, self.incarnation, self.links, pair, self.frames, h, self.id, self.wanted)
        self.early_plain = early_plain(*args)
        self.early = seal_early(self.early_key, self.id, self.early_plain)


class Callee(x.Responder):
    """More is known: the ticket, as it was issued; the x_i in clear, and the clock. answer: frames of its own."""

    def __init__(self, ticket, x_i, now, answer, *rest):
        super().__init__(ticket["secret"], None, answer, *rest)
        self.ticket, self.clear, self.now = ticket, x_i, now

    def judge(self):
        require(self.x_i == self.clear, "RDV-9", "x_i in clear")
        id_, h = self.ticket["id"], self.s.h_iwant
        require(self.early[:16] == id_, "RDV-10", "ticket id of EARLY")
        key = early_key(h, self.target_secret, self.ticket_secret)
        plain = c.open_(key, 0, self.early[16:], id_, clause="RDV-10", part="EARLY")
        body, sig = plain[:-64], plain[-64:]
        reader = Reader(body, "RDV-10")
        vat, incarnation = reader.take(32, "vat_i"), reader.u64("incarnation_i")
        require(r.is_key(vat), "RDV-10", "vat_i")
        n = reader.u8("delegations")
        require(n <= r.MOST_LINKS, "RDV-4", "more than four")
        links = [reader.take(r.LINK_LEN, "delegation") for _ in range(n)]
        pair = reader.take(v.PAIR_LEN, "pair fields")
        self.heard = body[reader.at :]
        require(len(self.heard) <= x.MOST_FRAMES, "RDV-10", "frames")
        said = early_signed(h, id_, self.key.public, body[:40], body[40:])
        require(c.verify_strict(vat, said, sig), "RDV-10", "early signature")
        holder, expiry = r.walk(self.ticket, links)
        require(self.now < expiry, "RDV-11", "expired")
        require(holder in (r.ANYONE, vat), "RDV-11", "bearer")
        require(vat != self.key.public, "RDV-11", "oneself")
        sender = "master" if v.initiator_is_master(vat, incarnation, self.key.public) else "slave"
        read_fields(pair, sender, "GO")
        self.claim = vat, incarnation, pair
        super().judge()


# --- RDV-17 --------------------------------------------------------------------------------------------------------


class Direction:
    """The flights one way; head is what stands in clear before the first of them, and is empty on the way back."""

    def __init__(self, dh, secret, back, selector, x_i, place):
        """secret: s_t, or nothing."""
        prk = c.extract(c.label("flight"), lp(dh) + lp(secret))
        self.key = c.expand(prk, c.label("flight") + u8(back) + selector + x_i + place)
        self.head, self.counter = (b"" if back else selector + x_i), 0

    def seal(self, flight):
        cells = []
        while flight or not cells:
            room = CELL - TAG - len(self.head)
            now, flight = flight[:room], flight[room:]
            cells.append(self.head + c.seal(self.key, self.counter, now + bytes(room - len(now))))
            self.head, self.counter = b"", self.counter + 1
        assert all(len(cell) == CELL for cell in cells) and len(cells) <= 8
        return cells

    def open(self, cell):
        require(cell[: len(self.head)] == self.head, "RDV-17", "head")
        plain = c.open_(self.key, self.counter, cell[len(self.head) :], clause="RDV-17", part="cell")
        self.head, self.counter = b"", self.counter + 1
        return plain
