//! Batches at their moments, over real sockets.

use std::io::{ErrorKind, Read};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::super::dialer::Line;
use super::super::link::{Link, Wire};
use super::*;

/// Longer than anything takes on a machine that has much else to do.
const LONG: Duration = Duration::from_secs(20);

struct Rig {
    writer: Writer,
    clock: Clock,
    record: Arc<Record>,
    _news: mpsc::Receiver<News>,
    news: mpsc::Sender<News>,
}

impl Rig {
    fn new(bounds: Bounds) -> Self {
        let (clock, record) = (Clock::start(), Arc::<Record>::default());
        let (news, _news) = mpsc::channel(8);
        Self {
            writer: Writer::new(clock, Arc::clone(&record), bounds),
            clock,
            record,
            _news,
            news,
        }
    }

    fn open(&mut self, link: u64) -> (Open, Relief, CancellationToken) {
        let lost = CancellationToken::new();
        let tie = Tie {
            lost: lost.clone(),
            _news: self.news.clone(),
        };
        let (open, relief) = self.writer.open(LinkId(link), tie).unwrap();
        (open, relief, lost)
    }

    /// A link over this socket.
    fn stand(&mut self, link: u64, socket: &UnixStream) -> (Open, CancellationToken) {
        let (open, relief, lost) = self.open(link);
        socket.set_nonblocking(true).unwrap();
        relief.take_over(Some(Socket::Unix(socket.try_clone().unwrap())));
        (open, lost)
    }

    fn write(&self, due: Instant, batches: &[(u64, &[u8])]) {
        let batch = |(link, bytes): &(u64, &[u8])| {
            let link = LinkId(*link);
            (Batch { link, due }, bytes.to_vec())
        };
        self.writer.write(batches.iter().map(batch).collect());
    }

    fn soon(&self, millis: u64) -> Instant {
        self.clock.now() + Duration::from_millis(millis)
    }
}

/// As much as comes.
fn read(from: &mut UnixStream, bytes: usize) -> Vec<u8> {
    let mut read = vec![0; bytes];
    from.set_read_timeout(Some(LONG)).unwrap();
    from.read_exact(&mut read).unwrap();
    read
}

fn pair() -> (UnixStream, UnixStream) {
    UnixStream::pair().unwrap()
}

/// PAC-1, PAC-16
#[test]
fn batches_leave_at_their_moment_in_the_order_of_links() {
    let mut rig = Rig::new(Bounds::default());
    let (near, mut far) = pair();
    // All over one socket: so what comes out of it shows the order of writes.
    let _links = [3, 1, 2].map(|link| rig.stand(link, &near));
    let (first, second) = (rig.soon(80), rig.soon(160));
    rig.write(second, &[(1, b"d"), (2, b"e"), (3, b"f")]);
    rig.write(first, &[(3, b"c"), (2, b"b"), (1, b"a")]);
    for (due, bytes) in [(first, b"abc"), (second, b"def")] {
        assert_eq!(read(&mut far, 3), bytes);
        assert!(rig.clock.now() >= due);
    }
    let lateness = rig.record.so_far();
    assert_eq!(lateness.batches, 6);
    assert!(lateness.median <= lateness.p99 && lateness.p99 <= lateness.most);
}

/// PAC-16, ONI-15: others are written on, and the one that takes nothing is given up after its time and not before.
#[test]
fn a_peer_that_takes_nothing_delays_nobody_and_is_lost() {
    let patience = Duration::from_millis(400);
    let mut rig = Rig::new(Bounds {
        patience,
        ..Bounds::default()
    });
    let (near, _silent) = pair();
    let (other, mut reads) = pair();
    let (_first, silent_lost) = rig.stand(1, &near);
    let (_second, other_lost) = rig.stand(2, &other);
    let much = vec![7; 1 << 20];
    let begun = rig.clock.now();
    while !silent_lost.is_cancelled() {
        let due = rig.soon(20);
        rig.write(due, &[(1, &much), (2, b"here")]);
        assert_eq!(read(&mut reads, 4), b"here");
        assert!(rig.clock.now().since(begun) < LONG, "it is not given up");
    }
    assert!(rig.clock.now().since(begun) >= patience);
    assert!(!other_lost.is_cancelled());
}

/// PAC-16
#[test]
fn where_too_much_waits_whoever_has_most_waiting_is_lost() {
    let mut rig = Rig::new(Bounds {
        most: 3 << 20,
        ..Bounds::default()
    });
    let ends = [pair(), pair()];
    let links = [rig.stand(1, &ends[0].0), rig.stand(2, &ends[1].0)];
    let (little, much) = (vec![1; 2 << 20], vec![2; 3 << 20]);
    rig.write(rig.soon(0), &[(1, &little), (2, &much)]);
    let begun = rig.clock.now();
    while !links[1].1.is_cancelled() {
        assert!(rig.clock.now().since(begun) < LONG, "it is not given up");
        thread::sleep(RETRY);
    }
    assert!(!links[0].1.is_cancelled());
}

/// PAC-16: what a socket did not take comes behind, and in its order.
#[test]
fn what_a_socket_did_not_take_goes_before_the_next_batch() {
    let mut rig = Rig::new(Bounds::default());
    let (near, mut far) = pair();
    let (_open, relief, lost) = rig.open(1);
    rig.write(rig.soon(0), &[(1, &[1; 1 << 20])]);
    thread::sleep(Duration::from_millis(50));
    near.set_nonblocking(true).unwrap();
    relief.take_over(Some(Socket::Unix(near)));
    let mut came = Vec::new();
    far.set_read_timeout(Some(Duration::from_millis(1)))
        .unwrap();
    let begun = rig.clock.now();
    while came.len() < (1 << 20) + 4 && rig.clock.now().since(begun) < LONG {
        rig.write(rig.soon(1), &[(1, &[2, 3])]);
        let mut some = [0; 65_536];
        match far.read(&mut some) {
            Ok(read) => came.extend_from_slice(&some[..read]),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
    let (first, next) = came.split_at(1 << 20);
    assert!(first.iter().all(|byte| *byte == 1));
    assert_eq!(&next[..4], &[2, 3, 2, 3]);
    assert!(!lost.is_cancelled());
}

/// A link as the driver has it, the wire that it tells, and the other end.
async fn link() -> (Link, Wire, mpsc::Receiver<News>, std::net::TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap());
    let (near, far) = (near.await.unwrap(), listener.accept().unwrap().0);
    far.set_read_timeout(Some(LONG)).unwrap();
    let (news_in, news) = mpsc::channel(64);
    let wire = Wire {
        news: news_in,
        pool: Arc::default(),
    };
    let link = Link::stand(LinkId(1), Line::Tcp(near), &wire);
    (link, wire, news, far)
}

/// PAC-16: the handshake first, then batches; and a link that is closed says all that was said before it ends.
#[tokio::test]
async fn a_link_goes_over_to_the_thread_behind_its_handshake_and_is_flushed_when_it_closes() {
    let mut rig = Rig::new(Bounds::default());
    let (mut link, wire, mut news, mut far) = link().await;
    let handshake = vec![1; 8 << 20];
    let _ = link.transmit(handshake.clone());
    let link = link.pace(LinkId(1), &wire, &mut rig.writer).unwrap();
    assert!(link.is_paced());
    rig.write(rig.soon(0), &[(1, &[2; 1 << 20])]);
    rig.write(rig.soon(100), &[(1, b"last")]);
    drop((link, wire));
    let all = thread::spawn(move || {
        let mut all = Vec::new();
        far.read_to_end(&mut all).map(|_| all)
    });
    // As the endpoint does: whoever still has something to write holds on to this.
    while let Some(told) = timeout(LONG, news.recv()).await.unwrap() {
        assert!(matches!(told, News::Written(..)));
    }
    let all = all.join().unwrap().unwrap();
    let wanted = [&handshake[..], &[2; 1 << 20], b"last"].concat();
    assert!(all == wanted, "{} bytes of {}", all.len(), wanted.len());
}

/// PAC-16
#[tokio::test]
async fn the_driver_learns_that_a_paced_link_is_lost() {
    let patience = Duration::from_millis(100);
    let mut rig = Rig::new(Bounds {
        patience,
        ..Bounds::default()
    });
    let (link, wire, mut news, _silent) = link().await;
    let _link = link.pace(LinkId(1), &wire, &mut rig.writer).unwrap();
    rig.write(rig.soon(0), &[(1, &vec![1; 16 << 20])]);
    let told = timeout(LONG, news.recv()).await.unwrap();
    assert!(matches!(told, Some(News::Lost(LinkId(1)))));
}
