//! Tickets, delegations, location records and first words that somebody else may have made: no panic, nothing is taken but what was
//! signed, and what is taken is written as it came.
//!
//! The first byte says what the input is. Then it is that thing as it is, or it changes a good one: the place and the new byte,
//! again and again. First words are changed by a thief who has every secret, and sealed anew.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pluribus_mix::crypto::aead::{Aead, Backend, Key};
use pluribus_mix::crypto::dh::Scalar;
use pluribus_mix::crypto::kdf::{Label, Secret, hash};
use pluribus_mix::crypto::rng::Seed;
use pluribus_mix::crypto::sign::SigningKey;
use pluribus_mix::directory::{NetworkId, Wall};
use pluribus_mix::id::{RelayId, VatId};
use pluribus_mix::locator::Locator;
use pluribus_mix::pacing::Class;
use pluribus_mix::rendezvous::early::call;
use pluribus_mix::rendezvous::epoch::Epoch;
use pluribus_mix::rendezvous::record::{Issue, Listing, Record};
use pluribus_mix::rendezvous::splice::{Opening, Splice};
use pluribus_mix::rendezvous::{
    Bearer, Cookie, Draft, Introduction, Issued, Promised, Spot, Terms, Ticket, TicketId,
};
use pluribus_mix::time::{Duration, Instant};
use pluribus_mix::vattp::pair::{PairFields, Side};
use pluribus_mix::vattp::pipe::CELL_LEN;
use pluribus_mix::vattp::seen::Seen;
use pluribus_mix::vattp::{Hints, Local, initiator};
use std::sync::{Arc, OnceLock};

const NOW: Wall = Wall(1_800_000_000);
const NETWORK: [u8; 8] = *b"network!";
const ID: [u8; 16] = [7; 16];

fuzz_target!(|data: &[u8]| {
    let Some((kind, data)) = data.split_first() else {
        return;
    };
    let stage = STAGE.get_or_init(Stage::new);
    match kind % 8 {
        0 => introduction(data, &[]),
        1 => introduction(&changed(&stage.ticket, data), &[&stage.ticket]),
        2 => introduction(
            &changed(&stage.passed_on, data),
            &[&stage.passed_on, &stage.ticket],
        ),
        3 => record(data, &[]),
        4 => record(&changed(&stage.record, data), &[&stage.record]),
        5 => stage.early(data, false),
        6 => stage.early(&changed(&stage.plain, data), data.is_empty()),
        _ => cells(data),
    }
    hints(data);
});

static STAGE: OnceLock<Stage> = OnceLock::new();

fn key(n: u8) -> SigningKey {
    SigningKey::from_seed(&[n; 32])
}

fn vat(n: u8) -> VatId {
    key(n).public().into()
}

fn promised() -> Promised {
    Promised {
        vat: vat(1),
        network: NetworkId::from(NETWORK),
        now: NOW,
    }
}

fn spot() -> Spot {
    Spot {
        relay: RelayId::from(key(9).public()),
        at: ([192, 0, 2, 7], 9001).into(),
        cookie: Cookie::from([8; 16]),
    }
}

fn terms() -> Terms {
    Terms {
        class: Class::Talk,
        network: NetworkId::from(NETWORK),
    }
}

fn prekey() -> Scalar {
    Scalar::from_bytes([5; 32].into())
}

fn local(n: u8) -> Local {
    Local {
        key: Arc::new(key(n)),
        incarnation: 3,
        hints: Hints::default(),
        backend: Backend::default(),
    }
}

fn changed(good: &[u8], changes: &[u8]) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for change in changes.chunks_exact(3) {
        let place = usize::from(u16::from_be_bytes([change[0], change[1]])) % bytes.len();
        bytes[place] = change[2];
    }
    bytes
}

/// An introduction is one of those that were signed, if it is any.
fn introduction(bytes: &[u8], signed: &[&Vec<u8>]) {
    let Ok(read) = Introduction::parse(bytes, &promised()) else {
        return;
    };
    assert_eq!(read.to_bytes().as_slice(), bytes);
    assert!(signed.iter().any(|signed| signed.as_slice() == bytes));
}

fn record(bytes: &[u8], signed: &[&Vec<u8>]) {
    let (network, epoch) = (NetworkId::from(NETWORK), Epoch::of(NOW));
    if Record::read(bytes, &vat(1), network, epoch, NOW).is_ok() {
        assert!(signed.iter().any(|signed| signed.as_slice() == bytes));
    }
    // Anybody can sign for a key of its own.
    if let Ok(record) = Record::check(bytes, network, NOW) {
        assert_eq!(record.as_bytes().as_slice(), bytes);
    }
}

/// What stands in hints is read without a panic; so is any locator.
fn hints(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(locator) = text.parse::<Locator>() {
        Introduction::from_hints(locator.hints(), &promised()).ok();
    }
}

/// What came in cells that nobody sealed opens nowhere.
fn cells(data: &[u8]) {
    let mut cell = [0; CELL_LEN];
    cell.iter_mut().zip(data).for_each(|(to, from)| *to = *from);
    let opening = Opening::of(&cell);
    let place = spot().place();
    let mut splice = Splice::of_callee(&[1; 32], None, &opening, &place, Backend::default());
    assert!(splice.open(&mut cell).is_err());
}

/// One of each that was signed.
struct Stage {
    ticket: Vec<u8>,
    passed_on: Vec<u8>,
    record: Vec<u8>,
    iwant: Vec<u8>,
    opening: Opening,
    seal: Key,
    plain: Vec<u8>,
}

impl Stage {
    fn new() -> Self {
        let secret = [6; 32];
        let draft = Draft {
            spot: spot(),
            terms: terms(),
            prekey: prekey().public(),
            secret: Secret::from(secret),
            bearer: Bearer::Vat(vat(2)),
            expiry: NOW.plus(60),
            id: TicketId::from(ID),
        };
        let ticket = Ticket::sign(&key(1), draft);
        let bytes = ticket.as_bytes().to_vec();
        let mut introduction = Introduction::from(ticket);
        let done = introduction.delegate(&key(2), vat(3), NOW.plus(60));
        assert_eq!(done, Ok(()));
        let passed_on = introduction.to_bytes().to_vec();
        let mut rng = Seed::from_bytes([4; 32]).fork("fuzz");
        let entropy = initiator::Entropy::draw(&mut rng);
        let x_i = Scalar::from_bytes(entropy.x_i.clone());
        let side = Side::of(&key(3).public(), &key(1).public());
        let (fields, mut flight) = (PairFields::go(side, 1, 2), Vec::new());
        let called = call(
            &introduction,
            local(3),
            NOW,
            entropy,
            &fields,
            b"",
            &mut flight,
        );
        assert!(called.is_ok());
        let (iwant, early) = items(&flight);
        let h0 = hash(&[Label::VATTP.as_bytes(), &[3]]);
        let len = u16::try_from(iwant.len()).expect("an item is short");
        let h = hash(&[&h0, &len.to_be_bytes(), &iwant]);
        let dh = x_i.agree(&prekey().public()).expect("good keys");
        let prk = Secret::extract(&h, &[&[0, 32], &*dh, &[0, 32], &secret]);
        let seal = Key::new(Backend::default(), prk.expand(Label::EARLY, b"").as_bytes());
        let mut sealed = early[16..].to_vec();
        let plain = seal.open(0, &ID, &mut sealed).expect("it was sealed so");
        let listing = Listing {
            spot: spot(),
            terms: terms(),
            prekey: prekey().public(),
        };
        let issue = Issue {
            epoch: Epoch::of(NOW),
            revision: 1,
            salt: [1; 16],
        };
        let record = Record::sign(&key(1), &issue, &listing).expect("it can be sealed");
        Self {
            ticket: bytes,
            passed_on,
            record: record.as_bytes().to_vec(),
            opening: Opening {
                selector: ID,
                x_i: x_i.public(),
            },
            plain: plain.to_vec(),
            iwant,
            seal,
        }
    }

    /// First words of a thief are refused, and what was said is taken.
    fn early(&self, plain: &[u8], good: bool) {
        let ticket = Ticket::parse(&self.ticket, &promised()).expect("it was signed");
        let mut issued = Issued::default();
        assert_eq!(issued.remember(&ticket, prekey()), Ok(()));
        let met = issued.meet(&self.opening, &spot(), Backend::default());
        let mut seen = Seen::new(Duration::from_secs(9));
        let met = met.expect("it is out");
        let asked = met.asked(&self.iwant, &local(1), &mut seen, Instant::ZERO);
        let (asked, _) = asked.ok().expect("it was asked so");
        let mut sealed = plain.to_vec();
        let tag = self.seal.seal(0, &ID, &mut sealed).expect("it is short");
        let item = [&ID[..], &sealed, &tag].concat();
        let early = asked.early(&item, NOW);
        assert_eq!(early.is_ok(), plain == self.plain, "only what was signed");
        assert!(!good || early.is_ok());
        if let Ok(early) = early {
            assert!(issued.spend(early).is_ok() && issued.is_empty());
        }
    }
}

/// The two items of a flight 1.
fn items(flight: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let len = |at: usize| usize::from(u16::from_be_bytes([flight[at], flight[at + 1]]));
    let behind = 2 + len(0);
    (flight[2..behind].to_vec(), flight[behind + 2..].to_vec())
}
