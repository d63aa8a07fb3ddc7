//! What the stories share: times, what a watcher noted, and peers that a test plays by hand.

use pluribus_mix::crypto::kdf::hash;
use pluribus_mix::crypto::rng::Seed;
use pluribus_mix::crypto::sign::SigningKey;
use pluribus_mix::locator::Address;
use pluribus_mix::netlayer::ConnId;
use pluribus_mix::sim::{Direction, HostId, LinkNo, Place, RawId, Record, Sight, World};
use pluribus_mix::time::{Duration, Instant};
use pluribus_mix::vattp::frame::{Frame, Frames};
use pluribus_mix::vattp::initiator::{self, Entropy, ExpectIam};
use pluribus_mix::vattp::pair::PairFields;
use pluribus_mix::vattp::pipe::{Carried, Opener, Sealer};
use pluribus_mix::vattp::target::Wanted;
use pluribus_mix::vattp::{Hints, Local, Offers, Use};
use std::sync::Arc;

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// This many milliseconds after the start of the world.
pub(crate) fn at(ms: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(ms)
}

/// Two vats, ten milliseconds apart, and their connection as each of them calls it. The world is quiet.
pub(crate) fn joined(world: &mut World) -> ([HostId; 2], [ConnId; 2]) {
    let [alice, bob] = world.vats(["alice", "bob"]);
    let conns = join(world, alice, bob);
    ([alice, bob], conns)
}

/// Has `alice` dial `bob`; the connection as each of them calls it. The world is quiet.
pub(crate) fn join(world: &mut World, alice: HostId, bob: HostId) -> [ConnId; 2] {
    let there = world.dial(alice, bob).unwrap();
    assert!(world.run_until_quiet());
    let back = world.connection(bob, alice).unwrap();
    assert!(world.is_open(alice, there) && world.is_open(bob, back));
    [there, back]
}

/// When the first of something happens, to the nanosecond.
pub(crate) fn moment(
    world: &mut World,
    limit: Duration,
    done: impl FnMut(&World) -> bool,
) -> Instant {
    assert!(world.run_until(done, limit), "it never came to that");
    world.now()
}

/// A signing key of its own for each number.
pub(crate) fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(&[number; 32])
}

/// What a watcher noted, without the numbers of the links: when, which way, between whom, what. Of two things at one moment
/// that which leads away from the opener comes first: the world has to do one of them first, and that means nothing.
pub(crate) type Noted = Vec<(Instant, Direction, Place, Place, Sight)>;

pub(crate) fn noted<'r>(records: impl IntoIterator<Item = &'r Record>) -> Noted {
    let note = |r: &Record| (r.at, r.direction, r.from, r.to, r.sight.clone());
    let mut noted: Noted = records.into_iter().map(note).collect();
    noted.sort_by_key(|(at, direction, ..)| (*at, *direction));
    noted
}

/// The transmissions with their bytes, of those that were kept.
pub(crate) fn bytes_of<'r>(records: impl IntoIterator<Item = &'r Record>) -> Vec<Vec<u8>> {
    let bytes = |record: &Record| match &record.sight {
        Sight::Bytes { bytes, .. } => bytes.clone(),
        _ => None,
    };
    records.into_iter().filter_map(bytes).collect()
}

/// The items of a stream, without their lengths.
pub(crate) fn items(mut stream: &[u8]) -> Vec<Vec<u8>> {
    let mut items = Vec::new();
    while let Some((len, rest)) = stream.split_first_chunk::<2>() {
        let (item, behind) = rest.split_at(usize::from(u16::from_be_bytes(*len)));
        items.push(item.to_vec());
        stream = behind;
    }
    items
}

pub(crate) fn lp(item: &[u8]) -> Vec<u8> {
    [&u16::try_from(item.len()).unwrap().to_be_bytes()[..], item].concat()
}

/// `h` of a handshake after one more item. (VTP-1)
pub(crate) fn absorb(h: [u8; 32], item: &[u8]) -> [u8; 32] {
    hash(&[&h, &lp(item)])
}

/// How a vat is asked for, here or elsewhere.
pub(crate) fn wanted(world: &World, vat: HostId, place: &Address) -> Wanted {
    let key = *world.vat_id(vat).public_key();
    Wanted {
        key,
        prekey: key.mapped(),
        for_use: Use::Vat,
        place: place.to_string().into_bytes(),
    }
}

/// Flight 1 from a stranger, and what awaits its answer.
pub(crate) fn flight1(wanted: Wanted, number: u8) -> (ExpectIam, Vec<u8>) {
    let local = Local {
        key: Arc::new(key(number)),
        incarnation: 1,
        hints: Hints::default(),
        backend: Default::default(),
    };
    let entropy = Entropy::draw(&mut Seed::from_bytes([number; 32]).fork("flight 1"));
    let mut out = Vec::new();
    let next = initiator::start(wanted, local, Offers::default(), entropy, &mut out).unwrap();
    (next, out)
}

/// A proven peer that a test plays by hand: the handshake is the library's, the records are the test's.
pub(crate) struct Puppet {
    pub(crate) raw: RawId,
    pub(crate) link: LinkNo,
    pub(crate) mine: u64,
    sealer: Sealer,
    opener: Opener,
}

impl Puppet {
    /// Dials `vat` from a raw host of its own, over links of ten milliseconds.
    pub(crate) fn joined(world: &mut World, vat: HostId) -> Self {
        let raw = world.raw_host("puppet");
        let place = world.address(vat).unwrap().clone();
        let (expect, flight) = flight1(wanted(world, vat, &place), 200);
        let link = world.raw(raw).open(vat);
        world.raw(raw).send(link, flight).unwrap();
        world.run_for(20 * MS);
        let answer = items(&world.raw(raw).take(link));
        let proven = expect
            .handle(&answer[0])
            .unwrap()
            .handle(&answer[1])
            .unwrap();
        let (mine, mut out) = (77, Vec::new());
        let fields = PairFields::go(proven.side(), mine, 78);
        let (expect, sealer) = proven.go(&fields, Carried::Stream, &mut out).unwrap();
        world.raw(raw).send(link, out).unwrap();
        world.run_for(20 * MS);
        let mut record = items(&world.raw(raw).take(link)).remove(0);
        let (established, _, _) = expect.handle(&mut record).unwrap();
        let opener = established.opener;
        Self {
            raw,
            link,
            mine,
            sealer,
            opener,
        }
    }

    /// Sends these frames in one record. Whether the link still stands.
    pub(crate) fn say(&mut self, world: &mut World, frames: &[Frame<'_>]) -> bool {
        let mut out = Vec::new();
        let begun = self.sealer.begin(&mut out);
        frames.iter().for_each(|frame| frame.encode(&mut out));
        self.sealer.seal(begun, &mut out).unwrap();
        world.raw(self.raw).send(self.link, out).is_ok()
    }

    /// The frames that came, each as text, record by record.
    pub(crate) fn heard(&mut self, world: &mut World) -> Vec<Vec<String>> {
        let records = items(&world.raw(self.raw).take(self.link));
        let open = |mut record: Vec<u8>| {
            let mut frames = Frames::of(self.opener.open(&mut record).unwrap()).unwrap();
            core::iter::from_fn(|| frames.next().unwrap().map(|frame| format!("{frame:?}")))
                .collect()
        };
        records.into_iter().map(open).collect()
    }
}

/// A message of a puppet, whole in one frame.
pub(crate) const fn msg(number: u64, bytes: &[u8]) -> Frame<'_> {
    Frame::Msg {
        more: false,
        number,
        bytes,
    }
}
