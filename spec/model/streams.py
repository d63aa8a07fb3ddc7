"""Chapter 3, section 3.5: streams and datagrams, as one side has them. A stream that nobody reads grants nothing."""

from wire import require

CREDIT_FIRST, CREDIT_MOST = 65536, 1048576
STREAMS_MOST, DATAGRAMS_MOST = 1024, 64


class Stream:
    """heard: bytes that came. room: bytes that may be said yet. *_end: None, "fin" or "reset"."""

    def __init__(self):
        self.heard, self.room = 0, CREDIT_FIRST
        self.in_end = self.out_end = None


class Streams:
    """side: "master" or "slave", whose end this is."""

    def __init__(self, side):
        self.own_next, self.peer_next = (0, 1) if side == "master" else (1, 0)
        self.streams, self.answers, self.datagrams = {}, [], []

    # --- what this side does ---------------------------------------------------------------------------------------

    def open(self):
        stream, self.own_next = self.own_next, self.own_next + 2
        self.streams[stream] = Stream()

    def write(self, stream, n, fin):
        s = self.streams[stream]
        assert s.out_end is None and n <= s.room
        s.room -= n
        if fin:
            s.out_end = "fin"
            self.sweep(stream)

    def reset(self, stream):
        assert self.streams[stream].out_end is None
        self.streams[stream].out_end = "reset"
        self.sweep(stream)

    # --- what it hears -----------------------------------------------------------------------------------------------

    def known(self, stream, clause="VTP-50"):
        """The stream, or None if it is gone."""
        ours = (stream - self.own_next) % 2 == 0
        opened = stream < (self.own_next if ours else self.peer_next)
        require(opened, clause, "a stream that was never opened")
        return self.streams.get(stream)

    def on_open(self, f):
        require(f["stream"] == self.peer_next, "VTP-49", "id of a stream")
        peers = sum((x - self.peer_next) % 2 == 0 for x in self.streams)
        require(peers < STREAMS_MOST, "VTP-49", "too many streams")
        self.streams[f["stream"]] = Stream()
        self.peer_next = f["stream"] + 2

    def on_stream(self, f):
        s, n = self.known(f["stream"]), len(f["bytes"]) // 2
        require(s is not None, "VTP-50", "a stream that is gone")
        if s is None:
            return
        require(s.in_end is None, "VTP-50", "behind the end of a stream")
        s.heard += n
        require(s.heard <= CREDIT_FIRST, "VTP-51", "beyond the credit")
        if f["fin"]:
            s.in_end = "fin"
            self.sweep(f["stream"])

    def on_credit(self, f):
        s = self.known(f["stream"])
        if s is None:
            return
        require(f["more"] > 0, "VTP-51", "a grant of 0")
        require(s.room + f["more"] <= CREDIT_MOST, "VTP-51", "a grant too great")
        s.room += f["more"]

    def on_reset(self, f):
        s = self.known(f["stream"])
        if s is None:
            return
        s.in_end = s.in_end or "reset"
        if s.out_end is None:
            s.out_end = "reset"
            self.answers.append(f["stream"])
        self.sweep(f["stream"])

    def on_datagram(self, f):
        self.datagrams = [*self.datagrams, f["bytes"]][-DATAGRAMS_MOST:]

    def sweep(self, stream):
        s = self.streams[stream]
        if s.in_end and s.out_end:
            del self.streams[stream]

    def json(self):
        """How many there are, and those of which more than OPEN was heard or said."""
        fresh = vars(Stream())
        changed = {n: s for n, s in sorted(self.streams.items()) if vars(s) != fresh}
        return {"count": len(self.streams), "changed": [{"stream": n, **vars(s)} for n, s in changed.items()]}
