//! Peers that say what they like.
//!
//! They keep to the specification in what they are not told to change, and share no code with the roles: transcript, keys
//! and items are made here from the primitives.

use super::rig::key;
use crate::crypto::aead::{Backend, Key, open_item, seal_item};
use crate::crypto::dh::Scalar;
use crate::crypto::kdf::{Label, Secret, hash};
use crate::crypto::kem::{DecapsulationKey, EncapsulationKey};
use crate::crypto::sign::{PublicKey, SigningKey};
use crate::vattp::Use;
use crate::vattp::pair::{PairFields, Side};
use crate::vattp::pipe::{Opener, Sealer};
use crate::vattp::target::Wanted;
use std::sync::Arc;
use zeroize::Zeroizing;

/// `lp(item)`.
pub(crate) fn lp(item: &[u8]) -> Vec<u8> {
    let len = u16::try_from(item.len()).unwrap();
    [&len.to_be_bytes(), item].concat()
}

/// The items of a flight, without their lengths.
pub(crate) fn items(mut flight: &[u8]) -> Vec<Vec<u8>> {
    let mut items = Vec::new();
    while let Some((len, rest)) = flight.split_first_chunk::<2>() {
        let (item, rest) = rest.split_at(usize::from(u16::from_be_bytes(*len)));
        items.push(item.to_vec());
        flight = rest;
    }
    items
}

/// `len (2) ‖ bytes ‖ zeros`.
pub(crate) fn hints(bytes: &[u8]) -> [u8; 256] {
    let mut padded = [0; 256];
    padded[..2].copy_from_slice(&u16::try_from(bytes.len()).unwrap().to_be_bytes());
    padded[2..2 + bytes.len()].copy_from_slice(bytes);
    padded
}

/// Pair fields as bytes.
pub(crate) fn fields(pair: &PairFields) -> Vec<u8> {
    let mut bytes = Vec::new();
    pair.encode(&mut bytes);
    bytes
}

/// Where a signature comes from.
#[derive(Clone)]
pub(crate) enum Sig {
    /// It is made by this key.
    By(Arc<SigningKey>),
    /// It was seen elsewhere.
    Pasted([u8; 64]),
}

impl Sig {
    fn over(&self, said: &[u8]) -> [u8; 64] {
        match self {
            Self::By(key) => key.sign(said),
            Self::Pasted(sig) => *sig,
        }
    }
}

/// Transcript and secret, as far as a handshake has come.
pub(crate) struct Known {
    pub(crate) h: [u8; 32],
    pub(crate) hs: Secret,
}

impl Known {
    fn begin(for_use: Use, iwant: &[u8]) -> [u8; 32] {
        absorb(&hash(&[Label::VATTP.as_bytes(), &[for_use as u8]]), iwant)
    }

    fn after_iam(before: &[u8; 32], iam: &[u8], dh: &[u8; 32], kem: &[u8; 32]) -> Self {
        let h = absorb(before, iam);
        let hs = Secret::extract(&h, &[&lp(dh), &lp(kem)]);
        Self { h, hs }
    }

    /// The AEAD key of one side, from `h` as it stands.
    pub(crate) fn key(&self, label: Label) -> Key {
        Key::new(
            Backend::default(),
            self.hs.expand(label, &self.h).as_bytes(),
        )
    }

    /// The finish key of one side, from `h` as it stands.
    pub(crate) fn fin(&self, label: Label) -> Secret {
        self.hs.expand(label, &self.h)
    }

    pub(crate) fn absorb(&mut self, item: &[u8]) {
        self.h = absorb(&self.h, item);
    }

    /// i to r, r to i, exporter.
    pub(crate) fn traffic(&self) -> [[u8; 32]; 3] {
        let derived = self.hs.expand(Label::DERIVED, b"");
        let ms = Secret::extract(&self.h, &[derived.as_bytes()]);
        [Label::I_TO_R, Label::R_TO_I, Label::EXPORTER]
            .map(|label| *ms.expand(label, b"").as_bytes())
    }
}

fn absorb(h: &[u8; 32], item: &[u8]) -> [u8; 32] {
    hash(&[h, &lp(item)])
}

/// The pipe as a puppet holds it.
pub(crate) struct Held {
    pub(crate) sealer: Sealer,
    pub(crate) opener: Opener,
    pub(crate) exporter: [u8; 32],
}

impl Held {
    fn new(sealed: [u8; 32], opened: [u8; 32], exporter: [u8; 32]) -> Self {
        Self {
            sealer: Sealer::from_secret(sealed, Backend::default()),
            opener: Opener::from_secret(opened, Backend::default()),
            exporter,
        }
    }

    /// A record with this content, with its length before it.
    pub(crate) fn record(&mut self, plain: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let begun = self.sealer.begin(&mut out);
        out.extend_from_slice(plain);
        self.sealer.seal(begun, &mut out).unwrap();
        out
    }

    /// The content of a record that has its length before it.
    pub(crate) fn open(&mut self, record: &[u8]) -> Vec<u8> {
        self.opener
            .open(&mut record[2..].to_vec())
            .unwrap()
            .to_vec()
    }
}

/// What a puppet initiator asks.
pub(crate) struct Ask {
    pub(crate) wanted: Wanted,
    pub(crate) offers: Vec<u8>,
    /// In place of its own x_i: a point of low order.
    pub(crate) x_i: Option<[u8; 32]>,
    /// Its KEM key is not reduced.
    pub(crate) unreduced: bool,
    /// Chance.
    pub(crate) seed: u8,
}

/// IWANT is out.
pub(crate) struct Asked {
    h: [u8; 32],
    x: Option<Scalar>,
    kem: DecapsulationKey,
}

impl Ask {
    pub(crate) fn honest(wanted: Wanted) -> Self {
        Self {
            wanted,
            offers: vec![1, 1, 1, 0, 1],
            x_i: None,
            unreduced: false,
            seed: 0x51,
        }
    }

    /// Flight 1.
    pub(crate) fn flight(&self) -> (Vec<u8>, Asked) {
        let x = Scalar::from_bytes(Zeroizing::new([self.seed; 32]));
        let x_i = self.x_i.unwrap_or_else(|| x.public());
        let dh = match self.x_i {
            Some(_) => [0; 32],
            None => *x.agree(&self.wanted.prekey).unwrap(),
        };
        let (kem, mut ek) = DecapsulationKey::generate(Zeroizing::new([self.seed; 64]));
        if self.unreduced {
            ek[..3].fill(0xff);
        }
        let wanted = &self.wanted;
        let mac_key = Secret::extract(Label::TARGET.as_bytes(), &[&dh, wanted.key.as_bytes()]);
        let target = mac_key.mac(&[
            &[wanted.for_use as u8],
            &self.offers,
            &x_i,
            &hash(&[&*ek]),
            &lp(&wanted.place),
        ]);
        let item = [&self.offers[..], &x_i, &*ek, &target[..16]].concat();
        let asked = Asked {
            h: Known::begin(wanted.for_use, &item),
            x: self.x_i.is_none().then_some(x),
            kem,
        };
        (lp(&item), asked)
    }
}

/// REPLYINFO is in.
pub(crate) struct Replied {
    pub(crate) known: Known,
    /// The opened REPLYINFO.
    pub(crate) info: Vec<u8>,
}

impl Asked {
    /// Opens flight 2.
    pub(crate) fn hear(self, flight: &[u8]) -> Replied {
        let [iam, sealed] = &items(flight)[..] else {
            panic!("flight 2 has two items");
        };
        let x_r = iam[3..35].try_into().unwrap();
        let dh = self.x.map_or([0; 32], |x| *x.agree(&x_r).unwrap());
        let kem = self.kem.open(iam[35..].try_into().unwrap());
        let mut known = Known::after_iam(&self.h, iam, &dh, &kem);
        let info = open_item(&known.key(Label::R_HS), 0, sealed).unwrap();
        known.absorb(sealed);
        Replied {
            known,
            info: info.to_vec(),
        }
    }
}

/// What a puppet initiator says of itself.
pub(crate) struct Claim {
    /// Whom it takes the responder for.
    pub(crate) to: PublicKey,
    pub(crate) vat: [u8; 32],
    pub(crate) incarnation: u64,
    pub(crate) hints: [u8; 256],
    pub(crate) sig: Sig,
    pub(crate) pair: Vec<u8>,
    /// fin_i is wrong.
    pub(crate) bad_fin: bool,
}

impl Claim {
    pub(crate) fn honest(own: &Arc<SigningKey>, to: PublicKey) -> Self {
        let side = Side::of(&own.public(), &to);
        Self {
            to,
            vat: own.public().to_bytes(),
            incarnation: 1,
            hints: hints(b""),
            sig: Sig::By(Arc::clone(own)),
            pair: fields(&PairFields::go(side, 0x11, 0x12)),
            bad_fin: false,
        }
    }
}

impl Replied {
    /// Flight 3, and the pipe behind it.
    pub(crate) fn give(mut self, claim: &Claim) -> (Vec<u8>, Held) {
        let (seal, fin) = (self.known.key(Label::I_HS), self.known.fin(Label::I_FIN));
        let incarnation = claim.incarnation.to_be_bytes();
        let head = [&claim.vat[..], &incarnation, &claim.hints].concat();
        let label = Label::INITIATOR.as_bytes();
        let said = [label, &self.known.h, claim.to.as_bytes(), &head].concat();
        let info = [&head[..], &claim.sig.over(&said)].concat();
        let give_info = seal_item(&seal, 0, &info).unwrap();
        self.known.absorb(&give_info);
        let mut mac = fin.mac(&[&self.known.h, &claim.pair]);
        mac[0] ^= u8::from(claim.bad_fin);
        let go = seal_item(&seal, 1, &[&claim.pair[..], &mac].concat()).unwrap();
        self.known.absorb(&go);
        let [i_to_r, r_to_i, exporter] = self.known.traffic();
        let flight = [lp(&give_info), lp(&go)].concat();
        (flight, Held::new(i_to_r, r_to_i, exporter))
    }
}

/// What a puppet responder answers.
pub(crate) struct Answer {
    pub(crate) for_use: Use,
    pub(crate) version: u8,
    pub(crate) suite: u16,
    /// In place of its own x_r: a point of low order.
    pub(crate) x_r: Option<[u8; 32]>,
    pub(crate) vat: [u8; 32],
    pub(crate) incarnation: u64,
    pub(crate) hints: [u8; 256],
    pub(crate) sig: Sig,
    /// fin_r is wrong.
    pub(crate) bad_fin: bool,
}

/// REPLYINFO is out.
pub(crate) struct Answered {
    pub(crate) known: Known,
}

impl Answer {
    pub(crate) fn honest(own: &Arc<SigningKey>) -> Self {
        Self {
            for_use: Use::Vat,
            version: 1,
            suite: 1,
            x_r: None,
            vat: own.public().to_bytes(),
            incarnation: 1,
            hints: hints(b""),
            sig: Sig::By(Arc::clone(own)),
            bad_fin: false,
        }
    }

    /// Claims to be the vat of `victim` and signs with a key of its own.
    pub(crate) fn impostor(victim: &SigningKey) -> Self {
        Self {
            vat: victim.public().to_bytes(),
            ..Self::honest(&key(0x66))
        }
    }

    /// Flight 2.
    pub(crate) fn to(&self, flight: &[u8]) -> (Vec<u8>, Answered) {
        let iwant = &flight[2..];
        let tail = &iwant[iwant.len() - 32 - 1184 - 16..];
        let ek = EncapsulationKey::from_bytes(tail[32..1216].try_into().unwrap()).unwrap();
        let (ct, kem) = ek.seal(Zeroizing::new([0x41; 32]));
        let x = Scalar::from_bytes(Zeroizing::new([0x42; 32]));
        let (x_r, dh) = match self.x_r {
            Some(low) => (low, [0; 32]),
            None => (
                x.public(),
                *x.agree(tail[..32].try_into().unwrap()).unwrap(),
            ),
        };
        let iam = [&[self.version][..], &self.suite.to_be_bytes(), &x_r, &*ct].concat();
        let before = Known::begin(self.for_use, iwant);
        let mut known = Known::after_iam(&before, &iam, &dh, &kem);
        let incarnation = self.incarnation.to_be_bytes();
        let head = [&self.vat[..], &incarnation, &self.hints].concat();
        let said = [Label::RESPONDER.as_bytes(), &known.h, &head].concat();
        let info = [&head[..], &self.sig.over(&said)].concat();
        let mut fin = known.fin(Label::R_FIN).mac(&[&known.h, &info]);
        fin[0] ^= u8::from(self.bad_fin);
        let seal = known.key(Label::R_HS);
        let sealed = seal_item(&seal, 0, &[&info[..], &fin].concat()).unwrap();
        known.absorb(&sealed);
        ([lp(&iam), lp(&sealed)].concat(), Answered { known })
    }
}

impl Answered {
    /// Opens flight 3: GIVEINFO, GO, and the pipe behind them. Nothing is checked.
    pub(crate) fn hear(mut self, flight: &[u8]) -> (Vec<u8>, Vec<u8>, Held) {
        let items = items(flight);
        let seal = self.known.key(Label::I_HS);
        let give_info = open_item(&seal, 0, &items[0]).unwrap();
        let go = open_item(&seal, 1, &items[1]).unwrap();
        self.known.absorb(&items[0]);
        self.known.absorb(&items[1]);
        let [i_to_r, r_to_i, exporter] = self.known.traffic();
        let held = Held::new(r_to_i, i_to_r, exporter);
        (give_info.to_vec(), go.to_vec(), held)
    }
}
