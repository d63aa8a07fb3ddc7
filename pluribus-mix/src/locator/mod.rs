//! Locators and sturdyrefs: how one hands a vat, or an object in it, to somebody.
//!
//! A locator says *who*: a vat and the transport that finds it. Everything else in it is a hint, such as where a public
//! vat listens, and hints are only advice. They help to reach the vat and never say which vat it is, so two locators that
//! differ in hints alone are equal (NAM-9). A sturdyref is a locator and a swissnum, the unguessable number of one object.
//!
//! ```text
//! ocapn://<designator>.<transport>[/s/<swissnum>][?<hint>=<value>[&<hint>=<value>…]]
//! ```
//!
//! `uri` reads and writes that text (NAM-7), [`Hints`] keeps the list, [`Address`] is the value of the hint `at`
//! (NAM-8), and [`Host::asked_for`] reads a host as programs write it (FAC-2). Whatever one of these types holds can be written, and what is written can be read.
//!
//! One corner: a text has at most 2048 bytes. Where a locator that somebody else filled to the brim gets an address or a
//! swissnum, advice makes room for it.

use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};

use data_encoding::BASE64URL_NOPAD;
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::id::{NameError, VatId};

mod hints;
mod host;
mod place;
mod uri;

pub use hints::Hints;
pub use host::BadHost;
pub use place::{Address, Host};

/// Which part of a locator or sturdyref was wrong (NAM-7, NAM-8): the first one, for a reader that starts on the left.
///
/// The text of each begins with the name of the part, which [`LocatorError::part`] gives alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LocatorError {
    /// More than 2048 bytes.
    #[error("length: more than 2048 bytes")]
    Length,
    /// Something other than ASCII.
    #[error("character: not ASCII")]
    Character,
    /// Another scheme than `ocapn`.
    #[error("scheme: must be ocapn://")]
    Scheme,
    /// The designator is not a VatId (NAM-2).
    #[error("designator: {0}")]
    Designator(#[source] NameError),
    /// Behind the designator stands something other than one of the two transports.
    #[error("transport: must be .mix or .onion, and nothing else may stand beside it")]
    Transport,
    /// A locator with a path, or a sturdyref without `/s/`.
    #[error("path: must be /s/ for a sturdyref, and none for a locator")]
    Path,
    /// Not 1 to 64 bytes in canonical base64url.
    #[error("swissnum: must be 1 to 64 bytes in base64url without padding")]
    Swissnum,
    /// The list is empty, has an element that is not `name=value`, or has more than 16.
    #[error("hints: must be 1 to 16 of name=value, joined by &")]
    Hints,
    /// The name of a hint breaks NAM-7.
    #[error("hint name: must be 1 to 32 of a-z, 0-9, -, the first a letter")]
    HintName,
    /// The value of a hint breaks NAM-7.
    #[error("hint value: must be at most 255 bytes of UTF-8 without controls, percent-encoded")]
    HintValue,
    /// Two hints have the same name.
    #[error("hint repeated: no name may stand twice")]
    HintRepeated,
    /// The value of `at` is no address in its one spelling (NAM-8).
    #[error("at: must be host:port, the host an IPv4 address, an [IPv6 address] or a DNS name")]
    At,
}

impl LocatorError {
    /// The name of the part that was wrong: the words before the colon of the error's text.
    #[must_use]
    pub fn part(&self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::Character => "character",
            Self::Scheme => "scheme",
            Self::Designator(_) => "designator",
            Self::Transport => "transport",
            Self::Path => "path",
            Self::Swissnum => "swissnum",
            Self::Hints => "hints",
            Self::HintName => "hint name",
            Self::HintValue => "hint value",
            Self::HintRepeated => "hint repeated",
            Self::At => "at",
        }
    }
}

/// What carries messages to the vat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// This network.
    Mix,
    /// Tor's onion services, or whatever stands in for them.
    Onion,
}

/// Who a vat is and how to reach it (NAM-7). Equality, order and hash look at the vat and the transport alone (NAM-9).
#[derive(Clone)]
pub struct Locator {
    vat: VatId,
    transport: Transport,
    hints: Hints,
}

impl Locator {
    /// The locator of `vat` on this network, without hints.
    #[must_use]
    pub fn new(vat: VatId) -> Self {
        Self {
            vat,
            transport: Transport::Mix,
            hints: Hints::default(),
        }
    }

    /// The same vat over `transport`.
    #[must_use]
    pub fn over(mut self, transport: Transport) -> Self {
        self.transport = transport;
        self.make_room(0);
        self
    }

    /// The same vat, said to listen at `address` (NAM-8) and nowhere else.
    ///
    /// When the hints are full, those last in the order of names make room.
    #[must_use]
    pub fn at(mut self, address: Address) -> Self {
        self.hints.set_address(address);
        self.make_room(0);
        self
    }

    /// The same vat with one more hint.
    ///
    /// # Errors
    /// What NAM-7 or NAM-8 refuses in the hint, [`LocatorError::Hints`] for a seventeenth, and [`LocatorError::Length`]
    /// when the text would have more than 2048 bytes.
    pub fn with_hint(mut self, name: &str, value: &str) -> Result<Self, LocatorError> {
        self.hints.insert(name, value)?;
        if self.overflow(0) {
            Err(LocatorError::Length)
        } else {
            Ok(self)
        }
    }

    /// The vat.
    #[must_use]
    pub fn vat(&self) -> VatId {
        self.vat
    }

    /// What carries messages to it.
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// All hints.
    #[must_use]
    pub fn hints(&self) -> &Hints {
        &self.hints
    }

    /// Where the vat listens, when it is public (NAM-8).
    #[must_use]
    pub fn address(&self) -> Option<&Address> {
        self.hints.address()
    }

    /// The object of this vat that `swissnum` names.
    #[must_use]
    pub fn sturdyref(self, swissnum: Swissnum) -> Sturdyref {
        Sturdyref::new(self, swissnum)
    }

    fn make_room(&mut self, path: usize) {
        while self.overflow(path) && self.hints.drop_last() {}
    }

    /// Whether the text would be too long with a path of `path` bytes, or the hints too many.
    fn overflow(&self, path: usize) -> bool {
        self.to_string().len() + path > uri::LONGEST || self.hints.len() > Hints::MOST
    }

    fn identity(&self) -> (VatId, Transport) {
        (self.vat, self.transport)
    }
}

impl PartialEq for Locator {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for Locator {}

impl PartialOrd for Locator {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Locator {
    fn cmp(&self, other: &Self) -> Ordering {
        self.identity().cmp(&other.identity())
    }
}

impl Hash for Locator {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

/// The vat alone: what is printed in passing names no vat beside its address (THR-7).
impl fmt::Debug for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Locator({}, …)", self.vat)
    }
}

/// The unguessable number of an object in its vat: 1 to 64 bytes (NAM-7). Who knows it may use the object, so it is wiped
/// when dropped and `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Zeroize, ZeroizeOnDrop)]
pub struct Swissnum(Vec<u8>);

impl Swissnum {
    /// Takes the bytes of a swissnum.
    ///
    /// # Errors
    /// [`LocatorError::Swissnum`] when they are none or more than 64.
    pub fn new(bytes: &[u8]) -> Result<Self, LocatorError> {
        match bytes.len() {
            1..=64 => Ok(Self(bytes.to_vec())),
            _ => Err(LocatorError::Swissnum),
        }
    }

    /// The bytes of the swissnum.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Swissnum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Swissnum(…)")
    }
}

/// An object in a vat, and how to reach the vat (NAM-7). Equal to another when locators and swissnums are (NAM-9).
///
/// Its text holds the swissnum: whoever reads it may use the object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sturdyref {
    locator: Locator,
    swissnum: Swissnum,
}

impl Sturdyref {
    /// The object that `swissnum` names in the vat of `locator`.
    ///
    /// When the text would have more than 2048 bytes, the hints last in the order of names make room.
    #[must_use]
    pub fn new(mut locator: Locator, swissnum: Swissnum) -> Self {
        let path = "/s/".len() + BASE64URL_NOPAD.encode_len(swissnum.as_bytes().len());
        locator.make_room(path);
        Self { locator, swissnum }
    }

    /// The vat and how to reach it.
    #[must_use]
    pub fn locator(&self) -> &Locator {
        &self.locator
    }

    /// Which of its objects.
    #[must_use]
    pub fn swissnum(&self) -> &Swissnum {
        &self.swissnum
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::hash::DefaultHasher;

    use super::*;
    use crate::crypto::sign::SigningKey;

    fn vat(seed: u8) -> VatId {
        SigningKey::from_seed(&[seed; 32]).public().into()
    }

    fn address() -> Address {
        "192.0.2.7:9001".parse().unwrap()
    }

    fn swissnum(bytes: &[u8]) -> Swissnum {
        Swissnum::new(bytes).unwrap()
    }

    fn hash(value: &impl Hash) -> u64 {
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        hasher.finish()
    }

    /// A locator whose text has exactly 2048 bytes, with 16 hints and no `at`.
    fn brimful() -> Locator {
        let mut full = Locator::new(vat(1));
        for name in 'b'..='p' {
            full = full.with_hint(&name.to_string(), &"x".repeat(120)).unwrap();
        }
        let rest = 2048 - full.to_string().len() - "&z=".len();
        full.with_hint("z", &"x".repeat(rest)).unwrap()
    }

    #[test]
    fn hints_never_take_part_in_equality() {
        // NAM-9
        let (plain, public) = (Locator::new(vat(1)), Locator::new(vat(1)).at(address()));
        assert_eq!(plain, public);
        assert_eq!(plain.cmp(&public), Ordering::Equal);
        assert_eq!(hash(&plain), hash(&public));
        let refs = [plain, public].map(|locator| locator.sturdyref(swissnum(b"7")));
        assert_eq!(hash(&refs[0]), hash(&refs[1]));
        assert_eq!(BTreeSet::from(refs).len(), 1);
    }

    #[test]
    fn vat_transport_and_swissnum_do() {
        // NAM-9
        let mix = Locator::new(vat(1)).at(address());
        assert_ne!(mix, Locator::new(vat(2)).at(address()));
        assert_ne!(mix, mix.clone().over(Transport::Onion));
        let all = [
            mix.clone().sturdyref(swissnum(b"7")),
            mix.clone().sturdyref(swissnum(b"8")),
            mix.clone().over(Transport::Onion).sturdyref(swissnum(b"7")),
            Locator::new(vat(2)).sturdyref(swissnum(b"7")),
        ];
        for (i, one) in all.iter().enumerate() {
            for other in &all[..i] {
                assert_ne!(one, other);
                assert_ne!(one.cmp(other), Ordering::Equal);
            }
        }
    }

    #[test]
    fn a_locator_says_where_its_vat_listens() {
        // NAM-8
        let locator = Locator::new(vat(1))
            .at("[::1]:1".parse().unwrap())
            .at(address());
        assert_eq!(locator.address(), Some(&address()));
        assert_eq!(
            locator.to_string(),
            format!("ocapn://{}.mix?at=192.0.2.7:9001", vat(1))
        );
        let same = Locator::new(vat(1))
            .with_hint("at", "192.0.2.7:9001")
            .unwrap();
        assert_eq!(same.address(), Some(&address()));
        assert_eq!(
            Locator::new(vat(1)).with_hint("at", "192.0.2.7").err(),
            Some(LocatorError::At)
        );
    }

    #[test]
    fn no_text_has_more_than_2048_bytes() {
        // NAM-7
        let full = brimful();
        assert_eq!(full.to_string().len(), 2048);
        assert_eq!(full.to_string().parse(), Ok(full.clone()));
        let longer = format!("{full}x");
        assert_eq!(longer.parse::<Locator>(), Err(LocatorError::Length));
        let long = Locator::new(vat(1))
            .with_hint("a", &"ö".repeat(127))
            .unwrap();
        let longer = long.with_hint("b", &"ö".repeat(127)).unwrap();
        assert_eq!(
            longer.with_hint("c", &"ö".repeat(127)).err(),
            Some(LocatorError::Length)
        );
    }

    #[test]
    fn advice_makes_room() {
        // NAM-7: a text is at most 2048 bytes and 16 hints, whatever is added to a full one.
        let public = brimful().at(address());
        assert_eq!(public.hints().len(), 16);
        assert_eq!(
            (public.address(), public.hints().value("z")),
            (Some(&address()), None)
        );
        for locator in [brimful().over(Transport::Onion), public.clone(), brimful()] {
            let text = locator.sturdyref(swissnum(&[0xff; 64])).to_string();
            assert!(text.len() <= 2048);
            assert!(text.parse::<Sturdyref>().is_ok(), "{text}");
        }
        assert_eq!(
            public.sturdyref(swissnum(&[1; 64])).locator().address(),
            Some(&address())
        );
    }

    #[test]
    fn a_swissnum_is_not_shown() {
        // NAM-7: 1 to 64 bytes; whoever knows them may use the object.
        assert_eq!(Swissnum::new(&[]), Err(LocatorError::Swissnum));
        assert_eq!(Swissnum::new(&[0; 65]), Err(LocatorError::Swissnum));
        let shown = format!("{:?}", Locator::new(vat(1)).sturdyref(swissnum(b"hidden")));
        assert!(
            shown.contains("Swissnum(…)") && !shown.contains("aGlkZGVu"),
            "{shown}"
        );
    }
}
