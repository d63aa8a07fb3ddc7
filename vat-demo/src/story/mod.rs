//! The story that the program tells: vats that hide from each other are introduced, and talk while a relay dies.
//!
//! Everything in it is real, and in one process: an authority, relays and vats, each with its own address in 127.0.0.0/8 and TCP connections to the
//! others. Alice knows Bob and Carol, who have each given her a ticket. She sends Bob a reference to an object of Carol's; what leads to Carol goes
//! with it. Then Bob and Carol talk, a relay between them is killed, and everything has to arrive once and in order. In the end it is
//! [searched](knows) who knows what.

pub mod knows;
mod tale;
mod talk;
mod town;
mod trace;
mod vat;

use std::cell::RefCell;
use std::error::Error;
use std::future::{pending, poll_fn};
use std::path::PathBuf;
use std::rc::Rc;
use std::task::Poll;

use pluribus_mix::id::VatId;
use pluribus_mix::locator::Locator;
use pluribus_mix::rendezvous::Bearer;
use pluribus_mix::time::Instant as Moment;
use tokio::time::{Duration, Instant, sleep, sleep_until, timeout};

use crate::captp::locator::{Peer, Sturdyref};
use crate::netlayer::entropy;
use crate::vat::{Outcome, Ref};
use tale::in_delays;
pub use tale::{Handoff, Tale};
pub use talk::Tally;
use talk::{friend, guest};
use town::{RELAYS, Town, short};
use trace::Trace;
use vat::Actor;

/// What came of everything that Alice wanted to have.
type Met = Rc<RefCell<Vec<Outcome>>>;
type Told<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Who there is. The first introduces each of the others to the next.
pub const NAMES: [&str; 8] = [
    "Alice", "Bob", "Carol", "Dave", "Erin", "Frank", "Grace", "Heidi",
];
/// How long a ticket for Alice counts.
const LIFE: Duration = Duration::from_secs(600);
/// How many circuits have to wait for callers of each vat before it gives a ticket.
const PARKED: usize = 3;
/// How many tickets each vat gives her: one that leads nowhere is no end.
const TICKETS: usize = 2;
/// How often something is handed over whose receiver heard of it through Alice, for it did not reach the other vat.
const HANDED: usize = 3;
/// How often something is asked for that is not there yet.
const AGAIN: Duration = Duration::from_millis(50);
/// How long it is waited for a message that comes twice.
const ECHO: Duration = Duration::from_millis(300);

/// How cells are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pacing {
    /// At once.
    None,
    /// By the clock, as many whether something is said or not.
    Constant,
}

/// What is told.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many vats there are: 3 to 8.
    pub vats: usize,
    /// How cells are sent.
    pub pacing: Pacing,
    /// How many messages go each way.
    pub messages: u32,
    /// The time from one message to the next.
    pub every: Duration,
    /// How long all of it may take.
    pub patience: Duration,
    /// Whether Bob tells Carol where he is.
    pub leak: bool,
    /// How much longer everything takes over a link to a relay, each way.
    pub link_delay: Duration,
    /// Where it is written what happens in each vat, and because of what.
    pub trace: Option<PathBuf>,
}

/// A line of the story, or what is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// What has happened.
    Story(String),
    /// What is waited for.
    Progress(String),
}

/// Plays it, and tells each line when it happens. Needs a tokio runtime; what it starts ends with that.
///
/// # Errors
/// In words, why it could not be told to the end.
pub async fn tell(options: &Options, line: impl FnMut(Line)) -> Result<Tale, String> {
    let last = RefCell::new(String::from("the network to begin"));
    let (mut line, start) = (line, now());
    let mut say = |said: Line| {
        line(match said {
            Line::Progress(what) => {
                last.borrow_mut().clone_from(&what);
                let seconds = start.elapsed().as_secs_f64();
                Line::Progress(format!("{seconds:4.1} s: waiting for {what}"))
            }
            said => said,
        });
    };
    let told = timeout(options.patience, play(options, &mut say)).await;
    match told {
        Ok(told) => told.map_err(|why| why.to_string()),
        Err(_) => Err(format!(
            "the story did not end within {} s: it still waited for {}{}",
            options.patience.as_secs(),
            last.borrow(),
            match options.pacing {
                Pacing::Constant =>
                    "; on a machine that is too busy to keep time, try --pacing none",
                Pacing::None => "",
            }
        )),
    }
}

async fn play(options: &Options, say: &mut dyn FnMut(Line)) -> Told<Tale> {
    let start = now();
    let mut stage = Stage::set(options, start, say).await?;
    let ready = start.elapsed();
    stage.introduce_alice(say).await?;
    let mut handoff = None;
    for guest in 1..options.vats - 1 {
        let went = stage.hand_over(guest, say).await?;
        handoff.get_or_insert(went);
    }
    stage.town.look(&stage.actors).await?;
    let relay = stage.talk(options, say).await?;
    stage.town.look(&stage.actors).await?;
    let tally = stage.tally(options.messages);
    let Stage { town, actors, .. } = stage;
    let who_knows = knows::who_knows(&town.into_seen(&actors));
    Ok(Tale {
        handoff: handoff.ok_or("there was nobody to introduce")?,
        who_knows,
        relay_killed: relay,
        tally,
        ready,
        took: start.elapsed(),
        link_delay: options.link_delay,
    })
}

/// Everybody who plays.
struct Stage {
    town: Town,
    actors: Vec<Actor>,
    /// Of each vat with the next.
    talks: Vec<talk::Shared>,
    /// What Alice has of each: the guest and the friend in it.
    contacts: Vec<(Ref, Ref)>,
    start: Instant,
    options: Options,
}

impl Stage {
    async fn set(options: &Options, start: Instant, say: &mut dyn FnMut(Line)) -> Told<Self> {
        say(Line::Progress(format!(
            "{RELAYS} relays to know each other"
        )));
        let mut town = Town::begin(options.pacing, options.link_delay).await?;
        let trace = options.trace.as_deref().map(Trace::create).transpose()?;
        let mut actors = Vec::new();
        for name in NAMES.into_iter().take(options.vats) {
            let mut actor = Actor::born(name, town.local.network()).await?;
            if let Some(trace) = trace.clone() {
                actor.host.trace(move |event| trace.note(name, &event));
            }
            actors.push(actor);
        }
        town.local.ready().await;
        say(Line::Progress("circuits of the vats".to_owned()));
        town.join(&actors);
        for actor in &actors {
            actor.client.ready().await;
        }
        town.look(&actors).await?;
        let talks = actors.iter().map(|_| talk::Shared::default()).collect();
        Ok(Self {
            town,
            actors,
            talks,
            contacts: Vec::new(),
            start,
            options: options.clone(),
        })
    }

    /// Every vat gives Alice a ticket, and she meets them.
    async fn introduce_alice(&mut self, say: &mut dyn FnMut(Line)) -> Told {
        say(Line::Progress(
            "places where the vats can be met".to_owned(),
        ));
        let alice = self.vat(0)?;
        let others: Vec<_> = self.actors.iter().skip(1).map(|it| it.name).collect();
        let mut tickets = Vec::new();
        for actor in &self.actors {
            actor.can_be_met(PARKED).await?;
        }
        for actor in self.actors.iter().skip(1) {
            for _ in 0..TICKETS {
                let ticket = actor.endpoint.ticket(Bearer::Vat(alice), LIFE);
                tickets.push(ticket.await??);
            }
        }
        say(Line::Story(format!(
            "{} each hand Alice {TICKETS} tickets, out of band. No locator has an address.",
            in_words(&others)
        )));
        say(Line::Progress(format!(
            "Alice to reach {}",
            in_words(&others)
        )));
        let met = Met::default();
        for (at, tickets) in (1..).zip(tickets.chunks(TICKETS)) {
            let [ticket, others @ ..] = tickets else {
                continue;
            };
            let alice = self.actors.first().ok_or("nobody is there")?;
            others.iter().for_each(|ticket| alice.keep(ticket));
            let contact = self.contact(at, ticket, &met)?;
            self.contacts.push(contact);
        }
        let wanted = 2 * others.len();
        self.until(|_| {
            let met = met.borrow();
            let broken = met.iter().find_map(|it| it.as_ref().err().cloned());
            let met = (met.len() == wanted).then_some(Ok(()));
            broken.map(Err).or(met)
        })
        .await?
        .map_err(|why| format!("Alice cannot reach everybody: {why:?}"))?;
        say(Line::Story(format!(
            "Alice is connected with {}; each has proven who it is, and none knows where another is.",
            in_words(&others)
        )));
        say(Line::Progress(
            "something that Alice can hand on".to_owned(),
        ));
        let friends: Vec<_> = (2..self.actors.len())
            .filter_map(|at| self.vat(at).ok())
            .collect();
        self.until(|stage| {
            let alice = stage.actors.first()?;
            let ready = |vat| alice.introductions_to(vat) > 0;
            friends.iter().all(ready).then_some(())
        })
        .await
    }

    /// What Alice has of a vat that gave her this ticket: its objects.
    fn contact(&mut self, at: usize, ticket: &Locator, met: &Met) -> Told<(Ref, Ref)> {
        let peer = Peer::parse(&ticket.to_string())?;
        let as_guest = self.talks.get(at).ok_or("no talk")?;
        let as_friend = self.talks.get(at - 1).ok_or("no talk")?;
        let [alice, others @ ..] = self.actors.as_mut_slice() else {
            return Err("nobody is there".into());
        };
        let actor = others.get_mut(at - 1).ok_or("nobody is there")?;
        let words = format!("I am {}. Alice says that you are there.", actor.name);
        let words = match self.options.leak && at == 1 {
            true => format!("{words} I am at {}.", actor.address),
            false => words,
        };
        let objects = [
            guest(&mut actor.host, as_guest, words),
            friend(&mut actor.host, as_friend),
        ];
        let [guest, friend] = objects.map(|object| {
            let swissnum = entropy::system().to_vec();
            actor.host.register(&swissnum, &object);
            let peer = peer.clone();
            let there = alice.host.enliven(&Sturdyref { peer, swissnum });
            let met = Rc::clone(met);
            alice.host.turn(|turn| {
                turn.when(&there, move |_, outcome| {
                    met.borrow_mut().push(outcome.clone());
                    outcome
                })
            });
            there
        });
        Ok((guest, friend))
    }
}

impl Stage {
    /// Alice sends a vat a reference to an object of the next one's, which it calls.
    async fn hand_over(&mut self, at: usize, say: &mut dyn FnMut(Line)) -> Told<Handoff> {
        let contact = |at: usize| self.contacts.get(at).cloned().ok_or("no contact");
        let ((to_guest, _), (_, to_friend)) = (contact(at - 1)?, contact(at)?);
        let talk = Rc::clone(self.talks.get(at).ok_or("no talk")?);
        let name = |at: usize| NAMES.get(at).copied().unwrap_or_default();
        let (guest, friend) = (name(at), name(at + 1));
        for _ in 0..HANDED {
            say(Line::Progress(format!("{guest} to reach {friend}")));
            talk.borrow_mut().begin_anew();
            let alice = self.actors.first_mut().ok_or("nobody is there")?;
            alice
                .host
                .turn(|turn| turn.send_only(&to_guest, [(&to_friend).into()]));
            self.until(|_| {
                let talk = talk.borrow();
                (talk.answered.is_some() || talk.broken.is_some()).then_some(())
            })
            .await?;
            if let Some(why) = &talk.borrow().broken {
                return Err(format!("{guest} cannot call {friend}: {why}").into());
            }
            if let Some(went) = self.went(at)? {
                say(Line::Story(format!(
                    "Alice sends {guest} a reference to an object of {friend}'s; what leads to {friend} goes with it.\n{friend} has {guest}'s first message after {}, {guest} hers after {}; the object is called after {}, the answer comes after {}.",
                    self.span(went.to_first_message),
                    self.span(went.to_reply),
                    self.span(went.to_call),
                    self.span(went.to_answer),
                )));
                return Ok(went);
            }
            say(Line::Story(format!(
                "{guest} does not reach {friend}, and what it says goes through Alice. She hands the reference over once more."
            )));
        }
        Err(format!("{guest} did not reach {friend}").into())
    }

    /// How the introduction of a vat to the next went; `None` if the two are not connected, for what they said went through Alice.
    fn went(&self, at: usize) -> Told<Option<Handoff>> {
        let talk = self.talks.get(at).ok_or("no talk")?.borrow();
        let [of_guest, of_friend] = [at, at + 1].map(|at| self.actors.get(at));
        let (of_guest, of_friend) = of_guest.zip(of_friend).ok_or("nobody is there")?;
        let (guest_id, friend_id) = (of_guest.id(), of_friend.id());
        let (here, there) = (of_guest.log.borrow(), of_friend.log.borrow());
        let given = *here.gifts.get(&friend_id).ok_or("no certificate came")?;
        let since = |moment: Option<&Instant>| Some(moment?.saturating_duration_since(given));
        let handoff = || {
            Some(Handoff {
                to_first_message: since(there.first.get(&guest_id))?,
                to_reply: since(here.first.get(&friend_id))?,
                to_call: since(talk.called.as_ref())?,
                to_answer: since(talk.answered.as_ref())?,
            })
        };
        Ok(handoff())
    }

    /// Bob says numbers to Carol and hears them back, and a relay between them is killed. Its name.
    async fn talk(&mut self, options: &Options, say: &mut dyn FnMut(Line)) -> Told<String> {
        let talk = Rc::clone(self.talks.get(1).ok_or("no talk")?);
        let friend = talk.borrow().friend.clone();
        let friend = friend.ok_or("Bob has nobody to talk to")?;
        let mut killed = None;
        for number in 1..=options.messages {
            let bob = self.actors.get_mut(1).ok_or("nobody is there")?;
            bob.host
                .turn(|turn| turn.send_only(&friend, [i64::from(number).into()]));
            self.rest(options.every).await;
            if number == options.messages.div_ceil(4) {
                self.can_meet_again(say).await?;
                let [_, bob, carol, ..] = self.actors.as_slice() else {
                    return Err("nobody is there".into());
                };
                let relay = short(&self.town.kill_between(bob, carol).await?);
                say(Line::Story(format!(
                    "Bob and Carol talk. {relay} carries that, and is killed behind message {number}."
                )));
                say(Line::Progress("what was said to arrive".to_owned()));
                killed = Some(relay);
            }
        }
        let wanted = options.messages as usize;
        let arrived = self.until(|_| {
            let talk = talk.borrow();
            (talk.there.len() >= wanted && talk.back.len() >= wanted).then_some(())
        });
        // What has not come by then is lost.
        if let Ok(arrived) = timeout(options.patience / 2, arrived).await {
            arrived?;
        }
        self.rest(ECHO).await;
        Ok(killed.ok_or("nothing was said")?)
    }

    /// Waits until Bob and Carol have something with which they can call each other again.
    async fn can_meet_again(&mut self, say: &mut dyn FnMut(Line)) -> Told {
        say(Line::Progress(
            "tickets that Bob and Carol give each other".to_owned(),
        ));
        let (bob, carol) = (self.vat(1)?, self.vat(2)?);
        self.until(|stage| {
            let [_, of_bob, of_carol, ..] = stage.actors.as_slice() else {
                return None;
            };
            let have = of_bob.introductions_to(&carol) > 0 && of_carol.introductions_to(&bob) > 0;
            have.then_some(())
        })
        .await
    }

    /// A time in words: in link delays too, where these are known.
    fn span(&self, span: Duration) -> String {
        let delays = in_delays(span, self.options.link_delay);
        let delays = delays.map(|count| format!(" ({count:.1} link delays)"));
        format!("{} ms{}", span.as_millis(), delays.unwrap_or_default())
    }

    fn tally(&self, sent: u32) -> Tally {
        let Some(talk) = self.talks.get(1) else {
            return Tally::default();
        };
        let talk = talk.borrow();
        Tally::of(sent, &talk.there).and(Tally::of(sent, &talk.back))
    }

    fn vat(&self, at: usize) -> Told<VatId> {
        let actor = self.actors.get(at).ok_or("nobody is there")?;
        Ok(actor.endpoint.vat_id())
    }

    /// Has everybody do what there is to do for so long.
    async fn rest(&mut self, span: Duration) {
        // It ends with the time.
        let _ = timeout(span, self.until(|_| None::<()>)).await;
    }

    /// Has everybody do what there is to do until something is so. Loses nothing when cancelled.
    async fn until<T>(&mut self, mut done: impl FnMut(&Self) -> Option<T>) -> Told<T> {
        loop {
            let moment = Moment::ZERO + self.start.elapsed();
            let hosts = self.actors.iter_mut().map(|it| &mut it.host);
            hosts.for_each(|host| host.poll(moment));
            if let Some(found) = done(self) {
                return Ok(found);
            }
            self.changed().await;
        }
    }

    /// Waits until there may be more.
    async fn changed(&self) {
        let due = self.actors.iter().filter_map(|it| it.host.poll_timeout());
        let due = due.min();
        let timer = async {
            match due {
                Some(due) => sleep_until(self.start + due.since(Moment::ZERO)).await,
                None => pending().await,
            }
        };
        let news = poll_fn(|cx| {
            let any = self.actors.iter().any(|it| it.poll_changed(cx).is_ready());
            if any { Poll::Ready(()) } else { Poll::Pending }
        });
        tokio::select! {
            () = news => {}
            () = timer => {}
            () = sleep(AGAIN) => {}
        }
    }
}

fn in_words(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [all @ .., last] => format!("{} and {last}", all.join(", ")),
    }
}

#[expect(clippy::disallowed_methods, reason = "the story says how long it took")]
fn now() -> Instant {
    Instant::now()
}
