//! How sessions begin: `op:start-session`, and one session for each pair of vats.
//!
//! Both sides speak at once. Who has dialled and is dialled by the same vat at the same time has *crossed hellos*: the dial whose
//! dialler has the lower public id gives way. Where a live session with a vat is in the way of a new one, the older may be over
//! already, only the news of it not here yet; so the newer waits a second before it is refused.

use pluribus_mix::time::{Duration, Instant};

use super::certificate::{SessionId, Signature, sign_location, verify_location};
use super::comms::{Act, Comms, Dial, GREETING};
use super::link::SessionNo;
use super::locator::Peer;
use super::misdeed::Misdeed;
use super::op::Op;
use super::session::{Live, Session, Stage, Started};
use crate::vat::{Happened, Ref, Turn};

/// The version that both sides must speak.
const VERSION: &str = "1.0";
/// How long a new session waits for the end of an older one with the same vat.
const DOUBLED: Duration = Duration::from_secs(1);

impl Comms {
    /// A connection is open: says who we are.
    pub(super) fn greet(&mut self, turn: &mut Turn<'_>, no: SessionNo, proven: Option<Peer>) {
        let Some(session) = self.sessions.get_mut(&no) else {
            return;
        };
        if !matches!(session.stage, Stage::Dialling) {
            return;
        }
        let stranger = match (&session.peer, &proven) {
            (Some(wanted), Some(proven)) => wanted != proven,
            _ => false,
        };
        session.proven = proven;
        if stranger {
            return self.abort(turn, no, &Misdeed::Impostor);
        }
        session.stage = Stage::Greeting(self.now + GREETING);
        let hello = Op::StartSession {
            version: VERSION.to_owned(),
            key: session.key.public(),
            location: self.location.clone(),
            signature: sign_location(&session.key, &self.location),
        };
        if session.say(&hello).is_err() {
            let problem = "the location of this vat cannot be said";
            self.end(turn, no, &problem.into());
        }
    }

    /// The peer has said `op:start-session`.
    pub(super) fn started(
        &mut self,
        turn: &mut Turn<'_>,
        no: SessionNo,
        version: &str,
        started: Started,
        signature: &Signature,
    ) -> Result<(), Misdeed> {
        let session = self.sessions.get(&no).ok_or(Misdeed::NotStarted)?;
        if !matches!(session.stage, Stage::Greeting(_)) {
            return Err(Misdeed::StartedTwice);
        }
        if version != VERSION {
            return Err(Misdeed::Version);
        }
        verify_location(&started.key, &started.location, signature)
            .map_err(|_| Misdeed::LocationSignature)?;
        let claims = |known: &Option<Peer>| {
            known
                .as_ref()
                .is_none_or(|known| *known == started.location)
        };
        if !claims(&session.proven) || !claims(&session.peer) || started.location == self.location {
            return Err(Misdeed::Impostor);
        }
        self.one_of_two(turn, no, started)
    }

    /// There is to be one session with each vat.
    fn one_of_two(
        &mut self,
        turn: &mut Turn<'_>,
        no: SessionNo,
        started: Started,
    ) -> Result<(), Misdeed> {
        let begun = self.begun.get(&started.location).copied();
        if let Some(begun) = begun.filter(|begun| *begun != no) {
            let dial = self.sessions.get(&begun);
            let stays = dial.is_some_and(|dial| {
                // Before it has said hello it has reached nobody, and may never.
                let form = dial.dialect.keys();
                let said = matches!(dial.stage, Stage::Greeting(_));
                said && dial.key.public().id(form) > started.key.id(form)
            });
            if stays {
                return Err(Misdeed::Crossed);
            }
            self.give_way(turn, begun, no);
        }
        if self.live.contains_key(&started.location) {
            let until = self.now + DOUBLED;
            if let Some(session) = self.sessions.get_mut(&no) {
                session.stage = Stage::Doubled(until, started);
            }
            return Ok(());
        }
        self.go_live(turn, no, started);
        Ok(())
    }

    /// Our dial gives way to theirs; who waited for it waits for theirs.
    fn give_way(&mut self, turn: &mut Turn<'_>, dial: SessionNo, to: SessionNo) {
        let Some(session) = self.sessions.get_mut(&dial) else {
            return;
        };
        let (wanted, gifts) = (
            std::mem::take(&mut session.wanted),
            std::mem::take(&mut session.gifts),
        );
        self.abort(turn, dial, &Misdeed::Crossed);
        self.acts
            .retain(|act| !matches!(act, Act::Connect(Dial(no), _) if *no == dial));
        if let Some(session) = self.sessions.get_mut(&to) {
            session.wanted.extend(wanted);
            session.gifts.extend(gifts);
        }
    }

    /// Sessions have ended; others with the same vats may have waited for that.
    pub(super) fn settle_doubled(&mut self, turn: &mut Turn<'_>) {
        while let Some((no, started)) = self.next_doubled() {
            self.go_live(turn, no, started);
        }
    }

    fn next_doubled(&self) -> Option<(SessionNo, Started)> {
        let mut sessions = self.sessions.values();
        sessions.find_map(|session| match &session.stage {
            Stage::Doubled(_, started) if !self.live.contains_key(&started.location) => {
                Some((session.no, started.clone()))
            }
            _ => None,
        })
    }

    fn go_live(&mut self, turn: &mut Turn<'_>, no: SessionNo, started: Started) {
        let Some(session) = self.sessions.get_mut(&no) else {
            return;
        };
        let form = session.dialect.keys();
        let our_side = session.key.public().id(form);
        let their_side = started.key.id(form);
        session.stage = Stage::Live(Live {
            id: SessionId::of(our_side, their_side),
            our_side,
            their_side,
            their_key: started.key,
        });
        session.live_since(self.now);
        session.opened = turn.note(Happened::Opened { session: no.0 });
        self.begun.retain(|_, begun| *begun != no);
        self.live.insert(started.location.clone(), no);
        session.peer = Some(started.location);
        self.now_live(turn, no);
    }

    /// Who has waited for this session gets what it wants.
    pub(super) fn now_live(&mut self, turn: &mut Turn<'_>, no: SessionNo) {
        let Some(session) = self.sessions.get_mut(&no) else {
            return;
        };
        let wanted = std::mem::take(&mut session.wanted);
        let gifts = std::mem::take(&mut session.gifts);
        let bootstrap = session.bootstrap();
        for resolver in wanted {
            turn.resolve(resolver, Ok(bootstrap.clone().into()));
        }
        let early = std::mem::take(&mut session.early);
        for gift in gifts {
            self.withdraw(turn, no, gift);
        }
        for (op, _) in early {
            self.bytes = op.weight();
            if let Err(misdeed) = self.take_op(turn, no, op) {
                return self.abort(turn, no, &misdeed);
            }
        }
    }
}

impl Session {
    /// The peer's bootstrap object.
    pub(super) fn bootstrap(&self) -> Ref {
        Ref::far(super::link::Imported::way(&self.link, 0, 0))
    }

    fn live_since(&mut self, now: Instant) {
        self.undecided = (!self.dialect.known()).then_some(now + super::session::UNDECIDED);
    }
}
