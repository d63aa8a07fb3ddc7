//! Vats that speak CapTP over VatTP: references go between three of them while the links beneath break.
//!
//! A connection of VatTP lives through cuts, so to the vats nothing was cut: what is sent on a reference arrives in order, all
//! of it and once, and nobody keeps what nobody holds.

use crate::ledger::seeds;
use crate::model::{Air, Dice, Model};
use pluribus_mix::netlayer::{ConnId, Event, Netlayer as _, SendFault};
use pluribus_mix::sim::{HostId, InFlight, World};
use pluribus_mix::time::{Duration, Instant};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use vat_demo::captp::dialect::{B, Dialect};
use vat_demo::captp::locator::Peer;
use vat_demo::carrier::{Arrival, Carrier, Conn};
use vat_demo::host::Host;
use vat_demo::value::Value;
use vat_demo::vat::Turn;

type Shared = Rc<RefCell<World>>;

/// A vat's node in the world, as a carrier.
struct Berth {
    world: Shared,
    vats: Vec<HostId>,
    me: HostId,
    arrived: VecDeque<Arrival>,
}

fn peer(world: &World, vat: HostId) -> Peer {
    Peer {
        transport: "mix".to_owned(),
        designator: world.vat_id(vat).to_string(),
        hints: None,
    }
}

impl Berth {
    fn arrival(&self, event: Event) -> Option<Arrival> {
        let conn = Conn(event.conn().0);
        Some(match event {
            Event::Opened { peer: proven, .. } => {
                let world = self.world.borrow();
                let mut vats = self.vats.iter();
                let proven = vats.find(|vat| world.vat_id(**vat) == proven);
                let proven = proven.map(|vat| peer(&world, *vat));
                Arrival::Opened { conn, proven }
            }
            Event::Message { body, .. } => Arrival::Message { conn, body },
            Event::Writable { .. } => Arrival::Writable { conn },
            Event::Closed { reason, .. } => {
                let reason = format!("{reason:?}");
                Arrival::Closed { conn, reason }
            }
            Event::Ended { .. } => return None,
        })
    }
}

impl Carrier for Berth {
    fn location(&self) -> Peer {
        peer(&self.world.borrow(), self.me)
    }

    fn connect(&mut self, to: &Peer) -> Result<Conn, String> {
        let mut world = self.world.borrow_mut();
        let named = |vat: &&HostId| world.vat_id(**vat).to_string() == to.designator;
        let there = *self.vats.iter().find(named).ok_or("there is no such vat")?;
        let conn = world.dial(self.me, there);
        conn.map(|conn| Conn(conn.0))
            .map_err(|fault| fault.to_string())
    }

    fn send(&mut self, conn: Conn, message: Vec<u8>) -> Result<(), Vec<u8>> {
        let mut world = self.world.borrow_mut();
        let sent = world.with_node(self.me, |node, _| node.send(ConnId(conn.0), message));
        match sent {
            Some(Err(error)) if error.fault == SendFault::Full => Err(error.message),
            _ => Ok(()),
        }
    }

    fn close(&mut self, conn: Conn) {
        self.world.borrow_mut().close(self.me, ConnId(conn.0));
    }

    fn poll(&mut self) -> Option<Arrival> {
        if self.arrived.is_empty() {
            let events = self.world.borrow_mut().take_events(self.me);
            let arrived: Vec<_> = events
                .into_iter()
                .filter_map(|it| self.arrival(it))
                .collect();
            self.arrived.extend(arrived);
        }
        self.arrived.pop_front()
    }
}

/// How much vats have been told by their nodes.
fn told(world: &World, vats: &[HostId]) -> usize {
    vats.iter().map(|vat| world.events(*vat).len()).sum()
}

/// The world between the vats.
struct Between {
    world: Shared,
    vats: Vec<HostId>,
    /// How much they had been told when this was last asked.
    told: usize,
}

impl Between {
    /// Breaks the links of two vats, now or within the next bytes. Their connection lives on.
    fn break_links(&self, dice: &mut Dice) {
        let one = dice.below(self.vats.len());
        let other = (one + 1 + dice.below(self.vats.len() - 1)) % self.vats.len();
        let (one, other) = (self.vats[one], self.vats[other]);
        let mut world = self.world.borrow_mut();
        let is_open = |one, other| {
            let conn = world.connection(one, other);
            conn.is_some_and(|conn| world.is_open(one, conn))
        };
        // A dial that fails is told to the vats, so here it does not.
        if !is_open(one, other) || !is_open(other, one) {
            return;
        }
        match dice.below(3) {
            0 => world.cut(one, other),
            1 => world.cut_after(one, other, dice.below(4000), InFlight::Lost),
            _ => world.cut_after(one, other, dice.below(4000), InFlight::Arrives),
        }
    }
}

impl Air for Between {
    fn blow(&mut self, dice: &mut Dice) {
        if dice.one_in(8) {
            self.break_links(dice);
        }
        let pause = Duration::from_millis(dice.below(40) as u64);
        self.world.borrow_mut().run_for(pause);
    }

    fn calm(&mut self, _: &mut Dice) -> bool {
        // Behind a break the next dial may be some time off; but vats that nobody polls would let their deadlines go by.
        let (before, vats) = (self.told, &self.vats);
        let heard = |world: &World| told(world, vats) != before;
        let mut world = self.world.borrow_mut();
        let more = world.run_until(heard, Duration::from_secs(120));
        self.told = told(&world, &self.vats);
        more
    }

    /// No session is cut in these stories.
    fn cut(&mut self, _: &mut Dice) {}

    fn now(&self) -> Instant {
        self.world.borrow().now()
    }

    fn wait(&mut self, time: Duration) {
        self.world.borrow_mut().run_for(time);
    }
}

fn b() -> Box<dyn Dialect> {
    Box::new(B)
}

/// Three vats in a world.
fn three(seed: u64) -> (Between, Vec<Host>) {
    let mut world = World::seeded(seed);
    let vats = world.vats(["alice", "bob", "carol"]).to_vec();
    let world = Rc::new(RefCell::new(world));
    let mut dice = Dice::new(seed);
    let berth = |me: &HostId| Berth {
        world: Rc::clone(&world),
        vats: vats.clone(),
        me: *me,
        arrived: VecDeque::new(),
    };
    let hosts = vats
        .iter()
        .map(|me| Host::new(Box::new(berth(me)), b, Dice::new(dice.roll()).entropy()))
        .collect();
    let between = Between {
        world: Rc::clone(&world),
        vats: vats.clone(),
        told: 0,
    };
    (between, hosts)
}

fn settle(between: &mut Between, hosts: &mut [Host]) {
    loop {
        let now = between.now();
        hosts.iter_mut().for_each(|host| host.poll(now));
        if !between.calm(&mut Dice::new(0)) {
            return;
        }
    }
}

/// CAP-27, CAP-37: Alice gives Bob a reference to Carol, and Bob sends to her at once. Links break meanwhile, again and again.
#[test]
fn an_introduction_outlives_its_links() {
    for seed in seeds() {
        let (mut between, mut hosts) = three(seed);
        let heard: Rc<RefCell<Vec<Value>>> = Rc::default();
        let hears = Rc::clone(&heard);
        let listener = hosts[2].turn(|turn| {
            turn.spawn(move |_: &mut Turn<'_>, args: Vec<Value>| {
                hears.borrow_mut().extend(args);
                Ok(Value::Null)
            })
        });
        let greeter = hosts[1].turn(|turn| {
            turn.spawn(|turn: &mut Turn<'_>, args: Vec<Value>| {
                let [Value::Ref(whom)] = args.as_slice() else {
                    return Err("whom?".into());
                };
                for number in 0..20 {
                    turn.send_only(whom, [number.into()]);
                }
                Ok(Value::Null)
            })
        });
        let carol = hosts[2].register(b"listener", &listener);
        let bob = hosts[1].register(b"greeter", &greeter);
        let (carol, bob) = (hosts[0].enliven(&carol), hosts[0].enliven(&bob));
        settle(&mut between, &mut hosts);
        hosts[0].turn(|turn| turn.send_only(&bob, [Value::Ref(carol.clone())]));
        let mut dice = Dice::new(seed);
        for _ in 0..60 {
            if dice.one_in(4) {
                between.break_links(&mut dice);
            }
            between.blow(&mut dice);
            let now = between.now();
            hosts.iter_mut().for_each(|host| host.poll(now));
        }
        settle(&mut between, &mut hosts);
        let expected: Vec<Value> = (0..20).map(Value::from).collect();
        assert_eq!(*heard.borrow(), expected);
        drop((carol, bob));
        settle(&mut between, &mut hosts);
        for host in &hosts {
            let sizes = host.sizes();
            assert_eq!(
                (sizes.exports, sizes.imports, sizes.answers, sizes.gifts),
                (0, 0, 0, 0)
            );
        }
    }
}

/// CAP-37, CAP-41: whatever three vats do with each other's references, in whatever order, while links break beneath.
#[test]
fn references_keep_their_order_while_links_break() {
    for seed in 0..seeds().end * 10 {
        let (between, hosts) = three(seed);
        let mut model = Model::new(Dice::new(seed), between, hosts, false);
        for _ in 0..80 {
            model.step();
        }
        assert!(model.arrived() > 0, "seed {seed}: nothing arrived");
        if let Err(wrong) = model.finish() {
            panic!("seed {seed}: {wrong}");
        }
    }
}
