//! Licences of all dependencies, and one generation of the crypto stack; both work offline.
//!
//! The lists stand in `deny.toml`, where `cargo deny` reads the same ones. The project is
//! BSD-3-Clause and must combine with other permissive code, so nothing under the GPL or LGPL may
//! enter, not even as the one half of an AND.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A licence expression in the terms of SPDX.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Licence {
    /// One licence, `WITH` its exception if it has one.
    One(String),
    /// All of these bind.
    All(Vec<Self>),
    /// Any of these may be chosen.
    Any(Vec<Self>),
}

impl Licence {
    /// Reads an expression. A slash is an old way to write OR.
    pub fn parse(text: &str) -> Result<Self, String> {
        let spaced = text
            .replace('(', " ( ")
            .replace(')', " ) ")
            .replace('/', " OR ");
        let words: Vec<&str> = spaced.split_whitespace().collect();
        let mut reader = Reader { words: &words };
        let licence = reader.any()?;
        match reader.words.first() {
            None => Ok(licence),
            Some(word) => Err(format!("`{word}` stands where `{text}` should have ended")),
        }
    }

    /// Whether a choice can be made that these licences allow.
    pub fn is_allowed_by(&self, allowed: &BTreeSet<String>) -> bool {
        match self {
            Self::One(name) => allowed.contains(name),
            Self::All(parts) => parts.iter().all(|part| part.is_allowed_by(allowed)),
            Self::Any(parts) => parts.iter().any(|part| part.is_allowed_by(allowed)),
        }
    }
}

/// AND binds closer than OR, WITH closer than both.
struct Reader<'a> {
    words: &'a [&'a str],
}

impl Reader<'_> {
    fn any(&mut self) -> Result<Licence, String> {
        let mut parts = vec![self.all()?];
        while self.takes("OR") {
            parts.push(self.all()?);
        }
        Ok(alone(&mut parts).unwrap_or(Licence::Any(parts)))
    }

    fn all(&mut self) -> Result<Licence, String> {
        let mut parts = vec![self.one()?];
        while self.takes("AND") {
            parts.push(self.one()?);
        }
        Ok(alone(&mut parts).unwrap_or(Licence::All(parts)))
    }

    fn one(&mut self) -> Result<Licence, String> {
        if self.takes("(") {
            let inner = self.any()?;
            return if self.takes(")") {
                Ok(inner)
            } else {
                Err("`)` is missing".to_owned())
            };
        }
        let name = self.name()?;
        if self.takes("WITH") {
            return Ok(Licence::One(format!("{name} WITH {}", self.name()?)));
        }
        Ok(Licence::One(name))
    }

    fn name(&mut self) -> Result<String, String> {
        let (first, rest) = self
            .words
            .split_first()
            .ok_or("a licence is missing at the end")?;
        if ["AND", "OR", "WITH", "(", ")"].contains(first) {
            return Err(format!("`{first}` stands where a licence should"));
        }
        self.words = rest;
        Ok((*first).to_owned())
    }

    fn takes(&mut self, word: &str) -> bool {
        let rest = self
            .words
            .split_first()
            .filter(|(first, _)| **first == word);
        self.words = rest.map_or(self.words, |(_, rest)| rest);
        rest.is_some()
    }
}

fn alone(parts: &mut Vec<Licence>) -> Option<Licence> {
    if parts.len() == 1 { parts.pop() } else { None }
}

/// Names each package of `cargo metadata` whose licence is not among the allowed ones.
pub fn refused(metadata: &Value, allowed: &BTreeSet<String>) -> Result<Vec<String>, String> {
    let packages = metadata.get("packages").and_then(Value::as_array);
    let packages = packages
        .filter(|list| !list.is_empty())
        .ok_or("the metadata has no packages")?;
    Ok(packages
        .iter()
        .filter_map(|package| objection(package, allowed))
        .collect())
}

fn objection(package: &Value, allowed: &BTreeSet<String>) -> Option<String> {
    let field = |name| package.get(name).and_then(Value::as_str);
    let name = format!(
        "{} {}",
        field("name").unwrap_or("?"),
        field("version").unwrap_or("?")
    );
    let Some(text) = field("license") else {
        return Some(format!("{name} states no licence"));
    };
    match Licence::parse(text) {
        Ok(licence) if licence.is_allowed_by(allowed) => None,
        Ok(_) => Some(format!(
            "{name} is under {text}, which deny.toml does not allow"
        )),
        Err(error) => Some(format!("{name} has a licence that cannot be read: {error}")),
    }
}

/// The licences that `deny.toml` allows: the strings of `allow` under `[licenses]`.
pub fn allowed(deny: &str) -> Result<BTreeSet<String>, String> {
    let list = array(deny, "[licenses]", "allow").ok_or("deny.toml has no list of licences")?;
    Ok(strings(&list).map(str::to_owned).collect())
}

/// The crates that `deny.toml` wants in one version only: those under `[bans]` so marked.
pub fn once(deny: &str) -> Result<BTreeSet<String>, String> {
    let list = array(deny, "[bans]", "deny").ok_or("deny.toml has no list of bans")?;
    let marked = list
        .lines()
        .filter(|line| line.contains("deny-multiple-versions = true"));
    Ok(marked
        .filter_map(|line| strings(line).next())
        .map(str::to_owned)
        .collect())
}

/// The lines of an array that is closed by a bracket at the head of a line; comments left out.
fn array(text: &str, table: &str, key: &str) -> Option<String> {
    let mut lines = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim_end());
    lines.by_ref().find(|line| *line == table)?;
    let opening = format!("{key} = [");
    let mut section = lines.take_while(|line| !line.starts_with('['));
    section.by_ref().find(|line| *line == opening)?;
    Some(
        section
            .take_while(|line| *line != "]")
            .map(|line| format!("{line}\n"))
            .collect(),
    )
}

fn strings(text: &str) -> impl Iterator<Item = &str> {
    text.split('"').skip(1).step_by(2)
}

/// The crates of this list that a `Cargo.lock` holds in more than one version.
pub fn doubled(lock: &str, once: &BTreeSet<String>) -> Vec<String> {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in lock.split("[[package]]").skip(1) {
        let value = |key: &str| package.lines().find_map(|line| line.strip_prefix(key));
        if let (Some(name), Some(version)) = (value("name = "), value("version = ")) {
            versions
                .entry(name.trim_matches('"'))
                .or_default()
                .insert(version.trim_matches('"'));
        }
    }
    versions.retain(|name, versions| once.contains(*name) && versions.len() > 1);
    let told = |(name, versions): (&str, BTreeSet<&str>)| {
        format!(
            "{name}: {}",
            versions.into_iter().collect::<Vec<_>>().join(", ")
        )
    };
    versions.into_iter().map(told).collect()
}
