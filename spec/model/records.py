"""Chapter 3, section 3.4: records and frames. A frame is a dict, as in the vectors."""

import crypto as c
from wire import Reader, Refused, lp, require, u8, u16, u64

SEALED_SHORTEST, SEALED_LONGEST = 17, 32768
PLAIN_LONGEST = SEALED_LONGEST - 16
MESSAGE_LONGEST = 1048576
WEIGHT_MOST = 1048576 + 65536
FRAME_WEIGHT = 64
LAST_COUNTER = 2**20 - 1
ANSWERS_MOST = 16
PAD, MSG, ACK, PING, PONG, REKEY, CLOSE = range(7)


def encode_frame(f):
    kind = f["frame"]
    if kind == "PAD":
        return u8(PAD) + bytes(f["zeros"])
    if kind == "MSG":
        data = bytes.fromhex(f["bytes"])
        return u8(MSG) + u8(1 if f["more"] else 0) + bytes.fromhex(f["number"]) + lp(data)
    if kind == "ACK":
        return u8(ACK) + bytes.fromhex(f["taken"])
    if kind == "PING":
        return u8(PING) + bytes.fromhex(f["token"])
    if kind == "PONG":
        return u8(PONG) + bytes.fromhex(f["token"])
    if kind == "REKEY":
        return u8(REKEY)
    if kind == "CLOSE":
        return u8(CLOSE) + u8(f["reason"]) + bytes.fromhex(f["id"])
    raise ValueError(kind)


def encode_frames(frames):
    return b"".join(encode_frame(f) for f in frames)


def decode_frames(plain):
    """VTP-22; what may stand behind what (VTP-24, VTP-29) included."""
    require(plain, "VTP-22", "empty record")
    r, frames = Reader(plain, "VTP-22"), []
    while r.left() > 0:
        kind = r.u8("type")
        before = frames[-1]["frame"] if frames else None
        require(before != "REKEY", "VTP-24", "behind REKEY")
        require(before != "CLOSE" or kind == PAD, "VTP-29", "behind CLOSE")
        if kind == PAD:
            zeros = r.take(r.left(), "PAD")
            require(not any(zeros), "VTP-22", "PAD")
            frames.append({"frame": "PAD", "zeros": len(zeros)})
        elif kind == MSG:
            flags = r.u8("flags")
            require(flags <= 1, "VTP-22", "flags")
            number, data = r.take(8, "number"), r.lp("bytes")
            frames.append({"frame": "MSG", "more": flags == 1, "number": number.hex(), "bytes": data.hex()})
        elif kind == ACK:
            frames.append({"frame": "ACK", "taken": r.take(8, "taken").hex()})
        elif kind == PING:
            frames.append({"frame": "PING", "token": r.take(8, "token").hex()})
        elif kind == PONG:
            frames.append({"frame": "PONG", "token": r.take(8, "token").hex()})
        elif kind == REKEY:
            frames.append({"frame": "REKEY"})
        elif kind == CLOSE:
            reason = r.u8("reason")
            require(reason == 1, "VTP-22", "reason")
            frames.append({"frame": "CLOSE", "reason": reason, "id": r.take(8, "id").hex()})
        else:
            raise Refused("VTP-22", "type")
    return frames


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


class Receiver:
    """One direction, with what it must know of the other: the frames sent, the pings outstanding."""

    def __init__(self, secret, peer_mine, sent=0, pings=()):
        self.traffic = Traffic(secret)
        self.peer_mine, self.sent, self.pings = peer_mine, sent, set(pings)
        self.next, self.acked, self.weight = 1, 0, 0
        self.piece, self.pieces = None, 0
        self.ended = self.closed = False
        self.messages, self.answers = [], []

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
        frames = decode_frames(plain)
        self.answers = []
        for f in frames:
            getattr(self, "on_" + f["frame"].lower())(f)
        return frames

    def on_pad(self, f):
        pass

    def on_msg(self, f):
        number, data = int(f["number"], 16), bytes.fromhex(f["bytes"])
        require(not self.ended, "VTP-25", "behind the end")
        require(number == self.next, "VTP-23", "number")
        self.next += 1
        self.weight += len(data) + FRAME_WEIGHT
        require(self.weight <= WEIGHT_MOST, "VTP-26", "weight")
        if not data:
            require(not f["more"] and self.piece is None, "VTP-25", "empty piece")
            self.ended, self.weight = True, 0
            return
        self.piece = (self.piece or b"") + data
        self.pieces += 1
        require(len(self.piece) <= MESSAGE_LONGEST, "VTP-25", "message too long")
        if not f["more"]:
            self.messages.append(self.piece)
            self.piece, self.pieces = None, 0
            self.weight = 0  # taken and acknowledged at once, the soonest there is

    def on_ack(self, f):
        taken = int(f["taken"], 16)
        require(taken >= self.acked, "VTP-26", "taken goes back")
        require(taken <= self.sent, "VTP-26", "taken was not sent")
        self.acked = taken

    def on_ping(self, f):
        require(len(self.answers) < ANSWERS_MOST, "VTP-27", "seventeenth PING")
        self.answers.append(f["token"])

    def on_pong(self, f):
        require(f["token"] in self.pings, "VTP-27", "token")
        self.pings.discard(f["token"])

    def on_rekey(self, f):
        self.traffic.rekey()

    def on_close(self, f):
        require(f["id"] == u64(self.peer_mine).hex(), "VTP-29", "id")
        self.closed = True
        self.answers = []  # there is nothing left to send them on
