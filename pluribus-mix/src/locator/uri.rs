//! The text of locators and sturdyrefs (NAM-7).
//!
//! The text is cut once, from the outside in, and every piece is read by the type it becomes. What NAM-7 does not name
//! needs no rule here: a user, a port, a fragment or a stray slash ends up inside a piece that has no room for it.

use core::fmt;
use core::str::FromStr;

use data_encoding::BASE64URL_NOPAD;
use zeroize::Zeroizing;

use super::{Hints, Locator, LocatorError, Sturdyref, Swissnum, Transport};
use crate::id::VatId;

/// The bytes of the longest text (NAM-7).
pub(super) const LONGEST: usize = 2048;

const SCHEME: &str = "ocapn";

/// A text cut at its delimiters. The path has lost its first slash, the query its question mark.
struct Pieces<'a> {
    authority: &'a str,
    path: Option<&'a str>,
    query: Option<&'a str>,
}

impl<'a> Pieces<'a> {
    fn cut(text: &'a str) -> Result<Self, LocatorError> {
        if text.len() > LONGEST {
            return Err(LocatorError::Length);
        }
        if !text.is_ascii() {
            return Err(LocatorError::Character);
        }
        let (scheme, rest) = text.split_once("://").ok_or(LocatorError::Scheme)?;
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return Err(LocatorError::Scheme);
        }
        let (rest, query) = cut_off(rest, '?');
        let (authority, path) = cut_off(rest, '/');
        Ok(Self {
            authority,
            path,
            query,
        })
    }

    fn who(&self) -> Result<(VatId, Transport), LocatorError> {
        let (designator, transport) = cut_off(self.authority, '.');
        let vat = designator.parse().map_err(LocatorError::Designator)?;
        let transport = transport.ok_or(LocatorError::Transport)?.parse()?;
        Ok((vat, transport))
    }

    fn hints(&self) -> Result<Hints, LocatorError> {
        self.query.map_or(Ok(Hints::default()), Hints::read)
    }
}

fn cut_off(text: &str, delimiter: char) -> (&str, Option<&str>) {
    text.split_once(delimiter)
        .map_or((text, None), |(before, behind)| (before, Some(behind)))
}

impl FromStr for Locator {
    type Err = LocatorError;

    fn from_str(text: &str) -> Result<Self, LocatorError> {
        let pieces = Pieces::cut(text)?;
        let (vat, transport) = pieces.who()?;
        if pieces.path.is_some() {
            return Err(LocatorError::Path);
        }
        Ok(Self {
            vat,
            transport,
            hints: pieces.hints()?,
        })
    }
}

impl FromStr for Sturdyref {
    type Err = LocatorError;

    fn from_str(text: &str) -> Result<Self, LocatorError> {
        let pieces = Pieces::cut(text)?;
        let (vat, transport) = pieces.who()?;
        let swissnum = pieces.path.and_then(|path| path.strip_prefix("s/"));
        let swissnum = swissnum.ok_or(LocatorError::Path)?.parse()?;
        let locator = Locator {
            vat,
            transport,
            hints: pieces.hints()?,
        };
        Ok(Self { locator, swissnum })
    }
}

impl FromStr for Transport {
    type Err = LocatorError;

    /// Reads the transport's name in either case.
    fn from_str(text: &str) -> Result<Self, LocatorError> {
        [Self::Mix, Self::Onion]
            .into_iter()
            .find(|transport| text.eq_ignore_ascii_case(transport.name()))
            .ok_or(LocatorError::Transport)
    }
}

impl FromStr for Swissnum {
    type Err = LocatorError;

    /// Reads canonical base64url without padding.
    fn from_str(text: &str) -> Result<Self, LocatorError> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map(Zeroizing::new);
        Self::new(&bytes.map_err(|_| LocatorError::Swissnum)?)
    }
}

impl Transport {
    /// The transport's name in a locator.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mix => "mix",
            Self::Onion => "onion",
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{SCHEME}://{}.{}{}",
            self.vat, self.transport, self.hints
        )
    }
}

impl fmt::Display for Sturdyref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Locator {
            vat,
            transport,
            hints,
        } = &self.locator;
        write!(f, "{SCHEME}://{vat}.{transport}/s/{}{hints}", self.swissnum)
    }
}

impl fmt::Display for Swissnum {
    /// Writes base64url without padding. This is the secret itself.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        BASE64URL_NOPAD.encode_display(self.as_bytes()).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::crypto::sign::SigningKey;
    use crate::id::NameError;
    use crate::locator::Address;

    const ID: &str = "25njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhkenl5sid";
    const RELAY: &str = "25njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhkeni3cib";

    fn locator(text: &str) -> Result<Locator, LocatorError> {
        text.replace("ID", ID).replace("RELAY", RELAY).parse()
    }

    fn sturdyref(text: &str) -> Result<Sturdyref, LocatorError> {
        text.replace("ID", ID).parse()
    }

    #[test]
    fn a_locator_has_one_written_form() {
        // NAM-7: read in either case, written in lower case, hints in the order of their names.
        let read = |text: &str| locator(text).unwrap().to_string().replace(ID, "ID");
        assert_eq!(read("ocapn://ID.mix"), "ocapn://ID.mix");
        assert_eq!(read("OCapN://ID.OniOn"), "ocapn://ID.onion");
        assert_eq!(
            read("ocapn://ID.mix?b=2&at=a:1&a=%31&b-=3"),
            "ocapn://ID.mix?a=1&at=a:1&b=2&b-=3"
        );
        assert_eq!(
            read("ocapn://ID.mix?e=&x=%c3%a9%20/"),
            "ocapn://ID.mix?e=&x=%C3%A9%20/"
        );
        assert_eq!(
            read("ocapn://ID.mix?at=%5B::1%5d:9"),
            "ocapn://ID.mix?at=[::1]:9"
        );
        let upper: Locator = format!("ocapn://{}.mix", ID.to_ascii_uppercase())
            .parse()
            .unwrap();
        assert_eq!(upper, locator("ocapn://ID.mix").unwrap());
    }

    #[test]
    fn a_sturdyref_has_one_written_form() {
        // NAM-7
        let text = "OCAPN://ID.MIX/s/-_8?b=2&a=1";
        let read = sturdyref(text).unwrap();
        assert_eq!(read.swissnum().as_bytes(), [0xfb, 0xff]);
        assert_eq!(read.locator().hints().len(), 2);
        assert_eq!(
            read.to_string().replace(ID, "ID"),
            "ocapn://ID.mix/s/-_8?a=1&b=2"
        );
        let longest = format!("ocapn://ID.mix/s/{}", BASE64URL_NOPAD.encode(&[7; 64]));
        assert_eq!(
            sturdyref(&longest).unwrap().to_string().replace(ID, "ID"),
            longest
        );
    }

    #[test]
    fn a_malformed_locator_names_its_part() {
        // NAM-7, NAM-8
        let many = |n: u8| {
            (0..n)
                .map(|i| format!("h{i}=x"))
                .collect::<Vec<_>>()
                .join("&")
        };
        assert!(locator(&format!("ocapn://ID.mix?{}", many(16))).is_ok());
        let too_many = format!("ocapn://ID.mix?{}", many(17));
        let long_name = format!("ocapn://ID.mix?{}=x", "a".repeat(33));
        let long_value = format!("ocapn://ID.mix?a={}", "x".repeat(256));
        let long_text = format!("ocapn://ID.mix?a={}", "%78".repeat(700));
        for (text, part) in [
            (long_text.as_str(), "length"),
            ("ocapn://ID.mix?a=é", "character"),
            ("ocapn://ID.mıx", "character"),
            ("", "scheme"),
            ("ID.mix", "scheme"),
            (" ocapn://ID.mix", "scheme"),
            ("http://ID.mix", "scheme"),
            ("ocapn:/ID.mix", "scheme"),
            ("ocapn:ID.mix", "scheme"),
            ("ocapn://", "designator"),
            ("ocapn://.mix", "designator"),
            ("ocapn:///ID.mix", "designator"),
            ("ocapn://RELAY.mix", "designator"),
            ("ocapn://user@ID.mix", "designator"),
            ("ocapn://:@ID.mix", "designator"),
            ("ocapn://sub.ID.mix", "designator"),
            ("ocapn://example.org", "designator"),
            ("ocapn://ID", "transport"),
            ("ocapn://ID.", "transport"),
            ("ocapn://ID.mixx", "transport"),
            ("ocapn://ID.tor", "transport"),
            ("ocapn://ID.mix.", "transport"),
            ("ocapn://ID.mix:80", "transport"),
            ("ocapn://ID.mix:", "transport"),
            ("ocapn://ID.mix#", "transport"),
            ("ocapn://ID.mix#top", "transport"),
            ("ocapn://ID.mix ", "transport"),
            ("ocapn://ID.mix\n", "transport"),
            ("ocapn://ID.mi%78", "transport"),
            ("ocapn://ID.mix/", "path"),
            ("ocapn://ID.mix/?a=1", "path"),
            ("ocapn://ID.mix/s/AAAA", "path"),
            ("ocapn://ID.mix?", "hints"),
            ("ocapn://ID.mix?a", "hints"),
            ("ocapn://ID.mix?&a=1", "hints"),
            ("ocapn://ID.mix?a=1&", "hints"),
            ("ocapn://ID.mix?a=1&&b=2", "hints"),
            (too_many.as_str(), "hints"),
            ("ocapn://ID.mix?=1", "hint name"),
            ("ocapn://ID.mix?A=1", "hint name"),
            ("ocapn://ID.mix?1a=1", "hint name"),
            ("ocapn://ID.mix?a_b=1", "hint name"),
            ("ocapn://ID.mix?%61=1", "hint name"),
            ("ocapn://ID.mix??a=1", "hint name"),
            (long_name.as_str(), "hint name"),
            ("ocapn://ID.mix?A=%", "hint name"),
            ("ocapn://ID.mix?a=b=c", "hint value"),
            ("ocapn://ID.mix?a=b c", "hint value"),
            ("ocapn://ID.mix?a=b+c", "hint value"),
            ("ocapn://ID.mix?a=%", "hint value"),
            ("ocapn://ID.mix?a=%4", "hint value"),
            ("ocapn://ID.mix?a=%zz", "hint value"),
            ("ocapn://ID.mix?a=%00", "hint value"),
            ("ocapn://ID.mix?a=%0A", "hint value"),
            ("ocapn://ID.mix?a=%C2%85", "hint value"),
            ("ocapn://ID.mix?a=%FF", "hint value"),
            ("ocapn://ID.mix?a=1#top", "hint value"),
            ("ocapn://ID.mix?a=1;b=2", "hint value"),
            (long_value.as_str(), "hint value"),
            ("ocapn://ID.mix?a=1&a=1", "hint repeated"),
            ("ocapn://ID.mix?a=1&b=2&a=3", "hint repeated"),
            ("ocapn://ID.mix?at=a:1&at=a:1", "hint repeated"),
            ("ocapn://ID.mix?at=", "at"),
            ("ocapn://ID.mix?at=example.org", "at"),
            ("ocapn://ID.mix?at=192.0.2.7:0", "at"),
            ("ocapn://ID.mix?at=Example.org:80", "at"),
            ("ocapn://ID.mix?at=::1:80", "at"),
            ("ocapn://ID.mix?at=[0::1]:80", "at"),
            ("ocapn://ID.mix?at=a:80/", "at"),
        ] {
            let error = locator(text).unwrap_err();
            assert_eq!(error.part(), part, "{text}");
            assert!(
                error.to_string().starts_with(&format!("{part}: ")),
                "{error}"
            );
        }
    }

    #[test]
    fn a_malformed_sturdyref_names_its_part() {
        // NAM-7
        let long = format!("ocapn://ID.mix/s/{}", BASE64URL_NOPAD.encode(&[7; 65]));
        for (text, part) in [
            ("ocapn://ID.mix", "path"),
            ("ocapn://ID.mix?a=1", "path"),
            ("ocapn://ID.mix/", "path"),
            ("ocapn://ID.mix/s", "path"),
            ("ocapn://ID.mix/S/AAAA", "path"),
            ("ocapn://ID.mix//s/AAAA", "path"),
            ("ocapn://ID.mix/t/AAAA", "path"),
            ("ocapn://ID.mix/s/", "swissnum"),
            ("ocapn://ID.mix/s/A", "swissnum"),
            ("ocapn://ID.mix/s/AA==", "swissnum"),
            ("ocapn://ID.mix/s/AB", "swissnum"),
            ("ocapn://ID.mix/s/AAB", "swissnum"),
            ("ocapn://ID.mix/s/+/+/", "swissnum"),
            ("ocapn://ID.mix/s/AAAA/", "swissnum"),
            ("ocapn://ID.mix/s/AA%41A", "swissnum"),
            ("ocapn://ID.mix/s/AAAA#", "swissnum"),
            (long.as_str(), "swissnum"),
            ("ocapn://ID.mix/s/AAAA?", "hints"),
            ("ocapn://ID.mix/s/AAAA?at=a", "at"),
        ] {
            assert_eq!(sturdyref(text).unwrap_err().part(), part, "{text}");
        }
    }

    #[test]
    fn a_designator_says_what_is_wrong_with_it() {
        // NAM-7, NAM-2
        let error = locator("ocapn://RELAY.mix").unwrap_err();
        let version = NameError::Version {
            wanted: 3,
            found: 1,
        };
        assert_eq!(error, LocatorError::Designator(version));
        assert_eq!(error.to_string(), format!("designator: {version}"));
    }

    fn any_locator() -> impl Strategy<Value = Locator> {
        let hints = prop::collection::btree_map("[a-z][a-z0-9-]{0,31}", "\\PC{0,20}", 0..8);
        let address = prop::option::of(r"[a-z]{1,9}(\.[a-z]{2,5}){0,2}:[1-9][0-9]{0,3}");
        (any::<[u8; 32]>(), any::<bool>(), hints, address).prop_map(
            |(seed, onion, hints, address)| {
                let locator = Locator::new(SigningKey::from_seed(&seed).public().into());
                let locator = if onion {
                    locator.over(Transport::Onion)
                } else {
                    locator
                };
                let locator = hints.iter().filter(|(name, _)| *name != "at").fold(
                    locator,
                    |locator, (name, value)| {
                        locator.clone().with_hint(name, value).unwrap_or(locator)
                    },
                );
                match address {
                    Some(address) => locator.at(address.parse::<Address>().unwrap()),
                    None => locator,
                }
            },
        )
    }

    fn all(locator: &Locator) -> (VatId, Transport, Vec<(String, String)>, Option<Address>) {
        let hints = locator
            .hints()
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        (
            locator.vat(),
            locator.transport(),
            hints.collect(),
            locator.address().cloned(),
        )
    }

    proptest! {
        /// NAM-7: a locator written is the locator read, hints and all, and its text is written again the same.
        #[test]
        fn locators_survive_their_text(locator in any_locator()) {
            let text = locator.to_string();
            prop_assert!(text.is_ascii() && text.len() <= LONGEST);
            let again: Locator = text.parse().unwrap();
            prop_assert_eq!(all(&again), all(&locator));
            prop_assert_eq!(again.to_string(), text);
        }

        /// NAM-7: the same for sturdyrefs.
        #[test]
        fn sturdyrefs_survive_their_text(
            locator in any_locator(),
            bytes in prop::collection::vec(any::<u8>(), 1..=64),
        ) {
            let sturdyref = locator.sturdyref(Swissnum::new(&bytes).unwrap());
            let text = sturdyref.to_string();
            let again: Sturdyref = text.parse().unwrap();
            prop_assert_eq!(&again, &sturdyref);
            prop_assert_eq!(all(again.locator()), all(sturdyref.locator()));
            prop_assert_eq!(again.to_string(), text);
        }

        /// NAM-7: whatever is read has a text that reads the same; nothing makes the reader stumble.
        #[test]
        fn no_text_makes_the_reader_stumble(text in r"(ocapn|OCAPN)://ID\.(mix|onion)(/s/[A-Za-z0-9_-]{0,9})?(\?[ -~]{0,30})?") {
            if let Ok(read) = locator(&text) {
                let again: Locator = read.to_string().parse().unwrap();
                prop_assert_eq!(all(&again), all(&read));
            }
            if let Ok(read) = sturdyref(&text) {
                prop_assert_eq!(read.to_string().parse(), Ok(read));
            }
        }
    }
}
