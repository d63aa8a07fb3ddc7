"""names.json"""

import crypto as c
import names as n
from rng import rand
from wire import Refused, u64

SPEC = ["NAM-1", "NAM-2", "NAM-3", "NAM-4", "NAM-5", "NAM-6"]


def refused(clause, part, function, *args):
    try:
        function(*args)
    except Refused as e:
        assert (e.clause, e.part) == (clause, part), (e.clause, e.part, clause, part)
        return
    raise AssertionError("accepted: " + part)


def vat_case(name, key):
    messages = [b"", b"r", rand(name + " message", 100)]
    case = {
        "kind": "vat",
        "name": name,
        "clauses": ["NAM-1", "NAM-2", "NAM-4", "NAM-5"],
        "expanded": key.expanded.hex(),
        "public": key.public.hex(),
        "text": n.to_text("vat", key.public),
        "mapped": key.mapped.hex(),
        "signatures": [{"message": m.hex(), "signature": key.sign(m).hex()} for m in messages],
    }
    if key.seed is not None:
        case["seed"] = key.seed.hex()
        other = n.SigningKey(key.expanded)
        assert other.public == key.public and all(other.sign(m) == key.sign(m) for m in messages)
    assert n.from_text("vat", case["text"]) == key.public
    assert n.from_text("vat", case["text"].upper()) == key.public
    return case


def clamped(data):
    b = bytearray(data)
    b[0] &= 248
    b[31] = b[31] & 127 | 64
    return bytes(b)


def flip_case(text):
    return "".join(ch.upper() if i % 2 else ch for i, ch in enumerate(text))


def make():
    cases = []
    keys = [n.SigningKey.from_seed(rand(f"names vat {i}")) for i in range(4)]
    rfc = n.SigningKey.from_seed(bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
    assert rfc.public.hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    cases.append(vat_case("seed of RFC 8032 test 1", rfc))
    cases += [vat_case(f"seed {i}", k) for i, k in enumerate(keys)]
    for i in range(2):
        expanded = clamped(rand(f"names expanded {i}", 64))
        cases.append(vat_case(f"expanded form with no known seed {i}", n.SigningKey(expanded)))

    for i, k in enumerate(keys[:2]):
        text = n.to_text("relay", k.public)
        assert n.from_text("relay", text) == k.public
        cases.append(
            {
                "kind": "relay",
                "name": f"RelayId {i}",
                "clauses": ["NAM-3"],
                "public": k.public.hex(),
                "text": text,
            }
        )

    key = keys[0].public
    for kind in ("vat", "relay"):
        clause = n.KINDS[kind][2]
        text = n.to_text(kind, key)
        cases.append(
            {
                "kind": "text",
                "name": f"{kind}: upper and mixed case",
                "clauses": [clause],
                "of": kind,
                "texts": [text, text.upper(), flip_case(text)],
                "public": key.hex(),
            }
        )
        for t in cases[-1]["texts"]:
            assert n.from_text(kind, t) == key
        cases += bad_texts(kind, clause, key, text)

    cases += bad_keys(keys[0])
    cases += bad_expanded(keys[0])
    cases += key_files(keys[0])
    cases += incarnation_files()
    return {
        "comment": "VatIds, RelayIds, signing keys and key files: what is read and written, and what is refused.",
        "spec": SPEC,
        "cases": cases,
    }


def bad_texts(kind, clause, key, text):
    version = n.KINDS[kind][1]
    other = "relay" if kind == "vat" else "vat"
    sum_ = n.checksum(kind, key)
    torsion = c.encode(c.torsion_points()[1])
    out = []

    def bad(name, t, reason, also=()):
        out.append(
            {
                "kind": "bad text",
                "name": f"{kind}: {name}",
                "clauses": [clause, "NAM-1"] if reason == "key" else [clause],
                "of": kind,
                "text": t,
                "reason": reason,
                **({"or": list(also)} if also else {}),
            }
        )
        try:
            n.from_text(kind, t)
        except Refused as e:
            part = "key" if e.clause == "NAM-1" else e.part
            assert part == reason, (name, part)
            return
        raise AssertionError(name)

    bad("empty", "", "length")
    bad("55 characters", text[:-1], "length")
    bad("57 characters", text + "a", "length")
    bad("padding behind it", text + "=", "length", ["alphabet"])
    bad("a white space behind it", text + " ", "length", ["alphabet"])
    for ch in "0189=- ":
        bad(f"alphabet: '{ch}' in the tenth place", text[:9] + ch + text[10:], "alphabet")
    bad("first checksum byte", n.raw_text(key + bytes([sum_[0] ^ 1, sum_[1], version])), "checksum")
    bad("second checksum byte", n.raw_text(key + bytes([sum_[0], sum_[1] ^ 128, version])), "checksum")
    changed = bytes([key[0] ^ 2]) + key[1:]
    bad("a bit of the key", n.raw_text(changed + sum_ + bytes([version])), "checksum", ["key"])
    for v in (0, 2, 4, version ^ 128):
        bad(f"version {v}", n.raw_text(key + sum_ + bytes([v])), "version", ["checksum"])
    bad("the text of the other kind", n.to_text(other, key), "version", ["checksum"])
    bad("the checksum of the other kind", n.raw_text(key + n.checksum(other, key) + bytes([version])), "checksum")
    bad("a key of small order", n.to_text(kind, torsion), "key")
    return out


def off_curve():
    i = 2
    while c.decode_loose(i.to_bytes(32, "little")) is not None:
        i += 1
    return i.to_bytes(32, "little")


def bad_keys(key):
    out = []

    def bad(name, data, reason):
        refused("NAM-1", reason, n.check_key, data)
        out.append({"kind": "bad key", "name": name, "clauses": ["NAM-1"], "public": data.hex(), "reason": reason})

    bad("31 bytes", key.public[:31], "length")
    bad("33 bytes", key.public + b"\0", "length")
    bad("y that is not on the curve", off_curve(), "not on the curve")
    i = 0
    while c.decode_loose(rand(f"names off curve {i}")) is not None:
        i += 1
    bad("random bytes that are not on the curve", rand(f"names off curve {i}"), "not on the curve")
    for y in range(c.P, 2**255):
        for sign in (0, 1):
            data = (y | sign << 255).to_bytes(32, "little")
            if c.decode_loose(data) is None:
                continue
            bad(f"y = p + {y - c.P}, sign {sign}", data, "not canonical")
    bad("y = 1 with the sign of x = 0 set", (1 | 1 << 255).to_bytes(32, "little"), "not canonical")
    bad("y = -1 with the sign of x = 0 set", (c.P - 1 | 1 << 255).to_bytes(32, "little"), "not canonical")
    torsion = c.torsion_points()
    orders = [1, 8, 4, 8, 2, 8, 4, 8]
    for i, t in enumerate(torsion):
        bad(f"small order: {i} T, of order {orders[i]}", c.encode(t), "small order")
    point = c.decode_loose(key.public)
    for i in range(1, 8):
        bad(f"a good key + {i} T, of order {orders[i]}", c.encode(c.add(point, torsion[i])), "torsion")
    return out


def bad_expanded(key):
    out = []
    for name, at, change in (
        ("bit 0 of the first byte", 0, 1),
        ("bit 1 of the first byte", 0, 2),
        ("bit 2 of the first byte", 0, 4),
        ("highest bit of the last byte set", 31, 128),
        ("second highest bit of the last byte clear", 31, 64),
    ):
        b = bytearray(key.expanded)
        b[at] ^= change
        refused("NAM-4", "not clamped", n.SigningKey, bytes(b))
        out.append(
            {
                "kind": "bad expanded",
                "name": "not clamped: " + name,
                "clauses": ["NAM-4"],
                "expanded": bytes(b).hex(),
                "reason": "not clamped",
            }
        )
    reduced = (int.from_bytes(key.scalar, "little") % c.L).to_bytes(32, "little") + key.expanded[32:]
    refused("NAM-4", "not clamped", n.SigningKey, reduced)
    out.append(
        {
            "kind": "bad expanded",
            "name": "not clamped: the scalar reduced modulo the group order",
            "clauses": ["NAM-4"],
            "expanded": reduced.hex(),
            "reason": "not clamped",
        }
    )
    return out


def key_files(key):
    out = []
    expanded = n.SigningKey(key.expanded)
    for name, k in (("seed", key), ("expanded", expanded)):
        text = n.key_file(k)
        assert n.read_key_file(text).public == key.public
        out.append(
            {
                "kind": "key file",
                "name": "key file: " + name,
                "clauses": ["NAM-6", "NAM-4"],
                "file": text.encode("ascii").hex(),
                "form": name,
                "public": key.public.hex(),
            }
        )
    good, head = n.key_file(key), "pluribus-mix signing key 1\n"
    seed, exp = key.seed.hex(), key.expanded.hex()
    unclamped = bytes([key.expanded[0] | 1]) + key.expanded[1:]
    for name, text in (
        ("empty", ""),
        ("first line alone", head),
        ("no line feed at the end", good[:-1]),
        ("two line feeds at the end", good + "\n"),
        ("carriage returns", good.replace("\n", "\r\n")),
        ("a third line", good + "seed " + seed + "\n"),
        ("an empty line between", head + "\nseed " + seed + "\n"),
        ("a line feed before", "\n" + good),
        ("another version", good.replace("key 1", "key 2")),
        ("another title", good.replace("signing", "secret")),
        ("upper case digits", head + "seed " + seed.upper() + "\n"),
        ("63 digits", head + "seed " + seed[:-1] + "\n"),
        ("65 digits", head + "seed " + seed + "0\n"),
        ("66 digits", head + "seed " + seed + "00\n"),
        ("128 digits under seed", head + "seed " + exp + "\n"),
        ("64 digits under expanded", head + "expanded " + seed + "\n"),
        ("a character that is no digit", head + "seed " + seed[:-1] + "g\n"),
        ("two spaces", head + "seed  " + seed + "\n"),
        ("a tab", head + "seed\t" + seed + "\n"),
        ("a space behind the digits", head + "seed " + seed + " \n"),
        ("another word", head + "Seed " + seed + "\n"),
        ("no word", head + seed + "\n"),
        ("a byte order mark", "\ufeff" + good),
        ("expanded form that is not clamped", head + "expanded " + unclamped.hex() + "\n"),
    ):
        clause = "NAM-4" if "clamped" in name else "NAM-6"
        refused(clause, "not clamped" if clause == "NAM-4" else "content", n.read_key_file, text)
        out.append(
            {
                "kind": "bad key file",
                "name": "bad key file: " + name,
                "clauses": [clause],
                "file": text.encode("utf-8").hex(),
            }
        )
    return out


def incarnation_files():
    out = []
    for number in (1, 10, 2**62 - 1, 2**63):
        text = n.incarnation_file(number)
        assert n.read_incarnation_file(text) == number
        out.append(
            {
                "kind": "incarnation file",
                "name": f"incarnation file: {number}",
                "clauses": ["NAM-6"],
                "file": text.encode("ascii").hex(),
                "incarnation": u64(number).hex(),
            }
        )
    good, head = n.incarnation_file(17), "pluribus-mix incarnation 1\n"
    for name, text in (
        ("empty", ""),
        ("first line alone", head),
        ("no number", head + "\n"),
        ("no line feed at the end", good[:-1]),
        ("two line feeds at the end", good + "\n"),
        ("carriage returns", good.replace("\n", "\r\n")),
        ("a third line", good + "18\n"),
        ("another version", good.replace("incarnation 1", "incarnation 2")),
        ("another title", good.replace("incarnation", "signing key")),
        ("a leading zero", head + "017\n"),
        ("two zeros", head + "00\n"),
        ("a plus sign", head + "+17\n"),
        ("a minus sign", head + "-17\n"),
        ("a space before the number", head + " 17\n"),
        ("a space behind the number", head + "17 \n"),
        ("hexadecimal digits", head + "1f\n"),
        ("a point", head + "17.0\n"),
        ("digits of another script", head + "\u0661\u0667\n"),
        ("2^64", head + f"{2**64}\n"),
        ("ten to the hundredth", head + f"{10**100}\n"),
        ("a byte order mark", "\ufeff" + good),
    ):
        refused("NAM-6", "content", n.read_incarnation_file, text)
        out.append(
            {
                "kind": "bad incarnation file",
                "name": "bad incarnation file: " + name,
                "clauses": ["NAM-6"],
                "file": text.encode("utf-8").hex(),
            }
        )
    return out
