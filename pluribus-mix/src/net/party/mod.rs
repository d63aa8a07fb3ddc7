//! What takes part in a mix network: authorities, relays, clients.
//!
//! Each party is a value that is made, with whatever can be refused at once, and then runs until it is told to stop. The cores decide; here
//! are their clocks, files and questions.
//!
//! ```text
//! authority.rs  takes descriptors, takes its turn, signs
//! relay.rs      carries cells, serves sessions, says what it is
//! client.rs     keeps the consensus and the guards
//! sessions.rs   streams to hosts: which session each goes over
//! keep.rs       the consensus on the disk, and its floor
//! local.rs      an authority and relays on this machine
//! distance.rs   links between them that are long
//! ```

mod authority;
mod client;
mod distance;
mod keep;
mod local;
mod relay;
mod sessions;
mod shelf;

pub use authority::{Authority, AuthorityState};
pub use client::{Client, ClientState};
pub use keep::Keep;
pub use local::Local;
pub use relay::{Relay, RelayRules, RelayState};
pub(super) use sessions::OwnCircuits;
pub use sessions::{SessionFault, SessionStream, Sessions};

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::crypto::sign::BadKey;
use crate::directory::{Consensus, Refused};

use super::directory::{AskFault, BadNetwork};
use super::entropy::fresh_seed;
use super::error::BindError;
use super::store::StoreError;

/// Why a party could not begin.
#[derive(Debug, Error)]
pub enum PartyError {
    /// Its endpoint could not be made.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// What it keeps cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A document is refused.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// A key is none.
    #[error(transparent)]
    Key(#[from] BadKey),
    /// Locators and a threshold are no network.
    #[error(transparent)]
    Network(#[from] BadNetwork),
    /// An authority gave nothing that can be used.
    #[error(transparent)]
    Ask(#[from] AskFault),
    /// It has no address to be reached at.
    #[error("a relay is reached at an IP address and a port; name them with `at` or `listen`")]
    NoPlace,
    /// The endpoint was not made for this.
    #[error("this endpoint is no relay's")]
    NoRelay,
}

impl PartyError {
    /// Whether what was asked for makes no sense, rather than that it could not be done.
    #[must_use]
    pub fn is_misuse(&self) -> bool {
        matches!(
            self,
            Self::NoPlace | Self::Bind(BindError::NoPlace(_)) | Self::Refused(_)
        )
    }
}

/// A moment within this span, drawn anew each time: parties that do the same thing do not do it together.
fn some_of(span: Duration) -> Duration {
    let Ok(seed) = fresh_seed() else {
        return span;
    };
    let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(seed.fork("when").below(millis.max(1)))
}

/// Waits longer each time it did not work.
struct Pause(Duration);

impl Pause {
    /// The first time.
    const FIRST: Duration = Duration::from_millis(50);
    /// Where nothing says how long at most.
    const LONGEST: Duration = Duration::from_secs(10);

    fn new() -> Self {
        Self(Self::FIRST)
    }

    /// How long to wait now.
    fn take(&mut self, longest: Duration) -> Duration {
        let now = self.0.min(longest);
        self.0 = (self.0 * 2).min(longest.max(Self::FIRST));
        now
    }
}

/// How long to wait at most for what did not work, so that nothing becomes stale meanwhile: a quarter of an interval.
fn longest_pause(current: Option<&Arc<Consensus>>) -> Duration {
    current.map_or(Pause::LONGEST, |current| {
        let quarter = Duration::from_secs(current.params().interval()) / 4;
        quarter.min(Duration::from_secs(60))
    })
}
