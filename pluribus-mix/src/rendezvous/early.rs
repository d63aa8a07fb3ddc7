//! What goes with the first flight: who calls, by whose leave, and first words. (RDV-9 to RDV-11)
//!
//! The caller's side is [`call`]: it spends an [`Introduction`] and writes flight 1. The callee's side is a row of states,
//! each spent by what comes:
//!
//! ```text
//! Issued::meet ─► Met ─IWANT─► Asked ─EARLY─► Early ─Issued::spend─► Held ─decide─► Owed ─answer─► ExpectGiveInfo
//! ```
//!
//! Until [`Held`] a failure costs the ticket nothing. From there on the ticket is spent, whatever becomes of the handshake;
//! and the frames are in nobody's hands before the owner of the pair has said whether this transport is the pair's.

use zeroize::Zeroizing;

use super::delegation::{Chain, Link, MOST_LINKS, Root};
use super::splice::{Opening, Splice};
use super::ticket::{Bearer, Spot, TicketId};
use super::{Introduction, Refused};
use crate::ablation::check;
use crate::crypto::aead::{Aead, Backend, Key};
use crate::crypto::kdf::{Label, Secret, hash};
use crate::crypto::sign::SigningKey;
use crate::directory::Wall;
use crate::id::VatId;
use crate::time::Instant;
use crate::vattp::flight::{ANSWER_LEN, EARLY_LEN};
use crate::vattp::initiator::{CannotDial, Entropy};
use crate::vattp::introduced::Introduced;
use crate::vattp::introduced::initiator::{self, ExpectIam};
use crate::vattp::introduced::responder::{self, ExpectEarly, ExpectGiveInfo, ExpectIWant};
use crate::vattp::pair::{PairFields, Side, Within};
use crate::vattp::responder::Door;
use crate::vattp::seen::Seen;
use crate::vattp::target::Wanted;
use crate::vattp::{Local, Offers, Use, Violation};
use crate::wire::{DecodeError, Fault, Put, Reader};

/// The most bytes of frames in EARLY. (RDV-10)
pub const MOST_FRAMES: usize = 4096;
const SHORTEST: usize = TicketId::LEN + HEAD + PairFields::LEN + SIGNATURE + TAG;
const LONGEST: usize = SHORTEST + MOST_LINKS * Link::LEN + MOST_FRAMES;
/// vat_i ‖ incarnation_i ‖ n.
const HEAD: usize = 32 + 8 + 1;
const SIGNATURE: usize = 64;
const TAG: usize = crate::crypto::aead::TAG_LEN;
const _: () = assert!(*EARLY_LEN.start() == SHORTEST && *EARLY_LEN.end() == LONGEST);
const _: () = assert!(*ANSWER_LEN.end() - *ANSWER_LEN.start() == MOST_FRAMES);

/// Why a call cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotCall {
    /// The handshake cannot begin.
    #[error(transparent)]
    Dial(#[from] CannotDial),
    /// The introduction is for somebody else, or its time is over. (RDV-5)
    #[error("the introduction: {0}")]
    Introduction(#[from] Refused),
    /// More first words than fit. (RDV-10)
    #[error("more than 4096 bytes of first frames")]
    TooLong,
}

/// A call that is under way: flight 1 is written, IAM is awaited.
pub struct Called {
    /// Where to JOIN.
    pub spot: Spot,
    /// The handshake.
    pub expect: ExpectIam,
    /// The seal over its flights. Flight 1 has not gone through it yet.
    pub splice: Splice,
}

/// Calls with an introduction, which is used up: writes IWANT and EARLY to `flight`. (RDV-9, RDV-10)
///
/// `fields` are the pair fields that GO will say, `frames` first words, numbered as they will be.
///
/// # Errors
/// If this vat may not use the introduction, or there is too much to say. Nothing may be sent then.
pub fn call(
    introduction: &Introduction,
    local: Local,
    now: Wall,
    entropy: Entropy,
    fields: &PairFields,
    frames: &[u8],
    flight: &mut Vec<u8>,
) -> Result<Called, CannotCall> {
    let ours = VatId::from(local.key.public());
    if !check!(ForUs, introduction.is_for(&ours)) {
        return Err(Refused::NotForYou.into());
    }
    if now >= introduction.expiry() {
        return Err(Refused::Expired.into());
    }
    if frames.len() > MOST_FRAMES {
        return Err(CannotCall::TooLong);
    }
    let ticket = introduction.ticket();
    let place = ticket.spot().place();
    let wanted = Wanted {
        key: *ticket.vat().public_key(),
        prekey: *ticket.prekey(),
        for_use: Use::Vat,
        place: place.to_vec(),
    };
    let offers = Offers::of_tickets();
    let (key, backend) = (local.key.clone(), local.backend);
    let incarnation = local.incarnation;
    let secret = Secret::from(*ticket.secret().as_bytes());
    let saying = initiator::start(wanted, secret, local, offers, entropy, flight)?;
    let opening = Opening {
        selector: *ticket.id().as_bytes(),
        x_i: saying.x_i(),
    };
    let introduced = saying.introduced();
    let (dh, secret) = (&introduced.dh, Some(introduced.secret.as_bytes()));
    let splice = Splice::of_caller(dh, secret, &opening, &place, backend);
    let words = Words {
        vat: ours,
        incarnation,
        chain: introduction.chain().clone(),
        fields: *fields,
        frames: Zeroizing::new(frames.to_vec()),
    };
    let seal = Seal::new(introduced, saying.h(), backend);
    let item = words.seal(&seal, &ticket.id(), &ticket.vat(), &key);
    let item = item.ok_or(CannotCall::TooLong)?;
    let expect = saying.say(&item, fields, flight);
    Ok(Called {
        spot: *ticket.spot(),
        expect: expect.map_err(|_| CannotCall::TooLong)?,
        splice,
    })
}

/// What EARLY is sealed under, and what its signature covers of the handshake. (RDV-10)
struct Seal {
    h: [u8; 32],
    key: Key,
}

impl Seal {
    /// For the handshake whose h after IWANT this is.
    fn new(introduced: &Introduced, h: &[u8; 32], backend: Backend) -> Self {
        let len = 32_u16.to_be_bytes();
        let (dh, secret) = (&introduced.dh[..], introduced.secret.as_bytes());
        let prk = Secret::extract(h, &[&len, dh, &len, secret]);
        let key = prk.expand(Label::EARLY, b"");
        Self {
            h: *h,
            key: Key::new(backend, key.as_bytes()),
        }
    }
}

/// What EARLY says.
struct Words {
    vat: VatId,
    incarnation: u64,
    chain: Chain,
    fields: PairFields,
    frames: Zeroizing<Vec<u8>>,
}

impl Words {
    /// `ticket id ‖ sealed`. `None` if it is longer than any cipher takes.
    fn seal(
        &self,
        early: &Seal,
        ticket: &TicketId,
        callee: &VatId,
        key: &SigningKey,
    ) -> Option<Vec<u8>> {
        let mut plain = Zeroizing::new(Vec::with_capacity(LONGEST));
        plain.put(self.vat.as_bytes());
        plain.put_u64(self.incarnation);
        let from = plain.len();
        plain.put_u8(u8::try_from(self.chain.links().len()).ok()?);
        self.chain.encode(&mut plain);
        self.fields.encode(&mut plain);
        plain.put(&self.frames);
        let covered = hash(&[plain.get(from..)?]);
        let said = signed(early, ticket, callee, plain.get(..from)?, &covered);
        let signature = key.sign(&said);
        plain.put(&signature);
        let tag = early.key.seal(0, ticket.as_bytes(), &mut plain).ok()?;
        let mut item = Vec::with_capacity(plain.len() + TicketId::LEN + TAG);
        item.put(ticket.as_bytes());
        item.put(&plain);
        item.put(&tag);
        Some(item)
    }

    /// The mirror of [`Words::seal`]; the signature is good.
    fn open(item: &[u8], early: &Seal, ticket: &TicketId, callee: &VatId) -> Result<Self, Refused> {
        let mut reader = Reader::new(item);
        if reader.array("ticket id")? != *ticket.as_bytes() {
            return Err(Refused::OtherTicket);
        }
        let plain = open(&early.key, ticket, reader.rest())?;
        let covers = plain.len().saturating_sub(SIGNATURE);
        let (body, signature) = plain.split_at_checked(covers).unwrap_or_default();
        let mut reader = Reader::new(body);
        let vat = VatId::from_bytes(&reader.array("vat_i")?).map_err(|_| Refused::Forged)?;
        let incarnation = reader.u64("incarnation_i")?;
        let covered = hash(&[reader.rest()]);
        let count = usize::from(reader.u8("delegations")?);
        let chain = Chain::decode(&mut reader, count)?;
        let fields = PairFields::decode(reader.bytes(PairFields::LEN, "pair fields")?)?;
        let frames = Zeroizing::new(reader.rest().to_vec());
        if frames.len() > MOST_FRAMES {
            return Err(DecodeError::new("frames", Fault::OutOfRange).into());
        }
        let (head, _) = body.split_at_checked(HEAD - 1).unwrap_or_default();
        let said = signed(early, ticket, callee, head, &covered);
        let signature = signature.try_into().map_err(|_| Refused::Forged)?;
        if !check!(
            EarlySigned,
            vat.public_key().verify_strict(&said, signature)
        ) {
            return Err(Refused::Forged);
        }
        Ok(Self {
            vat,
            incarnation,
            chain,
            fields,
            frames,
        })
    }
}

fn open(key: &Key, ticket: &TicketId, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refused> {
    let mut plain = Zeroizing::new(sealed.to_vec());
    let opened = key.open(0, ticket.as_bytes(), &mut plain);
    let len = opened.map_err(|_| Refused::Unsealed)?.len();
    plain.truncate(len);
    Ok(plain)
}

/// What the caller signs: all that is sealed, and all that it is sealed for. (RDV-10)
fn signed(
    early: &Seal,
    ticket: &TicketId,
    callee: &VatId,
    head: &[u8],
    covered: &[u8; 32],
) -> Vec<u8> {
    let label = Label::EARLY_SIGNATURE.as_bytes();
    let parts = [
        label,
        &early.h,
        ticket.as_bytes(),
        callee.as_bytes(),
        head,
        covered,
    ];
    parts.concat()
}

/// The first cell of a call has named a ticket that is not spent; nothing has been believed yet. Made by
/// [`super::Issued::meet`].
pub struct Met {
    pub(super) root: Root,
    pub(super) introduced: Introduced,
    pub(super) opening: Opening,
    pub(super) place: [u8; 32],
    /// The seal over the flights of this handshake; it keeps what it needs though the ticket is spent meanwhile.
    pub splice: Splice,
}

impl Met {
    /// Takes IWANT: it must ask for this vat, under this ticket, at this place, under the key in clear, for the first time. (RDV-9)
    ///
    /// # Errors
    /// If it does not. The ticket is as good as before.
    pub fn asked(
        self,
        item: &[u8],
        local: &Local,
        seen: &mut Seen,
        now: Instant,
    ) -> Result<(Asked, Splice), Violation> {
        let door = Door {
            local,
            for_use: Use::Vat,
            places: &[self.place.to_vec()],
            offers: &Offers::of_tickets(),
        };
        let x_i = &self.opening.x_i;
        let expect = ExpectIWant.handle_met(item, &door, x_i, self.introduced, seen, now)?;
        let asked = Asked {
            root: self.root,
            callee: VatId::from(local.key.public()),
            backend: local.backend,
            expect,
        };
        Ok((asked, self.splice))
    }
}

/// IWANT asks for us under a ticket; EARLY is awaited.
pub struct Asked {
    root: Root,
    callee: VatId,
    backend: Backend,
    expect: ExpectEarly,
}

impl Asked {
    /// Takes EARLY: opens it, checks expiry, bearer, delegations and signature. (RDV-11)
    ///
    /// # Errors
    /// What is wrong with it. The ticket is as good as before.
    pub fn early(self, item: &[u8], now: Wall) -> Result<Early, Refused> {
        let asked = self.expect.handle(item);
        let asked = asked.map_err(|_| DecodeError::new("early", Fault::OutOfRange))?;
        let seal = Seal::new(asked.introduced(), asked.h(), self.backend);
        let words = Words::open(item, &seal, &self.root.id, &self.callee)?;
        let holder = words.chain.verify(&self.root)?;
        if !check!(EarlyExpiry, now < holder.expiry) {
            return Err(Refused::Expired);
        }
        let may = match holder.bearer {
            Bearer::Anyone => true,
            Bearer::Vat(vat) => vat == words.vat,
        };
        if !check!(EarlyBearer, may) {
            return Err(Refused::NotForYou);
        }
        if words.vat == self.callee {
            return Err(Refused::NotForYou);
        }
        let side = Side::of_initiator(
            words.vat.public_key(),
            words.incarnation,
            self.callee.public_key(),
        );
        words
            .fields
            .check(Within::Go, side)
            .map_err(|_| Refused::PairFields)?;
        Ok(Early {
            ticket: self.root.id,
            words,
            asked,
        })
    }
}

/// EARLY is good; the ticket is not spent yet.
pub struct Early {
    ticket: TicketId,
    words: Words,
    asked: responder::Asked,
}

impl Early {
    /// The ticket that it uses.
    #[must_use]
    pub const fn ticket(&self) -> TicketId {
        self.ticket
    }

    /// Called when the ticket is spent for it.
    pub(super) fn held(self) -> Held {
        Held {
            claim: Claim {
                vat: self.words.vat,
                incarnation: self.words.incarnation,
                fields: self.words.fields,
            },
            frames: self.words.frames,
            asked: self.asked,
        }
    }
}

/// Who called, and what it said of the pair: GIVEINFO and GO have to say the same. (RDV-11)
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// Who called. It has signed, so it is as good as proven.
    pub vat: VatId,
    /// How often it has been started.
    pub incarnation: u64,
    /// Its pair fields.
    pub fields: PairFields,
}

/// What the rule of pairs makes of the pair fields in EARLY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// The transport is the pair's: `go` was given, or taken.
    Live,
    /// It is not.
    Not,
}

/// The ticket is spent; the frames wait for the verdict. (RDV-11)
pub struct Held {
    claim: Claim,
    frames: Zeroizing<Vec<u8>>,
    asked: responder::Asked,
}

impl Held {
    /// Who called, and what it said of the pair.
    #[must_use]
    pub const fn claim(&self) -> &Claim {
        &self.claim
    }

    /// Hands over the frames if the transport is the pair's, and discards them unread if not; what is left is to answer. (RDV-11)
    #[must_use]
    pub fn decide(self, ruling: Ruling) -> (Option<Zeroizing<Vec<u8>>>, Owed) {
        let frames = (ruling == Ruling::Live).then_some(self.frames);
        let (claim, asked) = (self.claim, self.asked);
        (frames, Owed { claim, asked })
    }
}

/// It is decided; flight 2 is to be said.
pub struct Owed {
    claim: Claim,
    asked: responder::Asked,
}

impl Owed {
    /// Writes IAM, REPLYINFO and ANSWER to `out`, the last with what we say of the pair and with first words of ours.
    ///
    /// # Errors
    /// If there are more first words than fit.
    pub fn answer(
        self,
        said: &PairFields,
        frames: &[u8],
        entropy: crate::vattp::responder::Entropy,
        out: &mut Vec<u8>,
    ) -> Result<ExpectGiveInfo, Violation> {
        let Claim {
            vat,
            incarnation,
            fields,
        } = self.claim;
        let claim = responder::Claim {
            key: *vat.public_key(),
            incarnation,
            fields,
        };
        self.asked.answer(claim, said, frames, entropy, out)
    }
}
