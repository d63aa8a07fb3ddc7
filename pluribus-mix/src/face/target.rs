//! Where a program wants to go.

use core::fmt;
use core::net::IpAddr;
use core::num::NonZeroU16;

use thiserror::Error;

use crate::id::{NameError, VatId};
use crate::locator::{BadHost, Host};

/// The endings that name a vat.
const VATS: [&str; 2] = ["mix", "onion"];

/// Where a program wants to go. (FAC-2, FAC-3)
#[derive(Clone, PartialEq, Eq)]
pub enum Target {
    /// A host of the internet, through an exit.
    Host(Host, NonZeroU16),
    /// A vat.
    Vat(VatId, NonZeroU16),
}

/// Why a text names no target. (FAC-2, FAC-3)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TargetFault {
    /// Neither a name nor an address.
    #[error(transparent)]
    Host(#[from] BadHost),
    /// It ends as the name of a vat, and is none.
    #[error("in front of .mix or .onion stands no vat: {0}")]
    Vat(#[from] NameError),
}

impl Target {
    /// Reads a host as programs write it. In front of the vat's label others may stand; they say nothing.
    ///
    /// # Errors
    /// See [`TargetFault`].
    pub fn named(host: &str, port: NonZeroU16) -> Result<Self, TargetFault> {
        let host = Host::asked_for(host)?;
        let Host::Name(name) = &host else {
            return Ok(Self::Host(host, port));
        };
        let mut labels = name.rsplit('.');
        if !labels.next().is_some_and(|last| VATS.contains(&last)) {
            return Ok(Self::Host(host, port));
        }
        let vat = labels.next().unwrap_or_default().parse()?;
        Ok(Self::Vat(vat, port))
    }

    /// An address.
    #[must_use]
    pub fn at(ip: IpAddr, port: NonZeroU16) -> Self {
        Self::Host(ip.into(), port)
    }
}

impl fmt::Debug for Target {
    /// Only of what kind it is: where somebody goes is not for logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host(..) => "Target::Host(..)",
            Self::Vat(..) => "Target::Vat(..)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VAT: &str = "25njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhkenl5sid";
    const PORT: NonZeroU16 = NonZeroU16::new(80).unwrap();

    /// FAC-3
    #[test]
    fn a_vat_is_known_by_its_ending() {
        let vat = Target::Vat(VAT.parse().unwrap(), PORT);
        for text in [
            format!("{VAT}.mix"),
            format!("{VAT}.onion"),
            format!("{VAT}.Onion."),
            format!("www.{}.MIX", VAT.to_uppercase()),
        ] {
            assert!(Target::named(&text, PORT) == Ok(vat.clone()), "{text}");
        }
        for text in ["onion.example", "mix.example", "a.mixx"] {
            let host = Host::Name(text.to_owned());
            assert!(Target::named(text, PORT) == Ok(Target::Host(host, PORT)));
        }
    }

    /// FAC-3: a slip in a vat's name is told, and never goes to a resolver.
    #[test]
    fn a_name_that_ends_as_a_vats_is_a_vats_or_none() {
        let slip = VAT.replace('n', "o");
        for (text, fault) in [
            ("mix".to_owned(), NameError::Length(0)),
            ("example.mix".to_owned(), NameError::Length(7)),
            (format!("{slip}.onion"), NameError::Checksum),
            (format!("{VAT}.www.mix"), NameError::Length(3)),
        ] {
            assert_eq!(Target::named(&text, PORT), Err(TargetFault::Vat(fault)));
        }
        assert_eq!(Target::named("", PORT), Err(TargetFault::Host(BadHost)));
    }

    /// FAC-8
    #[test]
    fn a_target_is_not_printed() {
        let target = Target::named("secret.example", PORT).unwrap();
        assert_eq!(format!("{target:?}"), "Target::Host(..)");
    }
}
