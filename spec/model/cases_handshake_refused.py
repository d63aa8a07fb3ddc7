"""handshake_refused.json: single faults in flights derived from handshakes of handshake.json."""

import cases_handshake as hs
import crypto as c
import records as rec
import vattp as v
from rng import rand
from wire import OFF, Refused, lp, u8, u16, u64

SPEC = ["WIR-2", "WIR-4", "WIR-5", "WIR-6", "WIR-7", "NAM-1"] + [
    f"VTP-{i}" for i in (1, 2, 3, 4, 5, 6, 8, 9, 11, 12, 13, 15, 19, 21, 22)
]

ORDER_8 = [
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
]


def low_order_points():
    """Every encoding that X25519 takes for a point of small order."""
    points = [
        (name, u.to_bytes(32, "little"))
        for name, u in (("0", 0), ("1", 1), ("p - 1", c.P - 1), ("p", c.P), ("p + 1", c.P + 1))
    ]
    points += [(f"order 8, {'first' if i == 0 else 'second'}", bytes.fromhex(h)) for i, h in enumerate(ORDER_8)]
    points += [(name + ", highest bit set", u[:31] + bytes([u[31] | 128])) for name, u in points]
    for _, u in points:
        assert c.ladder(rand("low order"), u) == bytes(32)
    return points


# --- the runs, and how far the model takes a flight ------------------------------------------------------------------


def waiting(run, flight, kept=()):
    """The role that the flight is for, brought to where it waits for it, and how it takes it."""
    if flight in (1, 3):
        r = run.setup.responder(kept)
        if flight == 1:
            return r, r.flight1
        r.flight1(run.flight1)
        r.flight2()
        return r, r.flight3
    i = run.setup.initiator()
    i.flight1()
    if flight == 2:
        return i, i.flight2
    i.flight2(run.flight2)
    i.flight3()
    return i, lambda wire: rec.Receiver(i.s.s_r_to_i, None).take(wire, i.gotoo)


class Cases:
    def __init__(self):
        self.out = []

    def bad(self, run, flight, name, clauses, wire, alone=True, kept=()):
        """alone: with that one check switched off the model accepts the flight."""
        role, take = waiting(run, flight, kept)
        try:
            take(wire)
        except Refused as e:
            assert e.clause in clauses, (name, e.clause, e.part)
            part = e.part
        else:
            raise AssertionError("accepted: " + name)
        if alone:
            OFF.add(part)
            try:
                waiting(run, flight, kept)[1](wire)
            except Refused as e:
                raise AssertionError((name, part, e.part)) from None
            finally:
                OFF.clear()
        self.out.append(
            {
                "name": f"flight {flight}: {name}" + ("" if run.is_first else f" ({run.setup.name})"),
                "clauses": clauses,
                "base": run.setup.name,
                "at": "responder" if flight in (1, 3) else "initiator",
                "flight": flight,
                "state": role.expects,
                "wire": wire.hex(),
                **({"kept": [x.hex() for x in kept]} if kept else {}),
            }
        )


# --- flight 1 --------------------------------------------------------------------------------------------------------


def forge1(
    run, versions=None, suites=None, use=None, vat=None, b=None, place=None, x_public=None, secret=None, ek=None
):
    """IWANT with a target that is right for what it is given."""
    s = run.setup
    versions = v.encode_versions(s.i_versions) if versions is None else versions
    suites = v.encode_suites(s.i_suites) if suites is None else suites
    x_public = run.i.x_public if x_public is None else x_public
    if secret is None:
        secret = c.x25519(s.i_x, s.b() if b is None else b)
    ek = run.i.ek if ek is None else ek
    place = v.place_bytes(v.USES[s.use], s.place) if place is None else place
    use = v.USES[s.use] if use is None else use
    asked = v.target(use, versions, suites, x_public, ek, secret, s.r_key.public if vat is None else vat, place)
    return versions + suites + x_public + ek + asked


def flight1(cases, run, link, many):
    assert lp(forge1(run)) == run.flight1

    def bad(name, clauses, iwant, alone=True, run=run, kept=()):
        cases.bad(run, 1, name, clauses, lp(iwant), alone, kept)

    ver, sui = v.encode_versions, v.encode_suites
    bad("no version", ["VTP-2"], forge1(run, versions=ver([]), suites=sui([1, 2])), alone=False)
    bad("seventeen versions", ["VTP-2"], forge1(run, versions=ver(range(1, 18))))
    bad("a version twice", ["VTP-2"], forge1(run, versions=ver([1, 7, 1])))
    bad("version 0", ["VTP-2"], forge1(run, versions=ver([1, 0])))
    bad("no suite", ["VTP-2"], forge1(run, versions=ver([1, 2, 3]), suites=sui([])), alone=False)
    bad("seventeen suites", ["VTP-2"], forge1(run, suites=sui(range(1, 18))))
    bad("a suite twice", ["VTP-2"], forge1(run, suites=sui([9, 1, 9])))
    bad("suite 0", ["VTP-2"], forge1(run, suites=sui([0, 1])))
    bad("no common version", ["VTP-2"], forge1(run, versions=ver([2, 3])), alone=False)
    bad("no common suite", ["VTP-2"], forge1(run, suites=sui([2, 0x7A7A])), alone=False)
    bad("suite 0x0100", ["VTP-2"], forge1(run, suites=sui([0x0100])), alone=False)

    t = ["VTP-4"]
    bad("target for the use link", t, forge1(run, use=1))
    bad("target for the use exit", t, forge1(run, use=2))
    bad("target for the use exit", t, forge1(link, use=2), run=link)
    bad("target for the use vat", t, forge1(link, use=3), run=link)
    bad(
        "target for the RelayId in text form",
        t,
        forge1(link, place=hs.n.to_text("relay", link.setup.r_key.public).encode()),
        run=link,
    )
    bad("target for another port", t, forge1(run, place=b"192.0.2.7:4434"))
    bad("target for another host", t, forge1(run, place=b"vat.example:4433"))
    bad("target for no place", t, forge1(run, place=b""))
    bad("target for the place and a zero byte", t, forge1(run, place=b"192.0.2.7:4433\0"))
    other = hs.seed_key("refused another vat")
    bad("target for another vat with this key", t, forge1(run, vat=other.public))
    bad("target under another key for this vat", t, forge1(run, b=other.mapped))
    bad("target for another vat", t, forge1(run, vat=other.public, b=other.mapped))
    other_ek, _ = c.kem_keygen(rand("refused d"), rand("refused z"))
    good = forge1(run)
    for name, changed in (
        ("another ek_i under the target", good[:37] + other_ek + good[-16:]),
        ("versions changed under the target", ver([1, 2]) + good[2:]),
        ("suites changed under the target", good[:2] + sui([1, 2]) + good[5:]),
        ("a bit of the target", good[:-16] + bytes([good[-16] ^ 1]) + good[-15:]),
        ("the last bit of the target", good[:-1] + bytes([good[-1] ^ 128])),
        ("target of zeros", good[:-16] + bytes(16)),
    ):
        bad(name, t, changed)

    bad("an x_i that was answered", ["VTP-5"], good, kept=[run.i.x_public])
    bad(
        "an x_i that was answered, with another ek_i",
        ["VTP-5"],
        forge1(run, ek=other_ek),
        kept=[run.i.x_public],
    )
    for name, u in low_order_points():
        iwant = forge1(run, x_public=u, secret=bytes(32))
        bad("x_i of small order: " + name, ["VTP-6", "WIR-5"], iwant)

    for name, at, number in (("first", 0, c.Q), ("first", 0, 4095), ("last", 767, c.Q), ("hundredth", 99, 3330)):
        ek = bytearray(run.i.ek)
        i = at // 2 * 3
        pair = int.from_bytes(ek[i : i + 3], "little")
        pair = (pair & ~0xFFF | number) if at % 2 == 0 else (pair & 0xFFF | number << 12)
        ek[i : i + 3] = pair.to_bytes(3, "little")
        bad(f"ek_i with {number} for its {name} number", ["VTP-6", "WIR-6"], forge1(run, ek=bytes(ek)), alone=False)

    lengths = ["VTP-1", "WIR-2"]
    many_good = forge1(many)
    bad("IWANT of 1236 bytes", lengths, good[:-1], alone=False)
    bad("IWANT of 1283 bytes", lengths, good + bytes(1283 - len(good)), alone=False)
    bad("IWANT of no bytes", lengths, b"", alone=False)
    bad("IWANT with a byte behind it", lengths, good + b"\0")
    bad("IWANT that ends one byte early, of a length that IWANT may have", lengths, many_good[:-1], False, many)
    bad("IWANT that announces a suite more than it holds", lengths, good[:2] + u8(2) + good[3:], alone=False)


# --- flight 2 --------------------------------------------------------------------------------------------------------


def forge2(
    run,
    version=None,
    suite=None,
    x_public=None,
    dh=None,
    vat=None,
    signer=None,
    sign=None,
    incarnation=None,
    signed_incarnation=None,
    hints=None,
    signed_hints=None,
    change_sig=lambda sig: sig,
    fin=lambda key, data: c.hmac(key, data),
    seal=lambda s, plain: c.seal(s.k_rh, 0, plain),
):
    """IAM and REPLYINFO as a responder would send them that does all but one thing right."""
    t, r = run.setup, run.r
    version = r.version if version is None else version
    suite = r.suite if suite is None else suite
    x_public = r.x_public if x_public is None else x_public
    iam = u8(version) + u16(suite) + x_public + r.iam[35:]
    s = v.Schedule(v.USES[t.use])
    s.iwant(run.i.iwant)
    s.iam(iam, r.s.dh if dh is None else dh, r.kem_secret)
    vat = t.r_key.public if vat is None else vat
    incarnation = u64(t.r_incarnation) if incarnation is None else incarnation
    hints = v.pad_hints(t.r_hints) if hints is None else hints
    message = v.responder_signed(
        s.h_iam,
        vat,
        incarnation if signed_incarnation is None else signed_incarnation,
        hints if signed_hints is None else signed_hints,
    )
    if sign is not None:
        message = sign(s, message)
    sig = change_sig((t.r_key if signer is None else signer).sign(message))
    mac = fin(s.f_r, v.responder_macked(s.h_iam, vat, incarnation, hints, sig))
    return iam, seal(s, vat + incarnation + hints + sig + mac)


def add_order(sig):
    """The same signature with S + L."""
    return sig[:32] + (int.from_bytes(sig[32:], "little") + c.L).to_bytes(32, "little")


def flip(data, at, bit=1):
    b = bytearray(data)
    b[at] ^= bit
    return bytes(b)


BAD_HINTS = [
    ("length 255", u16(255) + bytes(254)),
    ("length 256", u16(256) + bytes(254)),
    ("length 65,535", u16(65535) + bytes(254)),
    ("a byte behind them that is not zero", u16(3) + b"a=1" + b"x" + bytes(250)),
    ("a last byte that is not zero", u16(3) + b"a=1" + bytes(250) + b"\1"),
    ("length 0 and bytes", u16(0) + b"a=1" + bytes(251)),
]


def flight2(cases, run):
    assert b"".join(lp(x) for x in forge2(run)) == run.flight2

    def bad(name, clauses, items, alone=True):
        cases.bad(run, 2, name, clauses, b"".join(lp(x) for x in items), alone)

    for version in (0, 2, 255):
        bad(f"version {version} was not offered", ["VTP-3"], forge2(run, version=version))
    for suite in (0, 2, 0x0100, 0x7A7A):
        bad(f"suite {suite:#06x} was not offered", ["VTP-3"], forge2(run, suite=suite))
    for name, u in low_order_points():
        bad("x_r of small order: " + name, ["VTP-6", "WIR-5"], forge2(run, x_public=u, dh=bytes(32)))

    iam, reply = forge2(run)
    opens = ["VTP-8", "WIR-4"]
    bad("another x_r in front of the same REPLYINFO", opens, (flip(iam, 10), reply), False)
    bad("a bit of ct", opens, (flip(iam, 35), reply), False)
    bad("the last bit of ct", opens, (flip(iam, -1, 128), reply), False)
    bad("REPLYINFO, a bit", opens, (iam, flip(reply, 0)), False)
    bad("REPLYINFO, a bit of the tag", opens, (iam, flip(reply, -1)), False)
    bad("REPLYINFO under counter 1", opens, forge2(run, seal=lambda s, p: c.seal(s.k_rh, 1, p)), False)
    bad("REPLYINFO under f_r", opens, forge2(run, seal=lambda s, p: c.seal(s.f_r, 0, p)), False)
    bad("REPLYINFO with associated data", opens, forge2(run, seal=lambda s, p: c.seal(s.k_rh, 0, p, s.h_iam)), False)

    vtp9 = ["VTP-9"]
    impostor = hs.seed_key("refused impostor")
    bad("signed by another, who says it is the one wanted", vtp9, forge2(run, signer=impostor))
    bad("another vat answers for itself", vtp9, forge2(run, signer=impostor, vat=impostor.public), False)
    bad("the one wanted signs for another vat_r", vtp9, forge2(run, vat=impostor.public))
    bad("sig_r over the initiator's label", vtp9, forge2(run, sign=lambda s, m: c.label("VatTP initiator") + m[30:]))
    assert len(c.label("VatTP responder")) == len(c.label("VatTP initiator")) == 30
    bad("sig_r over h after IWANT", vtp9, forge2(run, sign=lambda s, m: m[:30] + s.h_iwant + m[62:]))
    bad("sig_r over no label", vtp9, forge2(run, sign=lambda s, m: m[30:]))
    bad("sig_r over another incarnation", vtp9, forge2(run, signed_incarnation=bytes(8)))
    bad("sig_r over other hints", vtp9, forge2(run, signed_hints=v.pad_hints(b"x=1")))
    bad("sig_r with S + L", ["VTP-9", "WIR-7"], forge2(run, change_sig=add_order))
    bad("sig_r, a bit of R", vtp9, forge2(run, change_sig=lambda sig: flip(sig, 3)))
    bad("sig_r of zeros", vtp9, forge2(run, change_sig=lambda sig: bytes(64)))
    bad("fin_r, a bit", vtp9, forge2(run, fin=lambda k, d: flip(c.hmac(k, d), 0)))
    bad("fin_r, the last bit", vtp9, forge2(run, fin=lambda k, d: flip(c.hmac(k, d), -1, 128)))
    bad("fin_r of zeros", vtp9, forge2(run, fin=lambda k, d: bytes(32)))
    bad("fin_r over all but sig_r", vtp9, forge2(run, fin=lambda k, d: c.hmac(k, d[:-64])))
    bad("fin_r under k_rh", vtp9, forge2(run, fin=lambda k, d: c.hmac(run.r.s.k_rh, d)))
    for name, hints in BAD_HINTS:
        bad("hints: " + name, ["VTP-11"], forge2(run, hints=hints))
    bad("incarnation_r 0", ["VTP-13"], forge2(run, incarnation=bytes(8)))
    bad("incarnation_r 0, with hints", ["VTP-13"], forge2(run, incarnation=bytes(8), hints=v.pad_hints(b"x=1")))

    lengths = ["VTP-1", "WIR-2"]
    bad("IAM of 1122 bytes", lengths, (iam[:-1], reply), False)
    bad("IAM of 1124 bytes", lengths, (iam + b"\0", reply), False)
    bad("IAM of no bytes", lengths, (b"", reply), False)
    bad("REPLYINFO of 407 bytes", lengths, (iam, reply[:-1]), False)
    bad("REPLYINFO of 409 bytes", lengths, (iam, reply + b"\0"), False)
    bad(
        "REPLYINFO sealed with a byte more", lengths, forge2(run, seal=lambda s, p: c.seal(s.k_rh, 0, p + b"\0")), False
    )
    bad("REPLYINFO before IAM", lengths, (reply, iam), False)


# --- flight 3 --------------------------------------------------------------------------------------------------------


def forge3(
    run,
    vat=None,
    signer=None,
    sign=None,
    sig_of=None,
    incarnation=None,
    signed_incarnation=None,
    hints=None,
    signed_hints=None,
    change_sig=lambda sig: sig,
    pair=None,
    fin=lambda s, data: c.hmac(s.f_i, data),
    seal_info=lambda s, plain: c.seal(s.k_ih, 0, plain),
    seal_go=lambda s, plain: c.seal(s.k_ih, 1, plain),
):
    """GIVEINFO and GO as an initiator would send them that does all but one thing right."""
    t = run.setup
    s = v.Schedule(v.USES[t.use])
    s.iwant(run.i.iwant)
    s.iam(run.r.iam, run.r.s.dh, run.r.kem_secret)
    s.replyinfo(run.r.replyinfo)
    vat = t.i_key.public if vat is None else vat
    incarnation = u64(t.i_incarnation) if incarnation is None else incarnation
    hints = v.pad_hints(t.i_hints) if hints is None else hints
    message = v.initiator_signed(
        s.h_replyinfo,
        t.r_key.public,
        vat,
        incarnation if signed_incarnation is None else signed_incarnation,
        hints if signed_hints is None else signed_hints,
    )
    if sign is not None:
        message = sign(s, message)
    if sig_of is not None:
        sig = sig_of(message)
    else:
        sig = change_sig((t.i_key if signer is None else signer).sign(message))
    info = seal_info(s, vat + incarnation + hints + sig)
    s.giveinfo(info)
    if pair is None:
        master = v.initiator_is_master(vat, int.from_bytes(incarnation, "big"), t.r_key.public)
        pair = v.encode_pair(v.GO_VERDICT, t.i_mine, 0, t.i_go) if master else v.encode_pair(v.SAY, t.i_mine, 0, 0)
    return info, seal_go(s, pair + fin(s, v.initiator_macked(s.h_giveinfo, pair)))


def torsioned(run):
    """A key with a torsion component, and the signature of a message that holds strictly all the same."""
    key = hs.seed_key("refused torsioned")
    point = c.add(c.decode_loose(key.public), c.torsion_points()[4])
    public, a = c.encode(point), int.from_bytes(key.scalar, "little")

    def sig_of(message):
        i = 0
        while True:
            r = int.from_bytes(rand(f"refused torsioned r {i}", 64), "little") % c.L
            big_r = c.encode(c.mul(r, c.BASE))
            k = c.sha512_int(big_r, public, message) % c.L
            if k % 2 == 0:  # then k times the point of order 2 is nothing
                sig = big_r + ((r + k * a) % c.L).to_bytes(32, "little")
                assert c.verify_strict(public, message, sig)
                return sig
            i += 1

    return public, sig_of


def pair_faults(good, sent_by, master):
    """Each rule of VTP-19 broken once: name and the 50 bytes."""

    def put(at, size, value):
        return good[:at] + value.to_bytes(size, "big") + good[at + size :]

    go = int.from_bytes(good[18:26], "big")
    wrong = [v.SAY if master else v.GO_VERDICT]
    if sent_by == "initiator":
        wrong += [v.DUP, v.GONE]
    elif not master:
        wrong += [v.DUP]
    out = [(f"verdict {x}", put(0, 1, x)) for x in (0, 5, 255)]
    # A slave that has seen nothing says 0, which a master's verdict may not.
    # The same with yours, which gone may not leave out.
    named = good[10:18] if any(good[10:18]) else bytes(7) + b"\1"
    out += [(f"verdict {x}", bytes([x]) + good[1:10] + named + put(18, 8, max(go, 1))[18:]) for x in wrong]
    out += [(f"again {x}", put(1, 1, x)) for x in (2, 255)]
    out += [("mine 0", put(2, 8, 0))]
    if sent_by == "responder":
        out += [("yours 0", put(10, 8, 0))]
    if master:
        out += [("go 0 of the master", put(18, 8, 0))]
    return out + [("expect 0", put(26, 8, 0)), ("first 0", put(34, 8, 0))]


def flight3(cases, run, slave, anonymous):
    for r in (run, slave, *anonymous):
        assert b"".join(lp(x) for x in forge3(r)) == r.flight3

    def bad(name, clauses, items, alone=True, run=run):
        cases.bad(run, 3, name, clauses, b"".join(lp(x) for x in items), alone)

    vtp12 = ["VTP-12"]
    other = hs.seed_key("refused other signer")
    bad("signed by another", vtp12, forge3(run, signer=other))
    bad("sig_i over the responder's label", vtp12, forge3(run, sign=lambda s, m: c.label("VatTP responder") + m[30:]))
    bad("sig_i over h after IAM", vtp12, forge3(run, sign=lambda s, m: m[:30] + s.h_iam + m[62:]))
    bad("sig_i for another vat_r", vtp12, forge3(run, sign=lambda s, m: m[:62] + other.public + m[94:]))
    bad("sig_i for another vat_i", vtp12, forge3(run, sign=lambda s, m: m[:94] + other.public + m[126:]))
    bad("sig_i over another incarnation", vtp12, forge3(run, signed_incarnation=bytes(8)))
    bad("sig_i over other hints", vtp12, forge3(run, signed_hints=v.pad_hints(b"x=1")))
    bad("sig_i with S + L", ["VTP-12", "WIR-7"], forge3(run, change_sig=add_order))
    bad("sig_i, a bit of S", vtp12, forge3(run, change_sig=lambda sig: flip(sig, 40)))
    bad("sig_i of zeros", vtp12, forge3(run, change_sig=lambda sig: bytes(64)))
    own = run.setup.r_key
    bad(
        "vat_i is the responder's own, and signed by it",
        vtp12,
        forge3(run, vat=own.public, signer=own),
    )

    keys = ["NAM-1", "VTP-12"]
    off_curve = (2).to_bytes(32, "little")
    assert c.decode_loose(off_curve) is None
    zeros = lambda message: bytes(64)
    bad("vat_i that is not on the curve", keys, forge3(run, vat=off_curve, sig_of=zeros), False)

    def of_identity(message):
        s = int.from_bytes(rand("refused identity s", 64), "little") % c.L
        return c.encode(c.mul(s, c.BASE)) + s.to_bytes(32, "little")

    identity = c.encode(c.IDENTITY)
    bad(
        "vat_i of small order, with a signature that lax verifiers take",
        keys,
        forge3(run, vat=identity, sig_of=of_identity),
        False,
    )
    twisted = (c.P + 1).to_bytes(32, "little")
    bad(
        "vat_i not canonical, with a signature that lax verifiers take",
        keys,
        forge3(run, vat=twisted, sig_of=of_identity),
        False,
    )
    public, sig_of = torsioned(run)
    bad("vat_i with a torsion component, and a signature that holds", keys, forge3(run, vat=public, sig_of=sig_of))

    for name, hints in BAD_HINTS:
        bad("hints: " + name, ["VTP-11"], forge3(run, hints=hints))
    for r in (run, *anonymous):
        for size in (1, 254):
            forged = forge3(r, incarnation=bytes(8), hints=v.pad_hints(b"x" * size))
            bad(f"incarnation_i 0, and hints of length {size}", ["VTP-13"], forged, run=r)

    bad("fin_i, a bit", vtp12, forge3(run, fin=lambda s, d: flip(c.hmac(s.f_i, d), 0)))
    bad("fin_i, the last bit", vtp12, forge3(run, fin=lambda s, d: flip(c.hmac(s.f_i, d), -1, 128)))
    bad("fin_i of zeros", vtp12, forge3(run, fin=lambda s, d: bytes(32)))
    bad("fin_i under f_r", vtp12, forge3(run, fin=lambda s, d: c.hmac(s.f_r, d)))
    bad("fin_i over h after REPLYINFO", vtp12, forge3(run, fin=lambda s, d: c.hmac(s.f_i, s.h_replyinfo + d[32:])))
    bad("fin_i over other pair fields", vtp12, forge3(run, fin=lambda s, d: c.hmac(s.f_i, flip(d, 40))))

    opens = ["VTP-8", "WIR-4"]
    info, go = forge3(run)
    bad("GIVEINFO, a bit", opens, (flip(info, 0), go), False)
    bad("GIVEINFO under counter 1", opens, forge3(run, seal_info=lambda s, p: c.seal(s.k_ih, 1, p)), False)
    bad("GIVEINFO under k_rh", opens, forge3(run, seal_info=lambda s, p: c.seal(s.k_rh, 0, p)), False)
    bad("GO, a bit", opens, (info, flip(go, 0)), False)
    bad("GO, a bit of the tag", opens, (info, flip(go, -1)), False)
    bad("GO under counter 0", opens, forge3(run, seal_go=lambda s, p: c.seal(s.k_ih, 0, p)), False)
    bad("GO under counter 2", opens, forge3(run, seal_go=lambda s, p: c.seal(s.k_ih, 2, p)), False)

    for r in (run, slave):
        master = r.i.is_master
        good = r.i.pair
        for name, pair in pair_faults(good, "initiator", master):
            bad("pair fields: " + name, ["VTP-19"], forge3(r, pair=pair), run=r)
    claims = ["VTP-19", "VTP-13"]
    for r in anonymous:
        t = r.setup
        master = v.encode_pair(v.GO_VERDICT, t.i_mine, 0, t.i_go)
        bad("pair fields: an anonymous initiator is master", claims, forge3(r, pair=master), False, run=r)
    slave_pair = v.encode_pair(v.SAY, run.setup.i_mine, 0, 0)
    bad("pair fields: a named initiator with the greater key is slave", ["VTP-19"], forge3(run, pair=slave_pair), False)

    lengths = ["VTP-1", "WIR-2"]
    bad("GIVEINFO of 375 bytes", lengths, (info[:-1], go), False)
    bad("GIVEINFO of 377 bytes", lengths, (info + b"\0", go), False)
    bad("GO of 97 bytes", lengths, (info, go[:-1]), False)
    bad("GO of 99 bytes", lengths, (info, go + b"\0"), False)
    bad("GO of no bytes", lengths, (info, b""), False)
    bad("GO before GIVEINFO", lengths, (go, info), False)


# --- flight 4 --------------------------------------------------------------------------------------------------------


def flight4(cases, run, slave, anonymous):
    def record(run, plain, secret=None, counter=0):
        return lp(c.seal(rec.Traffic(run.i.s.s_r_to_i if secret is None else secret).key, counter, plain))

    def bad(name, clauses, wire, alone=True, run=run):
        cases.bad(run, 4, name, clauses, wire, alone)

    assert record(run, run.gotoo) == run.flight4
    for r in (run, slave):
        for name, pair in pair_faults(r.gotoo, "responder", r.r.is_master):
            bad("pair fields: " + name, ["VTP-19"], record(r, pair), run=r)
    for r in anonymous:
        slave_pair = v.encode_pair(v.SAY, r.setup.r_mine, r.setup.i_mine, 0)
        claims = ["VTP-19", "VTP-13"]
        bad("pair fields: slave to an anonymous initiator", claims, record(r, slave_pair), False, run=r)
    closes = ["VTP-21", "VTP-15"]
    bad("a bit", closes, flip(run.flight4, 2), False)
    bad("counter 1", closes, record(run, run.gotoo, counter=1), False)
    bad("under the secret of the other direction", closes, record(run, run.gotoo, run.i.s.s_i_to_r), False)
    bad("GOTOO of 49 bytes", ["VTP-15", "VTP-22"], record(run, run.gotoo[:49]), False)
    bad("frames and no GOTOO", ["VTP-15", "VTP-19"], record(run, bytes(60)), False)
    bad("GOTOO and a frame cut short", ["VTP-22"], record(run, run.gotoo + b"\3"), False)
    bad("GOTOO and a frame of unknown type", ["VTP-22"], record(run, run.gotoo + b"\x0b" + bytes(8)), False)
    bad("record length 16", ["VTP-21"], u16(16) + bytes(16), False)
    bad("record length 32,769", ["VTP-21"], u16(32769), False)


def make():
    setups = {s.name: s for s in hs.setups()}
    names = [
        "vat, master initiates",
        "vat, slave initiates, records behind GO and GOTOO",
        "link, relay initiates",
        "unknown versions and suites offered, another order of preference",
        "vat, anonymous initiator",
        "vat, anonymous initiator with the greater key",
    ]
    runs = [hs.Run(setups[name]) for name in names]
    for run in runs:
        run.is_first = run is runs[0]
    cases = Cases()
    flight1(cases, runs[0], runs[2], runs[3])
    flight2(cases, runs[0])
    flight3(cases, runs[0], runs[1], runs[4:])
    flight4(cases, runs[0], runs[1], runs[4:])
    return {
        "comment": "Flights with one fault each, made from those of handshake.json: who must refuse them, and why.",
        "spec": SPEC,
        "cases": cases.out,
    }
