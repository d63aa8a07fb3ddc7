//! A client, three relays and a source of bytes on loopback TCP: all parties of a network in one process, in as many threads as are asked for.
//!
//! What is carried comes from a plain TCP server behind the exit and goes over the exit's socket, a session, three relays and four links to the
//! client's stream. There is no SOCKS in between: a program's own socket would only come on top.

use super::super::super::Failure;
use super::super::loopback::ANYWHERE;
use super::super::meter::{broken, wall};
use super::mesh::{Broken, Listed, RELAYS, consensus};
use pluribus_mix::crypto::aead::Backend;
use pluribus_mix::id::RelayId;
use pluribus_mix::locator::Host;
use pluribus_mix::net::exit::{self, Exit};
use pluribus_mix::net::{Config, Connection, Endpoint, MixStream, Reach, fresh_key};
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU16;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

/// Bytes that are read or written at once.
const PIECE: usize = 64 << 10;
/// Bytes of an echo.
pub(super) const ECHO: usize = 64;

/// A runtime with so many threads.
pub(super) fn threads(count: usize) -> Result<Runtime, Failure> {
    let mut builder = match count {
        0 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    let runtime = builder.worker_threads(count.max(1)).enable_all().build();
    runtime.map_err(Failure::failed)
}

/// The parties. They live as long as this does.
pub(super) struct Network {
    client: Endpoint,
    exit: RelayId,
    source: SocketAddr,
    _relays: Vec<Arc<Endpoint>>,
}

/// A stream to the source, over a session and a circuit of its own.
pub(super) struct Line {
    stream: MixStream,
    _session: Connection,
}

impl Network {
    /// Brings everybody up and tells them of each other.
    pub(super) async fn up(backend: Backend) -> Result<Self, Failure> {
        Self::begin(backend).await.map_err(broken)
    }

    async fn begin(backend: Backend) -> Result<Self, Broken> {
        let (mut relays, mut listed) = (Vec::<Arc<Endpoint>>::new(), Vec::<Listed>::new());
        for _ in 0..RELAYS {
            let key = Arc::new(fresh_key()?);
            let config = Config::new(Arc::clone(&key), 1).backend(backend);
            let relay = Endpoint::bind(config.listening(ANYWHERE).relay()?).await?;
            let onion = relay.onion_key().ok_or("no relay")?;
            listed.push((key, onion, relay.local_addr().ok_or("no address")?));
            relays.push(Arc::new(relay));
        }
        let wall = wall();
        let consensus = Arc::new(consensus(wall, &listed)?);
        let client = Config::fresh()?.backend(backend).mix_client();
        let client = Endpoint::bind(client).await?;
        for party in relays.iter().map(AsRef::as_ref).chain([&client]) {
            party.set_consensus(wall, Arc::clone(&consensus)).await;
        }
        let last = relays.last().ok_or("no relay")?;
        tokio::spawn(serve(Arc::clone(last)));
        let exit = RelayId::from(*last.vat_id().public_key());
        Ok(Self {
            client,
            exit,
            source: source().await?,
            _relays: relays,
        })
    }

    /// A new circuit, and a stream to the source.
    pub(super) async fn line(&self) -> Result<Line, Failure> {
        let session = self.client.session(self.exit, Reach::Far).await;
        let session = session.map_err(broken)?;
        let port = NonZeroU16::new(self.source.port()).ok_or_else(|| broken("no port"))?;
        let host = Host::V4(Ipv4Addr::LOCALHOST);
        let stream = exit::connect(&session, &host, port).await;
        Ok(Line {
            stream: stream.map_err(broken)?,
            _session: session,
        })
    }

    /// The source, with nothing in between.
    pub(super) async fn bare(&self) -> Result<TcpStream, Failure> {
        let bare = TcpStream::connect(self.source).await.map_err(broken)?;
        bare.set_nodelay(true).map_err(broken)?;
        Ok(bare)
    }
}

impl Line {
    /// Has the source send this many bytes, and reads them.
    pub(super) async fn pull(&mut self, bytes: usize) -> Result<(), Failure> {
        pull(&mut self.stream, bytes).await.map_err(broken)
    }

    /// From the first byte written to the last byte of the echo.
    pub(super) async fn echo(&mut self) -> Result<(), Failure> {
        echo(&mut self.stream).await.map_err(broken)
    }
}

/// Serves the sessions that end at this relay; whatever is asked for is let through.
async fn serve(relay: Arc<Endpoint>) {
    let (_nothing, directory) = watch::channel(None);
    let exit = Exit::new(Arc::new(|_, _| true), directory);
    while let Some(session) = relay.accept().await {
        let exit = exit.clone();
        tokio::spawn(async move { exit.serve(session).await });
    }
}

/// A server that is told a number and sends that many bytes, again and again; told 0 it echoes what comes next.
async fn source() -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(ANYWHERE).await?;
    let at = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(give(socket));
        }
    });
    Ok(at)
}

async fn give(mut socket: TcpStream) -> std::io::Result<()> {
    socket.set_nodelay(true)?;
    let piece = vec![0x5a; PIECE];
    loop {
        let Ok(mut left) = usize::try_from(socket.read_u64().await?) else {
            return Ok(());
        };
        if left == 0 {
            let mut bytes = [0; ECHO];
            socket.read_exact(&mut bytes).await?;
            socket.write_all(&bytes).await?;
        }
        while left > 0 {
            let more = piece.get(..left).unwrap_or(&piece);
            socket.write_all(more).await?;
            left -= more.len();
        }
    }
}

async fn pull(
    from: &mut (impl AsyncRead + AsyncWrite + Unpin),
    bytes: usize,
) -> std::io::Result<()> {
    from.write_u64(bytes as u64).await?;
    from.flush().await?;
    let (mut buffer, mut left) = (vec![0; PIECE], bytes);
    while left > 0 {
        match from.read(&mut buffer).await? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            more => left = left.saturating_sub(more),
        }
    }
    Ok(())
}

/// A number that says echo, [`ECHO`] bytes, and the same back.
pub(super) async fn echo(over: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> std::io::Result<()> {
    let mut bytes = [0; 8 + ECHO];
    over.write_all(&bytes).await?;
    over.flush().await?;
    let (back, _) = bytes.split_at_mut(ECHO);
    over.read_exact(back).await.map(drop)
}
