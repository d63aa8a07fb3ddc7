use super::rig::*;
use crate::ablation::{Check, without};
use crate::rendezvous::{Bearer, Introduction, Link, MOST_LINKS, Promised, Refused, Root, Ticket};
use crate::wire::{DecodeError, Fault};

/// Alice's ticket, passed on to each of these by the one before.
fn passed_on(to: &[&str]) -> Introduction {
    let mut introduction = Introduction::from(ticket());
    let mut giver = "alice";
    for name in to {
        let done = introduction.delegate(&key(giver), vat(name), EXPIRY);
        assert_eq!(done, Ok(()), "to {name}");
        giver = name;
    }
    introduction
}

fn parse(bytes: &[u8]) -> Result<Introduction, Refused> {
    Introduction::parse(bytes, &promised())
}

fn refused(bytes: &[u8]) -> Refused {
    parse(bytes).err().expect("a refusal")
}

/// A link as `giver` could sign it for anything.
fn link(giver: &str, id: [u8; 16], to: [u8; 32], expiry: u64, previous: &[u8; 32]) -> Vec<u8> {
    let body = [&id[..], &to, &expiry.to_be_bytes()].concat();
    let label = crate::crypto::kdf::Label::DELEGATION.as_bytes();
    let signature = key(giver).sign(&[label, &body, previous].concat());
    [&body[..], &signature].concat()
}

/// RDV-4, RDV-5: who was named last may use it, until the last expiry; both ends come to the same.
#[test]
fn a_ticket_is_passed_on() {
    let names = ["bob", "dave", "erin", "frank"];
    for count in 0..=MOST_LINKS {
        let said = passed_on(&names[..count]);
        let read = parse(&said.to_bytes()).ok().unwrap();
        let last = names[..count].last().copied().unwrap_or("alice");
        assert!(read.bearer() == bearer(last) && said.bearer() == bearer(last));
        assert!(read.is_for(&vat(last)) && !read.is_for(&vat("mallory")));
        let callee = read.chain().verify(&Root::from(read.ticket())).ok();
        assert!(callee.is_some_and(|holder| holder.bearer == bearer(last)));
        assert_eq!(read.to_bytes(), said.to_bytes());
        assert_eq!(read.to_bytes().len(), Ticket::LEN + count * Link::LEN);
    }
    assert_eq!((Link::LEN, Introduction::MOST), (120, 775));
}

/// RDV-4: each link may end earlier than the one before, none later, neither at whoever signs nor at whoever reads.
#[test]
fn no_link_is_wider_than_the_one_before() {
    let mut narrow = Introduction::from(ticket());
    let (soon, sooner) = (EXPIRY.minus(100), EXPIRY.minus(200));
    assert_eq!(narrow.delegate(&key("alice"), vat("bob"), soon), Ok(()));
    let wider = narrow.delegate(&key("bob"), vat("dave"), EXPIRY);
    assert_eq!(wider, Err(Refused::Wider));
    assert!(narrow.is_for(&vat("bob")), "nothing has changed");
    assert_eq!(narrow.delegate(&key("bob"), vat("dave"), sooner), Ok(()));
    assert_eq!(parse(&narrow.to_bytes()).ok().unwrap().expiry(), sooner);

    let root = Root::from(&ticket());
    for expiry in [EXPIRY.0 + 1, u64::MAX] {
        let to = vat("bob").as_bytes().to_owned();
        let link = link("alice", ID, to, expiry, &root.digest);
        let bytes = [ticket().as_bytes(), &link].concat();
        assert_eq!(refused(&bytes), Refused::Wider);
        let fooled = without(Check::Narrower, || parse(&bytes));
        assert_eq!(fooled.ok().unwrap().expiry().0, expiry, "the control");
    }
}

/// RDV-4: an expiry of a link counts as a ticket's does.
#[test]
fn a_link_expires() {
    let mut introduction = Introduction::from(ticket());
    let soon = NOW.plus(10);
    assert!(
        introduction
            .delegate(&key("alice"), vat("bob"), soon)
            .is_ok()
    );
    let at = |now| Promised { now, ..promised() };
    let bytes = introduction.to_bytes();
    assert!(Introduction::parse(&bytes, &at(soon.minus(1))).is_ok());
    let late = Introduction::parse(&bytes, &at(soon)).err();
    assert_eq!(late, Some(Refused::Expired));
}

/// RDV-4: four links and no fifth.
#[test]
fn a_chain_has_four_links() {
    let mut longest = passed_on(&["bob", "dave", "erin", "frank"]);
    let fifth = longest.delegate(&key("frank"), vat("bob"), EXPIRY);
    assert_eq!(fifth, Err(Refused::TooOften));
    let bytes = longest.to_bytes();
    let previous = crate::crypto::kdf::hash(&[&bytes[bytes.len() - Link::LEN..]]);
    let to = vat("bob").as_bytes().to_owned();
    let fifth = link("frank", ID, to, EXPIRY.0, &previous);
    let bytes = [&bytes[..], &fifth].concat();
    assert_eq!(refused(&bytes), Refused::TooOften);
    let fooled = without(Check::ChainLength, || parse(&bytes));
    assert!(fooled.ok().unwrap().is_for(&vat("bob")), "the control");
}

/// RDV-4: a thief cannot pass on what was not given to it, and nobody can put another name into a link.
#[test]
fn only_who_was_named_can_pass_it_on() {
    let mut stolen = Introduction::from(ticket());
    let done = stolen.delegate(&key("mallory"), vat("mallory"), EXPIRY);
    assert_eq!(done, Err(Refused::NotForYou));
    let root = Root::from(&ticket());
    let own = vat("mallory").as_bytes().to_owned();
    let forged = link("mallory", ID, own, EXPIRY.0, &root.digest);
    let forged = [ticket().as_bytes(), &forged].concat();
    let mut renamed = passed_on(&["bob"]).to_bytes().to_vec();
    renamed[Ticket::LEN + 16..Ticket::LEN + 48].copy_from_slice(&own);
    for bytes in [forged, renamed] {
        assert_eq!(refused(&bytes), Refused::Forged);
        let fooled = without(Check::ChainSigned, || parse(&bytes));
        assert!(fooled.ok().unwrap().is_for(&vat("mallory")), "the control");
    }
}

/// RDV-4: Bob was given one ticket and shows what Alice signed with another: another id, or the same id in another ticket.
#[test]
fn a_chain_hangs_on_its_own_ticket() {
    let given = passed_on(&["bob"]);
    let link = &given.to_bytes()[Ticket::LEN..];
    let mut draft = draft();
    draft.id = [0x1e; 16].into();
    let other = Ticket::sign(&key("carol"), draft);
    let spliced = [other.as_bytes(), link].concat();
    assert_eq!(refused(&spliced), Refused::OtherTicket);
    // Besides its name the link is bound to all of the ticket.
    let half = without(Check::ChainTicket, || parse(&spliced).err());
    assert_eq!(half, Some(Refused::Forged));
    let both = without(Check::ChainTicket, || {
        without(Check::ChainSigned, || parse(&spliced))
    });
    assert!(both.ok().unwrap().is_for(&vat("bob")), "the control");

    let mut draft = super::rig::draft();
    draft.spot.cookie = [0xc1; 16].into();
    let twin = Ticket::sign(&key("carol"), draft);
    let spliced = [twin.as_bytes(), link].concat();
    assert_eq!(refused(&spliced), Refused::Forged);
}

/// RDV-4: links cannot change places, be left out or stand twice.
#[test]
fn links_keep_their_order() {
    let bytes = passed_on(&["bob", "dave", "erin"]).to_bytes();
    let (ticket, links) = bytes.split_at(Ticket::LEN);
    let links: Vec<_> = links.chunks(Link::LEN).collect();
    for order in [&[1, 0, 2][..], &[0, 2], &[1, 2], &[0, 0, 1, 2], &[2]] {
        let links: Vec<_> = order.iter().map(|at| links[*at]).collect();
        let bytes = [ticket, &links.concat()].concat();
        assert_eq!(refused(&bytes), Refused::Forged, "{order:?}");
    }
    let head = [ticket, links[0], links[1]].concat();
    assert!(
        parse(&head).ok().unwrap().is_for(&vat("dave")),
        "the control"
    );
}

/// RDV-4: whoever holds it may use it; nobody can pass that on and so make it somebody's.
#[test]
fn a_ticket_for_anyone_is_not_passed_on() {
    let mut draft = draft();
    draft.bearer = Bearer::Anyone;
    let open = Ticket::sign(&key("carol"), draft);
    let root = Root::from(&open);
    let bytes = open.as_bytes().to_vec();
    let mut open = Introduction::from(open);
    assert!(open.is_for(&vat("bob")) && open.is_for(&vat("mallory")));
    let done = open.delegate(&key("bob"), vat("dave"), EXPIRY);
    assert_eq!(done, Err(Refused::Open));
    let to = vat("dave").as_bytes().to_owned();
    let link = link("bob", ID, to, EXPIRY.0, &root.digest);
    assert_eq!(refused(&[&bytes[..], &link].concat()), Refused::Open);
    assert!(parse(&bytes).is_ok(), "the control");
}

/// RDV-4: nobody is named by a point of small order, for which anybody can sign, 32 zero bytes included.
#[test]
fn no_link_names_a_key_of_small_order() {
    let root = Root::from(&ticket());
    for point in curve25519_dalek::constants::EIGHT_TORSION {
        let to = point.compress().to_bytes();
        let link = link("alice", ID, to, EXPIRY.0, &root.digest);
        let bytes = [ticket().as_bytes(), &link].concat();
        let wrong = DecodeError::new("to", Fault::OutOfRange);
        assert_eq!(refused(&bytes), wrong.into());
    }
}

/// RDV-5: an introduction is a ticket and whole links.
#[test]
fn an_introduction_is_a_ticket_and_whole_links() {
    let bytes = passed_on(&["bob"]).to_bytes();
    for len in (0..bytes.len()).filter(|len| *len != Ticket::LEN) {
        let Refused::Malformed(error) = refused(&bytes[..len]) else {
            panic!("{len} bytes were read");
        };
        assert_eq!(error.fault, Fault::Truncated);
    }
    assert!(parse(&bytes[..Ticket::LEN]).is_ok());
    let long = [&bytes[..], &[0]].concat();
    assert!(matches!(refused(&long), Refused::Malformed(_)));
}
