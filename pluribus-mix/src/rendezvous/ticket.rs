//! Tickets: how to reach a vat that hides, once. (RDV-1, RDV-2)
//!
//! A ticket leads to a stranger, through whoever handed it over. So it bears the signature of the vat that it leads to,
//! and it is checked before anything is done with it: otherwise who hands it over puts a prekey of its own in it and reads
//! what is said. There is no [`Ticket`] that was not checked, or signed here.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use zeroize::Zeroizing;

use super::Refused;
use crate::ablation::check;
use crate::crypto::kdf::{Label, Secret, hash};
use crate::crypto::rng::Rng;
use crate::crypto::sign::SigningKey;
use crate::directory::{NetworkId, Wall};
use crate::id::{RelayId, VatId};
use crate::pacing::Class;
use crate::wire::{DecodeError, Fault, Put, Reader};

/// The version that tickets of this program are for. (VTP-2)
const VERSION: u8 = 1;
/// The suite that tickets of this program are for. (VTP-2)
const SUITE: u16 = 0x0001;

/// Which park of a relay is meant. Whoever knows it can JOIN there, so it is not shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Cookie([u8; Self::LEN]);

impl Cookie {
    /// Bytes of a cookie.
    pub const LEN: usize = 16;

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl From<[u8; Self::LEN]> for Cookie {
    fn from(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cookie(…)")
    }
}

/// The name of a ticket: random, told in clear where it is used.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TicketId([u8; Self::LEN]);

impl TicketId {
    /// Bytes of an id.
    pub const LEN: usize = 16;

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl From<[u8; Self::LEN]> for TicketId {
    fn from(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for TicketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TicketId(")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

/// Where a vat can be met: the `where` of a ticket. (RDV-1)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The meeting relay.
    pub relay: RelayId,
    /// Where the relay listens, as its consensus has it.
    pub at: SocketAddr,
    /// The park there.
    pub cookie: Cookie,
}

impl Spot {
    /// Bytes of a spot.
    pub const LEN: usize = 32 + 1 + 16 + 2 + Cookie::LEN;

    /// The place of VTP-4: what the flights to this spot are bound to. (RDV-3)
    #[must_use]
    pub fn place(&self) -> [u8; 32] {
        let parts = [
            Label::PLACE.as_bytes(),
            self.relay.as_bytes(),
            &self.cookie.0,
        ];
        hash(&parts)
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.put(self.relay.as_bytes());
        let (family, octets) = match self.at.ip().to_canonical() {
            IpAddr::V4(v4) => {
                let mut octets = [0; 16];
                octets
                    .iter_mut()
                    .zip(v4.octets())
                    .for_each(|(to, from)| *to = from);
                (4, octets)
            }
            IpAddr::V6(v6) => (6, v6.octets()),
        };
        out.put_u8(family);
        out.put(&octets);
        out.put_u16(self.at.port());
        out.put(&self.cookie.0);
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let wrong = |field| DecodeError::new(field, Fault::OutOfRange);
        let relay =
            RelayId::from_bytes(&reader.array("relay id")?).map_err(|_| wrong("relay id"))?;
        let (family, octets) = (reader.u8("family")?, reader.array::<16>("address")?);
        let ip = match (family, octets) {
            (4, [a, b, c, d, rest @ ..]) if rest == [0; 12] => {
                Some(IpAddr::V4(Ipv4Addr::new(a, b, c, d)))
            }
            (6, octets) => Some(IpAddr::V6(Ipv6Addr::from(octets))),
            _ => None,
        };
        // One address has one spelling.
        let ip = ip.filter(|ip| ip.to_canonical() == *ip && !ip.is_unspecified());
        let port = reader.u16("port")?;
        if port == 0 {
            return Err(wrong("port"));
        }
        Ok(Self {
            relay,
            at: SocketAddr::new(ip.ok_or_else(|| wrong("address"))?, port),
            cookie: Cookie(reader.array("cookie")?),
        })
    }
}

/// How a vat can be met: the `what` of a ticket, for the version and the suite that this program speaks. (RDV-1)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The class of the circuit that may JOIN; without pacing nobody looks at it.
    pub class: Class,
    /// The network.
    pub network: NetworkId,
}

impl Terms {
    /// Bytes of terms.
    pub const LEN: usize = 1 + 2 + 1 + 8;

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.put_u8(VERSION);
        out.put_u16(SUITE);
        out.put_u8(self.class as u8);
        out.put(self.network.as_bytes());
    }

    /// The terms, and whether their version and suite are spoken here.
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<(Self, bool), DecodeError> {
        let spoken = reader.u8("version")? == VERSION;
        let spoken = (reader.u16("suite")? == SUITE) & spoken;
        let class = reader.u8("class")?;
        if class > Class::Bulk as u8 {
            return Err(DecodeError::new("class", Fault::OutOfRange));
        }
        let terms = Self {
            class: Class::of(class),
            network: reader.array("network id")?.into(),
        };
        Ok((terms, spoken))
    }
}

/// Who may use a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bearer {
    /// Whoever holds it. Nobody can pass it on, and who uses it is only who it says it is.
    Anyone,
    /// This vat, or whom it passes it on to.
    Vat(VatId),
}

impl Bearer {
    const ANYONE: [u8; 32] = [0; 32];

    pub(super) fn as_bytes(&self) -> &[u8; 32] {
        match self {
            Self::Anyone => &Self::ANYONE,
            Self::Vat(vat) => vat.as_bytes(),
        }
    }

    /// 32 zero bytes are no key, so they are free to mean anyone. Everything else must be one: for a point of small order
    /// anybody can sign. (RDV-1)
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let bytes = reader.array("bearer")?;
        if bytes == Self::ANYONE {
            return Ok(Self::Anyone);
        }
        let vat = VatId::from_bytes(&bytes);
        let vat = vat.map_err(|_| DecodeError::new("bearer", Fault::OutOfRange))?;
        Ok(Self::Vat(vat))
    }
}

/// What whoever receives a ticket was promised, and when it is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Promised {
    /// The vat that it is to lead to.
    pub vat: VatId,
    /// The network that one is in.
    pub network: NetworkId,
    /// The time now.
    pub now: Wall,
}

/// What a ticket says, before it is signed.
pub struct Draft {
    /// Where to JOIN.
    pub spot: Spot,
    /// How.
    pub terms: Terms,
    /// B_t.
    pub prekey: [u8; 32],
    /// s_t.
    pub secret: Secret,
    /// Who may use it.
    pub bearer: Bearer,
    /// From when on it counts no more.
    pub expiry: Wall,
    /// Its name.
    pub id: TicketId,
}

/// A ticket that the vat which it leads to has signed. Wiped when dropped.
pub struct Ticket {
    draft: Draft,
    vat: VatId,
    bytes: Zeroizing<Vec<u8>>,
}

impl Ticket {
    /// Bytes of a ticket. (RDV-1)
    pub const LEN: usize = Spot::LEN + Terms::LEN + 4 * 32 + 8 + TicketId::LEN + Self::SIGNATURE;
    const SIGNATURE: usize = 64;

    /// Signs a ticket that leads to the vat with this key.
    #[must_use]
    pub fn sign(key: &SigningKey, draft: Draft) -> Self {
        let vat = VatId::from(key.public());
        let mut bytes = Zeroizing::new(Vec::with_capacity(Self::LEN));
        draft.spot.encode(&mut bytes);
        draft.terms.encode(&mut bytes);
        bytes.put(&draft.prekey);
        bytes.put(draft.secret.as_bytes());
        bytes.put(vat.as_bytes());
        bytes.put(draft.bearer.as_bytes());
        bytes.put_u64(draft.expiry.0);
        bytes.put(draft.id.as_bytes());
        let signature = key.sign(&signed(&bytes));
        bytes.put(&signature);
        Self { draft, vat, bytes }
    }

    /// Reads a ticket and checks it against what was promised. (RDV-1, RDV-2)
    ///
    /// # Errors
    /// Whatever is wrong with it; nothing may be sent for it then.
    pub fn parse(bytes: &[u8], promised: &Promised) -> Result<Self, Refused> {
        let mut reader = Reader::new(bytes);
        let spot = Spot::decode(&mut reader)?;
        let (terms, spoken) = Terms::decode(&mut reader)?;
        let prekey = reader.array("prekey")?;
        let secret = Secret::from(*Zeroizing::new(reader.array("secret")?));
        let vat: [u8; 32] = reader.array("vat")?;
        let draft = Draft {
            spot,
            terms,
            prekey,
            secret,
            bearer: Bearer::decode(&mut reader)?,
            expiry: Wall(reader.u64("expiry")?),
            id: TicketId(reader.array("ticket id")?),
        };
        let signature: [u8; Self::SIGNATURE] = reader.array("sig")?;
        reader.finish("sig")?;
        if vat != *promised.vat.as_bytes() {
            return Err(Refused::OtherVat);
        }
        let (body, _) = bytes
            .split_at_checked(Self::LEN - Self::SIGNATURE)
            .unwrap_or_default();
        let key = promised.vat.public_key();
        if !check!(TicketSigned, key.verify_strict(&signed(body), &signature)) {
            return Err(Refused::Unsigned);
        }
        if terms.network != promised.network {
            return Err(Refused::OtherNetwork);
        }
        if !spoken {
            return Err(Refused::Unspoken);
        }
        if !check!(TicketExpiry, promised.now < draft.expiry) {
            return Err(Refused::Expired);
        }
        Ok(Self {
            draft,
            vat: promised.vat,
            bytes: Zeroizing::new(bytes.to_vec()),
        })
    }

    /// The bytes, secret included.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where to JOIN.
    #[must_use]
    pub const fn spot(&self) -> &Spot {
        &self.draft.spot
    }

    /// How.
    #[must_use]
    pub const fn terms(&self) -> &Terms {
        &self.draft.terms
    }

    /// B_t: what whoever uses it asks under.
    #[must_use]
    pub const fn prekey(&self) -> &[u8; 32] {
        &self.draft.prekey
    }

    /// s_t.
    #[must_use]
    pub const fn secret(&self) -> &Secret {
        &self.draft.secret
    }

    /// The vat that it leads to.
    #[must_use]
    pub const fn vat(&self) -> VatId {
        self.vat
    }

    /// Who may use it, or pass it on.
    #[must_use]
    pub const fn bearer(&self) -> Bearer {
        self.draft.bearer
    }

    /// From when on it counts no more.
    #[must_use]
    pub const fn expiry(&self) -> Wall {
        self.draft.expiry
    }

    /// Its name.
    #[must_use]
    pub const fn id(&self) -> TicketId {
        self.draft.id
    }

    /// H(ticket), which the first certificate is bound to. (RDV-4)
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        hash(&[&self.bytes])
    }
}

impl TicketId {
    /// Drawn at random.
    #[must_use]
    pub fn draw(rng: &mut Rng) -> Self {
        Self(*rng.draw())
    }
}

/// What the vat signs. (RDV-1)
fn signed(body: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new([Label::TICKET.as_bytes(), body].concat())
}
