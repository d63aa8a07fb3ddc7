//! The handshake of a link, with a peer that says whatever a case wants it to. (ONI-1)

use super::flights::{self, Stop};
use super::{Fields, Wrong, bad, equal, good, holds, same, some};
use pluribus_mix::crypto::aead::Backend;
use pluribus_mix::crypto::dh::Scalar;
use pluribus_mix::crypto::rng::{Rng, Seed};
use pluribus_mix::crypto::sign::SigningKey;
use pluribus_mix::time::{Duration, Instant};
use pluribus_mix::vattp::bare::{Answering, Bare, Came};
use pluribus_mix::vattp::flight::{GIVEINFO_LEN, GO_LEN};
use pluribus_mix::vattp::initiator::{self, ExpectGoToo};
use pluribus_mix::vattp::pair::{PairFields, Verdict, Word};
use pluribus_mix::vattp::pipe::Carried;
use pluribus_mix::vattp::responder::{self, Hosted};
use pluribus_mix::vattp::seen::Seen;
use pluribus_mix::vattp::split::Splitter;
use pluribus_mix::vattp::target::Wanted;
use pluribus_mix::vattp::{Hints, Local, Offers, Use, Violation};
use pluribus_mix::wire::Reader;
use std::sync::Arc;

/// A client and a relay.
struct Ends {
    rng: Rng,
    seen: Seen,
    hosted: Hosted,
    client: Local,
}

impl Ends {
    fn new(backend: Backend) -> Result<Self, Wrong> {
        let hints = || some("no hints", Hints::new(b""));
        let relay = SigningKey::from_seed(&[1; 32]);
        let places = vec![relay.public().as_bytes().to_vec()];
        let local = |key, incarnation| -> Result<Local, Wrong> {
            Ok(Local {
                key: Arc::new(key),
                incarnation,
                hints: hints()?,
                backend,
            })
        };
        Ok(Self {
            rng: Seed::from_bytes([4; 32]).fork("link"),
            seen: Seen::new(Duration::from_secs(40)),
            hosted: Hosted {
                local: local(relay, 1)?,
                prekey: Scalar::from_bytes([3; 32].into()),
                for_use: Use::Link,
                places,
                offers: Offers::default(),
            },
            client: local(SigningKey::from_seed(&[2; 32]), 0)?,
        })
    }

    fn wanted(&self) -> Wanted {
        let key = self.hosted.local.key.public();
        Wanted {
            key,
            prekey: self.hosted.prekey.public(),
            for_use: Use::Link,
            place: key.as_bytes().to_vec(),
        }
    }
}

/// All items in `input` are taken, the last one or none refused.
fn takes(
    bare: &mut Bare,
    ends: &mut Ends,
    mut input: Vec<u8>,
    out: &mut Vec<u8>,
) -> Result<(), Violation> {
    let mut rest = &mut input[..];
    while !rest.is_empty() {
        let answering = Answering {
            hosted: &ends.hosted,
            seen: &mut ends.seen,
            rng: &mut ends.rng,
        };
        match bare.next(&mut rest, Instant::ZERO, Some(answering), out)? {
            Some(Came::Record(_)) | None => return Err(Violation::Late),
            Some(_) => {}
        }
    }
    Ok(())
}

fn unrefused<T>(taken: Result<T, Stop>) -> Result<T, Wrong> {
    taken.map_err(|stop| Wrong::new(format!("a flight was not taken: {stop:?}")))
}

/// Our end is dialled by one that says `fields` in GO; with our answer.
type Answered = (Result<(), Violation>, ExpectGoToo, Vec<u8>);

fn dialled_by(fields: &PairFields, backend: Backend) -> Result<Answered, Wrong> {
    let (mut ends, mut bare) = (Ends::new(backend)?, Bare::answer());
    let entropy = initiator::Entropy::draw(&mut ends.rng);
    let (mut flight1, mut flight2, mut flight3, mut out) = Default::default();
    let client = ends.client.clone();
    let expect = initiator::start(
        ends.wanted(),
        client,
        Offers::default(),
        entropy,
        &mut flight1,
    );
    let expect = good("the dial", expect)?;
    good(
        "flight 1",
        takes(&mut bare, &mut ends, flight1, &mut flight2),
    )?;
    let proven = unrefused(flights::iam_replyinfo(expect, &mut flight2))?;
    let (expect, _) = good("GO", proven.go(fields, Carried::Stream, &mut flight3))?;
    let taken = takes(&mut bare, &mut ends, flight3, &mut out);
    equal("whether it is live", bare.is_live(), taken.is_ok())?;
    Ok((taken, expect, out))
}

/// Our end dials one that takes GO, says `fields` in GOTOO, and `behind` in the same record. With what our end says in GO.
fn dials(
    fields: &PairFields,
    behind: &[u8],
    backend: Backend,
) -> Result<(Result<(), Violation>, PairFields), Wrong> {
    let mut ends = Ends::new(backend)?;
    let (mut flight1, mut flight2, mut flight3, mut flight4) = Default::default();
    let (wanted, client) = (ends.wanted(), ends.client.clone());
    let bare = Bare::dial(wanted, client, &mut ends.rng, &mut flight1);
    let mut bare = good("the dial", bare)?;
    let entropy = responder::Entropy::draw(&mut ends.rng);
    let next = flights::iwant(
        &ends.hosted,
        &mut ends.seen,
        entropy,
        &mut flight1,
        &mut flight2,
    );
    let next = unrefused(next)?;
    good(
        "flight 2",
        takes(&mut bare, &mut ends, flight2, &mut flight3),
    )?;
    // GO says of the pair what none says that means it, so the rule of the pair is left out. (VTP-19)
    let (mut splitter, mut rest) = (Splitter::default(), &mut flight3[..]);
    let giveinfo = good("GIVEINFO", splitter.next(&mut rest, &GIVEINFO_LEN))?;
    let next = good("GIVEINFO", next.handle(&some("no GIVEINFO", giveinfo)?))?;
    let go = good("GO", splitter.next(&mut rest, &GO_LEN))?;
    let accepted = good("GO", next.handle(&some("no GO", go)?))?;
    equal("bytes behind flight 3", rest.len(), 0)?;
    let said = *accepted.fields();
    let (_, mut sealer) = accepted.go_too(fields, Carried::Stream);
    let begun = sealer.begin(&mut flight4);
    flight4.extend_from_slice(behind);
    good("GOTOO", sealer.seal(begun, &mut flight4))?;
    let taken = takes(&mut bare, &mut ends, flight4, &mut Vec::new());
    equal("whether it is silent", bare.is_silent(), taken.is_err())?;
    Ok((taken, said))
}

/// Whatever stands in the bytes, allowed or not.
fn read(bytes: &[u8]) -> Result<PairFields, Wrong> {
    let mut reader = Reader::new(bytes);
    let [verdict, again] = good("the verdict", reader.array("verdict"))?;
    let mut number = || good("a number", reader.array("number")).map(u64::from_be_bytes);
    let verdicts = [Verdict::Go, Verdict::Dup, Verdict::Gone, Verdict::Say];
    let verdict = verdicts.into_iter().find(|it| *it as u8 == verdict);
    let (mine, yours, go) = (number()?, number()?, number()?);
    let (expect, first, past) = (number()?, number()?, number()?);
    let word = Word {
        verdict: some("no verdict", verdict)?,
        again: again == 1,
        mine,
        yours,
        go,
        past,
    };
    let fields = PairFields {
        word,
        expect,
        first,
    };
    let mut written = Vec::new();
    fields.encode(&mut written);
    same("the fields", &written, bytes)?;
    Ok(fields)
}

/// Both ends say these, and take them.
///
/// # Errors
/// If they do not.
pub fn good_fields(fields: &Fields<'_>, backend: Backend) -> Result<(), Wrong> {
    let wanted = read(&fields.bytes("bytes")?)?;
    let (taken, expect, mut gotoo) = dialled_by(&wanted, backend)?;
    good("GO", taken)?;
    let mut record = gotoo.split_off(2);
    let (_, said, frames) = good("our GOTOO", expect.handle(&mut record))?;
    equal("our GOTOO", said, wanted)?;
    equal("what is behind it", frames.len(), 0)?;
    let (taken, said) = dials(&wanted, b"", backend)?;
    good("GOTOO", taken)?;
    equal("our GO", said, wanted)
}

/// Neither end takes these.
///
/// # Errors
/// If one does.
pub fn bad_fields(fields: &Fields<'_>, backend: Backend) -> Result<(), Wrong> {
    let said = read(&fields.bytes("bytes")?)?;
    let behind = fields.bytes("behind")?;
    if behind.is_empty() {
        let (taken, _, out) = dialled_by(&said, backend)?;
        allowed(&bad("GO", taken)?)?;
        holds(out.is_empty(), || "something was said".to_owned())?;
    }
    let (taken, _) = dials(&said, &behind, backend)?;
    allowed(&bad("GOTOO", taken)?)
}

fn allowed(violation: &Violation) -> Result<(), Wrong> {
    let right = matches!(violation, Violation::PairFields | Violation::Malformed(_));
    holds(right, || format!("refused with {violation:?}"))
}
