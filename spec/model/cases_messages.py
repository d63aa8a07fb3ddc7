"""messages.json: messages to a hop and to the client."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import messages as m
from rng import rand
from wire import OFF, Refused, u8, u64

SPEC = ["ONI-11", "ONI-12", "PAC-11", "PAC-12", "RDV-19", "RDV-20", "RDV-22", "RDV-40"]
SETS = {"to relay": (m.TO_RELAY, "ONI-11"), "to client": (m.TO_CLIENT, "ONI-12")}
PACED = ("dummy", "loop", "dummy back", "loop back")
RECORDS = dict.fromkeys(("keep", "find", "kept", "found", "not here"), "RDV-40")
MEETING = RECORDS | {"park": "RDV-19", "parked": "RDV-19", "join": "RDV-20", "not joined": "RDV-20", "joined": "RDV-22"}


def clause_of(message, clause):
    return "PAC-12" if message in PACED else MEETING.get(message, clause)


def flip(data, at):
    data = bytearray(data)
    data[at] ^= 1
    return bytes(data)


def good(to, name, message, body):
    known, clause = SETS[to]
    payload = m.encode(message, body)
    assert m.read(payload, known, clause) == (message, body)
    clause = clause_of(message, clause)
    case = {"kind": to, "name": f"{to}: {name}", "clauses": [clause], "payload": payload.hex(), "message": message}
    if message == "truncated":
        return case | {"reason": body[0]}
    if message == "blame":
        return case | {"counter": body.hex()}
    if message == "extended 2":
        if any(body[-8:]):
            case["clauses"] = ["PAC-11"]
        return case | {"body": body[:-8].hex(), "index": body[-8:].hex()}
    if message == "loop":
        return case | {"token": body.hex()}
    if message == "park":
        return case | {"secret": body.hex()}
    if message == "join":
        return case | {"cookie": body[:16].hex(), "class": body[16]}
    if message == "joined":
        return case | {"from": body[:8].hex(), "forth": body[8:16].hex(), "back": body[16:].hex()}
    if message == "loop back":
        return case | {"token": body[:8].hex(), "missed": body[8:].hex()}
    return case | {"body": body.hex()}


def bad(to, name, payload, alone=True, of=None):
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
    clauses = [clause_of(of, clause)]
    return {"kind": to + " refused", "name": f"{to}: {name}", "clauses": clauses, "payload": payload.hex()}


def bodies(label):
    yield "random", lambda n: rand(f"messages {label}", n)
    yield "zeros", bytes


def whole():
    for to, (known, _) in SETS.items():
        for message, (_, length) in known.items():
            if message in ("truncated", "blame", "extended 2", "loop", "loop back", "join", "joined"):
                continue
            for name, body in bodies(message):
                if length or name == "zeros":
                    yield good(to, message + (f", {name}" if length else ""), message, body(length))
    for reason in m.REASONS:
        yield good("to client", f"truncated, reason {reason}", "truncated", u8(reason))
    for counter in (0, 1, 2**62, 2**64 - 1):
        yield good("to client", f"blame of {counter}", "blame", u64(counter))
    reply = rand("messages extended 2", m.EXTENDED_2_BODY - 8)
    for index in (0, 1, 2, 2**32 + 5, 2**62 - 1):
        yield good("to client", f"extended 2, index {index}", "extended 2", reply + u64(index))
    yield good("to client", "extended 2, zeros", "extended 2", bytes(m.EXTENDED_2_BODY))
    for token in (0, 1, 2**64 - 1):
        yield good("to relay", f"loop with token {token}", "loop", u64(token))
        for missed in (0, 1, 2**64 - 1):
            body = u64(token) + u64(missed)
            yield good("to client", f"loop with token {token}, {missed} missed", "loop back", body)
    for class_ in (0, 1, 3, 255):
        body = rand(f"messages join {class_}", 16) + u8(class_)
        yield good("to relay", f"join, class {class_}", "join", body)
    for from_, forth, back in ((0, 0, 0), (7, 0, 0), (0, 5, -9), (0, -(2**63), 2**63 - 1), (2**64 - 1, -1, 1)):
        body = u64(from_) + u64(forth % 2**64) + u64(back % 2**64)
        yield good("to client", f"joined from {from_}, {forth} forth, {back} back", "joined", body)


def cookies():
    for name in ("one", "two"):
        for park in ("here", "there"):
            key = Ed25519PrivateKey.from_private_bytes(rand(f"messages relay {name}"))
            relay, secret = key.public_key().public_bytes_raw(), rand(f"messages park {park}")
            yield {
                "kind": "cookie",
                "name": f"relay {name}, park {park}",
                "clauses": ["RDV-19"],
                "relay": relay.hex(),
                "secret": secret.hex(),
                "cookie": m.cookie(relay, secret).hex(),
            }


def refused():
    for to, (known, _) in SETS.items():
        types = {type_ for type_, _ in known.values()}
        for type_ in (*range(0x0C), 0x7F, *range(0x80, 0x8F), 0xFF):
            if type_ not in types:
                yield bad(to, f"type 0x{type_:02x}", u8(type_) + bytes(m.PAYLOAD - 1), alone=False)
        for message, (_, length) in known.items():
            payload = m.encode(message, u8(1) * length)
            if length == m.FIRST:
                continue
            yield bad(to, f"{message}, the first byte behind it", flip(payload, 1 + length), of=message)
            yield bad(to, f"{message}, the last byte", flip(payload, -1), of=message)
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
    return {"comment": "Messages to a hop and to the client.", "spec": SPEC, "cases": [*whole(), *refused(), *cookies()]}
