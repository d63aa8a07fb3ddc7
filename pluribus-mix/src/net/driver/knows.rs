//! What the driver adds to what its node's tables say: a link's number is as good as the address at its other end.

use crate::locator::Address;
use crate::node::{AllHeld, Held, Knowledge};

use super::Driver;
use super::Link;

impl Driver {
    /// Whom everything here leads to.
    pub(super) fn knowledge(&self) -> Knowledge {
        let mut knowledge = self.node.knowledge();
        for circuit in &mut knowledge.circuits {
            self.find(&mut circuit.held);
        }
        self.find(&mut knowledge.all);
        let here = self.links.values().filter_map(address);
        knowledge.all.extend(here.map(Held::Address));
        knowledge
    }

    /// Puts addresses beside the numbers of links.
    fn find(&self, held: &mut AllHeld) {
        let links = held.iter().filter_map(|held| match held {
            Held::Stranger(link) => self.links.get(link),
            _ => None,
        });
        let found: Vec<_> = links.filter_map(address).collect();
        held.extend(found.into_iter().map(Held::Address));
    }
}

fn address(link: &Link) -> Option<Address> {
    Address::try_from(link.peer()?).ok()
}
