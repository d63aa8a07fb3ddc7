//! TOML files, and what is wrong with them: in one line, with file and line.

use std::fmt::Display;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use pluribus_mix::locator::Locator;
use pluribus_mix::net::Store;
use pluribus_mix::net::directory::Network;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};

use crate::cli::Failure;

/// Reads a settings file. Whatever is wrong with its content makes no sense to try: code 2.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    let text = fs::read_to_string(path);
    let text = text.map_err(|error| Failure::failed(format!("{}: {error}", path.display())))?;
    parse(&text).map_err(|(line, wrong)| {
        Failure::usage(format!("{}, line {line}: {wrong}", path.display()))
    })
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, (usize, String)> {
    toml::from_str(text).map_err(|error: toml::de::Error| {
        let at = error.span().map_or(0, |span| span.start);
        let before = text.bytes().take(at).filter(|byte| *byte == b'\n');
        let words = error.message().lines().map(str::trim);
        (before.count() + 1, words.collect::<Vec<_>>().join(" "))
    })
}

/// A text that means a `T`.
#[derive(Clone, Debug)]
pub(super) struct Text<T>(pub(super) T);

impl<'de, T> Deserialize<'de> for Text<T>
where
    T: FromStr,
    T::Err: Display,
{
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let read = text.parse().map(Self);
        read.map_err(|wrong| D::Error::custom(format!("{text}: {wrong}")))
    }
}

/// The section `[network]`, the same for all.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NetworkSection {
    authorities: Vec<Text<Locator>>,
    threshold: Option<usize>,
}

impl NetworkSection {
    pub(super) fn network(self) -> Result<Network, Failure> {
        let locators: Vec<_> = self.authorities.into_iter().map(|it| it.0).collect();
        let majority = locators.len() / 2 + 1;
        let network = Network::new(locators, self.threshold.unwrap_or(majority));
        network.map_err(|why| Failure::usage(format!("[network]: {why}")))
    }
}

/// Paths in a file are meant from where it lies.
pub(super) struct Base(PathBuf);

impl Base {
    pub(super) fn of(file: &Path) -> Self {
        Self(file.parent().unwrap_or(Path::new("")).to_owned())
    }

    /// Where the program was started.
    pub(super) fn here() -> Self {
        Self(PathBuf::new())
    }

    pub(super) fn path(&self, named: &Path) -> PathBuf {
        self.0.join(named)
    }

    pub(super) fn store(&self, named: &Path) -> Result<Store, Failure> {
        Store::open(&self.path(named)).map_err(Failure::failed)
    }
}

/// Where programs knock: an address, or `unix:` and a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Knock {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl FromStr for Knock {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        if let Some(path) = text.strip_prefix("unix:") {
            return Ok(Self::Unix(path.into()));
        }
        let at = text.parse().map(Self::Tcp);
        at.map_err(|_| "neither ADDRESS:PORT nor unix:PATH")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Settings {
        #[allow(dead_code)]
        listen: Text<SocketAddr>,
        #[allow(dead_code)]
        weight: Option<u32>,
    }

    fn wrong(text: &str) -> String {
        let (line, wrong) = parse::<Settings>(text).unwrap_err();
        assert!(!wrong.contains('\n'), "{wrong}");
        format!("{line}: {wrong}")
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let unknown = wrong("listen = \"192.0.2.1:1\"\n\nwieght = 3\n");
        assert!(unknown.starts_with("3: "), "{unknown}");
        assert!(unknown.contains("wieght"), "{unknown}");
        let missing = wrong("weight = 3\n");
        assert!(missing.contains("listen"), "{missing}");
        let text = wrong("# where\nlisten = \"nowhere\"\n");
        assert!(text.starts_with("2: nowhere"), "{text}");
        let number = wrong("listen = \"192.0.2.1:1\"\nweight = -1\n");
        assert!(number.starts_with("2: "), "{number}");
        assert!(wrong("listen = \n").starts_with("1: "));
    }

    #[test]
    fn a_door_is_an_address_or_a_path() {
        assert_eq!(
            "127.0.0.1:9050".parse(),
            Ok(Knock::Tcp("127.0.0.1:9050".parse().unwrap()))
        );
        assert_eq!("unix:a/b".parse(), Ok(Knock::Unix("a/b".into())));
        assert!("a/b".parse::<Knock>().is_err());
    }
}
