"""messages.json: messages to a hop and to the client."""

import messages as m
from rng import rand
from wire import OFF, Refused, u8, u64

SPEC = ["ONI-11", "ONI-12"]
SETS = {"to relay": (m.TO_RELAY, "ONI-11"), "to client": (m.TO_CLIENT, "ONI-12")}


def flip(data, at):
    data = bytearray(data)
    data[at] ^= 1
    return bytes(data)


def good(to, name, message, body):
    known, clause = SETS[to]
    payload = m.encode(message, body)
    assert m.read(payload, known, clause) == (message, body)
    case = {"kind": to, "name": f"{to}: {name}", "clauses": [clause], "payload": payload.hex(), "message": message}
    if message == "truncated":
        return case | {"reason": body[0]}
    if message == "blame":
        return case | {"counter": body.hex()}
    return case | {"body": body.hex()}


def bad(to, name, payload, alone=True):
    known, clause = SETS[to]
    try:
        m.read(payload, known, clause)
    except Refused as e:
        assert e.clause == clause
        part = e.part
    else:
        raise AssertionError(name)
    if alone:
        OFF.add(part)
        m.read(payload, known, clause)
        OFF.clear()
    return {"kind": to + " refused", "name": f"{to}: {name}", "clauses": [clause], "payload": payload.hex()}


def bodies(label):
    yield "random", lambda n: rand(f"messages {label}", n)
    yield "zeros", bytes


def whole():
    for to, (known, _) in SETS.items():
        for message, (_, length) in known.items():
            if message in ("truncated", "blame"):
                continue
            for name, body in bodies(message):
                if length or name == "zeros":
                    yield good(to, message + (f", {name}" if length else ""), message, body(length))
    for reason in m.REASONS:
        yield good("to client", f"truncated, reason {reason}", "truncated", u8(reason))
    for counter in (0, 1, 2**62, 2**64 - 1):
        yield good("to client", f"blame of {counter}", "blame", u64(counter))


def refused():
    for to, (known, _) in SETS.items():
        types = {type_ for type_, _ in known.values()}
        for type_ in (0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x7F, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0xFF):
            if type_ not in types:
                yield bad(to, f"type 0x{type_:02x}", u8(type_) + bytes(m.PAYLOAD - 1), alone=False)
        for message, (_, length) in known.items():
            payload = m.encode(message, u8(1) * length)
            if length == m.FIRST:
                continue
            yield bad(to, f"{message}, the first byte behind it", flip(payload, 1 + length))
            yield bad(to, f"{message}, the last byte", flip(payload, -1))
    for message in m.TO_RELAY:
        payload = m.encode(message, u8(1) * m.TO_RELAY[message][1])
        yield bad("to client", f"the relay's {message}", payload, alone=False)
    for message in m.TO_CLIENT:
        payload = m.encode(message, u8(1) * m.TO_CLIENT[message][1])
        yield bad("to relay", f"the client's {message}", payload, alone=False)
    for reason in (0, 8, 255):
        payload = m.encode("truncated", u8(reason))
        yield bad("to client", f"truncated, reason {reason}", payload)


def make():
    return {"comment": "Messages to a hop and to the client.", "spec": SPEC, "cases": [*whole(), *refused()]}
