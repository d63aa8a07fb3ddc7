//! Records and the frames in them, from a peer that is proven and means ill. (VTP-21, VTP-22, VTP-24, VTP-29, VTP-30)

use super::puppet::lp;
use super::rig::{End, Stand, ack, open_as, open_with_puppet, plain};
use crate::crypto::aead::{Backend, Key, seal_item};
use crate::crypto::kdf::{Label, Secret};
use crate::time::{Duration, Instant};
use crate::vattp::Violation;
use crate::vattp::frame::{Ending, Frame, Frames};
use crate::vattp::pipe::{MAX_RECORDS, Opener, Sealer};
use crate::vattp::tickets::Purpose;

fn msg(number: u64, bytes: &[u8]) -> Vec<u8> {
    plain(&[Frame::Msg {
        more: false,
        number,
        bytes,
    }])
}

/// How an open end stands after one record with this content.
fn says(plain: &[u8]) -> (Stand, End) {
    let (mut r, mut held) = open_with_puppet();
    r.hear(&held.record(plain));
    (r.stand(), r)
}

fn broke(plain: &[u8]) -> Violation {
    match says(plain).0 {
        Stand::Broke(_, violation) => violation,
        other => panic!("{plain:02x?}: {other:?}"),
    }
}

fn is_fine(plain: &[u8]) {
    let stand = says(plain).0;
    assert!(matches!(stand, Stand::Open(_)), "{plain:02x?}: {stand:?}");
}

/// VTP-21, VTP-29: any bit of a record flipped breaks the connection, and nothing is said of it.
#[test]
fn a_record_with_any_bit_flipped_breaks_the_connection() {
    let len = 2 + msg(1, b"x").len() + 16;
    for bit in 16..len * 8 {
        let (mut r, mut held) = open_with_puppet();
        let mut record = held.record(&msg(1, b"x"));
        assert_eq!(record.len(), len);
        record[bit / 8] ^= 1 << (bit % 8);
        r.hear(&record);
        let broke = Stand::Broke(held.exporter, Violation::Record);
        assert_eq!((r.stand(), r.says().len()), (broke, 0), "bit {bit}");
        assert!(r.takes().is_empty());
    }
}

/// How many messages R takes of what `order` makes of three records, and whether it broke off at a record.
fn meets(order: impl FnOnce(&mut End, [Vec<u8>; 3]) -> Vec<u8>) -> (usize, bool) {
    let (mut r, mut held) = open_with_puppet();
    let records = [1, 2, 3].map(|number| held.record(&msg(number, b"x")));
    let bytes = order(&mut r, records);
    r.hear(&bytes);
    let broke = Stand::Broke(held.exporter, Violation::Record);
    (r.takes().len(), r.stand() == broke)
}

/// VTP-21: a record dropped, doubled, taken before its turn or sent back to who sealed it breaks the connection; one cut
/// short is waited for.
#[test]
fn records_out_of_their_place_break_the_connection() {
    assert_eq!(meets(|_, all| all.concat()), (3, false));
    assert_eq!(meets(|_, [a, _, c]| [a, c].concat()), (1, true), "dropped");
    assert_eq!(
        meets(|_, [_, b, c]| [b, c].concat()),
        (0, true),
        "dropped first"
    );
    assert_eq!(
        meets(|_, [a, b, _]| [&a[..], &a, &b].concat()),
        (1, true),
        "doubled"
    );
    assert_eq!(
        meets(|_, [a, b, c]| [a, c, b].concat()),
        (1, true),
        "swapped"
    );
    assert_eq!(
        meets(|_, [a, b, _]| [&a[..], &b[..20]].concat()),
        (1, false),
        "cut"
    );
    let reflected = meets(|r, [a, ..]| {
        r.conn.send(b"back".to_vec()).unwrap();
        [a, r.says()].concat()
    });
    assert_eq!(reflected, (1, true), "reflected");
}

/// VTP-21: a record of a length that none can have is refused when its two bytes are there; those that can are awaited.
#[test]
fn a_record_of_impossible_length_is_refused_at_once() {
    let refused = |len: u16| {
        let (mut r, held) = open_with_puppet();
        r.hear(&len.to_be_bytes());
        match r.stand() {
            Stand::Open(_) => false,
            stand => {
                assert_eq!(
                    stand,
                    Stand::Broke(held.exporter, Violation::Length),
                    "{len}"
                );
                true
            }
        }
    };
    for len in (0..=16).chain([32_769, 32_770, 40_000, 65_535]) {
        assert!(refused(len), "{len}");
    }
    for len in [17, 18, 32_767, 32_768] {
        assert!(!refused(len), "{len}");
    }
    let mut whole = msg(1, &vec![7; 32_752 - 12]);
    assert_eq!(whole.len() + 16, 32_768);
    is_fine(&whole);
    whole[10..12].fill(0xff);
    assert!(
        matches!(broke(&whole), Violation::Malformed(_)),
        "a piece beyond its record"
    );
}

/// VTP-22: types, flags and reasons that do not exist are refused, with or without room for a body behind them.
#[test]
fn unknown_frames_flags_and_reasons_are_refused() {
    for kind in 0x0d..=0xff_u8 {
        assert_eq!(broke(&[kind]), Violation::Frame);
        assert_eq!(broke(&[&[kind][..], &[0; 30]].concat()), Violation::Frame);
    }
    let malformed = |plain: &[u8]| matches!(broke(plain), Violation::Malformed(_));
    for wrong in 2..=0xff_u8 {
        let (mut flags, mut reason) = (
            msg(1, b"x"),
            plain(&[Frame::Close {
                reason: Ending::Done,
                id: 0x11,
            }]),
        );
        (flags[1], reason[1]) = (wrong, wrong);
        assert!(malformed(&flags), "{wrong}");
        assert!(malformed(&reason) || wrong == 2, "{wrong}");
    }
    let mut reason = plain(&[Frame::Close {
        reason: Ending::Done,
        id: 0x11,
    }]);
    reason[1] = 0;
    assert!(malformed(&reason));
}

/// VTP-22: a PAD with a byte that is not zero, a frame that the record cuts short and an empty record are refused.
#[test]
fn bad_padding_cut_frames_and_empty_records_are_refused() {
    for pad in [
        &[0, 1][..],
        &[0, 0, 0, 0x80],
        &[0, 3, 0, 0, 0, 0, 0, 0, 0, 9],
    ] {
        assert!(matches!(broke(pad), Violation::Malformed(_)), "{pad:?}");
        assert!(matches!(
            broke(&[&msg(1, b"x"), pad].concat()),
            Violation::Malformed(_)
        ));
    }
    let all = [
        Frame::Msg {
            more: false,
            number: 1,
            bytes: b"xyz",
        },
        ack(1),
        Frame::Ping(5),
        Frame::Pong(5),
        Frame::Open {
            number: 1,
            stream: 0,
            head: b"h",
        },
        Frame::Stream {
            fin: true,
            number: 1,
            stream: 0,
            bytes: b"x",
        },
        Frame::Credit {
            number: 1,
            stream: 0,
            more: 1,
        },
        Frame::Reset {
            number: 1,
            stream: 0,
            code: 0,
        },
        Frame::WantTickets {
            number: 1,
            purpose: Purpose::Dial,
            count: 1,
        },
        Frame::GiveTicket {
            number: 1,
            purpose: Purpose::Dial,
            ticket: b"x",
        },
        Frame::Datagram(b"x"),
        Frame::Close {
            reason: Ending::Done,
            id: 0x11,
        },
    ];
    for frame in all {
        let whole = plain(&[frame]);
        for len in 1..whole.len() {
            assert!(
                matches!(broke(&whole[..len]), Violation::Malformed(_)),
                "{frame:?} {len}"
            );
        }
    }
    assert_eq!(Frames::of(b"").err(), Some(Violation::Empty));
    let (mut r, held) = open_with_puppet();
    r.hear(&[0, 16]);
    assert_eq!(
        r.stand(),
        Stand::Broke(held.exporter, Violation::Length),
        "nothing sealed"
    );
    is_fine(&[0]);
    is_fine(&[0; 3000]);
}

/// VTP-24: whatever follows REKEY in its record is refused, padding too; a record of REKEY alone is none the worse.
#[test]
fn nothing_stands_behind_rekey() {
    for behind in [&[0][..], &[0; 9], &plain(&[Frame::Ping(1)]), &[5], &[0x77]] {
        assert_eq!(
            broke(&[&[5], behind].concat()),
            Violation::Behind,
            "{behind:?}"
        );
    }
    is_fine(&[5]);
    is_fine(&[&msg(1, b"x")[..], &[5]].concat());
}

/// VTP-24: after REKEY the next record is under the next key with counter 0, in that direction only; the old key is worth
/// nothing any more.
#[test]
fn a_direction_that_rekeys_has_a_new_key() {
    for rekeys in [false, true] {
        let (mut r, mut held) = open_with_puppet();
        r.hear(&held.record(&[5]));
        if rekeys {
            held.sealer.rekey();
        }
        r.hear(&held.record(&msg(1, b"under which key?")));
        let stand = match rekeys {
            true => Stand::Open(held.exporter),
            false => Stand::Broke(held.exporter, Violation::Record),
        };
        assert_eq!((r.stand(), r.takes().len()), (stand, usize::from(rekeys)));
        if rekeys {
            r.conn.send(b"back".to_vec()).unwrap();
            assert_eq!(
                held.open(&r.says())[..2],
                [1, 0],
                "the other direction did not rekey"
            );
        }
    }
}

/// VTP-14, VTP-24: the key comes from the secret, the next secret from the last, and the counter begins anew: as the
/// specification has it, not only as the other end has it.
#[test]
fn every_key_comes_from_its_secret_and_every_secret_from_the_last() {
    let backend = Backend::default();
    let mut secret = Secret::from([7; 32]);
    let (mut sealer, mut opener) = (
        Sealer::from_secret([7; 32], backend),
        Opener::from_secret([7; 32], backend),
    );
    for _ in 0..3 {
        let key = Key::new(backend, secret.expand(Label::KEY, b"").as_bytes());
        for counter in 0..3 {
            let mut record = Vec::new();
            let begun = sealer.begin(&mut record);
            record.extend_from_slice(b"frames");
            sealer.seal(begun, &mut record).unwrap();
            let mut sealed = seal_item(&key, counter, b"frames").unwrap();
            assert_eq!(record, lp(&sealed));
            assert_eq!(opener.open(&mut sealed).unwrap(), b"frames");
        }
        sealer.rekey();
        opener.rekey();
        secret = secret.expand(Label::REKEY, b"");
    }
}

/// VTP-24: a sender rekeys when its clock says so, and the record before is the last of the old key.
#[test]
fn a_sender_rekeys_when_its_clock_says_so() {
    let (mut r, mut held) = open_with_puppet();
    let mut say = |r: &mut End, seconds| {
        r.now = Instant::ZERO + Duration::from_secs(seconds);
        r.conn.send(b"x".to_vec()).unwrap();
        let said = held.open(&r.says());
        let rekeyed = said.last() == Some(&5);
        if rekeyed {
            held.opener.rekey();
        }
        rekeyed
    };
    assert!(!say(&mut r, 3599));
    assert!(say(&mut r, 3600));
    assert!(!say(&mut r, 3600));
    assert!(!say(&mut r, 7199));
    assert!(say(&mut r, 7200));
}

/// VTP-24: a sender rekeys with the record of counter 2²⁰ − 1 at the latest; a receiver takes that record under this key and
/// none beyond.
#[test]
fn a_key_is_worn_after_2_to_the_20_records() {
    let (mut r, mut held) = open_as(|r| r.age = MAX_RECORDS - 3);
    for (n, rekeys) in [false, true, false, false].into_iter().enumerate() {
        r.conn.send(b"x".to_vec()).unwrap();
        let said = held.open(&r.says());
        assert_eq!(said.last() == Some(&5), rekeys, "{n}");
        if rekeys {
            held.opener.rekey();
        }
    }
    r.hear(&held.record(&msg(1, b"last but two")));
    r.hear(&held.record(&msg(2, b"last but one")));
    r.hear(&held.record(&msg(3, b"last")));
    assert_eq!(
        (r.stand(), r.takes().len()),
        (Stand::Open(held.exporter), 3)
    );
    r.hear(&held.record(&msg(4, b"beyond")));
    let worn = Stand::Broke(held.exporter, Violation::WornKey);
    assert_eq!((r.stand(), r.takes().len()), (worn, 0));
}

/// VTP-24, VTP-29: a CLOSE that falls on the last record of a key is not followed by REKEY, which its peer would refuse.
#[test]
fn a_close_in_the_last_record_of_a_key_is_heard() {
    let (mut r, mut held) = open_as(|r| r.age = MAX_RECORDS - 2);
    let close = held.open(&r.close());
    assert_eq!(
        close,
        plain(&[Frame::Close {
            reason: Ending::Done,
            id: 21
        }])
    );
    let (mut r, mut held) = open_with_puppet();
    r.now = Instant::ZERO + Duration::from_secs(3601);
    assert_eq!(
        held.open(&r.close()),
        plain(&[Frame::Close {
            reason: Ending::Done,
            id: 21
        }]),
        "nor by the clock"
    );
}

/// VTP-29: CLOSE bears its sender's id if that is done, and the receiver's if that is gone; only PAD stands behind it.
#[test]
fn a_close_names_its_connection_and_ends_its_record() {
    let of = |reason, id| plain(&[Frame::Close { reason, id }]);
    for id in [0, 0x11, 20, u64::MAX] {
        assert_eq!(broke(&of(Ending::Gone, id)), Violation::Close, "{id}");
    }
    assert!(says(&of(Ending::Gone, 21)).1.closed);
    let close = |id| of(Ending::Done, id);
    for id in [0, 0x10, 0x12, 21, u64::MAX] {
        assert_eq!(broke(&close(id)), Violation::Close, "{id}");
    }
    for fine in [close(0x11), [&close(0x11)[..], &[0; 100]].concat()] {
        assert!(says(&fine).1.closed);
    }
    let (_, mut r) = says(&[msg(1, b"bye"), close(0x11)].concat());
    assert!(r.closed);
    assert_eq!(r.takes(), [b"bye"]);
    for behind in [
        &msg(1, b"x")[..],
        &close(0x11),
        &[5],
        &plain(&[Frame::Ping(1)]),
    ] {
        let (stand, r) = says(&[&close(0x11), behind].concat());
        assert!(
            matches!(stand, Stand::Broke(_, Violation::Behind)),
            "{behind:?}"
        );
        assert!(!r.closed);
    }
}

/// VTP-30: padding changes lengths and nothing else: what is heard with it is what is heard without.
#[test]
fn padding_changes_lengths_only() {
    let frames = [
        ack(1),
        Frame::Msg {
            more: true,
            number: 1,
            bytes: b"in two ",
        },
        Frame::Msg {
            more: false,
            number: 2,
            bytes: b"pieces",
        },
        Frame::Ping(7),
    ];
    let bare = plain(&frames);
    let mut heard = Vec::new();
    for padding in [0, 1, 2, 100, 32_752 - bare.len()] {
        let (mut r, mut held) = open_with_puppet();
        r.hear(&held.record(&[&bare[..], &vec![0; padding]].concat()));
        assert_eq!(r.stand(), Stand::Open(held.exporter));
        heard.push((r.takes(), held.open(&r.says()), r.conn.weight()));
    }
    assert_eq!(heard[0].0, [b"in two pieces"]);
    assert_eq!(heard[0].1[..9], plain(&[Frame::Pong(7)]));
    assert!(heard.iter().all(|other| *other == heard[0]));

    for unit in [1, 16, 256, 1024] {
        let (mut r, mut held) = open_as(|r| r.tuning.pad_to = unit);
        for len in [1, 3, 200, 5000] {
            r.conn.send(vec![9; len]).unwrap();
            let said = held.open(&r.says());
            assert_eq!(said.len() % usize::from(unit), 0);
            let mut frames = Frames::of(&said).unwrap();
            let Some(Frame::Msg {
                more: false, bytes, ..
            }) = frames.next().unwrap()
            else {
                panic!("{said:?}");
            };
            assert_eq!((bytes.len(), frames.next()), (len, Ok(None)));
        }
    }
}
