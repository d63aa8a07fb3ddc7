//! captp_certificates.json: ids, and what is signed with the keys of sessions.

use super::{Case, Fields, Wrong, captp_shown, equal, good, same};
use pluribus_mix::crypto::aead::Backend;
use vat_demo::captp::certificate::{
    BadSignature, KeyForm, PublicId, PublicKey, SessionId, SessionKey, Signature, SignedGive,
    SignedReceive, sign_location, verify_location,
};
use vat_demo::captp::dialect::{B, Dialect};
use vat_demo::captp::locator::Peer;
use vat_demo::captp::op::{Desc, Op};
use vat_demo::value::Value;

const FORM: KeyForm = KeyForm::Lists;

/// Runs one case.
///
/// # Errors
/// If the implementation differs; so with all here.
pub fn run(case: &Case, _: Backend) -> Result<(), Wrong> {
    let fields = &case.fields();
    match case.kind() {
        "id" => {
            let public = seed(fields)?.public();
            same("the public key", &public.0, &fields.bytes("public")?)?;
            same("the public id", &public.id(FORM).0, &fields.bytes("id")?)
        }
        "session" => {
            let (one, two) = (fields.array("one")?, fields.array("two")?);
            let id = SessionId::of(PublicId(one), PublicId(two));
            same("the session id", &id.0, &fields.bytes("session")?)
        }
        "location" => location(fields),
        "bad location" => {
            let (key, peer, signature) = start(fields)?;
            bad(verify_location(&key, &peer, &signature))
        }
        "give" => give(fields),
        "bad give" => bad(the_give(fields)?.verify(&gifter(fields)?, FORM)),
        "receive" => receive(fields),
        "bad receive" => {
            let signed = the_receive(fields)?;
            let give = signed.receive.signed_give.verify(&gifter(fields)?, FORM);
            let good = fields.bool("receive_good")?;
            equal("the receive", signed.verify(FORM).is_ok(), good)?;
            equal("its give", give.is_ok(), fields.bool("give_good")?)
        }
        kind => Err(Wrong::new(format!("unknown kind {kind:?}"))),
    }
}

fn seed(fields: &Fields<'_>) -> Result<SessionKey, Wrong> {
    Ok(SessionKey::from_seed(&fields.array("seed")?))
}

fn gifter(fields: &Fields<'_>) -> Result<PublicKey, Wrong> {
    Ok(PublicKey(fields.array("gifter")?))
}

fn bad(verified: Result<(), BadSignature>) -> Result<(), Wrong> {
    equal("what is bad", verified, Err(BadSignature))
}

fn start(fields: &Fields<'_>) -> Result<(PublicKey, Peer, Signature), Wrong> {
    match good("the operation", B.decode(&fields.bytes("start")?))? {
        Op::StartSession {
            key,
            location,
            signature,
            ..
        } => Ok((key, location, signature)),
        op => Err(Wrong::new(format!("{op:?}"))),
    }
}

fn location(fields: &Fields<'_>) -> Result<(), Wrong> {
    let (key, peer, signature) = start(fields)?;
    same("the signature", &signature.0, &fields.bytes("signature")?)?;
    good("the location", verify_location(&key, &peer, &signature))?;
    let ours = sign_location(&seed(fields)?, &peer);
    same("our signature", &ours.0, &signature.0)
}

/// The only argument of the message.
fn argument(fields: &Fields<'_>) -> Result<Desc, Wrong> {
    let message = fields.bytes("message")?;
    let op = good("the operation", B.decode(&message))?;
    let mut out = Vec::new();
    good("the operation to be written", B.encode(&op, &mut out))?;
    same("what is written", &out, &message)?;
    match op {
        Op::Deliver { mut args, .. } => match args.pop() {
            Some(Value::Ref(desc)) => Ok(desc),
            other => Err(Wrong::new(format!("{other:?}"))),
        },
        op => Err(Wrong::new(format!("{op:?}"))),
    }
}

fn the_give(fields: &Fields<'_>) -> Result<SignedGive, Wrong> {
    match argument(fields)? {
        Desc::Give(give) => Ok(*give),
        desc => Err(Wrong::new(format!("{desc:?}"))),
    }
}

fn the_receive(fields: &Fields<'_>) -> Result<SignedReceive, Wrong> {
    match argument(fields)? {
        Desc::Receive(receive) => Ok(*receive),
        desc => Err(Wrong::new(format!("{desc:?}"))),
    }
}

fn give(fields: &Fields<'_>) -> Result<(), Wrong> {
    let (signed, key) = (the_give(fields)?, seed(fields)?);
    equal(
        "the give",
        captp_shown::give(&signed).as_str(),
        fields.text("give")?,
    )?;
    good("the give", signed.verify(&key.public(), FORM))?;
    let ours = signed.give.sign(&key, FORM).signature;
    same("our signature", &ours.0, &fields.bytes("signature")?)
}

fn receive(fields: &Fields<'_>) -> Result<(), Wrong> {
    let (signed, key) = (the_receive(fields)?, seed(fields)?);
    equal(
        "the receive",
        captp_shown::receive(&signed).as_str(),
        fields.text("receive")?,
    )?;
    good("the receive", signed.verify(FORM))?;
    let give = &signed.receive.signed_give;
    good("its give", give.verify(&gifter(fields)?, FORM))?;
    let ours = signed.receive.sign(&key, FORM).signature;
    same("our signature", &ours.0, &fields.bytes("signature")?)
}
