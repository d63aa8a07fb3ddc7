//! Two worlds that differ only in who dials whom look the same.

use crate::kit::{MS, Noted, key, noted};
use pluribus_mix::netlayer::Event;
use pluribus_mix::sim::{HostId, World};

/// Three hosts at the same addresses whatever keys they have; the first dials the second and the third, they talk and part.
fn story(keys: [u8; 3], anonymous: bool, said: &str) -> (Noted, [u8; 32]) {
    let mut world = World::seeded(1);
    let mut vats = keys.into_iter().map(|number| {
        world.vat_with("vat", |config| {
            config.identity = key(number).into();
            config.incarnation = 1 + u64::from(number);
            config.anonymous = anonymous;
        })
    });
    let [one, two, three]: [HostId; 3] = core::array::from_fn(|_| vats.next().unwrap());
    drop(vats);
    for to in [two, three] {
        let conn = world.dial(one, to).unwrap();
        world.send(one, conn, said).unwrap();
        world.run_for(100 * MS);
        let opened = world.events(to).iter().find_map(|event| match event {
            Event::Opened { conn, .. } => Some(*conn),
            _ => None,
        });
        world.send(to, opened.unwrap(), "and you?").unwrap();
        // Long enough for acknowledgements and a ping or two.
        world.run_for(12_000 * MS);
        world.close(one, conn);
    }
    assert!(world.run_until_quiet());
    assert_eq!(world.heard_by(one).len(), 2);
    assert_eq!(world.heard_by(three), [said]);
    (
        noted(world.observer().records()),
        world.observer().transcript_hash(),
    )
}

/// THR-2, VTP-13, VTP-19: who dials, whom, whether as somebody or nobody and who of them is master shows in no time, no
/// end and no length; the bytes differ all the same.
#[test]
fn who_dials_whom_shows_in_no_time_and_no_length() {
    let (shape, bytes) = story([1, 2, 3], false, "hello");
    for keys in [[3, 2, 1], [2, 1, 3], [1, 3, 2], [40, 50, 60], [60, 50, 40]] {
        let (other, other_bytes) = story(keys, false, "hello");
        assert_eq!(other, shape, "{keys:?}");
        assert_ne!(other_bytes, bytes, "{keys:?}");
    }
    assert_eq!(story([1, 2, 3], true, "hello").0, shape);
}

/// THR-2: the control: one byte more that is said shows.
#[test]
fn one_byte_more_shows() {
    assert_ne!(
        story([1, 2, 3], false, "hello").0,
        story([1, 2, 3], false, "hello!").0
    );
}
