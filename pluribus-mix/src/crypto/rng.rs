//! One seed, forked by label.
//!
//! A core is given one seed and draws everything from it. Each purpose has a generator of its own, so that a new
//! purpose never changes what an old one draws. A generator forgets as it goes: whoever reads its memory later learns
//! nothing of what it has given out.

use super::aead::Keystream;
use super::kdf::{Label, Secret};
use zeroize::{Zeroize as _, Zeroizing};

/// What a core's randomness comes from. Not used twice: two cores with one seed draw the same keys.
pub struct Seed(Secret);

impl Seed {
    /// A seed of 32 random bytes; in simulations, of any bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Secret::from(bytes))
    }

    /// The generator for one purpose.
    pub fn fork(&self, purpose: &str) -> Rng {
        Rng(self.0.expand(Label::FORK, purpose.as_bytes()))
    }

    /// A seed of its own for one part.
    pub fn seed(&self, part: &str) -> Self {
        Self(self.0.expand(Label::SEED, part.as_bytes()))
    }
}

/// A generator for one purpose: HKDF forward, with its key replaced after every draw.
pub struct Rng(Secret);

impl Rng {
    /// `N` random bytes, wiped when the caller drops them.
    pub fn draw<const N: usize>(&mut self) -> Zeroizing<[u8; N]> {
        let mut out = Zeroizing::new([0; N]);
        for chunk in out.chunks_mut(32) {
            let block = self.0.expand(Label::DRAW, b"");
            self.0 = self.0.expand(Label::NEXT, b"");
            chunk
                .iter_mut()
                .zip(block.as_bytes())
                .for_each(|(byte, random)| *byte = *random);
        }
        out
    }

    /// A number below `bound` (0 for a bound of 0), each as likely up to a bias of 2⁻⁶⁴ times the bound.
    pub fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(u64::from_be_bytes(*self.draw())) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(0)
    }
}

/// Much randomness that nobody has to keep secret, only unable to foresee: AES in counter mode, a kilobyte at a time, of which the
/// first bytes are the key of the next kilobyte.
///
/// [`Rng`] forgets after every draw and costs a few hashes each time, which is too much for each cell of a circuit.
pub struct Noise {
    /// The key of the next kilobyte, and what was made together with it.
    made: Box<[u8; Keystream::BLOCKS]>,
    /// How much of it is used.
    used: usize,
}

impl Noise {
    /// Bytes of the key.
    const KEY: usize = 32;

    /// Fills `out` with what nobody can foresee.
    pub fn fill(&mut self, out: &mut [u8]) {
        let mut rest = out;
        while !rest.is_empty() {
            if self.used == self.made.len() {
                self.renew();
            }
            let more = self.made.get(self.used..).unwrap_or_default();
            let (now, later) = rest.split_at_mut(more.len().min(rest.len()));
            now.iter_mut().zip(more).for_each(|(to, from)| *to = *from);
            self.used += now.len();
            rest = later;
        }
    }

    fn renew(&mut self) {
        let mut key = Zeroizing::new([0; Self::KEY]);
        if let Some(next) = self.made.first_chunk() {
            *key = *next;
        }
        Keystream::fill(&key, &mut self.made);
        self.used = Self::KEY;
    }
}

impl Drop for Noise {
    fn drop(&mut self) {
        self.made.zeroize();
    }
}

#[cfg(test)]
impl Noise {
    /// Bytes that it has on the heap.
    pub(crate) fn heap(&self) -> usize {
        self.made.len()
    }
}

impl From<&mut Rng> for Noise {
    fn from(rng: &mut Rng) -> Self {
        let mut noise = Self {
            made: Box::new([0; Keystream::BLOCKS]),
            used: 0,
        };
        if let Some(key) = noise.made.first_chunk_mut() {
            *key = *rng.draw::<{ Self::KEY }>();
        }
        noise.renew();
        noise
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_does_not_repeat_itself_across_its_keys() {
        let mut noise = Noise::from(&mut Seed::from_bytes([3; 32]).fork("noise"));
        let mut drawn = std::collections::BTreeSet::new();
        for _ in 0..1500 {
            let mut bytes = [7; 112];
            noise.fill(&mut bytes);
            for block in bytes.as_chunks::<16>().0 {
                assert!(drawn.insert(*block), "the same block twice");
            }
        }
        let mut again = Noise::from(&mut Seed::from_bytes([3; 32]).fork("noise"));
        let mut odd = [0; 21];
        again.fill(&mut odd);
        assert!(drawn.contains(&odd[..16]), "the same seed, the same noise");
        assert_ne!(odd[16..], [0; 5]);
    }

    #[test]
    fn purposes_draw_apart_and_the_same_seed_draws_the_same() {
        let seed = Seed::from_bytes([1; 32]);
        let [mut one, mut again, mut other] = ["a", "a", "b"].map(|purpose| seed.fork(purpose));
        let drawn = *one.draw::<64>();
        assert_eq!(drawn, *again.draw::<64>());
        assert_ne!(drawn, *other.draw::<64>());
        assert_ne!(drawn[..32], drawn[32..]);
        assert_eq!(one.draw::<8>()[..], again.draw::<9>()[..8]);
    }

    #[test]
    fn numbers_stay_below_their_bound() {
        let mut rng = Seed::from_bytes([2; 32]).fork("numbers");
        assert!((0..1000).map(|_| rng.below(7)).all(|n| n < 7));
        assert!((0..7).all(|n| (0..1000).any(|_| rng.below(7) == n)));
        assert_eq!(rng.below(0), 0);
    }
}
