//! An introduction in the hints of a locator, as a runtime hands it over. (RDV-6)
//!
//! A hint's value has at most 255 bytes and an introduction up to 1034 characters of base64url, so it stands in up to five
//! hints, `ticket1` to `ticket5`.

use data_encoding::BASE64URL_NOPAD;
use zeroize::Zeroizing;

use super::ticket::Promised;
use super::{Introduction, Refused};
use crate::locator::{Hints, LocatorError};
use crate::wire::{DecodeError, Fault};

/// The names of the hints, in order.
const NAMES: [&str; 5] = ["ticket1", "ticket2", "ticket3", "ticket4", "ticket5"];
/// The most characters in one of them. (NAM-7)
const PIECE: usize = 255;

impl Introduction {
    /// The hints that say this introduction: names and values, each value to be put into a locator as it is. (RDV-6)
    #[must_use]
    pub fn to_hints(&self) -> Vec<(&'static str, Zeroizing<String>)> {
        let text = Zeroizing::new(BASE64URL_NOPAD.encode(&self.to_bytes()));
        let pieces = text.as_bytes().chunks(PIECE);
        let pieces =
            pieces.map(|piece| Zeroizing::new(String::from_utf8_lossy(piece).into_owned()));
        NAMES.into_iter().zip(pieces).collect()
    }

    /// The same, as the hints of a locator.
    ///
    /// # Errors
    /// None: what [`Introduction::to_hints`] gives are hints.
    pub fn hints(&self) -> Result<Hints, LocatorError> {
        let all = self.to_hints();
        all.iter()
            .try_fold(Hints::default(), |hints, (name, value)| {
                hints.with(name, value)
            })
    }

    /// The introduction in the hints of a locator, if there is one. (RDV-6)
    ///
    /// # Errors
    /// If there is something that is none, or that does not keep what was promised.
    pub fn from_hints(hints: &Hints, promised: &Promised) -> Result<Option<Self>, Refused> {
        let wrong = || DecodeError::new("hints", Fault::OutOfRange);
        let values = NAMES.map(|name| hints.value(name));
        let count = values.iter().take_while(|value| value.is_some()).count();
        let text = Zeroizing::new(values.into_iter().flatten().collect::<String>());
        let Some(last) = count.checked_sub(1) else {
            let stray = values.iter().any(Option::is_some);
            return if stray { Err(wrong().into()) } else { Ok(None) };
        };
        // One spelling: no name left out, and every piece full but the last.
        let gap = values.iter().skip(count).any(Option::is_some);
        let full = text.len() > last * PIECE && text.len() <= count * PIECE;
        let short = values
            .iter()
            .take(last)
            .flatten()
            .any(|it| it.len() != PIECE);
        if gap || !full || short {
            return Err(wrong().into());
        }
        let bytes = BASE64URL_NOPAD
            .decode(text.as_bytes())
            .map_err(|_| wrong())?;
        Self::parse(&Zeroizing::new(bytes), promised).map(Some)
    }
}
