//! What the library says to people: no secret, and nobody's name beside an address.

use crate::kit::{SECOND, key};
use pluribus_mix::crypto::aead::Key;
use pluribus_mix::crypto::dh::Scalar;
use pluribus_mix::crypto::kdf::Secret;
use pluribus_mix::crypto::kem::DecapsulationKey;
use pluribus_mix::crypto::rng::{Rng, Seed};
use pluribus_mix::crypto::sign::{PublicKey, SigningKey};
use pluribus_mix::id::{VatId, keyfile};
use pluribus_mix::locator::{Address, Locator, Sturdyref, Swissnum};
use pluribus_mix::netlayer::{ConnectError, Netlayer, SendError, SendFault};
use pluribus_mix::node::{LinkId, LinkRequest, Source, Trace};
use pluribus_mix::sim::{Fault, HostId, World};
use pluribus_mix::vattp::pipe::{Opener, Sealer};
use pluribus_mix::vattp::{Exporter, Violation};
use std::fmt::{Debug, Display};

/// Whether a type has a trait. An inherent constant goes before one of a trait, and it is there only if the bound holds.
macro_rules! has {
    ($type:ty: $($bound:tt)+) => {{
        #[allow(dead_code, reason = "where the bound holds nobody names it")]
        trait Lacks {
            const HAS: bool = false;
        }
        impl<T: ?Sized> Lacks for T {}
        struct Asked<T: ?Sized>(core::marker::PhantomData<T>);
        #[allow(dead_code, reason = "where the bound does not hold nobody names it")]
        impl<T: ?Sized + $($bound)+> Asked<T> {
            const HAS: bool = true;
        }
        <Asked<$type>>::HAS
    }};
}

/// The types among these that have `Debug`, `Display` or `Clone`.
macro_rules! tell_tales {
    ($($type:ty),+ $(,)?) => {{
        let asked = [$((
            stringify!($type),
            has!($type: Debug) || has!($type: Display) || has!($type: Clone),
        )),+];
        let tell_tales = asked.into_iter().filter(|(_, tells)| *tells);
        tell_tales.map(|(name, _)| name).collect::<Vec<_>>()
    }};
}

/// THR-7: nothing secret can be printed or copied. The control: what is not secret can.
#[test]
fn secrets_have_neither_debug_nor_clone() {
    let found = tell_tales!(
        SigningKey,
        Secret,
        Scalar,
        DecapsulationKey,
        Key,
        Seed,
        Rng,
        Sealer,
        Opener,
        Exporter,
    );
    assert_eq!(found, [""; 0]);
    assert_eq!(tell_tales!(PublicKey, Seed, VatId), ["PublicKey", "VatId"]);
}

/// A story in which much goes wrong: the texts that it leaves behind with runtimes, operators and tests.
fn texts(world: &mut World, vats: [HostId; 3]) -> Vec<String> {
    let [alice, bob, carol] = vats;
    let raw = world.raw_host("prober");
    let link = world.raw(raw).open(bob);
    world.raw(raw).send(link, [1; 4000]).unwrap();
    let conn = world.say(alice, bob, "hello").unwrap();
    world.run_for(SECOND);
    world.meddle(alice, bob, Box::new(|_, bytes| vec![vec![0; bytes.len()]]));
    world.say(alice, bob, "changed on its way").unwrap();
    let place = world.address(carol).unwrap().clone();
    world.listen(place, bob);
    world.say(alice, carol, "is it you?").unwrap();
    world.run_for(300 * SECOND);
    let refused = world.send(alice, conn, "too late").unwrap_err();
    let oneself = world.dial(alice, alice).unwrap_err();
    let mut texts = both([&refused, &oneself]);
    for vat in vats {
        texts.extend(both(world.traces(vat)));
        texts.extend(world.events(vat).iter().map(|event| format!("{event:?}")));
    }
    texts
}

fn both<'t, T: Debug + Display + 't>(them: impl IntoIterator<Item = &'t T>) -> Vec<String> {
    them.into_iter()
        .flat_map(|it| [format!("{it:?}"), format!("{it:#?}"), it.to_string()])
        .collect()
}

/// Every text that says something of a value that has a name, an address or a secret in it.
fn values(world: &World, vat: HostId) -> Vec<String> {
    let locator = world.locator(vat).clone();
    let address = locator.address().unwrap().clone();
    let fault = SendFault::Full;
    let message = b"what was said".to_vec();
    let sturdyref = Sturdyref::new(locator.clone(), Swissnum::new(b"a swissnum").unwrap());
    let open = LinkRequest::Open {
        link: LinkId(1),
        at: address.clone(),
    };
    let violation = Violation::NotForUs;
    let trace = Trace::Violation {
        link: LinkId(1),
        violation,
    };
    let wrong_key = keyfile::parse(b"no key at all").err().unwrap();
    let wrong_locator = format!("{locator}!?").parse::<Locator>().err().unwrap();
    let wrong_address = "nowhere".parse::<Address>().err().unwrap();
    let mut texts = vec![
        format!("{locator:?}"),
        format!("{locator:#?}"),
        format!("{sturdyref:?}"),
        format!("{open:?}"),
        format!("{:?}", Source([127; 16])),
        format!("{:?}", world.node(vat).unwrap().locator()),
    ];
    texts.extend(both([&SendError {
        message: message.clone(),
        fault,
    }]));
    texts.extend(both([&Fault::from(SendError { message, fault })]));
    texts.extend(both([
        &ConnectError::Oneself,
        &ConnectError::NoAddress,
        &ConnectError::TooMany,
    ]));
    texts.extend(both([&trace]));
    texts.extend(both([&wrong_key]));
    texts.extend(both([&wrong_locator]));
    texts.extend(both([&wrong_address]));
    texts
}

/// Secrets as texts could show them: as hexadecimal digits, as a list of numbers, as characters.
fn written(secret: &[u8]) -> [String; 3] {
    let hex = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let numbers = format!("{secret:?}").trim_matches(['[', ']']).to_owned();
    [hex, numbers, String::from_utf8_lossy(secret).into_owned()]
}

/// THR-7: errors, traces, events and `Debug` output hold no secret, no message that was handed back, and no text names a
/// vat and an address.
#[test]
fn no_text_holds_a_secret_or_pairs_a_name_with_an_address() {
    let mut world = World::seeded(1);
    let vats = [1, 2, 3]
        .map(|number| world.vat_with("vat", |config| config.identity = key(number).into()));
    let mut said = texts(&mut world, vats);
    said.extend(vats.iter().flat_map(|vat| values(&world, *vat)));
    assert!(said.len() > 60, "{}", said.len());
    assert!(!format!("{:?}", Source([127; 16])).contains("127"));
    let names = vats.map(|vat| world.vat_id(vat).to_string());
    let places = vats.map(|vat| world.address(vat).unwrap().to_string());
    for text in &said {
        let pairs = names.iter().any(|name| text.contains(name)) && {
            let hosts = places.iter().map(|place| place.split(':').next().unwrap());
            hosts.into_iter().any(|host| text.contains(host))
        };
        assert!(!pairs, "{text}");
        for number in 1..=3 {
            let secrets = [
                &[number; 32][..],
                &*key(number).mapped_secret(),
                b"a swissnum",
                b"what was said",
            ];
            for secret in secrets.iter().flat_map(|secret| written(secret)) {
                assert!(!text.contains(&secret), "{text}");
            }
        }
    }
    let texts = said.concat();
    assert!(
        texts.contains(&names[1]) && texts.contains(&places[1]),
        "the search works"
    );
}
