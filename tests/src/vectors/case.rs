//! Cases, and what has been read of them.
//!
//! A case remembers which of its fields nobody has asked for: a value that is never compared proves nothing.

use super::Wrong;
use data_encoding::HEXLOWER_PERMISSIVE;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// One case of a file of vectors.
#[derive(Debug)]
pub struct Case {
    name: String,
    fields: Map<String, Value>,
    unread: Mutex<BTreeSet<String>>,
}

impl Case {
    /// The case that a JSON object holds.
    ///
    /// # Errors
    /// If it is no object or has no name.
    pub fn new(value: &Value) -> Result<Self, Wrong> {
        let fields = value.as_object().ok_or(Wrong::new("a case is no object"))?;
        let name = fields.get("name").and_then(Value::as_str);
        let mut unread = BTreeSet::new();
        leaves(value, "", &mut unread);
        unread.retain(|path| !["name", "kind", "clauses"].contains(&path.as_str()));
        Ok(Self {
            name: name.ok_or(Wrong::new("a case has no name"))?.to_owned(),
            fields: fields.clone(),
            unread: Mutex::new(unread),
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its kind; empty in files of one kind.
    pub fn kind(&self) -> &str {
        self.fields
            .get("kind")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// The clauses it tests.
    pub fn clauses(&self) -> Vec<&str> {
        let clauses = self.fields.get("clauses").and_then(Value::as_array);
        clauses
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    }

    /// All its fields.
    pub fn fields(&self) -> Fields<'_> {
        Fields {
            case: self,
            path: String::new(),
            map: &self.fields,
        }
    }

    /// The fields that nobody has asked for so far.
    pub fn unread(&self) -> Vec<String> {
        let unread = self.unread.lock().unwrap_or_else(PoisonError::into_inner);
        unread.iter().cloned().collect()
    }

    fn mark(&self, path: &str) {
        let mut unread = self.unread.lock().unwrap_or_else(PoisonError::into_inner);
        unread.remove(path);
    }
}

/// The paths of all values that are no objects; elements of a list share theirs.
fn leaves(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => map
            .iter()
            .for_each(|(name, value)| leaves(value, &joined(path, name), found)),
        Value::Array(list) if list.iter().any(Value::is_object) => {
            list.iter().for_each(|value| leaves(value, path, found));
        }
        _ => {
            found.insert(path.to_owned());
        }
    }
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// The fields of a case or of an object in it.
#[derive(Clone, Debug)]
pub struct Fields<'c> {
    case: &'c Case,
    path: String,
    map: &'c Map<String, Value>,
}

impl<'c> Fields<'c> {
    /// The names of the fields.
    pub fn names(&self) -> impl Iterator<Item = &'c str> {
        self.map.keys().map(String::as_str)
    }

    /// Whether there is such a field, and it is not null.
    pub fn has(&self, name: &str) -> bool {
        let there = self.map.get(name).is_some_and(|value| !value.is_null());
        if !there {
            self.case.mark(&joined(&self.path, name));
        }
        there
    }

    fn value(&self, name: &str) -> Result<&'c Value, Wrong> {
        let path = joined(&self.path, name);
        self.case.mark(&path);
        let value = self.map.get(name);
        value.ok_or_else(|| Wrong::new(format!("there is no {path}")))
    }

    fn is_no(&self, name: &str, what: &str) -> Wrong {
        Wrong::new(format!("{} is no {what}", joined(&self.path, name)))
    }

    /// A text.
    ///
    /// # Errors
    /// If there is no such field, or it holds something else; so with all that follow.
    pub fn text(&self, name: &str) -> Result<&'c str, Wrong> {
        let text = self.value(name)?.as_str();
        text.ok_or_else(|| self.is_no(name, "text"))
    }

    /// Texts.
    pub fn texts(&self, name: &str) -> Result<Vec<&'c str>, Wrong> {
        let list = self.value(name)?.as_array();
        let texts = list.map(|list| list.iter().map(Value::as_str).collect());
        texts.flatten().ok_or_else(|| self.is_no(name, "texts"))
    }

    /// Bytes.
    pub fn bytes(&self, name: &str) -> Result<Vec<u8>, Wrong> {
        let bytes = HEXLOWER_PERMISSIVE.decode(self.text(name)?.as_bytes());
        bytes.map_err(|_| self.is_no(name, "bytes"))
    }

    /// Strings of bytes.
    pub fn byte_strings(&self, name: &str) -> Result<Vec<Vec<u8>>, Wrong> {
        let texts = self.texts(name)?.into_iter();
        let strings = texts.map(|text| HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok());
        let strings: Option<_> = strings.collect();
        strings.ok_or_else(|| self.is_no(name, "bytes"))
    }

    /// So many bytes.
    pub fn array<const N: usize>(&self, name: &str) -> Result<[u8; N], Wrong> {
        let bytes = self.bytes(name)?.try_into();
        bytes.map_err(|_| self.is_no(name, &format!("{N} bytes")))
    }

    /// A number of the wire: 16 digits.
    pub fn u64(&self, name: &str) -> Result<u64, Wrong> {
        self.array(name).map(u64::from_be_bytes)
    }

    /// Numbers of the wire.
    pub fn u64s(&self, name: &str) -> Result<Vec<u64>, Wrong> {
        let strings = self.byte_strings(name)?.into_iter();
        let numbers = strings.map(|bytes| bytes.try_into().ok().map(u64::from_be_bytes));
        let numbers: Option<_> = numbers.collect();
        numbers.ok_or_else(|| self.is_no(name, "numbers"))
    }

    /// A JSON number.
    pub fn number(&self, name: &str) -> Result<usize, Wrong> {
        let number = self
            .value(name)?
            .as_u64()
            .and_then(|n| usize::try_from(n).ok());
        number.ok_or_else(|| self.is_no(name, "number"))
    }

    /// A JSON number of a type of one's choice.
    pub fn small<T: TryFrom<usize>>(&self, name: &str) -> Result<T, Wrong> {
        let number = T::try_from(self.number(name)?);
        number.map_err(|_| self.is_no(name, "number so small"))
    }

    /// JSON numbers of a type of one's choice.
    pub fn numbers<T: TryFrom<u64>>(&self, name: &str) -> Result<Vec<T>, Wrong> {
        let list = self.value(name)?.as_array();
        let number = |value: &Value| value.as_u64().and_then(|n| T::try_from(n).ok());
        let numbers = list.map(|list| list.iter().map(number).collect());
        numbers.flatten().ok_or_else(|| self.is_no(name, "numbers"))
    }

    /// Yes or no.
    pub fn bool(&self, name: &str) -> Result<bool, Wrong> {
        let bool = self.value(name)?.as_bool();
        bool.ok_or_else(|| self.is_no(name, "bool"))
    }

    /// Pairs of texts.
    pub fn pairs(&self, name: &str) -> Result<Vec<(&'c str, &'c str)>, Wrong> {
        let list = self.value(name)?.as_array();
        let pair = |value: &'c Value| match value.as_array()?.as_slice() {
            [one, other] => Some((one.as_str()?, other.as_str()?)),
            _ => None,
        };
        let pairs = list.map(|list| list.iter().map(pair).collect());
        pairs.flatten().ok_or_else(|| self.is_no(name, "pairs"))
    }

    /// Pairs of JSON numbers of a type of one's choice.
    pub fn number_pairs<T: TryFrom<u64>>(&self, name: &str) -> Result<Vec<(T, T)>, Wrong> {
        let list = self.value(name)?.as_array();
        let number = |value: &Value| value.as_u64().and_then(|n| T::try_from(n).ok());
        let pair = |value: &Value| match value.as_array()?.as_slice() {
            [one, other] => Some((number(one)?, number(other)?)),
            _ => None,
        };
        let pairs = list.map(|list| list.iter().map(pair).collect());
        pairs.flatten().ok_or_else(|| self.is_no(name, "pairs"))
    }

    /// The fields of an object.
    pub fn object(&self, name: &str) -> Result<Self, Wrong> {
        let map = self.value(name)?.as_object();
        let map = map.ok_or_else(|| self.is_no(name, "object"))?;
        Ok(self.inner(name, map))
    }

    /// The fields of each object in a list.
    pub fn objects(&self, name: &str) -> Result<Vec<Self>, Wrong> {
        let list = self.value(name)?.as_array();
        let object = |value: &'c Value| value.as_object().map(|map| self.inner(name, map));
        let objects = list.map(|list| list.iter().map(object).collect());
        objects.flatten().ok_or_else(|| self.is_no(name, "objects"))
    }

    fn inner(&self, name: &str, map: &'c Map<String, Value>) -> Self {
        Self {
            case: self.case,
            path: joined(&self.path, name),
            map,
        }
    }
}
