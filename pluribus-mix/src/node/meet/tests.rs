//! Calls by a record cell by cell, and keepers that lie.

use super::super::link::{How, State};
use super::super::{Config, LinkId, MixConfig, Node};
use super::MeetConfig;
use crate::ablation::{Check, without};
use crate::crypto::rng::{Rng, Seed};
use crate::crypto::sign::SigningKey;
use crate::directory::{
    Authorities, Authority, Consensus, Descriptor, Params, Proposed, Relay, Wall,
};
use crate::id::{RelayId, VatId};
use crate::locator::Locator;
use crate::netlayer::{CloseReason, Event, Netlayer};
use crate::node::mix::Answer;
use crate::onion::meet::RECORD;
use crate::pacing::Class;
use crate::rendezvous::epoch::Epoch;
use crate::rendezvous::listed::{Listed, call_listed};
use crate::rendezvous::record::Listing;
use crate::rendezvous::{Cookie, Record, Spot, Terms};
use crate::time::{Duration, Instant};
use crate::vattp::pipe::CELL_LEN;
use crate::vattp::{Hints, Local, initiator};
use std::sync::Arc;

/// In the middle of an epoch.
const NOW: Wall = Wall(1_800_000_000);
const EPOCH: Epoch = Epoch::of(NOW);
const RELAYS: u8 = 12;
const SECOND: Duration = Duration::from_secs(1);

fn key(n: u8) -> SigningKey {
    SigningKey::from_seed(&[n; 32])
}

fn vat(n: u8) -> VatId {
    VatId::from(key(n).public())
}

fn rng(name: &str) -> Rng {
    Seed::from_bytes([3; 32]).fork(name)
}

fn consensus() -> Arc<Consensus> {
    let ours = RelayId::from(key(200).public());
    let authorities = Authorities::new([ours], 1).unwrap();
    let params = Params::default().with("pacing", "none").unwrap();
    let params = params.with("networks", 0).unwrap();
    let mut authority = Authority::new(key(200), authorities, params, 1, None).unwrap();
    for n in 100..100 + RELAYS {
        let relay = Relay {
            id: RelayId::from(key(n).public()),
            onion: [n; 32],
            at: ([127, 0, n, 1], 9000).into(),
            weight: 100,
            family: Vec::new(),
            exit: None,
        };
        let published = NOW;
        let signed = Descriptor { relay, published }.sign(&key(n)).unwrap();
        authority.publish(NOW, &signed).unwrap();
    }
    let Some(Proposed::Consensus(signed)) = authority.propose(NOW) else {
        panic!("one authority is enough");
    };
    Arc::new(authority.adopt(NOW, &signed).unwrap().clone())
}

/// A vat that hides, in a network of relays none of which answers.
fn node(n: u8, listed: bool) -> Node {
    let mut config = Config::new(Arc::new(key(n)), 1);
    config.mix = Some(MixConfig {
        meets: 2,
        ..MixConfig::default()
    });
    config.meet = Some(MeetConfig {
        listed,
        ..MeetConfig::default()
    });
    let mut node = Node::new(config, &Seed::from_bytes([n; 32]));
    node.set_consensus(Instant::ZERO, NOW, consensus());
    node
}

fn terms() -> Terms {
    Terms {
        class: Class::default(),
        network: consensus().network(),
    }
}

const BOB: u8 = 1;
const CAROL: u8 = 2;
const MALLORY: u8 = 3;

/// What Carol's record says that leads to this park of hers.
fn listing(carol: &mut Node, spot: Spot) -> Listing {
    let listed = &mut carol.meet.publishing.listed;
    let mut rng = rng("record");
    let record = listed.record(&key(CAROL), (spot, terms()), EPOCH, NOW, &mut rng);
    let network = terms().network;
    let bytes = *record.unwrap().as_bytes();
    Record::read(&bytes, &vat(CAROL), network, EPOCH, NOW).unwrap()
}

/// The cells of a first flight of Bob's.
fn flight(listing: &Listing, name: &str) -> Vec<[u8; CELL_LEN]> {
    let mut rng = rng(name);
    let local = Local {
        key: Arc::new(key(BOB)),
        incarnation: 1,
        hints: Hints::default(),
        backend: crate::crypto::aead::Backend::default(),
    };
    let entropy = initiator::Entropy::draw(&mut rng);
    let (mut flight, mut sealed) = (Vec::new(), Vec::new());
    let called = call_listed(&vat(CAROL), listing, local, entropy, &mut rng, &mut flight);
    let mut splice = called.ok().unwrap().splice;
    splice.seal(&flight, &mut sealed).unwrap();
    sealed.as_chunks().0.to_vec()
}

/// Whether Carol answers what comes over a park of hers.
fn answers(carol: &mut Node, spot: &Spot, cells: &[[u8; CELL_LEN]]) -> bool {
    let now = carol.clock;
    let end = carol.joined(spot.relay, *spot.cookie.as_bytes());
    for (index, cell) in (0..).zip(cells) {
        carol.handle_cell(now, end, index, &mut cell.clone());
    }
    let link = carol.links.get(&end);
    link.is_some_and(|link| !link.out.is_empty())
}

fn parks(carol: &Node) -> [Spot; 2] {
    let mut spots = carol.meet.parks.iter().map(super::Park::spot);
    [spots.next().unwrap(), spots.next().unwrap()]
}

/// RDV-33, VTP-5: a first flight by a record is answered once, at the park that it is for; neither there nor elsewhere again, as long as the prekey counts.
#[test]
fn a_flight_by_a_record_is_answered_once() {
    let mut carol = node(CAROL, true);
    let [here, elsewhere] = parks(&carol);
    let listing = listing(&mut carol, here);
    let one = flight(&listing, "one");
    assert!(!answers(&mut carol, &elsewhere, &one));
    assert!(answers(&mut carol, &here, &one));
    for later in [0, 60, 3600] {
        carol.handle_timeout(Instant::ZERO + SECOND * later);
        assert!(!answers(&mut carol, &here, &one), "{later}");
        assert!(!answers(&mut carol, &elsewhere, &one), "{later}");
        let fresh = flight(&listing, &format!("at {later}"));
        assert!(answers(&mut carol, &here, &fresh), "the control");
    }
    let again = without(Check::Fresh, || answers(&mut carol, &here, &one));
    assert!(again, "the control");
}

/// RDV-32, RDV-33: half an hour behind its epoch a prekey is gone, and nobody who comes by the old record is answered.
#[test]
fn a_prekey_ends_with_its_epoch() {
    let mut carol = node(CAROL, true);
    let [here, _] = parks(&carol);
    let listing = listing(&mut carol, here);
    let left = EPOCH.end().plus(Epoch::OVERLAP).since(NOW);
    let at = |seconds: u64| Instant::ZERO + Duration::from_secs(seconds);
    carol.handle_timeout(at(left - 1));
    assert!(answers(&mut carol, &here, &flight(&listing, "in time")));
    carol.handle_timeout(at(left));
    assert!(!answers(&mut carol, &here, &flight(&listing, "too late")));
}

/// RDV-33: of one call sixteen cells are tried, and then nothing of it is heard any more; one who is not listed tries none.
#[test]
fn so_many_cells_are_tried() {
    let mut carol = node(CAROL, true);
    let [here, _] = parks(&carol);
    let listing = listing(&mut carol, here);
    for (rubbish, heard) in [(15, true), (16, false)] {
        let cells = flight(&listing, &format!("behind {rubbish}"));
        let all = [vec![[7; CELL_LEN]; rubbish], cells].concat();
        assert_eq!(answers(&mut carol, &here, &all), heard, "{rubbish}");
    }
    let mut hidden = node(CAROL, false);
    let [there, _] = parks(&hidden);
    let mut stolen = listing;
    stolen.spot = there;
    assert!(!answers(&mut hidden, &there, &flight(&stolen, "hidden")));
}

/// Lets Bob want Carol, and says how he was dialled.
fn wants(bob: &mut Node) -> crate::netlayer::ConnId {
    bob.connect(&Locator::new(vat(CAROL))).unwrap()
}

/// The question that Bob has put, if he has.
fn question(bob: &mut Node) -> Option<LinkId> {
    let now = bob.clock;
    while bob.poll_link(now).is_some() {}
    assert!(bob.meet.asked.len() <= 1, "one after the other");
    bob.meet.asked.keys().next().copied()
}

/// Where Bob calls now by a record, and over which link.
fn calls(bob: &Node) -> Option<(LinkId, Spot)> {
    bob.links.iter().find_map(|(id, link)| match &link.state {
        State::Opening(intent) => match &intent.how {
            How::Look(listing) => Some((*id, listing.spot)),
            How::Dial(_) | How::Call(_) => None,
        },
        _ => None,
    })
}

fn closed(bob: &mut Node) -> Option<CloseReason> {
    match bob.poll_event() {
        Some(Event::Closed { reason, .. }) => Some(reason),
        Some(other) => panic!("{other:?}"),
        None => None,
    }
}

fn spot(n: u8) -> Spot {
    Spot {
        relay: RelayId::from(key(100).public()),
        at: ([127, 0, 100, 1], 9000).into(),
        cookie: Cookie::from([n; 16]),
    }
}

fn record(of: u8, epoch: Epoch, n: u8) -> Box<[u8; RECORD]> {
    let (mut listed, now) = (Listed::default(), epoch.start());
    let record = listed.record(&key(of), (spot(n), terms()), epoch, now, &mut rng("record"));
    Box::new(*record.unwrap().as_bytes())
}

/// RDV-30, RDV-42: whatever a keeper gives that is no record of this vat and epoch is as nothing, and the next is asked; a vat that none of them has is not found.
#[test]
fn a_keeper_that_lies_leads_nowhere() {
    let mut spoilt = record(CAROL, EPOCH, 1);
    spoilt[100] ^= 1;
    let lies = [
        Answer::Found(record(MALLORY, EPOCH, 1)),
        Answer::Found(record(CAROL, Epoch(EPOCH.0 - 1), 1)),
        Answer::Found(Box::new([7; RECORD])),
        Answer::Found(spoilt),
        Answer::Kept,
        Answer::NotHere,
    ];
    for half in lies.into_iter().collect::<Vec<_>>().chunks_mut(3) {
        let mut bob = node(BOB, false);
        wants(&mut bob);
        for lie in half {
            let lie = core::mem::replace(lie, Answer::NotHere);
            let end = question(&mut bob).expect("a keeper that was not asked yet");
            bob.keeper_told(end, lie);
            assert!(calls(&bob).is_none());
        }
        assert_eq!(question(&mut bob), None);
        assert_eq!(closed(&mut bob), Some(CloseReason::NotFound));
    }
    let mut bob = node(BOB, false);
    wants(&mut bob);
    let end = question(&mut bob).unwrap();
    bob.keeper_told(end, Answer::Found(record(MALLORY, EPOCH, 1)));
    let end = question(&mut bob).unwrap();
    bob.keeper_told(end, Answer::Found(record(CAROL, EPOCH, 5)));
    let (_, at) = calls(&bob).expect("the control");
    assert_eq!(at, spot(5));
}

/// RDV-42: an old record of this epoch leads where nobody is any more; then another keeper is asked, and the same record once more is as none.
#[test]
fn an_old_record_costs_a_call() {
    let mut bob = node(BOB, false);
    wants(&mut bob);
    let (old, new) = (record(CAROL, EPOCH, 5), record(CAROL, EPOCH, 6));
    let end = question(&mut bob).unwrap();
    bob.keeper_told(end, Answer::Found(old.clone()));
    // Nobody has heard the call yet: it is tried again, so many times.
    for second in 0..5 {
        let (link, at) = calls(&bob).unwrap();
        assert_eq!(at, spot(5));
        bob.link_lost(Instant::ZERO + SECOND * second, link);
        bob.handle_timeout(Instant::ZERO + SECOND * second + SECOND / 2);
    }
    assert!(calls(&bob).is_none());
    let end = question(&mut bob).unwrap();
    bob.keeper_told(end, Answer::Found(old));
    assert!(calls(&bob).is_none());
    let end = question(&mut bob).unwrap();
    bob.keeper_told(end, Answer::Found(new));
    let (link, at) = calls(&bob).unwrap();
    assert_eq!(at, spot(6));
    // Nobody is left to be asked: there was a record, but nobody answers.
    bob.link_lost(Instant::ZERO + SECOND * 10, link);
    bob.handle_timeout(Instant::ZERO + SECOND * 11);
    assert_eq!(question(&mut bob), None);
    assert_eq!(closed(&mut bob), Some(CloseReason::Unreachable));
}

/// RDV-42: a keeper that is silent is as one that has nothing; a vat that was not found is not looked up again for half a minute.
#[test]
fn a_vat_that_is_not_found_is_not_looked_up_again_at_once() {
    let mut bob = node(BOB, false);
    wants(&mut bob);
    for n in 0..3 {
        let end = question(&mut bob).expect("three keepers");
        let due = bob.poll_timeout().unwrap();
        assert!(due <= bob.clock + SECOND * 60, "{n}");
        assert!(bob.is_unanswered(end));
    }
    assert_eq!(question(&mut bob), None);
    assert_eq!(closed(&mut bob), Some(CloseReason::NotFound));
    for (later, is_asked) in [(1, false), (29, false), (31, true)] {
        bob.handle_timeout(Instant::ZERO + SECOND * later);
        let conn = wants(&mut bob);
        assert_eq!(question(&mut bob).is_some(), is_asked, "{later}");
        let reason = (!is_asked).then_some(CloseReason::NotFound);
        assert_eq!(closed(&mut bob), reason);
        bob.close(conn);
    }
}

/// RDV-42: eight vats are looked up at once, each once; others wait their turn, and whoever is not wanted any more makes room.
#[test]
fn so_many_vats_are_looked_up_at_once() {
    let mut bob = node(BOB, false);
    let conns: Vec<_> = (10..30)
        .map(|n| bob.connect(&Locator::new(vat(n))).unwrap())
        .collect();
    assert_eq!(bob.meet.asked.len(), 8);
    bob.connect(&Locator::new(vat(10))).unwrap();
    assert_eq!(bob.meet.asked.len(), 8);
    conns.iter().for_each(|conn| bob.close(*conn));
    while let Some(end) = bob.meet.asked.keys().next().copied() {
        bob.keeper_told(end, Answer::NotHere);
    }
    bob.connect(&Locator::new(vat(40))).unwrap();
    assert_eq!(bob.meet.asked.len(), 1);
}

/// RDV-41: who is not listed has nothing to publish, and one who is has nothing before a circuit waits in a park.
#[test]
fn without_a_park_there_is_nothing_to_publish() {
    for is_listed in [false, true] {
        let mut carol = node(CAROL, is_listed);
        for second in 1..100 {
            carol.handle_timeout(Instant::ZERO + SECOND * second);
            assert!(carol.meet.asked.is_empty());
        }
        let epochs = carol.meet.publishing.epochs();
        assert_eq!(epochs, if is_listed { vec![EPOCH] } else { vec![] });
    }
}
