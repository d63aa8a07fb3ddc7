//! A bad relay tries to have honest ones blamed.
//!
//! The attack is on what the clause on live counts forbids. In the naive rule below every hop seals all seven slots, the hop before it pushes
//! the last one out to make room for the tag, and the client works out what was pushed out. But what was there had come from the hop behind,
//! and a bad one puts in something else than it should: then the layer of the honest hop that sealed it does not open.

use super::rig::{Path, rng, text, twins};
use crate::crypto::aead::{Backend, Keystream};
use crate::crypto::rng::Noise;
use crate::onion::cipher::{Direction, HopCipher, Role, SlotCipher, Way, put_tag};
use crate::onion::layers::{Broken, Layers};
use crate::onion::{CELL, Cell, SLOT, SLOTS, payload_mut};

/// Three hops under the naive rule, seen from both ends.
struct Naive {
    relays: Vec<Way>,
    client: Vec<Way>,
    filler: Keystream,
}

impl Naive {
    fn new() -> Self {
        let mut rng = rng("naive");
        let way = |secret| Way::new(secret, Direction::Backward, 0, Backend::default());
        let hops = [(); 3].map(|()| twins(&mut rng).map(|secrets| way(secrets.backward)));
        let filler = hops[2][0].filler();
        let (client, relays) = hops.into_iter().map(<(Way, Way)>::from).unzip();
        Self {
            relays,
            client,
            filler,
        }
    }

    /// The slots that the last hop has to use, so that the client can work them out.
    fn slots(&self) -> [u8; 7 * SLOT] {
        let mut slots = [0; 7 * SLOT];
        self.filler.apply(0, 0, &mut slots);
        slots
    }

    fn seal(&self, hop: usize, role: Role, cell: &mut Cell) {
        let (slot, sealed) = cell.split_at_mut(SLOT);
        put_tag(slot, &self.relays[hop - 1].seal(role, sealed));
    }

    /// A cell of hop 3 with these slots, passed on by 2 and 1.
    fn sent(&self, slots: &[u8; 7 * SLOT]) -> Cell {
        let mut cell = [0; CELL];
        cell[SLOT..SLOTS * SLOT].copy_from_slice(slots);
        self.seal(3, Role::Through, &mut cell);
        for hop in [2, 1] {
            cell.copy_within(..7 * SLOT, SLOT);
            self.seal(hop, Role::Relay, &mut cell);
        }
        cell
    }

    /// What stood in slot 7 when it arrived at `hop`: filler number 8 − (3 − hop) of hop 3, as the hops behind `hop` sealed it.
    fn pushed_out(&self, hop: usize) -> [u8; SLOT] {
        let behind = 3 - hop;
        let mut slot = *self
            .slots()
            .as_chunks()
            .0
            .iter()
            .rev()
            .nth(behind - 1)
            .unwrap();
        for (place, way) in (0..).zip(self.client.iter().skip(hop).rev()) {
            let block = u32::try_from(7 - behind + place).unwrap();
            way.keystream().apply(0, block, &mut slot);
        }
        slot
    }

    fn heard(&self, mut cell: Cell) -> Result<(), Broken> {
        for (hop, way) in (1..).zip(&self.client) {
            match way.open_any([Role::Relay, Role::Through], &mut cell, SLOT) {
                None => return Err(Broken { hop }),
                Some(Role::Relay) => {
                    cell.copy_within(SLOT..SLOTS * SLOT, 0);
                    cell[7 * SLOT..8 * SLOT].copy_from_slice(&self.pushed_out(hop));
                }
                Some(_) => return Ok(()),
            }
        }
        Err(Broken { hop: 3 })
    }
}

/// ONI-8: the control. Under the naive rule a bad hop 3 has two honest relays, 1 and 2, blamed with one bit.
#[test]
fn where_hops_answer_for_what_others_discard_honest_ones_are_framed() {
    let naive = Naive::new();
    assert_eq!(naive.heard(naive.sent(&naive.slots())), Ok(()));
    let mut slots = naive.slots();
    slots[5 * SLOT] ^= 1;
    let blamed = naive.heard(naive.sent(&slots)).unwrap_err().hop;
    assert_eq!(
        blamed, 2,
        "layer 2 does not open: hops 1 and 2 are blamed, and hop 3 did it"
    );
}

/// Whether an outcome leaves everybody but `bad` alone.
fn just(bad: usize, heard: Result<usize, Broken>) -> bool {
    heard.map_or_else(
        |broken| broken.hop == bad || broken.hop == bad + 1,
        |_| true,
    )
}

/// ONI-8: a bad relay seals more slots than are its, or fewer, in cells that it passes on and in its own, and has only itself and a neighbour
/// blamed.
#[test]
fn a_relay_that_seals_other_slots_than_its_own_is_blamed_itself() {
    for bad in 1..=3 {
        for taken in 0..=7 {
            let mut path = Path::with(3, 2, 0, Backend::default(), |hop, live| {
                if hop == bad { taken } else { live }
            });
            let mut cell = path.originated(3, Role::Through, &text(1));
            path.backward(3, 1, &mut cell);
            let heard = path.heard(cell).map(|heard| heard.0);
            let honest = usize::from(taken) == 2 + 3 - bad;
            assert!(just(bad, heard), "{bad} {taken} {heard:?}");
            assert_eq!(heard.is_ok(), honest, "{bad} {taken}");
        }
    }
}

/// ONI-8: a last hop may put into its slots whatever it likes before it seals them, which frames the others under the naive rule: here its
/// cell opens, for nobody else answers for what stands there.
#[test]
fn what_a_bad_last_hop_seals_into_its_slots_harms_nobody() {
    for live in 0..=5u8 {
        for slot in 1..SLOTS {
            let mut rng = rng("bad last");
            let noise = |rng: &mut _| Noise::from(rng);
            let mut client = Layers::new(Backend::default(), noise(&mut rng));
            let mut honest = Vec::new();
            for hop in 0..2 {
                let ([ours, theirs], live) = (twins(&mut rng), live + 2 - hop);
                client.push(ours, live, 0);
                let noise = noise(&mut rng);
                honest.push(SlotCipher::new(theirs, live, 0, Backend::default(), noise));
            }
            let [ours, theirs] = twins(&mut rng);
            client.push(ours, live, 0);
            let bad = Way::new(theirs.backward, Direction::Backward, 0, Backend::default());
            let mut cell = [0x55; CELL];
            *payload_mut(&mut cell) = text(4);
            cell[slot * SLOT..][..SLOT].fill(0xaa);
            let (slots, sealed) = cell.split_at_mut((SLOTS - usize::from(live)) * SLOT);
            put_tag(slots, &bad.seal(Role::Through, sealed));
            honest.iter_mut().rev().for_each(|hop| hop.wrap(&mut cell));
            assert_eq!(client.peel(&mut cell), Ok((3, Role::Through)));
        }
    }
}
