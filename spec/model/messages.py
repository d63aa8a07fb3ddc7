"""Section 4.4, PAC-11 and PAC-12, and chapter 6: messages between a client and a hop of its circuit."""

from crypto import H, label
from hop import REPLY, REQUEST
from wire import Reader, Refused, require, u8

PAYLOAD, FIRST = 896, 895
EXTEND_1, EXTEND_2, TRUNCATE, DUMMY, LOOP = 0x01, 0x02, 0x03, 0x04, 0x05
EXTENDED_1, EXTENDED_2, TRUNCATED, BLAME, DUMMY_BACK, LOOP_BACK = 0x81, 0x82, 0x83, 0x84, 0x85, 0x86
PARK, JOIN, PARKED, JOINED, NOT_JOINED = 0x06, 0x07, 0x87, 0x88, 0x89
KEEP, FIND, KEPT, FOUND, NOT_HERE = 0x08, 0x09, 0x8A, 0x8B, 0x8C
RECORD = 264
REASONS = range(1, 8)

# Behind the reply stands an index (PAC-11); without pacing it is 0.
EXTENDED_2_BODY = REPLY - FIRST + 8
TO_RELAY = {
    "extend 1": (EXTEND_1, FIRST),
    "extend 2": (EXTEND_2, REQUEST - FIRST),
    "truncate": (TRUNCATE, 0),
    "dummy": (DUMMY, 0),
    "loop": (LOOP, 8),
    "park": (PARK, 32),
    "join": (JOIN, 17),
    "keep": (KEEP, RECORD),
    "find": (FIND, 32),
}
TO_CLIENT = {
    "extended 1": (EXTENDED_1, FIRST),
    "extended 2": (EXTENDED_2, EXTENDED_2_BODY),
    "truncated": (TRUNCATED, 1),
    "blame": (BLAME, 8),
    "dummy back": (DUMMY_BACK, 0),
    "loop back": (LOOP_BACK, 16),
    "parked": (PARKED, 0),
    "joined": (JOINED, 24),
    "not joined": (NOT_JOINED, 0),
    "kept": (KEPT, 0),
    "found": (FOUND, RECORD),
    "not here": (NOT_HERE, 0),
}


def cookie(relay, secret):
    """RDV-19."""
    assert len(relay) == len(secret) == 32
    return H(label("park") + relay + secret)[:16]


def encode(message, body):
    type_, length = (TO_RELAY | TO_CLIENT)[message]
    assert len(body) == length
    return u8(type_) + body + bytes(PAYLOAD - 1 - length)


def read(payload, known, clause):
    """The message and its body; known: TO_RELAY or TO_CLIENT."""
    assert len(payload) == PAYLOAD
    r = Reader(payload, clause)
    type_ = r.u8("type")
    for message, (of, length) in known.items():
        if of == type_:
            body = r.take(length, "body")
            require(not any(r.take(r.left(), "rest")), clause, "rest")
            require(message != "truncated" or body[0] in REASONS, clause, "reason")
            return message, body
    raise Refused(clause, "type")
