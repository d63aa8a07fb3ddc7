//! Everything at once, and what must hold all the same: each connection's messages come in order, none twice, none missing
//! before one that came; and when the storm is over everybody can be reached.

use super::MS;
use crate::crypto::rng::{Rng, Seed};
use crate::sim::{HostId, World};
use std::collections::BTreeMap;

const NAMES: [&str; 4] = ["alice", "bob", "carol", "dave"];

struct Storm {
    world: World,
    vats: [HostId; 4],
    rng: Rng,
    /// How much each connection of each life has said.
    said: BTreeMap<String, u64>,
}

impl Storm {
    fn of(seed: u64) -> Self {
        let mut world = World::seeded(seed);
        let vats = world.vats(NAMES);
        world.jitter_everywhere(20 * MS);
        world.chop_everywhere(400);
        let rng = Seed::from_bytes([u8::try_from(seed).unwrap(); 32]).fork("storm");
        let said = BTreeMap::new();
        Self {
            world,
            vats,
            rng,
            said,
        }
    }

    fn any_pair(&mut self) -> (HostId, HostId) {
        let first = usize::try_from(self.rng.below(4)).unwrap();
        let second = (first + 1 + usize::try_from(self.rng.below(3)).unwrap()) % 4;
        (self.vats[first], self.vats[second])
    }

    fn say(&mut self, from: HostId, to: HostId) {
        let Some(conn) = self
            .world
            .connection(from, to)
            .or_else(|| self.world.dial(from, to).ok())
        else {
            return;
        };
        let life = self.world.incarnation(from);
        let who = format!("{from:?} of {life} on {conn:?}");
        let said = self.said.entry(who.clone()).or_default();
        if self
            .world
            .send(from, conn, format!("{who}: {said}"))
            .is_ok()
        {
            *said += 1;
        }
    }

    fn blow(&mut self) {
        let (a, b) = self.any_pair();
        match self.rng.below(50) {
            0 => self.world.partition(a, b),
            1..=4 => self.world.repair(a, b),
            5 => self.world.hold(a, b),
            6..=9 => self.world.release(a, b),
            10 | 11 => self.world.cut(a, b),
            12 => self.world.kill(a),
            13..=15 => self.world.restart(a),
            16 => self.world.stall(a),
            17..=20 => self.world.unstall(a),
            _ => self.say(a, b),
        }
        let pause = u32::try_from(self.rng.below(200)).unwrap();
        self.world.run_for(pause * MS);
    }

    fn clear_up(&mut self) {
        for a in self.vats {
            for b in self.vats.into_iter().filter(|b| *b != a) {
                self.world.repair(a, b);
                self.world.release(a, b);
            }
            self.world.unstall(a);
            if !self.world.is_up(a) {
                self.world.restart(a);
            }
        }
        // As long as a dead peer can be taken for a silent one.
        self.world.run_for(60_000 * MS);
    }

    /// Checks what everybody heard; from how many connections that was.
    fn check(&self) -> usize {
        let mut heard = BTreeMap::new();
        for vat in self.vats {
            for message in self.world.heard_by(vat) {
                let (who, number) = message.split_once(": ").unwrap();
                let next: &mut u64 = heard.entry((vat, who.to_owned())).or_default();
                assert_eq!(
                    number,
                    next.to_string(),
                    "{who}, heard by {}",
                    self.world.name(vat)
                );
                *next += 1;
            }
        }
        heard.len()
    }
}

#[test]
fn whatever_befalls_them_messages_come_in_order_and_once() {
    let mut connections = 0;
    for seed in 0..12 {
        let mut storm = Storm::of(seed);
        for _ in 0..200 {
            storm.blow();
        }
        storm.clear_up();
        // Whoever still waits for somebody who was restarted finds out, or gives up.
        storm.world.run_for(300 * 1000 * MS);
        connections += storm.check();
        let before: Vec<_> = storm.vats.map(|vat| storm.world.heard_by(vat).len()).into();
        for a in storm.vats {
            for b in storm.vats.into_iter().filter(|b| *b != a) {
                storm.say(a, b);
            }
        }
        storm.world.run_for(100 * 1000 * MS);
        storm.check();
        let after: Vec<_> = storm.vats.map(|vat| storm.world.heard_by(vat).len()).into();
        let all_three: Vec<_> = before.iter().map(|before| before + 3).collect();
        assert_eq!(after, all_three, "seed {seed}");
    }
    assert!(connections > 200, "hardly anybody talked to anybody");
}
