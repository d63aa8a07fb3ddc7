"""Chapter 3, section 3.4: records on a stream, and the receiver of one direction."""

import crypto as c
from frames import GONE, NUMBERED, decode_frames, encode_frames
from streams import Streams
from wire import Reader, lp, require, u64

SEALED_SHORTEST, SEALED_LONGEST = 17, 32768
PLAIN_LONGEST = SEALED_LONGEST - 16
MESSAGE_LONGEST = 1048576
WEIGHT_MOST = 1048576 + 65536
FRAME_WEIGHT = 64
AHEAD_MOST = 17408
LAST_COUNTER = 2**20 - 1
ANSWERS_MOST = 16
TICKETS_MOST = 16
RANGES_MOST = 32


class Traffic:
    """VTP-14, VTP-24: the secret, the key and the counter of one direction."""

    def __init__(self, secret):
        self.secret, self.counter = secret, 0

    @property
    def key(self):
        return c.expand(self.secret, c.label("key"))

    def rekey(self):
        self.secret, self.counter = c.expand(self.secret, c.label("rekey")), 0


class Sender:
    def __init__(self, secret):
        self.traffic = Traffic(secret)

    def plain(self, plain, ends_with_rekey=False):
        """Whatever it is given, refusable or not."""
        sealed = c.seal(self.traffic.key, self.traffic.counter, plain)
        self.traffic.counter += 1
        if ends_with_rekey:
            self.traffic.rekey()
        return lp(sealed)

    def record(self, frames, prefix=b""):
        return self.plain(prefix + encode_frames(frames), bool(frames) and frames[-1]["frame"] == "REKEY")


def weight(f):
    """VTP-26"""
    carried = next((f[name] for name in ("bytes", "head", "ticket") if name in f), "")
    return len(carried) // 2 + FRAME_WEIGHT


class Receiver:
    """One direction, with what it must know of the other: the frames sent, the pings outstanding.

    takes: whether its runtime takes whole messages at once, and tickets with every record, or none at all.
    """

    def __init__(self, secret, peer_mine, own_mine=None, sent=0, pings=(), side="slave", takes=True):
        self.traffic = Traffic(secret)
        self.peer_mine, self.own_mine, self.sent, self.pings = peer_mine, own_mine, sent, set(pings)
        self.takes, self.streams = takes, Streams(side)
        self.next, self.held = 1, {}
        self.heard_taken = self.heard_received = 0
        self.piece, self.piece_first = None, None
        self.waiting, self.waiting_first = 0, None  # the weight of whole messages not taken, and their first frame
        self.ended, self.closed = False, None
        self.messages, self.answers, self.tickets, self.tickets_waiting = [], [], [], 0

    def open(self, wire):
        reader = Reader(wire, "VTP-21")
        n = reader.u16("record length")
        require(SEALED_SHORTEST <= n <= SEALED_LONGEST, "VTP-21", "record length")
        sealed = reader.take(n, "record")
        reader.end("record")
        require(self.traffic.counter <= LAST_COUNTER, "VTP-24", "counter")
        plain = c.open_(self.traffic.key, self.traffic.counter, sealed, clause="VTP-21", part="does not open")
        self.traffic.counter += 1
        return plain

    def take(self, wire, prefix=None):
        """One record; prefix takes the first 50 bytes of the record that holds GOTOO."""
        plain = self.open(wire)
        if prefix is not None:
            reader = Reader(plain, "VTP-15")
            prefix(reader.take(50, "GOTOO"))
            plain = plain[50:]
            if not plain:
                return []
        return self.hear(decode_frames(plain))

    def hear(self, frames):
        self.answers = []
        for f in frames:
            if f["frame"] in NUMBERED:
                self.numbered(f)
            else:
                getattr(self, "on_" + f["frame"].lower())(f)
        if self.takes:
            self.tickets_waiting = 0
        return frames

    def numbered(self, f):
        """VTP-23"""
        number = int(f["number"], 16)
        require(number != 0, "VTP-23", "number 0")
        if number < self.next or number in self.held:
            return
        require(number - self.next <= AHEAD_MOST, "VTP-23", "too far ahead")
        if number > self.next:
            self.held[number] = f
            require(sum(map(weight, self.held.values())) <= WEIGHT_MOST, "VTP-26", "weight not received")
            return
        self.handle(f)
        while self.next in self.held:
            self.handle(self.held.pop(self.next))

    def handle(self, f):
        if f["frame"] in ("MSG", "TICKETS"):
            getattr(self, "on_" + f["frame"].lower())(f)
        else:
            getattr(self.streams, "on_" + f["frame"].lower())(f)
        self.next += 1

    def ack(self):
        """The most that it can say (VTP-26), the ranges next to the gap first."""
        waits = [n for n in (self.waiting_first, self.piece_first) if n is not None]
        taken, received = min(waits, default=self.next) - 1, self.next - 1
        ranges, at = [], received
        for n in sorted(self.held):
            if ranges and n == at + 1:
                ranges[-1][1] += 1
            else:
                ranges.append([n - at - 1, 1])
            at = n
        return {"taken": u64(taken).hex(), "received": u64(received).hex(), "ranges": ranges[:RANGES_MOST]}

    def on_pad(self, f):
        pass

    def on_msg(self, f):
        data = bytes.fromhex(f["bytes"])
        require(not self.ended, "VTP-25", "behind the end")
        if not data:
            require(not f["more"] and self.piece is None, "VTP-25", "empty piece")
            self.ended = True
            if not self.takes:
                self.wait(0)
            return
        if self.piece is None:
            self.piece, self.piece_first = b"", self.next
        self.piece += data
        require(len(self.piece) <= MESSAGE_LONGEST, "VTP-25", "message too long")
        require(self.waiting + len(self.piece) + FRAME_WEIGHT <= WEIGHT_MOST, "VTP-26", "weight not taken")
        if not f["more"]:
            self.messages.append(self.piece)
            if not self.takes:
                self.wait(len(self.piece) + FRAME_WEIGHT)
            self.piece = self.piece_first = None

    def on_tickets(self, f):
        require(self.tickets_waiting < TICKETS_MOST, "VTP-54", "seventeenth TICKETS")
        self.tickets_waiting += 1
        self.tickets.append({name: f[name] for name in ("purpose", "count", "ticket") if name in f})

    def wait(self, more):
        self.waiting += more
        if self.waiting_first is None:
            self.waiting_first = self.piece_first or self.next

    def on_ack(self, f):
        taken, received = int(f["taken"], 16), int(f["received"], 16)
        require(taken >= self.heard_taken, "VTP-26", "taken goes back")
        require(received >= self.heard_received, "VTP-26", "received goes back")
        require(taken <= received, "VTP-26", "taken and not received")
        last = received + sum(skip + run for skip, run in f["ranges"])
        require(last <= self.sent, "VTP-26", "received and not sent")
        self.heard_taken, self.heard_received = taken, received

    def on_ping(self, f):
        require(len(self.answers) < ANSWERS_MOST, "VTP-27", "seventeenth PING")
        self.answers.append(f["token"])

    def on_pong(self, f):
        require(f["token"] in self.pings, "VTP-27", "token")
        self.pings.discard(f["token"])

    def on_rekey(self, f):
        self.traffic.rekey()

    def on_close(self, f):
        gone = f["reason"] == GONE
        wanted = self.own_mine if gone else self.peer_mine
        require(f["id"] == u64(wanted).hex(), "VTP-29", "id")
        self.closed = "gone" if gone else "done"
        self.answers = []  # there is nothing left to send them on

    def on_datagram(self, f):
        self.streams.on_datagram(f)
