//! Two vats of one process on real sockets. All of it runs in one thread, so that CPU time is what one core needs for both ends.

use super::super::Failure;
use super::meter::broken;
use pluribus_mix::crypto::aead::Backend;
use pluribus_mix::locator::Address;
use pluribus_mix::net::{Config, Endpoint, MixStream};
use std::net::{Ipv4Addr, SocketAddr};
use tokio::runtime::{Builder, Runtime};

/// Any port of this machine that is free.
pub(super) const ANYWHERE: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Where both vats run.
pub(super) fn runtime() -> Result<Runtime, Failure> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map_err(Failure::failed)
}

/// A vat that is dialled, by way of `place` if there is one.
pub(super) async fn listen(backend: Backend, place: Option<Address>) -> Result<Endpoint, Failure> {
    let config = Config::fresh().map_err(Failure::to_bind)?;
    let config = config.backend(backend).listening(ANYWHERE);
    let config = match place {
        Some(place) => config.known_at(place),
        None => config,
    };
    Endpoint::bind(config).await.map_err(Failure::to_bind)
}

/// A vat that dials.
pub(super) async fn dialler(backend: Backend) -> Result<Endpoint, Failure> {
    let config = Config::fresh().map_err(Failure::to_bind)?;
    let bound = Endpoint::bind(config.backend(backend)).await;
    bound.map_err(Failure::to_bind)
}

/// A new connection and a stream in it, the dialler's end first. Streams keep their connection.
pub(super) async fn join(
    dialler: &Endpoint,
    listener: &Endpoint,
) -> Result<[MixStream; 2], Failure> {
    let dialled = dialler.connect(listener.locator()).await;
    let ours = dialled.map_err(Failure::to_dial)?;
    let theirs = listener.accept().await.ok_or_else(|| broken("accept"))?;
    let opened = ours.open_stream(b"bench").await.map_err(broken)?;
    let taken = theirs.streams().accept().await;
    Ok([opened, taken.ok_or_else(|| broken("no stream"))?])
}
