"""streams.json: numbered frames of streams, as one side hears them."""

import records as rec
from cases_records import credit, open_, reset, stream
from frames import decode_frames, encode_frames
from rng import rand
from streams import CREDIT_FIRST, CREDIT_MOST, STREAMS_MOST
from wire import OFF, Refused, u64

SPEC = ["VTP-49", "VTP-50", "VTP-51"]
PIECE = 16384


class Side:
    """A receiver, with what its own side does."""

    def __init__(self, side):
        self.receiver = rec.Receiver(bytes(32), 1, 2, side=side)
        self.streams, self.number, self.reset = self.receiver.streams, 0, []

    def hear(self, frames):
        for f in frames:
            self.number += 1
            f["number"] = u64(self.number).hex()
        self.receiver.hear(decode_frames(encode_frames(frames)))

    def do(self, step):
        """A step without what the vector adds to it."""
        name, *args = step
        if name == "hears":
            self.hear([dict(f) for f in args[0]])
        elif name == "opens":
            at, times = args
            for i in range(times):
                self.hear([open_(0, at + 2 * i)])
        elif name == "fills":
            at, times, length = args
            for _ in range(times):
                self.hear([stream(0, b"s" * length, False, at)])
        elif name == "open":
            for _ in range(args[0]):
                self.streams.open()
        else:
            getattr(self.streams, name)(*args)

    def json(self, step, number):
        name, *args = step
        if name == "hears":
            frames = [{**f, "number": u64(number + 1 + i).hex()} for i, f in enumerate(args[0])]
            return {"step": name, "frames": frames, "plain": encode_frames(frames).hex()}
        names = {"opens": ("stream", "times"), "fills": ("stream", "times", "length"), "open": ("times",)}
        names |= {"write": ("stream", "length", "fin"), "reset": ("stream",)}
        return {"step": name, **dict(zip(names[name], args))}


def case(kind, name, clauses, side, steps):
    s, shown = Side(side), []
    for step in steps[:-1] if kind == "refused" else steps:
        shown.append(s.json(step, s.number))
        s.do(step)
    out = {"kind": kind, "name": name, "clauses": clauses, "side": side, "steps": shown}
    if kind == "refused":
        shown.append(s.json(steps[-1], s.number))
        return out, s
    after = {**s.streams.json(), "own_next": s.streams.own_next, "peer_next": s.streams.peer_next}
    return {**out, "resets": s.streams.answers, "after": after}, s


def accepted(name, clauses, *steps, side="slave"):
    return case("accepted", name, clauses, side, steps)[0]


def refused(name, clause, part, *steps, side="slave"):
    out, s = case("refused", name, [clause], side, steps)
    try:
        s.do(steps[-1])
    except Refused as e:
        assert (e.clause, e.part) == (clause, part), (name, e.clause, e.part)
    else:
        raise AssertionError("accepted: " + name)
    if part != "a stream that was never opened":
        OFF.add(part)
        case("accepted", name, [clause], side, steps)
        OFF.clear()
    return out


def hears(*frames):
    return ("hears", frames)


def o(at=0, head=b""):
    return open_(0, at, head)


def s(data, at=0, fin=False):
    return stream(0, data, fin, at)


def cr(more, at=0):
    return credit(0, more, at)


def rs(at=0, code=0):
    return reset(0, at, code)


FIN = s(b"", 0, True)
OPEN, OPEN_0 = ("open", 1), hears(o(0))
FULL = ("fills", 0, CREDIT_FIRST // PIECE, PIECE)


def good():
    ids, ends, room = ["VTP-49"], ["VTP-50"], ["VTP-51"]
    yield accepted("the first stream of the master", ids, OPEN_0)
    yield accepted("the first stream of the slave", ids, hears(o(1)), side="master")
    yield accepted("three streams, with heads", ids, hears(o(0, b"a"), o(2, rand("streams head", 512)), o(4)))
    yield accepted("streams of both sides", ids, OPEN, hears(o(0)), OPEN, hears(o(2)))
    yield accepted("1024 streams at once", ids, ("opens", 0, STREAMS_MOST))
    yield accepted(
        "1024 streams and as many of our own", ids, ("open", STREAMS_MOST), ("opens", 0, STREAMS_MOST)
    )
    yield accepted(
        "one is gone of 1024, and one more opens",
        ids + ends,
        ("opens", 0, STREAMS_MOST),
        hears(rs(1000)),
        hears(o(2048)),
    )
    yield accepted("ids go on when all are gone", ids + ends, hears(o(0), rs(0)), hears(o(2), rs(2)), hears(o(4)))
    yield accepted("bytes", ends, OPEN_0, hears(s(b"one"), s(b"two")), hears(s(b"three")))
    yield accepted("bytes on a stream of our own", ends, OPEN, hears(s(b"one", 1)))
    yield accepted("fin with bytes", ends, hears(o(), s(b"last", 0, True)))
    yield accepted("fin without bytes", ends, hears(o(), FIN))
    yield accepted("fin of both sides, ours first", ends, OPEN_0, ("write", 0, 3, True), hears(FIN))
    yield accepted("fin of both sides, theirs first", ends, OPEN_0, hears(FIN), ("write", 0, 3, True))
    yield accepted("bytes after our fin", ends, OPEN_0, ("write", 0, 0, True), hears(s(b"x")))
    yield accepted("RESET is answered", ends, OPEN_0, hears(rs(0, 7)))
    yield accepted("RESET behind fin is answered", ends, OPEN_0, hears(FIN, rs()))
    yield accepted("RESET after our fin is not answered", ends, OPEN_0, ("write", 0, 1, True), hears(rs()))
    yield accepted("RESETs that cross", ends, OPEN_0, ("reset", 0), hears(rs()))
    yield accepted(
        "bytes still coming after our RESET", ends, OPEN_0, ("reset", 0), hears(s(b"still"), cr(9), s(b"coming"), rs())
    )
    yield accepted("fin instead of RESET after our RESET", ends, OPEN_0, ("reset", 0), hears(s(b"still", 0, True)))
    yield accepted("RESET and CREDIT for a stream that is gone", ends, hears(o(), rs()), hears(rs(), cr(5), rs()))
    yield accepted(
        "RESET and CREDIT for one that is gone by fins", ends, OPEN_0, ("write", 0, 0, True), hears(FIN, cr(5), rs())
    )
    yield accepted("CREDIT behind their own fin", ends + room, OPEN_0, hears(FIN, cr(5)))
    yield accepted("one stream ends, another goes on", ends, hears(o(0), o(2), rs(0), s(b"x", 2)))
    yield accepted("all that is open", room, OPEN_0, FULL)
    yield accepted("all that is open, and fin", room, OPEN_0, FULL, hears(FIN))
    yield accepted("all that is open on two streams", room, hears(o(0), o(2)), FULL, ("fills", 2, 4, PIECE))
    yield accepted("all that is open, of our own", room, OPEN, ("write", 1, CREDIT_FIRST, False))
    yield accepted("a grant of 1", room, OPEN, hears(cr(1, 1)))
    yield accepted("a grant to the most", room, OPEN_0, hears(cr(CREDIT_MOST - CREDIT_FIRST)))
    yield accepted(
        "a grant to the most after bytes were said",
        room,
        OPEN_0,
        ("write", 0, 1000, False),
        hears(cr(CREDIT_MOST - CREDIT_FIRST + 1000)),
        ("write", 0, CREDIT_MOST, False),
    )
    yield accepted("grants in two steps", room, OPEN_0, hears(cr(1), cr(CREDIT_MOST - CREDIT_FIRST - 1)))


def bad():
    ids, ends, room, never = "VTP-49", "VTP-50", "VTP-51", "a stream that was never opened"
    wrong = "id of a stream"
    yield refused("the slave's first id from the master", ids, wrong, hears(o(1)))
    yield refused("the master's first id from the slave", ids, wrong, hears(o(0)), side="master")
    yield refused("an id left out", ids, wrong, OPEN_0, hears(o(4)))
    yield refused("an id again", ids, wrong, OPEN_0, hears(o(0)))
    yield refused("an id again when the stream is gone", ids, wrong, hears(o(), rs()), hears(o(0)))
    yield refused("an id of our own", ids, wrong, OPEN, hears(o(1)))
    yield refused("the greatest id", ids, wrong, hears(o(2**32 - 1)))
    yield refused("1025 streams", ids, "too many streams", ("opens", 0, STREAMS_MOST), hears(o(2048)))
    full = [("opens", 0, STREAMS_MOST), hears(s(b"", 1000, True))]
    yield refused("1025 streams, one of them half ended", ids, "too many streams", *full, hears(o(2048)))
    for name, frame in (("STREAM", s(b"x")), ("CREDIT", cr(1)), ("RESET", rs())):
        yield refused(f"{name} for a stream of theirs that was never opened", ends, never, hears(frame))
        yield refused(f"{name} for the next stream", ends, never, OPEN_0, hears({**frame, "stream": 2}))
        yield refused(f"{name} for a stream of ours that was never opened", ends, never, hears({**frame, "stream": 1}))
        yield refused(f"{name} for our next stream", ends, never, OPEN, hears({**frame, "stream": 3}))
    behind = "behind the end of a stream"
    yield refused("STREAM behind fin", ends, behind, hears(o(), FIN), hears(s(b"x")))
    yield refused("fin behind fin", ends, behind, hears(o(), s(b"x", 0, True)), hears(FIN))
    yield refused("STREAM behind fin in one record", ends, behind, hears(o(), FIN, s(b"x")))
    gone = "a stream that is gone"
    yield refused("STREAM behind RESET", ends, gone, hears(o(), rs()), hears(s(b"x")))
    yield refused("fin behind RESET", ends, gone, hears(o(), rs()), hears(FIN))
    yield refused("STREAM behind the RESET that answers ours", ends, gone, OPEN_0, ("reset", 0), hears(rs(), s(b"x")))
    yield refused("STREAM when both have said fin", ends, gone, OPEN_0, ("write", 0, 0, True), hears(FIN, s(b"x")))
    beyond = "beyond the credit"
    yield refused("one byte beyond what is open", room, beyond, OPEN_0, FULL, hears(s(b"x")))
    yield refused("one byte beyond what is open, with fin", room, beyond, OPEN_0, FULL, hears(s(b"x", 0, True)))
    most = ("fills", 0, CREDIT_FIRST // PIECE - 1, PIECE)
    yield refused("beyond what is open in one piece", room, beyond, OPEN_0, most, hears(s(b"s" * (PIECE + 1))))
    ours = [OPEN, ("fills", 1, 4, PIECE)]
    yield refused("beyond what is open on a stream of ours", room, beyond, *ours, hears(s(b"x", 1)))
    yield refused("a grant of 0", room, "a grant of 0", OPEN_0, hears(cr(0)))
    great = "a grant too great"
    yield refused("one byte more than the most", room, great, OPEN_0, hears(cr(CREDIT_MOST - CREDIT_FIRST + 1)))
    yield refused("the greatest grant", room, great, OPEN_0, hears(cr(2**32 - 1)))
    yield refused("a grant too great in two steps", room, great, OPEN_0, hears(cr(CREDIT_MOST - CREDIT_FIRST), cr(1)))


def make():
    return {
        "comment": "Streams as one side hears them: what is open, what ends, what is refused.",
        "spec": SPEC,
        "cases": [*good(), *bad()],
    }
