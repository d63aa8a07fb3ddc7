//! hop_handshake.json: a client asks a relay, and what either refuses.

use super::schedule::{kem, kem_seed, lp};
use super::{Case, Fields, File, Wrong, bad, equal, good, holds, load, same, some};
use pluribus_mix::crypto::aead::Backend;
use pluribus_mix::crypto::dh::Scalar;
use pluribus_mix::crypto::kdf::{Label, Secret, hash};
use pluribus_mix::crypto::rng::Seed;
use pluribus_mix::id::RelayId;
use pluribus_mix::onion::handshake::{
    Answerer, Asked, Entropy, HopSecrets, REPLY, REQUEST, Refused, Settings, ask,
};
use pluribus_mix::onion::hop::{Forward, Hop, Why};
use pluribus_mix::onion::{CELL, Cell, halves, joined};
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// Runs one case.
///
/// # Errors
/// If the implementation differs; so with all here.
pub fn run(case: &Case, _: Backend) -> Result<(), Wrong> {
    let fields = &case.fields();
    match case.kind() {
        "handshake" => handshake(fields),
        "bad onion key" => bad_onion_key(fields),
        "request refused" => request_refused(case),
        "request accepted" => request_accepted(fields),
        "other class" => other_class(fields),
        "reply refused" => reply_refused(fields),
        "on a link" => on_a_link(fields),
        "on a link refused" => on_a_link_refused(fields),
        kind => Err(Wrong::new(format!("unknown kind {kind:?}"))),
    }
}

/// A case of this file by its name.
fn base(of: &Fields<'_>) -> Result<Fields<'static>, Wrong> {
    static FILE: OnceLock<Result<File, Wrong>> = OnceLock::new();
    let file = FILE.get_or_init(|| load("hop_handshake"));
    let file = file.as_ref().map_err(Wrong::clone)?;
    let name = of.text("base")?;
    let found = file.cases.iter().find(|case| case.name() == name);
    some("the base is not there", found).map(Case::fields)
}

fn id(fields: &Fields<'_>) -> Result<RelayId, Wrong> {
    good("the id", RelayId::from_bytes(&fields.array("id")?))
}

fn settings(fields: &Fields<'_>) -> Result<Settings, Wrong> {
    Ok(Settings {
        live: fields.small("live")?,
        class: fields.small("class")?,
        start: fields.u64("start")?,
    })
}

fn scalar(fields: &Fields<'_>, name: &str) -> Result<Scalar, Wrong> {
    Ok(Scalar::from_bytes(fields.array(name)?.into()))
}

/// The client of a case, and its request.
fn client(fields: &Fields<'_>) -> Result<Option<(Asked, [u8; REQUEST])>, Wrong> {
    let entropy = Entropy {
        scalar: fields.array("x_secret")?.into(),
        kem: kem_seed(fields)?.into(),
    };
    let (id, onion) = (id(fields)?, fields.array("onion_public")?);
    let known = fields.has("live").then(|| settings(fields)).transpose()?;
    let any = Settings {
        live: 0,
        class: 0,
        start: 0,
    };
    Ok(ask(&id, &onion, known.unwrap_or(any), entropy))
}

fn asked(fields: &Fields<'_>) -> Result<(Asked, [u8; REQUEST]), Wrong> {
    some("the onion key is refused", client(fields)?)
}

/// What a relay answers.
type Answer = Result<(HopSecrets, Settings, [u8; REPLY]), Refused>;

/// The relay of a case.
struct Relay<'f> {
    fields: Fields<'f>,
    answerer: Answerer,
    /// That of the circuit's id; without pacing 0. (PAC-3)
    class: u8,
}

impl<'f> Relay<'f> {
    fn new(fields: Fields<'f>) -> Result<Self, Wrong> {
        let answerer = Answerer::new(id(&fields)?, scalar(&fields, "onion_secret")?);
        same("B", &answerer.onion(), &fields.bytes("onion_public")?)?;
        let class = fields.small("class")?;
        Ok(Self {
            fields,
            answerer,
            class,
        })
    }

    fn answer(&mut self, request: &[u8; REQUEST]) -> Result<Answer, Wrong> {
        let m = self.fields.bytes("kem_m")?;
        let mut kem = [0; 64];
        kem.iter_mut().zip(m).for_each(|(to, from)| *to = from);
        let entropy = Entropy {
            scalar: self.fields.array("y_secret")?.into(),
            kem: kem.into(),
        };
        Ok(self.answerer.answer(request, self.class, entropy))
    }
}

fn secrets(what: &str, ours: &HopSecrets, values: &Fields<'_>) -> Result<(), Wrong> {
    for (way, ours) in [("forward", &ours.forward), ("backward", &ours.backward)] {
        let what = format!("{what}'s secret {way}");
        same(&what, ours.as_bytes(), &values.bytes(way)?)?;
    }
    Ok(())
}

fn handshake(fields: &Fields<'_>) -> Result<(), Wrong> {
    let values = fields.object("values")?;
    let (asked, request) = asked(fields)?;
    same("the request", &request, &fields.bytes("request")?)?;
    let answer = Relay::new(fields.clone())?.answer(&request)?;
    let (ours, heard, reply) = good("the request", answer)?;
    same("the reply", &reply, &fields.bytes("reply")?)?;
    equal("the settings", heard, settings(fields)?)?;
    secrets("the relay", &ours, &values)?;
    let ours = good("the reply", asked.finish(&reply))?;
    secrets("the client", &ours, &values)?;
    by_hand(fields, &values)
}

/// The printed values, each from those before it.
fn by_hand(fields: &Fields<'_>, values: &Fields<'_>) -> Result<(), Wrong> {
    let ours = derived(fields)?;
    let names: Vec<&str> = values.names().collect();
    equal("the names", ours.keys().copied().collect::<Vec<_>>(), names)?;
    for (name, ours) in &ours {
        same(name, ours, &values.bytes(name)?)?;
    }
    Ok(())
}

type Values = BTreeMap<&'static str, Vec<u8>>;

fn derived(fields: &Fields<'_>) -> Result<Values, Wrong> {
    let (id, b) = (fields.bytes("id")?, fields.array("onion_public")?);
    let (x, y) = (scalar(fields, "x_secret")?, scalar(fields, "y_secret")?);
    let (dk, ek) = kem(fields)?;
    same("x_public", &x.public(), &fields.bytes("x_public")?)?;
    let (request, reply) = (fields.bytes("request")?, fields.bytes("reply")?);
    let sealed = request.get(1256..).unwrap_or_default();
    let ct = some(
        "no ciphertext",
        reply.get(32..).and_then(<[u8]>::first_chunk),
    )?;
    let name = hash(&[&b]);
    let (dh_xy, dh_xb) = (x.agree(&y.public()), x.agree(&b));
    let (dh_xy, dh_xb) = (some("X25519(x, Y)", dh_xy)?, some("X25519(x, B)", dh_xb)?);
    let context = [&id[..], &name, &x.public(), &*ek].concat();
    let settings_key = Secret::extract(Label::HOP_SETTINGS.as_bytes(), &[&*dh_xb]);
    let settings_key = settings_key.expand(Label::HOP_SETTINGS, &context);
    let kem_secret = dk.open(ct);
    let parts: [&[u8]; 7] = [&id, &b, &x.public(), &*ek, sealed, &y.public(), ct];
    let parts: Vec<u8> = parts.into_iter().flat_map(lp).collect();
    let th = hash(&[Label::HOP_TRANSCRIPT.as_bytes(), &parts]);
    let ikm = [lp(&*dh_xy), lp(&*dh_xb), lp(&*kem_secret)].concat();
    let prk = Secret::extract(&hash(&[Label::HOP.as_bytes()]), &[&ikm]);
    let auth_key = prk.expand(Label::HOP_AUTH, &th);
    let expanded = |label| prk.expand(label, &th).as_bytes().to_vec();
    let small = [fields.small("live")?, fields.small("class")?, 1];
    Ok(BTreeMap::from([
        ("hash_b", name.to_vec()),
        ("y_public", y.public().to_vec()),
        ("settings", [&small[..], &fields.bytes("start")?].concat()),
        ("settings_key", settings_key.as_bytes().to_vec()),
        ("dh_xy", dh_xy.to_vec()),
        ("dh_xb", dh_xb.to_vec()),
        ("kem_secret", kem_secret.to_vec()),
        ("th", th.to_vec()),
        ("prk", prk.as_bytes().to_vec()),
        ("auth_key", auth_key.as_bytes().to_vec()),
        ("auth", auth_key.mac(&[&th, b"relay"]).to_vec()),
        ("back_key", expanded(Label::HOP_SETTINGS_BACK)),
        ("forward", expanded(Label::HOP_FORWARD)),
        ("backward", expanded(Label::HOP_BACKWARD)),
    ]))
}

fn bad_onion_key(fields: &Fields<'_>) -> Result<(), Wrong> {
    let asks = client(fields)?.is_some();
    holds(!asks, || "the client asks".to_owned())
}

fn request_refused(case: &Case) -> Result<(), Wrong> {
    let fields = &case.fields();
    let mut relay = Relay::new(base(fields)?)?;
    for before in fields.byte_strings("before")? {
        let before = before.try_into();
        let before = before.map_err(|_| Wrong::new("a request of another length"))?;
        good("the request before", relay.answer(&before)?)?;
    }
    let answer = relay.answer(&fields.array("request")?)?;
    let refused = bad("the request", answer)?;
    let wanted = reason(case.name());
    equal("the reason", refused, some("no reason is known", wanted)?)
}

/// What a request is refused for, by the name of its case.
fn reason(name: &str) -> Option<Refused> {
    let name = name.strip_prefix("request: ")?;
    let known = [
        ("another id", Refused::Id),
        ("another H(B)", Refused::OnionKey),
        ("the end of H(B)", Refused::OnionKey),
        ("X is ", Refused::LowOrder),
        ("the same again", Refused::Seen),
        ("an X seen", Refused::Seen),
        ("ek that fails", Refused::Kem),
        ("live count", Refused::Live),
        ("class", Refused::Class),
        ("version", Refused::Version),
        ("start 2^62", Refused::Start),
        ("the greatest start", Refused::Start),
        ("a bit of", Refused::Sealed),
        ("the last bit of", Refused::Sealed),
        ("settings sealed", Refused::Sealed),
    ];
    let found = known.into_iter().find(|(head, _)| name.starts_with(head));
    found.map(|(_, reason)| reason)
}

fn request_accepted(fields: &Fields<'_>) -> Result<(), Wrong> {
    let mut relay = Relay::new(base(fields)?)?;
    let refused = relay.answer(&fields.array("refused")?)?;
    bad("the request before", refused)?;
    let answer = relay.answer(&fields.array("request")?)?;
    let (_, _, reply) = good("the request", answer)?;
    same("the reply", &reply, &fields.bytes("reply")?)
}

fn other_class(fields: &Fields<'_>) -> Result<(), Wrong> {
    let base = base(fields)?;
    let mut relay = Relay::new(base.clone())?;
    relay.class = fields.small("class")?;
    let answer = relay.answer(&base.array("request")?)?;
    equal("the reason", bad("the request", answer)?, Refused::Class)
}

fn reply_refused(fields: &Fields<'_>) -> Result<(), Wrong> {
    let (asked, _) = asked(&base(fields)?)?;
    let refused = bad("the reply", asked.finish(&fields.array("reply")?))?;
    equal("the reason", refused, Refused::Unproven)
}

fn cells(fields: &Fields<'_>, name: &str) -> Result<[Cell; 2], Wrong> {
    let bytes = fields.byte_strings(name)?.concat();
    let (cells, rest) = bytes.as_chunks::<CELL>();
    equal("bytes left over", rest.len(), 0)?;
    let cells = cells.try_into();
    cells.map_err(|_| Wrong::new(format!("{name} is not two cells")))
}

/// What a relay makes of the two cells in which it is asked.
fn heard(base: &Fields<'_>, [mut first, mut second]: [Cell; 2]) -> Result<Forward, Wrong> {
    let (mut relay, mut hop) = (Relay::new(base.clone())?, Hop::begin());
    let mut rng = Seed::from_bytes([3; 32]).fork("hop");
    let nothing = hop.forward(&mut first, &mut relay.answerer, &mut rng);
    let waits = matches!(nothing, Forward::Nothing);
    holds(waits, || "half a request is answered".to_owned())?;
    Ok(hop.forward(&mut second, &mut relay.answerer, &mut rng))
}

/// The request or reply in two cells.
fn whole<const N: usize>([first, second]: &[Cell; 2]) -> Result<Box<[u8; N]>, Wrong> {
    some("the cells are refused", joined(first, second))
}

fn on_a_link(fields: &Fields<'_>) -> Result<(), Wrong> {
    let base = base(fields)?;
    let (asking, answered) = (cells(fields, "asked")?, cells(fields, "answered")?);
    let (client, request) = asked(&base)?;
    same("the request", &*whole::<REQUEST>(&asking)?, &request)?;
    equal("the cells of the request", halves(&request), asking)?;
    let reply = base.array::<REPLY>("reply")?;
    same("the reply", &*whole::<REPLY>(&answered)?, &reply)?;
    equal("the cells of the reply", halves(&reply), answered)?;
    let Forward::Answer(ours) = heard(&base, asking)? else {
        return Err(Wrong::new("the relay does not answer"));
    };
    let ours = whole::<REPLY>(&ours)?;
    good("our answer", client.finish(&ours)).map(drop)
}

fn on_a_link_refused(fields: &Fields<'_>) -> Result<(), Wrong> {
    if fields.has("answered") {
        let [first, second] = cells(fields, "answered")?;
        let (said, reply) = ([first, second], base(fields)?.bytes("reply")?);
        let begins = said.as_flattened().starts_with(&reply);
        holds(begins, || "it is another reply".to_owned())?;
        let reply = joined::<REPLY>(&first, &second);
        return holds(reply.is_none(), || "the reply is taken".to_owned());
    }
    match heard(&base(fields)?, cells(fields, "asked")?)? {
        Forward::Close(Why::Padding) => Ok(()),
        _ => Err(Wrong::new("the relay does not close the circuit")),
    }
}
