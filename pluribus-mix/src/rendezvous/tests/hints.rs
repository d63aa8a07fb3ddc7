use super::rig::*;
use crate::locator::Locator;
use crate::rendezvous::{Introduction, Refused};
use crate::wire::{DecodeError, Fault};

fn introduction(links: usize) -> Introduction {
    let mut introduction = Introduction::from(ticket());
    for (giver, to) in ["alice", "bob", "dave", "erin"]
        .into_iter()
        .zip(["bob", "dave", "erin", "frank"])
        .take(links)
    {
        assert!(introduction.delegate(&key(giver), vat(to), EXPIRY).is_ok());
    }
    introduction
}

fn locator(hints: &[(&str, &str)]) -> Locator {
    let hints: Vec<_> = hints
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let text = format!("ocapn://{}.mix?{}", vat("carol"), hints.join("&"));
    text.parse().unwrap()
}

fn read(hints: &[(&str, &str)]) -> Result<Option<Introduction>, Refused> {
    Introduction::from_hints(locator(hints).hints(), &promised())
}

/// RDV-6: it comes through the text of a locator, the longest in five hints.
#[test]
fn an_introduction_passes_through_a_locator() {
    for (links, pieces) in [(0, 2), (1, 3), (2, 3), (3, 4), (4, 5)] {
        let said = introduction(links);
        let hints = said.to_hints();
        assert_eq!(hints.len(), pieces);
        let hints: Vec<_> = hints
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let with_others = [&[("at", "192.0.2.1:1")], &hints[..], &[("ticket6", "x")]].concat();
        for hints in [hints, with_others] {
            let heard = read(&hints).ok().flatten().unwrap();
            assert_eq!(heard.to_bytes(), said.to_bytes());
            assert!(locator(&hints).to_string().len() <= 2048);
        }
    }
    assert!(read(&[("at", "192.0.2.1:1")]).unwrap_or(None).is_none());
}

/// RDV-6: pieces of another length, missing ones, other characters and other spellings.
#[test]
fn an_introduction_has_one_spelling() {
    let hints = introduction(1).to_hints();
    let [one, two, three] = [0, 1, 2].map(|at| hints[at].1.as_str());
    let wrong = Some(Refused::from(DecodeError::new("hints", Fault::OutOfRange)));
    let (short, end) = one.split_at(254);
    let shifted = format!("{end}{two}");
    let (long, _) = shifted.split_at(255);
    let padded = format!("{three}=");
    let unused = format!("{}_", three.split_at(three.len() - 1).0);
    let cases: [&[(&str, &str)]; 9] = [
        &[("ticket2", two)],
        &[("ticket1", one), ("ticket3", three)],
        &[("ticket1", one), ("ticket2", two), ("ticket4", three)],
        &[("ticket1", short), ("ticket2", long), ("ticket3", three)],
        &[
            ("ticket1", one),
            ("ticket2", two),
            ("ticket3", three),
            ("ticket4", ""),
        ],
        &[("ticket1", "")],
        &[
            ("ticket1", one),
            ("ticket2", two),
            ("ticket3", &padded.replace('=', "~")),
        ],
        &[
            ("ticket1", one),
            ("ticket2", two),
            ("ticket3", &padded.replace('=', ".")),
        ],
        &[("ticket1", one), ("ticket2", two), ("ticket3", &unused)],
    ];
    for (at, hints) in cases.iter().enumerate() {
        assert_eq!(read(hints).err(), wrong, "case {at}");
    }
    assert!(read(&[("ticket1", one), ("ticket2", two), ("ticket3", three)]).is_ok());
}
