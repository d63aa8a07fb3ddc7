//! A carrier on which nothing arrives before the test says so.
//!
//! What is sent one way of a connection stays in order; between ways the test chooses. Each way takes a few messages and then
//! no more until one has arrived, so senders know back-pressure too. Every pair of vats has one connection, until it is cut.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use vat_demo::captp::locator::Peer;
use vat_demo::carrier::{Arrival, Carrier, Conn};

/// How many arrivals one way holds.
const MOST_IN_THE_AIR: usize = 6;

/// What is between vats. Clones are of the same.
#[derive(Clone, Default)]
pub(crate) struct Weather(Rc<RefCell<Air>>);

#[derive(Default)]
struct Air {
    names: Vec<String>,
    arrived: Vec<VecDeque<Arrival>>,
    /// A way for each end of each connection; that of the other end is its neighbour.
    ways: Vec<Way>,
}

/// What goes to one end of a connection.
struct Way {
    to: usize,
    from: usize,
    in_the_air: VecDeque<Arrival>,
    open: bool,
    /// Whoever sends this way was told to wait.
    full: bool,
}

/// A vat's place in the weather.
pub(crate) struct Gale {
    weather: Weather,
    me: usize,
}

fn place(name: &str) -> Peer {
    Peer {
        transport: "weather".to_owned(),
        designator: name.to_owned(),
        hints: None,
    }
}

fn closed(conn: Conn) -> Arrival {
    let reason = "cut".to_owned();
    Arrival::Closed { conn, reason }
}

impl Weather {
    pub(crate) fn join(&self, name: &str) -> Gale {
        let mut air = self.0.borrow_mut();
        air.names.push(name.to_owned());
        air.arrived.push(VecDeque::new());
        let me = air.names.len() - 1;
        let weather = self.clone();
        Gale { weather, me }
    }

    /// Lets one thing arrive, chosen among the ways that have something. Whether there was one.
    pub(crate) fn release(&self, choose: impl FnOnce(usize) -> usize) -> bool {
        let mut air = self.0.borrow_mut();
        let ways = air.ways.iter().enumerate();
        let busy: Vec<_> = ways
            .filter(|(_, way)| !way.in_the_air.is_empty())
            .map(|(number, _)| number)
            .collect();
        if busy.is_empty() {
            return false;
        }
        let number = busy[choose(busy.len())];
        let way = &mut air.ways[number];
        let arrival = way.in_the_air.pop_front().unwrap();
        let (to, from) = (way.to, way.from);
        let was_full = std::mem::take(&mut way.full);
        air.arrived[to].push_back(arrival);
        if was_full {
            let conn = Conn((number ^ 1) as u64);
            air.arrived[from].push_back(Arrival::Writable { conn });
        }
        true
    }

    /// Cuts one of the open connections, if there is one. What is in the air is lost, or arrives before the news.
    pub(crate) fn cut(&self, lost: bool, choose: impl FnOnce(usize) -> usize) {
        let mut air = self.0.borrow_mut();
        let ways = air.ways.iter().enumerate();
        let open: Vec<_> = ways
            .filter(|(number, way)| number % 2 == 0 && way.open)
            .map(|(number, _)| number)
            .collect();
        if open.is_empty() {
            return;
        }
        let number = open[choose(open.len())];
        for number in [number, number + 1] {
            let way = &mut air.ways[number];
            way.open = false;
            way.full = false;
            if lost {
                way.in_the_air.clear();
            }
            way.in_the_air.push_back(closed(Conn(number as u64)));
        }
    }
}

impl Carrier for Gale {
    fn location(&self) -> Peer {
        place(&self.weather.0.borrow().names[self.me])
    }

    fn connect(&mut self, to: &Peer) -> Result<Conn, String> {
        let mut air = self.weather.0.borrow_mut();
        let there = air.names.iter().position(|name| *name == to.designator);
        let there = there.ok_or("there is no such vat")?;
        let mine = |way: &Way| way.open && (way.to, way.from) == (self.me, there);
        if let Some(known) = air.ways.iter().position(mine) {
            return Ok(Conn(known as u64));
        }
        let first = air.ways.len();
        for (to, from) in [(self.me, there), (there, self.me)] {
            let conn = Conn(air.ways.len() as u64);
            let proven = Some(place(&air.names[from]));
            air.ways.push(Way {
                to,
                from,
                in_the_air: VecDeque::from([Arrival::Opened { conn, proven }]),
                open: true,
                full: false,
            });
        }
        Ok(Conn(first as u64))
    }

    fn send(&mut self, conn: Conn, body: Vec<u8>) -> Result<(), Vec<u8>> {
        let mut air = self.weather.0.borrow_mut();
        let other = conn.0 ^ 1;
        let way = &mut air.ways[other as usize];
        if !way.open {
            return Ok(());
        }
        if way.in_the_air.len() >= MOST_IN_THE_AIR {
            way.full = true;
            return Err(body);
        }
        let conn = Conn(other);
        way.in_the_air.push_back(Arrival::Message { conn, body });
        Ok(())
    }

    fn close(&mut self, conn: Conn) {
        let mut air = self.weather.0.borrow_mut();
        let (mine, theirs) = (conn.0 as usize, conn.0 as usize ^ 1);
        if !std::mem::take(&mut air.ways[mine].open) {
            return;
        }
        air.ways[mine].in_the_air.clear();
        air.ways[theirs].open = false;
        air.ways[theirs].full = false;
        let news = closed(Conn(theirs as u64));
        air.ways[theirs].in_the_air.push_back(news);
    }

    fn poll(&mut self) -> Option<Arrival> {
        self.weather.0.borrow_mut().arrived[self.me].pop_front()
    }
}
