//! What a network decides for everybody in it (DIR-7): one client that decided otherwise would be known by it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Refused, canonical};

/// How cells are sent (chapter 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pacing {
    /// At once.
    None,
    /// At a constant rate, dummies included.
    Constant,
}

/// Whether two relays of one network, IPv4 /16 or IPv6 /32, may stand in one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Networks {
    /// They may: for networks that live on one machine.
    Any,
    /// They may not.
    Apart,
}

/// What a link between relays carries beside its circuits. (PAC-8)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// Nothing: how many circuits it has can be seen. For networks that live on one machine.
    None,
    /// What fills it up to its step.
    Full,
}

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Param {
    /// 0 to 2⁵³ − 1.
    Number(u64),
    /// Up to 64 bytes of printable ASCII without quotes and backslashes.
    Text(String),
}

impl From<u64> for Param {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Param {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// The parameters of a network, each within its range; those that this program does not know are kept. (DIR-7)
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params(BTreeMap<String, Param>);

/// The known numbers: name, least, most, what it is if missing, and the range in words.
const NUMBERS: [Number; 8] = [
    EPOCH,
    INTERVAL,
    JITTER,
    NETWORKS,
    PADDING,
    POOL_WINDOW,
    QUANTUM,
    SLOTS,
];
const EPOCH: Number = Number("epoch", 1, 86_400, 600, "1 to 86400");
const INTERVAL: Number = Number("interval", 1, 86_400, 3600, "1 to 86400");
const JITTER: Number = Number("jitter", 1, 16, 3, "1 to 16");
const NETWORKS: Number = Number("networks", 0, 1, 1, "0 or 1");
const PADDING: Number = Number("padding", 0, 1, 1, "0 or 1");
const POOL_WINDOW: Number = Number("pool_window", 1, 3600, 60, "1 to 3600");
const QUANTUM: Number = Number("quantum", 5, 1000, 50, "5 to 1000");
const SLOTS: Number = Number("slots", 1, 64, 8, "1 to 64");
const PACING: &str = "pacing";

struct Number(&'static str, u64, u64, u64, &'static str);

/// What a network on one machine settles. What lies together rests shortly, but longer in quanta: parties that share few cores hold each other up.
const LOCAL: [(&str, u64); 7] = [
    ("epoch", 30),
    ("jitter", 5),
    ("networks", 0),
    ("padding", 0),
    ("pool_window", 6),
    ("quantum", 20),
    ("slots", 8),
];

impl Params {
    /// How many there may be. (DIR-7)
    pub const MOST: usize = 64;

    /// The parameters of a network all of which lives on one machine, to try things with: cells go by the clock, every 20 ms. Links between its relays
    /// carry what their circuits need and no more, since whoever sees these links sees everything. (PAC-8)
    ///
    /// ```
    /// use pluribus_mix::directory::{Pacing, Params};
    ///
    /// assert_eq!(Params::local().pacing(), Pacing::Constant);
    /// let at_once = Params::local().with("pacing", "none")?;
    /// assert_eq!(at_once.pacing(), Pacing::None);
    /// # Ok::<(), pluribus_mix::directory::Refused>(())
    /// ```
    #[must_use]
    pub fn local() -> Self {
        let numbers = LOCAL.map(|(name, number)| (name.to_owned(), number.into()));
        let pacing = (PACING.to_owned(), "constant".into());
        Self(numbers.into_iter().chain([pacing]).collect())
    }

    /// The same parameters with this one set.
    ///
    /// # Errors
    /// [`Refused::Param`] for a name or value that DIR-7 does not allow, or one parameter too many.
    pub fn with(mut self, name: &str, value: impl Into<Param>) -> Result<Self, Refused> {
        let value = value.into();
        allowed(name, &value).map_err(|must| Refused::Param {
            name: name.chars().take(32).collect(),
            must,
        })?;
        self.0.insert(name.to_owned(), value);
        if self.0.len() > Self::MOST {
            let (name, must) = (name.to_owned(), "one of at most 64");
            return Err(Refused::Param { name, must });
        }
        Ok(self)
    }

    /// The value of a parameter, known or not, if it is set.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&Param> {
        self.0.get(name)
    }

    /// Seconds from one consensus to the next.
    #[must_use]
    pub fn interval(&self) -> u64 {
        self.number(&INTERVAL)
    }

    /// How cells are sent.
    #[must_use]
    pub fn pacing(&self) -> Pacing {
        match self.value(PACING) {
            Some(Param::Text(text)) if text == "none" => Pacing::None,
            // Networks that say nothing, too: who is not hidden has to have chosen so.
            _ => Pacing::Constant,
        }
    }

    /// Whether relays of one network may stand in one path.
    #[must_use]
    pub fn networks(&self) -> Networks {
        match self.number(&NETWORKS) {
            0 => Networks::Any,
            _ => Networks::Apart,
        }
    }

    /// Milliseconds of a quantum.
    #[must_use]
    pub fn quantum(&self) -> u64 {
        self.number(&QUANTUM)
    }

    /// How many circuits a client's link carries.
    #[must_use]
    pub fn slots(&self) -> u64 {
        self.number(&SLOTS)
    }

    /// Seconds of a window in which circuits are built and dropped.
    #[must_use]
    pub fn pool_window(&self) -> u64 {
        self.number(&POOL_WINDOW)
    }

    /// Quanta that a cell rests at a relay, on average. (PAC-6)
    #[must_use]
    pub fn jitter(&self) -> u64 {
        self.number(&JITTER)
    }

    /// Seconds between changes of the step of a link. (PAC-8)
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.number(&EPOCH)
    }

    /// What a link between relays carries beside its circuits. (PAC-8)
    #[must_use]
    pub fn padding(&self) -> Padding {
        match self.number(&PADDING) {
            0 => Padding::None,
            _ => Padding::Full,
        }
    }

    fn number(&self, Number(name, _, _, missing, _): &Number) -> u64 {
        match self.value(name) {
            Some(Param::Number(number)) => *number,
            _ => *missing,
        }
    }

    pub(super) fn write(&self) -> Value {
        let values = self.0.iter().map(|(name, value)| {
            let value = match value {
                Param::Number(number) => (*number).into(),
                Param::Text(text) => text.as_str().into(),
            };
            (name.clone(), value)
        });
        Value::Object(Map::from_iter(values))
    }

    pub(super) fn read(what: &'static str, value: &Value) -> Result<Self, Refused> {
        let bad = |must| Refused::Field {
            what,
            field: "params",
            must,
        };
        let fields = value.as_object().ok_or_else(|| bad("an object"))?;
        fields
            .iter()
            .try_fold(Self::default(), |params, (name, value)| match value {
                Value::Number(number) => params.with(name, number.as_u64().unwrap_or(u64::MAX)),
                Value::String(text) => params.with(name, text.as_str()),
                _ => Err(bad("numbers and strings")),
            })
    }
}

fn allowed(name: &str, value: &Param) -> Result<(), &'static str> {
    let plain = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
    if !(1..=32).contains(&name.len()) || !name.bytes().all(plain) {
        return Err("named by 1 to 32 of a-z, 0-9, _");
    }
    if name == PACING {
        let known = matches!(value, Param::Text(text) if text == "none" || text == "constant");
        return known.then_some(()).ok_or("none or constant");
    }
    if let Some(Number(_, least, most, _, must)) = NUMBERS.iter().find(|known| known.0 == name) {
        let fits = matches!(value, Param::Number(number) if (least..=most).contains(&number));
        return fits.then_some(()).ok_or(must);
    }
    let fits = match value {
        Param::Number(number) => *number < 1 << 53,
        Param::Text(text) => text.len() <= 64 && canonical::is_plain_text(text),
    };
    fits.then_some(())
        .ok_or("a number below 2^53 or at most 64 bytes of plain text")
}
