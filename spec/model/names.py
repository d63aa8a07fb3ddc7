"""Chapter 1: VatId, RelayId, signing keys, key files, locators."""

import base64
import hashlib
import ipaddress
import re

import crypto as c
from wire import Refused, require

# --- NAM-1 to NAM-3 ------------------------------------------------------------------------------------------------

KINDS = {"vat": (b".onion checksum", 3, "NAM-2"), "relay": (b".relay checksum", 1, "NAM-3")}
BASE32 = "abcdefghijklmnopqrstuvwxyz234567"


def check_key(key):
    require(len(key) == 32, "NAM-1", "length")
    point = c.decode_loose(key)
    require(point is not None, "NAM-1", "not on the curve")
    require(c.is_canonical(key), "NAM-1", "not canonical")
    require(not c.is_small(point), "NAM-1", "small order")
    require(c.is_torsion_free(point), "NAM-1", "torsion")
    return key


def checksum(kind, key):
    string, version, _ = KINDS[kind]
    return hashlib.sha3_256(string + key + bytes([version])).digest()[:2]


def raw_text(data):
    return base64.b32encode(data).decode("ascii").rstrip("=").lower()


def to_text(kind, key):
    return raw_text(key + checksum(kind, key) + bytes([KINDS[kind][1]]))


def from_text(kind, text):
    clause = KINDS[kind][2]
    require(len(text) == 56, clause, "length")
    require(all(ch in BASE32 for ch in text.translate(LOWER)), clause, "alphabet")
    data = base64.b32decode(text.upper())
    key = data[:32]
    require(data[34] == KINDS[kind][1], clause, "version")
    require(data[32:34] == checksum(kind, key), clause, "checksum")
    return check_key(key)


LOWER = {ord("A") + i: ord("a") + i for i in range(26)}


# --- NAM-4, NAM-5 --------------------------------------------------------------------------------------------------


class SigningKey:
    """Scalar and prefix; made from a seed or from the expanded form."""

    def __init__(self, expanded, seed=None):
        require(len(expanded) == 64, "NAM-4", "length")
        first, last = expanded[0], expanded[31]
        require(first & 7 == 0 and last & 128 == 0 and last & 64 == 64, "NAM-4", "not clamped")
        self.expanded = expanded
        self.seed = seed
        self.public = check_key(c.encode(c.mul(int.from_bytes(expanded[:32], "little") % c.L, c.BASE)))
        self.mapped = c.mapped_public(self.public)
        assert c.x25519_public(self.scalar) == self.mapped

    @classmethod
    def from_seed(cls, seed):
        require(len(seed) == 32, "NAM-4", "length")
        return cls(c.expand_seed(seed), seed)

    @property
    def scalar(self):
        return self.expanded[:32]

    def sign(self, message):
        signature = c.sign_expanded(self.expanded, message)
        assert c.verify_strict(self.public, message, signature)
        assert c.library_verify(self.public, message, signature)
        if self.seed is not None:
            assert signature == c.library_sign(self.seed, message)
        return signature


# --- NAM-6 ---------------------------------------------------------------------------------------------------------

KEY_FILE = re.compile(r"\Apluribus-mix signing key 1\n(?:seed ([0-9a-f]{64})|expanded ([0-9a-f]{128}))\n\Z")


def key_file(key):
    second = "seed " + key.seed.hex() if key.seed is not None else "expanded " + key.expanded.hex()
    return "pluribus-mix signing key 1\n" + second + "\n"


def read_key_file(text):
    found = KEY_FILE.match(text)
    require(found is not None, "NAM-6", "content")
    if found[1] is not None:
        return SigningKey.from_seed(bytes.fromhex(found[1]))
    return SigningKey(bytes.fromhex(found[2]))


# --- NAM-7 to NAM-9 ------------------------------------------------------------------------------------------------

PLAIN = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/[]")
HINT_NAME = re.compile(r"\A[a-z][a-z0-9-]{0,31}\Z")
BASE64URL = re.compile(r"\A[A-Za-z0-9_-]*\Z")
FIELDS = [
    "length",
    "character",
    "scheme",
    "designator",
    "transport",
    "path",
    "swissnum",
    "hints",
    "hint name",
    "hint value",
    "hint repeated",
    "at",
]
DNS_LABEL = re.compile(r"\A[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")
PORT = re.compile(r"\A[1-9][0-9]{0,4}\Z")


def check_place(text):
    """NAM-8: host:port in its one canonical form."""
    host, colon, port = text.rpartition(":")
    require(colon == ":" and PORT.match(port) and int(port) <= 65535, "NAM-8", "at")
    require(is_ipv4(host) or is_ipv6(host) or is_dns(host), "NAM-8", "at")
    return text


def is_ipv4(host):
    try:
        return str(ipaddress.IPv4Address(host)) == host
    except ValueError:
        return False


def is_ipv6(host):
    if not (host.startswith("[") and host.endswith("]")):
        return False
    try:
        address = ipaddress.IPv6Address(host[1:-1])
    except ValueError:
        return False
    if address.scope_id is not None or address.ipv4_mapped is not None:
        return False
    return str(address) == host[1:-1]


def is_dns(host):
    labels = host.split(".")
    return 1 <= len(host) <= 253 and all(DNS_LABEL.match(x) for x in labels) and "a" <= labels[-1][0] <= "z"


def encode_value(value):
    out = ""
    for byte in value.encode("utf-8"):
        out += chr(byte) if chr(byte) in PLAIN else "%%%02X" % byte
    return out


def decode_value(text):
    data, at = b"", 0
    while at < len(text):
        if text[at] == "%":
            digits = text[at + 1 : at + 3]
            require(re.match(r"\A[0-9A-Fa-f]{2}\Z", digits), "NAM-7", "hint value")
            data += bytes.fromhex(digits)
            at += 3
        else:
            require(text[at] in PLAIN, "NAM-7", "hint value")
            data += text[at].encode("ascii")
            at += 1
    require(len(data) <= 255, "NAM-7", "hint value")
    try:
        value = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("NAM-7", "hint value") from None
    require(not any(ord(ch) < 0x20 or 0x7F <= ord(ch) <= 0x9F for ch in value), "NAM-7", "hint value")
    return value


def decode_swissnum(text):
    require(BASE64URL.match(text) and len(text) % 4 != 1, "NAM-7", "swissnum")
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    require(1 <= len(data) <= 64 and encode_swissnum(data) == text, "NAM-7", "swissnum")
    return data


def encode_swissnum(data):
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")


class Locator:
    def __init__(self, vat, transport, swissnum=None, hints=()):
        self.vat, self.transport, self.swissnum, self.hints = vat, transport, swissnum, dict(hints)

    @property
    def place(self):
        return self.hints.get("at")

    def text(self):
        out = "ocapn://" + to_text("vat", self.vat) + "." + self.transport
        if self.swissnum is not None:
            out += "/s/" + encode_swissnum(self.swissnum)
        if self.hints:
            out += "?" + "&".join(f"{n}={encode_value(self.hints[n])}" for n in sorted(self.hints))
        return out

    def equals(self, other):
        return (self.vat, self.transport, self.swissnum) == (other.vat, other.transport, other.swissnum)


def parse_locator(text):
    clause = "NAM-7"
    require(all(ord(ch) < 128 for ch in text), clause, "character")
    require(len(text) <= 2048, clause, "length")
    scheme, found, rest = text.partition("://")
    require(found and scheme.translate(LOWER) == "ocapn", clause, "scheme")
    rest, query, hint_text = rest.partition("?")
    authority, slash, path = rest.partition("/")
    designator, _, transport = authority.partition(".")
    try:
        vat = from_text("vat", designator)
    except Refused:
        raise Refused(clause, "designator") from None
    transport = transport.translate(LOWER)
    require(transport in ("mix", "onion"), clause, "transport")
    swissnum = None
    if slash:
        require(path.startswith("s/"), clause, "path")
        swissnum = decode_swissnum(path[2:])
    hints = {}
    if query:
        require(hint_text != "", clause, "hints")
        parts = hint_text.split("&")
        require(len(parts) <= 16, clause, "hints")
        for part in parts:
            name, equals, value = part.partition("=")
            require(equals, clause, "hints")
            require(HINT_NAME.match(name), clause, "hint name")
            require(name not in hints, clause, "hint repeated")
            hints[name] = decode_value(value)
    if "at" in hints:
        check_place(hints["at"])
    return Locator(vat, transport, swissnum, hints)
