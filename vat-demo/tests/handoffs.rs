//! Gifts and wishes, right ones and wrong ones, as an exporter and a receiver meet them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod puppet;

use puppet::{Puppet, Stage, place, stage};
use vat_demo::captp::certificate::{
    HandoffGive, HandoffReceive, KeyForm, SessionKey, SignedReceive,
};
use vat_demo::captp::op::{Desc, Import, Op, Target};
use vat_demo::captp::{MOST_DIALS, PATIENCE};
use vat_demo::value::Value;

const FORM: KeyForm = KeyForm::Lists;

/// A gifter and a receiver with their sessions, and a give of the echo, not deposited.
struct Handoff {
    gifter: Puppet,
    receiver: Puppet,
    /// The receiver's key of its session with the gifter.
    between: SessionKey,
    echo: u64,
}

impl Handoff {
    fn new(stage: &mut Stage) -> Self {
        let mut gifter = stage.joined("gifter", 1);
        let receiver = stage.joined("receiver", 2);
        let echo = gifter.fetch(stage, b"echo");
        let between = SessionKey::from_seed(&[3; 32]);
        Self {
            gifter,
            receiver,
            between,
            echo,
        }
    }

    fn give(&self) -> HandoffGive {
        HandoffGive {
            receiver_key: self.between.public(),
            exporter_location: place("victim"),
            session: self.gifter.session(),
            gifter_side: self.gifter.id(),
            gift_id: b"gift".to_vec(),
        }
    }

    fn receive(&self, give: HandoffGive, count: u64) -> HandoffReceive {
        HandoffReceive {
            receiving_session: self.receiver.session(),
            receiving_side: self.receiver.id(),
            handoff_count: count,
            signed_give: give.sign(&self.gifter.key, FORM),
        }
    }

    fn right(&self, count: u64) -> SignedReceive {
        self.receive(self.give(), count).sign(&self.between, FORM)
    }

    fn deposit(&self, stage: &mut Stage) {
        let gift = Value::Ref(Desc::Target(Target::Export(self.echo)));
        let args = vec![
            Value::symbol("deposit-gift"),
            Value::Bytes(b"gift".to_vec()),
            gift,
        ];
        self.gifter.tell(stage, Target::Export(0), args);
    }

    fn withdraw(&mut self, stage: &mut Stage, receive: SignedReceive) -> u64 {
        let receive = Value::Ref(Desc::Receive(Box::new(receive)));
        let args = vec![Value::symbol("withdraw-gift"), receive];
        self.receiver.ask(stage, Target::Export(0), args)
    }
}

/// CAP-27: gift and wish may come in either order; the gifter may be gone by then.
#[test]
fn a_gift_is_withdrawn_once_in_either_order() {
    for (deposit_first, gifter_leaves) in [(true, false), (false, false), (true, true)] {
        let mut stage = stage();
        let mut handoff = Handoff::new(&mut stage);
        if deposit_first {
            handoff.deposit(&mut stage);
        }
        if gifter_leaves {
            handoff
                .gifter
                .say(&mut stage, &Op::Abort("done".to_owned()));
        }
        let right = handoff.right(0);
        let at = handoff.withdraw(&mut stage, right);
        if !deposit_first {
            assert_eq!(handoff.receiver.hear(&mut stage), []);
            handoff.deposit(&mut stage);
        }
        let (given, gift) = handoff.receiver.answer(&mut stage, at);
        assert!(
            given && matches!(gift, Value::Ref(Desc::Import(Import::Object(_)))),
            "{gift:?}"
        );
        assert_eq!(stage.host.sizes().gifts, 0);
    }
}

/// CAP-28: a count is used when it is verified, whichever came first; who uses it again is sent away and has nothing.
#[test]
fn a_wish_is_not_replayed_in_either_order() {
    for deposit_first in [true, false] {
        let mut stage = stage();
        let mut handoff = Handoff::new(&mut stage);
        if deposit_first {
            handoff.deposit(&mut stage);
        }
        let right = handoff.right(0);
        let first = handoff.withdraw(&mut stage, right.clone());
        if deposit_first {
            assert!(handoff.receiver.answer(&mut stage, first).0);
            handoff.deposit(&mut stage);
        }
        let again = handoff.withdraw(&mut stage, right);
        let heard = handoff.receiver.hear(&mut stage);
        let reason = "handoff count 0 was used before";
        let broken = (false, Value::Error(reason.to_owned()));
        assert_eq!(puppet::answer_in(&heard, again), Some(broken));
        assert_eq!(heard.last(), Some(&Op::Abort(reason.to_owned())));
        // The control: another count of hers would have done.
        let mut handoff = Handoff {
            receiver: stage.joined("receiver", 2),
            ..handoff
        };
        let right = handoff.right(1);
        let at = handoff.withdraw(&mut stage, right);
        if !deposit_first {
            handoff.deposit(&mut stage);
        }
        let given = handoff.receiver.answer(&mut stage, at).0;
        assert_eq!(
            given, deposit_first,
            "the first wish waits for it, if there was one"
        );
    }
}

/// CAP-29: a wish is for this session and this side, signed by the receiver that the gifter named.
#[test]
fn a_wish_that_is_not_the_receivers_own_ends_its_session() {
    type Spoil = fn(&Handoff) -> SignedReceive;
    let spoils: [(Spoil, &str); 5] = [
        (
            |handoff| {
                let mut receive = handoff.receive(handoff.give(), 0);
                receive.receiving_session = handoff.gifter.session();
                receive.sign(&handoff.between, FORM)
            },
            "the wish is for another session",
        ),
        (
            |handoff| {
                let mut receive = handoff.receive(handoff.give(), 0);
                receive.receiving_side = handoff.gifter.id();
                receive.sign(&handoff.between, FORM)
            },
            "the wish is for another side of the session",
        ),
        (
            |handoff| {
                handoff
                    .receive(handoff.give(), 0)
                    .sign(&handoff.receiver.key, FORM)
            },
            "the wish is not signed by the receiver of the gift",
        ),
        (
            // Somebody saw the receiver's wish and says it over a session of its own.
            |handoff| {
                let stolen = handoff.receive(handoff.give(), 0);
                stolen.sign(&SessionKey::from_seed(&[9; 32]), FORM)
            },
            "the wish is not signed by the receiver of the gift",
        ),
        (
            |handoff| {
                let mut signed = handoff.right(0);
                signed.receive.handoff_count = 5;
                signed
            },
            "the wish is not signed by the receiver of the gift",
        ),
    ];
    for (spoil, reason) in spoils {
        let mut stage = stage();
        let mut handoff = Handoff::new(&mut stage);
        handoff.deposit(&mut stage);
        let spoilt = spoil(&handoff);
        handoff.withdraw(&mut stage, spoilt);
        handoff.receiver.assert_aborted(&mut stage, reason);
        assert_eq!(
            stage.host.sizes().gifts,
            1,
            "the gift waits for its receiver"
        );
    }
}

/// CAP-30: what the gifter did wrong breaks the wish and leaves the receiver its session.
#[test]
fn a_receiver_does_not_answer_for_its_gifter() {
    type Spoil = fn(&Handoff) -> HandoffReceive;
    let spoils: [Spoil; 4] = [
        |handoff| {
            let mut receive = handoff.receive(handoff.give(), 0);
            receive.signed_give = handoff.give().sign(&handoff.between, FORM);
            receive
        },
        |handoff| {
            let gifter_side = handoff.receiver.id();
            handoff.receive(
                HandoffGive {
                    gifter_side,
                    ..handoff.give()
                },
                0,
            )
        },
        |handoff| {
            let session = handoff.receiver.session();
            handoff.receive(
                HandoffGive {
                    session,
                    ..handoff.give()
                },
                0,
            )
        },
        |handoff| {
            let exporter_location = place("carol");
            handoff.receive(
                HandoffGive {
                    exporter_location,
                    ..handoff.give()
                },
                0,
            )
        },
    ];
    for spoil in spoils {
        let mut stage = stage();
        let mut handoff = Handoff::new(&mut stage);
        handoff.deposit(&mut stage);
        let spoilt = spoil(&handoff).sign(&handoff.between, FORM);
        let at = handoff.withdraw(&mut stage, spoilt);
        assert!(!handoff.receiver.answer(&mut stage, at).0);
        assert_eq!(stage.host.sizes().gifts, 1);
        let right = handoff.right(1);
        let at = handoff.withdraw(&mut stage, right);
        assert!(
            handoff.receiver.answer(&mut stage, at).0,
            "her session goes on"
        );
    }
}

/// CAP-31: a gift and a wish wait for a time and no longer.
#[test]
fn neither_gifts_nor_wishes_wait_for_ever() {
    let mut stage = stage();
    let mut handoff = Handoff::new(&mut stage);
    handoff.deposit(&mut stage);
    stage.wait(PATIENCE);
    assert_eq!(stage.host.sizes().gifts, 0);
    let right = handoff.right(0);
    let at = handoff.withdraw(&mut stage, right);
    assert_eq!(stage.host.sizes().gifts, 1);
    stage.wait(PATIENCE);
    assert!(!handoff.receiver.answer(&mut stage, at).0);
    assert_eq!(stage.host.sizes().gifts, 0);
}

/// CAP-32: who is given a gift for another receiver sends the giver away and dials nobody.
#[test]
fn a_gift_for_somebody_else_is_not_fetched() {
    let mut stage = stage();
    let mut peer = stage.joined("mallory", 1);
    let echo = peer.fetch(&mut stage, b"echo");
    let give = |receiver_key| HandoffGive {
        receiver_key,
        exporter_location: place("carol"),
        session: peer.session(),
        gifter_side: peer.id(),
        gift_id: vec![1],
    };
    // The control: a gift for this vat is.
    let right = give(peer.their_key.unwrap()).sign(&peer.key, FORM);
    let wrong = give(peer.key.public()).sign(&peer.key, FORM);
    peer.tell(
        &mut stage,
        Target::Export(echo),
        vec![Value::Ref(Desc::Give(Box::new(right)))],
    );
    assert_eq!(stage.script.borrow().dialled.len(), 1);
    peer.tell(
        &mut stage,
        Target::Export(echo),
        vec![Value::Ref(Desc::Give(Box::new(wrong)))],
    );
    peer.assert_aborted(&mut stage, "the gift is for another receiver");
    assert_eq!(stage.script.borrow().dialled.len(), 1);
}

/// CAP-26: a wish is for the bootstrap object alone; nobody else is shown one.
#[test]
fn a_wish_is_shown_to_no_object() {
    let mut stage = stage();
    let mut handoff = Handoff::new(&mut stage);
    let echo = handoff.receiver.fetch(&mut stage, b"echo");
    let wish = Value::Ref(Desc::Receive(Box::new(handoff.right(0))));
    handoff
        .receiver
        .tell(&mut stage, Target::Export(echo), vec![wish]);
    handoff.receiver.assert_aborted(
        &mut stage,
        "a certificate of a wish stands where a value is wanted",
    );
}

/// CAP-25: gifts of one peer have a vat dial a few exporters at a time.
#[test]
fn gifts_do_not_make_a_vat_dial_the_world() {
    let mut stage = stage();
    let mut peer = stage.joined("mallory", 1);
    let echo = peer.fetch(&mut stage, b"echo");
    for number in 0..2 * MOST_DIALS {
        let give = HandoffGive {
            receiver_key: peer.their_key.unwrap(),
            exporter_location: place(&format!("exporter{number}")),
            session: peer.session(),
            gifter_side: peer.id(),
            gift_id: vec![1],
        };
        let give = Value::Ref(Desc::Give(Box::new(give.sign(&peer.key, FORM))));
        peer.tell(&mut stage, Target::Export(echo), vec![give]);
    }
    assert_eq!(stage.script.borrow().dialled.len(), MOST_DIALS);
    // The control: another peer's gifts are not its matter.
    let mut other = stage.joined("alice", 2);
    let echo = other.fetch(&mut stage, b"echo");
    let give = HandoffGive {
        receiver_key: other.their_key.unwrap(),
        exporter_location: place("carol"),
        session: other.session(),
        gifter_side: other.id(),
        gift_id: vec![1],
    };
    let give = Value::Ref(Desc::Give(Box::new(give.sign(&other.key, FORM))));
    other.tell(&mut stage, Target::Export(echo), vec![give]);
    assert_eq!(stage.script.borrow().dialled.len(), MOST_DIALS + 1);
}
