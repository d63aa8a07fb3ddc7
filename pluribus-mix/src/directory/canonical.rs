//! Documents with one spelling (DIR-1).
//!
//! A reader that takes what JSON allows takes many texts for one document: spaces, escapes, orders of keys, keys that
//! stand twice (and which one counts depends on the program), 1.0 for 1. Here a text is read leniently, by a library, and
//! then written again strictly; unless that gives the same bytes it is refused. So no lenience of the library can matter.

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Map, Value};

use super::{Refused, Wall};
use crate::id::RelayId;

/// Every JSON reader agrees on integers up to here.
const MOST: u64 = (1 << 53) - 1;
const DEEPEST: usize = 8;

/// Reads a document of at most `most` bytes, refusing whatever is not canonical.
pub(super) fn read(what: &'static str, bytes: &[u8], most: usize) -> Result<Fields, Refused> {
    let length = bytes.len();
    if length > most {
        return Err(Refused::TooLong {
            what,
            bytes: length,
            most,
        });
    }
    let value: Value = serde_json::from_slice(bytes).map_err(|_| Refused::NotJson { what })?;
    if !is_plain(&value, DEEPEST) || write(&value) != bytes {
        return Err(Refused::NotCanonical { what });
    }
    Fields::of(what, value)
}

/// The canonical form. What this program writes is plain, and [`read`] has checked what others do.
pub(super) fn write(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    append(value, &mut out);
    out
}

fn append(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Object(fields) => {
            // Sorted here: the order of the library's map hangs on a feature that any crate can switch on.
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| name.as_bytes());
            joined(b"{}", fields, out, |(name, value), out| {
                quote(name, out);
                out.push(b':');
                append(value, out);
            });
        }
        Value::Array(list) => joined(b"[]", list, out, append),
        Value::String(text) => quote(text, out),
        other => out.extend(other.to_string().as_bytes()),
    }
}

fn joined<T>(
    brackets: &[u8; 2],
    items: impl IntoIterator<Item = T>,
    out: &mut Vec<u8>,
    each: impl Fn(T, &mut Vec<u8>),
) {
    let [open, close] = *brackets;
    out.push(open);
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        each(item, out);
    }
    out.push(close);
}

fn quote(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend(text.as_bytes());
    out.push(b'"');
}

fn is_plain(value: &Value, depth: usize) -> bool {
    let Some(inside) = depth.checked_sub(1) else {
        return false;
    };
    match value {
        Value::Object(fields) => fields
            .iter()
            .all(|(name, value)| is_plain_text(name) && is_plain(value, inside)),
        Value::Array(list) => list.iter().all(|value| is_plain(value, inside)),
        Value::String(text) => is_plain_text(text),
        Value::Number(number) => number.as_u64().is_some_and(|number| number <= MOST),
        Value::Bool(_) | Value::Null => false,
    }
}

/// Nothing that would have to be escaped, and nothing that could be. (DIR-1)
pub(super) fn is_plain_text(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, 0x20..=0x7e) && byte != b'"' && byte != b'\\')
}

/// Bytes as a value.
pub(super) fn bytes(bytes: &[u8]) -> Value {
    BASE64URL_NOPAD.encode(bytes).into()
}

/// A name as a value.
pub(super) fn name(id: &RelayId) -> Value {
    id.to_string().into()
}

/// A document of these fields.
pub(super) fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let fields = fields.map(|(name, value)| (name.to_owned(), value));
    Value::Object(Map::from_iter(fields))
}

/// The fields of an object, taken out one by one; what is left at the end has no name in the chapter.
pub(super) struct Fields {
    pub(super) what: &'static str,
    fields: Map<String, Value>,
}

impl Fields {
    /// The fields of a value, which must be an object.
    pub(super) fn of(what: &'static str, value: Value) -> Result<Self, Refused> {
        match value {
            Value::Object(fields) => Ok(Self { what, fields }),
            _ => Err(Refused::Field {
                what,
                field: "the whole",
                must: "an object",
            }),
        }
    }

    /// Why a field is refused.
    pub(super) fn bad(&self, field: &'static str, must: &'static str) -> Refused {
        let what = self.what;
        Refused::Field { what, field, must }
    }

    /// A field that may be left out.
    pub(super) fn maybe(&mut self, field: &'static str) -> Option<Value> {
        self.fields.remove(field)
    }

    /// A field.
    pub(super) fn take(&mut self, field: &'static str) -> Result<Value, Refused> {
        let what = self.what;
        self.maybe(field).ok_or(Refused::Missing { what, field })
    }

    /// A field that is a number.
    pub(super) fn number(&mut self, field: &'static str) -> Result<u64, Refused> {
        let value = self.take(field)?;
        value.as_u64().ok_or_else(|| self.bad(field, "a number"))
    }

    /// A field that is a time.
    pub(super) fn time(&mut self, field: &'static str) -> Result<Wall, Refused> {
        self.number(field).map(Wall)
    }

    /// A field that is a string.
    pub(super) fn text(&mut self, field: &'static str) -> Result<String, Refused> {
        match self.take(field)? {
            Value::String(text) => Ok(text),
            _ => Err(self.bad(field, "a string")),
        }
    }

    /// A field that is a list.
    pub(super) fn list(&mut self, field: &'static str) -> Result<Vec<Value>, Refused> {
        match self.take(field)? {
            Value::Array(list) => Ok(list),
            _ => Err(self.bad(field, "a list")),
        }
    }

    /// A field that is N bytes.
    pub(super) fn bytes<const N: usize>(
        &mut self,
        field: &'static str,
        must: &'static str,
    ) -> Result<[u8; N], Refused> {
        let text = self.text(field)?;
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok();
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        bytes.ok_or_else(|| self.bad(field, must))
    }

    /// A field that is a signature.
    pub(super) fn signature(&mut self) -> Result<[u8; 64], Refused> {
        self.bytes("signature", "64 bytes in base64url")
    }

    /// A field that is the name of a relay or an authority.
    pub(super) fn name(&mut self, field: &'static str) -> Result<RelayId, Refused> {
        let text = self.text(field)?;
        as_name(&text).ok_or_else(|| self.bad(field, "the name of a relay"))
    }

    /// Refuses what was not taken.
    pub(super) fn end(self) -> Result<(), Refused> {
        let Some(field) = self.fields.keys().next() else {
            return Ok(());
        };
        Err(Refused::Unknown {
            what: self.what,
            field: field.chars().take(32).collect(),
        })
    }
}

/// A name in its one spelling.
pub(super) fn as_name(text: &str) -> Option<RelayId> {
    let id: RelayId = text.parse().ok()?;
    (id.to_string() == text).then_some(id)
}
