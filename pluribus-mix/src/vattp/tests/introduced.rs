//! The handshake with a ticket, and what a meddler or a bearer could do to it. (RDV-10 to RDV-16)

use super::puppet::{items, lp};
use super::reliable::{at, gaps, msg, open};
use super::rig::{I, R, key, local, plain, wanted};
use crate::ablation::{Check, without};
use crate::crypto::aead::{Backend, Key, open_item, seal_item};
use crate::crypto::dh::Scalar;
use crate::crypto::kdf::Secret;
use crate::crypto::rng::Seed;
use crate::time::{Duration, Instant};
use crate::vattp::flight::{ANSWER_LEN, EARLY_LEN};
use crate::vattp::frame::{Ending, Frame};
use crate::vattp::inbound::Taken;
use crate::vattp::introduced::responder::{Claim, ExpectIWant};
use crate::vattp::introduced::{Introduced, initiator};
use crate::vattp::pair::{PairFields, Side};
use crate::vattp::pipe::{Carried, Carrier};
use crate::vattp::responder::{self, Hosted};
use crate::vattp::seen::Seen;
use crate::vattp::target::Wanted;
use crate::vattp::{Local, Offers, Use, Violation};
use zeroize::Zeroizing;

/// The number of b_t, and of s_t.
const PREKEY: u8 = 0x77;
const SECRET: u8 = 0x78;
const PLACE: &[u8] = b"a park";

fn scalar(n: u8) -> Scalar {
    Scalar::from_bytes(Zeroizing::new([n; 32]))
}

/// A handshake, before anything of it is changed.
struct Meeting {
    /// The ticket as I has it: prekey, secret.
    ours: [u8; 2],
    /// The ticket as R has it.
    theirs: [u8; 2],
    local: Local,
    /// Who EARLY says it is of.
    claimed: (u8, u64),
    early_fields: PairFields,
    go_fields: PairFields,
    frames: Vec<u8>,
    seed: u8,
}

impl Default for Meeting {
    fn default() -> Self {
        let side = Side::of(&key(I).public(), &key(R).public());
        let fields = PairFields::go(side, 11, 12);
        Self {
            ours: [PREKEY, SECRET],
            theirs: [PREKEY, SECRET],
            local: local(I),
            claimed: (I, u64::from(I)),
            early_fields: fields,
            go_fields: fields,
            frames: plain(&[msg(1, b"first words of r")]),
            seed: 5,
        }
    }
}

/// What both have in the end.
#[derive(Debug, PartialEq, Eq)]
struct Met {
    exporters: [[u8; 32]; 2],
    said: PairFields,
    frames: Vec<u8>,
    records: [Vec<u8>; 2],
}

/// A stand-in for what chapter 6 seals into EARLY.
fn early_key(h: &[u8; 32], introduced: &Introduced) -> Key {
    let ikm = [lp(&introduced.dh[..]), lp(introduced.secret.as_bytes())].concat();
    let secret = Secret::extract(h, &[&ikm]);
    Key::new(Backend::default(), secret.as_bytes())
}

impl Meeting {
    fn wanted(&self) -> Wanted {
        Wanted {
            prekey: scalar(self.ours[0]).public(),
            place: PLACE.to_vec(),
            ..wanted(Use::Vat)
        }
    }

    fn hosted(&self) -> Hosted {
        Hosted {
            local: local(R),
            prekey: scalar(self.theirs[0]),
            for_use: Use::Vat,
            places: vec![PLACE.to_vec()],
            offers: Offers::default(),
        }
    }

    /// I's first flight, and who says it.
    fn flight1(&self) -> (initiator::ExpectIam, Vec<u8>) {
        let mut rng = Seed::from_bytes([self.seed; 32]).fork("i");
        let entropy = crate::vattp::initiator::Entropy::draw(&mut rng);
        let (mut out, offers) = (Vec::new(), Offers::default());
        let secret = Secret::from([self.ours[1]; 32]);
        let local = self.local.clone();
        let early =
            initiator::start(self.wanted(), secret, local, offers, entropy, &mut out).unwrap();
        let sealed = seal_item(&early_key(early.h(), early.introduced()), 0, &[7; 171]).unwrap();
        let next = early.say(&sealed, &self.go_fields, &mut out).unwrap();
        (next, out)
    }

    /// The whole of it, each flight as `hand` gives it on. `judges`: R looks into EARLY.
    fn meet(
        &self,
        judges: bool,
        hand: impl Fn(usize, &mut Vec<Vec<u8>>),
    ) -> Result<Met, Violation> {
        let hand = |n: usize, flight: &[u8]| {
            let mut items = items(flight);
            hand(n, &mut items);
            items
        };
        let (i, flight) = self.flight1();
        let flight = hand(1, &flight);
        let mut seen = Seen::new(Duration::from_secs(40));
        let secret = Secret::from([self.theirs[1]; 32]);
        let r = ExpectIWant.handle(&flight[0], &self.hosted(), secret, &mut seen, Instant::ZERO)?;
        let r = r.handle(&flight[1])?;
        let sealed_for = early_key(r.h(), r.introduced());
        if judges && open_item(&sealed_for, 0, &flight[1]).is_err() {
            return Err(Violation::Unsealed);
        }
        let (who, incarnation) = self.claimed;
        let claim = Claim {
            key: key(who).public(),
            incarnation,
            fields: self.early_fields,
        };
        let side = self.early_fields.side().other();
        let said = PairFields::go_too(side, 21, 22, &self.early_fields);
        let mut rng = Seed::from_bytes([self.seed + 1; 32]).fork("r");
        let mut out = Vec::new();
        let r = r.answer(
            claim,
            &said,
            &self.frames,
            responder::Entropy::draw(&mut rng),
            &mut out,
        )?;
        let flight = hand(2, &out);
        let i = i.handle(&flight[0])?.handle(&flight[1])?;
        assert_eq!(i.peer().key, key(R).public());
        let mut i = i.handle(&flight[2])?;
        let (said, frames) = (*i.said(), i.take_frames().to_vec());
        let mut out = Vec::new();
        let (mut at_i, mut i) = i.go(Carried::Stream, &mut out)?;
        let flight = hand(3, &out);
        let r = r.handle(&flight[0])?.handle(&flight[1])?;
        assert_eq!(r.peer().key, self.local.key.public());
        let (mut at_r, mut r) = r.pipe(Carried::Stream);
        let pass = |sealer: &mut crate::vattp::pipe::Sealer,
                    opener: &mut crate::vattp::pipe::Opener| {
            let mut out = Vec::new();
            let begun = sealer.begin(&mut out);
            out.push(5);
            sealer.seal(begun, &mut out).unwrap();
            opener.open(&mut out[2..]).unwrap().to_vec()
        };
        Ok(Met {
            exporters: [*at_i.exporter.as_bytes(), *at_r.exporter.as_bytes()],
            said,
            frames,
            records: [
                pass(&mut i, &mut at_r.opener),
                pass(&mut r, &mut at_i.opener),
            ],
        })
    }

    fn untouched(&self) -> Result<Met, Violation> {
        self.meet(true, |_, _| ())
    }
}

/// RDV-13, RDV-14: I knows of the pair and has R's first words with the second flight, and no record has GOTOO.
#[test]
fn who_has_a_ticket_is_answered_at_once() {
    let meeting = Meeting::default();
    let met = meeting.untouched().unwrap();
    assert_eq!(met.exporters[0], met.exporters[1]);
    assert_eq!(met.said.word.mine, 21);
    assert_eq!(met.said.word.yours, 11);
    assert_eq!(met.frames, meeting.frames);
    assert_eq!(met.records, [[5], [5]]);
    let silent = Meeting {
        frames: Vec::new(),
        ..Meeting::default()
    };
    assert_eq!(silent.untouched().unwrap().frames, b"");
}

/// RDV-12: whoever lacks the prekey or the secret is not answered; were it, its keys would be others.
#[test]
fn prekey_and_secret_are_needed_both() {
    for theirs in [[PREKEY, SECRET + 1], [PREKEY + 2, SECRET]] {
        let meeting = Meeting {
            theirs,
            ..Meeting::default()
        };
        assert_eq!(meeting.untouched(), Err(Violation::NotForUs));
        let blind = || meeting.meet(false, |_, _| ());
        let stand = without(Check::Target, blind);
        assert_eq!(stand, Err(Violation::Unsealed), "REPLYINFO");
        assert!(without(Check::Target, || Meeting::default().untouched()).is_ok());
    }
}

/// RDV-12: a flight with a ticket is nothing to who expects none, though the prekey is the same, and the reverse.
#[test]
fn a_flight_with_a_ticket_is_not_one_without() {
    let meeting = Meeting::default();
    let hosted = meeting.hosted();
    let mut rng = Seed::from_bytes([8; 32]).fork("r");
    let plainly = |iwant: &[u8], rng: &mut crate::crypto::rng::Rng| {
        let mut seen = Seen::new(Duration::from_secs(40));
        let (draw, mut out) = (|| responder::Entropy::draw(rng), Vec::new());
        let state = responder::ExpectIWant;
        let next = state.handle(iwant, &hosted, &mut seen, Instant::ZERO, draw, &mut out);
        next.map(|_| ()).map_err(|violation| (violation, out.len()))
    };
    let with = items(&meeting.flight1().1);
    assert_eq!(plainly(&with[0], &mut rng), Err((Violation::NotForUs, 0)));

    let entropy = crate::vattp::initiator::Entropy::draw(&mut rng);
    let mut out = Vec::new();
    let start = crate::vattp::initiator::start;
    assert!(
        start(
            meeting.wanted(),
            local(I),
            Offers::default(),
            entropy,
            &mut out
        )
        .is_ok()
    );
    let without = items(&out);
    let mut seen = Seen::new(Duration::from_secs(40));
    let secret = Secret::from([SECRET; 32]);
    let next = ExpectIWant.handle(&without[0], &hosted, secret, &mut seen, Instant::ZERO);
    assert_eq!(next.err(), Some(Violation::NotForUs));
    assert_eq!(plainly(&without[0], &mut rng), Ok(()), "the control");
}

/// RDV-11: a flight 1 that was carried off comes too late.
#[test]
fn the_same_flight_is_looked_at_once() {
    let meeting = Meeting::default();
    let (flight, hosted) = (items(&meeting.flight1().1), meeting.hosted());
    let mut seen = Seen::new(Duration::from_secs(40));
    let mut take = || {
        let secret = Secret::from([SECRET; 32]);
        let next = ExpectIWant.handle(&flight[0], &hosted, secret, &mut seen, Instant::ZERO);
        next.map(|_| ())
    };
    assert_eq!(take(), Ok(()));
    assert_eq!(take(), Err(Violation::Replayed));
    assert_eq!(without(Check::Fresh, take), Ok(()));
}

/// RDV-13, RDV-10: EARLY of another handshake does not open; and where nobody looks the handshake ends all the same, because
/// EARLY is part of the transcript.
#[test]
fn early_belongs_to_its_handshake() {
    let (meeting, other) = (
        Meeting::default(),
        Meeting {
            seed: 50,
            ..Meeting::default()
        },
    );
    let stolen = items(&other.flight1().1).swap_remove(1);
    let swap = |n: usize, items: &mut Vec<Vec<u8>>| {
        if n == 1 {
            items[1].clone_from(&stolen);
        }
    };
    assert_eq!(meeting.meet(true, swap), Err(Violation::Unsealed), "R");
    assert_eq!(meeting.meet(false, swap), Err(Violation::Unsealed), "I");
    let deaf = without(Check::EarlyHeard, || meeting.meet(false, swap));
    assert!(deaf.is_ok(), "the control");
}

/// RDV-14: ANSWER is sealed in its place: changed, of another handshake, or REPLYINFO once more, it is refused.
#[test]
fn answer_belongs_to_its_handshake() {
    let (meeting, other) = (
        Meeting::default(),
        Meeting {
            seed: 50,
            ..Meeting::default()
        },
    );
    let stolen = core::cell::RefCell::new(Vec::new());
    let keep = |n: usize, items: &mut Vec<Vec<u8>>| {
        if n == 2 {
            stolen.replace(items[2].clone());
        }
    };
    assert!(other.meet(true, keep).is_ok());
    for how in 0..4 {
        let spoil = |n: usize, items: &mut Vec<Vec<u8>>| match how {
            0 if n == 2 => items[2][50] ^= 1,
            1 if n == 2 => items[2].clone_from(&stolen.borrow()),
            2 if n == 2 => items[2] = items[1].clone(),
            _ => (),
        };
        let met = meeting.meet(true, spoil);
        assert_eq!(met.is_ok(), how == 3, "{how}");
        assert!(how == 3 || met == Err(Violation::Unsealed), "{how}");
    }
}

/// RDV-15: flight 3 must be of the vat and the incarnation that EARLY is of.
#[test]
fn flight_3_is_of_the_bearer() {
    let other = |n: u8, incarnation: u64| Meeting {
        local: Local {
            incarnation,
            ..local(n)
        },
        ..Meeting::default()
    };
    for meeting in [other(9, u64::from(I)), other(I, u64::from(I) + 1)] {
        assert_eq!(meeting.untouched(), Err(Violation::OtherBearer));
        let blind = without(Check::SameBearer, || meeting.untouched());
        assert!(blind.is_ok(), "the control");
    }
    assert!(other(I, u64::from(I)).untouched().is_ok());
}

/// RDV-15: GO says of the pair what EARLY said, for R has decided on that.
#[test]
fn go_says_what_early_said() {
    let fields = Meeting::default().early_fields;
    let mut changes = [fields; 4];
    changes[0].word.mine += 1;
    changes[1].word.past = 0;
    changes[2].expect += 1;
    changes[3].first += 1;
    for go_fields in changes {
        let meeting = Meeting {
            go_fields,
            ..Meeting::default()
        };
        assert_eq!(meeting.untouched(), Err(Violation::OtherFields));
        let blind = without(Check::SameFields, || meeting.untouched());
        assert!(blind.is_ok(), "the control");
    }
}

/// RDV-10, RDV-14: EARLY has 187 to 4763 bytes, and ANSWER 4096 of frames at most.
#[test]
fn early_and_answer_have_their_bounds() {
    for (len, fits) in [
        (0, false),
        (186, false),
        (187, true),
        (4763, true),
        (4764, false),
    ] {
        let said = Meeting::default().meet(false, |n, items| {
            if n == 1 {
                items[1] = vec![7; len];
            }
        });
        let expected = if fits {
            Violation::Unsealed
        } else {
            Violation::Length
        };
        assert_eq!(said, Err(expected), "{len}");
        assert_eq!(EARLY_LEN.contains(&len), fits);
    }
    let answered = |len: usize| {
        let frames = vec![0; len];
        Meeting {
            frames,
            ..Meeting::default()
        }
        .untouched()
    };
    assert_eq!(answered(4096).unwrap().frames, [0; 4096]);
    assert_eq!(answered(4097), Err(Violation::Length));
    assert_eq!(ANSWER_LEN, 66..=50 + 4096 + 16);
}

/// RDV-16: frames go with a flight, come once, and are said again on the transport if they did not come; a frame that needs a
/// transport is refused there.
#[test]
fn frames_go_with_a_flight() {
    let (mut near, mut far) = (open(Carrier::Cells), open(Carrier::Cells));
    near.begin(Carrier::Cells);
    near.send(vec![7; 20_000]).unwrap();
    near.send_datagram(vec![8; 100]);
    let mut flight = Vec::new();
    near.say_in_flight(at(0), 4096, &mut flight);
    assert!((3200..=4096).contains(&flight.len()), "{}", flight.len());
    far.hear_in_flight(at(0), &flight).unwrap();
    far.hear_in_flight(at(0), &flight).unwrap();
    near.confirm(far.expect()).unwrap();
    for record in super::reliable::records(&mut near, at(1), Carrier::Cells) {
        super::reliable::hear(&mut far, at(1), &record).unwrap();
    }
    assert_eq!(far.take(at(1)), Some(Taken::Message(vec![7; 20_000])));
    assert_eq!(far.take(at(1)), None);
    assert!(far.take_datagram().is_some());

    let refused = [
        Frame::Ping(1),
        Frame::Pong(1),
        gaps(0, 0, &[]),
        Frame::Rekey,
        Frame::Close {
            reason: Ending::Done,
            id: 1,
        },
    ];
    for frame in refused {
        let heard = open(Carrier::Cells).hear_in_flight(at(0), &plain(&[frame]));
        assert_eq!(heard, Err(Violation::Frame), "{frame:?}");
    }
    assert_eq!(open(Carrier::Cells).hear_in_flight(at(0), &[0; 9]), Ok(()));
}
