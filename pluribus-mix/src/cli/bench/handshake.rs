//! `vattp.handshakes_per_core_s`: both sides of the handshake, against its public-key primitives alone.

use super::super::Failure;
use super::meter::{Row, against, broken};
use pluribus_mix::crypto::aead::Backend;
use pluribus_mix::crypto::dh::Scalar;
use pluribus_mix::crypto::kem::{DecapsulationKey, EncapsulationKey};
use pluribus_mix::crypto::rng::{Rng, Seed};
use pluribus_mix::crypto::sign::SigningKey;
use pluribus_mix::time::{Duration, Instant};
use pluribus_mix::vattp::connection::Connection;
use pluribus_mix::vattp::initiator::{self, start};
use pluribus_mix::vattp::pair::{PairFields, Side, Within};
use pluribus_mix::vattp::pipe::Carried;
use pluribus_mix::vattp::responder::{self, ExpectIWant, Hosted};
use pluribus_mix::vattp::seen::Seen;
use pluribus_mix::vattp::sending::Sending;
use pluribus_mix::vattp::target::Wanted;
use pluribus_mix::vattp::transport::Tuning;
use pluribus_mix::vattp::{Hints, Local, Offers, Use};
use std::sync::Arc;

/// Handshakes in one round.
const ROUND: u32 = 100;
const PLACE: &[u8] = b"127.0.0.1:1";

/// The row.
pub(super) fn row(backend: Backend, rounds: u32) -> Result<Row, Failure> {
    let mut sides = Sides::new(backend);
    let mut rng = Seed::from_bytes([3; 32]).fork("primitives");
    let [i, r] = [1, 2].map(|seed| SigningKey::from_seed(&[seed; 32]));
    let (mapped, keys) = (r.public().mapped(), [i, r]);
    let handshakes = || (0..ROUND).try_for_each(|_| sides.meet().map_err(broken));
    let bare = || {
        (0..ROUND).try_for_each(|_| {
            primitives(&keys, &mapped, &mut rng).ok_or_else(|| broken("primitives"))
        })
    };
    let (handshake, reference) = against(rounds, handshakes, bare)?;
    Ok(Row {
        name: "vattp.handshakes_per_core_s",
        value: f64::from(ROUND) / handshake,
        unit: "1/s",
        reference: Some(f64::from(ROUND) / reference),
        backend: backend.name(),
    })
}

/// Two vats that meet again and again.
struct Sides {
    dialler: Local,
    hosted: Hosted,
    wanted: Wanted,
    seen: Seen,
    rng: Rng,
    /// Nothing is said in it.
    conn: Connection,
}

impl Sides {
    fn new(backend: Backend) -> Self {
        let local = |seed: u8| Local {
            key: Arc::new(SigningKey::from_seed(&[seed; 32])),
            incarnation: 1,
            hints: Hints::default(),
            backend,
        };
        let key = local(2).key.public();
        Self {
            dialler: local(1),
            hosted: Hosted {
                prekey: Scalar::from_bytes(local(2).key.mapped_secret()),
                local: local(2),
                for_use: Use::Vat,
                places: vec![PLACE.to_vec()],
                offers: Offers::default(),
            },
            wanted: Wanted {
                key,
                prekey: key.mapped(),
                for_use: Use::Vat,
                place: PLACE.to_vec(),
            },
            seen: Seen::new(Duration::from_secs(40)),
            rng: Seed::from_bytes([4; 32]).fork("handshakes"),
            conn: Connection::new(Side::Slave, Seed::from_bytes([5; 32]).fork("connection")),
        }
    }

    /// One handshake, from nothing to the first record of either side.
    fn meet(&mut self) -> Result<(), Box<dyn std::error::Error>> {
        let now = Instant::ZERO;
        let entropy = initiator::Entropy::draw(&mut self.rng);
        let (wanted, dialler) = (self.wanted.clone(), self.dialler.clone());
        let mut out = Vec::new();
        let i = start(wanted, dialler, Offers::default(), entropy, &mut out)?;
        let (rng, seen) = (&mut self.rng, &mut self.seen);
        let draw = || responder::Entropy::draw(rng);
        let mut back = Vec::new();
        let [iwant] = items(&out)?;
        let r = ExpectIWant.handle(iwant, &self.hosted, seen, now, draw, &mut back)?;

        let [iam, reply_info] = items(&back)?;
        let proven = i.handle(iam)?.handle(reply_info)?;
        let said = PairFields::go(proven.side(), 1, 1);
        out.clear();
        let (i, _sealer) = proven.go(&said, Carried::Stream, &mut out)?;
        let [give_info, go] = items(&out)?;
        let accepted = r.handle(give_info)?.handle(go)?;

        let fields = PairFields::go_too(said.side().other(), 1, 1, accepted.fields());
        let (_established, sealer) = accepted.go_too(&fields, Carried::Stream);
        back.clear();
        Sending::new(sealer, Tuning::default(), now).fill(now, &mut self.conn, &mut back)?;
        let (_len, record) = back.split_at_mut_checked(2).ok_or("no record")?;
        let (_established, fields, _frames) = i.handle(record)?;
        Ok(fields.check(Within::GoToo, said.side().other())?)
    }
}

/// The items in a flight.
fn items<const N: usize>(mut bytes: &[u8]) -> Result<[&[u8]; N], &'static str> {
    let mut items = [&[][..]; N];
    for item in &mut items {
        let (len, rest) = bytes.split_first_chunk::<2>().ok_or("no length")?;
        let len = usize::from(u16::from_be_bytes(*len));
        (*item, bytes) = rest.split_at_checked(len).ok_or("no item")?;
    }
    Ok(items)
}

/// What public-key work both sides do, and nothing else.
fn primitives(keys: &[SigningKey; 2], mapped: &[u8; 32], rng: &mut Rng) -> Option<()> {
    let [i, r] = keys;
    let prekey = Scalar::from_bytes(r.mapped_secret());
    // Initiator, flight 1: two keys and the target.
    let x_i = Scalar::from_bytes(rng.draw());
    let (x_i_public, (kem, ek_i)) = (x_i.public(), DecapsulationKey::generate(rng.draw()));
    x_i.agree(mapped)?;
    // Responder, flight 2.
    prekey.agree(&x_i_public)?;
    let x_r = Scalar::from_bytes(rng.draw());
    x_r.agree(&x_i_public)?;
    let (ct, _) = EncapsulationKey::from_bytes(&ek_i)?.seal(rng.draw());
    let message = [0x5a; 400];
    let sig_r = r.sign(&message);
    // Initiator, flight 3.
    x_i.agree(&x_r.public())?;
    kem.open(&ct);
    let proven = r.public().verify_strict(&message, &sig_r);
    let sig_i = i.sign(&message);
    // Responder.
    (proven & i.public().verify_strict(&message, &sig_i)).then_some(())
}
