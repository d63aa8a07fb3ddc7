"""calls.json: handshakes that begin with a ticket, as items and as cells."""

import calls
import cases_introduced as hi
import cases_tickets as t
import crypto as c
import introduced as x
import names as n
import pair as p
import rendezvous as r
import vattp as v
from cases_handshake import key_where, msg, number
from frames import encode_frames
from rng import rand
from wire import lp, show_refused, u16, u64

CAROL = t.CAROL
BASE_LABEL = "calls "


class Run:
    """One call, and all that goes into it."""

    def __init__(self, name, greater=True, steps=0, anyone=False, anonymous=False, frames=(), answer=()):
        self.name, label = name, BASE_LABEL + name
        self.frames, self.answer = encode_frames(list(frames)), encode_frames(list(answer))
        key = lambda i: key_where(f"{label} {i}", lambda public: (public > CAROL.public) == greater)
        self.keys = [key(i) for i in range(steps + 1)]
        self.caller_key, self.anonymous = self.keys[-1], anonymous
        self.b_secret, self.secret, self.id = rand(label + " b_t"), rand(label + " s_t"), rand(label + " id", 16)
        more = {"prekey": c.x25519_public(self.b_secret), "secret": self.secret, "id_": self.id}
        more["bearer"] = r.ANYONE if anyone else self.keys[0].public
        self.ticket = t.make_ticket(label, **more)
        self.introduction = t.pass_on(
            self.ticket, [(giver, to, t.EXPIRY - i) for i, (giver, to) in enumerate(zip(self.keys, self.keys[1:]))]
        )
        self.parsed, self.links, _, _ = r.read_introduction(self.introduction, t.PROMISED)
        self.place = r.place(self.parsed["spot"])
        self.i_x, self.r_x = rand(label + " x_i"), rand(label + " x_r")
        self.d, self.z, self.m = (rand(f"{label} kem {x}") for x in "dzm")
        self.i_incarnation = 0 if anonymous else number(label + " incarnation_i")
        self.r_incarnation = number(label + " incarnation_r")
        self.i_mine, self.r_mine = number(label + " mine_i"), number(label + " mine_r")
        self.i_go, self.r_go = self.i_mine + 7, self.r_mine + 9
        self.run()

    def caller(self):
        b = c.x25519_public(self.b_secret)
        drawn = (self.i_x, self.d, self.z, self.i_incarnation, b"", self.i_mine, self.i_go)
        known = (self.id, self.links, self.frames, self.secret)
        return calls.Caller(*known, v.USES["vat"], self.caller_key, CAROL.public, b, self.place, [1], [1], *drawn)

    def callee(self, now=t.NOW, x_i=None):
        drawn = (self.r_x, self.m, self.r_incarnation, b"", self.r_mine, self.r_go)
        known = (self.parsed, c.x25519_public(self.i_x) if x_i is None else x_i, now, self.answer)
        return calls.Callee(*known, v.USES["vat"], CAROL, self.b_secret, [self.place], [1], [1], *drawn)

    def ways(self):
        dh = c.x25519(self.b_secret, c.x25519_public(self.i_x))
        args = (self.id, c.x25519_public(self.i_x), self.place)
        return [calls.Direction(dh, self.secret, back, *args) for back in (0, 1)]

    def run(self):
        i, callee = self.i, self.r = self.caller(), self.callee()
        (out, back), (heard, heard_back) = self.ways(), self.ways()
        self.keys_of_flights = [out.key, back.key]
        flight1 = i.flight1()
        self.cells = [out.seal(flight1)]
        opened = b"".join(heard.open(cell) for cell in self.cells[0])
        assert opened.rstrip(b"\0") == flight1.rstrip(b"\0")
        callee.flight1(flight1)
        flight2 = callee.flight2()
        self.cells.append(back.seal(flight2))
        assert b"".join(heard_back.open(cell) for cell in self.cells[1]).startswith(flight2)
        assert i.flight2(flight2) == self.answer
        flight3 = i.flight3()
        self.cells.append(out.seal(flight3))
        assert b"".join(heard.open(cell) for cell in self.cells[2]).startswith(flight3)
        assert callee.flight3(flight3) == b""
        assert callee.heard == self.frames and callee.peer == self.caller_key.public
        assert callee.claim == (callee.peer, callee.peer_incarnation, i.pair)
        assert vars(i.s) == vars(callee.s)
        self.flights = [flight1, flight2, flight3]

    def json(self):
        i, s = self.i, self.i.s
        return {
            "kind": "call",
            "name": self.name,
            "clauses": ["RDV-9", "RDV-11", "RDV-17", *hi.WHOLE] + ["RDV-4"] * bool(self.links),
            "promised": t.promised_json(t.PROMISED),
            "introduction": self.introduction.hex(),
            "b_secret": self.b_secret.hex(),
            "initiator": {
                "seed": self.caller_key.seed.hex(),
                "x_secret": self.i_x.hex(),
                "kem_d": self.d.hex(),
                "kem_z": self.z.hex(),
                "incarnation": u64(self.i_incarnation).hex(),
                "pair": i.pair.hex(),
            },
            "frames": self.frames.hex(),
            "answer": self.answer.hex(),
            "responder": {
                "seed": CAROL.seed.hex(),
                "x_secret": self.r_x.hex(),
                "kem_m": self.m.hex(),
                "incarnation": u64(self.r_incarnation).hex(),
                "pair": self.r.gotoo().hex(),
            },
            "items": {
                "iwant": i.iwant.hex(),
                "early": i.early.hex(),
                "iam": self.r.iam.hex(),
                "replyinfo": self.r.replyinfo.hex(),
                "answer": self.r.answer.hex(),
                "giveinfo": i.giveinfo.hex(),
                "go": i.go_item.hex(),
            },
            "cells": {str(k + 1): [cell.hex() for cell in cells] for k, cells in enumerate(self.cells)},
            "values": {
                "target_secret": i.target_secret.hex(),
                "h_iwant": s.h_iwant.hex(),
                "early_key": i.early_key.hex(),
                "early_plain": i.early_plain.hex(),
                "h_early": s.h_early.hex(),
                "h_iam": s.h_iam.hex(),
                "hs": s.hs.hex(),
                "h_answer": s.h_answer.hex(),
                "flight_key_out": self.keys_of_flights[0].hex(),
                "flight_key_back": self.keys_of_flights[1].hex(),
                "exporter": s.exporter.hex(),
            },
        }


def refused(run):
    """EARLY with one fault behind the IWANT of `run`, sealed by one who has b_t and s_t."""
    i, h, key = run.i, run.i.s.h_iwant, run.i.early_key
    plain, links, pair = i.early_plain, run.links, i.pair

    def bad(name, clause, early, alone=True, now=t.NOW, x_i=None):
        def take():
            run.callee(now, x_i).flight1(lp(i.iwant) + lp(early))

        show_refused(take, [clause], name, alone)
        case = {"kind": "early refused", "name": "early refused: " + name, "clauses": [clause], "base": run.name}
        clear = (c.x25519_public(run.i_x) if x_i is None else x_i).hex()
        return case | {"early": early.hex(), "now": now, "x_i": clear}

    def said(key_=run.caller_key, incarnation=run.i_incarnation, links_=links, pair_=pair, frames=run.frames, **more):
        given = {"h": h, "id_": run.id, "vat_r": CAROL.public} | more
        return calls.early_plain(key_, incarnation, links_, pair_, frames, **given)

    def sealed(plain_, key_=key, id_=run.id):
        return calls.seal_early(key_, id_, plain_)

    assert sealed(said()) == i.early
    other_key = n.SigningKey.from_seed(rand(BASE_LABEL + "mallory"))
    other_h = rand(BASE_LABEL + "another h")
    yield bad("another ticket id before it", "RDV-10", bytes(16) + i.early[16:], alone=False)
    yield bad("a bit of it", "RDV-10", t.patched(i.early, 20, bytes([i.early[20] ^ 1])), alone=False)
    yield bad("no associated data", "RDV-10", run.id + c.seal(key, 0, plain), alone=False)
    yield bad("counter 1", "RDV-10", run.id + c.seal(key, 1, plain, run.id), alone=False)
    for name, wrong in (
        ("sealed without s_t", calls.early_key(h, i.target_secret, b"")),
        ("sealed under the key of another IWANT", calls.early_key(other_h, i.target_secret, run.secret)),
        ("sealed by one who has not b_t", calls.early_key(h, rand(BASE_LABEL + "dh"), run.secret)),
    ):
        yield bad(name, "RDV-10", sealed(plain, wrong), alone=False)
    changed = bytes([plain[-65] ^ 1])
    yield bad("other frames, the signature as it was", "RDV-10", sealed(t.patched(plain, len(plain) - 65, changed)))
    yield bad("another incarnation", "RDV-10", sealed(t.patched(plain, 39, bytes([plain[39] ^ 2]))))
    at = 41 + 120 * len(links) + 9
    yield bad("another `mine`", "RDV-10", sealed(t.patched(plain, at, bytes([plain[at] ^ 1]))))
    yield bad("signed for another handshake", "RDV-10", sealed(said(h=other_h)))
    yield bad("signed for another ticket", "RDV-10", sealed(said(id_=rand(BASE_LABEL + "other id", 16))))
    yield bad("signed for another vat", "RDV-10", sealed(said(vat_r=other_key.public)))
    yield bad("signed by another", "RDV-10", sealed(said(other_key, vat=run.caller_key.public)))
    yield bad("frames that are too long", "RDV-10", sealed(said(frames=bytes(4097))), alone=False, **{})
    yield bad("in the name of who is not the bearer", "RDV-11", sealed(said(other_key)))
    yield bad("without the delegation", "RDV-11", sealed(said(links_=links[:-1])))
    wide = r.sign_link(run.keys[0], run.id, run.caller_key.public, t.EXPIRY + 1, run.ticket)
    yield bad("a delegation that is wider than the ticket", "RDV-4", sealed(said(links_=[wide])))
    thief = r.sign_link(other_key, run.id, other_key.public, t.EXPIRY, run.ticket)
    yield bad("a delegation by a thief", "RDV-4", sealed(said(other_key, links_=[thief])))
    five = said(links_=links * 5)
    yield bad("five delegations", "RDV-4", sealed(five), alone=False)
    yield bad("at the expiry of the delegation", "RDV-11", i.early, now=t.EXPIRY)
    wrong = v.encode_pair(v.DUP, 1, 0, 5)
    yield bad("a verdict that a caller has not", "VTP-19", sealed(said(pair_=wrong)), alone=False)
    yield bad("another x_i in clear", "RDV-9", i.early, x_i=c.x25519_public(rand(BASE_LABEL + "other x")))


def cells_refused(run):
    for name, flight, at, change in (
        ("the selector", 1, 0, 0),
        ("x_i", 1, 0, 16),
        ("a bit of the first cell", 1, 0, 48),
        ("a bit of its tag", 1, 0, 895),
        ("a bit of the second cell", 1, 1, 0),
        ("a bit of flight 2", 2, 0, 0),
        ("a bit of flight 3", 3, 0, 5),
    ):
        cell = run.cells[flight - 1][at]
        case = {"kind": "cell refused", "name": "cell refused: " + name, "clauses": ["RDV-17"], "base": run.name}
        cell = t.patched(cell, change, bytes([cell[change] ^ 1]))
        yield case | {"flight": flight, "at": at, "cell": cell.hex()}


def make():
    runs = [
        Run("the bearer calls, as master", frames=[msg(1, b"hello")], answer=[msg(1, b"and to you")]),
        Run("a delegate calls, as slave", greater=False, steps=1, frames=[msg(1, rand("calls words", 900))]),
        Run("the fourth delegate calls and says nothing", steps=4),
        Run("anyone calls, under a throwaway key", greater=False, anyone=True, anonymous=True, frames=[msg(1, b"psst")]),
    ]
    assert p.read_fields(runs[0].i.pair, "master", "GO")["mine"] == runs[0].i_mine
    assert u16(len(runs[2].i.early)) == u16(x.EARLY_SHORTEST + 480)
    cases = [*(run.json() for run in runs), *refused(runs[1]), *cells_refused(runs[1])]
    spec = sorted({x for case in cases for x in case["clauses"]})
    return {"comment": "Calls with a ticket.", "spec": spec, "cases": cases}
