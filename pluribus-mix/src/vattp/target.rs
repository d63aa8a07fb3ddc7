//! Who is asked for, so that nobody but the one who is can tell. (VTP-4)

use super::{Offers, Use};
use crate::crypto::kdf::{Label, Secret, hash};
use crate::crypto::sign::PublicKey;
use crate::wire::Put;

/// Bytes of a target.
pub const TARGET_LEN: usize = 16;

/// Where and as what a vat is asked for.
#[derive(Clone)]
pub struct Wanted {
    /// The vat, or a relay's identity.
    pub key: PublicKey,
    /// B: the key under which it can be asked for. A public vat's mapped key (NAM-5), a relay's onion key.
    pub prekey: [u8; 32],
    /// What for.
    pub for_use: Use,
    /// The RelayId's bytes for link and exit; the canonical text of the address dialled for a public vat.
    pub place: Vec<u8>,
}

/// What the target is about, besides the shared secret: all that stands in IWANT before it.
pub(super) struct Asked<'a> {
    pub(super) offers: &'a Offers,
    pub(super) x_i: &'a [u8; 32],
    pub(super) ek_i: &'a [u8],
}

impl Asked<'_> {
    /// The target, from the shared secret of x_i and B, and that of a ticket if there is one. (VTP-4, RDV-12)
    pub(super) fn target(
        &self,
        dh: &[u8; 32],
        secret: Option<&Secret>,
        vat: &PublicKey,
        for_use: Use,
        place: &[u8],
    ) -> [u8; TARGET_LEN] {
        let mut head = vec![for_use as u8];
        self.offers.encode(&mut head);
        let mut tail = Vec::with_capacity(place.len() + 2);
        tail.put_lp(place);
        let secret = secret.map_or(&[][..], |secret| secret.as_bytes());
        let key = Secret::extract(Label::TARGET.as_bytes(), &[dh, vat.as_bytes(), secret]);
        let mac = key.mac(&[&head, self.x_i, &hash(&[self.ek_i]), &tail]);
        *mac.first_chunk().unwrap_or(&[0; TARGET_LEN])
    }

    /// As the initiator computes it.
    pub(super) fn by_initiator(
        &self,
        dh: &[u8; 32],
        secret: Option<&Secret>,
        wanted: &Wanted,
    ) -> [u8; TARGET_LEN] {
        self.target(dh, secret, &wanted.key, wanted.for_use, &wanted.place)
    }
}
