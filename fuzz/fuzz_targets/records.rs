//! A meddler between the ends of a pipe: whatever it does to the records, what comes out is a beginning of what went in.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pluribus_mix::crypto::aead::Backend;
use pluribus_mix::vattp::frame::Frame;
use pluribus_mix::vattp::pipe::{Opener, Sealer};

/// Records sent.
const SENT: u64 = 8;

fuzz_target!(|data: &[u8]| {
    let (mut sealer, mut opener) = (
        Sealer::from_secret([1; 32], Backend::AesGcm),
        Opener::from_secret([1; 32], Backend::AesGcm),
    );
    let sent: Vec<Vec<u8>> = (0..SENT).map(|n| seal(&mut sealer, n)).collect();
    let mut heard = 0;
    for step in data.chunks(4) {
        let &[which, at, bit, how] = step else {
            return;
        };
        let mut record = sent[usize::from(which) % sent.len()].clone();
        let at = usize::from(at) % record.len();
        match how % 4 {
            0 => record[at] ^= 1 << (bit % 8),
            1 => record.truncate(at),
            2 => record.push(bit),
            _ => {}
        }
        match opener.open(&mut record) {
            Ok(plain) => {
                assert_eq!(plain, plain_of(heard), "the next record, unchanged");
                heard += 1;
            }
            // A refusal closes the transport.
            Err(_) => return,
        }
    }
});

fn plain_of(n: u64) -> Vec<u8> {
    let mut plain = Vec::new();
    Frame::Ping(n).encode(&mut plain);
    plain
}

fn seal(sealer: &mut Sealer, n: u64) -> Vec<u8> {
    let mut out = Vec::new();
    let begun = sealer.begin(&mut out);
    out.extend(plain_of(n));
    sealer
        .seal(begun, &mut out)
        .expect("short records are sealed");
    out.split_off(2)
}
