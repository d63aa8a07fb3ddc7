"""Chapter 2: the primitives (WIR-3 to WIR-7), and the arithmetic of Ed25519 and X25519."""

import hashlib
import hmac as _hmac

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from kyber_py.ml_kem import ML_KEM_768

from wire import Refused, require, u64

# --- WIR-3 ---------------------------------------------------------------------------------------------------------

PREFIX = b"pluribus-mix/1 "

LABELS = [
    "VatTP",
    "target",
    "r hs",
    "r fin",
    "i hs",
    "i fin",
    "VatTP responder",
    "VatTP initiator",
    "derived",
    "i to r",
    "r to i",
    "exporter",
    "key",
    "rekey",
    "hop key",
    "hop filler",
    "hop next",
    "hop settings",
    "hop transcript",
    "hop",
    "hop auth",
    "hop forward",
    "hop backward",
    "hop settings back",
    "ticket",
    "place",
    "delegation",
    "early",
    "early signature",
    "flight",
    "epoch key",
    "epoch prefix",
    "record",
    "record key",
    "record keeper",
    "park",
]


def label(text):
    assert text in LABELS
    return PREFIX + text.encode("ascii")


def H(data):
    return hashlib.sha256(data).digest()


def hmac(key, data):
    return _hmac.new(key, data, hashlib.sha256).digest()


def extract(salt, ikm):
    return hmac(salt, ikm)


def expand(prk, info):
    """HKDF-Expand for 32 bytes is one block."""
    return hmac(prk, info + b"\x01")


# --- WIR-4 ---------------------------------------------------------------------------------------------------------


def nonce(counter):
    return bytes(4) + u64(counter)


def seal(key, counter, plaintext, aad=b""):
    return AESGCM(key).encrypt(nonce(counter), plaintext, aad)


def open_(key, counter, sealed, aad=b"", clause="WIR-4", part="does not open"):
    try:
        return AESGCM(key).decrypt(nonce(counter), sealed, aad)
    except InvalidTag:
        raise Refused(clause, part) from None


# --- the field and WIR-5 -------------------------------------------------------------------------------------------

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)


def inv(x):
    return pow(x, P - 2, P)


def ladder(scalar, u_bytes):
    """RFC 7748 section 5, zero results included."""
    k = int.from_bytes(scalar, "little")
    k = (k & ~7 & ((1 << 255) - 1)) | (1 << 254)
    u = (int.from_bytes(u_bytes, "little") & ((1 << 255) - 1)) % P
    x1, x2, z2, x3, z3 = u, 1, 0, u, 1
    for t in range(254, -1, -1):
        bit = (k >> t) & 1
        if bit:
            x2, z2, x3, z3 = x3, z3, x2, z2
        a, b = (x2 + z2) % P, (x2 - z2) % P
        aa, bb = a * a % P, b * b % P
        e = (aa - bb) % P
        c, d = (x3 + z3) % P, (x3 - z3) % P
        da, cb = d * a % P, c * b % P
        x3, z3 = (da + cb) ** 2 % P, x1 * (da - cb) ** 2 % P
        x2, z2 = aa * bb % P, e * (aa + 121665 * e) % P
        if bit:
            x2, z2, x3, z3 = x3, z3, x2, z2
    return (x2 * inv(z2) % P).to_bytes(32, "little")


def x25519_raw(scalar, u_bytes):
    """Both implementations; they agree, and the library refuses exactly the zero results."""
    ours = ladder(scalar, u_bytes)
    try:
        theirs = X25519PrivateKey.from_private_bytes(scalar).exchange(X25519PublicKey.from_public_bytes(u_bytes))
    except ValueError:
        theirs = bytes(32)
    assert ours == theirs
    return ours


def x25519(scalar, u_bytes, clause="WIR-5", part="shared secret of zero"):
    secret = x25519_raw(scalar, u_bytes)
    require(secret != bytes(32), clause, part)
    return secret


def x25519_public(scalar):
    return x25519_raw(scalar, (9).to_bytes(32, "little"))


# --- the curve of Ed25519, in affine coordinates taken to extended ones for addition ---------------------------------

IDENTITY = (0, 1, 1, 0)


def add(p, q):
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * p[3] * q[3] * D % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def neg(p):
    return (-p[0] % P, p[1], p[2], -p[3] % P)


def mul(n, p):
    q = IDENTITY
    while n > 0:
        if n & 1:
            q = add(q, p)
        p = add(p, p)
        n >>= 1
    return q


def same(p, q):
    return (p[0] * q[2] - q[0] * p[2]) % P == 0 and (p[1] * q[2] - q[1] * p[2]) % P == 0


def encode(p):
    zi = inv(p[2])
    x, y = p[0] * zi % P, p[1] * zi % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def recover_x(y, sign):
    """A root x of the curve equation for y with that parity, or None."""
    xx = (y * y - 1) * inv(D * y * y + 1) % P
    x = pow(xx, (P + 3) // 8, P)
    if (x * x - xx) % P != 0:
        x = x * SQRT_M1 % P
    if (x * x - xx) % P != 0:
        return None
    if x & 1 != sign:
        x = -x % P
    return x


def decode_loose(data):
    """The point an encoding means, canonical or not; None where y is not on the curve."""
    n = int.from_bytes(data, "little")
    y, sign = (n & ((1 << 255) - 1)) % P, n >> 255
    x = recover_x(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


def is_canonical(data):
    p = decode_loose(data)
    return p is not None and encode(p) == data


def is_small(p):
    return same(mul(8, p), IDENTITY)


def is_torsion_free(p):
    return same(mul(L, p), IDENTITY)


BASE_Y = 4 * inv(5) % P
BASE_X = recover_x(BASE_Y, 0)
BASE = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)


def torsion_points():
    """The eight points of small order: multiples of one of order 8."""
    y = 2
    while True:
        p = decode_loose(y.to_bytes(32, "little"))
        if p is not None:
            t = mul(L, p)
            if not same(mul(4, t), IDENTITY):
                return [mul(i, t) for i in range(8)]
        y += 1


def mapped_public(vat):
    """NAM-5: u = (1 + y) / (1 - y)."""
    y = int.from_bytes(vat, "little") & ((1 << 255) - 1)
    return ((1 + y) * inv(1 - y) % P).to_bytes(32, "little")


# --- Ed25519, WIR-7 ------------------------------------------------------------------------------------------------


def sha512_int(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little")


def expand_seed(seed):
    h = bytearray(hashlib.sha512(seed).digest())
    h[0] &= 248
    h[31] &= 127
    h[31] |= 64
    return bytes(h)


def sign_expanded(expanded, message):
    a, prefix = int.from_bytes(expanded[:32], "little"), expanded[32:]
    public = encode(mul(a % L, BASE))
    r = sha512_int(prefix, message) % L
    big_r = encode(mul(r, BASE))
    k = sha512_int(big_r, public, message) % L
    return big_r + ((r + k * a) % L).to_bytes(32, "little")


def verify_strict(public, message, signature):
    """WIR-7 as one truth value."""
    if len(public) != 32 or len(signature) != 64:
        return False
    big_r, s = signature[:32], int.from_bytes(signature[32:], "little")
    if s >= L or not is_canonical(public) or not is_canonical(big_r):
        return False
    a_point, r_point = decode_loose(public), decode_loose(big_r)
    if is_small(a_point) or is_small(r_point):
        return False
    k = sha512_int(big_r, public, message) % L
    return same(mul(s, BASE), add(r_point, mul(k, a_point)))


def library_sign(seed, message):
    return Ed25519PrivateKey.from_private_bytes(seed).sign(message)


def library_verify(public, message, signature):
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
        return True
    except (InvalidSignature, ValueError):
        return False


# --- WIR-6 ---------------------------------------------------------------------------------------------------------

Q = 3329
EK_LEN, CT_LEN = 1184, 1088


def kem_keygen(d, z):
    ek, dk = ML_KEM_768._keygen_internal(d, z)
    assert ek == MLKEM768PrivateKey.from_seed_bytes(d + z).public_key().public_bytes_raw()
    return ek, dk


def kem_key_ok(ek):
    """FIPS 203 section 7.2: every one of the 768 twelve-bit numbers is below q."""
    for i in range(0, 1152, 3):
        n = int.from_bytes(ek[i : i + 3], "little")
        if n & 0xFFF >= Q or n >> 12 >= Q:
            return False
    return len(ek) == EK_LEN


def kem_encaps(ek, m, clause="WIR-6"):
    require(kem_key_ok(ek), clause, "ek_i modulus")
    try:
        MLKEM768PublicKey.from_public_bytes(ek)
        library_takes_it = True
    except ValueError:
        library_takes_it = False
    assert library_takes_it == kem_key_ok(ek)
    secret, ct = ML_KEM_768._encaps_internal(ek, m)
    return secret, ct


def kem_decaps(d, z, ct):
    """By both implementations; a wrong ciphertext included, where they must agree on the implicit rejection."""
    _, dk = ML_KEM_768._keygen_internal(d, z)
    ours = ML_KEM_768._decaps_internal(dk, ct)
    assert ours == MLKEM768PrivateKey.from_seed_bytes(d + z).decapsulate(ct)
    return ours
