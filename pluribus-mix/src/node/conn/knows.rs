//! Whom a connection names.

use super::{Conn, Dial, Where};
use crate::node::To;
use crate::node::mix::{AllHeld, Held};

impl Conn {
    pub(in crate::node) fn held(&self, out: &mut AllHeld) {
        let Self {
            key,
            talk: _,
            link: _,
            dial,
            redial: _,
            redial_at: _,
            expires: _,
            live_since: _,
            timer: _,
            counted: _,
            is_starved: _,
            is_fed: _,
            opened: _,
            closed: _,
            is_told: _,
            is_held: _,
            is_telling: _,
            is_streaming: _,
            is_struck: _,
        } = self;
        out.insert(Held::Vat(key.peer));
        if let Some(Dial { at, local }) = dial {
            out.insert(Held::Vat(local.key.public().into()));
            out.extend(at.held());
        }
    }
}

impl Where {
    fn held(&self) -> Option<Held> {
        match self {
            Self::Address(at) => Some(Held::Address(at.clone())),
            Self::Relay(relay, _) => Some(Held::Relay(*relay)),
            Self::Meeting => None,
        }
    }
}

impl To {
    pub(in crate::node) fn held(&self) -> Held {
        match self {
            Self::Address(at) => Held::Address(at.clone()),
            Self::Relay(relay, _) => Held::Relay(*relay),
            Self::Spot(spot) => Held::Relay(spot.relay),
        }
    }
}
