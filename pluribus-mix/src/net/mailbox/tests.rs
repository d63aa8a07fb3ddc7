use super::*;
use crate::crypto::sign::SigningKey;

const KIB: usize = 1024;

fn mailbox() -> Arc<Mailbox> {
    Arc::new(Mailbox::new(ConnId(7), Arc::default(), 2))
}

fn peer() -> VatId {
    VatId::from(SigningKey::from_seed(&[1; 32]).public())
}

fn fault(sent: Result<(), SendError>) -> SendFault {
    sent.unwrap_err().fault
}

fn rung(mailbox: &Mailbox) -> bool {
    mailbox.bell.answer().contains(&(mailbox.conn, None))
}

#[test]
fn a_message_that_cannot_be_sent_comes_back() {
    // VTP-32
    let mailbox = mailbox();
    assert_eq!(fault(mailbox.try_send(vec![])), SendFault::Empty);
    let refused = mailbox.try_send(vec![3; MAX_MESSAGE + 1]).unwrap_err();
    assert_eq!(
        (refused.fault, refused.message.len()),
        (SendFault::TooLong, MAX_MESSAGE + 1)
    );
    assert_eq!(mailbox.try_send(vec![3; MAX_MESSAGE]), Ok(()));
    assert_eq!(fault(mailbox.try_send(vec![4])), SendFault::Full);
    mailbox.finish();
    assert_eq!(fault(mailbox.try_send(vec![4])), SendFault::Ended);
    mailbox.close(CloseReason::Unreachable);
    assert_eq!(fault(mailbox.try_send(vec![4])), SendFault::NoConnection);
}

#[tokio::test]
async fn a_sender_waits_for_room() {
    let mailbox = mailbox();
    mailbox.try_send(vec![1; MAX_MESSAGE]).unwrap();
    let sender = tokio::spawn({
        let mailbox = Arc::clone(&mailbox);
        async move { mailbox.send(vec![2]).await }
    });
    tokio::task::yield_now().await;
    assert!(!sender.is_finished());
    assert!(matches!(mailbox.wish(), Wish::Send(message) if message.len() == MAX_MESSAGE));
    assert_eq!(sender.await.unwrap(), Ok(()));
    assert!(matches!(mailbox.wish(), Wish::Send(message) if message == [2]));
}

#[test]
fn what_the_node_hands_back_goes_first_when_there_is_room() {
    let mailbox = mailbox();
    mailbox.try_send(vec![1]).unwrap();
    mailbox.try_send(vec![2]).unwrap();
    mailbox.finish();
    let Wish::Send(first) = mailbox.wish() else {
        panic!()
    };
    mailbox.hand_back(first);
    assert!(matches!(mailbox.wish(), Wish::Nothing));
    mailbox.unblock();
    for byte in [1, 2] {
        assert!(matches!(mailbox.wish(), Wish::Send(message) if message == [byte]));
    }
    assert!(matches!(mailbox.wish(), Wish::Finish));
    assert!(
        matches!(mailbox.wish(), Wish::Nothing),
        "the end is told once"
    );
}

#[tokio::test]
async fn a_full_inbox_is_held_until_it_is_low() {
    let mailbox = mailbox();
    mailbox.open(peer());
    let mut laid = 1;
    while !mailbox.deliver(vec![5; 64 * KIB]) {
        laid += 1;
    }
    assert_eq!(laid, FULL / (64 * KIB));
    let mut left = laid;
    while !rung(&mailbox) {
        assert!(matches!(mailbox.wish(), Wish::Nothing));
        mailbox.recv().await.unwrap();
        left -= 1;
    }
    assert!(
        (1..=LOW / (64 * KIB)).contains(&left),
        "released before it is empty: {left}"
    );
    assert!(matches!(mailbox.wish(), Wish::Release));
    assert!(matches!(mailbox.wish(), Wish::Nothing));
}

#[tokio::test]
async fn what_came_is_received_before_the_end() {
    let (ended, broken) = (mailbox(), mailbox());
    for mailbox in [&ended, &broken] {
        mailbox.open(peer());
        assert!(!mailbox.deliver(vec![1]));
    }
    ended.end();
    for mailbox in [&ended, &broken] {
        mailbox.close(CloseReason::Unreachable);
        assert_eq!(mailbox.recv().await, Ok(Some(vec![1])));
    }
    let reason = CloseReason::Unreachable;
    assert_eq!(ended.recv().await, Ok(None));
    assert_eq!(broken.recv().await, Err(Cut { reason }));
    assert_eq!(broken.closed().await, reason);
}

#[tokio::test]
async fn what_came_is_received_even_if_the_end_came_with_the_beginning() {
    let (served, refused) = (mailbox(), mailbox());
    served.open(peer());
    assert!(!served.deliver(vec![1]));
    for mailbox in [&served, &refused] {
        mailbox.close(CloseReason::Unreachable);
    }
    assert!(served.opened().await.is_ok());
    assert_eq!(served.recv().await, Ok(Some(vec![1])));
    assert_eq!(refused.opened().await.err(), Some(CloseReason::Unreachable));
}

#[tokio::test]
async fn closing_here_ends_everything_here() {
    let mailbox = mailbox();
    mailbox.open(peer());
    assert!(!mailbox.deliver(vec![1]));
    mailbox.abandon();
    mailbox.close(CloseReason::Unreachable);
    let reason = CloseReason::Closed;
    assert_eq!(mailbox.recv().await, Err(Cut { reason }));
    assert_eq!(mailbox.closed().await, reason, "the first reason stays");
    assert!(matches!(mailbox.wish(), Wish::Close) && rung(&mailbox));
}

#[tokio::test]
async fn a_full_queue_of_messages_holds_up_nothing_else() {
    // VTP-47
    let mailbox = mailbox();
    mailbox.try_send(vec![1]).unwrap();
    let Wish::Send(message) = mailbox.wish() else {
        panic!()
    };
    mailbox.hand_back(message);
    mailbox.send_datagram(&[2]).unwrap();
    let asking = tokio::spawn({
        let mailbox = Arc::clone(&mailbox);
        async move { mailbox.ask(Question::Exporter).await }
    });
    tokio::task::yield_now().await;
    let Wish::Ask(Question::Exporter(answer)) = mailbox.wish() else {
        panic!()
    };
    answer.send(Some([3; 32])).unwrap();
    assert_eq!(asking.await.unwrap(), Some(Some([3; 32])));
    assert!(matches!(mailbox.wish(), Wish::Datagram(bytes) if bytes == [2]));
    assert!(matches!(mailbox.wish(), Wish::Nothing));
}

#[tokio::test]
async fn nobody_waits_for_an_answer_behind_the_end() {
    let mailbox = mailbox();
    let asking = tokio::spawn({
        let mailbox = Arc::clone(&mailbox);
        async move { mailbox.ask(Question::Exporter).await }
    });
    tokio::task::yield_now().await;
    mailbox.close(CloseReason::Gone);
    assert_eq!(asking.await.unwrap(), None);
    assert_eq!(mailbox.ask(Question::Exporter).await, None);
    assert_eq!(mailbox.recv_datagram().await, Err(CloseReason::Gone));
}

#[test]
fn of_the_datagrams_that_wait_the_oldest_is_lost() {
    // VTP-52
    let mailbox = mailbox();
    for number in 0..66 {
        mailbox.send_datagram(&[number]).unwrap();
    }
    for number in 2..66 {
        assert!(matches!(mailbox.wish(), Wish::Datagram(bytes) if bytes == [number]));
    }
    assert!(matches!(mailbox.wish(), Wish::Nothing));
}
