//! Carol, who hides; Alice, who has a ticket to her; Bob, Dave and others whom it may be passed on to.

use crate::crypto::dh::Scalar;
use crate::crypto::kdf::Secret;
use crate::crypto::sign::SigningKey;
use crate::directory::{NetworkId, Wall};
use crate::id::{RelayId, VatId};
use crate::pacing::Class;
use crate::rendezvous::{Bearer, Cookie, Draft, Promised, Spot, Terms, Ticket, TicketId};

pub(crate) const NOW: Wall = Wall(1_800_000_000);
pub(crate) const EXPIRY: Wall = Wall(1_800_003_600);
pub(crate) const NETWORK: [u8; 8] = *b"network!";
pub(crate) const ID: [u8; 16] = [0x1d; 16];

pub(crate) fn key(name: &str) -> SigningKey {
    let mut seed = [0; 32];
    seed[..name.len()].copy_from_slice(name.as_bytes());
    SigningKey::from_seed(&seed)
}

pub(crate) fn vat(name: &str) -> VatId {
    key(name).public().into()
}

pub(crate) fn bearer(name: &str) -> Bearer {
    Bearer::Vat(vat(name))
}

pub(crate) fn spot() -> Spot {
    Spot {
        relay: RelayId::from(key("meeting relay").public()),
        at: "192.0.2.7:9001".parse().unwrap(),
        cookie: Cookie::from([0xc0; 16]),
    }
}

pub(crate) fn b_t() -> Scalar {
    Scalar::from_bytes([0xb1; 32].into())
}

/// What Carol says in a ticket for Alice.
pub(crate) fn draft() -> Draft {
    Draft {
        spot: spot(),
        terms: Terms {
            class: Class::Talk,
            network: NetworkId::from(NETWORK),
        },
        prekey: b_t().public(),
        secret: Secret::from([0x5e; 32]),
        bearer: bearer("alice"),
        expiry: EXPIRY,
        id: TicketId::from(ID),
    }
}

/// Carol's ticket for Alice.
pub(crate) fn ticket() -> Ticket {
    Ticket::sign(&key("carol"), draft())
}

/// A ticket to Carol was promised.
pub(crate) fn promised() -> Promised {
    Promised {
        vat: vat("carol"),
        network: NetworkId::from(NETWORK),
        now: NOW,
    }
}
