//! The words of a key file, and of the counter beside it (NAM-6).
//!
//! Two lines, so that a person who opens the file sees what it is, and a program that finds anything else in it stops
//! instead of guessing. Nothing here touches a disk: text comes in, text goes out, and what is secret in it is wiped.
//!
//! ```text
//! pluribus-mix signing key 1            pluribus-mix incarnation 1
//! seed 9d61…7f60                        4611686018427387903
//! ```

use data_encoding::HEXLOWER;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::crypto::sign::{BadKey, SigningKey};

const KEY_HEADER: &[u8] = b"pluribus-mix signing key 1\n";
const INCARNATION_HEADER: &[u8] = b"pluribus-mix incarnation 1\n";

/// The length of the longest text that NAM-6 knows, in bytes: a key in expanded form.
pub const LONGEST: usize = KEY_HEADER.len() + "expanded ".len() + 128 + 1;

/// What a text of NAM-6 has wrong, and in which line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TextError {
    /// The first line is not the one that this kind of file begins with.
    #[error("line 1: not the first line of such a file")]
    Header,
    /// The second line of a key file is neither form of a key.
    #[error("line 2: neither `seed` with 64 nor `expanded` with 128 lower-case hexadecimal digits")]
    Key,
    /// The expanded key in the second line is not one (NAM-4).
    #[error("line 2: {0}")]
    BadKey(#[from] BadKey),
    /// The second line of an incarnation file is not a number.
    #[error("line 2: not a decimal number below 2^64 without leading zeros")]
    Number,
    /// The second line does not end with a line feed.
    #[error("line 2: not ended by a line feed")]
    Unended,
    /// There is something behind the second line.
    #[error("line 3: there must be nothing behind line 2")]
    Rest,
}

/// Writes a key as the text of its file, in the form it was read from.
#[must_use]
pub fn write(key: &SigningKey) -> Zeroizing<String> {
    // All of it is reserved at once: growing would leave copies of the secret behind.
    let mut text = Zeroizing::new(String::with_capacity(LONGEST));
    text.extend(KEY_HEADER.iter().copied().map(char::from));
    match key.seed() {
        Some(seed) => {
            text.push_str("seed ");
            HEXLOWER.encode_append(seed, &mut text);
        }
        None => {
            text.push_str("expanded ");
            HEXLOWER.encode_append(&*key.to_expanded(), &mut text);
        }
    }
    text.push('\n');
    text
}

/// Reads the text of a key file.
///
/// # Errors
/// The line that is not as NAM-6 has it.
pub fn parse(text: &[u8]) -> Result<SigningKey, TextError> {
    let line = second_line(KEY_HEADER, text)?;
    if let Some(digits) = line.strip_prefix(b"seed ") {
        let seed = unhex(digits).ok_or(TextError::Key)?;
        return Ok(SigningKey::from_seed(&seed));
    }
    let digits = line.strip_prefix(b"expanded ").ok_or(TextError::Key)?;
    let expanded = unhex(digits).ok_or(TextError::Key)?;
    Ok(SigningKey::from_expanded(&expanded)?)
}

/// Writes an incarnation as the text of its file.
#[must_use]
pub fn write_incarnation(incarnation: u64) -> String {
    let header = String::from_utf8_lossy(INCARNATION_HEADER);
    format!("{header}{incarnation}\n")
}

/// Reads the text of an incarnation file.
///
/// # Errors
/// The line that is not as NAM-6 has it.
pub fn parse_incarnation(text: &[u8]) -> Result<u64, TextError> {
    let line = second_line(INCARNATION_HEADER, text)?;
    let digits = core::str::from_utf8(line).map_err(|_| TextError::Number)?;
    let number: u64 = digits.parse().map_err(|_| TextError::Number)?;
    // `parse` also takes a sign and leading zeros; one number has one spelling.
    if number.to_string() == digits {
        Ok(number)
    } else {
        Err(TextError::Number)
    }
}

fn second_line<'a>(header: &[u8], text: &'a [u8]) -> Result<&'a [u8], TextError> {
    let body = text.strip_prefix(header).ok_or(TextError::Header)?;
    let mut parts = body.splitn(2, |byte| *byte == b'\n');
    let line = parts.next().unwrap_or_default();
    match parts.next() {
        None => Err(TextError::Unended),
        Some([]) => Ok(line),
        Some(_) => Err(TextError::Rest),
    }
}

fn unhex<const N: usize>(digits: &[u8]) -> Option<Zeroizing<[u8; N]>> {
    let mut bytes = Zeroizing::new([0; N]);
    if digits.len() != 2 * N {
        return None;
    }
    HEXLOWER.decode_mut(digits, &mut *bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SEED: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";

    fn refused(text: &str) -> TextError {
        parse(text.as_bytes()).err().unwrap()
    }

    fn key(second_line: &str) -> String {
        format!("pluribus-mix signing key 1\n{second_line}")
    }

    #[test]
    fn a_seed_is_two_lines() {
        // NAM-6
        let text = key(&format!("seed {SEED}\n"));
        let parsed = parse(text.as_bytes()).ok().unwrap();
        let public = parsed.public().to_bytes();
        assert_eq!(HEXLOWER.encode(&public[..4]), "d75a9801");
        assert_eq!(*write(&parsed), text);
    }

    #[test]
    fn an_expanded_key_is_two_lines() {
        // NAM-6, NAM-4
        let expanded = HEXLOWER.encode(&*SigningKey::from_seed(&[7; 32]).to_expanded());
        let text = key(&format!("expanded {expanded}\n"));
        let parsed = parse(text.as_bytes()).ok().unwrap();
        assert_eq!(parsed.public(), SigningKey::from_seed(&[7; 32]).public());
        assert_eq!(*write(&parsed), text);
        assert_eq!(text.len(), LONGEST);
    }

    #[test]
    fn any_other_content_is_refused_by_line() {
        // NAM-6
        let good = key(&format!("seed {SEED}\n"));
        for text in [
            "",
            "pluribus-mix signing key 1",
            "pluribus-mix signing key 2\nseed 00\n",
            "pluribus-mix incarnation 1\n7\n",
            &good.to_uppercase(),
            &good.replacen('\n', "\r\n", 1),
            &format!("\n{good}"),
            &format!("\u{feff}{good}"),
        ] {
            assert_eq!(refused(text), TextError::Header, "{text:?}");
        }
        for line in [
            "\n",
            &format!("{SEED}\n"),
            &format!("seed  {SEED}\n"),
            &format!("seed\t{SEED}\n"),
            &format!("Seed {SEED}\n"),
            &format!("seed {SEED} \n"),
            &format!("seed {SEED}\r\n"),
            &format!("seed {}\n", SEED.to_uppercase()),
            &format!("seed {}\n", SEED.split_at(1).1),
            &format!("seed {}\n", SEED.split_at(2).1),
            &format!("seed {SEED}{SEED}\n"),
            &format!("expanded {SEED}\n"),
            &format!("seed {}\n", SEED.replace('9', "g")),
        ] {
            assert_eq!(refused(&key(line)), TextError::Key, "{line:?}");
        }
        let unclamped = key(&format!("expanded {}\n", "ff".repeat(64)));
        assert_eq!(refused(&unclamped), TextError::BadKey(BadKey::NotClamped));
        assert_eq!(refused(good.trim_end()), TextError::Unended);
        assert_eq!(refused(&format!("{good}\n")), TextError::Rest);
        assert_eq!(refused(&format!("{good}{good}")), TextError::Rest);
        assert_eq!(
            TextError::Rest.to_string(),
            "line 3: there must be nothing behind line 2"
        );
    }

    #[test]
    fn an_incarnation_has_one_spelling() {
        // NAM-6
        let read = |line: &str| {
            parse_incarnation(format!("pluribus-mix incarnation 1\n{line}").as_bytes())
        };
        assert_eq!(read("0\n"), Ok(0));
        assert_eq!(read("18446744073709551615\n"), Ok(u64::MAX));
        for line in [
            "\n",
            "+1\n",
            "-1\n",
            "01\n",
            " 1\n",
            "1 \n",
            "0x1\n",
            "18446744073709551616\n",
        ] {
            assert_eq!(read(line), Err(TextError::Number), "{line:?}");
        }
        assert_eq!(read("1"), Err(TextError::Unended));
        assert_eq!(read("1\n1\n"), Err(TextError::Rest));
        assert_eq!(
            parse_incarnation(b"pluribus-mix incarnation 2\n1\n"),
            Err(TextError::Header)
        );
    }

    proptest! {
        /// NAM-6: a key written is the key read, in the form it had.
        #[test]
        fn keys_survive_their_text(seed: [u8; 32], expanded: bool) {
            let key = SigningKey::from_seed(&seed);
            let key = if expanded { SigningKey::from_expanded(&key.to_expanded()).ok().unwrap() } else { key };
            let again = parse(write(&key).as_bytes()).ok().unwrap();
            prop_assert_eq!(again.seed(), key.seed());
            prop_assert_eq!(again.to_expanded(), key.to_expanded());
        }

        /// NAM-6: a number written is the number read.
        #[test]
        fn incarnations_survive_their_text(number: u64) {
            prop_assert_eq!(parse_incarnation(write_incarnation(number).as_bytes()), Ok(number));
        }

        /// NAM-6: no text makes the reader stumble, and whatever is read is written back the same.
        #[test]
        fn one_text_per_key(line in "(seed|expanded) [0-9a-fA-F]{62,130}\n?") {
            let text = key(&line);
            if let Ok(parsed) = parse(text.as_bytes()) {
                prop_assert_eq!(&*write(&parsed), &text);
            }
        }
    }
}
