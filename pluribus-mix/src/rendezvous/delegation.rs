//! Passing a ticket on: certificates, each narrower than the one before. (RDV-4, RDV-5)
//!
//! ```text
//! ticket (bearer: Alice) ◄─H─ link (to Bob, signed by Alice) ◄─H─ link (to Dave, signed by Bob)
//! ```
//!
//! Each link is bound to the whole of what stands before it, so that no link counts behind anything else. The callee
//! keeps no list of links: it checks those that are shown against the [`Root`] that it remembers of its ticket.
//!
//! Passing on does not revoke. Whoever was named before can still use the ticket, and the first use that comes counts.

use zeroize::Zeroizing;

use super::Refused;
use super::ticket::{Bearer, Promised, Ticket, TicketId};
use crate::ablation::check;
use crate::crypto::kdf::{Label, hash};
use crate::crypto::sign::SigningKey;
use crate::directory::Wall;
use crate::id::VatId;
use crate::wire::{DecodeError, Fault, Put, Reader};

/// How often a ticket can be passed on. (RDV-4)
pub const MOST_LINKS: usize = 4;

/// One certificate: whom it is passed on to, and until when.
#[derive(Clone, PartialEq, Eq)]
pub struct Link {
    ticket: TicketId,
    to: VatId,
    expiry: Wall,
    bytes: [u8; Self::LEN],
}

impl Link {
    /// Bytes of a link.
    pub const LEN: usize = Self::BODY + 64;
    const BODY: usize = TicketId::LEN + 32 + 8;

    /// Signed by whoever holds what has the hash `previous`.
    fn sign(
        key: &SigningKey,
        previous: &[u8; 32],
        ticket: TicketId,
        to: VatId,
        expiry: Wall,
    ) -> Self {
        let mut bytes = Vec::with_capacity(Self::LEN);
        bytes.put(ticket.as_bytes());
        bytes.put(to.as_bytes());
        bytes.put_u64(expiry.0);
        let signature = key.sign(&signed(&bytes, previous));
        bytes.put(&signature);
        Self {
            ticket,
            to,
            expiry,
            bytes: bytes.try_into().unwrap_or([0; Self::LEN]),
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let bytes = reader.array::<{ Self::LEN }>("delegation")?;
        let mut fields = Reader::new(&bytes);
        let ticket = fields.array("ticket id")?.into();
        let to = VatId::from_bytes(&fields.array("to")?);
        Ok(Self {
            ticket,
            to: to.map_err(|_| DecodeError::new("to", Fault::OutOfRange))?,
            expiry: Wall(fields.u64("expiry")?),
            bytes,
        })
    }

    /// Whether `giver` has signed it for what has the hash `previous`.
    fn is_signed(&self, giver: &VatId, previous: &[u8; 32]) -> bool {
        let (body, signature) = self.bytes.split_at(Self::BODY);
        let signature = signature.try_into().unwrap_or([0; 64]);
        let said = signed(body, previous);
        giver.public_key().verify_strict(&said, &signature)
    }

    /// Whom the ticket is passed on to.
    #[must_use]
    pub const fn to(&self) -> VatId {
        self.to
    }

    /// From when on it counts no more.
    #[must_use]
    pub const fn expiry(&self) -> Wall {
        self.expiry
    }
}

/// What the giver of a link signs. (RDV-4)
fn signed(body: &[u8], previous: &[u8; 32]) -> Vec<u8> {
    [Label::DELEGATION.as_bytes(), body, previous].concat()
}

/// What a chain hangs on: what is to be known of a ticket to judge who may use it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Root {
    /// The ticket's name.
    pub id: TicketId,
    /// H(ticket).
    pub digest: [u8; 32],
    /// Who it was issued to.
    pub bearer: Bearer,
    /// Until when.
    pub expiry: Wall,
}

impl From<&Ticket> for Root {
    fn from(ticket: &Ticket) -> Self {
        Self {
            id: ticket.id(),
            digest: ticket.digest(),
            bearer: ticket.bearer(),
            expiry: ticket.expiry(),
        }
    }
}

/// Who may use a ticket in the end, and until when.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// Who.
    pub bearer: Bearer,
    /// From when on not any more.
    pub expiry: Wall,
}

/// The certificates of a ticket, in order; at most [`MOST_LINKS`].
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Chain(Vec<Link>);

impl Chain {
    /// The links.
    #[must_use]
    pub fn links(&self) -> &[Link] {
        &self.0
    }

    /// Appends the links, without their number.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        self.0.iter().for_each(|link| out.put(&link.bytes));
    }

    /// Reads `count` links. (RDV-4)
    pub(super) fn decode(reader: &mut Reader<'_>, count: usize) -> Result<Self, Refused> {
        if !check!(ChainLength, count <= MOST_LINKS) {
            return Err(Refused::TooOften);
        }
        let links = (0..count).map(|_| Link::decode(reader));
        Ok(Self(links.collect::<Result<_, _>>()?))
    }

    /// Goes from the ticket to the last link. What comes out may use the ticket, if it is before its expiry. (RDV-4)
    ///
    /// # Errors
    /// What is wrong with the first bad link.
    pub fn verify(&self, root: &Root) -> Result<Holder, Refused> {
        let mut holder = Holder {
            bearer: root.bearer,
            expiry: root.expiry,
        };
        let mut previous = root.digest;
        for link in &self.0 {
            let Bearer::Vat(giver) = holder.bearer else {
                return Err(Refused::Open);
            };
            if !check!(ChainTicket, link.ticket == root.id) {
                return Err(Refused::OtherTicket);
            }
            if !check!(Narrower, link.expiry <= holder.expiry) {
                return Err(Refused::Wider);
            }
            if !check!(ChainSigned, link.is_signed(&giver, &previous)) {
                return Err(Refused::Forged);
            }
            previous = hash(&[&link.bytes]);
            holder = Holder {
                bearer: Bearer::Vat(link.to),
                expiry: link.expiry,
            };
        }
        Ok(holder)
    }

    /// H of the last link, or of the ticket if there is none.
    fn last_digest(&self, root: &Root) -> [u8; 32] {
        let last = self.0.last();
        last.map_or(root.digest, |link| hash(&[&link.bytes]))
    }
}

/// A ticket with the certificates that it was passed on with, checked. (RDV-5)
pub struct Introduction {
    ticket: Ticket,
    chain: Chain,
    holder: Holder,
}

impl From<Ticket> for Introduction {
    /// A ticket that nobody has passed on.
    fn from(ticket: Ticket) -> Self {
        let holder = Holder {
            bearer: ticket.bearer(),
            expiry: ticket.expiry(),
        };
        Self {
            ticket,
            chain: Chain::default(),
            holder,
        }
    }
}

impl Introduction {
    /// The most bytes of an introduction.
    pub const MOST: usize = Ticket::LEN + MOST_LINKS * Link::LEN;

    /// Reads `ticket ‖ links` and checks all of it. (RDV-2, RDV-4, RDV-5)
    ///
    /// # Errors
    /// Whatever is wrong with it; nothing may be sent for it then.
    pub fn parse(bytes: &[u8], promised: &Promised) -> Result<Self, Refused> {
        let mut reader = Reader::new(bytes);
        let ticket = Ticket::parse(reader.bytes(Ticket::LEN, "ticket")?, promised)?;
        let count = reader.rest().len().div_ceil(Link::LEN);
        let chain = Chain::decode(&mut reader, count)?;
        reader.finish("delegations")?;
        let holder = chain.verify(&Root::from(&ticket))?;
        if promised.now >= holder.expiry {
            return Err(Refused::Expired);
        }
        Ok(Self {
            ticket,
            chain,
            holder,
        })
    }

    /// The bytes, the ticket's secret included.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(Self::MOST));
        bytes.put(self.ticket.as_bytes());
        self.chain.encode(&mut bytes);
        bytes
    }

    /// The ticket.
    #[must_use]
    pub const fn ticket(&self) -> &Ticket {
        &self.ticket
    }

    /// The certificates.
    #[must_use]
    pub const fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Who may use it, or pass it on.
    #[must_use]
    pub const fn bearer(&self) -> Bearer {
        self.holder.bearer
    }

    /// From when on it counts no more.
    #[must_use]
    pub const fn expiry(&self) -> Wall {
        self.holder.expiry
    }

    /// Whether this vat may use it. A receiver asks this before it sends anything. (RDV-5)
    #[must_use]
    pub fn is_for(&self, vat: &VatId) -> bool {
        match self.holder.bearer {
            Bearer::Anyone => true,
            Bearer::Vat(bearer) => bearer == *vat,
        }
    }

    /// Passes it on: from here on it is `to`'s, until `expiry` at most. (RDV-4)
    ///
    /// # Errors
    /// If the key is not the bearer's, if anyone may use it anyhow, if it was passed on too often, or if it would live longer. Then
    /// nothing has changed.
    pub fn delegate(&mut self, key: &SigningKey, to: VatId, expiry: Wall) -> Result<(), Refused> {
        let Bearer::Vat(bearer) = self.holder.bearer else {
            return Err(Refused::Open);
        };
        if bearer != VatId::from(key.public()) {
            return Err(Refused::NotForYou);
        }
        if self.chain.0.len() >= MOST_LINKS {
            return Err(Refused::TooOften);
        }
        if expiry > self.holder.expiry {
            return Err(Refused::Wider);
        }
        let previous = self.chain.last_digest(&Root::from(&self.ticket));
        let link = Link::sign(key, &previous, self.ticket.id(), to, expiry);
        self.chain.0.push(link);
        self.holder = Holder {
            bearer: Bearer::Vat(to),
            expiry,
        };
        Ok(())
    }
}
