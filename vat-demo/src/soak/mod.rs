//! Vats that hide from each other, on real sockets, in a network whose relays die one after the other.
//!
//! Each begins with tickets to two others. Whoever can reach two introduces one to the other, and over every reference numbers are said, which have to come
//! once and in order. A reference works to the end, or breaks once, and then whoever has it is told so of every message that was not answered. Meanwhile
//! memory must not grow.

mod book;
mod churn;
mod dweller;
mod memory;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::error::Error;
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::task::Poll;

use pluribus_mix::rendezvous::Bearer;
use pluribus_mix::time::Instant as Moment;
use tokio::time::{Duration, Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::captp::locator::{Peer, Sturdyref};
use crate::netlayer::entropy;
use crate::story::Pacing;
use crate::value::Value;
use book::Book;
use churn::Churn;
use dweller::Dweller;
pub use memory::Memory;

type Told<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// References that each vat has, on average, when nobody is introduced any more but in the place of a reference that ended.
const EACH: usize = 4;
/// Messages that wait for their answers over one reference.
const UNDER_WAY: i64 = 16;
/// How often each reference is said something over.
const EVERY: Duration = Duration::from_millis(500);
/// How often somebody is introduced, and how often a reference is let go when there are enough.
const INTRODUCED: Duration = Duration::from_millis(250);
const LET_GO: Duration = Duration::from_secs(5);
/// How often is told how it goes.
const PROGRESS: Duration = Duration::from_secs(10);
/// How long the first meetings may take.
const BEGINNING: Duration = Duration::from_secs(120);
/// How long the last answers may take: longer than a connection waits for a way, and a wish then for its gift. (VTP-40, CAP-31)
const END: Duration = Duration::from_secs(270);
/// How often two are to meet for the first time.
const FIRST_TRIES: u32 = 5;
/// How long a ticket counts.
const LIFE: Duration = Duration::from_secs(3600);
/// How much more memory there may be in the last minute than in the first.
const MOST_MEMORY: f64 = 1.5;
/// The longest that nobody looks.
const LOOK: Duration = Duration::from_millis(100);

/// How it is to go.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many vats.
    pub vats: usize,
    /// How many relays.
    pub relays: u16,
    /// How long numbers are said.
    pub lasts: Duration,
    /// How cells are sent.
    pub pacing: Pacing,
    /// The time from the death of one relay to the next.
    pub kill_every: Duration,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Report {
    /// References that there were.
    pub references: usize,
    /// Those that broke, each once, with their owners told.
    pub broken: usize,
    /// What the owners were told, and how many for each.
    pub reasons: BTreeMap<String, usize>,
    /// References that somebody was introduced with.
    pub introduced: usize,
    /// Messages that came.
    pub messages: i64,
    /// Relays that were killed.
    pub kills: u32,
    /// The memory of all of it; `None` if it lasted for less than two minutes, or the system does not say.
    pub memory: Option<Memory>,
    /// What did not hold, in words.
    pub faults: Vec<String>,
}

/// Has it go, and tells how it goes. Needs a tokio runtime; what it starts ends with that.
///
/// # Errors
/// In words, why it could not begin or go on. What does not hold stands in the report.
pub async fn run(options: &Options, tell: impl FnMut(String)) -> Result<Report, String> {
    let gone = go(options, tell).await;
    gone.map_err(|why| why.to_string())
}

async fn go(options: &Options, mut tell: impl FnMut(String)) -> Told<Report> {
    tell(format!(
        "{} relays and {} vats come up",
        options.relays, options.vats
    ));
    let mut churn = Churn::begin(options).await?;
    let mut town = Town::begin(options, &mut churn).await?;
    let (kills, stop) = (churn.kills(), CancellationToken::new());
    let churning = tokio::spawn(churn.churn(options.kill_every, stop.clone()));
    let mut memory = memory::Seen::default();
    let (start, mut told) = (now(), Duration::ZERO);
    while start.elapsed() < options.lasts && town.book.borrow().faults.is_empty() {
        town.until_next(LOOK).await;
        town.act();
        let at = start.elapsed();
        let bytes = memory.look(at);
        if at >= told + PROGRESS {
            told = at;
            tell(town.progress(at, kills.load(Ordering::Relaxed), bytes));
        }
        if churning.is_finished() {
            break;
        }
    }
    stop.cancel();
    // The network is to outlive the last answers.
    let network = churning.await??;
    tell("the last answers".to_owned());
    let settled = timeout(END, town.settle()).await;
    drop(network);
    let book = town.book.borrow();
    let mut faults = book.judge();
    if settled.is_err() && faults.is_empty() {
        faults.push("the last answers did not come".to_owned());
    }
    let memory = memory.sum();
    faults.extend(memory.filter(|it| it.ratio() > MOST_MEMORY).map(|it| {
        format!(
            "memory is {:.2} times what it was in the first minute",
            it.ratio()
        )
    }));
    Ok(Report {
        references: book.lines.len(),
        broken: book.broken(),
        reasons: book.reasons(),
        introduced: book.lines.len().saturating_sub(book.begun),
        messages: book.messages(),
        kills: kills.load(Ordering::Relaxed),
        memory,
        faults,
    })
}

/// All vats, and what is written down of them.
struct Town {
    vats: Vec<Dweller>,
    book: Rc<RefCell<Book>>,
    start: Instant,
    said: Instant,
    introduced: Instant,
    let_go: Instant,
}

impl Town {
    /// Vats, of which each can reach the next two.
    async fn begin(options: &Options, churn: &mut Churn) -> Told<Self> {
        let book = Rc::<RefCell<Book>>::default();
        let mut vats = Vec::with_capacity(options.vats);
        for number in 0..options.vats {
            let vat = Dweller::born(number, churn.network(), &book).await?;
            let (client, token) = (vat.client.clone(), churn.token());
            churn.spawn(async move { client.run(token).await });
            vats.push(vat);
        }
        let start = now();
        let mut town = Self {
            vats,
            book,
            start,
            said: start,
            introduced: start,
            let_go: start,
        };
        let met = timeout(BEGINNING, town.meet()).await;
        met.map_err(|_| "the first meetings took too long")??;
        let begun = town.book.borrow().lines.len();
        town.book.borrow_mut().begun = begun;
        Ok(town)
    }

    async fn meet(&mut self) -> Told {
        for vat in &self.vats {
            vat.can_be_met().await?;
        }
        let count = self.vats.len();
        let pairs = (0..count).flat_map(|from| [1, 2].map(|by| (from, (from + by) % count)));
        let pairs: Vec<_> = pairs.collect();
        // On a machine that has much else to do a call may fail, and its ticket with it.
        for tries in 0.. {
            let missing = {
                let book = self.book.borrow();
                let met = |(from, to): &&(usize, usize)| !book.has(*from, *to);
                pairs.iter().filter(met).copied().collect::<Vec<_>>()
            };
            if missing.is_empty() {
                break;
            }
            if tries == FIRST_TRIES {
                return Err("a first meeting failed again and again".into());
            }
            for (from, to) in missing {
                self.acquaint(from, to).await?;
            }
            self.settle().await;
        }
        Ok(())
    }

    /// Gives a vat a ticket to another, and has it say the first number.
    async fn acquaint(&mut self, from: usize, to: usize) -> Told {
        let bearer = self.vat(from)?.endpoint.vat_id();
        let next = self.vat(to)?;
        let ticket = next.endpoint.ticket(Bearer::Vat(bearer), LIFE).await??;
        let there = Sturdyref {
            peer: Peer::parse(&ticket.to_string())?,
            swissnum: next.door.swissnum.clone(),
        };
        let vat = self.vats.get_mut(from).ok_or("no such vat")?;
        let door = vat.host.enliven(&there);
        let line = self.book.borrow_mut().open(from, to, door);
        vat.say(line, &self.book);
        Ok(())
    }

    fn vat(&self, number: usize) -> Told<&Dweller> {
        self.vats.get(number).ok_or_else(|| "no such vat".into())
    }

    /// Does what its time has come for.
    fn act(&mut self) {
        let now = now();
        if now >= self.said + EVERY {
            self.said = now;
            self.say_all();
        }
        let open = self
            .book
            .borrow()
            .lines
            .iter()
            .filter(|it| it.is_open())
            .count();
        let is_full = open >= EACH * self.vats.len();
        if !is_full && now >= self.introduced + INTRODUCED {
            self.introduced = now;
            self.introduce();
        }
        if is_full && now >= self.let_go + LET_GO {
            self.let_go = now;
            self.let_one_go();
        }
    }

    fn say_all(&mut self) {
        let open: Vec<_> = {
            let book = self.book.borrow();
            let lines = book.lines.iter().enumerate();
            let open = lines.filter(|(_, it)| it.is_open() && it.waits() < UNDER_WAY);
            open.map(|(line, it)| (line, it.from)).collect()
        };
        for (line, from) in open {
            if let Some(vat) = self.vats.get_mut(from) {
                vat.say(line, &self.book);
            }
        }
    }

    /// Somebody who can reach two introduces one to the other, if there is one who can now.
    fn introduce(&mut self) {
        let who = below(self.vats.len());
        let book = self.book.borrow();
        let good = book.lines.iter();
        let good = good.filter(|it| it.from == who && it.count.answered > 0);
        let known: Vec<_> = good
            .filter_map(|it| Some((it.to, it.door.clone()?)))
            .collect();
        let pairs = known
            .iter()
            .flat_map(|to| known.iter().map(move |of| (to, of)));
        let fits: Vec<_> = pairs
            .filter(|((to, _), (of, _))| to != of && !book.has(*to, *of))
            .collect();
        let drawn = fits.get(below(fits.len())).copied();
        drop(book);
        let Some(((_, to), (of, friend))) = drawn else {
            return;
        };
        let id = self.vats.get(*of).map(|it| it.endpoint.vat_id());
        let Some((vat, id)) = self.vats.get_mut(who).zip(id) else {
            return;
        };
        if vat.can_introduce_to(&id) {
            let of = i64::try_from(*of).unwrap_or(i64::MAX);
            vat.host
                .turn(|turn| turn.send_only(to, [Value::from(friend), of.into()]));
        }
    }

    /// A reference of which all is answered is not held any more.
    fn let_one_go(&mut self) {
        let mut book = self.book.borrow_mut();
        let idle = |it: &&mut book::Line| it.is_open() && it.waits() == 0;
        let mut all: Vec<_> = book.lines.iter_mut().filter(idle).collect();
        let drawn = below(all.len());
        if let Some(line) = all.get_mut(drawn) {
            (line.door, line.is_let_go) = (None, true);
        }
    }

    /// Waits until every message was answered, or it was told that it will not be.
    async fn settle(&mut self) {
        while self.book.borrow().lines.iter().any(|it| it.waits() > 0) {
            self.until_next(LOOK).await;
        }
        // What comes twice comes soon.
        let echo = now() + LOOK * 5;
        while now() < echo {
            self.until_next(LOOK).await;
        }
    }

    fn progress(&self, at: Duration, kills: u32, bytes: Option<u64>) -> String {
        let book = self.book.borrow();
        let open = book.lines.iter().filter(|it| it.is_open()).count();
        let memory = bytes.map(|bytes| format!(", {} MB", bytes >> 20));
        format!(
            "{:3} s: {open} of {} references, {} broken, {} messages, {kills} relays killed{}",
            at.as_secs(),
            book.lines.len(),
            book.broken(),
            book.messages(),
            memory.unwrap_or_default(),
        )
    }

    /// Has everybody do what there is to do, and waits until there may be more, but not for longer than this.
    async fn until_next(&mut self, longest: Duration) {
        let moment = Moment::ZERO + self.start.elapsed();
        let hosts = self.vats.iter_mut().map(|it| &mut it.host);
        hosts.for_each(|host| host.poll(moment));
        let due = self.vats.iter().filter_map(|it| it.host.poll_timeout());
        let due = due.min();
        let timer = async {
            match due {
                Some(due) => sleep_until(self.start + due.since(Moment::ZERO)).await,
                None => pending().await,
            }
        };
        let news = poll_fn(|cx| {
            let any = self.vats.iter().any(|it| it.poll_changed(cx).is_ready());
            if any { Poll::Ready(()) } else { Poll::Pending }
        });
        tokio::select! {
            () = news => {}
            () = timer => {}
            () = sleep(longest) => {}
        }
    }
}

/// A number drawn from those below; 0 if there is none.
fn below(most: usize) -> usize {
    let [a, b, c, d, ..] = entropy::system();
    let drawn = u32::from_be_bytes([a, b, c, d]);
    usize::try_from(drawn).unwrap_or(0) % most.max(1)
}

#[expect(clippy::disallowed_methods, reason = "a soak goes by the clock")]
fn now() -> Instant {
    Instant::now()
}
