"""crypto.json"""

import hashlib

import crypto as c
import names as n
from cases_handshake_refused import ORDER_8, add_order, flip, low_order_points
from rng import rand
from wire import Refused, u8, u16, u64

SPEC = ["WIR-3", "WIR-4", "WIR-5", "WIR-6", "WIR-7"]


def case(kind, name, clause, **fields):
    return {
        "kind": kind,
        "name": f"{kind}: {name}",
        "clauses": [clause],
        **{k: x.hex() if isinstance(x, bytes) else x for k, x in fields.items()},
    }


def sha(data):
    return hashlib.sha256(data).hexdigest()


def make():
    return {
        "comment": "The labels and the primitives. The long keys and ciphertexts stand in full and as SHA-256.",
        "spec": SPEC,
        "cases": labels() + hkdf() + aead() + x25519() + kem() + ed25519(),
    }


def labels():
    return [case("label", t, "WIR-3", text=t, label=c.label(t), hash=c.H(c.label(t))) for t in c.LABELS]


def hkdf():
    # RFC 5869, test case 1: the first 32 bytes of its output are ours.
    rfc = c.extract(bytes(range(13)), b"\x0b" * 22)
    assert rfc.hex() == "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"
    out = [
        case("extract", "RFC 5869 test 1", "WIR-3", salt=bytes(range(13)), ikm=b"\x0b" * 22, prk=rfc),
        case(
            "expand",
            "RFC 5869 test 1",
            "WIR-3",
            prk=rfc,
            info=bytes(range(0xF0, 0xFA)),
            okm=c.expand(rfc, bytes(range(0xF0, 0xFA))),
        ),
    ]
    assert out[1]["okm"] == "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
    for salt, ikm in ((0, 32), (32, 0), (32, 68), (100, 7)):
        s, i = rand(f"crypto salt {salt}", salt), rand(f"crypto ikm {ikm}", ikm)
        out.append(case("extract", f"salt of {salt}, ikm of {ikm} bytes", "WIR-3", salt=s, ikm=i, prk=c.extract(s, i)))
    prk = rand("crypto prk")
    for t in c.LABELS:
        data = rand("crypto info " + t) if t.endswith(("hs", "fin")) else b""
        info = c.label(t) + data
        out.append(case("expand", t, "WIR-3", prk=prk, text=t, data=data, info=info, okm=c.expand(prk, info)))
    out.append(
        case("hmac", "long key", "WIR-3", key=bytes(range(100)), data=b"data", mac=c.hmac(bytes(range(100)), b"data"))
    )
    for use in (1, 2, 3):
        data = c.label("VatTP") + u8(use)
        out.append(case("hash", f"h0 of use {use}", "WIR-3", data=data, hash=c.H(data)))
    return out


def aead():
    out, key = [], rand("crypto aead key")
    for counter in (0, 1, 255, 256, 2**20 - 1, 2**32, 2**63, 2**64 - 1):
        plain = rand(f"crypto aead {counter}", 40)
        out.append(
            case(
                "aead",
                f"counter {counter}",
                "WIR-4",
                key=key,
                counter=u64(counter),
                nonce=c.nonce(counter),
                aad="",
                plain=plain,
                sealed=c.seal(key, counter, plain),
            )
        )
    for size, aad in ((0, 0), (0, 20), (1, 0), (16, 16), (392, 0), (360, 0), (82, 0), (1000, 32)):
        plain, extra = rand(f"crypto aead plain {size}", size), rand(f"crypto aead aad {aad}", aad)
        sealed = c.seal(key, 7, plain, extra)
        assert c.open_(key, 7, sealed, extra) == plain
        out.append(
            case(
                "aead",
                f"plaintext of {size}, associated data of {aad} bytes",
                "WIR-4",
                key=key,
                counter=u64(7),
                nonce=c.nonce(7),
                aad=extra,
                plain=plain,
                sealed=sealed,
            )
        )
    sealed, aad = c.seal(key, 7, b"plaintext", b"data"), b"data"
    for name, k, counter, a, s in (
        ("another key", rand("crypto aead other key"), 7, aad, sealed),
        ("another counter", key, 8, aad, sealed),
        ("the counter in the other order", key, 7 << 56, aad, sealed),
        ("other associated data", key, 7, b"datum", sealed),
        ("no associated data", key, 7, b"", sealed),
        ("a bit of the ciphertext", key, 7, aad, flip(sealed, 0)),
        ("a bit of the tag", key, 7, aad, flip(sealed, -1)),
        ("a byte less", key, 7, aad, sealed[:-1]),
        ("a byte more", key, 7, aad, sealed + b"\0"),
        ("fifteen bytes", key, 7, aad, sealed[:15]),
        ("no bytes", key, 7, aad, b""),
    ):
        try:
            c.open_(k, counter, s, a)
        except Refused:
            out.append(case("aead refused", name, "WIR-4", key=k, counter=u64(counter), aad=a, sealed=s))
        else:
            raise AssertionError(name)
    return out


def x25519():
    out = []
    rfc = bytes.fromhex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4")
    u = bytes.fromhex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c")
    shared = c.x25519(rfc, u)
    assert shared.hex() == "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"
    out.append(case("x25519", "RFC 7748", "WIR-5", secret=rfc, public=u, shared=shared))
    a, b = rand("crypto x25519 a"), rand("crypto x25519 b")
    public = c.x25519_public(b)
    assert c.x25519(a, public) == c.x25519(b, c.x25519_public(a))
    nine = (9).to_bytes(32, "little")
    top = lambda x: x[:31] + bytes([x[31] | 128])
    for name, secret, peer in (
        ("the base point", b, nine),
        ("two random keys", a, public),
        ("secret whose lowest bits are set", bytes([a[0] | 7]) + a[1:], public),
        ("secret of zeros", bytes(32), public),
        ("secret of ones", b"\xff" * 32, public),
        ("public key with its highest bit set", a, top(public)),
        ("public key p + 9", a, (c.P + 9).to_bytes(32, "little")),
        ("the greatest public key", a, b"\xff" * 32),
        ("a point of the twist", a, (2).to_bytes(32, "little")),
    ):
        out.append(case("x25519", name, "WIR-5", secret=secret, public=peer, shared=c.x25519(secret, peer)))
    for name, peer in low_order_points():
        assert c.x25519_raw(a, peer) == bytes(32)
        out.append(case("x25519 zero", name, "WIR-5", secret=a, public=peer))
    assert len(ORDER_8) == 2
    return out


def kem():
    out = []
    for i in range(4):
        d, z, m = (rand(f"crypto kem {i} {x}") for x in "dzm")
        if i == 3:
            d, z, m = bytes(32), b"\xff" * 32, bytes(range(32))
        ek, dk = c.kem_keygen(d, z)
        secret, ct = c.kem_encaps(ek, m)
        assert c.kem_decaps(d, z, ct) == secret
        wrong = []
        for name, other in (
            ("first bit", flip(ct, 0)),
            ("last bit", flip(ct, -1, 128)),
            ("zeros", bytes(c.CT_LEN)),
        ):
            rejected = c.kem_decaps(d, z, other)
            assert rejected == hashlib.shake_256(z + other).digest(32) != secret
            wrong.append({"name": name, "ct": other.hex(), "secret": rejected.hex()})
        out.append(
            case(
                "kem",
                f"{i}",
                "WIR-6",
                d=d,
                z=z,
                m=m,
                ek=ek,
                ek_sha256=sha(ek),
                dk_sha256=sha(dk),
                ct=ct,
                ct_sha256=sha(ct),
                secret=secret,
                wrong=wrong[: 3 if i == 0 else 1],
            )
        )
    for at, number in ((0, c.Q), (1, c.Q), (0, 4095), (255, 3330), (256, c.Q), (767, c.Q), (767, 4095)):
        bad = bytearray(ek)
        i = at // 2 * 3
        two = int.from_bytes(bad[i : i + 3], "little")
        two = (two & ~0xFFF | number) if at % 2 == 0 else (two & 0xFFF | number << 12)
        bad[i : i + 3] = two.to_bytes(3, "little")
        try:
            c.kem_encaps(bytes(bad), m)
        except Refused as e:
            assert e.clause == "WIR-6"
            out.append(case("bad ek", f"number {at} is {number}", "WIR-6", ek=bytes(bad)))
        else:
            raise AssertionError(at)
    return out


def scalar(label):
    return int.from_bytes(rand(label, 64), "little") % c.L


def le(number):
    return number.to_bytes(32, "little")


def challenge(big_r, public, message):
    return c.sha512_int(big_r, public, message) % c.L


def grind(good):
    i = 0
    while True:
        message = b"message %d" % i
        if good(message):
            return message
        i += 1


def ed25519():
    out = []

    def verify(name, public, message, signature, accept, vat_id=True):
        assert c.verify_strict(public, message, signature) == accept, name
        if accept:
            assert c.library_verify(public, message, signature), name
        out.append(
            case(
                "ed25519",
                name,
                "WIR-7",
                public=public,
                message=message,
                signature=signature,
                accept=accept,
                vat_id=vat_id,
            )
        )

    key = n.SigningKey.from_seed(rand("crypto ed25519"))
    public, a = key.public, int.from_bytes(key.scalar, "little")
    for size in (0, 1, 32, 63, 64, 65, 1000):
        message = rand(f"crypto ed25519 message {size}", size)
        verify(f"good, message of {size} bytes", public, message, key.sign(message), True)
    message = b"message"
    sig = key.sign(message)
    big_r, s = sig[:32], int.from_bytes(sig[32:], "little")
    torsion = c.torsion_points()
    orders = [1, 8, 4, 8, 2, 8, 4, 8]

    for i in (1, 2, 8):
        changed = big_r + le(s + i * c.L)
        verify(f"S + {i} L", public, message, changed, False)
        assert not c.library_verify(public, message, changed)
    assert add_order(sig) == big_r + le(s + c.L)
    verify("S = L", public, message, big_r + le(c.L), False)
    verify("another message", public, message + b".", sig, False)
    verify("another key", n.SigningKey.from_seed(rand("crypto ed25519 other")).public, message, sig, False)
    verify("a bit of R", public, message, flip(sig, 0), False)
    verify("a bit of S", public, message, flip(sig, 32), False)
    verify("R and S exchanged", public, message, sig[32:] + sig[:32], False)
    verify("zeros", public, message, bytes(64), False)

    # R of small order: with R the neutral point and S = k a the equation holds.
    one = le(1)
    verify(
        "R is the neutral point, S = k a", public, message, one + le(challenge(one, public, message) * a % c.L), False
    )
    for i in range(1, 8):
        r = c.encode(torsion[i])
        verify(
            f"R of order {orders[i]} ({i} T), S = k a",
            public,
            message,
            r + le(challenge(r, public, message) * a % c.L),
            False,
        )
    for name, r in (("p + 1", le(c.P + 1)), ("1 with the sign set", le(1 | 1 << 255))):
        verify(
            f"R is the neutral point, written {name}",
            public,
            message,
            r + le(challenge(r, public, message) * a % c.L),
            False,
        )

    # The equation with the cofactor holds, the one without does not.
    r = scalar("crypto ed25519 cofactor")
    for i in (1, 2, 4):
        twisted = c.encode(c.add(c.mul(r, c.BASE), torsion[i]))
        verify(
            f"R + {i} T, right only with the cofactor",
            public,
            message,
            twisted + le((r + challenge(twisted, public, message) * a) % c.L),
            False,
        )

    # A of small order: with R = S B and k a multiple of A's order the equation holds for any S.
    s = scalar("crypto ed25519 small")
    r = c.encode(c.mul(s, c.BASE))
    for i in range(8):
        small = c.encode(torsion[i])
        m = grind(lambda m: challenge(r, small, m) % orders[i] == 0)
        verify(f"A of order {orders[i]} ({i} T), the equation holds", small, m, r + le(s), False, vat_id=False)
    for name, small, order in (
        ("the neutral point, written p + 1", le(c.P + 1), 1),
        ("the neutral point, written 1 with the sign set", le(1 | 1 << 255), 1),
        ("order 2, with the sign set", le(c.P - 1 | 1 << 255), 2),
        ("order 4, written p", le(c.P), 4),
        ("order 4, written p with the sign set", le(c.P | 1 << 255), 4),
    ):
        m = grind(lambda m: challenge(r, small, m) % order == 0)
        verify(f"A not canonical: {name}, the equation holds", small, m, r + le(s), False, vat_id=False)

    # A with a torsion component: WIR-7 takes the signature where the equation holds; NAM-1 refuses the key.
    mixed = c.encode(c.add(c.decode_loose(public), torsion[1]))
    r = scalar("crypto ed25519 mixed")
    big_r = c.encode(c.mul(r, c.BASE))
    for name, good, accept in (
        ("a multiple of 8", lambda k: k % 8 == 0, True),
        ("not a multiple of 8", lambda k: k % 8 != 0, False),
    ):
        m = grind(lambda m: good(challenge(big_r, mixed, m)))
        sig = big_r + le((r + challenge(big_r, mixed, m) * a) % c.L)
        verify(f"A with a torsion component, k {name}", mixed, m, sig, accept, vat_id=False)
    off_curve = le(2)
    assert c.decode_loose(off_curve) is None
    verify("A not on the curve", off_curve, message, key.sign(message), False, vat_id=False)
    verify("R not on the curve", public, message, off_curve + key.sign(message)[32:], False)
    for case_ in out:
        try:
            n.check_key(bytes.fromhex(case_["public"]))
            is_vat_id = True
        except Refused:
            is_vat_id = False
        assert is_vat_id == case_["vat_id"], case_["name"]
    return out
