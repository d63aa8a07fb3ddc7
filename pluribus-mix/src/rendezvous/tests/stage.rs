//! Whoever calls Carol, Carol who hears it, and a thief of the prekey who can read what is said.

use super::rig::*;
use crate::crypto::aead::{Aead, Backend, Key};
use crate::crypto::kdf::{Label, Secret, hash};
use crate::crypto::rng::Seed;
use crate::directory::Wall;
use crate::rendezvous::early::{Called, CannotCall, Early, Held, Ruling, call};
use crate::rendezvous::issued::Issued;
use crate::rendezvous::splice::{Opening, Splice};
use crate::rendezvous::{Bearer, Introduction, Refused, Spot, Ticket, TicketId};
use crate::time::{Duration, Instant};
use crate::vattp::frame::Frame;
use crate::vattp::initiator::{self, Established};
use crate::vattp::introduced::responder::Accepted;
use crate::vattp::introduced::{Introduced, initiator as introduced};
use crate::vattp::pair::{PairFields, Side};
use crate::vattp::pipe::Carried;
use crate::vattp::responder;
use crate::vattp::seen::Seen;
use crate::vattp::split::Splitter;
use crate::vattp::target::Wanted;
use crate::vattp::{Hints, Local, Offers, Use, Violation};
use std::sync::Arc;

/// Somebody who calls under a throwaway key.
pub(crate) const ANONYMOUS: &str = "nobody";

pub(crate) fn local(name: &str) -> Local {
    Local {
        key: Arc::new(key(name)),
        incarnation: if name == ANONYMOUS { 0 } else { 7 },
        hints: Hints::default(),
        backend: Backend::default(),
    }
}

/// One message with number 1.
pub(crate) fn words_of(name: &str) -> Vec<u8> {
    let mut frame = Vec::new();
    Frame::Msg {
        more: false,
        number: 1,
        bytes: format!("{name} says hello").as_bytes(),
    }
    .encode(&mut frame);
    frame
}

pub(crate) fn fields_of(name: &str) -> PairFields {
    let local = local(name);
    let carol = key("carol").public();
    PairFields::go(
        Side::of_initiator(&local.key.public(), local.incarnation, &carol),
        11,
        12,
    )
}

/// The items of a flight.
pub(crate) fn items(flight: &[u8]) -> Vec<Vec<u8>> {
    let (mut bytes, mut splitter) = (flight.to_vec(), Splitter::default());
    let (mut rest, mut found) = (&mut bytes[..], Vec::new());
    while let Some(item) = splitter.next(&mut rest, &(0..=65_535)).unwrap() {
        found.push(item.to_vec());
    }
    found
}

/// The ticket once more: a copy, as a thief has one.
pub(crate) fn again(ticket: &Ticket) -> Introduction {
    let read = Introduction::parse(ticket.as_bytes(), &promised());
    read.ok().unwrap()
}

/// A call to be made.
pub(crate) struct Call {
    name: String,
    introduction: Introduction,
    chance: u8,
    words: Vec<u8>,
    now: Wall,
}

/// One that was made.
pub(crate) struct Said {
    pub(crate) items: [Vec<u8>; 2],
    pub(crate) opening: Opening,
    pub(crate) fields: PairFields,
    pub(crate) flight: Vec<u8>,
    pub(crate) called: Called,
}

impl Call {
    pub(crate) fn of(name: &str, introduction: Introduction) -> Self {
        Self {
            name: name.to_owned(),
            introduction,
            chance: 1,
            words: words_of(name),
            now: NOW,
        }
    }

    pub(crate) fn by_chance(self, chance: u8) -> Self {
        Self { chance, ..self }
    }

    pub(crate) fn saying(self, words: &[u8]) -> Self {
        let words = words.to_vec();
        Self { words, ..self }
    }

    pub(crate) fn at(self, now: Wall) -> Self {
        Self { now, ..self }
    }

    /// With a ticket that says another s_t.
    pub(crate) fn with_secret(mut self, secret: [u8; 32]) -> Self {
        let ticket = self.introduction.ticket();
        let mut draft = draft();
        (draft.prekey, draft.id) = (*ticket.prekey(), ticket.id());
        draft.secret = Secret::from(secret);
        self.introduction = Ticket::sign(&key("carol"), draft).into();
        self
    }

    fn entropy(&self) -> initiator::Entropy {
        initiator::Entropy::draw(&mut Seed::from_bytes([self.chance; 32]).fork("i"))
    }

    fn wanted(&self) -> Wanted {
        let ticket = self.introduction.ticket();
        Wanted {
            key: *ticket.vat().public_key(),
            prekey: *ticket.prekey(),
            for_use: Use::Vat,
            place: ticket.spot().place().to_vec(),
        }
    }

    /// IWANT of one who has all of the ticket but its secret.
    pub(crate) fn without_secret(self) -> Vec<u8> {
        let (mut out, offers) = (Vec::new(), Offers::of_tickets());
        let (wanted, entropy) = (self.wanted(), self.entropy());
        initiator::start(wanted, local(&self.name), offers, entropy, &mut out).unwrap();
        items(&out).remove(0)
    }

    pub(crate) fn said(self) -> Said {
        self.try_said().ok().unwrap()
    }

    pub(crate) fn try_said(self) -> Result<Said, CannotCall> {
        let (id, mut flight) = (self.introduction.ticket().id(), Vec::new());
        let (entropy, fields) = (self.entropy(), fields_of(&self.name));
        let (local, words) = (local(&self.name), &self.words);
        let called = call(
            &self.introduction,
            local,
            self.now,
            entropy,
            &fields,
            words,
            &mut flight,
        )?;
        let items: [Vec<u8>; 2] = items(&flight).try_into().unwrap();
        Ok(Said {
            opening: opening(&id, &items[0]),
            items,
            fields,
            flight,
            called,
        })
    }

    /// First words that `signer` has signed for this handshake; GO will say `go`.
    pub(crate) fn forged(self, signer: &str, go: &PairFields) -> Said {
        let (ticket, mut flight) = (self.introduction.ticket(), Vec::new());
        let (wanted, entropy) = (self.wanted(), self.entropy());
        let (secret, offers) = (ticket.secret().as_bytes(), Offers::of_tickets());
        let (local, fields) = (local(&self.name), fields_of(&self.name));
        let again = Secret::from(*secret);
        let saying = introduced::start(wanted, again, local, offers, entropy, &mut flight);
        let saying = saying.ok().unwrap();
        let mut plain = [vat(signer).as_bytes(), &7_u64.to_be_bytes()[..], &[0]].concat();
        fields.encode(&mut plain);
        plain.extend(&self.words);
        let mut plain = signed(signer, &plain, saying.h(), &ticket.id());
        let aad = *ticket.id().as_bytes();
        let key = early_key(saying.introduced(), saying.h());
        let tag = key.seal(0, &aad, &mut plain).unwrap();
        let item = [&aad[..], &plain, &tag].concat();
        let (selector, x_i) = (aad, saying.x_i());
        let opening = Opening { selector, x_i };
        let dh = &saying.introduced().dh;
        let (place, backend) = (ticket.spot().place(), Backend::default());
        let splice = Splice::of_caller(dh, Some(secret), &opening, &place, backend);
        let spot = *ticket.spot();
        let expect = saying.say(&item, go, &mut flight).ok().unwrap();
        Said {
            items: items(&flight).try_into().unwrap(),
            opening,
            fields,
            flight,
            called: Called {
                spot,
                expect,
                splice,
            },
        }
    }
}

/// What EARLY is sealed under. (RDV-10)
fn early_key(introduced: &Introduced, h: &[u8; 32]) -> Key {
    let lp = |bytes: &[u8]| [&[0, 32], bytes].concat();
    let ikm = [lp(&introduced.dh[..]), lp(introduced.secret.as_bytes())].concat();
    let key = Secret::extract(h, &[&ikm]).expand(Label::EARLY, b"");
    Key::new(Backend::default(), key.as_bytes())
}

fn opening(id: &TicketId, iwant: &[u8]) -> Opening {
    let x_i = Opening::X_I_IN_IWANT;
    Opening {
        selector: *id.as_bytes(),
        x_i: iwant[x_i..x_i + 32].try_into().unwrap(),
    }
}

impl Opening {
    /// Where x_i stands in an IWANT with one version and one suite.
    const X_I_IN_IWANT: usize = 2 + 3;
}

/// `plain` without a signature, signed by `name`.
fn signed(name: &str, plain: &[u8], h: &[u8; 32], id: &TicketId) -> Vec<u8> {
    let label = Label::EARLY_SIGNATURE.as_bytes();
    let (carol, covered) = (vat("carol"), hash(&[&plain[40..]]));
    let said = [
        label,
        h,
        id.as_bytes(),
        carol.as_bytes(),
        &plain[..40],
        &covered,
    ]
    .concat();
    [plain, &key(name).sign(&said)].concat()
}

/// Why Carol did not hear a call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failed {
    /// There is no such ticket.
    Unknown,
    /// IWANT was not for her.
    Violation(Violation),
    /// EARLY was not good.
    Refused(Refused),
}

/// Who is called.
pub(crate) struct Carol {
    pub(crate) issued: Issued,
    pub(crate) wall: Wall,
    /// Whether she forgets at once which x_i she has seen.
    pub(crate) forgets: bool,
    seen: Seen,
    made: u8,
}

impl Carol {
    pub(crate) fn new() -> Self {
        Self {
            issued: Issued::default(),
            wall: NOW,
            forgets: true,
            seen: Seen::new(Duration::from_secs(3600)),
            made: 0,
        }
    }

    /// A ticket of which she remembers what makes it work.
    pub(crate) fn issued_once(&mut self, bearer: Bearer) -> Ticket {
        let mut draft = draft();
        self.made += 1;
        (draft.id, draft.bearer) = (TicketId::from([self.made; 16]), bearer);
        let ticket = Ticket::sign(&key("carol"), draft);
        assert_eq!(self.issued.remember(&ticket, b_t()), Ok(()));
        ticket
    }

    pub(crate) fn introduction(&mut self, bearer: Bearer) -> Introduction {
        self.issued_once(bearer).into()
    }

    pub(crate) fn meets(&self, opening: &Opening, spot: &Spot) -> bool {
        let met = self.issued.meet(opening, spot, Backend::default());
        met.is_some()
    }

    /// What she makes of these items, which came behind the x_i in IWANT and under the ticket named in EARLY.
    pub(crate) fn early(&mut self, items: &[Vec<u8>; 2]) -> Result<Early, Failed> {
        let id = TicketId::from(*items[1].first_chunk::<16>().unwrap());
        let opening = opening(&id, &items[0]);
        self.heard(items, &opening)
    }

    /// What she makes of these items behind the first cell of that call.
    pub(crate) fn early_of(&mut self, items: &[Vec<u8>; 2], of: &Said) -> Result<Early, Failed> {
        self.heard(items, &of.opening)
    }

    fn heard(&mut self, items: &[Vec<u8>; 2], opening: &Opening) -> Result<Early, Failed> {
        if self.forgets {
            self.seen = Seen::new(Duration::from_secs(3600));
        }
        let met = self.issued.meet(opening, &spot(), Backend::default());
        let met = met.ok_or(Failed::Unknown)?;
        let (local, now) = (local("carol"), Instant::ZERO);
        let asked = met.asked(&items[0], &local, &mut self.seen, now);
        let (asked, _) = asked.map_err(Failed::Violation)?;
        asked.early(&items[1], self.wall).map_err(Failed::Refused)
    }

    /// The rest of the handshake, in which Carol says [`words_of`] carol; what both end with, and the caller's first words if they are
    /// handed over.
    pub(crate) fn finish(&self, call: Said, held: Held, ruling: Ruling) -> Result<Met, Violation> {
        let (mut flight, words) = (Vec::new(), words_of("carol"));
        let (frames, owed) = held.decide(ruling);
        let side = call.fields.side().other();
        let said = PairFields::go_too(side, 21, 22, &call.fields);
        let expect = owed.answer(&said, &words, chance_of_r(), &mut flight)?;
        let [iam, info, answer] = items(&flight).try_into().unwrap();
        let proven = call.called.expect.handle(&iam)?.handle(&info)?;
        let mut answered = proven.handle(&answer)?;
        assert_eq!(*answered.said(), said);
        assert_eq!(*answered.take_frames(), words);
        let mut flight = Vec::new();
        let (at_i, _) = answered.go(Carried::Stream, &mut flight)?;
        let [info, go] = items(&flight).try_into().unwrap();
        let accepted: Accepted = expect.handle(&info)?.handle(&go)?;
        let (at_r, _) = accepted.pipe(Carried::Stream);
        Ok(Met {
            ends: [at_i, at_r],
            words: frames.map(|frames| frames.to_vec()),
        })
    }
}

/// What a call has led to.
pub(crate) struct Met {
    /// What the caller ends with, and what Carol does.
    pub(crate) ends: [Established; 2],
    /// First words, if they were handed over.
    pub(crate) words: Option<Vec<u8>>,
}

pub(crate) fn chance_of_r() -> responder::Entropy {
    responder::Entropy::draw(&mut Seed::from_bytes([77; 32]).fork("r"))
}

/// Opened EARLY, with its signature.
pub(crate) struct Plain(pub(crate) Vec<u8>);

impl Plain {
    pub(crate) fn ends_with_words(&self, words: &[u8]) -> bool {
        self.0[..self.0.len() - 64].ends_with(words)
    }
}

/// One who has b_t and the ticket, and has seen the call.
pub(crate) struct Thief {
    id: TicketId,
    h: [u8; 32],
    key: Key,
}

impl Thief {
    pub(crate) fn of(_: &Carol, ticket: &Ticket, call: &Said) -> Self {
        let introduced = Introduced::new(&b_t(), &call.opening.x_i, ticket.secret()).unwrap();
        let begun = hash(&[Label::VATTP.as_bytes(), &[3]]);
        let iwant = &call.items[0];
        let len = u16::try_from(iwant.len()).unwrap().to_be_bytes();
        let h = hash(&[&begun, &len, iwant]);
        Self {
            id: ticket.id(),
            h,
            key: early_key(&introduced, &h),
        }
    }

    pub(crate) fn open(&self, item: &[u8]) -> Plain {
        let mut sealed = item[16..].to_vec();
        let plain = self.key.open(0, self.id.as_bytes(), &mut sealed).unwrap();
        Plain(plain.to_vec())
    }

    pub(crate) fn seal(&self, plain: &[u8]) -> Vec<u8> {
        let mut sealed = plain.to_vec();
        let tag = self.key.seal(0, self.id.as_bytes(), &mut sealed).unwrap();
        [self.id.as_bytes(), &sealed[..], &tag].concat()
    }

    /// The same in the name of `name`, and signed by it.
    pub(crate) fn signed_by(&self, name: &str, plain: &[u8], _: &Said) -> Vec<u8> {
        let mut body = plain[..plain.len() - 64].to_vec();
        body[..32].copy_from_slice(vat(name).as_bytes());
        signed(name, &body, &self.h, &self.id)
    }
}
