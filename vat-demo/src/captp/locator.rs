//! Where a peer is found, and where an object is: as records on the wire and as URIs on paper.
//!
//! A designator and a transport say who a peer is; hints only help to find it. So hints never take part when two peers are
//! compared. But they are signed, so they are kept exactly as they came: even `f` and an empty dictionary are told apart.

use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::str::FromStr;
use std::collections::BTreeMap;

use data_encoding::BASE64URL_NOPAD;
use thiserror::Error;

use super::syrup::{DecodeError, Fault, Reader, Writer};

const SCHEME: &str = "ocapn://";

/// Where a peer is found. Two are equal if transport and designator are. (CAP-5, CAP-6)
#[derive(Clone, Debug)]
pub struct Peer {
    /// The name of the transport, without a dot.
    pub transport: String,
    /// Who it is, in the words of the transport.
    pub designator: String,
    /// What helps to find it. None and empty are told apart on the wire, and nowhere else.
    pub hints: Option<BTreeMap<String, String>>,
}

/// Where an object is found, and the secret that opens it. (CAP-5, CAP-6)
///
/// Who has it has the object, so it has no `Debug` that shows the secret. Its `Display` is its URI, with the secret.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sturdyref {
    /// The peer that has the object.
    pub peer: Peer,
    /// The secret.
    pub swissnum: Vec<u8>,
}

/// Why a text is not the URI of a peer or of an object. (CAP-6)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadUri {
    /// It does not begin with `ocapn://`.
    #[error("the URI does not begin with ocapn://")]
    Scheme,
    /// The part before the dot is empty or has a character that must be encoded.
    #[error("the URI has a bad designator")]
    Designator,
    /// There is no name of a transport behind the last dot.
    #[error("the URI has a bad transport")]
    Transport,
    /// A path where there must be none, or not `/s/` and a swissnum.
    #[error("the URI has a bad path")]
    Path,
    /// The swissnum is not canonical base64url without padding, or empty.
    #[error("the URI has a bad swissnum")]
    Swissnum,
    /// A hint is malformed or stands twice.
    #[error("the URI has bad hints")]
    Hints,
}

/// A URI cut at its delimiters.
struct Pieces<'a> {
    authority: &'a str,
    path: Option<&'a str>,
    query: Option<&'a str>,
}

impl Peer {
    /// Reads the URI of a peer. (CAP-6)
    ///
    /// # Errors
    /// [`BadUri`] names the part that is wrong.
    pub fn parse(uri: &str) -> Result<Self, BadUri> {
        let pieces = Pieces::cut(uri)?;
        if pieces.path.is_some() {
            return Err(BadUri::Path);
        }
        pieces.peer()
    }

    /// Writes the record. (CAP-5)
    pub(crate) fn write(&self, to: &mut Writer<'_>) {
        to.record("ocapn-peer");
        to.symbol(&self.transport);
        to.text(&self.designator);
        match &self.hints {
            None => to.bool(false),
            Some(hints) => write_hints(hints, to),
        }
        to.end_record();
    }

    /// Reads the record. (CAP-5)
    pub(crate) fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        from.this_record("ocapn-peer")?;
        let start = from.at();
        let transport = from.symbol()?;
        if transport.is_empty() || transport.contains('.') {
            return Err(from.error_at(start, Fault::Transport));
        }
        let peer = Self {
            transport: transport.to_owned(),
            designator: from.text()?.to_owned(),
            hints: read_hints(from)?,
        };
        from.end_record()?;
        Ok(peer)
    }

    fn identity(&self) -> (&str, &str) {
        (&self.transport, &self.designator)
    }

    fn write_authority(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SCHEME)?;
        write_escaped(f, &self.designator, is_unreserved)?;
        f.write_str(".")?;
        write_escaped(f, &self.transport, is_unreserved)
    }

    fn write_query(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hints = self.hints.iter().flatten();
        for (number, (name, value)) in hints.enumerate() {
            f.write_str(if number == 0 { "?" } else { "&" })?;
            write_escaped(f, name, is_unreserved)?;
            f.write_str("=")?;
            write_escaped(f, value, is_plain_in_value)?;
        }
        Ok(())
    }
}

fn write_hints(hints: &BTreeMap<String, String>, to: &mut Writer<'_>) {
    to.dict();
    let mut sorted: Vec<_> = hints.iter().collect();
    sorted.sort_by(|(one, _), (two, _)| Writer::text_order(one, two));
    for (name, value) in sorted {
        to.text(name);
        to.text(value);
    }
    to.end_dict();
}

fn read_hints(from: &mut Reader<'_>) -> Result<Option<BTreeMap<String, String>>, DecodeError> {
    if from.no() {
        return Ok(None);
    }
    let mut hints = BTreeMap::new();
    from.dict(|name, from| {
        hints.insert(name.to_owned(), from.text()?.to_owned());
        Ok(())
    })?;
    Ok(Some(hints))
}

impl PartialEq for Peer {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for Peer {}

impl Ord for Peer {
    fn cmp(&self, other: &Self) -> Ordering {
        self.identity().cmp(&other.identity())
    }
}

impl PartialOrd for Peer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for Peer {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_authority(f)?;
        self.write_query(f)
    }
}

impl FromStr for Peer {
    type Err = BadUri;

    fn from_str(uri: &str) -> Result<Self, BadUri> {
        Self::parse(uri)
    }
}

impl Sturdyref {
    /// The bytes it takes beyond its own size.
    pub(crate) fn weight(&self) -> usize {
        let hints = self.peer.hints.iter().flatten();
        let hints = hints.map(|(name, value)| 2 * size_of::<String>() + name.len() + value.len());
        let words = self.peer.transport.len() + self.peer.designator.len();
        words + self.swissnum.len() + hints.sum::<usize>()
    }

    /// Reads the URI of an object. (CAP-6)
    ///
    /// # Errors
    /// [`BadUri`] names the part that is wrong.
    pub fn parse(uri: &str) -> Result<Self, BadUri> {
        let pieces = Pieces::cut(uri)?;
        let swissnum = pieces.path.and_then(|path| path.strip_prefix("s/"));
        let swissnum = swissnum.ok_or(BadUri::Path)?;
        let swissnum = BASE64URL_NOPAD.decode(swissnum.as_bytes());
        let swissnum = swissnum.map_err(|_| BadUri::Swissnum)?;
        if swissnum.is_empty() {
            return Err(BadUri::Swissnum);
        }
        Ok(Self {
            peer: pieces.peer()?,
            swissnum,
        })
    }

    /// Writes the record. (CAP-5)
    pub(crate) fn write(&self, to: &mut Writer<'_>) {
        to.record("ocapn-sturdyref");
        self.peer.write(to);
        to.bytes(&self.swissnum);
        to.end_record();
    }

    /// Reads what stands behind the record's label, but not its end. (CAP-5)
    pub(crate) fn read_behind_label(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            peer: Peer::read(from)?,
            swissnum: from.bytes()?.to_vec(),
        })
    }
}

impl fmt::Debug for Sturdyref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sturdyref({}, …)", self.peer)
    }
}

impl fmt::Display for Sturdyref {
    /// Writes the URI. This is the secret itself.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.peer.write_authority(f)?;
        write!(f, "/s/{}", BASE64URL_NOPAD.encode_display(&self.swissnum))?;
        self.peer.write_query(f)
    }
}

impl FromStr for Sturdyref {
    type Err = BadUri;

    fn from_str(uri: &str) -> Result<Self, BadUri> {
        Self::parse(uri)
    }
}

impl<'a> Pieces<'a> {
    fn cut(uri: &'a str) -> Result<Self, BadUri> {
        let rest = uri.strip_prefix(SCHEME).ok_or(BadUri::Scheme)?;
        let (rest, query) = cut_off(rest, '?');
        let (authority, path) = cut_off(rest, '/');
        Ok(Self {
            authority,
            path,
            query,
        })
    }

    fn peer(&self) -> Result<Peer, BadUri> {
        let (designator, transport) = self.authority.rsplit_once('.').ok_or(BadUri::Transport)?;
        let designator = unescaped(designator, is_plain_in_name).ok_or(BadUri::Designator)?;
        let transport = unescaped(transport, is_plain_in_name).ok_or(BadUri::Transport)?;
        if transport.is_empty() || transport.contains('.') {
            return Err(BadUri::Transport);
        }
        if designator.is_empty() {
            return Err(BadUri::Designator);
        }
        Ok(Peer {
            transport,
            designator,
            hints: self.query.map(hints).transpose()?,
        })
    }
}

fn hints(query: &str) -> Result<BTreeMap<String, String>, BadUri> {
    let mut hints = BTreeMap::new();
    for hint in query.split('&') {
        let (name, value) = hint.split_once('=').ok_or(BadUri::Hints)?;
        let name = unescaped(name, is_plain_in_query).ok_or(BadUri::Hints)?;
        let value = unescaped(value, is_plain_in_query).ok_or(BadUri::Hints)?;
        if name.is_empty() || hints.insert(name, value).is_some() {
            return Err(BadUri::Hints);
        }
    }
    Ok(hints)
}

fn cut_off(text: &str, delimiter: char) -> (&str, Option<&str>) {
    text.split_once(delimiter)
        .map_or((text, None), |(before, behind)| (before, Some(behind)))
}

/// RFC 3986: characters that never need to be encoded.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// What is written as it is in a value: as NAM-7 has it for our own locators.
fn is_plain_in_value(byte: u8) -> bool {
    is_unreserved(byte) || b":/[]".contains(&byte)
}

/// What is read as it is in a designator or transport.
fn is_plain_in_name(byte: u8) -> bool {
    is_unreserved(byte) || b"!$'()*,;=".contains(&byte)
}

/// What is read as it is in a hint. Some take `+` for a space and some for itself, so it is refused.
fn is_plain_in_query(byte: u8) -> bool {
    is_plain_in_name(byte) || b":@/?[]".contains(&byte)
}

fn write_escaped(
    f: &mut fmt::Formatter<'_>,
    text: &str,
    is_plain: impl Fn(u8) -> bool,
) -> fmt::Result {
    for byte in text.bytes() {
        if is_plain(byte) {
            write!(f, "{}", char::from(byte))?;
        } else {
            write!(f, "%{byte:02X}")?;
        }
    }
    Ok(())
}

/// The text, with what is encoded in it decoded.
fn unescaped(text: &str, is_plain: impl Fn(u8) -> bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        if *first == b'%' {
            let (digits, behind) = rest.split_first_chunk::<2>()?;
            let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
            bytes.push(u8::try_from(high? << 4 | low?).ok()?);
            rest = behind;
        } else if is_plain(*first) {
            bytes.push(*first);
        } else {
            return None;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests;
