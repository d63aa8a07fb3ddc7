//! What is said inside payloads and on links, byte by byte.

use proptest::prelude::*;

use crate::ablation::{Check, without};
use crate::onion::handshake::{REPLY, REQUEST};
use crate::onion::link::{
    CELLS, ENDED, Id, Ids, PADDING, RECORD, Record, WORDS, begin_record, ended, put_cell, put_ended,
};
use crate::onion::meet::Counts;
use crate::onion::message::{Reason, ToClient, ToRelay, WHOLE};
use crate::onion::{CELL, Cell, CircuitId, PAYLOAD, Payload, halves, joined};
use crate::wire::{DecodeError, Fault};

fn encoded(write: impl Fn(&mut Payload)) -> Payload {
    // What stood there before must not shine through.
    let mut payload = [0xee; PAYLOAD];
    write(&mut payload);
    payload
}

/// A payload that begins so and is zeros then.
fn of(head: &[u8]) -> Payload {
    let mut payload = [0; PAYLOAD];
    payload[..head.len()].copy_from_slice(head);
    payload
}

/// ONI-11, PAC-12, RDV-19, RDV-20, RDV-40: the messages to a relay, byte by byte, and back.
#[test]
fn messages_to_a_relay_are_written_and_read() {
    let (part, rest) = ([5; WHOLE], [6; REQUEST - WHOLE]);
    let table = [
        (ToRelay::Extend1(&part), of(&[&[1], &part[..]].concat())),
        (ToRelay::Extend2(&rest), of(&[&[2], &rest[..]].concat())),
        (ToRelay::Truncate, of(&[3])),
        (ToRelay::Dummy, of(&[4])),
        (
            ToRelay::Loop(0x0102_0304_0506_0708),
            of(&[5, 1, 2, 3, 4, 5, 6, 7, 8]),
        ),
        (ToRelay::Park(&[7; 32]), of(&[&[6], &[7; 32][..]].concat())),
        (
            ToRelay::Join([8; 16], 3),
            of(&[&[7], &[8; 16][..], &[3]].concat()),
        ),
        (
            ToRelay::Keep(&[9; 264]),
            of(&[&[8], &[9; 264][..]].concat()),
        ),
        (ToRelay::Find(&[9; 32]), of(&[&[9], &[9; 32][..]].concat())),
    ];
    for (message, bytes) in &table {
        assert_eq!(encoded(|payload| message.encode(payload)), *bytes);
        assert_eq!(ToRelay::parse(bytes), Ok(*message));
        assert!(ToClient::parse(bytes).is_err(), "the other language");
    }
}

/// ONI-12, PAC-11, PAC-12, RDV-19, RDV-20, RDV-22, RDV-40: the messages to a client, byte by byte, and back.
#[test]
fn messages_to_a_client_are_written_and_read() {
    let (part, rest) = ([5; WHOLE], [6; REPLY - WHOLE]);
    let mut table = vec![
        (
            ToClient::Extended1(&part),
            of(&[&[0x81], &part[..]].concat()),
        ),
        (
            ToClient::Extended2(&rest, 0),
            of(&[&[0x82], &rest[..]].concat()),
        ),
        (
            ToClient::Blame(0x0102_0304_0506_0708),
            of(&[0x84, 1, 2, 3, 4, 5, 6, 7, 8]),
        ),
        (
            ToClient::Extended2(&rest, 0x0100_0000_0000_0002),
            of(&[&[0x82], &rest[..], &[1, 0, 0, 0, 0, 0, 0, 2]].concat()),
        ),
        (ToClient::Dummy, of(&[0x85])),
        (
            ToClient::Loop(1 << 56 | 2, 3 << 56 | 4),
            of(&[0x86, 1, 0, 0, 0, 0, 0, 0, 2, 3, 0, 0, 0, 0, 0, 0, 4]),
        ),
        (ToClient::Parked, of(&[0x87])),
        (
            ToClient::Joined(Counts {
                from: 1 << 56 | 2,
                forth: -1,
                back: 3,
            }),
            of(&[
                &[0x88, 1, 0, 0, 0, 0, 0, 0, 2][..],
                &[0xff; 8],
                &[0, 0, 0, 0, 0, 0, 0, 3],
            ]
            .concat()),
        ),
        (ToClient::NotJoined, of(&[0x89])),
        (ToClient::Kept, of(&[0x8a])),
        (
            ToClient::Found(&[9; 264]),
            of(&[&[0x8b], &[9; 264][..]].concat()),
        ),
        (ToClient::NotHere, of(&[0x8c])),
    ];
    for (number, reason) in (1..).zip(Reason::ALL) {
        table.push((ToClient::Truncated(reason), of(&[0x83, number])));
    }
    assert_eq!(table.len(), 19);
    for (message, bytes) in &table {
        assert_eq!(encoded(|payload| message.encode(payload)), *bytes);
        assert_eq!(ToClient::parse(bytes), Ok(*message));
        assert!(ToRelay::parse(bytes).is_err(), "the other language");
    }
}

/// ONI-11, ONI-12: other types are none, nor are other reasons.
#[test]
fn unknown_types_and_reasons_are_refused() {
    let unknown = DecodeError::new("type", Fault::OutOfRange);
    for kind in 0..=255 {
        let payload = of(&[kind, 1]);
        if !(1..=9).contains(&kind) {
            assert_eq!(ToRelay::parse(&payload), Err(unknown), "{kind}");
        }
        if !(0x81..=0x8c).contains(&kind) {
            assert_eq!(ToClient::parse(&payload), Err(unknown), "{kind}");
        }
        let payload = of(&[0x83, kind]);
        let reason = ToClient::parse(&payload);
        assert_eq!(reason.is_ok(), (1..=7).contains(&kind), "{kind}");
    }
}

/// ONI-11, ONI-12: any bit behind a body is refused: else it could mark a circuit.
#[test]
fn other_than_zeros_behind_a_body_is_refused() {
    let zeros = DecodeError::new("zeros", Fault::OutOfRange);
    let bodies = [
        (2, REQUEST - WHOLE),
        (3, 0),
        (4, 0),
        (5, 8),
        (6, 32),
        (7, 17),
        (8, 264),
        (9, 32),
    ];
    for (kind, body) in bodies {
        for at in 1 + body..PAYLOAD {
            let mut payload = of(&[kind]);
            payload[at] = 0x80;
            assert_eq!(ToRelay::parse(&payload), Err(zeros), "{kind} {at}");
            assert!(without(Check::HopZeros, || ToRelay::parse(&payload)).is_ok());
        }
    }
    for (kind, body) in [
        (0x82, REPLY - WHOLE + 8),
        (0x83, 1),
        (0x84, 8),
        (0x86, 16),
        (0x87, 0),
        (0x88, 24),
        (0x89, 0),
        (0x8a, 0),
        (0x8b, 264),
        (0x8c, 0),
    ] {
        for at in 1 + body..PAYLOAD {
            let mut payload = of(&[kind, u8::from(body > 0)]);
            payload[at] = 1;
            assert_eq!(ToClient::parse(&payload), Err(zeros), "{kind} {at}");
        }
    }
}

/// ONI-10: a request stands in two cells, zeros behind it, and nothing but zeros.
#[test]
fn a_request_in_two_cells_has_zeros_behind_it() {
    let request = [0x77; REQUEST];
    let [first, second] = halves(&request);
    assert!(first == [0x77; CELL] && second[REQUEST - CELL..] == [0; 2 * CELL - REQUEST]);
    assert_eq!(joined(&first, &second), Some(Box::new(request)));
    for at in REQUEST - CELL..CELL {
        let mut marked = second;
        marked[at] = 1;
        assert_eq!(joined::<REQUEST>(&first, &marked), None, "{at}");
        assert!(without(Check::HopZeros, || joined::<REQUEST>(&first, &marked)).is_some());
    }
}

fn record(cells: usize) -> Vec<u8> {
    let mut out = Vec::new();
    begin_record(&mut out);
    for n in 0..cells {
        let n = u8::try_from(n).unwrap();
        put_cell(&mut out, CircuitId(0x0102_0300 + u32::from(n)), &[n; CELL]);
    }
    out
}

fn fault(plain: &[u8]) -> Option<DecodeError> {
    Record::parse(&mut plain.to_vec()).err()
}

/// ONI-2: a record is a tick and 1 to 31 cells with their ids, and they come out in order.
#[test]
fn a_record_gives_its_cells_in_order() {
    for cells in 1..=CELLS {
        let mut plain = record(cells);
        assert!(plain.len() == 4 + cells * 1028 && plain.len() <= RECORD);
        assert_eq!(plain[..8], [0, 0, 0, 0, 1, 2, 3, 0]);
        let record = Record::parse(&mut plain).unwrap();
        assert_eq!(record.cells(), cells);
        for (n, (id, cell)) in (0u8..).zip(record) {
            assert_eq!((id.0, *cell), (0x0102_0300 + u32::from(n), [n; CELL]));
            cell.fill(0xff);
        }
        assert!(plain.ends_with(&[0xff; CELL]), "in place");
    }
}

/// ONI-2: a record of another shape is refused: no cell, 32, a piece of one, or a tick.
#[test]
fn a_record_of_another_shape_is_refused() {
    let range = |field| Some(DecodeError::new(field, Fault::OutOfRange));
    let short = |field| Some(DecodeError::new(field, Fault::Truncated));
    assert_eq!(fault(&record(0)), range("cells"));
    assert_eq!(fault(&record(32)), range("cells"));
    assert_eq!(fault(&[]), short("tick"));
    assert_eq!(fault(&[0; 3]), short("tick"));
    for len in 5..4 + 1028 {
        assert_eq!(fault(&record(1)[..len]), short("cell"), "{len}");
    }
    assert_eq!(fault(&[&record(31)[..], &[0]].concat()), short("cell"));
    for at in 0..4 {
        let mut ticking = record(1);
        ticking[at] = 1;
        assert_eq!(fault(&ticking), range("tick"));
    }
}

/// ONI-4: link words name 1 to 255 circuits, and nothing else stands in them.
#[test]
fn link_words_end_the_circuits_they_name() {
    let ids: Vec<_> = (0..300).map(|n| CircuitId(0xa0b0_c000 + n)).collect();
    for count in [1, 2, 254, 255, 256, 300] {
        let mut cell = [0xee; CELL];
        let put = put_ended(&ids[..count], &mut cell);
        assert_eq!(put, count.min(ENDED));
        assert_eq!(cell[1..5], [0xa0, 0xb0, 0xc0, 0]);
        let heard: Vec<_> = ended(&cell).unwrap().collect();
        assert_eq!(heard, ids[..put]);
        for at in 1 + 4 * put..CELL {
            let mut marked = cell;
            marked[at] = 1;
            assert!(ended(&marked).is_err(), "{count} {at}");
        }
    }
    let mut none = [0; CELL];
    assert_eq!(put_ended(&[], &mut none), 0);
    assert_eq!(
        ended(&none).err(),
        Some(DecodeError::new("n", Fault::OutOfRange))
    );
}

/// ONI-3, ONI-4: each side gives ids of its own half, rising from 1, and knows whose those it hears are.
#[test]
fn each_side_gives_ids_of_its_own_half() {
    let (mut here, mut there) = (Ids::dialler(), Ids::accepter());
    let given: Vec<_> = (0..3).map(|_| here.next().unwrap().0).collect();
    assert_eq!(given, [1, 2, 3]);
    assert_eq!(there.next(), Some(CircuitId((1 << 31) + 1)));
    assert_eq!(there.heard(CircuitId(2)), Id::New);
    assert_eq!(there.heard(CircuitId(2)), Id::Theirs);
    assert_eq!(
        there.heard(CircuitId(1)),
        Id::Theirs,
        "passed over, and lost for good"
    );
    assert_eq!(there.heard(CircuitId((1 << 31) - 1)), Id::New);
    assert_eq!(there.heard(CircuitId(3)), Id::Theirs);
    assert_eq!(there.heard(CircuitId((1 << 31) + 1)), Id::Ours);
    assert_eq!(
        there.heard(CircuitId((1 << 31) + 2)),
        Id::Impossible,
        "never given"
    );
    assert_eq!(here.heard(CircuitId((1 << 31) + 9)), Id::New);
    assert_eq!(here.heard(CircuitId(u32::MAX)), Id::New);
    assert_eq!(here.heard(CircuitId(4)), Id::Impossible);
    for reserved in [PADDING, WORDS] {
        assert_eq!(here.heard(reserved), Id::Impossible);
        assert_eq!(there.heard(reserved), Id::Impossible);
    }
}

/// ONI-3: a client lets nobody open circuits to it.
#[test]
fn nobody_opens_circuits_to_a_client() {
    let mut client = Ids::client();
    assert_eq!(client.next(), Some(CircuitId(1)));
    assert_eq!(client.heard(CircuitId(1)), Id::Ours);
    assert_eq!(client.heard(CircuitId((1 << 31) + 1)), Id::Impossible);
    assert_eq!(client.heard(CircuitId(u32::MAX)), Id::Impossible);
}

/// What a side must say of an id, by the clause: from the list of all that were given and heard.
fn expected(dialler: bool, given: u32, heard: &[u32], id: u32) -> Id {
    let (number, low) = (id % (1 << 31), id < 1 << 31);
    match number {
        0 => Id::Impossible,
        _ if low == dialler && number <= given => Id::Ours,
        _ if low == dialler => Id::Impossible,
        _ if heard.iter().all(|other| *other < id) => Id::New,
        _ => Id::Theirs,
    }
}

proptest! {
    /// ONI-3: whatever is heard in whatever order, an id opens a circuit only if it is higher than all before.
    #[test]
    fn only_rising_ids_open_circuits(
        dialler: bool,
        steps in proptest::collection::vec((0..4u8, 0..6u32, any::<bool>()), 0..60),
    ) {
        let mut ids = if dialler { Ids::dialler() } else { Ids::accepter() };
        let (mut given, mut heard) = (0, Vec::new());
        for (kind, number, high) in steps {
            if kind == 0 {
                given += 1;
                let half = if dialler { 0 } else { 1 << 31 };
                prop_assert_eq!(ids.next(), Some(CircuitId(half + given)));
                continue;
            }
            let id = number + if high { 1 << 31 } else { 0 };
            let said = ids.heard(CircuitId(id));
            prop_assert_eq!(said, expected(dialler, given, &heard, id));
            if said == Id::New {
                heard.push(id);
            }
        }
    }

    /// ONI-2, ONI-4, ONI-11, ONI-12: what was written here is read back, and any other bytes are refused or are written so.
    #[test]
    fn a_body_has_one_spelling(head: [u8; 12], at in 0..PAYLOAD) {
        let mut payload = of(&head);
        payload[at] ^= head[11] & 1;
        if let Ok(message) = ToRelay::parse(&payload) {
            prop_assert_eq!(encoded(|out| message.encode(out)), payload);
        }
        if let Ok(message) = ToClient::parse(&payload) {
            prop_assert_eq!(encoded(|out| message.encode(out)), payload);
        }
        let mut cell: Cell = [0; CELL];
        cell[..PAYLOAD].copy_from_slice(&payload);
        let read = ended(&cell).map(|ids| ids.collect::<Vec<_>>());
        if let Ok(ids) = read {
            let mut again = [0; CELL];
            put_ended(&ids, &mut again);
            prop_assert_eq!(again, cell);
        }
    }
}
