//! handshake.json: whole handshakes, both roles, byte for byte.

use super::flights::{self, Stop};
use super::schedule::{check, kem_seed, lp};
use super::{Case, Fields, File, Wrong, equal, frames, good, holds, load, names, same, some};
use pluribus_mix::crypto::aead::Backend;
use pluribus_mix::crypto::dh::Scalar;
use pluribus_mix::crypto::sign::PublicKey;
use pluribus_mix::id::{RelayId, VatId};
use pluribus_mix::locator::Address;
use pluribus_mix::time::Duration;
use pluribus_mix::vattp::initiator::{self, Established, ExpectGoToo, ExpectIam};
use pluribus_mix::vattp::pair::{PairFields, Side};
use pluribus_mix::vattp::pipe::{Carried, Opener, Sealer};
use pluribus_mix::vattp::responder::{self, Accepted, ExpectGiveInfo, Hosted};
use pluribus_mix::vattp::seen::Seen;
use pluribus_mix::vattp::target::Wanted;
use pluribus_mix::vattp::{Hints, Local, Offers, Peer, Use};
use std::sync::{Arc, OnceLock};

/// A case of handshake.json by its name.
///
/// # Errors
/// If there is none.
pub fn base(name: &str) -> Result<&'static Case, Wrong> {
    static FILE: OnceLock<Result<File, Wrong>> = OnceLock::new();
    let file = FILE.get_or_init(|| load("handshake"));
    let file = file.as_ref().map_err(Wrong::clone)?;
    let found = file.cases.iter().find(|case| case.name() == name);
    some("the base is not there", found)
}

/// What the flight must not be.
pub(super) fn unrefused<T>(taken: Result<T, Stop>) -> Result<T, Wrong> {
    taken.map_err(|stop| match stop {
        Stop::Wrong(wrong) => wrong,
        Stop::Refused { state, violation } => {
            Wrong::new(format!("{state} refused it: {violation}"))
        }
    })
}

/// Both sides of a handshake, as a case sets them up.
#[derive(Debug)]
pub struct Setup<'c> {
    pub(super) i: Fields<'c>,
    pub(super) r: Fields<'c>,
    /// What for.
    pub for_use: Use,
    backend: Backend,
}

impl<'c> Setup<'c> {
    /// As the case says.
    ///
    /// # Errors
    /// If it says nothing that can be understood; so with the methods.
    pub fn new(case: &'c Case, backend: Backend) -> Result<Self, Wrong> {
        let fields = case.fields();
        let (i, r) = (fields.object("initiator")?, fields.object("responder")?);
        let for_use = match fields.text("use")? {
            "link" => Use::Link,
            "exit" => Use::Exit,
            "vat" => Use::Vat,
            _ => return some("an unknown use", None),
        };
        Ok(Self {
            i,
            r,
            for_use,
            backend,
        })
    }

    pub(super) fn local(&self, fields: &Fields<'_>) -> Result<Local, Wrong> {
        let key = names::signing_key(fields)?;
        let texts = [
            VatId::from(key.public()).to_string(),
            RelayId::from(key.public()).to_string(),
        ];
        let text = fields.text("text")?;
        holds(texts.iter().any(|own| own == text), || {
            format!("{text} is another's name")
        })?;
        let hints = Hints::new(&fields.bytes("hints")?);
        Ok(Local {
            key: Arc::new(key),
            incarnation: fields.u64("incarnation")?,
            hints: some("the hints are too long", hints)?,
            backend: self.backend,
        })
    }

    /// Flight 1, and the initiator that waits for flight 2.
    pub fn initiator(&self) -> Result<(ExpectIam, Vec<u8>), Wrong> {
        let i = &self.i;
        let wanted = Wanted {
            key: public(i, "wanted")?,
            prekey: i.array("b")?,
            for_use: self.for_use,
            place: place(self.for_use, i.text("place")?)?,
        };
        let entropy = initiator::Entropy {
            x_i: i.array("x_secret")?.into(),
            kem: kem_seed(i)?.into(),
        };
        let (local, mut out) = (self.local(i)?, Vec::new());
        let expect = initiator::start(wanted, local, offers(i)?, entropy, &mut out);
        Ok((good("the dial", expect)?, out))
    }

    /// The responder as it waits for flight 1.
    pub fn hosted(&self) -> Result<Hosted, Wrong> {
        let r = &self.r;
        let local = self.local(r)?;
        let secret: [u8; 32] = r.array("b_secret")?;
        let own = match self.for_use {
            Use::Vat => *local.key.mapped_secret(),
            Use::Link | Use::Exit => r.array("onion_secret")?,
        };
        same("the secret of B", &own, &secret)?;
        equal(
            "whether R is a relay",
            r.has("onion_secret"),
            self.for_use != Use::Vat,
        )?;
        let prekey = Scalar::from_bytes(secret.into());
        same("B", &prekey.public(), &self.i.bytes("b")?)?;
        let places = r.texts("places")?.into_iter();
        let places = places.map(|text| place(self.for_use, text));
        Ok(Hosted {
            prekey,
            for_use: self.for_use,
            places: places.collect::<Result<_, _>>()?,
            offers: offers(r)?,
            local,
        })
    }

    /// The responder's random bytes.
    pub fn entropy(&self) -> Result<responder::Entropy, Wrong> {
        Ok(responder::Entropy {
            x_r: self.r.array("x_secret")?.into(),
            m: self.r.array("kem_m")?.into(),
        })
    }

    /// The responder's key.
    pub fn responder_key(&self) -> Result<PublicKey, Wrong> {
        public(&self.r, "public")
    }

    /// The responder takes this flight 1; with flight 2.
    pub fn answer(&self, flight1: &mut [u8]) -> Result<(ExpectGiveInfo, Vec<u8>), Wrong> {
        let (mut seen, mut out) = (Seen::new(Duration::from_secs(40)), Vec::new());
        let (hosted, entropy) = (self.hosted()?, self.entropy()?);
        let next = flights::iwant(&hosted, &mut seen, entropy, flight1, &mut out);
        Ok((unrefused(next)?, out))
    }

    /// The initiator takes this flight 2; with what it said, flight 3, and its direction.
    pub fn go(&self, expect: ExpectIam, flight2: &mut [u8]) -> Result<Gone, Wrong> {
        let proven = unrefused(flights::iam_replyinfo(expect, flight2))?;
        self.is_peer(&self.r, proven.peer())?;
        let side = side(&self.i)?;
        equal("our side", proven.side(), side)?;
        let said = PairFields::go(side, self.i.u64("mine")?, go_number(&self.i)?);
        let mut flight3 = Vec::new();
        let (expect, sealer) = good("GO", proven.go(&said, Carried::Stream, &mut flight3))?;
        Ok(Gone {
            expect,
            side,
            flight3,
            sealer,
        })
    }

    /// What the responder says in GOTOO to this initiator.
    pub fn gotoo(&self, accepted: &Accepted) -> Result<PairFields, Wrong> {
        self.is_peer(&self.i, accepted.peer())?;
        let anonymous = accepted.peer().is_anonymous();
        equal("anonymity", anonymous, self.i.bool("anonymous")?)?;
        let side = side(&self.r)?;
        let theirs = Side::of_dialler(accepted.peer(), &self.responder_key()?);
        equal("the responder's side", theirs.other(), side)?;
        let (mine, go) = (self.r.u64("mine")?, go_number(&self.r)?);
        Ok(PairFields::go_too(side, mine, go, accepted.fields()))
    }

    pub(super) fn is_peer(&self, of: &Fields<'_>, peer: &Peer) -> Result<(), Wrong> {
        let hints = Hints::new(&of.bytes("hints")?);
        let wanted = Peer {
            key: public(of, "public")?,
            incarnation: of.u64("incarnation")?,
            hints: some("the hints are too long", hints)?,
        };
        equal("the peer", peer, &wanted)
    }
}

/// An initiator that has said GO.
pub struct Gone {
    /// It waits for GOTOO.
    pub expect: ExpectGoToo,
    /// Its side.
    pub side: Side,
    /// GIVEINFO and GO.
    pub flight3: Vec<u8>,
    /// Its direction.
    pub sealer: Sealer,
}

pub(super) fn public(fields: &Fields<'_>, name: &str) -> Result<PublicKey, Wrong> {
    good(name, PublicKey::from_bytes(&fields.array(name)?))
}

pub(super) fn offers(fields: &Fields<'_>) -> Result<Offers, Wrong> {
    let offers = Offers::new(fields.numbers("versions")?, fields.numbers("suites")?);
    good("the offers", offers)
}

pub(super) fn side(fields: &Fields<'_>) -> Result<Side, Wrong> {
    let master = fields.bool("master")?;
    Ok(if master { Side::Master } else { Side::Slave })
}

/// The master's go number; the slave has none.
pub(super) fn go_number(fields: &Fields<'_>) -> Result<u64, Wrong> {
    if fields.has("go") {
        fields.u64("go")
    } else {
        Ok(0)
    }
}

/// A place as it enters the target. (VTP-4)
///
/// # Errors
/// If there can be no such place.
pub fn place(for_use: Use, text: &str) -> Result<Vec<u8>, Wrong> {
    if for_use == Use::Vat {
        let address = good("the place", text.parse::<Address>())?;
        return Ok(address.to_string().into_bytes());
    }
    let bytes = data_encoding::HEXLOWER.decode(text.as_bytes());
    good("the place", bytes)
}

/// Runs one case.
pub fn run(case: &Case, backend: Backend) -> Result<(), Wrong> {
    let (setup, fields) = (Setup::new(case, backend)?, case.fields());
    let (wires, items) = (fields.object("flights")?, fields.object("items")?);
    let records = fields.object("records")?;
    check(case, setup.for_use, backend)?;

    let (expect, mut flight1) = setup.initiator()?;
    same("flight 1", &flight1, &wires.bytes("1")?)?;
    same(
        "flight 1 by its item",
        &flight1,
        &lp(&items.bytes("iwant")?),
    )?;
    let (answering, mut flight2) = setup.answer(&mut flight1)?;
    same("flight 2", &flight2, &wires.bytes("2")?)?;
    let parts = [lp(&items.bytes("iam")?), lp(&items.bytes("replyinfo")?)];
    same("flight 2 by its items", &flight2, &parts.concat())?;

    let mut gone = setup.go(expect, &mut flight2)?;
    same("flight 3", &gone.flight3, &wires.bytes("3")?)?;
    let parts = [lp(&items.bytes("giveinfo")?), lp(&items.bytes("go")?)];
    same("flight 3 by its items", &gone.flight3, &parts.concat())?;
    let behind_go = records.objects("behind_go")?;
    let mut sent = gone.flight3.clone();
    sent.extend(seal(&mut gone.sealer, &behind_go)?);

    let ours = setup.responder_key()?;
    let (accepted, rest) = unrefused(flights::giveinfo_go(answering, &ours, &mut sent))?;
    let rest = rest.to_vec();
    let said = setup.gotoo(&accepted)?;
    let gotoo = PairFields::decode(&fields.object("plain")?.bytes("gotoo")?);
    equal("GOTOO", said, good("GOTOO", gotoo)?)?;
    let (mut at_r, mut sealer) = accepted.go_too(&said, Carried::Stream);
    opened(&mut at_r.opener, rest, &behind_go)?;

    let gotoo_frames = records.objects("gotoo_frames")?;
    let mut flight4 = Vec::new();
    holds(sealer.must_speak(), || "GOTOO does not wait".to_owned())?;
    let begun = sealer.begin(&mut flight4);
    frames::encode(&gotoo_frames, &mut flight4)?;
    good("record 0", sealer.seal(begun, &mut flight4))?;
    same("flight 4", &flight4, &wires.bytes("4")?)?;

    let taken = flights::gotoo(gone.expect, gone.side, &mut flight4);
    let (mut at_i, heard, plain) = unrefused(taken)?;
    equal("GOTOO as heard", heard, said)?;
    frames::compare(&plain, &gotoo_frames)?;
    let behind_gotoo = records.objects("behind_gotoo")?;
    let sent = seal(&mut sealer, &behind_gotoo)?;
    opened(&mut at_i.opener, sent, &behind_gotoo)?;
    ends(&setup, &fields.object("values")?, &at_i, &at_r)
}

/// What both know at the end.
pub(super) fn ends(
    setup: &Setup<'_>,
    values: &Fields<'_>,
    at_i: &Established,
    at_r: &Established,
) -> Result<(), Wrong> {
    setup.is_peer(&setup.r, &at_i.peer)?;
    setup.is_peer(&setup.i, &at_r.peer)?;
    let exporter = values.bytes("exporter")?;
    same(
        "the initiator's exporter",
        at_i.exporter.as_bytes(),
        &exporter,
    )?;
    same(
        "the responder's exporter",
        at_r.exporter.as_bytes(),
        &exporter,
    )
}

/// Seals these records; each as the vector has it.
pub(super) fn seal(sealer: &mut Sealer, records: &[Fields<'_>]) -> Result<Vec<u8>, Wrong> {
    let mut out = Vec::new();
    for record in records {
        let start = out.len();
        let begun = sealer.begin(&mut out);
        let content = out.len();
        frames::encode(&record.objects("frames")?, &mut out)?;
        let plain = out.get(content..).unwrap_or_default();
        same("a record's frames", plain, &record.bytes("plain")?)?;
        good("a record", sealer.seal(begun, &mut out))?;
        let wire = out.get(start..).unwrap_or_default();
        same("a record", wire, &record.bytes("wire")?)?;
    }
    Ok(out)
}

/// Opens these records where they lie.
pub(super) fn opened(
    opener: &mut Opener,
    mut wires: Vec<u8>,
    records: &[Fields<'_>],
) -> Result<(), Wrong> {
    let mut rest = &mut wires[..];
    for record in records {
        let len = record.bytes("wire")?.len();
        let (wire, behind) = rest.split_at_mut(len.min(rest.len()));
        let sealed = wire.get_mut(2..).unwrap_or_default();
        let plain = good("a record", opener.open(sealed))?;
        same("an opened record", plain, &record.bytes("plain")?)?;
        frames::compare(plain, &record.objects("frames")?)?;
        rest = behind;
    }
    holds(rest.is_empty(), || "bytes behind the records".to_owned())
}
