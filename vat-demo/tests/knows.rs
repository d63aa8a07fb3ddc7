//! What is planted is found, by whatever way it came; and what is not there is not.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeSet;
use std::net::SocketAddr;

use data_encoding::BASE64URL_NOPAD;
use pluribus_mix::id::{RelayId, VatId};
use pluribus_mix::locator::Address;
use pluribus_mix::net::fresh_key;
use pluribus_mix::node::{AllHeld, CircuitHeld, Held, Knowledge};
use vat_demo::story::knows::{Kind, Party, who_knows};

const BOB: usize = 0;
const CAROL: usize = 1;
const GUARD: usize = 2;
const HOP: usize = 3;

/// Bob and Carol, who speak with each other, and Carol's guard and second hop, who carry that.
fn parties() -> Vec<Party> {
    let relay = || RelayId::from(fresh_key().unwrap().public());
    let vat = || Some(VatId::from(fresh_key().unwrap().public()));
    let named = |name: &str| Party {
        name: name.to_owned(),
        ..Party::default()
    };
    let relays = [relay(), relay()];
    let mut all = ["Bob", "Carol", "guard", "hop"].map(named).to_vec();
    for (party, address) in all.iter_mut().zip(["127.9.8.7", "127.6.5.4"]) {
        (party.address, party.vat) = (address.parse().ok(), vat());
    }
    (all[GUARD].relay, all[HOP].relay) = (Some(relays[0]), Some(relays[1]));
    all[CAROL].guards.insert(relays[0]);
    all[CAROL].hops.insert(relays[1]);
    let carol = all[CAROL].vat.unwrap();
    all[BOB].heard = vec![b"a word".to_vec(), carol.to_string().into_bytes()];
    all[BOB].tables = vec![tables([Held::Vat(carol)])];
    all[GUARD].tables = vec![tables([Held::Address(at(&all[CAROL]))])];
    all
}

fn at(party: &Party) -> Address {
    SocketAddr::from((party.address.unwrap(), 9))
        .try_into()
        .unwrap()
}

fn tables<const N: usize>(all: [Held; N]) -> Knowledge {
    Knowledge {
        all: all.into(),
        ..Knowledge::default()
    }
}

/// What each knows that nobody promised: who, what and of whom.
fn too_much(parties: &[Party]) -> Vec<(String, Kind, String)> {
    let rows = who_knows(parties);
    let facts = rows.iter().flat_map(|row| {
        let facts = row.facts.iter().filter(|fact| !fact.is_promised);
        facts.map(|fact| (row.name.clone(), fact.kind, fact.of.clone()))
    });
    facts.collect()
}

fn found(who: &str, kind: Kind) -> Vec<(String, Kind, String)> {
    vec![(who.to_owned(), kind, "Carol".to_owned())]
}

#[test]
fn what_was_promised_is_fine() {
    let parties = parties();
    assert_eq!(too_much(&parties), []);
    let rows = who_knows(&parties);
    let kinds = |who: usize| -> BTreeSet<_> { rows[who].facts.iter().map(|it| it.kind).collect() };
    assert_eq!(kinds(BOB), BTreeSet::from([Kind::Identity]));
    assert_eq!(kinds(GUARD), BTreeSet::from([Kind::Address]));
    assert_eq!(
        (kinds(CAROL), kinds(HOP)),
        (BTreeSet::new(), BTreeSet::new())
    );
}

/// However somebody is told an address, the name of a guard or of another hop: in bytes, in words, or in the middle of base64url.
#[test]
fn what_is_told_is_found() {
    let fine = parties();
    let carol = &fine[CAROL];
    let (guard, hop) = (fine[GUARD].relay.unwrap(), fine[HOP].relay.unwrap());
    let told = [
        (vec![127, 6, 5, 4], "127.6.5.4".to_owned(), Kind::Address),
        (guard.as_bytes().to_vec(), guard.to_string(), Kind::Guard),
        (hop.as_bytes().to_vec(), hop.to_string(), Kind::Hop),
    ];
    assert!(carol.guards.contains(&guard) && carol.hops.contains(&hop));
    for (bytes, text, kind) in told {
        let among = |bytes: &[u8]| [b"<8'words", bytes, b"more of them>"].concat();
        let mut ways = vec![among(&bytes), among(text.as_bytes())];
        for before in 0..5 {
            let hidden = [&[7; 9][..before], &bytes, &[7; 9]].concat();
            ways.push(among(
                format!("<{}>", BASE64URL_NOPAD.encode(&hidden)).as_bytes(),
            ));
        }
        for heard in ways {
            let mut parties = fine.clone();
            parties[BOB].heard.push(heard);
            assert_eq!(too_much(&parties), found("Bob", kind));
        }
    }
}

/// Whatever leads to a vat from the tables of somebody who is to know nothing of it.
#[test]
fn what_tables_hold_is_found() {
    let fine = parties();
    let carol = fine[CAROL].vat.unwrap();
    let address = || Held::Address(at(&fine[CAROL]));
    let planted = [
        (BOB, address(), Kind::Address),
        // Only a guard is to know where a vat is, and no relay who it is.
        (HOP, address(), Kind::Address),
        (HOP, Held::Vat(carol), Kind::Identity),
        (GUARD, Held::Vat(carol), Kind::Identity),
    ];
    for (who, held, kind) in planted {
        let mut parties = fine.clone();
        parties[who].tables.push(tables([held]));
        let name = parties[who].name.clone();
        assert_eq!(too_much(&parties), found(&name, kind));
    }
}

/// A relay whose circuit leads from one vat to another.
#[test]
fn a_relay_that_holds_both_ends_is_found() {
    let fine = parties();
    let circuit = |held: AllHeld| CircuitHeld {
        is_own: false,
        held,
    };
    let ends = [BOB, CAROL].map(|who| Held::Address(at(&fine[who])));
    let mut parties = fine.clone();
    let guard = parties[GUARD].relay.unwrap();
    parties[BOB].guards.insert(guard);
    // Two circuits are two.
    let apart = ends.clone().map(|end| circuit(AllHeld::from([end])));
    parties[GUARD].tables[0].circuits = apart.to_vec();
    assert_eq!(too_much(&parties), []);
    parties[GUARD].tables[0].circuits = vec![circuit(AllHeld::from(ends))];
    let both = ["Bob", "Carol"].map(|of| ("guard".to_owned(), Kind::Peer, of.to_owned()));
    assert_eq!(too_much(&parties), both);
}
