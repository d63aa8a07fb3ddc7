"""Chapter 3, sections 3.1 and 3.2: the handshake, both roles. Nothing here draws randomness: it is given."""

import hmac as _hmac

import crypto as c
from names import check_key
from pair import read_fields
from wire import Reader, Refused, lp, require, u8, u16, u64

USES = {"link": 1, "exit": 2, "vat": 3}
IWANT_SHORTEST, IWANT_LONGEST = 1237, 1282
IAM_LEN, REPLYINFO_LEN, GIVEINFO_LEN, GO_LEN = 1123, 408, 376, 98
HINTS_LEN, PAIR_LEN = 256, 50
GO_VERDICT, DUP, GONE, SAY = 1, 2, 3, 4
UNKNOWN = 2**64 - 1


# --- VTP-1, VTP-2 --------------------------------------------------------------------------------------------------


def h0(use):
    return c.H(c.label("VatTP") + u8(use))


def mix(h, item):
    return c.H(h + lp(item))


def encode_versions(versions):
    return u8(len(versions)) + b"".join(u8(v) for v in versions)


def encode_suites(suites):
    return u8(len(suites)) + b"".join(u16(s) for s in suites)


def read_list(reader, part, read):
    n = reader.u8(part)
    require(1 <= n <= 16, "VTP-2", part + " count")
    values = [read(part) for _ in range(n)]
    require(len(set(values)) == n, "VTP-2", part + " repeated")
    require(0 not in values, "VTP-2", part + " zero")
    return values


def choose(own, offered, part):
    for value in own:
        if value in offered:
            return value
    raise Refused("VTP-2", "no common " + part)


def read_item(reader, shortest, longest, part, clause="VTP-1"):
    n = reader.u16(part)
    if not shortest <= n <= longest:
        raise Refused(clause, part + " length")
    return reader.take(n, part)


# --- VTP-4, VTP-7, VTP-8, VTP-14 -----------------------------------------------------------------------------------


def target(use, versions, suites, x_i, ek, secret, vat, place):
    """versions and suites as they stand on the wire; secret = X25519(x_i, B)."""
    key = c.extract(c.label("target"), secret + vat)
    return c.hmac(key, u8(use) + versions + suites + x_i + c.H(ek) + lp(place))[:16]


def place_bytes(use, place):
    """place: the 32 bytes of a RelayId for link and exit, the text of the address for a vat, the 32 bytes of a ticket's."""
    return place.encode("ascii") if use == USES["vat"] and isinstance(place, str) else place


class Schedule:
    """Every value that follows from the transcript."""

    def __init__(self, use):
        self.h0 = h0(use)

    def h_flight1(self):
        return self.h_iwant

    def h_flight2(self):
        return self.h_replyinfo

    def more_ikm(self):
        return b""

    def iwant(self, item):
        self.h_iwant = mix(self.h0, item)

    def iam(self, item, secret, kem_secret):
        self.h_iam = mix(self.h_flight1(), item)
        self.dh, self.kem_secret = secret, kem_secret
        self.hs = c.extract(self.h_iam, lp(secret) + lp(kem_secret) + self.more_ikm())
        self.k_rh = c.expand(self.hs, c.label("r hs") + self.h_iam)
        self.f_r = c.expand(self.hs, c.label("r fin") + self.h_iam)

    def replyinfo(self, item):
        self.h_replyinfo = mix(self.h_iam, item)
        self.initiator_keys()

    def initiator_keys(self):
        self.k_ih = c.expand(self.hs, c.label("i hs") + self.h_flight2())
        self.f_i = c.expand(self.hs, c.label("i fin") + self.h_flight2())

    def giveinfo(self, item):
        self.h_giveinfo = mix(self.h_flight2(), item)

    def go(self, item):
        self.h_go = mix(self.h_giveinfo, item)
        self.derived = c.expand(self.hs, c.label("derived"))
        self.ms = c.extract(self.h_go, self.derived)
        self.s_i_to_r = c.expand(self.ms, c.label("i to r"))
        self.s_r_to_i = c.expand(self.ms, c.label("r to i"))
        self.exporter = c.expand(self.ms, c.label("exporter"))


def equal(a, b):
    return _hmac.compare_digest(a, b)


# --- VTP-9, VTP-11, VTP-12: what is signed, what is MACed ------------------------------------------------------------


def pad_hints(hints):
    assert len(hints) <= 254
    return lp(hints) + bytes(254 - len(hints))


def read_hints(field):
    n = int.from_bytes(field[:2], "big")
    require(n <= 254, "VTP-11", "hints length")
    require(not any(field[2 + n :]), "VTP-11", "hints padding")
    return field[2 : 2 + n]


def responder_signed(h_iam, vat_r, incarnation, hints):
    return c.label("VatTP responder") + h_iam + vat_r + incarnation + hints


def responder_macked(h_iam, vat_r, incarnation, hints, sig):
    return h_iam + vat_r + incarnation + hints + sig


def initiator_signed(h_replyinfo, vat_r, vat_i, incarnation, hints):
    return c.label("VatTP initiator") + h_replyinfo + vat_r + vat_i + incarnation + hints


def initiator_macked(h_giveinfo, pair):
    return h_giveinfo + pair


# --- VTP-19 --------------------------------------------------------------------------------------------------------


def initiator_is_master(vat_i, incarnation_i, vat_r):
    return incarnation_i != 0 and vat_i > vat_r


def encode_pair(verdict, mine, yours, go, again=0, expect=1, first=1, past=UNKNOWN):
    return u8(verdict) + u8(again) + b"".join(u64(x) for x in (mine, yours, go, expect, first, past))


def read_pair(data, sender_is_master, sent_by):
    """sent_by: "initiator" (GO) or "responder" (GOTOO)."""
    sender = "master" if sender_is_master else "slave"
    f = read_fields(data, sender, "GO" if sent_by == "initiator" else "GOTOO")
    return f["mine"], f["go"]


# --- the roles -----------------------------------------------------------------------------------------------------


class Initiator:
    ticket_secret = b""

    def __init__(
        self, use, key, wanted, b, place, versions, suites, x_secret, kem_d, kem_z, incarnation, hints, mine, go
    ):
        require(key.public != wanted, "VTP-10", "own VatId")
        self.use, self.key, self.wanted, self.b, self.place = use, key, wanted, b, place
        self.versions, self.suites = versions, suites
        self.x_secret, self.kem_d, self.kem_z = x_secret, kem_d, kem_z
        self.incarnation, self.hints, self.mine, self.go = incarnation, hints, mine, go
        self.is_master = initiator_is_master(key.public, incarnation, wanted)
        self.s = Schedule(use)
        self.expects = None

    def flight1(self):
        versions, suites = encode_versions(self.versions), encode_suites(self.suites)
        self.x_public = c.x25519_public(self.x_secret)
        self.ek, _ = c.kem_keygen(self.kem_d, self.kem_z)
        self.target_secret = c.x25519(self.x_secret, self.b)
        place = place_bytes(self.use, self.place)
        vat = self.wanted + self.ticket_secret
        self.target = target(self.use, versions, suites, self.x_public, self.ek, self.target_secret, vat, place)
        self.iwant = versions + suites + self.x_public + self.ek + self.target
        self.s.iwant(self.iwant)
        self.expects = "ExpectIam"
        return lp(self.iwant)

    def flight2(self, data):
        reader = Reader(data, "VTP-1")
        iam = read_item(reader, IAM_LEN, IAM_LEN, "IAM")
        r = Reader(iam)
        version, suite, x_r, ct = r.u8("version"), r.u16("suite"), r.take(32, "x_r"), r.take(c.CT_LEN, "ct")
        require(version in self.versions, "VTP-3", "version")
        require(suite in self.suites, "VTP-3", "suite")
        secret = c.x25519(self.x_secret, x_r, "VTP-6", "x_r")
        self.s.iam(iam, secret, c.kem_decaps(self.kem_d, self.kem_z, ct))
        self.expects = "ExpectReplyInfo"
        replyinfo = read_item(reader, REPLYINFO_LEN, REPLYINFO_LEN, "REPLYINFO")
        self.end_flight2(reader)
        plain = Reader(c.open_(self.s.k_rh, 0, replyinfo, clause="VTP-8", part="REPLYINFO"))
        vat_r, incarnation = plain.take(32, "vat_r"), plain.take(8, "incarnation_r")
        hints, sig, fin = plain.take(HINTS_LEN, "hints"), plain.take(64, "sig_r"), plain.take(32, "fin_r")
        signed = responder_signed(self.s.h_iam, vat_r, incarnation, hints)
        sig_good = c.verify_strict(self.wanted, signed, sig)
        fin_good = equal(fin, c.hmac(self.s.f_r, responder_macked(self.s.h_iam, vat_r, incarnation, hints, sig)))
        vat_good = equal(vat_r, self.wanted)
        require(sig_good, "VTP-9", "sig_r")
        require(fin_good, "VTP-9", "fin_r")
        require(vat_good, "VTP-9", "vat_r")
        self.peer_hints = read_hints(hints)
        self.peer_incarnation = int.from_bytes(incarnation, "big")
        require(self.peer_incarnation != 0, "VTP-13", "incarnation_r")
        self.version, self.suite = version, suite
        self.s.replyinfo(replyinfo)

    def end_flight2(self, reader):
        reader.end("flight 2")

    def pair_fields(self):
        if self.is_master:
            return encode_pair(GO_VERDICT, self.mine, 0, self.go)
        return encode_pair(SAY, self.mine, 0, 0)

    def flight3(self):
        incarnation, hints = u64(self.incarnation), pad_hints(self.hints)
        vat_i = self.key.public
        sig = self.key.sign(initiator_signed(self.s.h_flight2(), self.wanted, vat_i, incarnation, hints))
        self.giveinfo_plain = vat_i + incarnation + hints + sig
        giveinfo = c.seal(self.s.k_ih, 0, self.giveinfo_plain)
        self.s.giveinfo(giveinfo)
        self.pair = self.pair_fields()
        fin = c.hmac(self.s.f_i, initiator_macked(self.s.h_giveinfo, self.pair))
        self.go_plain = self.pair + fin
        go = c.seal(self.s.k_ih, 1, self.go_plain)
        self.s.go(go)
        self.giveinfo, self.go_item = giveinfo, go
        self.expects = "ExpectGoToo"
        return lp(giveinfo) + lp(go)

    def gotoo(self, pair):
        """The first 50 bytes of what the responder's record 0 holds."""
        self.peer_mine, peer_go = read_pair(pair, not self.is_master, "responder")
        self.go_number = self.go if self.is_master else peer_go


class Responder:
    ticket_secret = b""

    def __init__(
        self, use, key, b_secret, places, versions, suites, x_secret, kem_m, incarnation, hints, mine, go, kept=()
    ):
        self.use, self.key, self.b_secret, self.places = use, key, b_secret, places
        self.versions, self.suites = versions, suites
        self.x_secret, self.kem_m = x_secret, kem_m
        self.incarnation, self.hints, self.mine, self.go = incarnation, hints, mine, go
        self.kept = set(kept)
        self.s = Schedule(use)
        self.expects = "ExpectIWant"

    def flight1(self, data):
        reader = Reader(data, "VTP-1")
        iwant = read_item(reader, IWANT_SHORTEST, IWANT_LONGEST, "IWANT")
        self.end_flight1(reader)
        r = Reader(iwant)
        versions = read_list(r, "versions", r.u8)
        after_versions = r.at
        suites = read_list(r, "suites", r.u16)
        after_suites = r.at
        x_i, ek, asked = r.take(32, "x_i"), r.take(c.EK_LEN, "ek_i"), r.take(16, "target")
        r.end("IWANT")
        version, suite = choose(self.versions, versions, "version"), choose(self.suites, suites, "suite")
        secret = c.x25519_raw(self.b_secret, x_i)
        offered = iwant[:after_versions], iwant[after_versions:after_suites]
        good = False
        for place in self.places:
            vat = self.key.public + self.ticket_secret
            mine = target(self.use, *offered, x_i, ek, secret, vat, place_bytes(self.use, place))
            good |= equal(mine, asked)
        require(good, "VTP-4", "target")
        require(x_i not in self.kept, "VTP-5", "x_i")
        self.kept.add(x_i)
        require(secret != bytes(32), "VTP-6", "x_i")
        self.x_i, self.target_secret = x_i, secret
        secret = c.x25519(self.x_secret, x_i, "VTP-6", "x_i")
        self.kem_secret, ct = c.kem_encaps(ek, self.kem_m, "VTP-6")
        self.s.iwant(iwant)
        self.judge()
        self.x_public = c.x25519_public(self.x_secret)
        self.iam = u8(version) + u16(suite) + self.x_public + ct
        self.s.iam(self.iam, secret, self.kem_secret)
        self.version, self.suite = version, suite

    def end_flight1(self, reader):
        reader.end("flight 1")

    def judge(self):
        pass

    def flight2(self):
        vat, incarnation, hints = self.key.public, u64(self.incarnation), pad_hints(self.hints)
        sig = self.key.sign(responder_signed(self.s.h_iam, vat, incarnation, hints))
        fin = c.hmac(self.s.f_r, responder_macked(self.s.h_iam, vat, incarnation, hints, sig))
        self.replyinfo_plain = vat + incarnation + hints + sig + fin
        self.replyinfo = c.seal(self.s.k_rh, 0, self.replyinfo_plain)
        self.s.replyinfo(self.replyinfo)
        self.expects = "ExpectGiveInfo"
        return lp(self.iam) + lp(self.replyinfo)

    def flight3(self, data):
        reader = Reader(data, "VTP-1")
        giveinfo = read_item(reader, GIVEINFO_LEN, GIVEINFO_LEN, "GIVEINFO")
        plain = Reader(c.open_(self.s.k_ih, 0, giveinfo, clause="VTP-8", part="GIVEINFO"))
        vat_i, incarnation = plain.take(32, "vat_i"), plain.take(8, "incarnation_i")
        hints, sig = plain.take(HINTS_LEN, "hints"), plain.take(64, "sig_i")
        require(vat_i != self.key.public, "VTP-12", "vat_i")
        check_key(vat_i)
        peer_hints = read_hints(hints)
        signed = initiator_signed(self.s.h_flight2(), self.key.public, vat_i, incarnation, hints)
        require(c.verify_strict(vat_i, signed, sig), "VTP-12", "sig_i")
        peer_incarnation = int.from_bytes(incarnation, "big")
        self.check_bearer(vat_i, peer_incarnation)
        require(peer_incarnation != 0 or not peer_hints, "VTP-13", "hints of an anonymous initiator")
        self.s.giveinfo(giveinfo)
        self.expects = "ExpectGo"
        go = read_item(reader, GO_LEN, GO_LEN, "GO")
        plain = Reader(c.open_(self.s.k_ih, 1, go, clause="VTP-8", part="GO"))
        pair, fin = plain.take(PAIR_LEN, "pair fields"), plain.take(32, "fin_i")
        require(equal(fin, c.hmac(self.s.f_i, initiator_macked(self.s.h_giveinfo, pair))), "VTP-12", "fin_i")
        self.check_pair(pair)
        self.is_master = not initiator_is_master(vat_i, peer_incarnation, self.key.public)
        self.peer_mine, peer_go = read_pair(pair, not self.is_master, "initiator")
        self.go_number = self.go if self.is_master else peer_go
        self.s.go(go)
        self.peer, self.peer_hints = vat_i, peer_hints
        self.peer_incarnation = peer_incarnation
        return reader.data[reader.at :]

    def check_bearer(self, vat_i, incarnation):
        pass

    def check_pair(self, pair):
        pass

    def gotoo(self):
        verdict = GO_VERDICT if self.is_master else SAY
        return encode_pair(verdict, self.mine, self.peer_mine, self.go_number)
