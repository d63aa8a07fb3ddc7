//! A circuit that ends in a meeting with another, or in a question about a record. (RDV-18 to RDV-21, RDV-40)

use super::{Forward, Hop, Standing, State, Why};
use crate::onion::Cell;
use crate::onion::message::{ToClient, ToRelay};
use zeroize::Zeroizing;

/// What a circuit serves here, once and for all.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Serves {
    /// Nothing yet.
    Nothing,
    /// A session.
    Session,
    /// A meeting, that is to come, goes on, or is over; or a question.
    Meeting,
}

impl Serves {
    /// A cell for what the circuit ends in has come.
    pub(super) fn through(&mut self) {
        if *self == Self::Nothing {
            *self = Self::Session;
        }
    }
}

impl Standing {
    /// PARK, JOIN, KEEP or FIND: once, on a circuit that serves nothing else. (RDV-18, RDV-40)
    pub(super) fn meet(&mut self, said: &ToRelay<'_>) -> Forward {
        if self.serves != Serves::Nothing {
            return Forward::Close(Why::OutOfTurn);
        }
        self.serves = Serves::Meeting;
        match said {
            ToRelay::Park(secret) => Forward::Park(Zeroizing::new(**secret)),
            ToRelay::Join(cookie, class) if *class == self.class => Forward::Join(*cookie),
            ToRelay::Keep(record) => Forward::Keep(Box::new(**record)),
            ToRelay::Find(index) => Forward::Find(**index),
            _ => Forward::Close(Why::OutOfTurn),
        }
    }
}

impl Hop {
    /// `cell` becomes this message, to send back; with pacing it waits for its place. `false` if the circuit does not
    /// [stand](Self::stands).
    pub fn tell(&mut self, message: ToClient<'_>, cell: &mut Cell) -> bool {
        let State::Standing(standing) = &mut self.state else {
            return false;
        };
        standing.say(message, cell);
        true
    }

    /// How many messages wait for their places.
    pub fn waiting(&self) -> usize {
        let State::Standing(standing) = &self.state else {
            return 0;
        };
        standing.paced.as_ref().map_or(0, |paced| paced.waiting())
    }
}
