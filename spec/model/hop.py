"""Chapter 4, section 4.3: the hop handshake, both sides. Nothing here draws randomness: it is given."""

import hmac as _hmac

import crypto as c
from wire import Reader, lp, require, u8, u64

RULE = "ONI-9"
REQUEST, REPLY, SETTINGS, TAG = 1283, 1179, 11, 16
VERSION, LIVE_MOST, START_BOUND = 1, 7, 2**62
KEPT = 65536
NO_PACING = (0,)


def encode_settings(live, class_, start, version=VERSION):
    return u8(live) + u8(class_) + u8(version) + u64(start)


def read_settings(data, classes):
    r = Reader(data, RULE)
    live, class_, version, start = r.u8("live"), r.u8("class"), r.u8("version"), r.u64("start")
    r.end("settings")
    require(live <= LIVE_MOST, RULE, "live count")
    require(class_ in classes, RULE, "class")
    require(version == VERSION, RULE, "version")
    require(start < START_BOUND, RULE, "start")
    return {"live": live, "class": class_, "start": start}


def settings_key(shared, id_, b, x_public, ek):
    prk = c.extract(c.label("hop settings"), shared)
    return c.expand(prk, c.label("hop settings") + id_ + c.H(b) + x_public + ek)


class Schedule:
    """What both sides make of the request and the first part of the reply."""

    def __init__(self, id_, b, x_public, ek, sealed, y_public, ct, dh_xy, dh_xb, kem_secret):
        parts = (id_, b, x_public, ek, sealed, y_public, ct)
        self.dh_xy, self.dh_xb, self.kem_secret = dh_xy, dh_xb, kem_secret
        self.th = c.H(c.label("hop transcript") + b"".join(lp(part) for part in parts))
        self.prk = c.extract(c.H(c.label("hop")), lp(dh_xy) + lp(dh_xb) + lp(kem_secret))
        self.auth_key = c.expand(self.prk, c.label("hop auth") + self.th)
        self.auth = c.hmac(self.auth_key, self.th + b"relay")
        self.forward = c.expand(self.prk, c.label("hop forward") + self.th)
        self.backward = c.expand(self.prk, c.label("hop backward") + self.th)
        self.back_key = c.expand(self.prk, c.label("hop settings back") + self.th)

    def json(self):
        names = ("dh_xy", "dh_xb", "kem_secret", "th", "prk", "auth_key", "auth", "forward", "backward", "back_key")
        return {name: getattr(self, name).hex() for name in names}


class Client:
    def __init__(self, id_, b, settings, x, d, z):
        """settings: their 11 bytes."""
        self.id, self.b, self.settings, self.x, self.d, self.z = id_, b, settings, x, d, z
        self.x_public = c.x25519_public(x)
        self.ek, _ = c.kem_keygen(d, z)
        self.dh_xb = c.x25519(x, b, RULE, "B of low order")
        self.settings_key = settings_key(self.dh_xb, id_, b, self.x_public, self.ek)

    def request(self):
        head = self.id + c.H(self.b)[:8] + self.x_public + self.ek
        self.sealed = c.seal(self.settings_key, 0, self.settings, head)
        return head + self.sealed

    def finish(self, reply):
        assert len(reply) == REPLY
        r = Reader(reply, RULE)
        y_public, ct = r.take(32, "Y"), r.take(c.CT_LEN, "ct")
        auth, back = r.take(32, "AUTH"), r.take(SETTINGS + TAG, "settings back")
        dh_xy = c.x25519(self.x, y_public, RULE, "Y of low order")
        s = Schedule(
            *(self.id, self.b, self.x_public, self.ek, self.sealed, y_public, ct),
            *(dh_xy, self.dh_xb, c.kem_decaps(self.d, self.z, ct)),
        )
        require(_hmac.compare_digest(auth, s.auth), RULE, "AUTH")
        settings = c.open_(s.back_key, 0, back, clause=RULE, part="settings back")
        require(settings == self.settings, RULE, "other settings")
        return s


class Relay:
    def __init__(self, id_, b_secret, classes=NO_PACING):
        """classes: those that a request may have. With pacing that is the class of the circuit's id (PAC-3)."""
        self.id, self.b_secret, self.b, self.classes = id_, b_secret, c.x25519_public(b_secret), classes
        self.seen = []

    def read(self, request):
        """What the request says. An X that opened its settings is kept from then on."""
        assert len(request) == REQUEST
        r = Reader(request, RULE)
        id_, b, x_public, ek = r.take(32, "id"), r.take(8, "H(B)"), r.take(32, "X"), r.take(c.EK_LEN, "ek")
        sealed = r.take(SETTINGS + TAG, "settings")
        require(id_ == self.id, RULE, "another id")
        require(b == c.H(self.b)[:8], RULE, "unknown H(B)")
        self.dh_xb = c.x25519(self.b_secret, x_public, RULE, "X of low order")
        require(x_public not in self.seen, RULE, "X seen")
        key = settings_key(self.dh_xb, id_, self.b, x_public, ek)
        head = request[: -len(sealed)]
        plain = c.open_(key, 0, sealed, head, RULE, "settings")
        self.seen = [*self.seen, x_public][-KEPT:]
        require(c.kem_key_ok(ek), RULE, "ek")
        return x_public, ek, sealed, plain, read_settings(plain, self.classes)

    def answer(self, request, y, m):
        """The settings and the reply."""
        x_public, ek, sealed, plain, settings = self.read(request)
        y_public = c.x25519_public(y)
        kem_secret, ct = c.kem_encaps(ek, m, RULE)
        dh_xy = c.x25519(y, x_public, RULE, "X of low order")
        self.s = Schedule(self.id, self.b, x_public, ek, sealed, y_public, ct, dh_xy, self.dh_xb, kem_secret)
        return settings, self.reply(y_public, ct, self.s, plain)

    @staticmethod
    def reply(y_public, ct, schedule, settings):
        return y_public + ct + schedule.auth + c.seal(schedule.back_key, 0, settings)
