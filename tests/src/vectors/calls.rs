//! calls.json: handshakes that begin with a ticket.

use super::tickets::promised;
use super::{Case, Fields, File, Wrong, bad, equal, good, holds, load, same, some};
use pluribus_mix::crypto::aead::{Aead, Backend, Key};
use pluribus_mix::crypto::dh::Scalar;
use pluribus_mix::crypto::kdf::{Label, Secret, hash};
use pluribus_mix::crypto::sign::SigningKey;
use pluribus_mix::directory::Wall;
use pluribus_mix::rendezvous::early::{Called, Early, Owed, Ruling, call};
use pluribus_mix::rendezvous::splice::{Opening, Splice};
use pluribus_mix::rendezvous::{Introduction, Issued, Refused, Ticket};
use pluribus_mix::time::{Duration, Instant};
use pluribus_mix::vattp::introduced::initiator::{Answered, ExpectIam};
use pluribus_mix::vattp::introduced::responder::ExpectGiveInfo;
use pluribus_mix::vattp::pair::PairFields;
use pluribus_mix::vattp::pipe::{CELL_LEN, Carried};
use pluribus_mix::vattp::seen::Seen;
use pluribus_mix::vattp::{Hints, Local, Violation, initiator, responder};
use std::sync::{Arc, OnceLock};

/// Runs one case.
pub fn run(case: &Case, backend: Backend) -> Result<(), Wrong> {
    let fields = &case.fields();
    match case.kind() {
        "call" => a_call(fields, backend),
        "early refused" => early_refused(case, backend),
        "cell refused" => cell_refused(fields, backend),
        kind => Err(Wrong::new(format!("unknown kind {kind:?}"))),
    }
}

fn base(name: &str) -> Result<&'static Case, Wrong> {
    static FILE: OnceLock<Result<File, Wrong>> = OnceLock::new();
    let file = FILE.get_or_init(|| load("calls"));
    let file = file.as_ref().map_err(Wrong::clone)?;
    let found = file.cases.iter().find(|case| case.name() == name);
    some("the base is not there", found)
}

fn lp(bytes: &[u8]) -> Vec<u8> {
    super::schedule::lp(bytes)
}

/// Both sides of a call, as a case sets them up.
struct Setup<'c> {
    fields: Fields<'c>,
    i: Fields<'c>,
    r: Fields<'c>,
    items: Fields<'c>,
    introduction: Introduction,
    backend: Backend,
}

impl<'c> Setup<'c> {
    fn new(fields: &Fields<'c>, backend: Backend) -> Result<Self, Wrong> {
        let bytes = fields.bytes("introduction")?;
        let introduction = Introduction::parse(&bytes, &promised(fields)?);
        Ok(Self {
            i: fields.object("initiator")?,
            r: fields.object("responder")?,
            items: fields.object("items")?,
            introduction: good("the introduction", introduction)?,
            fields: fields.clone(),
            backend,
        })
    }

    fn local(&self, fields: &Fields<'_>) -> Result<Local, Wrong> {
        Ok(Local {
            key: Arc::new(SigningKey::from_seed(&fields.array("seed")?)),
            incarnation: fields.u64("incarnation")?,
            hints: Hints::default(),
            backend: self.backend,
        })
    }

    fn now(&self) -> Result<Wall, Wrong> {
        Ok(promised(&self.fields)?.now)
    }

    fn pair(&self, fields: &Fields<'_>) -> Result<PairFields, Wrong> {
        good(
            "the pair fields",
            PairFields::decode(&fields.bytes("pair")?),
        )
    }

    /// The call, and flight 1.
    fn called(&self) -> Result<(Called, Vec<u8>), Wrong> {
        let (i, mut flight) = (&self.i, Vec::new());
        let entropy = initiator::Entropy {
            x_i: i.array("x_secret")?.into(),
            kem: super::schedule::kem_seed(i)?.into(),
        };
        let again = self.introduction.to_bytes();
        let again = Introduction::parse(&again, &promised(&self.fields)?);
        let called = call(
            &good("the introduction again", again)?,
            self.local(i)?,
            self.now()?,
            entropy,
            &self.pair(i)?,
            &self.fields.bytes("frames")?,
            &mut flight,
        );
        Ok((good("the call", called)?, flight))
    }

    /// Carol, with her ticket out.
    fn issued(&self) -> Result<Issued, Wrong> {
        let mut issued = Issued::default();
        let prekey = Scalar::from_bytes(self.fields.array("b_secret")?.into());
        let ticket = self.introduction.ticket();
        same("B_t", &prekey.public(), ticket.prekey())?;
        good("the ticket", issued.remember(ticket, prekey))?;
        Ok(issued)
    }

    /// What she makes of these items behind that first cell.
    fn early(
        &self,
        issued: &Issued,
        opening: &Opening,
        early: &[u8],
        now: Wall,
    ) -> Result<Result<(Early, Splice), Failed>, Wrong> {
        let met = issued.meet(opening, self.introduction.ticket().spot(), self.backend);
        let met = some("nobody is met", met)?;
        let (mut seen, local) = (Seen::new(Duration::from_secs(9)), self.local(&self.r)?);
        let iwant = self.items.bytes("iwant")?;
        let asked = match met.asked(&iwant, &local, &mut seen, Instant::ZERO) {
            Ok(asked) => asked,
            Err(violation) => return Ok(Err(Failed::Asked(violation))),
        };
        let (asked, splice) = asked;
        let early = asked.early(early, now).map(|early| (early, splice));
        Ok(early.map_err(Failed::Early))
    }

    fn cells(&self, flight: &str) -> Result<Vec<[u8; CELL_LEN]>, Wrong> {
        let cells = self.fields.object("cells")?.byte_strings(flight)?;
        let cells = cells.into_iter().map(TryInto::try_into);
        let cells: Result<_, _> = cells.collect();
        cells.map_err(|_| Wrong::new("a cell of another length"))
    }
}

/// Where a call was refused.
#[derive(Debug)]
enum Failed {
    Asked(Violation),
    Early(Refused),
}

/// This flight goes into these cells, and comes out of them again.
fn travels(
    flight: &[u8],
    cells: &[[u8; CELL_LEN]],
    from: &mut Splice,
    to: &mut Splice,
) -> Result<(), Wrong> {
    let mut sealed = Vec::new();
    good("a flight", from.seal(flight, &mut sealed))?;
    same("the cells of a flight", &sealed, cells.as_flattened())?;
    let mut plain = Vec::new();
    for cell in cells {
        let mut cell = *cell;
        plain.extend_from_slice(good("a cell", to.open(&mut cell))?);
    }
    let (head, rest) = plain.split_at(flight.len().min(plain.len()));
    same("the flight out of its cells", head, flight)?;
    let zeros = rest.iter().all(|byte| *byte == 0);
    holds(zeros, || "no zeros behind a flight".to_owned())
}

fn a_call(fields: &Fields<'_>, backend: Backend) -> Result<(), Wrong> {
    let setup = Setup::new(fields, backend)?;
    let (items, values) = (&setup.items, fields.object("values")?);
    schedule(&setup, &values)?;
    let (mut called, flight1) = setup.called()?;
    let item = |name: &str| Ok(lp(&items.bytes(name)?));
    let pair = |one, two| Ok([item(one)?, item(two)?].concat());
    same("flight 1", &flight1, &pair("iwant", "early")?)?;

    let cells = setup.cells("1")?;
    let opening = Opening::of(some("no cell", cells.first())?);
    let mut issued = setup.issued()?;
    let early = items.bytes("early")?;
    let heard = setup.early(&issued, &opening, &early, setup.now()?)?;
    let (early, mut splice) = good("EARLY", heard)?;
    travels(&flight1, &cells, &mut called.splice, &mut splice)?;
    let held = good("the ticket", issued.spend(early))?;
    let (frames, owed) = held.decide(Ruling::Live);
    let frames = some("no first words", frames)?;
    same("the first words", &frames, &fields.bytes("frames")?)?;
    let (expect, flight2) = answer(&setup, owed)?;
    let all = [item("iam")?, item("replyinfo")?, item("answer")?].concat();
    same("flight 2", &flight2, &all)?;
    travels(
        &flight2,
        &setup.cells("2")?,
        &mut splice,
        &mut called.splice,
    )?;

    let answered = answered(&setup, called.expect)?;
    let mut flight3 = Vec::new();
    let gone = answered.go(Carried::Stream, &mut flight3);
    let (at_i, _) = good("GO", gone)?;
    same("flight 3", &flight3, &pair("giveinfo", "go")?)?;
    travels(
        &flight3,
        &setup.cells("3")?,
        &mut called.splice,
        &mut splice,
    )?;
    let accepted = expect.handle(&items.bytes("giveinfo")?);
    let accepted = good("GIVEINFO", accepted)?.handle(&items.bytes("go")?);
    let (at_r, _) = good("GO", accepted)?.pipe(Carried::Stream);
    let exporter = values.bytes("exporter")?;
    same("the caller's exporter", at_i.exporter.as_bytes(), &exporter)?;
    same("the callee's exporter", at_r.exporter.as_bytes(), &exporter)
}

/// Flight 2, as the responder says it.
fn answer(setup: &Setup<'_>, owed: Owed) -> Result<(ExpectGiveInfo, Vec<u8>), Wrong> {
    let entropy = responder::Entropy {
        x_r: setup.r.array("x_secret")?.into(),
        m: setup.r.array("kem_m")?.into(),
    };
    let (said, frames) = (setup.pair(&setup.r)?, setup.fields.bytes("answer")?);
    let mut flight = Vec::new();
    let expect = owed.answer(&said, &frames, entropy, &mut flight);
    Ok((good("the answer", expect)?, flight))
}

/// Flight 2, as the caller hears it.
fn answered(setup: &Setup<'_>, expect: ExpectIam) -> Result<Answered, Wrong> {
    let items = &setup.items;
    let proven = expect.handle(&items.bytes("iam")?);
    let proven = good("IAM", proven)?.handle(&items.bytes("replyinfo")?);
    let answered = good("REPLYINFO", proven)?.handle(&items.bytes("answer")?);
    let mut answered = good("ANSWER", answered)?;
    equal("ANSWER", *answered.said(), setup.pair(&setup.r)?)?;
    let frames = setup.fields.bytes("answer")?;
    same("the answer's words", &answered.take_frames(), &frames)?;
    Ok(answered)
}

/// The values between the items, from the primitives once more.
fn schedule(setup: &Setup<'_>, values: &Fields<'_>) -> Result<(), Wrong> {
    let (items, ticket) = (&setup.items, setup.introduction.ticket());
    let x_i = Scalar::from_bytes(setup.i.array("x_secret")?.into());
    let dh = some("X25519(x_i, B_t) is zero", x_i.agree(ticket.prekey()))?;
    same("X25519(x_i, B_t)", &*dh, &values.bytes("target_secret")?)?;
    let h0 = hash(&[Label::VATTP.as_bytes(), &[3]]);
    let h_iwant = hash(&[&h0, &lp(&items.bytes("iwant")?)]);
    let early = items.bytes("early")?;
    let h_early = hash(&[&h_iwant, &lp(&early)]);
    let iam = items.bytes("iam")?;
    let h_iam = hash(&[&h_early, &lp(&iam)]);
    let secret = ticket.secret().as_bytes();
    let part = [lp(&*dh), lp(secret)].concat();
    let key = Secret::extract(&h_iwant, &[&part]).expand(Label::EARLY, b"");
    let id = ticket.id();
    let mut sealed = early.get(16..).unwrap_or_default().to_vec();
    let plain = Key::new(setup.backend, key.as_bytes()).open(0, id.as_bytes(), &mut sealed);
    let plain = good("EARLY", plain)?;
    same("EARLY opened", plain, &values.bytes("early_plain")?)?;
    let x_r = Scalar::from_bytes(setup.r.array("x_secret")?.into());
    let shared = some("X25519(x_i, x_r) is zero", x_i.agree(&x_r.public()))?;
    let ct = some("IAM is too short", iam.last_chunk())?;
    let kem = super::schedule::kem(&setup.i)?.0.open(ct);
    let own = [lp(&*shared), lp(&*kem)].concat();
    let hs = Secret::extract(&h_iam, &[&own, &part]);
    let h_replyinfo = hash(&[&h_iam, &lp(&items.bytes("replyinfo")?)]);
    let h_answer = hash(&[&h_replyinfo, &lp(&items.bytes("answer")?)]);
    let place = ticket.spot().place();
    let prk = Secret::extract(Label::FLIGHT.as_bytes(), &[&part]);
    let flight = |back: u8| {
        let context = [&[back][..], id.as_bytes(), &x_i.public(), &place].concat();
        prk.expand(Label::FLIGHT, &context)
    };
    for (name, ours) in [
        ("h_iwant", &h_iwant),
        ("h_early", &h_early),
        ("h_iam", &h_iam),
        ("h_answer", &h_answer),
        ("early_key", key.as_bytes()),
        ("hs", hs.as_bytes()),
        ("flight_key_out", flight(0).as_bytes()),
        ("flight_key_back", flight(1).as_bytes()),
    ] {
        same(name, ours, &values.bytes(name)?)?;
    }
    Ok(())
}

fn early_refused(case: &Case, backend: Backend) -> Result<(), Wrong> {
    let fields = case.fields();
    let setup = Setup::new(&base(fields.text("base")?)?.fields(), backend)?;
    let opening = Opening {
        selector: *setup.introduction.ticket().id().as_bytes(),
        x_i: fields.array("x_i")?,
    };
    let (early, now) = (fields.bytes("early")?, Wall(fields.small("now")?));
    let issued = setup.issued()?;
    let clauses = case.clauses();
    let clause = clauses.first().copied().unwrap_or_default();
    let heard = setup.early(&issued, &opening, &early, now)?.map(drop);
    let failed = bad("EARLY", heard)?;
    let fits = match &failed {
        Failed::Asked(Violation::NotForUs) => clause == "RDV-9",
        Failed::Early(Refused::Wider | Refused::TooOften) => clause == "RDV-4",
        // The signature of EARLY, or that of a delegation.
        Failed::Early(Refused::Forged) => clause == "RDV-10" || clause == "RDV-4",
        Failed::Early(Refused::Unsealed | Refused::OtherTicket | Refused::Malformed(_)) => {
            clause == "RDV-10"
        }
        Failed::Early(Refused::Expired | Refused::NotForYou) => clause == "RDV-11",
        Failed::Early(Refused::PairFields) => clause == "VTP-19",
        _ => false,
    };
    holds(fits, || format!("refused for {failed:?}, wanted {clause}"))?;
    // It has cost the ticket nothing.
    let opening = Opening {
        x_i: Scalar::from_bytes(setup.i.array("x_secret")?.into()).public(),
        ..opening
    };
    let early = setup.items.bytes("early")?;
    let heard = setup.early(&issued, &opening, &early, setup.now()?)?;
    good("EARLY of the base", heard).map(drop)
}

fn cell_refused(fields: &Fields<'_>, backend: Backend) -> Result<(), Wrong> {
    let setup = Setup::new(&base(fields.text("base")?)?.fields(), backend)?;
    let (mut called, _) = setup.called()?;
    let ticket: &Ticket = setup.introduction.ticket();
    let first = setup.cells("1")?;
    let (wrong, number) = (fields.bytes("cell")?, fields.number("flight")?);
    let mut wrong: [u8; CELL_LEN] = good("the cell", wrong.try_into().map_err(|_| "length"))?;
    let at = fields.number("at")?;
    let head = if (number, at) == (1, 0) {
        &wrong
    } else {
        some("no cell", first.first())?
    };
    let issued = setup.issued()?;
    let met = issued.meet(&Opening::of(head), ticket.spot(), backend);
    let Some(mut met) = met else {
        // Nobody is met: there is no such ticket.
        return holds((number, at) == (1, 0), || "nobody is met".to_owned());
    };
    for flight in 1..=number {
        let opens = if flight == 2 {
            &mut called.splice
        } else {
            &mut met.splice
        };
        for (place, mut cell) in setup.cells(&flight.to_string())?.into_iter().enumerate() {
            if (flight, place) == (number, at) {
                let opened = opens.open(&mut wrong).map(|_| ());
                return bad("the cell", opened).map(drop);
            }
            good("a cell before it", opens.open(&mut cell))?;
        }
    }
    Err(Wrong::new("there is no such cell"))
}
