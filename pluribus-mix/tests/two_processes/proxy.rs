//! A network between two processes that breaks all the time: every TCP connection through it is reset after a while, at both
//! ends at once, whatever is under way.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

/// How it treats what goes through it.
#[derive(Clone, Copy)]
pub(crate) struct Weather {
    /// After how long a connection is reset.
    pub(crate) life: Duration,
    /// What it passes on each way in a millisecond.
    pub(crate) bytes_per_ms: usize,
}

/// A proxy on loopback. Gone when dropped.
pub(crate) struct Proxy {
    pub(crate) at: SocketAddr,
    resets: Arc<AtomicUsize>,
    _life: Runtime,
}

impl Proxy {
    /// Leads to `target`.
    pub(crate) fn start(target: SocketAddr, weather: Weather) -> Self {
        let life = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let resets = Arc::new(AtomicUsize::new(0));
        let listener = life.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let at = listener.local_addr().unwrap();
        life.spawn(serve(listener, target, weather, Arc::clone(&resets)));
        Self {
            at,
            resets,
            _life: life,
        }
    }

    /// How many connections were reset while they lived.
    pub(crate) fn resets(&self) -> usize {
        self.resets.load(Relaxed)
    }
}

async fn serve(listener: TcpListener, to: SocketAddr, weather: Weather, resets: Arc<AtomicUsize>) {
    while let Ok((near, _)) = listener.accept().await {
        let resets = Arc::clone(&resets);
        tokio::spawn(async move {
            // Nobody there yet: the end of `near` says so.
            let Ok(far) = TcpStream::connect(to).await else {
                return;
            };
            if !carry(near, far, weather).await {
                resets.fetch_add(1, Relaxed);
            }
        });
    }
}

/// Whether both ended by themselves. Otherwise they are reset: what is still in the buffers of the system is lost.
async fn carry(mut near: TcpStream, mut far: TcpStream, weather: Weather) -> bool {
    let (from_near, to_near) = near.split();
    let (from_far, to_far) = far.split();
    let both = async {
        tokio::join!(
            pass(from_near, to_far, weather),
            pass(from_far, to_near, weather)
        )
    };
    let ended = timeout(weather.life, both).await.is_ok();
    if !ended {
        near.set_zero_linger().unwrap();
        far.set_zero_linger().unwrap();
    }
    ended
}

async fn pass(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, weather: Weather) {
    const BREATH: Duration = Duration::from_millis(5);
    let mut bytes = vec![0; 5 * weather.bytes_per_ms];
    while let Ok(length @ 1..) = from.read(&mut bytes).await {
        if to.write_all(&bytes[..length]).await.is_err() {
            return;
        }
        sleep(BREATH).await;
    }
    let _ = to.shutdown().await;
}
