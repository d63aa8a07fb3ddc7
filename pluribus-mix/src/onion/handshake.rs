//! How a client and a relay agree on the secrets of a hop. (ONI-9)
//!
//! The client knows the relay's name and its onion key B, and gives nothing away about itself. It sends a fresh X25519 key, a fresh
//! KEM key and, sealed for B, the settings of the hop. The relay answers with a key and a ciphertext of its own and with proof that it
//! has seen all of this; the secrets come from both X25519 agreements and the KEM together, so that whoever wants them has to break
//! X25519 and ML-KEM.
//!
//! ```text
//! client                                        relay
//! ask ──── id, H(B), X, ek, {settings} ───────→ Answerer::answer
//! Asked::finish ←── Y, ct, AUTH, {settings} ───
//! ```
//!
//! The settings come back sealed, so that both know the same. A request is answered once: its X is remembered.

use thiserror::Error;
use zeroize::Zeroizing;

use super::cipher::Live;
use super::seen::Seen;
use crate::ablation::check;
use crate::crypto::aead::{Aead, Backend, Key, TAG_LEN};
use crate::crypto::dh::Scalar;
use crate::crypto::kdf::{Label, Secret, hash, same};
use crate::crypto::kem::{CT_LEN, DecapsulationKey, EK_LEN, EncapsulationKey};
use crate::crypto::rng::Rng;
use crate::id::RelayId;
use crate::wire::{DecodeError, Put, Reader};

/// Bytes of a request.
pub const REQUEST: usize = HEAD + SETTINGS + TAG_LEN;
/// Bytes of a reply.
pub const REPLY: usize = 32 + CT_LEN + 32 + SETTINGS + TAG_LEN;

/// Bytes of a request before the sealed settings.
const HEAD: usize = 32 + KEY_NAME + 32 + EK_LEN;
/// Bytes of H(B) that say which onion key is meant.
const KEY_NAME: usize = 8;
/// Bytes of the settings.
const SETTINGS: usize = 11;
/// The version of hops.
const VERSION: u8 = 1;

type Sealed = [u8; SETTINGS + TAG_LEN];

/// What a client asks a hop for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How many slots the hop answers for on the way back, 0 to 7. (ONI-8)
    pub live: u8,
    /// The class of the circuit; 0 without pacing.
    pub class: u8,
    /// The counter of the first cell in either direction, below 2⁶². (ONI-5)
    pub start: u64,
}

impl Settings {
    /// Counters begin below this.
    pub(super) const STARTS: u64 = 1 << 62;

    fn encode(self) -> [u8; SETTINGS] {
        let [s0, s1, s2, s3, s4, s5, s6, s7] = self.start.to_be_bytes();
        let (live, class) = (self.live, self.class);
        [live, class, VERSION, s0, s1, s2, s3, s4, s5, s6, s7]
    }

    /// `of` is the class that the circuit must have.
    fn decode(plain: &[u8; SETTINGS], of: u8) -> Result<Self, Refused> {
        let [live, class, version, start @ ..] = *plain;
        let start = u64::from_be_bytes(start);
        if live > Live::MAX {
            return Err(Refused::Live);
        }
        if class != of {
            return Err(Refused::Class);
        }
        if version != VERSION {
            return Err(Refused::Version);
        }
        if start >= Self::STARTS {
            return Err(Refused::Start);
        }
        Ok(Self { live, class, start })
    }
}

/// Why a handshake came to nothing. The peer is told none of it. (ONI-9)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// The request is for another relay.
    #[error("the request is for another relay")]
    Id,
    /// The request is for an onion key that this relay does not have.
    #[error("unknown onion key")]
    OnionKey,
    /// X is a point of low order. (WIR-5)
    #[error("a point of low order")]
    LowOrder,
    /// The settings do not open: the request was changed, or made by somebody who does not know x.
    #[error("the settings do not open")]
    Sealed,
    /// A request with this X has been answered.
    #[error("a request that was seen before")]
    Seen,
    /// ek is no encapsulation key. (WIR-6)
    #[error("not an encapsulation key")]
    Kem,
    /// The live count is above 7.
    #[error("a live count above 7")]
    Live,
    /// The circuit is of another class; without pacing, other than 0. (PAC-3)
    #[error("another class than the circuit has")]
    Class,
    /// Another version.
    #[error("an unknown version")]
    Version,
    /// The counters would begin at 2⁶² or above.
    #[error("a start of 2^62 or more")]
    Start,
    /// The reply is not the wanted relay's answer to this request.
    #[error("the reply is not of the relay that was asked")]
    Unproven,
}

/// The secrets of a hop, one a direction; wiped when dropped. (ONI-9)
pub struct HopSecrets {
    /// Away from the client.
    pub forward: Secret,
    /// Towards the client.
    pub backward: Secret,
}

/// The random bytes of one side of one handshake; wiped when used. (ONI-9)
pub struct Entropy {
    /// The secret of X or Y.
    pub scalar: Zeroizing<[u8; 32]>,
    /// d ‖ z of the client's KEM key; the relay's encapsulation takes the first 32 bytes.
    pub kem: Zeroizing<[u8; 64]>,
}

impl Entropy {
    /// The randomness for one handshake.
    pub fn draw(rng: &mut Rng) -> Self {
        Self {
            scalar: rng.draw(),
            kem: rng.draw(),
        }
    }

    /// What an encapsulation needs.
    fn m(&self) -> Zeroizing<[u8; 32]> {
        let mut m = Zeroizing::new([0; 32]);
        m.iter_mut()
            .zip(self.kem.iter())
            .for_each(|(byte, random)| *byte = *random);
        m
    }
}

/// Begins a handshake with the relay `id`, whose onion key is `onion`: what to remember and what to send. `None` if `onion` is a point of
/// low order, which no relay has. (ONI-9)
pub fn ask(
    id: &RelayId,
    onion: &[u8; 32],
    settings: Settings,
    entropy: Entropy,
) -> Option<(Asked, [u8; REQUEST])> {
    let x = Scalar::from_bytes(entropy.scalar);
    let with_onion = x.agree(onion)?;
    let (kem, ek) = DecapsulationKey::generate(entropy.kem);
    let (name, public) = (hash(&[onion]), x.public());
    let mut request = Vec::with_capacity(REQUEST);
    request.put(id.as_bytes());
    request.extend(name.iter().take(KEY_NAME));
    request.put(&public);
    request.put(&*ek);
    let key = settings_key(&with_onion, id, onion, &public, &ek);
    let mut sealed = settings.encode();
    let tag = seal(&key, &request, &mut sealed);
    request.put(&sealed);
    request.put(&tag);
    let request: Box<[u8; REQUEST]> = request.try_into().ok()?;
    let sent = *request;
    let asked = Asked {
        x,
        with_onion,
        kem,
        onion: *onion,
        settings,
        request,
    };
    Some((asked, sent))
}

/// A client that waits for a relay's reply.
pub struct Asked {
    x: Scalar,
    with_onion: Zeroizing<[u8; 32]>,
    kem: DecapsulationKey,
    onion: [u8; 32],
    settings: Settings,
    request: Box<[u8; REQUEST]>,
}

impl Asked {
    /// What was asked for.
    pub fn settings(&self) -> Settings {
        self.settings
    }

    /// Checks the reply and gives the hop's secrets. (ONI-9)
    ///
    /// # Errors
    /// [`Refused::Unproven`], whatever is wrong with it.
    pub fn finish(self, reply: &[u8; REPLY]) -> Result<HopSecrets, Refused> {
        self.proven(reply).ok_or(Refused::Unproven)
    }

    fn proven(self, reply: &[u8; REPLY]) -> Option<HopSecrets> {
        let request = Request::read(&self.request).ok()?;
        let reply = Reply::read(reply).ok()?;
        let agreed = Agreed {
            fresh: self.x.agree(&reply.y)?,
            with_onion: self.with_onion,
            kem: self.kem.open(&reply.ct),
        };
        let derived = agreed.derive(&request, &self.onion, &reply.y, &reply.ct);
        if !check!(HopAuth, same(&reply.auth, &derived.auth())) {
            return None;
        }
        let mut settings = reply.sealed;
        let plain = open(&derived.settings_back(), b"", &mut settings)?;
        check!(SettingsBack, same(plain, &self.settings.encode())).then(|| derived.secrets())
    }
}

/// A relay's side: its name, its onion key, and the requests that it has answered. (ONI-9)
pub struct Answerer {
    id: RelayId,
    keys: Vec<OnionKey>,
}

/// One onion key and the requests that were made to it.
struct OnionKey {
    scalar: Scalar,
    public: [u8; 32],
    seen: Seen,
}

impl OnionKey {
    fn new(scalar: Scalar) -> Self {
        Self {
            public: scalar.public(),
            scalar,
            seen: Seen::default(),
        }
    }
}

impl Answerer {
    /// Onion keys that a relay answers for at a time: the one it announces and the one before.
    const KEYS: usize = 2;

    /// The relay `id` with its onion key.
    pub fn new(id: RelayId, onion: Scalar) -> Self {
        Self {
            id,
            keys: vec![OnionKey::new(onion)],
        }
    }

    /// Takes a new onion key; the one before is still answered for, and older ones are wiped.
    pub fn rotate(&mut self, onion: Scalar) {
        self.keys.insert(0, OnionKey::new(onion));
        self.keys.truncate(Self::KEYS);
    }

    /// Wipes all onion keys but the newest.
    pub fn forget_old(&mut self) {
        self.keys.truncate(1);
    }

    /// The public onion key, the newest.
    pub fn onion(&self) -> [u8; 32] {
        self.keys.first().map_or([0; 32], |key| key.public)
    }

    /// Answers a request on a circuit of this class, which is 0 without pacing: the secrets and settings of the hop, and the reply to
    /// send. (ONI-9, PAC-3)
    ///
    /// # Errors
    /// What is wrong with the request. Nothing is remembered of one whose settings do not open.
    pub fn answer(
        &mut self,
        request: &[u8; REQUEST],
        class: u8,
        entropy: Entropy,
    ) -> Result<(HopSecrets, Settings, [u8; REPLY]), Refused> {
        let read = Request::read(request).map_err(|_| Refused::Id)?;
        if !check!(HopId, read.id == *self.id.as_bytes()) {
            return Err(Refused::Id);
        }
        let named = |key: &&mut OnionKey| hash(&[&key.public]).starts_with(&read.key_name);
        let key = self.keys.iter_mut().find(named).ok_or(Refused::OnionKey)?;
        let with_onion = key.scalar.agree(&read.x).ok_or(Refused::LowOrder)?;
        let settings = read.settings(&with_onion, &self.id, &key.public)?;
        if !check!(HopSeen, key.seen.is_new(&read.x)) {
            return Err(Refused::Seen);
        }
        let ek = EncapsulationKey::from_bytes(&read.ek).ok_or(Refused::Kem)?;
        let settings = Settings::decode(&settings, class)?;
        let (secrets, reply) = reply(&read, &key.public, with_onion, &ek, settings, entropy)?;
        Ok((secrets, settings, reply))
    }
}

/// Agrees with the client and writes the reply.
fn reply(
    request: &Request,
    onion: &[u8; 32],
    with_onion: Zeroizing<[u8; 32]>,
    ek: &EncapsulationKey,
    settings: Settings,
    entropy: Entropy,
) -> Result<(HopSecrets, [u8; REPLY]), Refused> {
    let (ct, kem) = ek.seal(entropy.m());
    let y = Scalar::from_bytes(entropy.scalar);
    let agreed = Agreed {
        fresh: y.agree(&request.x).ok_or(Refused::LowOrder)?,
        with_onion,
        kem,
    };
    let derived = agreed.derive(request, onion, &y.public(), &ct);
    let mut sealed = settings.encode();
    let tag = seal(&derived.settings_back(), b"", &mut sealed);
    let mut reply = Vec::with_capacity(REPLY);
    reply.put(&y.public());
    reply.put(&*ct);
    reply.put(&derived.auth());
    reply.put(&sealed);
    reply.put(&tag);
    let reply: Box<[u8; REPLY]> = reply.try_into().map_err(|_| Refused::Unproven)?;
    Ok((derived.secrets(), *reply))
}

/// The fields of a request.
struct Request {
    id: [u8; 32],
    key_name: [u8; KEY_NAME],
    x: [u8; 32],
    ek: [u8; EK_LEN],
    sealed: Sealed,
    head: [u8; HEAD],
}

impl Request {
    fn read(bytes: &[u8; REQUEST]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let head = reader.clone().array("request")?;
        Ok(Self {
            id: reader.array("id")?,
            key_name: reader.array("H(B)")?,
            x: reader.array("X")?,
            ek: reader.array("ek")?,
            sealed: reader.array("settings")?,
            head,
        })
    }

    /// The settings as they were sealed for this relay's key.
    fn settings(
        &self,
        with_onion: &[u8; 32],
        id: &RelayId,
        onion: &[u8; 32],
    ) -> Result<[u8; SETTINGS], Refused> {
        let key = settings_key(with_onion, id, onion, &self.x, &self.ek);
        let mut sealed = self.sealed;
        open(&key, &self.head, &mut sealed)
            .copied()
            .ok_or(Refused::Sealed)
    }
}

/// The fields of a reply.
struct Reply {
    y: [u8; 32],
    ct: [u8; CT_LEN],
    auth: [u8; 32],
    sealed: Sealed,
}

impl Reply {
    fn read(bytes: &[u8; REPLY]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        Ok(Self {
            y: reader.array("Y")?,
            ct: reader.array("ct")?,
            auth: reader.array("AUTH")?,
            sealed: reader.array("settings back")?,
        })
    }
}

/// What both sides agree on: with both fresh keys, with the fresh key and the onion key, by the KEM.
struct Agreed {
    fresh: Zeroizing<[u8; 32]>,
    with_onion: Zeroizing<[u8; 32]>,
    kem: Zeroizing<[u8; 32]>,
}

impl Agreed {
    fn derive(
        &self,
        request: &Request,
        onion: &[u8; 32],
        y: &[u8; 32],
        ct: &[u8; CT_LEN],
    ) -> Derived {
        let mut seen = Vec::with_capacity(REQUEST + REPLY);
        seen.put(Label::HOP_TRANSCRIPT.as_bytes());
        seen.put_lp(&request.id);
        seen.put_lp(onion);
        seen.put_lp(&request.x);
        seen.put_lp(&request.ek);
        seen.put_lp(&request.sealed);
        seen.put_lp(y);
        seen.put_lp(ct);
        let lp = 32u16.to_be_bytes();
        let salt = hash(&[Label::HOP.as_bytes()]);
        let secrets: [&[u8]; 6] = [&lp, &*self.fresh, &lp, &*self.with_onion, &lp, &*self.kem];
        Derived {
            prk: Secret::extract(&salt, &secrets),
            th: hash(&[&seen]),
        }
    }
}

/// What everything else of a handshake is expanded from.
struct Derived {
    prk: Secret,
    th: [u8; 32],
}

impl Derived {
    fn auth(&self) -> [u8; 32] {
        let key = self.prk.expand(Label::HOP_AUTH, &self.th);
        key.mac(&[&self.th, b"relay"])
    }

    fn settings_back(&self) -> Secret {
        self.prk.expand(Label::HOP_SETTINGS_BACK, &self.th)
    }

    fn secrets(&self) -> HopSecrets {
        HopSecrets {
            forward: self.prk.expand(Label::HOP_FORWARD, &self.th),
            backward: self.prk.expand(Label::HOP_BACKWARD, &self.th),
        }
    }
}

/// The key of the settings in a request.
fn settings_key(
    with_onion: &[u8; 32],
    id: &RelayId,
    onion: &[u8; 32],
    x: &[u8; 32],
    ek: &[u8; EK_LEN],
) -> Secret {
    let mut context = Vec::with_capacity(96 + EK_LEN);
    context.put(id.as_bytes());
    context.put(&hash(&[onion]));
    context.put(x);
    context.put(ek);
    Secret::extract(Label::HOP_SETTINGS.as_bytes(), &[with_onion])
        .expand(Label::HOP_SETTINGS, &context)
}

#[expect(
    clippy::expect_used,
    reason = "GCM refuses only what is longer than 64 GiB"
)]
fn seal(key: &Secret, aad: &[u8], settings: &mut [u8; SETTINGS]) -> [u8; TAG_LEN] {
    Key::new(Backend::default(), key.as_bytes())
        .seal(0, aad, settings)
        .expect("settings are short")
}

fn open<'s>(key: &Secret, aad: &[u8], sealed: &'s mut Sealed) -> Option<&'s [u8; SETTINGS]> {
    let opened = Key::new(Backend::default(), key.as_bytes()).open(0, aad, sealed);
    opened.ok()?.first_chunk()
}
