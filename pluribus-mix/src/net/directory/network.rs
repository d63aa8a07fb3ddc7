//! Where the authorities of a network are, and asking them.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::directory::{Authorities, BadAuthorities, Consensus, Floor, NetworkId, Refused, Wall};
use crate::id::{RelayId, VatId};
use crate::locator::Locator;

use super::super::connection::Connection;
use super::super::endpoint::Endpoint;
use super::super::entropy::fresh_seed;
use super::super::error::BindError;
use super::ask::{Answer, Ask};
use super::wall;

/// How long one authority may take for one question.
const PATIENCE: Duration = Duration::from_secs(15);

/// Why locators and a threshold are no network.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadNetwork {
    /// What of DIR-5 does not hold.
    #[error(transparent)]
    Authorities(#[from] BadAuthorities),
    /// An authority has no place.
    #[error("the locator of the authority {0} has no at=host:port hint")]
    NoAddress(VatId),
}

/// Why an authority gave no answer, or none that can be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AskFault {
    /// None of those asked could be reached.
    #[error("no authority can be reached")]
    Unreachable,
    /// It did not answer in time.
    #[error("the authority did not answer in time")]
    TimedOut,
    /// The answer broke off.
    #[error("the authority broke off")]
    Cut,
    /// What it said is no answer.
    #[error("the authority's answer makes no sense")]
    Misbehaved,
    /// It says no, in its own words.
    #[error("the authority refused: {0}")]
    No(String),
    /// It has no consensus yet, or none that is newer.
    #[error("the authority has no newer consensus")]
    NothingNewer,
    /// What it gave is refused.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// No randomness to ask in an order of our own.
    #[error("the operating system gives no random bytes")]
    Entropy,
}

impl From<BindError> for AskFault {
    fn from(_: BindError) -> Self {
        Self::Entropy
    }
}

/// The authorities of a network and where they are.
#[derive(Clone, Debug)]
pub struct Network {
    authorities: Authorities,
    locators: Vec<Locator>,
}

impl Network {
    /// The network of these authorities, of which so many must sign.
    ///
    /// # Errors
    /// See [`BadNetwork`].
    pub fn new(locators: Vec<Locator>, threshold: usize) -> Result<Self, BadNetwork> {
        if let Some(lost) = locators.iter().find(|it| it.address().is_none()) {
            return Err(BadNetwork::NoAddress(lost.vat()));
        }
        let keys = locators.iter().map(|locator| name(locator.vat()));
        Ok(Self {
            authorities: Authorities::new(keys, threshold)?,
            locators,
        })
    }

    /// Who they are, and how many must sign.
    #[must_use]
    pub fn authorities(&self) -> &Authorities {
        &self.authorities
    }

    /// The network's name.
    #[must_use]
    pub fn id(&self) -> NetworkId {
        self.authorities.network()
    }

    /// Where the others are.
    pub(in super::super) fn others(&self, than: VatId) -> Vec<Locator> {
        let others = self.locators.iter().filter(|it| it.vat() != than);
        others.cloned().collect()
    }

    /// Whether this vat is one of them.
    pub(in super::super) fn has(&self, vat: VatId) -> bool {
        self.locators.iter().any(|it| it.vat() == vat)
    }

    /// Asks one authority after the other, in random order, for a consensus newer than the floor, and gives the first that can be
    /// accepted.
    ///
    /// # Errors
    /// What was wrong with the last that was asked; a refused document is told rather than an authority that is away.
    pub async fn fetch(
        &self,
        endpoint: &Endpoint,
        floor: Option<&Floor>,
    ) -> Result<Consensus, AskFault> {
        let mut why = AskFault::Unreachable;
        for locator in self.shuffled()? {
            match self.fetch_from(endpoint, &locator, floor).await {
                Ok(consensus) => return Ok(consensus),
                Err(_) if matches!(why, AskFault::Refused(_)) => {}
                Err(fault) => why = fault,
            }
        }
        Err(why)
    }

    async fn fetch_from(
        &self,
        endpoint: &Endpoint,
        locator: &Locator,
        floor: Option<&Floor>,
    ) -> Result<Consensus, AskFault> {
        let newer = floor.map_or(Wall(0), Floor::valid_after);
        let asked = async {
            let connection = connect(endpoint, locator).await?;
            put(&connection, Ask::Consensus(newer), &[]).await
        };
        let signed = timeout(PATIENCE, asked).await;
        let signed = signed.unwrap_or(Err(AskFault::TimedOut))?;
        if signed.is_empty() {
            return Err(AskFault::NothingNewer);
        }
        Ok(self.authorities.verify(wall(), &signed, floor)?)
    }

    /// Gives a signed descriptor to every authority, and says how many have it now.
    ///
    /// # Errors
    /// Why not, if none has.
    pub async fn publish(
        &self,
        endpoint: &Arc<Endpoint>,
        signed: &[u8],
    ) -> Result<usize, AskFault> {
        let mut asked = JoinSet::new();
        for locator in self.locators.clone() {
            let (endpoint, signed) = (Arc::clone(endpoint), signed.to_vec());
            // All at once: whoever does not answer holds up nobody.
            asked.spawn(async move {
                let asked = async {
                    let connection = connect(&endpoint, &locator).await?;
                    put(&connection, Ask::Publish, &signed).await
                };
                timeout(PATIENCE, asked)
                    .await
                    .unwrap_or(Err(AskFault::TimedOut))
            });
        }
        let (mut taken, mut why) = (0, AskFault::Unreachable);
        while let Some(answer) = asked.join_next().await {
            match answer {
                Ok(Ok(_)) => taken += 1,
                Ok(Err(fault)) => why = fault,
                Err(_) => {}
            }
        }
        if taken == 0 { Err(why) } else { Ok(taken) }
    }

    fn shuffled(&self) -> Result<Vec<Locator>, AskFault> {
        let mut rng = fresh_seed()?.fork("order");
        let mut rest = self.locators.clone();
        let mut order = Vec::with_capacity(rest.len());
        while !rest.is_empty() {
            let at = usize::try_from(rng.below(rest.len() as u64)).unwrap_or(0);
            order.push(rest.swap_remove(at));
        }
        Ok(order)
    }
}

/// Asks for something that is done or not.
pub(in super::super) async fn put(
    to: &Connection,
    what: Ask,
    document: &[u8],
) -> Result<Vec<u8>, AskFault> {
    match what.put(to, document).await? {
        Answer::Done(body) => Ok(body.into()),
        Answer::Refused(why) => Err(AskFault::No(why)),
    }
}

async fn connect(endpoint: &Endpoint, to: &Locator) -> Result<Connection, AskFault> {
    let connected = endpoint.connect(to).await;
    connected.map_err(|_| AskFault::Unreachable)
}

/// An authority's name in documents.
pub(in super::super) fn name(vat: VatId) -> RelayId {
    RelayId::from(*vat.public_key())
}
