//! What an endpoint is made of.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::crypto::aead::Backend;
use crate::crypto::sign::SigningKey;
use crate::locator::Address;
use crate::node::{Class, MeetConfig, MixConfig, RelayConfig};

use super::dialer::Dialer;
use super::entropy::{first_incarnation, fresh_key, fresh_secret};
use super::error::BindError;
use super::keyfile;

/// Who an endpoint is, where it listens, and how it dials.
pub struct Config {
    pub(super) identity: Arc<SigningKey>,
    pub(super) incarnation: u64,
    pub(super) listen: Option<SocketAddr>,
    pub(super) place: Option<Address>,
    pub(super) anonymous: bool,
    pub(super) backend: Backend,
    pub(super) connect_within: Option<Duration>,
    pub(super) dialer: Dialer,
    pub(super) backlog: usize,
    pub(super) stream_backlog: usize,
    pub(super) from: Option<IpAddr>,
    pub(super) mix: Option<MixConfig>,
    pub(super) class: Class,
    pub(super) meet: Option<MeetConfig>,
}

impl Config {
    /// The vat of this key, not listening. `incarnation` must be higher than ever before (chapter 3.3).
    #[must_use]
    pub fn new(identity: Arc<SigningKey>, incarnation: u64) -> Self {
        Self {
            identity,
            incarnation,
            listen: None,
            place: None,
            anonymous: false,
            backend: Backend::default(),
            connect_within: None,
            dialer: Dialer::Direct,
            backlog: 64,
            stream_backlog: 1024,
            from: None,
            mix: None,
            class: Class::default(),
            meet: None,
        }
    }

    /// A vat that is born now and forgotten with the endpoint.
    ///
    /// # Errors
    /// [`BindError::Entropy`].
    pub fn fresh() -> Result<Self, BindError> {
        Ok(Self::new(Arc::new(fresh_key()?), first_incarnation()?))
    }

    /// The vat whose key is in this file, in its next incarnation.
    ///
    /// # Errors
    /// [`BindError::KeyFile`] or [`BindError::Entropy`].
    pub fn from_key_file(path: &Path) -> Result<Self, BindError> {
        let identity = Arc::new(keyfile::load(path)?);
        let first = first_incarnation()?;
        let incarnation = keyfile::next_incarnation(path, || first)?;
        Ok(Self::new(identity, incarnation))
    }

    /// Listens at this address; port 0 takes any that is free.
    #[must_use]
    pub fn listening(mut self, at: SocketAddr) -> Self {
        self.listen = Some(at);
        self
    }

    /// The place that the locator tells, where others have to dial another than the one listened at: a DNS name, or
    /// the outside of an address translation.
    #[must_use]
    pub fn known_at(mut self, place: Address) -> Self {
        self.place = Some(place);
        self
    }

    /// Dials under keys made for one connection each, so that nobody learns who dials. (VTP-13)
    #[must_use]
    pub fn anonymous(mut self) -> Self {
        self.anonymous = true;
        self
    }

    /// Which library encrypts.
    #[must_use]
    pub fn backend(mut self, backend: Backend) -> Self {
        self.backend = backend;
        self
    }

    /// How long one TCP connection may take to stand, the look-up of its name included, or a stream through others. 10 s if not said, or 60 s
    /// [through](Config::through) others.
    #[must_use]
    pub fn connect_within(mut self, patience: Duration) -> Self {
        self.connect_within = Some(patience);
        self
    }

    /// How many incoming connections may wait for `accept`; more are turned away. 64 if not said.
    #[must_use]
    pub fn backlog(mut self, connections: usize) -> Self {
        self.backlog = connections.max(1);
        self
    }

    /// How many streams of one connection may wait for its [`MixListener`](super::MixListener); more are reset. 1024 if not said: as many as
    /// the peer can have open.
    #[must_use]
    pub fn stream_backlog(mut self, streams: usize) -> Self {
        self.stream_backlog = streams;
        self
    }

    /// Dials directly from this address of the machine.
    #[must_use]
    pub fn dialling_from(mut self, from: IpAddr) -> Self {
        self.from = Some(from);
        self
    }

    /// Reaches every address of others this way and no other, also when a connection has lost its link: what cannot be reached so
    /// is unreachable, and no name is looked up here. Whoever listens as well is found where it listens. (FAC-11)
    ///
    /// ```no_run
    /// # use pluribus_mix::net::{Config, Dialer, Endpoint};
    /// # type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;
    /// # async fn hidden() -> Result {
    /// let proxy = Dialer::Socks("127.0.0.1:9050".parse()?);
    /// let endpoint = Endpoint::bind(Config::fresh()?.anonymous().through(proxy)).await?;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn through(mut self, dialer: Dialer) -> Self {
        self.dialer = dialer;
        self
    }

    /// A client of a mix network: see [`Endpoint::session`](super::Endpoint::session).
    #[must_use]
    pub fn mix_client(mut self) -> Self {
        self.mix = Some(MixConfig::default());
        self
    }

    /// A vat that hides: a client of a mix network that is met at relays, with [tickets](super::Endpoint::ticket) and in no other way. Where it is, nobody
    /// learns but its guards: not who dials it, not whom it dials. It is to be told who the relays are, by a [`Client`](super::party::Client) or by
    /// [`set_consensus`](super::Endpoint::set_consensus). Only with a client does it reach vats that have an address: through exits that let it
    /// through, and in no other way. (RDV-38)
    #[must_use]
    pub fn hidden(mut self) -> Self {
        self.mix = Some(MixConfig {
            meets: 2,
            ..MixConfig::default()
        });
        self.meet = Some(MeetConfig::default());
        self
    }

    /// A vat that hides as with [`hidden`](Self::hidden), and that lets itself be found by everybody who knows its VatId: it has some relays keep where it
    /// is to be met, which they cannot read. (RDV-41)
    #[must_use]
    pub fn listed(self) -> Self {
        let mut listed = self.hidden();
        listed.meet = Some(MeetConfig {
            listed: true,
            ..MeetConfig::default()
        });
        listed
    }

    /// The class of a client's circuits in a network that sends by the clock: how much each carries, used or not. `talk` if not said. (PAC-3)
    #[must_use]
    pub fn class(mut self, class: Class) -> Self {
        self.class = class;
        self
    }

    /// A relay of a mix network. Its RelayId is this key, its onion key is made now and forgotten with the endpoint (ONI-9), and who
    /// is [accepted](super::Endpoint::accept) are the sessions of clients.
    ///
    /// # Errors
    /// [`BindError::Entropy`].
    pub fn relay(mut self) -> Result<Self, BindError> {
        let relay = Some(RelayConfig::new(fresh_secret()?));
        self.mix = Some(MixConfig {
            relay,
            ..MixConfig::default()
        });
        Ok(self)
    }
}
