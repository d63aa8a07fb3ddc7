//! `vattp.pipe_*_MBps`: messages through two nodes, against sealing and opening the same messages one by one.

use super::super::Failure;
use super::meter::{Row, against, broken};
use super::rig::Rig;
use pluribus_mix::crypto::aead::{Aead as _, Backend, Key, TAG_LEN};
use pluribus_mix::netlayer::Netlayer as _;

/// The sizes of messages.
pub(super) const SIZES: [usize; 3] = [64, 1024, 16_384];
/// Bytes of messages in one round.
const ROUND: usize = 16 << 20;
/// Bytes queued before they are carried: a busy runtime's burst.
const BURST: usize = 128 << 10;

/// The row for messages of `size` bytes.
pub(super) fn row(backend: Backend, size: usize, rounds: u32) -> Result<Row, Failure> {
    let mut rig = Rig::new(backend)?;
    let conn = rig.connect()?;
    let (count, burst) = (ROUND / size, BURST / (size + 64));
    let carry = || {
        let target = rig.heard + count;
        let mut sent = 0;
        while sent < count {
            for _ in 0..burst.min(count - sent) {
                let message = rig.spare.pop().unwrap_or_else(|| vec![0x5a; size]);
                rig.nodes[0].send(conn, message).map_err(broken)?;
                sent += 1;
            }
            rig.drive();
        }
        (rig.heard == target).then_some(()).ok_or_else(|| broken("a message is missing"))
    };
    let key = Key::new(backend, &[7; 32]);
    let mut buffer = vec![0x5a; size + TAG_LEN];
    let mut counter = 0;
    let seal_and_open = || {
        for _ in 0..count {
            let (text, place) = buffer.split_at_mut(size);
            let tag = key.seal(counter, b"", text).map_err(|_| broken("seal"))?;
            place.copy_from_slice(&tag);
            key.open(counter, b"", &mut buffer).map_err(|_| broken("open"))?;
            counter += 1;
        }
        Ok(())
    };
    let (carried, reference) = against(rounds, carry, seal_and_open)?;
    let megabytes = (count * size) as f64 / 1e6;
    Ok(Row {
        name: match size {
            64 => "vattp.pipe_64_MBps",
            1024 => "vattp.pipe_1k_MBps",
            _ => "vattp.pipe_16k_MBps",
        },
        value: megabytes / carried,
        unit: "MB/s",
        reference: Some(megabytes / reference),
        backend: backend.name(),
    })
}
