//! Tickets of an endpoint, and the second half of the seam: what leads to whom, handed on with references. (RDV-4, RDV-6)
//!
//! A runtime that hands a reference over wants the hints at once, and an endpoint is waited for. So the seam keeps some introductions of each
//! peer in stock, fetched ahead of need, and passes one on by signing it over.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::sleep;

use crate::id::VatId;
use crate::locator::{Hints, Locator};
use crate::netlayer::Introductions;
use crate::node::{CannotTell, Purpose, Tickets};
use crate::rendezvous::wallet::Wallet;
use crate::rendezvous::{Bearer, Introduction};

use super::directory::wall;
use super::driver::Command;
use super::endpoint::Endpoint;
use super::error::EndpointClosed;
use super::seam::Seam;

/// Introductions to one peer that are kept in stock.
const STOCK: usize = 2;
/// How often it is asked whether the peer has given more, and how often in all before it is given up.
const AGAIN: Duration = Duration::from_millis(200);
const TRIES: u32 = 300;

impl Endpoint {
    /// The locator of this vat with a ticket in it: whoever `bearer` allows can connect with it once, within this time; a named bearer can hand it
    /// on. For endpoints that are [hidden](super::Config::hidden). (RDV-7)
    ///
    /// # Errors
    /// [`EndpointClosed`], and why there is none.
    pub async fn ticket(
        &self,
        bearer: Bearer,
        life: Duration,
    ) -> Result<Result<Locator, CannotTell>, EndpointClosed> {
        self.ask(|answer| Command::Ticket(bearer, life.as_secs(), answer))
            .await
    }

    /// Takes an introduction to this vat that was given for handing on, if there is one.
    ///
    /// # Errors
    /// [`EndpointClosed`].
    pub async fn introduction_to(
        &self,
        vat: VatId,
    ) -> Result<Option<Introduction>, EndpointClosed> {
        self.ask(|answer| Command::HandOn(vat, answer)).await
    }

    /// How many tickets are out, and how many introductions are held.
    ///
    /// # Errors
    /// [`EndpointClosed`].
    pub async fn tickets(&self) -> Result<Tickets, EndpointClosed> {
        self.ask(Command::Tickets).await
    }

    /// A connection with the vat of this locator will be wanted: what leads there is taken up now.
    pub(super) fn expect(&self, target: &Locator) {
        // The dial that follows says what is wrong.
        let _ = self.commands.try_send(Command::Expect(target.clone()));
    }
}

/// What a seam has to hand on.
#[derive(Clone, Default)]
pub(super) struct Stock(Arc<Mutex<Wallet>>);

impl Stock {
    fn wallet(&self) -> MutexGuard<'_, Wallet> {
        // Nothing in there can be half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fills it up, as the peer gives.
    pub(super) async fn fill(self, endpoint: Arc<Endpoint>, peer: VatId) {
        for _ in 0..TRIES {
            while self.wallet().count(&peer, Purpose::HandOn, wall()) < STOCK {
                match endpoint.introduction_to(peer).await {
                    Ok(Some(introduction)) => {
                        self.wallet().put(Purpose::HandOn, introduction);
                    }
                    Ok(None) => break,
                    Err(EndpointClosed) => return,
                }
            }
            if self.wallet().count(&peer, Purpose::HandOn, wall()) >= STOCK {
                return;
            }
            sleep(AGAIN).await;
        }
    }

    pub(super) fn count(&self, vat: &VatId) -> usize {
        self.wallet().count(vat, Purpose::HandOn, wall())
    }

    fn take(&self, vat: &VatId) -> Option<Introduction> {
        self.wallet().take(vat, Purpose::HandOn, wall())
    }
}

impl Introductions for Seam {
    fn offer(&mut self, target: &Locator, receiver: VatId) -> Hints {
        let taken = self.stock().take(&target.vat());
        self.stock_up(target.vat());
        let handed = taken.and_then(|mut introduction| {
            let expiry = introduction.expiry();
            let key = self.endpoint().identity();
            introduction.delegate(key, receiver, expiry).ok()?;
            introduction.hints().ok()
        });
        handed.unwrap_or_else(|| target.hints().clone())
    }

    fn expect(&mut self, target: &Locator) {
        self.endpoint().expect(target);
    }
}
