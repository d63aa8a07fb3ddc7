//! Values that can be passed, and the references in them, as Syrup.

use std::collections::BTreeMap;

use super::super::certificate::{ENVELOPE, KeyForm, Signed};
use super::super::locator::Sturdyref;
use super::super::op::{Desc, Import, Target};
use super::super::syrup::{DecodeError, Fault, Kind, Reader, Writer};
use super::operation::{ANSWER, EXPORT, IMPORT_OBJECT, IMPORT_PROMISE, write_import, write_target};
use crate::value::{Symbol, Value};

pub(super) type Values = Vec<Value<Desc>>;

/// Writes a value. (CAP-12, CAP-13)
pub(super) fn write(value: &Value<Desc>, keys: KeyForm, to: &mut Writer<'_>) {
    match value {
        Value::Bool(truth) => to.bool(*truth),
        Value::Int(number) => to.int(number),
        Value::Float(number) => to.float(*number),
        Value::Text(text) => to.text(text),
        Value::Symbol(Symbol(name)) => to.symbol(name),
        Value::Bytes(bytes) => to.bytes(bytes),
        Value::Ref(desc) => write_desc(desc, keys, to),
        Value::Sturdyref(sturdyref) => sturdyref.write(to),
        Value::List(_) | Value::Struct(_) => write_container(value, keys, to),
        Value::Undefined | Value::Null | Value::Tagged(..) | Value::Error(_) => {
            write_record(value, keys, to);
        }
    }
}

fn write_container(value: &Value<Desc>, keys: KeyForm, to: &mut Writer<'_>) {
    if to.is_lost() {
        return;
    }
    match value {
        Value::List(items) => {
            to.list();
            items.iter().for_each(|item| write(item, keys, to));
            to.end_list();
        }
        Value::Struct(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by(|(one, _), (two, _)| Writer::text_order(one, two));
            to.dict();
            for (name, value) in fields {
                to.text(name);
                write(value, keys, to);
            }
            to.end_dict();
        }
        _ => {}
    }
}

fn write_record(value: &Value<Desc>, keys: KeyForm, to: &mut Writer<'_>) {
    if to.is_lost() {
        return;
    }
    match value {
        Value::Undefined => to.record("void"),
        Value::Null => to.record("null"),
        Value::Tagged(tag, value) => {
            to.record("desc:tagged");
            to.symbol(tag);
            write(value, keys, to);
        }
        Value::Error(words) => {
            to.record("desc:error");
            to.text(words);
        }
        _ => return,
    }
    to.end_record();
}

fn write_desc(desc: &Desc, keys: KeyForm, to: &mut Writer<'_>) {
    match desc {
        Desc::Import(import) => write_import(*import, to),
        Desc::Target(target) => write_target(*target, to),
        Desc::Give(give) => give.write(keys, to),
        Desc::Receive(receive) => receive.write(keys, to),
    }
}

/// Reads values up to the end of a list.
pub(super) fn read_items(keys: KeyForm, from: &mut Reader<'_>) -> Result<Values, DecodeError> {
    let mut items = Vec::new();
    while !from.list_ends()? {
        items.push(read(keys, from)?);
    }
    Ok(items)
}

/// Reads a value. (CAP-12, CAP-13)
fn read(keys: KeyForm, from: &mut Reader<'_>) -> Result<Value<Desc>, DecodeError> {
    Ok(match from.kind()? {
        Kind::Bool => Value::Bool(from.bool()?),
        Kind::Int => Value::Int(from.int()?),
        Kind::Float => Value::Float(from.float()?),
        Kind::Bytes => Value::Bytes(from.bytes()?.to_vec()),
        Kind::Text => Value::Text(from.text()?.to_owned()),
        Kind::Symbol => Value::symbol(from.symbol()?),
        Kind::List => {
            from.list()?;
            Value::List(read_items(keys, from)?)
        }
        Kind::Dict => read_struct(keys, from)?,
        Kind::Set => return Err(from.error(Fault::Expected("a value that can be passed"))),
        Kind::Record => read_record(keys, from)?,
    })
}

fn read_struct(keys: KeyForm, from: &mut Reader<'_>) -> Result<Value<Desc>, DecodeError> {
    let mut fields = BTreeMap::new();
    from.dict(|name, from| {
        fields.insert(name.to_owned(), read(keys, from)?);
        Ok(())
    })?;
    Ok(Value::Struct(fields))
}

fn read_record(keys: KeyForm, from: &mut Reader<'_>) -> Result<Value<Desc>, DecodeError> {
    let start = from.at();
    let value = match from.record()? {
        IMPORT_OBJECT => Value::Ref(Desc::Import(Import::Object(from.u64()?))),
        IMPORT_PROMISE => Value::Ref(Desc::Import(Import::Promise(from.u64()?))),
        EXPORT => Value::Ref(Desc::Target(Target::Export(from.u64()?))),
        ANSWER => Value::Ref(Desc::Target(Target::Answer(from.u64()?))),
        "void" => Value::Undefined,
        "null" => Value::Null,
        "desc:tagged" => {
            let tag = from.symbol()?.to_owned();
            Value::Tagged(tag, Box::new(read(keys, from)?))
        }
        "desc:error" => Value::Error(from.text()?.to_owned()),
        ENVELOPE => Value::Ref(match Signed::read_behind_label(keys, from)? {
            Signed::Give(give) => Desc::Give(Box::new(give)),
            Signed::Receive(receive) => Desc::Receive(Box::new(receive)),
        }),
        "ocapn-sturdyref" => Value::Sturdyref(Box::new(Sturdyref::read_behind_label(from)?)),
        _ => return Err(from.error_at(start, Fault::Record)),
    };
    from.end_record()?;
    Ok(value)
}
