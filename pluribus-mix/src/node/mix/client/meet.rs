//! Circuits to meeting relays: those that wait in our parks, and those that join the parks of others. (RDV-24 to RDV-27) Those to the keepers of
//! records are as they are. (RDV-40)
//!
//! ```text
//!                                      PARK                PARKED           JOINED
//! guard, two lasting hops ─► Spare ─► Asking ─────────────────────► Parked ────────► Used
//!                              │       JOIN, and the end is told that it stands
//!                              ├─────► Asking ─────────────────────────────────────► Used
//!                              │       KEEP or FIND                     the answer
//!                              └─────► Asking ───────────────────► Used ──────────► (gone)
//! ```

use super::super::knows::{AllHeld, Held};
use super::super::{Above, EndOf, Mix, News};
use super::{ANSWER, Origin, Reach, Stage, TRIES, Want};
use crate::directory::Consensus;
use crate::directory::path::NoPath;
use crate::id::RelayId;
use crate::node::LinkId;
use crate::onion::Cell;
use crate::onion::circuit::{Heard, NotNow};
use crate::onion::meet::{self, Cookie, Counts, SECRET};
use crate::onion::suspicion::Strike;
use crate::time::{Duration, Instant};
use zeroize::Zeroizing;

use super::ask::Questions;
use super::budget::Budget;
use super::lasting::Lasting;
use super::paths::Wary;

/// Hops of such a circuit before its meeting relay. (RDV-25)
pub(in crate::node::mix) const OWN: usize = 3;
/// What a meeting relay may take to answer JOIN beyond what an answer takes. (RDV-20)
const QUEUED: Duration = Duration::from_secs(2);
/// A meeting relay serves between so many windows and twice as many. (RDV-27)
pub(in crate::node::mix) const LEG: u32 = 1;

/// Which park is to be kept at a relay.
pub(in crate::node) struct ParkAt {
    /// The relay.
    pub(in crate::node) relay: RelayId,
    /// The secret under which circuits are parked there. (RDV-19)
    pub(in crate::node) secret: Zeroizing<[u8; SECRET]>,
}

/// What a client has to do with meeting relays.
pub(super) struct Meets {
    /// Spare circuits that are kept for joining.
    pub(super) spare: usize,
    /// Circuits that are kept in each park.
    pub(super) each: usize,
    pub(super) parks: Vec<Park>,
    /// How many circuits may be begun for them.
    pub(super) budget: Budget,
    pub(super) lasting: Lasting,
    pub(super) questions: Questions,
}

/// A park of ours.
pub(super) struct Park {
    pub(super) relay: RelayId,
    secret: Zeroizing<[u8; SECRET]>,
    pub(super) cookie: Cookie,
}

impl From<ParkAt> for Park {
    fn from(ParkAt { relay, secret }: ParkAt) -> Self {
        Self {
            cookie: meet::cookie(&relay, &secret),
            relay,
            secret,
        }
    }
}

/// What a circuit of ours has to do with meetings.
pub(in crate::node::mix) struct Meet {
    aim: Aim,
    /// The number of the first cell that its end has sent.
    pub(in crate::node::mix) first: Option<u64>,
    pub(in crate::node::mix) counts: Counts,
}

/// What such a circuit is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Aim {
    Spare,
    /// The park of this cookie.
    Park(Cookie),
    Join(Cookie),
    /// To ask what stands in the table of questions.
    Ask,
}

impl Meets {
    pub(super) fn new(spare: usize, each: usize, (most, pause): (u32, Duration)) -> Self {
        Self {
            budget: Budget::new(most, pause),
            spare,
            each,
            parks: Vec::new(),
            lasting: Lasting::default(),
            questions: Questions::default(),
        }
    }

    /// Whether circuits to meeting relays are kept at all.
    pub(super) const fn is_any(&self) -> bool {
        self.spare > 0 || !self.parks.is_empty()
    }
}

impl Meet {
    pub(super) fn new(aim: Aim) -> Box<Self> {
        Box::new(Self {
            aim,
            first: None,
            counts: Counts::default(),
        })
    }

    /// For a circuit that is built for this end, if that is no session.
    pub(super) fn of(want: Option<Want>) -> Option<Box<Self>> {
        Some(Self::new(want?.aim?))
    }
}

impl Origin {
    /// The number of a cell that comes, from its index. (RDV-22)
    pub(in crate::node::mix) fn number_of(&self, index: u64) -> u64 {
        let meet = self.meet.as_ref();
        meet.map_or(index, |it| index.wrapping_add_signed(it.counts.forth))
    }

    /// By how much the number of a cell that goes is more than its index. (RDV-22)
    pub(in crate::node::mix) fn ahead(&self) -> i64 {
        self.meet.as_ref().map_or(0, |it| it.counts.back)
    }

    /// The end has sent a cell with this number.
    pub(in crate::node::mix) fn has_said(&mut self, number: u64) {
        if let Some(meet) = &mut self.meet {
            meet.first.get_or_insert(number);
        }
    }

    pub(super) fn aims(&self, aim: Aim) -> bool {
        self.meet.as_ref().is_some_and(|it| it.aim == aim)
    }

    /// Whether it waits in the park, or is about to.
    pub(super) fn is_for(&self, park: &Park) -> bool {
        let lives = matches!(self.stage, Stage::Waiting | Stage::Asking | Stage::Parked);
        lives && self.aims(Aim::Park(park.cookie)) && self.path.last() == Some(&park.relay)
    }

    /// What was asked of it has failed: it is as good as its own hops. (RDV-27)
    pub(in crate::node::mix) fn meets_nobody(&mut self, now: Instant, pause: Duration) {
        let hops = self.circuit.hops().len();
        if hops == 0 || hops > OWN {
            return;
        }
        self.path.truncate(hops);
        self.leg_ends = None;
        self.stage = Stage::Mending;
        if let Some(meet) = &mut self.meet {
            meet.aim = Aim::Spare;
        }
        if self.circuit.is_building() {
            // TRUNCATED brings it back here.
            let _ = self.circuit.truncate(hops, &mut |_| ());
        } else if hops == OWN {
            self.stage = Stage::Spare;
        } else {
            self.deadline = Some(now + pause);
        }
    }
}

impl Mix {
    /// Somebody wants to meet whoever has a park with this cookie at this relay. As soon as the circuit stands there, the end is
    /// [`Opened`](News::Opened); if there is nobody, or something fails, it is [`Lost`](News::Lost). (RDV-24)
    pub(in crate::node) fn open_meeting(
        &mut self,
        now: Instant,
        end: LinkId,
        relay: RelayId,
        cookie: Cookie,
    ) {
        self.clock = now;
        self.want_to(end, relay, Aim::Join(cookie));
    }

    /// An end wants a circuit to this relay for something else than a session.
    pub(super) fn want_to(&mut self, end: LinkId, relay: RelayId, aim: Aim) {
        let consensus = self.consensus.as_ref();
        if consensus.is_some_and(|all| all.relay(&relay).is_none()) {
            return self.news.push_back(News::Lost(end));
        }
        self.client.wants.push_back(Want {
            end,
            relay,
            reach: Reach::Far,
            aim: Some(aim),
            of: None,
            since: self.clock,
            tries: 0,
        });
        self.serve_wants();
    }

    /// Counts a strike on a circuit. (ONI-17, RDV-25)
    pub(in crate::node::mix) fn strike(&mut self, key: usize, strike: Strike) {
        let now = self.clock;
        let it = self.client.circuits.get(key).filter(|it| it.meet.is_some());
        let meets = it.and_then(|it| it.path.get(OWN).copied());
        let (one, other) = strike.pair;
        match meets.is_some() && [one, Some(other)].contains(&meets) {
            true => self.client.suspicion.note_meeting(now, strike),
            false => self.client.suspicion.note(now, strike),
        }
    }

    /// The path of a circuit that lost a hop while it was being built. (PAC-14, RDV-27)
    pub(in crate::node::mix) fn mended(
        &mut self,
        key: usize,
        consensus: &Consensus,
    ) -> Result<Vec<RelayId>, NoPath> {
        let it = self.client.circuits.get(key).ok_or(NoPath::NoGuard)?;
        let begun = it.circuit.hops().to_vec();
        if it.meet.is_some() {
            return self.lasting_path(consensus, None, &begun, None);
        }
        self.path_behind(consensus, begun.first().ok_or(NoPath::NoGuard)?)
    }

    /// Whether a spare circuit leads to this relay now. Without pacing one is built.
    pub(in crate::node) fn leads_to(&self, relay: &RelayId) -> bool {
        let is_silent = self.client.sulking.has(self.clock, relay);
        let leads = || !self.meeting_spares(relay, Wary::Suspect).is_empty();
        !is_silent && (self.pace.is_none() || leads())
    }

    /// A spare circuit by which this relay can be reached.
    fn meeting_spare(&mut self, relay: &RelayId, wary: Wary) -> Option<usize> {
        let spares = self.meeting_spares(relay, wary);
        self.pick(&spares)
    }

    fn meeting_spares(&self, relay: &RelayId, wary: Wary) -> Vec<usize> {
        let Some(consensus) = &self.consensus else {
            return Vec::new();
        };
        let fits = |it: &Origin| {
            let is_ready = it.stage == Stage::Spare && it.deadline.is_none() && it.aims(Aim::Spare);
            let stands = || self.wires.get(&it.link).is_some_and(|wire| wire.is_live());
            let follows = || self.may_follow(consensus, &it.path, relay, wary);
            let is_tight = || wary == Wary::Forger || self.is_tight(it);
            is_ready && stands() && is_tight() && self.is_usable(it) && follows()
        };
        let spares = self.client.circuits.iter().filter(|(_, it)| fits(it));
        spares.map(|(key, _)| key).collect()
    }

    fn take_spare(&mut self, key: usize, relay: RelayId, aim: Aim) {
        let leg_ends = self.draw_windows(LEG).map(|leg| self.clock + leg);
        if let Some(it) = self.client.circuits.get_mut(key) {
            it.path.push(relay);
            it.meet = Some(Meet::new(aim));
            it.leg_ends = leg_ends;
        }
    }

    /// Has a spare circuit wait in a park.
    pub(super) fn park_spare(&mut self, relay: RelayId, cookie: Cookie) {
        if let Some(key) = self.meeting_spare(&relay, Wary::Suspect) {
            self.take_spare(key, relay, Aim::Park(cookie));
            self.ask(key);
        }
    }

    /// Has a spare circuit join a park, or ask a keeper, if one fits.
    pub(super) fn meet_over_spare(&mut self, want: Want, aim: Aim) -> bool {
        let wary = self.wary(&want);
        let Some(key) = self.meeting_spare(&want.relay, wary) else {
            return false;
        };
        self.take_spare(key, want.relay, aim);
        if let Some(it) = self.client.circuits.get_mut(key) {
            it.end = Some(want);
        }
        self.ends.insert(want.end, EndOf::Origin(key));
        self.ask(key);
        true
    }

    /// Every hop of such a circuit has answered. (RDV-24, RDV-26)
    pub(super) fn meeting_stands(&mut self, key: usize) {
        let now = self.clock;
        let client = &mut self.client;
        let Some(it) = client.circuits.get_mut(key) else {
            return;
        };
        let mut cells = Vec::new();
        let mut out = |cell: &Cell| cells.push(*cell);
        let asked = match it.meet.as_ref().map_or(Aim::Spare, |it| it.aim) {
            Aim::Spare => {
                (it.stage, it.deadline) = (Stage::Spare, None);
                Ok(())
            }
            Aim::Park(cookie) => {
                it.deadline = Some(now + ANSWER);
                let park = client.meets.parks.iter().find(|it| it.cookie == cookie);
                let park = park.ok_or(NotNow::NoSuchHop);
                park.and_then(|park| it.circuit.park(&park.secret, &mut out))
            }
            Aim::Join(cookie) => {
                (it.stage, it.deadline) = (Stage::Used, Some(now + ANSWER + QUEUED));
                let end = it.end;
                self.news.extend(end.map(|want| News::Opened(want.end)));
                it.circuit.join(cookie, &mut out)
            }
            Aim::Ask => {
                (it.stage, it.deadline) = (Stage::Used, Some(now + ANSWER));
                client.meets.questions.put(it, &mut out)
            }
        };
        let lane = it.lane.filter(|_| asked.is_ok());
        let sent = cells
            .iter()
            .try_for_each(|cell| lane.map_or(Ok(()), |lane| self.push(lane, cell)));
        if asked.is_err() || sent.is_err() {
            return self.fail_origin(key, None);
        }
        self.arm_origin(key);
        self.tend();
        self.serve_wants();
    }

    /// What a meeting relay says. (RDV-22, RDV-24, RDV-26)
    pub(in crate::node::mix) fn meeting_said(
        &mut self,
        key: usize,
        heard: Heard,
        above: &mut dyn Above,
    ) {
        let Some(it) = self.client.circuits.get_mut(key) else {
            return;
        };
        let aim = it.meet.as_ref().map_or(Aim::Spare, |it| it.aim);
        match (heard, aim, it.stage) {
            (Heard::Parked, Aim::Park(_), Stage::Asking) => {
                (it.stage, it.deadline) = (Stage::Parked, None);
                self.arm_origin(key);
            }
            (Heard::Joined(counts), Aim::Park(cookie), Stage::Asking | Stage::Parked) => {
                self.joined(key, counts, cookie, above);
            }
            (Heard::Joined(counts), Aim::Join(_), Stage::Used) => {
                it.deadline = None;
                let first = it.meet.as_mut().and_then(|it| {
                    it.counts = counts;
                    it.first
                });
                let has_missed = first.is_some_and(|first| first < counts.from);
                if let Some(want) = it.end.filter(|_| has_missed) {
                    self.news.push_back(News::Again(want.end));
                }
                self.arm_origin(key);
            }
            (Heard::NotJoined, _, Stage::Asking | Stage::Parked | Stage::Used) => {
                let alone = it.end.filter(|_| matches!(aim, Aim::Join(_)));
                self.news.extend(alone.map(|want| News::Alone(want.end)));
                self.fail_origin(key, None);
            }
            // It crossed our giving it up.
            _ => {}
        }
    }

    /// The meeting relay has let go of a circuit by the clock: if it still outlasts a leg, it may go to another. All that meets over it is this vat's, and the hops
    /// before are the same for each of its circuits. (RDV-27)
    pub(in crate::node::mix) fn meet_again(&mut self, key: usize) {
        let lasts = |it: &Origin| {
            let is_free = it.stage == Stage::Spent && it.leg_ends.is_none();
            let stands = it.circuit.hops().len() == OWN && it.circuit.is_resting();
            it.meet.is_some() && is_free && stands && self.is_usable(it)
        };
        if !self.client.circuits.get(key).is_some_and(lasts) {
            return;
        }
        if let Some(it) = self.client.circuits.get_mut(key) {
            it.stage = Stage::Spare;
            it.meet = Some(Meet::new(Aim::Spare));
        }
        self.tend();
    }

    /// Somebody has joined a park of ours.
    fn joined(&mut self, key: usize, counts: Counts, cookie: Cookie, above: &mut dyn Above) {
        let Some(it) = self.client.circuits.get_mut(key) else {
            return;
        };
        let Some(relay) = it.path.last().copied() else {
            return;
        };
        let end = above.joined(relay, cookie);
        it.end = Some(Want {
            end,
            relay,
            reach: Reach::Far,
            aim: None,
            of: None,
            since: self.clock,
            tries: TRIES,
        });
        (it.stage, it.deadline) = (Stage::Used, None);
        if let Some(meet) = &mut it.meet {
            meet.counts = counts;
        }
        self.ends.insert(end, EndOf::Origin(key));
        self.arm_origin(key);
        self.tend();
    }
}

impl Meets {
    /// Whom our parks and lasting hops lead to.
    pub(super) fn held(&self, all: &mut AllHeld) {
        let Self {
            spare: _,
            each: _,
            parks,
            budget: _,
            lasting,
            // Indices, and records of our own.
            questions: _,
        } = self;
        let parks = parks.iter().map(|park| {
            let Park {
                relay,
                secret: _,
                cookie: _,
            } = park;
            relay
        });
        all.extend(parks.chain(lasting.names()).copied().map(Held::Relay));
    }
}
