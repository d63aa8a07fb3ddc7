"""records.json"""

import hashlib

import crypto as c
import records as rec
from rng import rand
from wire import OFF, Refused, lp, u16, u64

SPEC = [f"VTP-{i}" for i in (14, 21, 22, 23, 24, 25, 26, 27, 29, 30)]
SECRET = rand("records traffic secret")
OTHER_SECRET = rand("records traffic secret of the other direction")
PEER_MINE = 0x0123456789ABCDEF
OWN_MINE = 0x0FEDCBA987654321
TOKENS = [rand(f"records token {i}", 8).hex() for i in range(17)]


def msg(number, data, more=False):
    return {"frame": "MSG", "more": more, "number": u64(number).hex(), "bytes": data.hex()}


def ack(taken):
    return {"frame": "ACK", "taken": u64(taken).hex()}


def pad(zeros):
    return {"frame": "PAD", "zeros": zeros}


def ping(token):
    return {"frame": "PING", "token": token}


def pong(token):
    return {"frame": "PONG", "token": token}


def close(id_=PEER_MINE, reason=1):
    return {"frame": "CLOSE", "reason": reason, "id": u64(id_).hex()}


REKEY = {"frame": "REKEY"}


def receiver(sent=0, pings=()):
    return rec.Receiver(SECRET, PEER_MINE, sent, pings)


def state(sent, pings):
    return {
        "traffic_secret": SECRET.hex(),
        "peer_mine": u64(PEER_MINE).hex(),
        "own_mine": u64(OWN_MINE).hex(),
        "sent": sent,
        "pings": list(pings),
    }


def step(traffic, plain, wire, frames=None):
    out = {
        "counter": u64(traffic.counter).hex(),
        "secret": traffic.secret.hex(),
        "key": traffic.key.hex(),
        "plain": plain.hex(),
        "wire": wire.hex(),
    }
    if frames is not None:
        out["frames"] = frames
    return out


def accepted(name, clauses, records, sent=0, pings=()):
    sender, r, steps = rec.Sender(SECRET), receiver(sent, pings), []
    for frames in records:
        traffic = rec.Traffic(sender.traffic.secret)
        traffic.counter = sender.traffic.counter
        plain = rec.encode_frames(frames)
        wire = sender.record(frames)
        assert r.take(wire) == frames
        steps.append({**step(traffic, plain, wire, frames), "answers": list(r.answers)})
    return {
        "kind": "accepted",
        "name": name,
        "clauses": clauses,
        **state(sent, pings),
        "records": steps,
        "after": {
            "messages": [m.hex() for m in r.messages],
            "unfinished": None if r.piece is None else r.piece.hex(),
            "ended": r.ended,
            "closed": r.closed,
            "acked": u64(r.acked).hex(),
            "pings": sorted(r.pings),
            "next_number": u64(r.next).hex(),
            "secret": r.traffic.secret.hex(),
            "counter": u64(r.traffic.counter).hex(),
        },
    }


def refused(name, clause, plain, before=(), sent=0, pings=(), part=None):
    """plain: frames or bytes; before: records (lists of frames) that are accepted."""
    sender, r, steps = rec.Sender(SECRET), receiver(sent, pings), []
    for frames in before:
        wire = sender.record(frames)
        r.take(wire)
        steps.append(wire.hex())
    data = plain if isinstance(plain, bytes) else rec.encode_frames(plain)
    traffic = sender.traffic
    wire = lp(c.seal(traffic.key, traffic.counter, data))
    try:
        r.take(wire)
    except Refused as e:
        assert e.clause == clause and part in (None, e.part), (name, e.clause, e.part)
        found = e.part
    else:
        raise AssertionError("accepted: " + name)
    one_fault(name, found, before, data, sent, pings)
    return {
        "kind": "refused",
        "name": name,
        "clauses": [clause],
        **state(sent, pings),
        "before": steps,
        **step(traffic, data, wire),
    }


# Parts of which a record cannot be read to its end when the check is off.
STRUCTURAL = {"type", "empty record"}


def one_fault(name, part, before, data, sent, pings):
    """With that check off the record is accepted."""
    if part in STRUCTURAL or part.endswith("cut short"):
        return
    OFF.add(part)
    try:
        sender, r = rec.Sender(SECRET), receiver(sent, pings)
        for frames in before:
            r.take(sender.record(frames))
        r.take(lp(c.seal(sender.traffic.key, sender.traffic.counter, data)))
    except Refused as e:
        raise AssertionError((name, e.clause, e.part)) from None
    finally:
        OFF.clear()


def refused_wire(name, clauses, wire, before=(), counter=0):
    """Records that are refused before a frame is seen. wire may be the length alone."""
    r = receiver()
    for w in before:
        r.take(w)
    r.traffic.counter += counter
    try:
        r.take(wire)
    except Refused as e:
        assert e.clause in clauses, (name, e.clause, e.part)
    else:
        raise AssertionError("accepted: " + name)
    out = {
        "kind": "refused wire",
        "name": name,
        "clauses": clauses,
        **state(0, ()),
        "before": [w.hex() for w in before],
        "wire": wire.hex(),
    }
    if counter:
        out["counter"] = u64(counter).hex()
    return out


def built(name, clauses, pieces, refused_at=None):
    """Many MSG frames, each in a record of its own."""
    sender, r, number, digest = rec.Sender(SECRET), receiver(), 0, hashlib.sha256()
    clause = None
    for p in pieces:
        for _ in range(p["times"]):
            number += 1
            wire = sender.record([msg(number, bytes.fromhex(p["byte"]) * p["length"], p["more"])])
            digest.update(wire)
            try:
                r.take(wire)
            except Refused as e:
                clause = e.clause
                assert number == refused_at, (name, number, e.clause, e.part)
    assert (clause is None) == (refused_at is None) and clause in [None] + clauses
    return {
        "kind": "built",
        "name": name,
        "clauses": clauses,
        **state(0, ()),
        "pieces": pieces,
        "refused_at": refused_at,
        "wire_sha256": digest.hexdigest(),
        "messages": [{"length": len(m), "sha256": hashlib.sha256(m).hexdigest()} for m in r.messages],
    }


def piece(times, length, more, byte="6d"):
    return {"times": times, "length": length, "more": more, "byte": byte}


def make():
    return {
        "comment": "Records of one direction: frames, plaintexts, sealed records, and what a receiver refuses.",
        "spec": SPEC,
        "cases": good() + refused_frames() + refused_state() + refused_sealed() + big(),
    }


def good():
    long_ = rand("records long message", 2000)
    full = rec.PLAIN_LONGEST - 12
    out = [
        accepted("MSG", ["VTP-22", "VTP-23"], [[msg(1, b"hello")]]),
        accepted("MSG of one byte", ["VTP-25"], [[msg(1, b"\0")]]),
        accepted("two messages in one record", ["VTP-22", "VTP-23"], [[msg(1, b"one"), msg(2, b"two")]]),
        accepted(
            "message in three pieces over two records, another behind it",
            ["VTP-25"],
            [[msg(1, long_[:700], True), msg(2, long_[700:701], True)], [msg(3, long_[701:]), msg(4, b"next")]],
        ),
        accepted("message not finished", ["VTP-25"], [[msg(1, b"unfinished", True)]]),
        accepted(
            "other frames between the pieces",
            ["VTP-25"],
            [[msg(1, b"a", True), ping(TOKENS[0])], [ack(1), pad(3)], [msg(2, b"b")]],
            sent=2,
        ),
        accepted("PAD of no zeros", ["VTP-22", "VTP-30"], [[pad(0)]]),
        accepted("PAD alone", ["VTP-22", "VTP-30"], [[pad(1)], [pad(400)]]),
        accepted("PAD behind other frames", ["VTP-22", "VTP-30"], [[msg(1, b"x"), pad(0)], [msg(2, b"y"), pad(77)]]),
        accepted("ACK", ["VTP-26"], [[ack(1)], [ack(3)]], sent=3),
        accepted("ACK of the same number again", ["VTP-26"], [[ack(2)], [ack(2)]], sent=3),
        accepted("PING is answered", ["VTP-27"], [[ping(TOKENS[0])]]),
        accepted("two PINGs with one token", ["VTP-27"], [[ping(TOKENS[0]), ping(TOKENS[0])]]),
        accepted("sixteen PINGs in one record", ["VTP-27"], [[ping(t) for t in TOKENS[:16]]]),
        accepted("PONG", ["VTP-27"], [[pong(TOKENS[0])]], pings=TOKENS[:2]),
        accepted(
            "REKEY and the record after it", ["VTP-24", "VTP-14"], [[msg(1, b"before")], [REKEY], [msg(2, b"after")]]
        ),
        accepted(
            "REKEY behind other frames, twice",
            ["VTP-24"],
            [[msg(1, b"one", True), REKEY], [msg(2, b"two"), REKEY], [msg(3, b"three")], [pad(9)]],
        ),
        accepted("the end of the direction", ["VTP-25"], [[msg(1, b"last")], [msg(2, b"")], [ping(TOKENS[0])]]),
        accepted("the end and nothing else", ["VTP-25"], [[msg(1, b"")]]),
        accepted("frames without number behind the end", ["VTP-25"], [[msg(1, b""), ack(1), REKEY], [pad(5)]], sent=1),
        accepted("CLOSE", ["VTP-29"], [[close()]]),
        accepted("CLOSE and PAD behind it", ["VTP-29"], [[msg(1, b"last"), close(), pad(20)]]),
        accepted("the longest record", ["VTP-21"], [[msg(1, b"m" * full)]]),
        accepted("the shortest record", ["VTP-21"], [[pad(0)]]),
        accepted(
            "every frame in one record",
            ["VTP-22"],
            [[msg(1, b"m"), ack(1), ping(TOKENS[0]), pong(TOKENS[1]), close(), pad(2)]],
            sent=1,
            pings=TOKENS[1:2],
        ),
    ]
    assert len(out[-3]["records"][0]["wire"]) == 2 * (2 + rec.SEALED_LONGEST)
    assert len(out[-2]["records"][0]["wire"]) == 2 * (2 + rec.SEALED_SHORTEST)
    return out


def refused_frames():
    out = []

    def bad(name, clause, plain, **more):
        out.append(refused(name, clause, plain, **more))

    for kind in (7, 8, 9, 10, 11, 12, 13, 0x20, 0x80, 0x81, 0xFF):
        bad(f"type {kind:#04x}", "VTP-22", bytes([kind]) + bytes(8))
    bad("type 0x07 behind a good frame", "VTP-22", rec.encode_frames([ping(TOKENS[0])]) + b"\x07")
    m = rec.encode_frame(msg(1, b"flag"))
    for flags in (2, 3, 4, 0x80, 0x81, 0xFF):
        bad(f"flags {flags:#04x}", "VTP-22", m[:1] + bytes([flags]) + m[2:], part="flags")
    for reason in (0, 2, 3, 0xFF):
        bad(f"reason {reason}", "VTP-22", [close(reason=reason)], part="reason")
    bad("PAD with its first byte not zero", "VTP-22", b"\0\1\0\0", part="PAD")
    bad("PAD with its last byte not zero", "VTP-22", bytes(300) + b"\x80", part="PAD")
    bad("PAD as if a frame followed it", "VTP-22", bytes(4) + rec.encode_frame(ping(TOKENS[0])), part="PAD")
    bad("PAD not zero behind CLOSE", "VTP-22", rec.encode_frames([close(), pad(3)]) + b"\1", part="PAD")
    for n in (1, 2, 3, 9, 10, 11, 12, len(m) - 1):
        bad(f"MSG cut to {n} bytes", "VTP-22", m[:n])
    bad("MSG with a length beyond the record", "VTP-22", m[:10] + u16(5) + m[12:])
    bad("MSG with the greatest length", "VTP-22", m[:10] + u16(65535) + m[12:])
    for frame in (ack(1), ping(TOKENS[0]), pong(TOKENS[0]), close()):
        data = rec.encode_frame(frame)
        for n in (1, 2, len(data) - 1):
            if frame["frame"] != "CLOSE" or n != 2:
                bad(f"{frame['frame']} cut to {n} bytes", "VTP-22", data[:n], sent=1, pings=TOKENS[:1])
    bad("CLOSE cut to its reason", "VTP-22", rec.encode_frame(close())[:2])
    bad("a frame cut short behind a good one", "VTP-22", rec.encode_frame(ping(TOKENS[0])) * 2 + b"\3\0")
    for name, frames in (
        ("PAD of no zeros", [pad(0)]),
        ("PAD", [pad(10)]),
        ("PING", [ping(TOKENS[0])]),
        ("MSG", [msg(1, b"late")]),
    ):
        bad(f"{name} behind REKEY", "VTP-24", [REKEY] + frames, part="behind REKEY")
    bad("REKEY behind REKEY", "VTP-24", [REKEY, REKEY], part="behind REKEY")
    for frame in (msg(1, b"late"), ack(1), ping(TOKENS[0]), pong(TOKENS[0]), REKEY, close()):
        bad(
            f"{frame['frame']} behind CLOSE",
            "VTP-29",
            [close(), frame],
            part="behind CLOSE",
            sent=1,
            pings=TOKENS[:1],
        )
    return out


def refused_state():
    out = []

    def bad(name, clause, plain, part, **more):
        out.append(refused(name, clause, plain, part=part, **more))

    one = [[msg(1, b"one")]]
    two = [[msg(1, b"one")], [msg(2, b"two")]]
    bad("first number 0", "VTP-23", [msg(0, b"x")], "number")
    bad("first number 2", "VTP-23", [msg(2, b"x")], "number")
    bad("a number again", "VTP-23", [msg(1, b"one")], "number", before=one)
    bad("a number left out", "VTP-23", [msg(3, b"x")], "number", before=one)
    bad("a number going back", "VTP-23", [msg(1, b"x")], "number", before=two)
    bad("the greatest number", "VTP-23", [msg(2**64 - 1, b"x")], "number", before=one)
    bad("a number left out in one record", "VTP-23", [msg(1, b"x"), msg(3, b"y")], "number")
    bad("the end with a number left out", "VTP-23", [msg(3, b"")], "number", before=one)
    bad("number starts again behind REKEY", "VTP-23", [msg(1, b"x")], "number", before=[[msg(1, b"x"), REKEY]])
    bad("an empty piece with the flag", "VTP-25", [msg(1, b"", True)], "empty piece")
    bad("an empty piece in the middle", "VTP-25", [msg(2, b"", True)], "empty piece", before=[[msg(1, b"a", True)]])
    bad("an empty last piece", "VTP-25", [msg(2, b"")], "empty piece", before=[[msg(1, b"a", True)]])
    ended = [[msg(1, b"last"), msg(2, b"")]]
    bad("data behind the end", "VTP-25", [msg(3, b"x")], "behind the end", before=ended)
    bad("a piece behind the end", "VTP-25", [msg(3, b"x", True)], "behind the end", before=ended)
    bad("the end behind the end", "VTP-25", [msg(3, b"")], "behind the end", before=ended)
    bad("data behind the end in one record", "VTP-25", [msg(1, b""), msg(2, b"x")], "behind the end")
    back, unsent = "taken goes back", "taken was not sent"
    bad("ACK going back", "VTP-26", [ack(1)], back, before=[[ack(2)]], sent=3)
    bad("ACK going back to 0", "VTP-26", [ack(0)], back, before=[[ack(1)]], sent=3)
    bad("ACK going back in one record", "VTP-26", [ack(3), ack(2)], back, sent=3)
    bad("ACK where nothing was sent", "VTP-26", [ack(1)], unsent)
    bad("ACK of a frame not yet sent", "VTP-26", [ack(4)], unsent, sent=3)
    bad("ACK of the greatest number", "VTP-26", [ack(2**64 - 1)], unsent, sent=3)
    bad("seventeen PINGs in one record", "VTP-27", [ping(t) for t in TOKENS], "seventeenth PING")
    bad("PONG where nothing was asked", "VTP-27", [pong(TOKENS[0])], "token")
    bad("PONG with another token", "VTP-27", [pong(TOKENS[2])], "token", pings=TOKENS[:2])
    bad("PONG a second time", "VTP-27", [pong(TOKENS[0])], "token", before=[[pong(TOKENS[0])]], pings=TOKENS[:2])
    bad("CLOSE with id 0", "VTP-29", [close(0)], "id")
    bad("CLOSE with an id one more", "VTP-29", [close(PEER_MINE + 1)], "id")
    bad("CLOSE with the receiver's own id", "VTP-29", [close(OWN_MINE)], "id")
    return out


def refused_sealed():
    def sealed(secret, counter, frames):
        return lp(c.seal(rec.Traffic(secret).key, counter, rec.encode_frames(frames)))

    first, second = sealed(SECRET, 0, [msg(1, b"one")]), sealed(SECRET, 1, [msg(2, b"two")])
    rekey = sealed(SECRET, 0, [REKEY])
    next_secret = c.expand(SECRET, c.label("rekey"))
    last = 2**20 - 1

    def flipped(at):
        b = bytearray(first)
        b[at] ^= 1
        return bytes(b)

    closes = ["VTP-21"]
    out = [
        refused_wire("an empty record: a tag alone", ["VTP-21", "VTP-22"], lp(c.seal(rec.Traffic(SECRET).key, 0, b""))),
        refused_wire("record length 0", closes, u16(0)),
        refused_wire("record length 16", closes, u16(16)),
        refused_wire("record length 32,769", closes, u16(32769)),
        refused_wire("record length 65,535", closes, u16(65535)),
        refused_wire("a bit of the first byte", closes, flipped(2)),
        refused_wire("a bit of the tag", closes, flipped(-1)),
        refused_wire("a record again", closes, first, [first]),
        refused_wire("a record left out", closes, second),
        refused_wire("under the secret of the other direction", closes, sealed(OTHER_SECRET, 0, [msg(1, b"one")])),
        refused_wire(
            "under the traffic secret itself", closes, lp(c.seal(SECRET, 0, rec.encode_frame(msg(1, b"one"))))
        ),
        refused_wire(
            "with associated data", closes, lp(c.seal(rec.Traffic(SECRET).key, 0, rec.encode_frame(msg(1, b"x")), b"x"))
        ),
        refused_wire(
            "under the old key behind REKEY", ["VTP-24", "VTP-21"], sealed(SECRET, 1, [msg(1, b"x")]), [rekey]
        ),
        refused_wire(
            "under the new key with the old count",
            ["VTP-24", "VTP-21"],
            sealed(next_secret, 1, [msg(1, b"x")]),
            [rekey],
        ),
        refused_wire(
            "counter 2^20 under one key", ["VTP-24"], sealed(SECRET, last + 1, [msg(1, b"x")]), counter=last + 1
        ),
    ]
    r = receiver()
    r.traffic.counter = last
    wires = [sealed(SECRET, last, [msg(1, b"last"), REKEY]), sealed(next_secret, 0, [msg(2, b"first")])]
    for w in wires:
        r.take(w)
    out.append(
        {
            "kind": "accepted late",
            "name": "REKEY in the record of counter 2^20 - 1",
            "clauses": ["VTP-24"],
            **state(0, ()),
            "counter": u64(last).hex(),
            "wires": [w.hex() for w in wires],
            "messages": [m.hex() for m in r.messages],
        }
    )
    return out


def big():
    full = rec.PLAIN_LONGEST - 12
    times, rest = divmod(rec.MESSAGE_LONGEST, full)
    return [
        built("the longest message", ["VTP-25"], [piece(times, full, True), piece(1, rest, False)]),
        built(
            "a message one byte too long, in its last piece",
            ["VTP-25"],
            [piece(times, full, True), piece(1, rest + 1, False)],
            times + 1,
        ),
        built(
            "a message one byte too long, still unfinished",
            ["VTP-25"],
            [piece(times, full, True), piece(1, rest, True), piece(1, 1, True)],
            times + 2,
        ),
        built(
            "more weight than may be unacknowledged, in pieces of one byte",
            ["VTP-26"],
            [piece(rec.WEIGHT_MOST // 65 + 1, 1, True)],
            rec.WEIGHT_MOST // 65 + 1,
        ),
    ]
