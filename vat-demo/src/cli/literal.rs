//! Values as words of a command line, and back.
//!
//! ```text
//! 42  -7  true  false  'red  plain text  "42  [ 1 2 ]  ocapn://…/s/…  @ocapn://…/s/…
//! ```
//!
//! A word is text unless it looks like something else; behind a quotation mark it is text whatever it looks like. A list stands
//! between brackets that are words of their own. A sturdyref is data; with `@` before it, the object itself is
//! meant.

use vat_demo::captp::locator::Sturdyref;
use vat_demo::value::Value;
use vat_demo::vat::{Kind, Problem};

use super::Failure;

/// A value in which objects are still sturdyrefs.
pub(super) type Literal = Value<Sturdyref>;

/// Reads the arguments of one message.
pub(super) fn read(words: &[String]) -> Result<Vec<Literal>, Failure> {
    let mut open: Vec<Vec<Literal>> = vec![Vec::new()];
    for word in words {
        let value = match word.as_str() {
            "[" => {
                open.push(Vec::new());
                continue;
            }
            "]" if open.len() > 1 => Value::List(open.pop().unwrap_or_default()),
            "]" => return Err(Failure::usage("there is a ] without its [")),
            word => read_word(word)?,
        };
        if let Some(innermost) = open.last_mut() {
            innermost.push(value);
        }
    }
    match <[_; 1]>::try_from(open) {
        Ok([args]) => Ok(args),
        Err(_) => Err(Failure::usage("there is a [ without its ]")),
    }
}

fn read_word(word: &str) -> Result<Literal, Failure> {
    if let Some(symbol) = word.strip_prefix('\'') {
        return Ok(Value::symbol(symbol));
    }
    if let Some(text) = word.strip_prefix('"') {
        return Ok(text.strip_suffix('"').unwrap_or(text).into());
    }
    if let Some(object) = word.strip_prefix('@') {
        return Ok(Value::Ref(sturdyref(object)?));
    }
    if word.starts_with("ocapn://") {
        return Ok(Value::Sturdyref(Box::new(sturdyref(word)?)));
    }
    Ok(match word {
        "true" => true.into(),
        "false" => false.into(),
        word => match word.parse() {
            Ok(number) => Value::Int(number),
            Err(_) => word.into(),
        },
    })
}

pub(super) fn sturdyref(uri: &str) -> Result<Sturdyref, Failure> {
    let parsed = uri.parse();
    parsed.map_err(|error| Failure::usage(format!("{uri}: {error}")))
}

/// Writes a value for people.
pub(super) fn show(value: &Value) -> String {
    let list =
        |items: Vec<String>, open: &str, close: &str| format!("{open}{}{close}", items.join(" "));
    match value {
        Value::Undefined => "undefined".to_owned(),
        Value::Null => "null".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => format!("{number:?}"),
        Value::Text(text) => format!("{text:?}"),
        Value::Symbol(symbol) => symbol.to_string(),
        Value::Bytes(bytes) => format!("bytes:{}", data_encoding::HEXLOWER.encode(bytes)),
        Value::List(items) => list(items.iter().map(show).collect(), "[", "]"),
        Value::Struct(fields) => {
            let shown = fields.iter();
            let shown = shown.map(|(name, value)| format!("{name:?}: {}", show(value)));
            list(shown.collect(), "{", "}")
        }
        Value::Tagged(tag, value) => format!("{tag}({})", show(value)),
        Value::Error(words) => format!("error {words:?}"),
        Value::Ref(reference) => match reference.kind() {
            Kind::Near | Kind::Far(_) => "<object>".to_owned(),
            _ => "<promise>".to_owned(),
        },
        Value::Sturdyref(sturdyref) => sturdyref.to_string(),
    }
}

/// Writes why there is no answer.
pub(super) fn why(problem: &Problem) -> String {
    match &problem.0 {
        Value::Error(words) => words.clone(),
        reason => show(reason),
    }
}
