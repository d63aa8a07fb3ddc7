"""records.json"""

import hashlib
import itertools

import crypto as c
import records as rec
from frames import encode_frame, encode_frames
from rng import rand
from wire import OFF, Refused, lp, u16, u64

SPEC = [*(f"VTP-{i}" for i in (14, *range(21, 28), 29, 30)), "VTP-39", *(f"VTP-{i}" for i in (49, 50, 52, 53, 54))]
SECRET = rand("records traffic secret")
OTHER_SECRET = rand("records traffic secret of the other direction")
PEER_MINE = 0x0123456789ABCDEF
OWN_MINE = 0x0FEDCBA987654321
TICKET = rand("records ticket", 400)
TOKENS = [rand(f"records token {i}", 8).hex() for i in range(17)]


def msg(number, data, more=False):
    return {"frame": "MSG", "more": more, "number": u64(number).hex(), "bytes": data.hex()}


def ack(taken, received=None, *ranges):
    """ranges: pairs of skip and run."""
    received = taken if received is None else received
    numbers = {"taken": u64(taken).hex(), "received": u64(received).hex()}
    return {"frame": "ACK", **numbers, "ranges": [list(x) for x in ranges]}


def of_stream(frame, number, stream, **more):
    return {"frame": frame, "number": u64(number).hex(), "stream": stream, **more}


def open_(number, stream=0, head=b""):
    return of_stream("OPEN", number, stream, head=head.hex())


def stream(number, data, fin=False, stream=0):
    return of_stream("STREAM", number, stream, fin=fin, bytes=data.hex())


def credit(number, more, stream=0):
    return of_stream("CREDIT", number, stream, more=more)


def reset(number, stream=0, code=0):
    return of_stream("RESET", number, stream, code=code)


def want(number, count=1, purpose=1):
    return {"frame": "TICKETS", "number": u64(number).hex(), "purpose": purpose, "count": count}


def give(number, ticket, purpose=1):
    return {"frame": "TICKETS", "number": u64(number).hex(), "purpose": purpose, "ticket": ticket.hex()}


def datagram(data):
    return {"frame": "DATAGRAM", "bytes": data.hex()}


def sixteen(first):
    return [want(first + i, 1 + i % 8, 1 + i % 2) for i in range(16)]


def pad(zeros):
    return {"frame": "PAD", "zeros": zeros}


def ping(token):
    return {"frame": "PING", "token": token}


def pong(token):
    return {"frame": "PONG", "token": token}


def close(id_=PEER_MINE, reason=1):
    return {"frame": "CLOSE", "reason": reason, "id": u64(id_).hex()}


REKEY = {"frame": "REKEY"}


def receiver(sent=0, pings=(), takes=True):
    return rec.Receiver(SECRET, PEER_MINE, OWN_MINE, sent, pings, "slave", takes)


def state(sent=0, pings=(), takes=True):
    return {
        "traffic_secret": SECRET.hex(),
        "peer_mine": u64(PEER_MINE).hex(),
        "own_mine": u64(OWN_MINE).hex(),
        "sent": sent,
        "pings": list(pings),
        "takes": takes,
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


def accepted(name, clauses, records, sent=0, pings=(), takes=True):
    sender, r, steps = rec.Sender(SECRET), receiver(sent, pings, takes), []
    for frames in records:
        traffic = rec.Traffic(sender.traffic.secret)
        traffic.counter = sender.traffic.counter
        plain = encode_frames(frames)
        wire = sender.record(frames)
        assert r.take(wire) == frames
        steps.append({**step(traffic, plain, wire, frames), "answers": list(r.answers)})
    return {
        "kind": "accepted",
        "name": name,
        "clauses": clauses,
        **state(sent, pings, takes),
        "records": steps,
        "after": {
            "messages": [m.hex() for m in r.messages],
            "unfinished": None if r.piece is None else r.piece.hex(),
            "ended": r.ended,
            "closed": r.closed,
            "heard": {"taken": u64(r.heard_taken).hex(), "received": u64(r.heard_received).hex()},
            "ack": r.ack(),
            "datagrams": r.streams.datagrams,
            "tickets": r.tickets,
            "pings": sorted(r.pings),
            "next_number": u64(r.next).hex(),
            "secret": r.traffic.secret.hex(),
            "counter": u64(r.traffic.counter).hex(),
        },
    }


def refused(name, clause, plain, before=(), sent=0, pings=(), part=None, takes=True):
    """plain: frames or bytes; before: records (lists of frames) that are accepted."""
    sender, r, steps = rec.Sender(SECRET), receiver(sent, pings, takes), []
    for frames in before:
        wire = sender.record(frames)
        r.take(wire)
        steps.append(wire.hex())
    data = plain if isinstance(plain, bytes) else encode_frames(plain)
    traffic = sender.traffic
    wire = lp(c.seal(traffic.key, traffic.counter, data))
    try:
        r.take(wire)
    except Refused as e:
        assert e.clause == clause and part in (None, e.part), (name, e.clause, e.part)
        found = e.part
    else:
        raise AssertionError("accepted: " + name)
    one_fault(name, found, before, data, sent, pings, takes)
    return {
        "kind": "refused",
        "name": name,
        "clauses": [clause],
        **state(sent, pings, takes),
        "before": steps,
        **step(traffic, data, wire),
    }


# Parts of which a record cannot be read to its end when the check is off.
STRUCTURAL = {"type", "empty record"}


def one_fault(name, part, before, data, sent, pings, takes):
    """With that check off the record is accepted."""
    if part in STRUCTURAL or part.endswith("cut short"):
        return
    OFF.add(part)
    try:
        sender, r = rec.Sender(SECRET), receiver(sent, pings, takes)
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
        **state(),
        "before": [w.hex() for w in before],
        "wire": wire.hex(),
    }
    if counter:
        out["counter"] = u64(counter).hex()
    return out


def built(name, clauses, pieces, refused_at=None, first=1, takes=True):
    """Many MSG frames, each in a record of its own."""
    sender, r, number, digest = rec.Sender(SECRET), receiver(takes=takes), first - 1, hashlib.sha256()
    found = None
    for p in pieces:
        for _ in range(p["times"]):
            assert found is None
            number += 1
            wire = sender.record([msg(number, bytes.fromhex(p["byte"]) * p["length"], p["more"])])
            digest.update(wire)
            try:
                r.take(wire)
            except Refused as e:
                found = e.clause
                assert number == refused_at, (name, number, e.clause, e.part)
    assert (found is None) == (refused_at is None) and found in [None] + clauses, name
    return {
        "kind": "built",
        "name": name,
        "clauses": clauses,
        **state(takes=takes),
        "first": first,
        "pieces": pieces,
        "refused_at": refused_at,
        "wire_sha256": digest.hexdigest(),
        "messages": [
            {"times": len(list(same)), "length": len(m), "sha256": hashlib.sha256(m).hexdigest()}
            for m, same in itertools.groupby(r.messages)
        ],
        "ack": None if found else r.ack(),
    }


def piece(times, length, more, byte="6d"):
    return {"times": times, "length": length, "more": more, "byte": byte}


def make():
    return {
        "comment": "Records of one direction: frames, plaintexts, sealed records, and what a receiver refuses.",
        "spec": SPEC,
        "cases": good() + numbers() + refused_frames() + refused_state() + refused_sealed() + big(),
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
            [[msg(1, b"a", True), ping(TOKENS[0])], [ack(1), datagram(b"x")], [open_(2), pad(3)], [msg(3, b"b")]],
            sent=2,
        ),
        accepted("PAD of no zeros", ["VTP-22", "VTP-30"], [[pad(0)]]),
        accepted("PAD alone", ["VTP-22", "VTP-30"], [[pad(1)], [pad(400)]]),
        accepted("PAD behind other frames", ["VTP-22", "VTP-30"], [[msg(1, b"x"), pad(0)], [msg(2, b"y"), pad(77)]]),
        accepted("ACK", ["VTP-26"], [[ack(1)], [ack(3)]], sent=3),
        accepted("ACK of the same number again", ["VTP-26"], [[ack(2)], [ack(2)]], sent=3),
        accepted("ACK of nothing", ["VTP-26"], [[ack(0)]]),
        accepted("ACK, received and not taken", ["VTP-26"], [[ack(0, 2)], [ack(1, 2)], [ack(1, 3)], [ack(3)]], sent=3),
        accepted("ACK with a gap", ["VTP-22", "VTP-26"], [[ack(1, 1, (1, 2))], [ack(4)]], sent=4),
        accepted("ACK with gaps to the last", ["VTP-26"], [[ack(0, 0, (1, 1), (2, 3))]], sent=7),
        accepted(
            "ACK whose ranges go back", ["VTP-26"], [[ack(0, 1, (1, 3))], [ack(0, 1)], [ack(0, 1, (2, 1))]], sent=5
        ),
        accepted("ACK with 32 ranges", ["VTP-22", "VTP-26"], [[ack(0, 0, *[(1, 1)] * 32)]], sent=64),
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
        accepted("a stream behind the end", ["VTP-25"], [[msg(1, b""), open_(2), stream(3, b"x")]]),
        accepted("CLOSE", ["VTP-29"], [[close()]]),
        accepted("CLOSE and PAD behind it", ["VTP-29"], [[msg(1, b"last"), close(), pad(20)]]),
        accepted("CLOSE of an object that is gone", ["VTP-29", "VTP-39"], [[close(OWN_MINE, 2), pad(20)]]),
        accepted("the longest record", ["VTP-21"], [[msg(1, b"m" * full)]]),
        accepted("the shortest record", ["VTP-21"], [[pad(0)]]),
        accepted(
            "every frame in one record",
            ["VTP-22"],
            [
                [msg(1, b"m"), ack(1), ping(TOKENS[0]), pong(TOKENS[1]), open_(2, 0, b"head"), credit(3, 1)]
                + [stream(4, b"s"), datagram(b"d"), reset(5, 0, 9), want(6), give(7, b"t"), close(), pad(2)]
            ],
            sent=1,
            pings=TOKENS[1:2],
        ),
        accepted("OPEN without a head", ["VTP-22", "VTP-49"], [[open_(1)]]),
        accepted("OPEN with the longest head", ["VTP-22", "VTP-49"], [[open_(1, 0, b"h" * 512)]]),
        accepted(
            "STREAM, CREDIT and RESET",
            ["VTP-22", "VTP-50"],
            [[open_(1), stream(2, b"s"), credit(3, 7), reset(4, 0, 255)]],
        ),
        accepted("STREAM of no bytes with fin", ["VTP-22", "VTP-50"], [[open_(1), stream(2, b"", True)]]),
        accepted("DATAGRAM of one byte", ["VTP-22", "VTP-52"], [[datagram(b"d")]]),
        accepted("DATAGRAM of 800 bytes", ["VTP-22", "VTP-52"], [[datagram(rand("records datagram", 800))]]),
        accepted("two DATAGRAMs that are the same", ["VTP-52"], [[datagram(b"d"), datagram(b"d")]]),
        accepted("TICKETS that asks for one", ["VTP-22", "VTP-53"], [[want(1)]]),
        accepted("TICKETS that asks for eight, to hand on", ["VTP-22", "VTP-53"], [[want(1, 8, 2)]]),
        accepted("TICKETS that gives one byte", ["VTP-22", "VTP-53"], [[give(1, b"t")]]),
        accepted("TICKETS that gives 400 bytes, to hand on", ["VTP-22", "VTP-53"], [[give(1, TICKET, 2)]]),
        accepted(
            "TICKETS of all kinds beside messages",
            ["VTP-53"],
            [[want(1, 2), msg(2, b"a", True), give(3, TICKET[:295])], [give(4, b"t", 2), msg(5, b"b"), want(6, 8, 2)]],
        ),
        accepted(
            "sixteen TICKETS in a record, and sixteen more", ["VTP-54"], [sixteen(1), sixteen(17)]
        ),
        accepted("sixteen TICKETS that nobody takes", ["VTP-54"], [sixteen(1)], takes=False),
        accepted("sixteen TICKETS ahead of a gap", ["VTP-54", "VTP-23"], [sixteen(2), [msg(1, b"m")]]),
        accepted("65 DATAGRAMs that nobody fetches", ["VTP-52"], [[datagram(bytes([i]))] for i in range(65)]),
    ]
    wires = {case["name"]: case["records"][0]["wire"] for case in out}
    assert len(wires["the longest record"]) == 2 * (2 + rec.SEALED_LONGEST)
    assert len(wires["the shortest record"]) == 2 * (2 + rec.SEALED_SHORTEST)
    return out


def numbers():
    """VTP-23, VTP-26: what is delivered, and what the receiver would say of it."""
    out = []

    def good(name, records, clauses=("VTP-23", "VTP-26"), **more):
        out.append(accepted(name, list(clauses), records, **more))

    m = [None, *(msg(n, bytes([0x60 + n])) for n in range(1, 10))]
    good("a frame again, in another record", [[m[1]], [m[1]], [m[2]]])
    good("a frame again, in the same record", [[m[1], m[1], m[2], m[2], m[1]]])
    good("a frame again with other bytes", [[m[1]], [msg(1, b"other")], [m[2]]])
    good("a frame again behind the end", [[m[1], msg(2, b"")], [m[1], msg(2, b"")]], ["VTP-23", "VTP-25"])
    good("a gap that stays", [[m[1]], [m[3]], [m[4]]])
    good("a gap at the beginning", [[m[2]]])
    good("a gap that is filled", [[m[1]], [m[3]], [m[2]]])
    good("a gap that is filled in one record", [[m[3], m[2], m[1]]])
    good("a held frame again", [[m[2]], [m[2]], [m[1]], [m[2]]])
    good("a held frame again with other bytes", [[m[2]], [msg(2, b"other")], [m[1]]])
    good("gaps filled from the end", [[m[6]], [m[4]], [m[2]], [m[5]], [m[3]], [m[1]]])
    good("of two gaps the second is filled", [[m[2], m[4]], [m[3]]])
    good("of two gaps the first is filled", [[m[2], m[4]], [m[1]]])
    good("pieces of a message out of order", [[msg(3, b"c")], [msg(2, b"b", True)], [msg(1, b"a", True)]])
    good("the end ahead of a gap", [[msg(2, b"")], [m[1]]], ["VTP-23", "VTP-25"])
    good("a stream ahead of the frame that opens it", [[stream(2, b"s")], [open_(1)]], ["VTP-23", "VTP-50"])
    good("the greatest number ahead", [[m[1]], [msg(2 + rec.AHEAD_MOST, b"far")]])
    good("33 gaps, and an ACK that has room for 32", [[msg(2 * n, b"x")] for n in range(1, 34)])
    good("the first of 33 gaps is filled", [[msg(2 * n, b"x")] for n in range(1, 34)] + [[m[1]]])
    good("a gap of the greatest length", [[msg(1 + rec.AHEAD_MOST, b"x")]])
    good("a piece is not taken before the last", [[m[1], msg(2, b"x", True)], [msg(3, b"y", True)]])
    good("nothing is taken", [[m[1], m[2]], [open_(3)]], takes=False)
    good("nothing is taken, neither the end", [[msg(1, b"")]], takes=False)
    good("a stream before what is not taken", [[open_(1), m[2]], [stream(3, b"s")]], takes=False)
    good("not taken, and a gap", [[m[1], m[4]]], takes=False)
    return out


def refused_frames():
    out = []

    def bad(name, clause, plain, **more):
        out.append(refused(name, clause, plain, **more))

    for kind in (13, 14, 0x20, 0x80, 0x81, 0xFF):
        bad(f"type {kind:#04x}", "VTP-22", bytes([kind]) + bytes(8))
    bad("type 0x0d behind a good frame", "VTP-22", encode_frames([ping(TOKENS[0])]) + b"\x0d")
    m = encode_frame(msg(1, b"flag"))
    for flags in (2, 3, 4, 0x80, 0x81, 0xFF):
        bad(f"flags {flags:#04x}", "VTP-22", m[:1] + bytes([flags]) + m[2:], part="flags")
    s = encode_frame(stream(2, b"flag"))
    for flags in (2, 3, 4, 0x80, 0x81, 0xFF):
        plain = s[:1] + bytes([flags]) + s[2:]
        bad(f"flags {flags:#04x} of STREAM", "VTP-22", plain, part="flags", before=[[open_(1)]])
    for reason in (0, 3, 0x80, 0xFF):
        bad(f"reason {reason}", "VTP-22", [close(reason=reason)], part="reason")
    bad("PAD with its first byte not zero", "VTP-22", b"\0\1\0\0", part="PAD")
    bad("PAD with its last byte not zero", "VTP-22", bytes(300) + b"\x80", part="PAD")
    bad("PAD as if a frame followed it", "VTP-22", bytes(4) + encode_frame(ping(TOKENS[0])), part="PAD")
    bad("PAD not zero behind CLOSE", "VTP-22", encode_frames([close(), pad(3)]) + b"\1", part="PAD")
    for n in (1, 2, 3, 9, 10, 11, 12, len(m) - 1):
        bad(f"MSG cut to {n} bytes", "VTP-22", m[:n])
    bad("MSG with a length beyond the record", "VTP-22", m[:10] + u16(5) + m[12:])
    bad("MSG with the greatest length", "VTP-22", m[:10] + u16(65535) + m[12:])
    bad("STREAM with a length beyond the record", "VTP-22", s[:14] + u16(5) + s[16:], before=[[open_(1)]])
    tickets = (want(1), give(1, b"ticket"))
    for frame in (stream(2, b"flag"), open_(1, 0, b"head"), credit(2, 7), reset(2), datagram(b"datagram"), *tickets):
        data = encode_frame(frame)
        before = [[open_(1)]] if int(frame.get("number", "0"), 16) == 2 else []
        name = frame["frame"] + " that gives" * ("ticket" in frame) + " that asks" * ("count" in frame)
        for n in sorted({1, 2, 9, 13, 14, len(data) - 1}):
            if n < len(data):
                bad(f"{name} cut to {n} bytes", "VTP-22", data[:n], before=before)
    ranged = encode_frame(ack(0, 0, (1, 1), (1, 1)))
    for n in (17, 18, 21, 22, 25):
        bad(f"ACK with ranges, cut to {n} bytes", "VTP-22", ranged[:n], sent=9)
    for n in (33, 255):
        plain = encode_frame(ack(0, 0, *[(1, 1)] * n))
        bad(f"ACK with {n} ranges", "VTP-22", plain, part="too many ranges", sent=999)
    for name, part, ranges in (
        ("skip 0", "skip 0", [(0, 1)]),
        ("skip 0 behind another", "skip 0", [(1, 1), (0, 1)]),
        ("run 0", "run 0", [(1, 0)]),
        ("run 0 before another", "run 0", [(1, 0), (1, 1)]),
    ):
        bad(f"ACK with {name}", "VTP-26", [ack(0, 0, *ranges)], part=part, sent=9)
    bad("a head of 513 bytes", "VTP-49", [open_(1, 0, b"h" * 513)], part="head")
    bad("a head of 2000 bytes", "VTP-49", [open_(1, 0, bytes(2000))], part="head")
    for kind in (2, 0x80, 0xFF):
        data = encode_frame(give(1, b"ticket"))
        bad(f"kind {kind} of TICKETS", "VTP-53", data[:9] + bytes([kind]) + data[10:], part="kind of TICKETS")
    for purpose in (0, 3, 0xFF):
        bad(f"purpose {purpose}, asked for", "VTP-53", [want(1, 1, purpose)], part="purpose")
        bad(f"purpose {purpose}, given", "VTP-53", [give(1, b"t", purpose)], part="purpose")
    for count in (0, 9, 255):
        bad(f"{count} tickets asked for", "VTP-53", [want(1, count)], part="count")
    for n in (0, 401, 2000):
        bad(f"a ticket of {n} bytes", "VTP-53", [give(1, bytes(n))], part="ticket")
    empty = "empty piece of a stream"
    bad("STREAM of no bytes without fin", "VTP-50", [stream(2, b"")], part=empty, before=[[open_(1)]])
    bad("DATAGRAM of no bytes", "VTP-52", [datagram(b"")], part="empty datagram")
    bad("DATAGRAM of 801 bytes", "VTP-52", [datagram(bytes(801))], part="datagram too long")
    for frame in (ack(1), ping(TOKENS[0]), pong(TOKENS[0]), close()):
        data = encode_frame(frame)
        for n in (1, 2, len(data) - 1):
            if frame["frame"] != "CLOSE" or n != 2:
                bad(f"{frame['frame']} cut to {n} bytes", "VTP-22", data[:n], sent=1, pings=TOKENS[:1])
    bad("CLOSE cut to its reason", "VTP-22", encode_frame(close())[:2])
    bad("a frame cut short behind a good one", "VTP-22", encode_frame(ping(TOKENS[0])) * 2 + b"\3\0")
    for name, frames in (
        ("PAD of no zeros", [pad(0)]),
        ("PAD", [pad(10)]),
        ("PING", [ping(TOKENS[0])]),
        ("MSG", [msg(1, b"late")]),
    ):
        bad(f"{name} behind REKEY", "VTP-24", [REKEY] + frames, part="behind REKEY")
    bad("REKEY behind REKEY", "VTP-24", [REKEY, REKEY], part="behind REKEY")
    late = (msg(1, b"late"), ack(1), ping(TOKENS[0]), pong(TOKENS[0]), REKEY, close(), datagram(b"late"), open_(1))
    for frame in late:
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
    far = 1 + rec.AHEAD_MOST
    bad("number 0", "VTP-23", [msg(0, b"x")], "number 0")
    bad("number 0 behind others", "VTP-23", [msg(0, b"x")], "number 0", before=two)
    bad("number 0 of a stream", "VTP-23", [open_(0)], "number 0")
    bad("too far ahead at the beginning", "VTP-23", [msg(far + 1, b"x")], "too far ahead")
    bad("too far ahead", "VTP-23", [msg(far + 2, b"x")], "too far ahead", before=one)
    bad("too far ahead of a gap", "VTP-23", [msg(far + 1, b"x")], "too far ahead", before=[[msg(2, b"x")]])
    bad("too far ahead, of a stream", "VTP-23", [open_(far + 1)], "too far ahead")
    bad("the greatest number", "VTP-23", [msg(2**64 - 1, b"x")], "too far ahead", before=one)
    bad("an empty piece with the flag", "VTP-25", [msg(1, b"", True)], "empty piece")
    bad("an empty piece in the middle", "VTP-25", [msg(2, b"", True)], "empty piece", before=[[msg(1, b"a", True)]])
    bad("an empty last piece", "VTP-25", [msg(2, b"")], "empty piece", before=[[msg(1, b"a", True)]])
    ended = [[msg(1, b"last"), msg(2, b"")]]
    bad("data behind the end", "VTP-25", [msg(3, b"x")], "behind the end", before=ended)
    bad("a piece behind the end", "VTP-25", [msg(3, b"x", True)], "behind the end", before=ended)
    bad("the end behind the end", "VTP-25", [msg(3, b"")], "behind the end", before=ended)
    bad("data behind the end in one record", "VTP-25", [msg(1, b""), msg(2, b"x")], "behind the end")
    bad("data behind the end, held before", "VTP-25", [msg(1, b"")], "behind the end", before=[[msg(2, b"x")]])
    bad("an empty last piece, held before", "VTP-25", [msg(1, b"a", True)], "empty piece", before=[[msg(2, b"")]])
    back, unsent = "taken goes back", "received and not sent"
    bad("ACK going back", "VTP-26", [ack(1, 2)], back, before=[[ack(2)]], sent=3)
    bad("ACK going back to 0", "VTP-26", [ack(0, 1)], back, before=[[ack(1)]], sent=3)
    bad("ACK going back in one record", "VTP-26", [ack(3), ack(2, 3)], back, sent=3)
    bad("ACK where nothing was sent", "VTP-26", [ack(1)], unsent)
    bad("ACK of a frame not yet sent", "VTP-26", [ack(4)], unsent, sent=3)
    bad("ACK of the greatest number", "VTP-26", [ack(2**64 - 1)], unsent, sent=3)
    bad("received going back", "VTP-26", [ack(0, 1)], "received goes back", before=[[ack(0, 2)]], sent=3)
    bad("received going back in one record", "VTP-26", [ack(1, 3), ack(1, 2)], "received goes back", sent=3)
    bad("received of a frame not yet sent", "VTP-26", [ack(0, 4)], unsent, sent=3)
    bad("taken beyond received", "VTP-26", [ack(2, 1)], "taken and not received", sent=3)
    bad("a run of a frame not yet sent", "VTP-26", [ack(0, 1, (1, 2))], unsent, sent=3)
    bad("the last run of a frame not yet sent", "VTP-26", [ack(0, 0, (1, 1), (1, 1))], unsent, sent=3)
    bad("the longest ranges", "VTP-26", [ack(0, 0, *[(65535, 65535)] * 32)], unsent, sent=3)
    bad("seventeen PINGs in one record", "VTP-27", [ping(t) for t in TOKENS], "seventeenth PING")
    bad("PONG where nothing was asked", "VTP-27", [pong(TOKENS[0])], "token")
    bad("PONG with another token", "VTP-27", [pong(TOKENS[2])], "token", pings=TOKENS[:2])
    bad("PONG a second time", "VTP-27", [pong(TOKENS[0])], "token", before=[[pong(TOKENS[0])]], pings=TOKENS[:2])
    many = "seventeenth TICKETS"
    bad("seventeen TICKETS in a record", "VTP-54", [*sixteen(1), give(17, b"t")], many)
    bad("a seventeenth TICKETS that waits", "VTP-54", [give(17, b"t")], many, before=[sixteen(1)], takes=False)
    held = [[want(18)], sixteen(2)]
    bad("seventeen TICKETS ahead of a gap", "VTP-54", [msg(1, b"m")], many, before=held)
    bad("CLOSE with id 0", "VTP-29", [close(0)], "id")
    bad("CLOSE with an id one more", "VTP-29", [close(PEER_MINE + 1)], "id")
    bad("CLOSE with the receiver's own id", "VTP-29", [close(OWN_MINE)], "id")
    bad("CLOSE with gone and the sender's id", "VTP-29", [close(PEER_MINE, 2)], "id")
    bad("CLOSE with gone and id 0", "VTP-29", [close(0, 2)], "id")
    bad("CLOSE with gone and an id one less", "VTP-29", [close(OWN_MINE - 1, 2)], "id")
    return out


def refused_sealed():
    def sealed(secret, counter, frames):
        return lp(c.seal(rec.Traffic(secret).key, counter, encode_frames(frames)))

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
            "under the traffic secret itself", closes, lp(c.seal(SECRET, 0, encode_frame(msg(1, b"one"))))
        ),
        refused_wire(
            "with associated data", closes, lp(c.seal(rec.Traffic(SECRET).key, 0, encode_frame(msg(1, b"x")), b"x"))
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
            **state(),
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
            "a message in more pieces of one byte than may be held",
            ["VTP-25", "VTP-26"],
            [piece(rec.AHEAD_MOST + 1, 1, True), piece(1, 1, False)],
        ),
        built(
            "as much weight as may be held ahead of a gap, and more",
            ["VTP-26"],
            [piece(33, 32704, True), piece(1, 31936, True), piece(1, 936, True)],
            36,
            first=2,
        ),
        built(
            "as many messages of one byte as may be not taken",
            ["VTP-26"],
            [piece(rec.WEIGHT_MOST // 65, 1, False)],
            takes=False,
        ),
        built(
            "more messages of one byte than may be not taken",
            ["VTP-26"],
            [piece(rec.WEIGHT_MOST // 65 + 1, 1, False)],
            rec.WEIGHT_MOST // 65 + 1,
            takes=False,
        ),
        built(
            "the longest message, and the longest beside it, not taken",
            ["VTP-25", "VTP-26"],
            [piece(times, full, True), piece(1, rest, False), piece(1, 32704, True), piece(1, 32704, False)],
            takes=False,
        ),
        built(
            "a message one byte too long beside the longest, not taken",
            ["VTP-26"],
            [piece(times, full, True), piece(1, rest, False), piece(1, 32704, True), piece(1, 32705, False)],
            times + 3,
            takes=False,
        ),
        built(
            "a message begun beside as many as may be, not taken",
            ["VTP-26"],
            [
                piece(times, full, True),
                piece(1, rest, False),
                piece(1, 32704, True),
                piece(1, 32704, False),
                piece(1, 1, True),
            ],
            times + 4,
            takes=False,
        ),
    ]
