use std::io::ErrorKind;
use std::task::Wake;

use super::*;

const KIB: usize = 1024;

fn tray() -> Tray {
    Tray::new(ConnId(7), 4, Arc::default())
}

struct Bell(Mutex<bool>);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        *lock(&self.0) = true;
    }
}

/// Who waits, and whether it was woken.
fn sleeper() -> (Waker, impl Fn() -> bool) {
    let bell = Arc::new(Bell(Mutex::new(false)));
    let woken = Arc::clone(&bell);
    (Waker::from(bell), move || *lock(&woken.0))
}

fn write(tray: &Tray, bytes: &[u8]) -> Poll<Result<usize, ErrorKind>> {
    let cx = Context::from_waker(Waker::noop());
    tray.poll_write(&cx, bytes).map_err(|error| error.kind())
}

fn take(tray: &Tray) -> Poll<Result<Bytes, ErrorKind>> {
    let cx = Context::from_waker(Waker::noop());
    tray.poll_take(&cx).map_err(|error| error.kind())
}

fn read(bytes: &'static [u8]) -> Poll<Result<Bytes, ErrorKind>> {
    Poll::Ready(Ok(Bytes::from_static(bytes)))
}

fn rung(tray: &Tray) -> bool {
    !tray.bell.answer().is_empty()
}

fn written(tray: &Tray) -> Bytes {
    match tray.wish() {
        Wish::Write(bytes) => bytes,
        _ => panic!("nothing to write"),
    }
}

#[test]
fn a_writer_fills_the_tray_once_and_waits_until_it_is_carried_away() {
    let tray = tray();
    let (waker, woken) = sleeper();
    assert_eq!(write(&tray, &[1; 100]), Poll::Ready(Ok(100)));
    assert!(rung(&tray));
    assert_eq!(
        write(&tray, &[1; 2 * OUTBOX]),
        Poll::Ready(Ok(OUTBOX - 100))
    );
    assert!(!rung(&tray), "one ring for what is carried away in one go");
    assert!(
        tray.poll_write(&Context::from_waker(&waker), &[1])
            .is_pending()
    );
    assert_eq!(write(&tray, &[]), Poll::Ready(Ok(0)));
    assert_eq!(written(&tray).len(), OUTBOX);
    assert!(woken());
    assert_eq!(write(&tray, &[2]), Poll::Ready(Ok(1)));
    assert!(rung(&tray));
}

#[test]
fn what_the_node_has_no_room_for_goes_first_and_counts() {
    let tray = tray();
    assert!(write(&tray, &[1; OUTBOX]).is_ready());
    let mut bytes = written(&tray);
    assert!(rung(&tray) && write(&tray, &[2; 5]).is_ready() && rung(&tray));
    tray.hand_back(bytes.split_off(10));
    tray.finish().unwrap();
    assert!(matches!(tray.wish(), Wish::Nothing), "the node is full");
    assert_eq!(write(&tray, &[3]), Poll::Ready(Err(ErrorKind::BrokenPipe)));
    tray.unblock();
    assert_eq!(written(&tray).len(), OUTBOX - 10);
    assert_eq!(written(&tray), [2; 5][..]);
    assert!(matches!(tray.wish(), Wish::Finish));
    assert!(matches!(tray.wish(), Wish::Nothing), "the end is told once");
    tray.finish().unwrap();
    assert!(matches!(tray.wish(), Wish::Nothing));
}

#[test]
fn the_node_is_not_asked_for_more_than_the_reader_has_room_for() {
    // VTP-51
    let tray = tray();
    assert!(matches!(tray.wish(), Wish::Nothing));
    tray.readable();
    let mut laid = 0;
    while let Wish::Read(room) = tray.wish() {
        assert!((1..=FULL).contains(&room));
        tray.deliver(Bytes::from(vec![5; room.min(KIB)]));
        laid += 1;
    }
    assert_eq!(laid, FULL / (KIB + ENVELOPE) + 1);
    tray.readable();
    assert!(matches!(tray.wish(), Wish::Nothing));
    let mut left = laid;
    while !rung(&tray) {
        assert!(take(&tray).is_ready());
        left -= 1;
    }
    assert_eq!(
        left,
        LOW / (KIB + ENVELOPE),
        "more is fetched before it is empty"
    );
    assert!(matches!(tray.wish(), Wish::Read(_)));
    tray.dry();
    assert!(matches!(tray.wish(), Wish::Nothing));
}

#[test]
fn single_bytes_weigh_more_than_they_are() {
    let tray = tray();
    tray.readable();
    let mut laid = 0;
    while let Wish::Read(_) = tray.wish() {
        tray.deliver(Bytes::from_static(b"x"));
        laid += 1;
    }
    assert!(laid <= FULL / ENVELOPE);
}

#[test]
fn a_reader_is_woken_by_bytes_by_the_end_and_by_misfortune() {
    for (fate, outcome) in [
        (None, read(b"")),
        (
            Some(Fate::Reset(3)),
            Poll::Ready(Err(ErrorKind::ConnectionReset)),
        ),
        (
            Some(Fate::Over(CloseReason::Gone)),
            Poll::Ready(Err(ErrorKind::ConnectionAborted)),
        ),
    ] {
        let tray = tray();
        for bytes in [true, false] {
            let (waker, woken) = sleeper();
            assert!(tray.poll_take(&Context::from_waker(&waker)).is_pending());
            match (bytes, fate) {
                (true, _) => tray.deliver(Bytes::from_static(b"hello")),
                (false, None) => tray.end(),
                (false, Some(Fate::Reset(code))) => tray.reset(code),
                (false, Some(Fate::Over(reason))) => tray.over(reason),
            }
            assert!(woken());
            assert_eq!(
                take(&tray),
                if bytes {
                    read(b"hello")
                } else {
                    outcome.clone()
                }
            );
        }
        assert_eq!(take(&tray), outcome, "and stays so");
    }
}

#[test]
fn what_came_is_read_before_the_end_but_not_behind_a_reset() {
    // VTP-50
    let (ended, cut, reset) = (tray(), tray(), tray());
    for tray in [&ended, &cut, &reset] {
        tray.deliver(Bytes::from_static(b"all"));
    }
    ended.end();
    ended.reset(3);
    cut.over(CloseReason::Gone);
    reset.reset(3);
    assert_eq!(take(&ended), read(b"all"));
    assert_eq!(take(&ended), read(b""), "the peer had said all");
    assert_eq!(take(&cut), read(b"all"));
    assert_eq!(take(&reset), Poll::Ready(Err(ErrorKind::ConnectionReset)));
    assert_eq!((ended.reset_code(), cut.reset_code()), (Some(3), None));
    assert_eq!(
        write(&ended, b"x"),
        Poll::Ready(Err(ErrorKind::ConnectionReset))
    );
    assert_eq!(write(&cut, b"x"), Poll::Ready(Err(ErrorKind::NotConnected)));
}

#[test]
fn whoever_leaves_before_the_end_resets() {
    // VTP-50
    let tray = tray();
    assert!(write(&tray, b"unsaid").is_ready());
    tray.leave(9);
    tray.leave(8);
    assert!(rung(&tray));
    assert!(matches!(tray.wish(), Wish::Reset(9)));
    assert!(matches!(tray.wish(), Wish::Nothing) && tray.is_settled());
}

#[test]
fn whoever_leaves_behind_its_own_end_stays_until_the_peer_writes() {
    // VTP-50: a RESET would take back what was written.
    for (unread, answered) in [(false, false), (true, false), (false, true)] {
        let tray = tray();
        assert!(write(&tray, b"said").is_ready());
        tray.finish().unwrap();
        if unread {
            tray.deliver(Bytes::from_static(b"unread"));
        }
        tray.leave(0);
        if unread {
            assert!(matches!(tray.wish(), Wish::Reset(0)));
            continue;
        }
        assert_eq!(written(&tray), b"said"[..]);
        assert!(matches!(tray.wish(), Wish::Finish) && !tray.is_settled());
        if answered {
            tray.readable();
            assert!(matches!(tray.wish(), Wish::Reset(0)));
        } else {
            tray.end();
            assert!(matches!(tray.wish(), Wish::Nothing) && tray.is_settled());
        }
    }
}

#[test]
fn giving_up_takes_everything_back() {
    // VTP-50
    let tray = tray();
    assert!(write(&tray, b"said").is_ready());
    tray.finish().unwrap();
    tray.give_up(5);
    assert!(matches!(tray.wish(), Wish::Reset(5)));
}

/// DIR-34: who only watches is woken by the break, and told whether the peer had said all.
#[test]
fn a_break_wakes_who_watches() {
    for (has_ended, how) in [(false, Break::Cut), (true, Break::BehindEnd)] {
        let tray = tray();
        let (waker, woken) = sleeper();
        let cx = Context::from_waker(&waker);
        assert!(tray.poll_broken(&cx).is_pending());
        tray.deliver(Bytes::from_static(b"a"));
        if has_ended {
            tray.end();
        }
        assert!(!woken() && tray.poll_broken(&cx).is_pending());
        tray.reset(9);
        assert!(woken());
        assert_eq!(tray.poll_broken(&cx), Poll::Ready(how));
    }
}
