//! The meeting relay with a list of everybody: what it has of a call, and what it lacks.

use super::rig::*;
use super::stage::*;
use crate::crypto::aead::Backend;
use crate::crypto::dh::Scalar;
use crate::crypto::kdf::{Label, Secret, hash};
use crate::id::VatId;
use crate::rendezvous::early::Ruling;
use crate::rendezvous::splice::{Opening, Splice};
use crate::rendezvous::{Cookie, Issued, Spot};
use crate::time::{Duration, Instant};
use crate::vattp::pair::{PairFields, Side};
use crate::vattp::pipe::CELL_LEN;
use crate::vattp::seen::Seen;
use std::collections::BTreeSet;

/// s_t of every ticket of Carol's here.
const S_T: [u8; 32] = [0x5e; 32];

/// What goes over the splice: the cells of both directions, as the meeting relay has them when it has opened its own layer.
struct View {
    there: Vec<[u8; CELL_LEN]>,
    back: Vec<[u8; CELL_LEN]>,
}

/// A call of Bob's, who was introduced by Alice, and Carol's answer; what is left of her tickets, and IWANT in clear.
fn called() -> (View, Carol, Vec<u8>) {
    let mut carol = Carol::new();
    let mut introduction = carol.introduction(bearer("alice"));
    let done = introduction.delegate(&key("alice"), vat("bob"), EXPIRY);
    assert_eq!(done, Ok(()));
    let mut call = Call::of("bob", introduction).said();
    let mut there = Vec::new();
    call.called.splice.seal(&call.flight, &mut there).unwrap();
    let met = carol
        .issued
        .meet(&call.opening, &spot(), Backend::default());
    let (mut seen, now) = (Seen::new(Duration::from_secs(60)), Instant::ZERO);
    let asked = met
        .unwrap()
        .asked(&call.items[0], &local("carol"), &mut seen, now);
    let (asked, mut splice) = asked.ok().unwrap();
    let early = asked.early(&call.items[1], NOW).ok().unwrap();
    let (_, owed) = carol.issued.spend(early).ok().unwrap().decide(Ruling::Live);
    let side = Side::of(&key("carol").public(), &key("bob").public());
    let said = PairFields::go_too(side, 21, 22, &call.fields);
    let (mut flight, mut back) = (Vec::new(), Vec::new());
    let answered = owed.answer(&said, &words_of("carol"), chance_of_r(), &mut flight);
    assert!(answered.is_ok());
    splice.seal(&flight, &mut back).unwrap();
    let view = View {
        there: there.as_chunks().0.to_vec(),
        back: back.as_chunks().0.to_vec(),
    };
    let [iwant, _] = call.items;
    (view, carol, iwant)
}

/// What somebody can try on a view.
struct Tools {
    /// Everybody there is.
    vats: Vec<VatId>,
    /// The places of all parks there are.
    places: Vec<[u8; 32]>,
    /// What may be X25519(x_i, B).
    agreed: Vec<[u8; 32]>,
    /// What may be s_t.
    secrets: Vec<Option<[u8; 32]>>,
}

impl Tools {
    /// The meeting relay's: its own keys, all names, all cookies, and what can be worked out from these.
    fn of_relay(view: &View) -> Self {
        let people = (0..200).map(|n| format!("vat {n}"));
        let people = people.chain(["alice", "bob", "carol"].map(str::to_owned));
        let vats: Vec<_> = people.map(|name| vat(&name)).collect();
        let cookies = (0xa0..0xe0).map(|n| Cookie::from([n; 16]));
        let places: Vec<_> = cookies
            .map(|cookie| Spot { cookie, ..spot() }.place())
            .collect();
        assert!(places.contains(&spot().place()) && vats.contains(&vat("carol")));
        let x_i = Opening::of(&view.there[0]).x_i;
        let own = [[0x3a; 32], [0x3b; 32]].map(|own| Scalar::from_bytes(own.into()));
        let publics = vats.iter().map(|vat| vat.public_key().mapped());
        let publics: Vec<_> = publics.chain([x_i]).collect();
        let with_own = own
            .iter()
            .flat_map(|own| publics.iter().filter_map(|it| own.agree(it)));
        // A name may have been used where a secret was meant.
        let guessed = vats
            .iter()
            .map(|vat| Scalar::from_bytes((*vat.as_bytes()).into()));
        let guessed = guessed.filter_map(|it| it.agree(&x_i));
        let agreed = with_own.chain(guessed).map(|dh| *dh);
        let secrets = [None, Some([0; 32]), Some(spot().place())];
        Self {
            agreed: agreed.chain([[0; 32]]).collect(),
            secrets: secrets.to_vec(),
            vats,
            places,
        }
    }

    /// The same, with some of what only caller and callee have.
    fn and(mut self, view: &View, b_t_too: Option<Scalar>, s_t_too: Option<[u8; 32]>) -> Self {
        let x_i = Opening::of(&view.there[0]).x_i;
        let agreed = b_t_too.and_then(|b_t| b_t.agree(&x_i));
        self.agreed.extend(agreed.map(|dh| *dh));
        self.secrets.extend(s_t_too.map(Some));
        self
    }

    /// IWANT, if something opens the seal of the flight.
    fn opened(&self, view: &View) -> Option<Vec<u8>> {
        let opening = Opening::of(&view.there[0]);
        let all = self.agreed.iter().flat_map(|dh| {
            let with = self.secrets.iter();
            with.flat_map(move |secret| self.places.iter().map(move |place| (dh, secret, place)))
        });
        let mut flights = all.filter_map(|(dh, secret, place)| {
            let secret = secret.as_ref();
            let mut splice = Splice::of_callee(dh, secret, &opening, place, Backend::default());
            let mut cells = view.there.clone();
            let mut flight = Vec::new();
            for cell in &mut cells {
                flight.extend_from_slice(splice.open(cell).ok()?);
            }
            Some(items(&flight).swap_remove(0))
        });
        flights.next()
    }

    /// For whom IWANT may be.
    fn wanted(&self, iwant: &[u8]) -> BTreeSet<VatId> {
        let all = self.agreed.iter().flat_map(|dh| {
            let with = self.secrets.iter();
            with.flat_map(move |secret| self.vats.iter().map(move |vat| (dh, secret, vat)))
        });
        let place = spot().place();
        let fits = |(dh, secret, vat): &(&[u8; 32], &Option<[u8; 32]>, &VatId)| {
            target(dh, secret.as_ref(), vat, iwant, &place) == iwant[iwant.len() - 16..]
        };
        all.filter(fits).map(|(_, _, vat)| *vat).collect()
    }

    /// Who of the list is named in clear: as a name, as a key, or as people write it.
    fn named(&self, view: &View) -> BTreeSet<VatId> {
        let cells: Vec<_> = view.there.iter().chain(&view.back).collect();
        let holds = |what: &[u8]| {
            cells
                .iter()
                .any(|cell| cell.windows(what.len()).any(|it| it == what))
        };
        let is_named = |vat: &&VatId| {
            let text = vat.to_string();
            let mapped = vat.public_key().mapped();
            holds(vat.as_bytes()) || holds(&mapped) || holds(text.as_bytes())
        };
        self.vats.iter().filter(is_named).copied().collect()
    }
}

/// The target of RDV-12, as the specification has it.
fn target(
    dh: &[u8; 32],
    secret: Option<&[u8; 32]>,
    vat: &VatId,
    iwant: &[u8],
    place: &[u8; 32],
) -> Vec<u8> {
    let (body, _) = iwant.split_at(iwant.len() - 16);
    let (head, ek_i) = body.split_at(body.len() - 1184);
    let (offers, x_i) = head.split_at(head.len() - 32);
    let secret = secret.map_or(&[][..], |secret| secret);
    let key = Secret::extract(Label::TARGET.as_bytes(), &[dh, vat.as_bytes(), secret]);
    let place = [&[0, 32], &place[..]].concat();
    key.mac(&[&[3], offers, x_i, &hash(&[ek_i]), &place])[..16].to_vec()
}

/// VTP-4, RDV-12, RDV-17: with all VatIds and all cookies of the world a meeting relay finds nobody in what goes over it: no name stands there, nothing that it
/// has opens the seal, and where it is shown IWANT nothing tells for whom that is. So it is with one of b_t and s_t; with both the same search finds Carol and
/// nobody else.
#[test]
fn a_list_of_everybody_finds_nobody() {
    let (view, _, iwant) = called();
    let tools = || Tools::of_relay(&view);
    assert_eq!(tools().named(&view), BTreeSet::new());
    for (b_t_too, s_t_too) in [(None, None), (Some(b_t()), None), (None, Some(S_T))] {
        let tools = tools().and(&view, b_t_too, s_t_too);
        assert!(tools.opened(&view).is_none());
        assert_eq!(tools.wanted(&iwant), BTreeSet::new());
    }
    let tools = tools().and(&view, Some(b_t()), Some(S_T));
    assert!(tools.opened(&view).unwrap() == iwant, "the control");
    let carol = BTreeSet::from([vat("carol")]);
    assert_eq!(tools.wanted(&iwant), carol, "the control");
    let mut named = view;
    named.back[0][100..132].copy_from_slice(vat("carol").as_bytes());
    assert_eq!(tools.named(&named), carol, "the control");
}

/// RDV-9, RDV-11: the flight that was recorded leads to nothing: not at the park where it was answered, not at another of Carol's, not with anybody else. Before
/// it was answered it would have been, there.
#[test]
fn a_recorded_flight_is_met_nowhere() {
    let (view, carol, _) = called();
    let opening = Opening::of(&view.there[0]);
    let cookie = Cookie::from([0xc1; 16]);
    for park in [spot(), Spot { cookie, ..spot() }] {
        assert!(!carol.meets(&opening, &park));
    }
    let met = Issued::default().meet(&opening, &spot(), Backend::default());
    assert!(met.is_none());
    let mut before = Carol::new();
    before.introduction(bearer("alice"));
    assert!(before.meets(&opening, &spot()), "the control");
    assert!(!before.meets(&opening, &Spot { cookie, ..spot() }));
}
