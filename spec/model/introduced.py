"""Chapter 6, section 6.3: the handshake with a ticket, both roles. What stands in EARLY is bytes here; calls.py fills it."""

import crypto as c
import rendezvous as r
import vattp as v
from wire import lp, require

MOST_FRAMES = 4096
EARLY_SHORTEST = 187
EARLY_LONGEST = EARLY_SHORTEST + r.MOST_LINKS * r.LINK_LEN + MOST_FRAMES
ANSWER_SHORTEST = v.PAIR_LEN + 16
ANSWER_LONGEST = ANSWER_SHORTEST + MOST_FRAMES


class Schedule(v.Schedule):
    """RDV-13, RDV-12"""

    def __init__(self, use, ticket_secret):
        super().__init__(use)
        self.ticket_secret = ticket_secret

    def early(self, item, target_secret):
        self.h_early, self.target_secret = v.mix(self.h_iwant, item), target_secret

    def h_flight1(self):
        return self.h_early

    def h_flight2(self):
        return self.h_answer

    def more_ikm(self):
        return lp(self.target_secret) + lp(self.ticket_secret)

    def initiator_keys(self):
        pass  # ANSWER comes first

    def answer(self, item):
        self.h_answer = v.mix(self.h_replyinfo, item)
        super().initiator_keys()


class Initiator(v.Initiator):
    def __init__(self, ticket_secret, early, *rest):
        super().__init__(*rest)
        self.ticket_secret, self.early = ticket_secret, early
        self.s = Schedule(self.use, ticket_secret)

    def flight1(self):
        flight = super().flight1()
        self.write_early()
        self.s.early(self.early, self.target_secret)
        return flight + lp(self.early)

    def write_early(self):
        pass

    def end_flight2(self, reader):
        self.expects = "ExpectAnswer"
        self.answer = v.read_item(reader, ANSWER_SHORTEST, ANSWER_LONGEST, "ANSWER", "RDV-14")
        self.expects = "ExpectReplyInfo"
        reader.end("flight 2")

    def flight2(self, data):
        """The frames of ANSWER, in bytes."""
        super().flight2(data)
        self.expects = "ExpectAnswer"
        self.answer_plain = c.open_(self.s.k_rh, 1, self.answer, clause="RDV-14", part="ANSWER")
        self.s.answer(self.answer)
        self.gotoo(self.answer_plain[: v.PAIR_LEN])
        return self.answer_plain[v.PAIR_LEN :]


class Responder(v.Responder):
    """claim: the vat, the incarnation and the pair fields that were read in EARLY."""

    def __init__(self, ticket_secret, claim, frames, *rest):
        super().__init__(*rest)
        self.ticket_secret, self.claim, self.frames = ticket_secret, claim, frames
        self.s = Schedule(self.use, ticket_secret)

    def end_flight1(self, reader):
        self.expects = "ExpectEarly"
        self.early = v.read_item(reader, EARLY_SHORTEST, EARLY_LONGEST, "EARLY", "RDV-10")
        self.expects = "ExpectIWant"
        reader.end("flight 1")

    def judge(self):
        self.s.early(self.early, self.target_secret)
        vat_i, incarnation, pair = self.claim
        self.is_master = not v.initiator_is_master(vat_i, incarnation, self.key.public)
        self.peer_mine, peer_go = v.read_pair(pair, not self.is_master, "initiator")
        self.go_number = self.go if self.is_master else peer_go

    def flight2(self):
        flight = super().flight2()
        self.answer_plain = self.gotoo() + self.frames
        self.answer = c.seal(self.s.k_rh, 1, self.answer_plain)
        self.s.answer(self.answer)
        return flight + lp(self.answer)

    def check_bearer(self, vat_i, incarnation):
        require((vat_i, incarnation) == self.claim[:2], "RDV-15", "bearer")

    def check_pair(self, pair):
        require(pair == self.claim[2], "RDV-15", "pair fields")
