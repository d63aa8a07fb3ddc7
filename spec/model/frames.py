"""Chapter 3, VTP-22: frames. A frame is a dict, as in the vectors."""

from wire import Reader, Refused, lp, require, u8, u16, u32

PAD, MSG, ACK, PING, PONG, REKEY, CLOSE, OPEN, STREAM, CREDIT, RESET = range(11)
TICKETS, DATAGRAM = 0x0B, 0x0C
HEAD_LONGEST, DATAGRAM_LONGEST, RANGES_MOST = 512, 800, 32
TICKET_LONGEST, COUNT_MOST = 400, 8
NUMBERED = ("MSG", "OPEN", "STREAM", "CREDIT", "RESET", "TICKETS")
DONE, GONE = 1, 2


def encode_ack(f):
    ranges = b"".join(u16(skip) + u16(run) for skip, run in f["ranges"])
    return u8(ACK) + bytes.fromhex(f["taken"] + f["received"]) + u8(len(f["ranges"])) + ranges


def of_stream(kind, f):
    return u8(kind) + bytes.fromhex(f["number"]) + u32(f["stream"])


def encode_tickets(f):
    head = u8(TICKETS) + bytes.fromhex(f["number"])
    if "ticket" in f:
        return head + u8(1) + u8(f["purpose"]) + lp(bytes.fromhex(f["ticket"]))
    return head + u8(0) + u8(f["purpose"]) + u8(f["count"])


def encode_frame(f):
    kind = f["frame"]
    if kind == "PAD":
        return u8(PAD) + bytes(f["zeros"])
    if kind == "MSG":
        data = bytes.fromhex(f["bytes"])
        return u8(MSG) + u8(1 if f["more"] else 0) + bytes.fromhex(f["number"]) + lp(data)
    if kind == "ACK":
        return encode_ack(f)
    if kind == "PING":
        return u8(PING) + bytes.fromhex(f["token"])
    if kind == "PONG":
        return u8(PONG) + bytes.fromhex(f["token"])
    if kind == "REKEY":
        return u8(REKEY)
    if kind == "CLOSE":
        return u8(CLOSE) + u8(f["reason"]) + bytes.fromhex(f["id"])
    if kind == "OPEN":
        return of_stream(OPEN, f) + lp(bytes.fromhex(f["head"]))
    if kind == "STREAM":
        flags = u8(1 if f["fin"] else 0)
        return u8(STREAM) + flags + of_stream(STREAM, f)[1:] + lp(bytes.fromhex(f["bytes"]))
    if kind == "CREDIT":
        return of_stream(CREDIT, f) + u32(f["more"])
    if kind == "RESET":
        return of_stream(RESET, f) + u8(f["code"])
    if kind == "TICKETS":
        return encode_tickets(f)
    if kind == "DATAGRAM":
        return u8(DATAGRAM) + lp(bytes.fromhex(f["bytes"]))
    raise ValueError(kind)


def encode_frames(frames):
    return b"".join(encode_frame(f) for f in frames)


def read_flags(r):
    flags = r.u8("flags")
    require(flags <= 1, "VTP-22", "flags")
    return flags == 1


def read_ack(r):
    taken, received, n = r.take(8, "taken"), r.take(8, "received"), r.u8("ranges")
    require(n <= RANGES_MOST, "VTP-22", "too many ranges")
    ranges = [[r.u16("skip"), r.u16("run")] for _ in range(n)]
    require(all(skip for skip, _ in ranges), "VTP-26", "skip 0")
    require(all(run for _, run in ranges), "VTP-26", "run 0")
    return {"frame": "ACK", "taken": taken.hex(), "received": received.hex(), "ranges": ranges}


def read_close(r):
    reason = r.u8("reason")
    require(reason in (DONE, GONE), "VTP-22", "reason")
    return {"frame": "CLOSE", "reason": reason, "id": r.take(8, "id").hex()}


def read_of_stream(r, name):
    return {"frame": name, "number": r.take(8, "number").hex(), "stream": r.u32("stream")}


def read_open(r):
    f = read_of_stream(r, "OPEN")
    head = r.lp("head")
    require(len(head) <= HEAD_LONGEST, "VTP-49", "head")
    return {**f, "head": head.hex()}


def read_stream(r):
    fin = read_flags(r)
    f = read_of_stream(r, "STREAM")
    data = r.lp("bytes")
    require(fin or data, "VTP-50", "empty piece of a stream")
    return {**f, "fin": fin, "bytes": data.hex()}


def read_tickets(r):
    number, kind, purpose = r.take(8, "number").hex(), r.u8("kind"), r.u8("purpose")
    require(kind in (0, 1), "VTP-53", "kind of TICKETS")
    require(purpose in (1, 2), "VTP-53", "purpose")
    f = {"frame": "TICKETS", "number": number, "purpose": purpose}
    if kind == 0:
        count = r.u8("count")
        require(1 <= count <= COUNT_MOST, "VTP-53", "count")
        return {**f, "count": count}
    ticket = r.lp("ticket")
    require(1 <= len(ticket) <= TICKET_LONGEST, "VTP-53", "ticket")
    return {**f, "ticket": ticket.hex()}


def read_datagram(r):
    data = r.lp("bytes")
    require(len(data) > 0, "VTP-52", "empty datagram")
    require(len(data) <= DATAGRAM_LONGEST, "VTP-52", "datagram too long")
    return {"frame": "DATAGRAM", "bytes": data.hex()}


def read_frame(r, kind):
    if kind == MSG:
        more = read_flags(r)
        number, data = r.take(8, "number"), r.lp("bytes")
        return {"frame": "MSG", "more": more, "number": number.hex(), "bytes": data.hex()}
    if kind == ACK:
        return read_ack(r)
    if kind in (PING, PONG):
        return {"frame": "PING" if kind == PING else "PONG", "token": r.take(8, "token").hex()}
    if kind == REKEY:
        return {"frame": "REKEY"}
    if kind == CLOSE:
        return read_close(r)
    if kind == OPEN:
        return read_open(r)
    if kind == STREAM:
        return read_stream(r)
    if kind == CREDIT:
        return {**read_of_stream(r, "CREDIT"), "more": r.u32("more")}
    if kind == RESET:
        return {**read_of_stream(r, "RESET"), "code": r.u8("code")}
    if kind == TICKETS:
        return read_tickets(r)
    if kind == DATAGRAM:
        return read_datagram(r)
    raise Refused("VTP-22", "type")


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
        else:
            frames.append(read_frame(r, kind))
    return frames
