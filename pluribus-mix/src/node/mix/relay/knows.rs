//! What a relay holds of the circuits through it.

use super::{End, HopAt, Meet, Next, Relay};
use crate::node::mix::knows::{AllHeld, CircuitHeld, Held, OfEnd, Wires, of_link};
use slab::Slab;

impl Relay {
    pub(in crate::node::mix) fn held(
        &self,
        wires: &Wires,
        of_end: OfEnd<'_>,
        out: &mut Vec<CircuitHeld>,
    ) {
        let Self {
            hosted: _,
            answerer: _,
            hops,
            // Which circuits wait with the same cookie, which names nobody.
            parks: _,
            // What nobody can read who does not know of whom it is.
            records: _,
            max_circuits: _,
            sweeping: _,
            // Who our neighbours are, and with nobody else.
            neighbours: _,
        } = self;
        out.extend(hops.iter().map(|(_, at)| CircuitHeld {
            is_own: false,
            held: at.held(hops, wires, of_end),
        }));
    }
}

impl HopAt {
    fn held(&self, hops: &Slab<Self>, wires: &Wires, of_end: OfEnd<'_>) -> AllHeld {
        let Self {
            // Keys, and half a request at most, which names the next relay.
            hop: _,
            back: (back, _),
            next,
            end,
            meet,
            index: _,
            reply: _,
            deadline: _,
            timer: _,
            heard: _,
        } = self;
        let mut out = AllHeld::new();
        of_link(wires, *back, &mut out);
        match next {
            Next::Nothing => {}
            Next::Wanted(link, request) => {
                of_link(wires, *link, &mut out);
                let asked = request.first_chunk().map(crate::id::RelayId::from_bytes);
                out.extend(asked.and_then(Result::ok).map(Held::Relay));
            }
            Next::Lane((link, _)) => of_link(wires, *link, &mut out),
        }
        if let Some(End {
            link,
            came: _,
            is_over: _,
        }) = end
        {
            of_end(*link, &mut out);
        }
        match meet {
            // A seat is a number beside those of others with the same cookie.
            Meet::Nothing | Meet::Parked(_) | Meet::Waiting { .. } | Meet::Over => {}
            Meet::Spliced { other, rests: _ } => {
                if let Some(other) = hops.get(*other) {
                    of_link(wires, other.back.0, &mut out);
                }
            }
        }
        out
    }
}
