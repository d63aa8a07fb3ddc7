"""Chapter 6: keys of an epoch, and location records."""

import crypto as c
import rendezvous as r
from wire import Reader, require, u8, u64

EPOCH, OVERLAP = 10800, 1800
LEN, HEAD, PLAIN = 264, 73, 111


# --- RDV-29 --------------------------------------------------------------------------------------------------------


def factor(vat, network, epoch):
    h = bytearray(c.H(c.label("epoch key") + vat + u64(epoch) + network))
    h[0] &= 248
    h[31] = h[31] & 127 | 64
    return bytes(h)


def epoch_key(vat, network, epoch):
    f = int.from_bytes(factor(vat, network, epoch), "little")
    return c.encode(c.mul(f % c.L, c.decode_loose(vat)))


class EpochKey:
    """The signing half: scalar and prefix, as of an expanded key, but the scalar is reduced."""

    def __init__(self, key, network, epoch):
        f = factor(key.public, network, epoch)
        self.scalar = int.from_bytes(f, "little") * int.from_bytes(key.scalar, "little") % c.L
        self.prefix = c.H(c.label("epoch prefix") + key.expanded[32:] + f)
        self.public = c.encode(c.mul(self.scalar, c.BASE))
        assert self.public == epoch_key(key.public, network, epoch)
        assert r.is_key(self.public)

    def sign(self, message):
        signature = c.sign_expanded(self.scalar.to_bytes(32, "little") + self.prefix, message)
        assert c.verify_strict(self.public, message, signature)
        assert c.library_verify(self.public, message, signature)
        return signature


# --- RDV-30 --------------------------------------------------------------------------------------------------------


def seal_key(vat, head):
    prk = c.extract(c.label("record key"), vat)
    return c.expand(prk, c.label("record key") + head)


def make_record(key, network, epoch, revision, salt, plain, version=1, signer=None, vat=None, counter=0):
    epoch_signer = EpochKey(key, network, epoch) if signer is None else signer
    head = u8(version) + network + u64(epoch) + epoch_signer.public + u64(revision) + salt
    body = head + c.seal(seal_key(key.public if vat is None else vat, head), counter, plain)
    return body + epoch_signer.sign(c.label("record") + body)


# --- RDV-31, RDV-32 ------------------------------------------------------------------------------------------------


def counts(epoch, now):
    return max(epoch * EPOCH - OVERLAP, 0) <= now < (epoch + 1) * EPOCH + OVERLAP


def published(now):
    this = now // EPOCH
    return [epoch for epoch in (this, this + 1) if counts(epoch, now)]


def looked_up(now):
    this = now // EPOCH
    return [this] + [epoch for epoch in (this - 1, this + 1) if epoch >= 0 and counts(epoch, now)]


# --- RDV-39 --------------------------------------------------------------------------------------------------------


def keepers(index, relays):
    return sorted(relays, key=lambda relay: c.H(c.label("record keeper") + index + relay))[:3]


# --- RDV-30, RDV-31 ------------------------------------------------------------------------------------------------


def check_record(data, network, now):
    """What whoever keeps it checks: index, epoch, revision."""
    reader = Reader(data, "RDV-30")
    require(reader.u8("version") == 1, "RDV-31", "version")
    of, epoch, index = reader.take(8, "network id"), reader.u64("epoch"), reader.take(32, "epoch key")
    require(r.is_key(index), "RDV-30", "epoch key")
    revision, _ = reader.u64("revision"), reader.take(16, "salt")
    reader.take(PLAIN + 16, "sealed")
    sig = reader.take(64, "sig")
    reader.end("record")
    require(of == network, "RDV-31", "another network")
    require(counts(epoch, now), "RDV-31", "epoch")
    require(c.verify_strict(index, c.label("record") + data[:-64], sig), "RDV-31", "signature")
    return index, epoch, revision


def read_record(data, vat, network, epoch, now):
    index, of, _ = check_record(data, network, now)
    require(index == epoch_key(vat, network, epoch) and of == epoch, "RDV-30", "another vat or epoch")
    sealed = data[HEAD:-64]
    reader = Reader(c.open_(seal_key(vat, data[:HEAD]), 0, sealed, clause="RDV-30", part="seal"), "RDV-30")
    spot = r.read_spot(reader, "RDV-30")
    version, suite, class_ = reader.u8("version"), reader.u16("suite"), reader.u8("class")
    require(class_ < 4, "RDV-30", "class")
    inner, prekey = reader.take(8, "network id"), reader.take(32, "prekey")
    reader.end("plain")
    require(inner == network, "RDV-30", "another network inside")
    require((version, suite) == (1, 1), "RDV-30", "version or suite")
    return {"spot": spot, "class": class_, "prekey": prekey}
