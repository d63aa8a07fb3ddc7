//! A whole value as a tree, whatever it is.

use thiserror::Error;

use super::{DecodeError, EncodeError, Fault, Int, Kind, Reader, Writer};

/// A value of Syrup. What can be borrowed from the message is.
#[derive(Clone, Debug, PartialEq)]
pub enum Term<'a> {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(Int),
    /// A double.
    Float(f64),
    /// Bytes.
    Bytes(&'a [u8]),
    /// Text.
    Text(&'a str),
    /// A symbol.
    Symbol(&'a str),
    /// Values in a row.
    List(Vec<Self>),
    /// Values by key.
    Dict(Dict<'a>),
    /// Values without order.
    Set(Set<'a>),
    /// A label, and the fields that it speaks of.
    Record(Box<Self>, Vec<Self>),
}

/// A dictionary: its keys are in order, and none stands twice. (CAP-2)
#[derive(Clone, Debug, PartialEq)]
pub struct Dict<'a>(Vec<(Term<'a>, Term<'a>)>);

/// A set: its members are in order, and none stands twice. (CAP-2)
#[derive(Clone, Debug, PartialEq)]
pub struct Set<'a>(Vec<Term<'a>>);

/// Two keys or two members were the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the same twice")]
pub struct TwiceTheSame;

impl<'a> Dict<'a> {
    /// A dictionary of these keys and values.
    ///
    /// # Errors
    /// If a key stands twice.
    pub fn new(entries: Vec<(Term<'a>, Term<'a>)>) -> Result<Self, TwiceTheSame> {
        sorted(entries, |(key, _)| key).map(Self)
    }

    /// Keys and values, in order.
    #[must_use]
    pub fn entries(&self) -> &[(Term<'a>, Term<'a>)] {
        &self.0
    }
}

impl<'a> Set<'a> {
    /// A set of these members.
    ///
    /// # Errors
    /// If one stands twice.
    pub fn new(members: Vec<Term<'a>>) -> Result<Self, TwiceTheSame> {
        sorted(members, |member| member).map(Self)
    }

    /// The members, in order.
    #[must_use]
    pub fn members(&self) -> &[Term<'a>] {
        &self.0
    }
}

impl<'a> Term<'a> {
    /// Reads one value and nothing behind it.
    ///
    /// # Errors
    /// What a [`Reader`] says.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes)?;
        let term = Self::read(&mut reader)?;
        reader.finish()?;
        Ok(term)
    }

    /// Writes the value behind what is in `out`.
    ///
    /// # Errors
    /// If a peer would refuse it.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let mut writer = Writer::new(out);
        self.write(&mut writer);
        writer.finish()
    }

    fn read(from: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(match from.kind()? {
            Kind::Bool => Self::Bool(from.bool()?),
            Kind::Int => Self::Int(from.int()?),
            Kind::Float => Self::Float(from.float()?),
            Kind::Bytes => Self::Bytes(from.bytes()?),
            Kind::Text => Self::Text(from.text()?),
            Kind::Symbol => Self::Symbol(from.symbol()?),
            Kind::List => Self::read_list(from)?,
            Kind::Dict => Self::Dict(Dict::read(from)?),
            Kind::Set => Self::Set(Set::read(from)?),
            Kind::Record => Self::read_record(from)?,
        })
    }

    fn read_list(from: &mut Reader<'a>) -> Result<Self, DecodeError> {
        from.list()?;
        let mut items = Vec::new();
        while !from.list_ends()? {
            items.push(Self::read(from)?);
        }
        Ok(Self::List(items))
    }

    fn read_record(from: &mut Reader<'a>) -> Result<Self, DecodeError> {
        from.open_record()?;
        let label = Self::read(from)?;
        let mut fields = Vec::new();
        while !from.record_ends()? {
            fields.push(Self::read(from)?);
        }
        Ok(Self::Record(Box::new(label), fields))
    }

    fn write(&self, to: &mut Writer<'_>) {
        match self {
            Self::Bool(truth) => to.bool(*truth),
            Self::Int(number) => to.int(number),
            Self::Float(number) => to.float(*number),
            Self::Bytes(bytes) => to.bytes(bytes),
            Self::Text(text) => to.text(text),
            Self::Symbol(name) => to.symbol(name),
            _ => self.write_inside(to),
        }
    }

    fn write_inside(&self, to: &mut Writer<'_>) {
        if to.is_lost() {
            return;
        }
        match self {
            Self::List(items) => {
                to.list();
                items.iter().for_each(|item| item.write(to));
                to.end_list();
            }
            Self::Dict(Dict(entries)) => {
                to.dict();
                for (key, value) in entries {
                    key.write(to);
                    value.write(to);
                }
                to.end_dict();
            }
            Self::Set(Set(members)) => {
                to.set();
                members.iter().for_each(|member| member.write(to));
                to.end_set();
            }
            Self::Record(label, fields) => {
                to.open_record();
                label.write(to);
                fields.iter().for_each(|field| field.write(to));
                to.end_record();
            }
            _ => {}
        }
    }
}

impl<'a> Dict<'a> {
    fn read(from: &mut Reader<'a>) -> Result<Self, DecodeError> {
        from.open_dict()?;
        let mut entries = Vec::new();
        let mut last = None;
        while !from.dict_ends()? {
            let start = from.at();
            let key = Term::read(from)?;
            from.rises(&mut last, start, Fault::KeyOrder, Fault::KeyTwice)?;
            entries.push((key, Term::read(from)?));
        }
        Ok(Self(entries))
    }
}

impl<'a> Set<'a> {
    fn read(from: &mut Reader<'a>) -> Result<Self, DecodeError> {
        from.open_set()?;
        let mut members = Vec::new();
        let mut last = None;
        while !from.set_ends()? {
            let start = from.at();
            members.push(Term::read(from)?);
            from.rises(&mut last, start, Fault::SetOrder, Fault::SetTwice)?;
        }
        Ok(Self(members))
    }
}

/// In the order of the encodings of their keys.
fn sorted<T>(things: Vec<T>, key: impl Fn(&T) -> &Term<'_>) -> Result<Vec<T>, TwiceTheSame> {
    let encoded = |thing: T| {
        let mut encoding = Vec::new();
        key(&thing).write(&mut Writer::new(&mut encoding));
        (encoding, thing)
    };
    let mut things: Vec<_> = things.into_iter().map(encoded).collect();
    things.sort_by(|(one, _), (two, _)| one.cmp(two));
    let twice = |pair: &[(Vec<u8>, T)]| matches!(pair, [(one, _), (two, _)] if one == two);
    if things.windows(2).any(twice) {
        return Err(TwiceTheSame);
    }
    Ok(things.into_iter().map(|(_, thing)| thing).collect())
}
