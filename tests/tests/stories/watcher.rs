//! A watcher with a dictionary of VatIds and places looks at flights and finds nobody in them.

use crate::kit::{bytes_of, items, key, lp};
use pluribus_mix::crypto::dh::Scalar;
use pluribus_mix::crypto::kdf::{Label, Secret, hash};
use pluribus_mix::crypto::sign::PublicKey;
use pluribus_mix::netlayer::Netlayer;
use pluribus_mix::sim::World;
use std::collections::BTreeSet;

/// Someone in the dictionary.
struct Entry {
    vat: PublicKey,
    place: String,
}

/// The parts of flight 1.
struct Seen {
    offers: Vec<u8>,
    x_i: [u8; 32],
    ek_i: Vec<u8>,
    target: Vec<u8>,
}

impl Seen {
    fn of(flight: &[u8]) -> Self {
        let item = &items(flight)[0];
        Self {
            offers: item[..5].to_vec(),
            x_i: item[5..37].try_into().unwrap(),
            ek_i: item[37..1221].to_vec(),
            target: item[1221..].to_vec(),
        }
    }

    /// The target that asks for this entry, if `dh` is the shared secret.
    fn target_of(&self, entry: &Entry, dh: &[u8], for_use: u8) -> Vec<u8> {
        let key = Secret::extract(Label::TARGET.as_bytes(), &[dh, entry.vat.as_bytes()]);
        let (ek, place) = (hash(&[&self.ek_i]), lp(entry.place.as_bytes()));
        key.mac(&[&[for_use], &self.offers, &self.x_i, &ek, &place])[..16].to_vec()
    }

    /// Whom this flight asks for, as far as these shared secrets show it.
    fn identify(
        &self,
        dictionary: &[Entry],
        guesses: impl Fn(&Entry) -> Vec<Vec<u8>>,
    ) -> Vec<usize> {
        let asked = |entry: &Entry| {
            let guesses = guesses(entry);
            let mut tried = guesses.iter().flat_map(|dh| (1..=3).map(move |u| (dh, u)));
            tried.any(|(dh, for_use)| self.target_of(entry, dh, for_use) == self.target)
        };
        let found = dictionary
            .iter()
            .enumerate()
            .filter(|(_, entry)| asked(entry));
        found.map(|(number, _)| number).collect()
    }

    /// What can be made of public bytes to stand where the shared secret should.
    fn public_guesses(&self, entry: &Entry) -> Vec<Vec<u8>> {
        let (vat, mapped) = (*entry.vat.as_bytes(), entry.vat.mapped());
        let public = [
            vat,
            mapped,
            self.x_i,
            hash(&[&vat]),
            hash(&[&mapped]),
            hash(&[&self.x_i]),
            [0; 32],
        ];
        let mut guesses: Vec<Vec<u8>> = public.iter().map(|bytes| bytes.to_vec()).collect();
        guesses.push(vec![]);
        for one in &public {
            for other in &public {
                let wrong_scalar = Scalar::from_bytes((*one).into());
                guesses.extend(wrong_scalar.agree(other).map(|dh| dh.to_vec()));
            }
        }
        guesses
    }
}

/// A world of eight vats of known keys in which the first dials the fourth, three times; the dictionary and all flights.
fn watched() -> (Vec<Entry>, Vec<Vec<u8>>) {
    let mut world = World::seeded(1);
    let vats = [1, 2, 3, 4, 5, 6, 7, 8]
        .map(|number| world.vat_with("vat", |config| config.identity = key(number).into()));
    world.observer_mut().keep_bytes(true);
    for _ in 0..3 {
        let conn = world.dial(vats[0], vats[3]).unwrap();
        world.send(vats[0], conn, *b"hello, fourth").unwrap();
        assert!(world.run_until_quiet());
        world.close(vats[0], conn);
        assert!(world.run_until_quiet());
    }
    let entry = |vat| Entry {
        vat: *world.vat_id(vat).public_key(),
        place: world
            .node(vat)
            .unwrap()
            .locator()
            .address()
            .unwrap()
            .to_string(),
    };
    (vats.map(entry).into(), bytes_of(world.observer().records()))
}

/// THR-1, VTP-4: nothing that can be computed from public bytes tells who is asked for. The control: the same attempt
/// with the secret that only the vat itself has finds it.
#[test]
fn a_list_of_vats_does_not_help_to_read_a_flight() {
    let (dictionary, flights) = watched();
    let dialled: Vec<_> = flights
        .iter()
        .filter(|flight| flight.len() == 1239)
        .collect();
    assert_eq!(dialled.len(), 3);
    for flight in dialled {
        let seen = Seen::of(flight);
        let found = seen.identify(&dictionary, |entry| seen.public_guesses(entry));
        assert_eq!(found, [0; 0]);
        let secret = Scalar::from_bytes(key(4).mapped_secret());
        let found = seen.identify(&dictionary, |_| {
            vec![secret.agree(&seen.x_i).unwrap().to_vec()]
        });
        assert_eq!(found, [3]);
    }
}

/// THR-1, VTP-4: the control: a target that is made without the shared secret, from all else, is found in the list.
#[test]
fn a_target_made_without_a_secret_is_found_in_the_list() {
    let (dictionary, flights) = watched();
    let seen = Seen::of(&flights[0]);
    for (number, entry) in dictionary.iter().enumerate() {
        for instead in [
            vec![],
            vec![0; 32],
            seen.x_i.to_vec(),
            entry.vat.mapped().to_vec(),
        ] {
            let target = seen.target_of(entry, &instead, 3);
            let careless = Seen {
                target,
                ..Seen::of(&flights[0])
            };
            let found = careless.identify(&dictionary, |entry| careless.public_guesses(entry));
            assert_eq!(found, [number]);
        }
    }
}

/// THR-1, VTP-8: no name, no key derived from one and no place stands in any byte of a connection, and neither does what
/// is said; and two connections between the same two have nothing in common.
#[test]
fn no_flight_holds_a_name_or_repeats_another() {
    let (dictionary, flights) = watched();
    let stream = flights.concat();
    let holds = |needle: &[u8]| stream.windows(needle.len()).any(|window| window == needle);
    for Entry { vat, place } in &dictionary {
        assert!(!holds(&vat.as_bytes()[..8]) && !holds(&vat.mapped()[..8]));
        assert!(!holds(place.as_bytes()));
    }
    assert!(!holds(b"hello, fourth"));
    assert!(holds(&Seen::of(&flights[0]).x_i), "the search works");
    let windows: Vec<_> = stream.windows(12).collect();
    let distinct: BTreeSet<_> = windows.iter().collect();
    assert_eq!(distinct.len(), windows.len());
}
