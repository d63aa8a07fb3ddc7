//! introduced.json: handshakes with a ticket, both roles, byte for byte, and single faults in them.

use super::flights::{Stop, at, end, item};
use super::handshake::{Setup, ends, go_number, offers, opened, public, seal, side, unrefused};
use super::schedule::{check, kem_seed, lp};
use super::{Case, File, Wrong, equal, frames, good, holds, load, same, some};
use pluribus_mix::crypto::aead::Backend;
use pluribus_mix::crypto::dh::Scalar;
use pluribus_mix::crypto::kdf::Secret;
use pluribus_mix::time::{Duration, Instant};
use pluribus_mix::vattp::Violation;
use pluribus_mix::vattp::flight::{
    ANSWER_LEN, EARLY_LEN, GIVEINFO_LEN, GO_LEN, IAM_LEN, IWANT_LEN, REPLYINFO_LEN,
};
use pluribus_mix::vattp::initiator::Entropy;
use pluribus_mix::vattp::introduced::initiator::{self, Answered, ExpectIam};
use pluribus_mix::vattp::introduced::responder::{
    Accepted, Asked, Claim, ExpectGiveInfo, ExpectIWant,
};
use pluribus_mix::vattp::pair::{PairFields, Within};
use pluribus_mix::vattp::pipe::Carried;
use pluribus_mix::vattp::responder::Hosted;
use pluribus_mix::vattp::seen::Seen;
use pluribus_mix::vattp::target::Wanted;
use std::sync::OnceLock;

/// Runs one case.
pub fn run(case: &Case, backend: Backend) -> Result<(), Wrong> {
    match case.kind() {
        "" => whole(case, backend),
        "refused" => refused(case, backend),
        kind => Err(Wrong::new(format!("unknown kind {kind:?}"))),
    }
}

/// The case that a refused one begins as.
fn base(name: &str) -> Result<&'static Case, Wrong> {
    static FILE: OnceLock<Result<File, Wrong>> = OnceLock::new();
    let file = FILE.get_or_init(|| load("introduced"));
    let file = file.as_ref().map_err(Wrong::clone)?;
    let found = file.cases.iter().find(|case| case.name() == name);
    some("the base is not there", found)
}

/// Both sides, as a case sets them up.
struct Meeting<'c> {
    setup: Setup<'c>,
    case: &'c Case,
}

impl Meeting<'_> {
    fn new(case: &Case, backend: Backend) -> Result<Meeting<'_>, Wrong> {
        let setup = Setup::new(case, backend)?;
        Ok(Meeting { setup, case })
    }

    /// What GO and EARLY say.
    fn fields(&self) -> Result<PairFields, Wrong> {
        let i = &self.setup.i;
        Ok(PairFields::go(side(i)?, i.u64("mine")?, go_number(i)?))
    }

    /// Flight 1 with this EARLY, and the initiator that waits for flight 2.
    fn initiator(&self, early: &[u8]) -> Result<(ExpectIam, Vec<u8>), Wrong> {
        let i = &self.setup.i;
        let wanted = Wanted {
            key: public(i, "wanted")?,
            prekey: i.array("b")?,
            for_use: self.setup.for_use,
            place: i.bytes("place")?,
        };
        let entropy = Entropy {
            x_i: i.array("x_secret")?.into(),
            kem: kem_seed(i)?.into(),
        };
        let secret = Secret::from(i.array("ticket_secret")?);
        let (local, offers, mut out) = (self.setup.local(i)?, offers(i)?, Vec::new());
        let begun = initiator::start(wanted, secret, local, offers, entropy, &mut out);
        let next = good("the dial", begun)?.say(early, &self.fields()?, &mut out);
        Ok((good("EARLY", next)?, out))
    }

    fn early(&self) -> Result<Vec<u8>, Wrong> {
        self.case.fields().object("items")?.bytes("early")
    }

    fn hosted(&self) -> Result<Hosted, Wrong> {
        let r = &self.setup.r;
        let prekey = Scalar::from_bytes(r.array("b_secret")?.into());
        same("B_t", &prekey.public(), &self.setup.i.bytes("b")?)?;
        Ok(Hosted {
            prekey,
            for_use: self.setup.for_use,
            places: r.byte_strings("places")?,
            offers: offers(r)?,
            local: self.setup.local(r)?,
        })
    }

    /// The responder takes flight 1.
    fn asked(&self, seen: &mut Seen, flight: &mut [u8]) -> Result<Asked, Stop> {
        let (hosted, mut rest) = (self.hosted()?, flight);
        let secret = Secret::from(self.setup.r.array("ticket_secret")?);
        let state = "ExpectIWant";
        let iwant = item(state, &mut rest, &IWANT_LEN)?;
        let next = ExpectIWant.handle(&iwant, &hosted, secret, seen, Instant::ZERO);
        let next = next.map_err(at(state))?;
        let state = "ExpectEarly";
        let early = item(state, &mut rest, &EARLY_LEN)?;
        let asked = next.handle(&early).map_err(at(state))?;
        end(rest)?;
        Ok(asked)
    }

    /// What ANSWER says of the pair.
    fn said(&self) -> Result<PairFields, Wrong> {
        let r = &self.setup.r;
        let (mine, go) = (r.u64("mine")?, go_number(r)?);
        Ok(PairFields::go_too(side(r)?, mine, go, &self.fields()?))
    }

    /// The responder answers; with flight 2.
    fn answer(&self, asked: Asked) -> Result<(ExpectGiveInfo, Vec<u8>), Wrong> {
        let (i, mut words, mut out) = (&self.setup.i, Vec::new(), Vec::new());
        let records = self.case.fields().object("records")?;
        frames::encode(&records.objects("answer")?, &mut words)?;
        let claim = Claim {
            key: public(i, "public")?,
            incarnation: i.u64("incarnation")?,
            fields: self.fields()?,
        };
        let entropy = self.setup.entropy()?;
        let next = asked.answer(claim, &self.said()?, &words, entropy, &mut out);
        Ok((good("ANSWER", next)?, out))
    }

    /// The responder that has answered the flight 1 of the case.
    fn answered(&self) -> Result<(ExpectGiveInfo, Vec<u8>), Wrong> {
        let (_, mut flight1) = self.initiator(&self.early()?)?;
        let mut seen = Seen::new(Duration::from_secs(40));
        self.answer(unrefused(self.asked(&mut seen, &mut flight1))?)
    }
}

/// The initiator takes flight 2.
fn heard(expect: ExpectIam, flight: &mut [u8]) -> Result<Answered, Stop> {
    let (state, mut rest) = ("ExpectIam", flight);
    let iam = item(state, &mut rest, &IAM_LEN)?;
    let next = expect.handle(&iam).map_err(at(state))?;
    let state = "ExpectReplyInfo";
    let replyinfo = item(state, &mut rest, &REPLYINFO_LEN)?;
    let next = next.handle(&replyinfo).map_err(at(state))?;
    let state = "ExpectAnswer";
    let answer = item(state, &mut rest, &ANSWER_LEN)?;
    let next = next.handle(&answer).map_err(at(state))?;
    let theirs = next.side().other();
    next.said()
        .check(Within::GoToo, theirs)
        .map_err(at(state))?;
    end(rest)?;
    Ok(next)
}

/// The responder takes flight 3; the records behind it are left over.
fn proven(expect: ExpectGiveInfo, flight: &mut [u8]) -> Result<(Accepted, &mut [u8]), Stop> {
    let (state, mut rest) = ("ExpectGiveInfo", flight);
    let giveinfo = item(state, &mut rest, &GIVEINFO_LEN)?;
    let next = expect.handle(&giveinfo).map_err(at(state))?;
    let state = "ExpectGo";
    let go = item(state, &mut rest, &GO_LEN)?;
    Ok((next.handle(&go).map_err(at(state))?, rest))
}

fn whole(case: &Case, backend: Backend) -> Result<(), Wrong> {
    let (meeting, fields) = (Meeting::new(case, backend)?, case.fields());
    let (wires, items) = (fields.object("flights")?, fields.object("items")?);
    let records = fields.object("records")?;
    check(case, meeting.setup.for_use, backend)?;
    let flight = |number: &str, names: &[&str], ours: &[u8]| {
        same(number, ours, &wires.bytes(number)?)?;
        let parts = names.iter().map(|name| Ok(lp(&items.bytes(name)?)));
        let parts = parts.collect::<Result<Vec<_>, Wrong>>()?.concat();
        same(number, ours, &parts)
    };

    let (expect, mut flight1) = meeting.initiator(&meeting.early()?)?;
    flight("1", &["iwant", "early"], &flight1)?;
    let mut seen = Seen::new(Duration::from_secs(40));
    let asked = unrefused(meeting.asked(&mut seen, &mut flight1))?;
    let h = fields.object("values")?.bytes("h_iwant")?;
    same("h that EARLY is for", asked.h(), &h)?;
    let dh = fields.object("values")?.bytes("target_secret")?;
    same("X25519(x_i, B_t)", &asked.introduced().dh[..], &dh)?;
    let (answering, mut flight2) = meeting.answer(asked)?;
    flight("2", &["iam", "replyinfo", "answer"], &flight2)?;

    let mut i = unrefused(heard(expect, &mut flight2))?;
    meeting.setup.is_peer(&meeting.setup.r, i.peer())?;
    equal("ANSWER", *i.said(), meeting.said()?)?;
    frames::compare(&i.take_frames(), &records.objects("answer")?)?;
    let mut flight3 = Vec::new();
    let (mut at_i, mut to_r) = good("GO", i.go(Carried::Stream, &mut flight3))?;
    flight("3", &["giveinfo", "go"], &flight3)?;
    let behind_go = records.objects("behind_go")?;
    flight3.extend(seal(&mut to_r, &behind_go)?);

    let (accepted, rest) = unrefused(proven(answering, &mut flight3))?;
    let anonymous = accepted.peer().is_anonymous();
    equal("anonymity", anonymous, meeting.setup.i.bool("anonymous")?)?;
    let rest = rest.to_vec();
    let (mut at_r, mut to_i) = accepted.pipe(Carried::Stream);
    opened(&mut at_r.opener, rest, &behind_go)?;
    holds(!to_i.must_speak(), || "GOTOO waits".to_owned())?;
    let behind_answer = records.objects("behind_answer")?;
    let sent = seal(&mut to_i, &behind_answer)?;
    opened(&mut at_i.opener, sent, &behind_answer)?;
    ends(&meeting.setup, &fields.object("values")?, &at_i, &at_r)
}

fn refused(case: &Case, backend: Backend) -> Result<(), Wrong> {
    let fields = case.fields();
    let meeting = Meeting::new(base(fields.text("base")?)?, backend)?;
    let mut wire = fields.bytes("wire")?;
    let taken = match fields.number("flight")? {
        1 => {
            let mut seen = Seen::new(Duration::from_secs(40));
            if fields.has("kept") {
                for x_i in fields.byte_strings("kept")? {
                    let x_i = x_i.try_into().map_err(|_| Wrong::new("no x_i"))?;
                    seen.is_new(Instant::ZERO, &x_i);
                }
            }
            meeting.asked(&mut seen, &mut wire).map(drop)
        }
        2 => {
            let early = if fields.has("early") {
                fields.bytes("early")?
            } else {
                meeting.early()?
            };
            heard(meeting.initiator(&early)?.0, &mut wire).map(drop)
        }
        _ => proven(meeting.answered()?.0, &mut wire).map(drop),
    };
    let (state, violation) = match taken {
        Ok(()) => return Err(Wrong::new("it was accepted")),
        Err(Stop::Wrong(wrong)) => return Err(wrong),
        Err(Stop::Refused { state, violation }) => (state, violation),
    };
    equal("the state that refuses", state, fields.text("state")?)?;
    let clauses = case.clauses();
    holds(
        clauses.iter().all(|clause| allows(clause, &violation)),
        || format!("refused with {violation:?}, which is no way to break {clauses:?}"),
    )
}

/// Whether this is a violation that a breach of the clause can show as.
fn allows(clause: &str, violation: &Violation) -> bool {
    use Violation as V;
    match clause {
        "VTP-4" => *violation == V::NotForUs,
        "VTP-5" => *violation == V::Replayed,
        "VTP-8" => *violation == V::Unsealed,
        "VTP-12" => *violation == V::InitiatorUnproven,
        "RDV-13" => matches!(violation, V::Unsealed | V::InitiatorUnproven),
        "RDV-10" => *violation == V::Length,
        "RDV-14" => matches!(violation, V::Length | V::Unsealed),
        "RDV-15" => matches!(violation, V::OtherBearer | V::OtherFields),
        _ => false,
    }
}
