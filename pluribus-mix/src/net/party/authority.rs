//! An authority at work: it answers everybody, and takes its turn. (DIR-12 to DIR-15, DIR-24 to DIR-27)
//!
//! One lock has the value that decides. What was signed is on the disk before the lock is let go, so nothing signed can leave before that.
//! Authorities keep one connection with each other, whoever dialled, and put questions both ways over it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::directory::{Authority as Core, Consensus, Proposed, Wall};
use crate::id::VatId;
use crate::locator::Locator;
use crate::node::Knowledge;

use super::super::connection::Connection;
use super::super::directory::ask::{Answer, Ask, document};
use super::super::directory::{AskFault, Network, put, wall};
use super::super::endpoint::Endpoint;
use super::super::error::EndpointClosed;
use super::super::store::{Store, StoreError};
use super::super::stream::MixStream;
use super::{PartyError, Pause};

/// How often it looks whether it is its turn.
const TICK: Duration = Duration::from_millis(500);
/// Somebody who asks nothing for so long is let go.
const IDLE: Duration = Duration::from_secs(60);
/// Questions that are answered at once, of everybody and of one.
const QUESTIONS: usize = 256;
const OF_ONE: usize = 8;
/// How long another authority may take to look at a proposal.
const CONSIDERING: Duration = Duration::from_secs(20);

const LAST_SIGNED: &str = "last-signed";
const CONSENSUS: &str = "consensus";

/// An authority of a network. Cheap to clone.
#[derive(Clone)]
pub struct Authority(Arc<Office>);

struct Office {
    endpoint: Endpoint,
    network: Network,
    core: Mutex<Core>,
    store: Option<Store>,
    /// A descriptor has come.
    published: Notify,
    questions: Semaphore,
}

/// How an authority is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthorityState {
    /// Relays of which it holds descriptors.
    pub relays: usize,
    /// Relays in its consensus, if it has one that is valid.
    pub listed: Option<usize>,
    /// Seconds since its consensus became valid.
    pub age: Option<u64>,
}

impl Authority {
    /// An authority behind this endpoint, whose key is the core's. What it keeps is in the store; one without forgets with the process,
    /// and its key must not be used again.
    ///
    /// # Errors
    /// What is kept cannot be used.
    pub fn new(
        endpoint: Endpoint,
        network: Network,
        core: Core,
        store: Option<Store>,
    ) -> Result<Self, PartyError> {
        let mut core = core;
        if let Some(store) = &store
            && let Some(signed) = store.read(CONSENSUS, Consensus::MOST)?
            && let Err(why) = core.adopt(wall(), &signed)
        {
            tracing::warn!("the consensus that was kept is not used: {why}");
        }
        Ok(Self(Arc::new(Office {
            endpoint,
            network,
            core: Mutex::new(core),
            store,
            published: Notify::new(),
            questions: Semaphore::new(QUESTIONS),
        })))
    }

    /// The slot that an authority with this store last signed for.
    ///
    /// # Errors
    /// What is kept cannot be used; then nothing may be signed.
    pub fn last_signed(store: &Store) -> Result<Option<Wall>, StoreError> {
        let Some(kept) = store.read(LAST_SIGNED, 32)? else {
            return Ok(None);
        };
        let text = std::str::from_utf8(&kept).ok();
        let number = text.and_then(|text| text.strip_suffix('\n')?.parse().ok());
        let wrong = || store.wrong(LAST_SIGNED, "not the number of a second");
        number.map(|at| Some(Wall(at))).ok_or_else(wrong)
    }

    /// Where others find it.
    #[must_use]
    pub fn locator(&self) -> &Locator {
        self.0.endpoint.locator()
    }

    /// How it is doing.
    #[must_use]
    pub fn state(&self) -> AuthorityState {
        let core = self.0.core();
        let current = core.current().filter(|it| it.valid_at(wall()).is_ok());
        AuthorityState {
            relays: core.relays(),
            listed: current.map(|it| it.relays().len()),
            age: current.map(|it| wall().since(it.valid_after())),
        }
    }

    /// See [`Endpoint::knowledge`].
    ///
    /// # Errors
    /// [`EndpointClosed`].
    #[doc(hidden)]
    pub async fn knowledge(&self) -> Result<Knowledge, EndpointClosed> {
        self.0.endpoint.knowledge().await
    }

    /// Works until it is told to stop.
    pub async fn run(&self, stop: CancellationToken) {
        let mut work = JoinSet::new();
        work.spawn(Arc::clone(&self.0).serve());
        work.spawn(Arc::clone(&self.0).sign());
        for other in self.0.network.others(self.0.endpoint.vat_id()) {
            work.spawn(Arc::clone(&self.0).stand_by(other));
        }
        stop.cancelled().await;
        work.shutdown().await;
        self.0.endpoint.close().await;
    }
}

/// Answering.
impl Office {
    async fn serve(self: Arc<Self>) {
        let mut served = JoinSet::new();
        loop {
            tokio::select! {
                Some(_) = served.join_next() => {}
                connection = self.endpoint.accept() => match connection {
                    None => return,
                    Some(connection) => drop(served.spawn(Arc::clone(&self).answer_all(connection))),
                },
            }
        }
    }

    /// Keeps a connection with another authority, over which it may put its questions too.
    async fn stand_by(self: Arc<Self>, other: Locator) {
        let mut pause = Pause::new();
        loop {
            if let Ok(connection) = self.endpoint.connect(&other).await {
                pause = Pause::new();
                Arc::clone(&self).answer_all(connection).await;
            }
            sleep(pause.take(Pause::LONGEST)).await;
        }
    }

    /// Answers what somebody asks. Other authorities may keep silent as long as they like.
    async fn answer_all(self: Arc<Self>, connection: Connection) {
        let peer = connection.peer();
        let idle = if self.network.has(peer) {
            Duration::MAX
        } else {
            IDLE
        };
        let mut streams = connection.streams();
        drop(connection);
        let mut answered = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                Some(_) = answered.join_next() => {}
                asked = timeout(idle, streams.accept()) => match asked {
                    Ok(Some(stream)) if answered.len() < OF_ONE => {
                        answered.spawn(Arc::clone(&self).answer(peer, stream));
                    }
                    Ok(Some(stream)) => stream.reset(0),
                    Err(_) if !answered.is_empty() => {}
                    Ok(None) | Err(_) => return,
                },
            }
        }
    }

    async fn answer(self: Arc<Self>, peer: VatId, mut stream: MixStream) {
        let Some(ask) = Ask::decode(stream.head()) else {
            return stream.reset(0);
        };
        // Authorities are few and never wait behind strangers, who are many: without them nothing is signed.
        let is_authority = self.network.has(peer);
        let place = self.questions.try_acquire();
        let may_ask = is_authority || !matches!(ask, Ask::Propose | Ask::Adopt);
        if !may_ask || (place.is_err() && !is_authority) {
            return stream.reset(0);
        }
        let Some(document) = document(ask, &mut stream).await else {
            return stream.reset(0);
        };
        let done = self.do_asked(ask, &document);
        let answer = done.unwrap_or_else(|why| Answer::Refused(why.to_string()));
        answer.say(&mut stream).await;
    }

    fn do_asked(&self, ask: Ask, document: &[u8]) -> Result<Answer, PartyError> {
        let now = wall();
        match ask {
            Ask::Publish => {
                self.core().publish(now, document)?;
                self.published.notify_one();
                Ok(Answer::Done(Bytes::new()))
            }
            Ask::Consensus(newer) => Ok(self.consensus(newer, now)),
            Ask::Propose => {
                let mut core = self.core();
                let signature = core.consider(now, document)?;
                self.keep_signed(&core)?;
                Ok(Answer::Done(signature.into()))
            }
            Ask::Adopt => {
                self.adopt(document)?;
                Ok(Answer::Done(Bytes::new()))
            }
        }
    }

    fn consensus(&self, newer: Wall, now: Wall) -> Answer {
        let core = self.core();
        match core.current().filter(|it| it.valid_at(now).is_ok()) {
            Some(current) if current.valid_after() > newer => {
                Answer::Done(current.signed().clone())
            }
            Some(_) => Answer::Done(Bytes::new()),
            None => Answer::Refused("there is no consensus yet".to_owned()),
        }
    }
}

/// Signing.
impl Office {
    async fn sign(self: Arc<Self>) {
        let mut asked_others = Wall(0);
        loop {
            self.take_turn().await;
            if self.wants_newer(asked_others) {
                asked_others = wall();
                self.ask_others().await;
            }
            tokio::select! {
                () = self.published.notified() => {}
                () = sleep(TICK) => {}
            }
        }
    }

    async fn take_turn(self: &Arc<Self>) {
        let proposed = {
            let mut core = self.core();
            let Some(proposed) = core.propose(wall()) else {
                return;
            };
            if let Err(why) = self.keep_signed(&core) {
                tracing::error!("nothing is signed: {why}");
                return;
            }
            proposed
        };
        let signed = match proposed {
            Proposed::Consensus(signed) => Some(signed),
            Proposed::Proposal(proposal) => self.collect(proposal).await,
        };
        let Some(signed) = signed else {
            tracing::warn!("too few authorities have signed; the slot passes without a consensus");
            return;
        };
        match self.adopt(&signed) {
            Ok(relays) => tracing::info!(relays, "signed a consensus"),
            Err(why) => tracing::error!("our own consensus is refused: {why}"),
        }
        self.spread(&signed).await;
    }

    /// Has the others sign, until there are enough.
    async fn collect(self: &Arc<Self>, proposal: Vec<u8>) -> Option<Vec<u8>> {
        let mut asked = self.ask_each(Ask::Propose, &proposal.into());
        while let Some(answer) = asked.join_next().await {
            let added = match answer.ok()? {
                Ok(signature) => self.core().add_signature(&signature),
                Err(why) => {
                    tracing::debug!("another authority did not sign: {why}");
                    continue;
                }
            };
            match added {
                Ok(Some(signed)) => return Some(signed),
                Ok(None) => {}
                Err(why) => tracing::warn!("a signature does not count: {why}"),
            }
        }
        None
    }

    /// Gives the others what is signed.
    async fn spread(self: &Arc<Self>, signed: &[u8]) {
        let mut told = self.ask_each(Ask::Adopt, &signed.to_vec().into());
        while let Some(answer) = told.join_next().await {
            if let Ok(Err(why)) = answer {
                tracing::debug!("another authority was not told: {why}");
            }
        }
    }

    /// Asks the others for what they signed while we were away.
    async fn ask_others(self: &Arc<Self>) {
        let newer = self.core().current().map(Consensus::valid_after);
        let ask = Ask::Consensus(newer.unwrap_or_default());
        let mut asked = self.ask_each(ask, &Arc::default());
        while let Some(answer) = asked.join_next().await {
            if let Ok(Ok(signed)) = answer
                && !signed.is_empty()
                && let Err(why) = self.adopt(&signed)
            {
                tracing::warn!("another authority's consensus is refused: {why}");
            }
        }
    }

    /// Whether the others may have a newer consensus, and were not asked for a while.
    fn wants_newer(&self, asked: Wall) -> bool {
        let core = self.core();
        let (pause, is_fresh) = match core.current() {
            Some(current) => {
                let interval = current.params().interval();
                let late = current.fresh_until().plus((interval / 4).max(1));
                ((interval / 4).clamp(1, 60), wall() < late)
            }
            None => (2, false),
        };
        !is_fresh && wall().since(asked) >= pause
    }

    fn ask_each(
        self: &Arc<Self>,
        ask: Ask,
        document: &Arc<[u8]>,
    ) -> JoinSet<Result<Vec<u8>, AskFault>> {
        let mut asked = JoinSet::new();
        for other in self.network.others(self.endpoint.vat_id()) {
            let (office, document) = (Arc::clone(self), Arc::clone(document));
            asked.spawn(async move {
                let asked = async {
                    let connection = office.endpoint.connect(&other).await;
                    let connection = connection.map_err(|_| AskFault::Unreachable)?;
                    put(&connection, ask, &document).await
                };
                let answered = timeout(CONSIDERING, asked).await;
                answered.unwrap_or(Err(AskFault::TimedOut))
            });
        }
        asked
    }

    fn adopt(&self, signed: &[u8]) -> Result<usize, PartyError> {
        let mut core = self.core();
        let relays = core.adopt(wall(), signed)?.relays().len();
        if let Some(store) = &self.store {
            store.write(CONSENSUS, signed)?;
        }
        Ok(relays)
    }

    /// Before anything signed leaves. (DIR-14)
    fn keep_signed(&self, core: &Core) -> Result<(), StoreError> {
        let (Some(store), Some(Wall(at))) = (&self.store, core.last_signed()) else {
            return Ok(());
        };
        store.write(LAST_SIGNED, format!("{at}\n").as_bytes())
    }

    fn core(&self) -> MutexGuard<'_, Core> {
        lock(&self.core)
    }
}

/// A thread that broke left nothing half done: the core changes behind its last check.
fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::super::super::config::Config;
    use super::*;
    use crate::crypto::sign::SigningKey;
    use crate::directory::Params;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    /// DIR-14, DIR-30
    #[test]
    fn a_slot_that_cannot_be_read_stops_an_authority() {
        let files = tempfile::tempdir().unwrap();
        let store = Store::open(&files.path().join("state")).unwrap();
        assert_eq!(Authority::last_signed(&store).unwrap(), None);
        store.write(LAST_SIGNED, b"1700000000\n").unwrap();
        let kept = Authority::last_signed(&store).unwrap();
        assert_eq!(kept, Some(Wall(1_700_000_000)));
        for spoilt in ["", "1700000000", "x\n", "-1\n", "1 \n"] {
            store.write(LAST_SIGNED, spoilt.as_bytes()).unwrap();
            let refused = Authority::last_signed(&store).unwrap_err().to_string();
            assert!(refused.contains(LAST_SIGNED), "{refused}");
        }
    }
    /// DIR-26: proposals and consensuses are for authorities. A stranger's are not looked at; what everybody may say is.
    #[tokio::test]
    async fn strangers_do_not_propose() {
        let key = || SigningKey::from_seed(&[7; 32]);
        let config = Config::new(Arc::new(key()), 1).listening("127.0.0.1:0".parse().unwrap());
        let endpoint = Endpoint::bind(config).await.unwrap();
        let locator = endpoint.locator().clone();
        let network = Network::new(vec![locator.clone()], 1).unwrap();
        let authorities = network.authorities().clone();
        let core = Core::new(key(), authorities, Params::default(), 1, None).unwrap();
        let authority = Authority::new(endpoint, network, core, None).unwrap();
        let stop = CancellationToken::new();
        let working = tokio::spawn({
            let stop = stop.clone();
            async move { authority.run(stop).await }
        });
        let stranger = Endpoint::bind(Config::fresh().unwrap().anonymous()).await;
        let stranger = stranger.unwrap();
        let connection = stranger.connect(&locator).await.unwrap();
        for (head, is_heard) in [(1, true), (3, false), (4, false)] {
            let mut stream = connection.open_stream(&[head]).await.unwrap();
            // It may be reset before it is written.
            let _ = stream.write_all(b"no document").await;
            let _ = stream.shutdown().await;
            let mut said = Vec::new();
            let end = stream.read_to_end(&mut said).await;
            assert_eq!(end.is_ok(), is_heard, "{head}");
            assert_eq!(said.first(), is_heard.then_some(&1), "{head}");
        }
        stop.cancel();
        working.await.unwrap();
    }
}
