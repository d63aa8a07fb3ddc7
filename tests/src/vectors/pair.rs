//! pair.json: the pair fields, and the logs of one vat's end of a pair.

use super::{Case, Fields, Wrong, equal, good, holds, rule, same, some};
use pluribus_mix::crypto::aead::Backend;
use pluribus_mix::vattp::pair::{PairFields, Side, Verdict, Within, Word};
use pluribus_mix::wire::Fault;

/// A transport, as a log names it.
pub type Transport = u64;

/// One vat's end of a pair, event by event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Its side.
    pub side: Side,
    /// Whether the peer is an anonymous initiator.
    pub anonymous: bool,
    /// With what this vat begins its pairs.
    pub past: u64,
    /// What happens, and what comes of it.
    pub steps: Vec<Step>,
}

/// One event, and what comes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What happens.
    pub event: Event,
    /// The numbers drawn, the id of an object before a go number.
    pub draws: Vec<u64>,
    /// What comes of it.
    pub outcome: Outcome,
    /// How the pair stands then.
    pub after: After,
}

/// What happens at one end of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The runtime wants a connection.
    Want,
    /// The vat begins to dial.
    Dial(Transport),
    /// REPLYINFO has proven this incarnation of the peer.
    Proven(Transport, u64),
    /// This incarnation of the peer, which has dialled, says GO.
    Go(Transport, u64, PairFields),
    /// The peer says GOTOO.
    GoToo(Transport, PairFields),
    /// The peer says CLOSE: this object is gone.
    Gone(Transport, u64),
    /// The transport has ended.
    Lost(Transport),
    /// The object ends: its deadline has passed, or it is done.
    Ends,
    /// No handshake is left that had begun when the dup came.
    Patience,
    /// The entry of the pair is dropped.
    Drop,
}

/// What comes of an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The object that breaks.
    pub broken: Option<u64>,
    /// The object that is made.
    pub made: Option<u64>,
    /// The peer's object that the vat's is joined to from now on.
    pub joined: Option<u64>,
    /// What is said in GO or GOTOO on the transport of the event.
    pub said: Option<PairFields>,
    /// The id of a CLOSE with the reason gone on the transport of the event.
    pub close: Option<u64>,
    /// The transports that the vat closes, rising.
    pub closed: Vec<Transport>,
    /// Whether the peer is refused.
    pub refused: bool,
}

/// How the pair stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct After {
    /// The vat's object, 0 if there is none.
    pub object: u64,
    /// The peer's that it is joined to, 0 if it is not.
    pub joined: u64,
    /// The transport that is live.
    pub live: Option<Transport>,
    /// Whether the vat would dial now.
    pub dials: bool,
}

/// Runs one case. Nothing here is sealed.
///
/// # Errors
/// If the implementation differs.
pub fn run(case: &Case, _: Backend) -> Result<(), Wrong> {
    match case.kind() {
        "fields" => fields(&case.fields()),
        "bad fields" => bad_fields(&case.fields()),
        "place" => place(&case.fields()),
        "scenario" | "run" => rule::run(&Log::read(case)?),
        kind => Err(Wrong::new(format!("unknown kind {kind:?}"))),
    }
}

fn fields(fields: &Fields<'_>) -> Result<(), Wrong> {
    let bytes = fields.bytes("bytes")?;
    let wanted = written_out(fields)?;
    equal(
        "the fields",
        good("the fields", PairFields::decode(&bytes))?,
        wanted,
    )?;
    let mut out = Vec::new();
    wanted.encode(&mut out);
    same("the bytes", &out, &bytes)?;
    holds(may_be_said(&wanted), || "nobody may say them".to_owned())
}

/// Who may say what where.
const PLACES: [(Within, Side); 4] = [
    (Within::Go, Side::Master),
    (Within::Go, Side::Slave),
    (Within::GoToo, Side::Master),
    (Within::GoToo, Side::Slave),
];

/// Whether anybody may say these fields anywhere.
fn may_be_said(fields: &PairFields) -> bool {
    let mut places = PLACES.iter();
    places.any(|(within, side)| fields.check(*within, *side).is_ok())
}

fn bad_fields(fields: &Fields<'_>) -> Result<(), Wrong> {
    let wrong = fields.text("field")?;
    match PairFields::decode(&fields.bytes("bytes")?) {
        // What is too short or too long is so at one of its fields.
        Err(error) if wrong == "length" => {
            let of_length = [Fault::Truncated, Fault::Trailing].contains(&error.fault);
            holds(of_length, || format!("{error} is no fault of length"))
        }
        Err(error) => equal("the field", error.field, wrong),
        Ok(mut decoded) => {
            holds(!may_be_said(&decoded), || {
                "somebody may say them".to_owned()
            })?;
            match wrong {
                "mine" => decoded.word.mine = 1,
                "yours" => decoded.word.yours = 1,
                "go" => decoded.word.go = 1,
                field => return Err(Wrong::new(format!("{field} was not found wrong"))),
            }
            holds(may_be_said(&decoded), || {
                format!("{wrong} is not all that is wrong")
            })
        }
    }
}

fn place(fields: &Fields<'_>) -> Result<(), Wrong> {
    let decoded = good("the fields", PairFields::decode(&fields.bytes("bytes")?))?;
    let within = match fields.text("place")? {
        "GO" => Within::Go,
        "GOTOO" => Within::GoToo,
        _ => return some("an unknown place", None),
    };
    let checked = decoded.check(within, side(fields, "sender")?);
    equal(
        "whether it is accepted",
        checked.is_ok(),
        fields.bool("accepted")?,
    )
}

fn side(fields: &Fields<'_>, name: &str) -> Result<Side, Wrong> {
    match fields.text(name)? {
        "master" => Ok(Side::Master),
        "slave" => Ok(Side::Slave),
        _ => some("an unknown side", None),
    }
}

/// The fields, one by one.
fn written_out(fields: &Fields<'_>) -> Result<PairFields, Wrong> {
    Ok(PairFields {
        word: Word {
            verdict: match fields.text("verdict")? {
                "go" => Verdict::Go,
                "dup" => Verdict::Dup,
                "gone" => Verdict::Gone,
                "say" => Verdict::Say,
                _ => return some("an unknown verdict", None),
            },
            again: fields.bool("again")?,
            mine: fields.u64("mine")?,
            yours: fields.u64("yours")?,
            go: fields.u64("go")?,
            past: fields.u64("past")?,
        },
        expect: fields.u64("expect")?,
        first: fields.u64("first")?,
    })
}

impl Log {
    /// The log that a case of the kind `scenario` or `run` holds.
    ///
    /// # Errors
    /// If it holds none.
    pub fn read(case: &Case) -> Result<Self, Wrong> {
        let fields = case.fields();
        let steps = fields.objects("steps")?;
        Ok(Self {
            side: side(&fields, "side")?,
            anonymous: fields.bool("anonymous")?,
            past: fields.u64("past")?,
            steps: steps.iter().map(step).collect::<Result<_, _>>()?,
        })
    }
}

fn step(fields: &Fields<'_>) -> Result<Step, Wrong> {
    let after = fields.object("after")?;
    Ok(Step {
        event: event(fields)?,
        draws: list(fields, "draws", Fields::u64s)?,
        outcome: outcome(fields)?,
        after: After {
            object: after.u64("object")?,
            joined: after.u64("joined")?,
            live: perhaps(&after, "live", transport)?,
            dials: after.bool("dials")?,
        },
    })
}

fn event(fields: &Fields<'_>) -> Result<Event, Wrong> {
    let on = || transport(fields, "transport");
    let said = || pair_fields(fields, "fields");
    Ok(match fields.text("event")? {
        "want" => Event::Want,
        "dial" => Event::Dial(on()?),
        "proven" => Event::Proven(on()?, fields.u64("incarnation")?),
        "go" => Event::Go(on()?, fields.u64("incarnation")?, said()?),
        "gotoo" => Event::GoToo(on()?, said()?),
        "gone" => Event::Gone(on()?, fields.u64("id")?),
        "lost" => Event::Lost(on()?),
        "ends" => Event::Ends,
        "patience" => Event::Patience,
        "drop" => Event::Drop,
        _ => return some("an unknown event", None),
    })
}

fn outcome(fields: &Fields<'_>) -> Result<Outcome, Wrong> {
    Ok(Outcome {
        broken: perhaps(fields, "broken", Fields::u64)?,
        made: perhaps(fields, "made", Fields::u64)?,
        joined: perhaps(fields, "joined", Fields::u64)?,
        said: perhaps(fields, "said", pair_fields)?,
        close: perhaps(fields, "close", Fields::u64)?,
        closed: list(fields, "closed", Fields::numbers)?,
        refused: fields.has("refused") && fields.bool("refused")?,
    })
}

fn transport(fields: &Fields<'_>, name: &str) -> Result<Transport, Wrong> {
    fields.small(name)
}

fn pair_fields(fields: &Fields<'_>, name: &str) -> Result<PairFields, Wrong> {
    good(name, PairFields::decode(&fields.bytes(name)?))
}

/// Reads one field.
type Read<'c, T> = fn(&Fields<'c>, &str) -> Result<T, Wrong>;

/// A field, if it is there.
fn perhaps<'c, T>(fields: &Fields<'c>, name: &str, read: Read<'c, T>) -> Result<Option<T>, Wrong> {
    let there = fields.has(name).then(|| read(fields, name));
    there.transpose()
}

/// A list; nothing is in it if it is not there.
fn list<'c, T>(fields: &Fields<'c>, name: &str, read: Read<'c, Vec<T>>) -> Result<Vec<T>, Wrong> {
    Ok(perhaps(fields, name, read)?.unwrap_or_default())
}
