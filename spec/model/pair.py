"""Chapter 3, section 3.2: the pair fields, and one vat's end of a pair (VTP-33 to VTP-41). Draws no randomness."""

from wire import Reader, require, u8, u64

PAIR_LEN = 50
VERDICTS = {"go": 1, "dup": 2, "gone": 3, "say": 4}
NAMES = {value: name for name, value in VERDICTS.items()}
UNKNOWN = 2**64 - 1
NUMBERS = ("mine", "yours", "go", "expect", "first", "past")
# Who may say what where.
MAY = {
    ("master", "GO"): {"go"},
    ("slave", "GO"): {"say"},
    ("master", "GOTOO"): {"go", "dup", "gone"},
    ("slave", "GOTOO"): {"say", "gone"},
}


def encode_fields(f):
    return u8(VERDICTS[f["verdict"]]) + u8(f["again"]) + b"".join(u64(f[x]) for x in NUMBERS)


def decode_fields(data):
    """VTP-19, what is true of any side in any place."""
    r = Reader(data, "VTP-19")
    verdict, again = r.u8("verdict"), r.u8("again")
    f = {x: r.u64(x) for x in NUMBERS}
    r.end("pair fields")
    require(verdict in NAMES, "VTP-19", "verdict")
    require(again <= 1, "VTP-19", "again")
    f["verdict"], f["again"] = NAMES.get(verdict, verdict), again
    require(f["mine"] != 0 or verdict in (2, 3), "VTP-19", "mine")
    require(f["yours"] != 0 or verdict != 3, "VTP-19", "yours")
    require(f["go"] != 0 or verdict not in (1, 2), "VTP-19", "go")
    require(f["expect"] != 0, "VTP-19", "expect")
    require(f["first"] != 0, "VTP-19", "first")
    return f


def read_fields(data, sender, place):
    """VTP-19: sender is "master" or "slave", place is "GO" or "GOTOO"."""
    f = decode_fields(data)
    require(f["verdict"] in MAY[sender, place], "VTP-19", "verdict")
    require(place == "GO" or f["verdict"] == "dup" or f["yours"] != 0, "VTP-19", "yours")
    return f


class Object:
    """VTP-33. peer: the peer's object it is joined to, or 0."""

    def __init__(self, id_):
        self.id, self.peer, self.shown = id_, 0, False


class Transport:
    """An own dial, or a transport that is live. shown: the object this side said on it, if any."""

    def __init__(self, dialled):
        self.dialled, self.live, self.shown = dialled, False, 0


class Misbehaved(Exception):
    """What a peer that keeps to the rule never says."""


class Pair:
    """One vat's end. Every event returns what comes of it."""

    def __init__(self, side, draw, past=0, anonymous=False):
        self.side, self.draw, self.anonymous = side, draw, anonymous
        self.begins = UNKNOWN if anonymous else past
        self.object, self.transports = None, {}
        self.forget_all()

    def forget_all(self):
        self.incarnation = None
        self.forget()

    def forget(self):
        """given: the last go number given to this incarnation (master); seen and told (slave)."""
        self.given = self.seen = self.told = 0
        self.past = self.begins

    # --- what can be asked ---------------------------------------------------------------------------------------

    @property
    def live(self):
        return next((t for t, x in self.transports.items() if x.live), None)

    @property
    def waits(self):
        """VTP-38"""
        return self.side == "slave" and self.told > self.seen

    @property
    def dials(self):
        """VTP-35, VTP-38, VTP-41"""
        return self.object is not None and self.live is None and not self.waits and not self.anonymous

    # --- events --------------------------------------------------------------------------------------------------

    def event(self, name, *args):
        self.out = {"made": [], "broken": [], "joined": [], "closed": [], "said": None, "close": None}
        try:
            getattr(self, name)(*args)
        except Misbehaved:
            self.out["refused"] = True
            if args[0] in self.transports:
                self.close(args[0])
            else:
                self.out["closed"].append(args[0])
            self.break_()
        if self.anonymous and self.object is None and not self.transports:
            self.forget_all()  # VTP-41
        self.out["closed"].sort()
        return self.out

    def want(self):
        if self.object is None:
            self.make()

    def dial(self, t):
        assert self.dials and t not in self.transports
        self.transports[t] = Transport(True)

    def proven(self, t, incarnation):
        """VTP-34, VTP-35: REPLYINFO has come on an own dial."""
        if not self.meet(incarnation):
            return self.close(t)
        if t not in self.transports:
            return None  # it went with the object
        if self.object is None or self.live is not None:
            return self.close(t)
        if self.side == "master":
            self.given = self.draw()
            self.say(t, "go", self.given)
            self.go_live(t)
        else:
            self.say(t, "say", self.seen)
        return None

    def heard_go(self, t, incarnation, f):
        """GO has come on a transport that the peer dialled."""
        if not self.meet(incarnation):
            return self.close(t)
        if self.side == "master":
            return self.decide(t, f)
        return self.adopt(t, f, False)

    def heard_gotoo(self, t, f):
        shown = self.transports[t].shown
        if f["verdict"] == "gone":  # VTP-39
            if self.object is not None and self.object.id == shown:
                self.break_()
            return self.close(t)
        if f["verdict"] == "dup":  # VTP-38
            self.told = max(self.told, f["go"])
            return self.close(t)
        if f["verdict"] == "go":
            return self.adopt(t, f, True)
        return self.join(f["mine"])

    def heard_gone(self, t, id_):
        """VTP-39: CLOSE with the reason gone, on a live transport."""
        if self.object is None or self.object.id != id_:
            raise Misbehaved
        self.break_()

    def lost(self, t):
        del self.transports[t]

    def ends(self):
        """The deadline of VTP-40, or CLOSE with the reason done."""
        self.break_()

    def patience(self):
        """VTP-38: no handshake is left that had begun when the dup came."""
        self.seen = self.told

    def drop(self):
        """VTP-40"""
        assert self.object is None and not self.transports
        self.begins = UNKNOWN
        self.forget_all()

    # --- the rule ------------------------------------------------------------------------------------------------

    def meet(self, incarnation):
        """VTP-34; false: a stale one."""
        if self.incarnation is not None and incarnation < self.incarnation:
            return False
        if self.incarnation is not None and incarnation > self.incarnation:
            if self.object is not None and (self.object.peer or self.object.shown):
                self.break_()
            self.forget()
        self.incarnation = incarnation
        return True

    def decide(self, t, f):
        """VTP-36"""
        x, m, seen = f["mine"], f["yours"], f["go"]
        if self.object is not None and self.object.peer:
            if self.object.peer < x:
                self.break_()
            elif self.object.peer > x:
                return self.answer_and_close(t, "dup", self.given)
        own = self.object
        if m != 0 and (own is None or own.id != m):
            return self.answer_and_close(t, "gone", self.given, x)
        joined = own is not None and own.peer == x
        if m == 0 and not joined and (f["again"] if self.past == UNKNOWN else x <= self.past):
            return self.answer_and_close(t, "gone", self.given, x)
        if seen < self.given and (own is not None or self.past != UNKNOWN):
            return self.answer_and_close(t, "dup", self.given)
        if own is not None and not own.peer and m == 0 and self.given_up(f["past"]):
            self.break_()
        if self.object is None:
            self.make()
        self.given = self.draw()
        self.join(x)
        self.say(t, "go", self.given)
        self.go_live(t)
        return None

    def given_up(self, past):
        """Whether the peer, which says this of its past, has given up the partner of the own, unjoined object."""
        return self.object.shown if past == UNKNOWN else self.object.id <= past

    def adopt(self, t, f, dialled):
        """VTP-37"""
        c, m, g = f["mine"], f["yours"], f["go"]
        if g <= self.seen:
            return self.close(t)
        self.seen = g
        own = self.object
        if m != 0:
            if own is None or own.id != m:
                return self.say_gone(t, c, dialled)
        else:
            joined = own is not None and own.peer == c
            if (f["again"] and not joined) if self.past == UNKNOWN else c <= self.past:
                return self.say_gone(t, c, dialled)
            if own is not None and not joined and (own.peer or self.given_up(f["past"])):
                self.break_(keep=t)
        if self.object is None:
            self.make()
        self.join(c)
        if not dialled:
            self.say(t, "say", g)
        self.go_live(t)
        return None

    # --- what is done --------------------------------------------------------------------------------------------

    def make(self):
        self.object = Object(self.draw())
        self.out["made"].append(self.object.id)

    def join(self, peer):
        if self.object.peer not in (0, peer):
            raise Misbehaved  # VTP-33: joined to one at most
        if not self.object.peer:
            self.object.peer = peer
            self.out["joined"].append([self.object.id, peer])

    def break_(self, keep=None):
        """VTP-33: with the object go its transports."""
        if self.object is None:
            return
        if self.past != UNKNOWN:
            self.past = max(self.past, self.object.peer)
        self.out["broken"].append(self.object.id)
        self.object = None
        for t in list(self.transports):
            if t != keep:
                self.close(t)

    def close(self, t):
        if self.transports.pop(t, None) is not None or t not in self.out["closed"]:
            self.out["closed"].append(t)

    def go_live(self, t):
        for other in list(self.transports):
            if other != t:
                self.close(other)
        self.transports.setdefault(t, Transport(False)).live = True

    def say(self, t, verdict, go, yours=None):
        own = self.object
        self.out["said"] = {
            "verdict": verdict,
            "again": int(own is not None and own.shown),
            "mine": own.id if own else 0,
            "yours": (own.peer if own else 0) if yours is None else yours,
            "go": go,
            "expect": 1,
            "first": 1,
            "past": self.past,
        }
        if verdict in ("go", "say"):
            own.shown = True
            self.transports.setdefault(t, Transport(False)).shown = own.id

    def answer_and_close(self, t, verdict, go, yours=None):
        self.say(t, verdict, go, yours)
        self.close(t)

    def say_gone(self, t, c, dialled):
        """VTP-37, VTP-39"""
        if dialled:
            self.out["close"] = c
        else:
            self.say(t, "gone", self.seen, c)
        self.close(t)
