//! The hints of a locator: a short list of names and values, each name once, in the order of the names (NAM-7).

use core::{fmt, iter};
use std::collections::BTreeMap;

use super::{Address, LocatorError};

const ADDRESS: &str = "at";

/// Up to 16 hints, ordered by name.
#[derive(Clone, Debug, Default)]
pub struct Hints {
    values: BTreeMap<String, String>,
    /// What the value of `at` says, read once.
    address: Option<Address>,
}

impl Hints {
    /// How many hints a locator may have (NAM-7).
    pub const MOST: usize = 16;

    /// Each hint and its value, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The value of one hint.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// What the hint `at` says (NAM-8).
    #[must_use]
    pub fn address(&self) -> Option<&Address> {
        self.address.as_ref()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The same hints with one more.
    ///
    /// # Errors
    /// The name or the value is none, the name is there already, or there are as many as there may be. (NAM-7)
    pub fn with(mut self, name: &str, value: &str) -> Result<Self, LocatorError> {
        self.insert(name, value)?;
        Ok(self)
    }

    /// Reads what stands behind the question mark.
    pub(super) fn read(query: &str) -> Result<Self, LocatorError> {
        let mut hints = Self::default();
        for hint in query.split('&') {
            let (name, value) = hint.split_once('=').ok_or(LocatorError::Hints)?;
            check_name(name)?;
            hints.insert(name, &decode(value)?)?;
        }
        Ok(hints)
    }

    pub(super) fn insert(&mut self, name: &str, value: &str) -> Result<(), LocatorError> {
        check_name(name)?;
        check_value(value)?;
        if self.values.contains_key(name) {
            return Err(LocatorError::HintRepeated);
        }
        if self.len() == Self::MOST {
            return Err(LocatorError::Hints);
        }
        if name == ADDRESS {
            self.address = Some(value.parse()?);
        }
        self.values.insert(name.to_owned(), value.to_owned());
        Ok(())
    }

    /// May leave one hint too many; the caller makes room.
    pub(super) fn set_address(&mut self, address: Address) {
        self.values.insert(ADDRESS.to_owned(), address.to_string());
        self.address = Some(address);
    }

    /// Drops the hint last in the order of names, `at` excepted; false when there is none.
    pub(super) fn drop_last(&mut self) -> bool {
        let last = self
            .values
            .keys()
            .rev()
            .find(|name| *name != ADDRESS)
            .cloned();
        last.is_some_and(|name| self.values.remove(&name).is_some())
    }
}

impl fmt::Display for Hints {
    /// Writes the query, its question mark included; nothing when there are no hints.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (name, value)) in self.iter().enumerate() {
            let joint = if i == 0 { '?' } else { '&' };
            write!(f, "{joint}{name}={}", encode(value))?;
        }
        Ok(())
    }
}

fn check_name(name: &str) -> Result<(), LocatorError> {
    let plain = name
        .bytes()
        .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    let lettered = name.starts_with(|first: char| first.is_ascii_lowercase());
    if plain && lettered && name.len() <= 32 {
        Ok(())
    } else {
        Err(LocatorError::HintName)
    }
}

fn check_value(value: &str) -> Result<(), LocatorError> {
    let fits = value.len() <= 255 && !value.chars().any(char::is_control);
    if fits {
        Ok(())
    } else {
        Err(LocatorError::HintValue)
    }
}

/// Percent-encodes a value (NAM-7).
fn encode(value: &str) -> String {
    value.bytes().fold(String::new(), |mut text, byte| {
        if stands_for_itself(byte) {
            text.push(char::from(byte));
        } else {
            text.push('%');
            data_encoding::HEXUPPER.encode_append(&[byte], &mut text);
        }
        text
    })
}

/// Undoes [`encode`], taking any `%XX` and no other character unencoded (NAM-7).
fn decode(text: &str) -> Result<String, LocatorError> {
    let mut rest = text.bytes();
    let bytes: Option<Vec<u8>> =
        iter::from_fn(|| rest.next().map(|byte| decode_one(byte, &mut rest))).collect();
    let utf8 = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    utf8.ok_or(LocatorError::HintValue)
}

fn decode_one(first: u8, rest: &mut impl Iterator<Item = u8>) -> Option<u8> {
    match first {
        b'%' => Some(digit(rest.next()?)? << 4 | digit(rest.next()?)?),
        byte => stands_for_itself(byte).then_some(byte),
    }
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| digit.try_into().ok())
}

fn stands_for_itself(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/[]".contains(&byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_are_percent_encoded() {
        // NAM-7: these stand for themselves, every other byte is % and two upper-case digits.
        let plain = "ABCXYZabcxyz0189-._~:/[]";
        assert_eq!(encode(plain), plain);
        assert_eq!(
            encode("a b&c=d%?#@!$'()*+,;é\"<>\\^`{|}"),
            "a%20b%26c%3Dd%25%3F%23%40%21%24%27%28%29%2A%2B%2C%3B%C3%A9%22%3C%3E%5C%5E%60%7B%7C%7D"
        );
    }

    #[test]
    fn any_percent_encoding_is_taken() {
        // NAM-7: lower-case digits, and characters that need none.
        assert_eq!(decode("%61%2f%2F%c3%A9").unwrap(), "a//é");
        for text in [
            "%", "%4", "%4g", "%+1", "% 1", "a%", "%c3", "%ff", "a b", "a=b", "a+b", "a?", "a#",
        ] {
            assert_eq!(decode(text), Err(LocatorError::HintValue), "{text:?}");
        }
    }

    #[test]
    fn names_and_values_have_limits() {
        // NAM-7
        let insert = |name: &str, value: &str| Hints::default().insert(name, value);
        for name in ["a", "a1-", &"a".repeat(32)] {
            assert_eq!(insert(name, ""), Ok(()), "{name}");
        }
        for name in ["", "1a", "-a", "A", "aB", "a_b", "é", &"a".repeat(33)] {
            assert_eq!(insert(name, ""), Err(LocatorError::HintName), "{name}");
        }
        assert_eq!(insert("a", &"é".repeat(127)), Ok(()));
        for value in [&"é".repeat(128), "\0", "a\n", "\x7f", "\u{85}"] {
            assert_eq!(
                insert("a", value),
                Err(LocatorError::HintValue),
                "{value:?}"
            );
        }
    }

    #[test]
    fn hints_are_few_and_each_once() {
        // NAM-7
        let mut hints = Hints::default();
        for name in 'a'..='p' {
            assert_eq!(hints.insert(&name.to_string(), "x"), Ok(()));
        }
        assert_eq!(hints.insert("c", "y"), Err(LocatorError::HintRepeated));
        assert_eq!(hints.insert("q", "x"), Err(LocatorError::Hints));
        assert_eq!(
            (hints.len(), hints.value("c"), hints.value("q")),
            (16, Some("x"), None)
        );
    }

    proptest! {
        /// NAM-7: what is encoded is decoded, and is ASCII that a query can hold.
        #[test]
        fn values_survive_their_encoding(value: String) {
            let encoded = encode(&value);
            prop_assert!(encoded.bytes().all(|byte| byte == b'%' || stands_for_itself(byte)));
            prop_assert_eq!(decode(&encoded), Ok(value));
        }
    }
}
