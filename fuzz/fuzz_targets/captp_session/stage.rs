//! The vat: its objects, what they were given, and the carrier that does as it is told.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use pluribus_mix::time::{Duration, Instant};
use vat_demo::captp::dialect::Dialect;
use vat_demo::captp::locator::{Peer, Sturdyref};
use vat_demo::carrier::{Arrival, Carrier, Conn};
use vat_demo::host::Host;
use vat_demo::value::Value;
use vat_demo::vat::{Ref, Resolver, Turn};

/// The names of the objects that can be fetched.
pub const NAMES: &[u8; 5] = b"ekpgm";
/// How many resolvers the objects keep.
const MOST_KEPT: usize = 16;
/// How many references they keep.
const MOST_HELD: usize = 100_000;

#[derive(Default)]
pub struct Script {
    arrivals: VecDeque<Arrival>,
    pub sent: BTreeMap<Conn, Vec<Vec<u8>>>,
    pub dialled: Vec<(Peer, Conn)>,
    pub closed: BTreeSet<Conn>,
    last: u64,
}

struct Scripted(Rc<RefCell<Script>>);

impl Carrier for Scripted {
    fn location(&self) -> Peer {
        place("vat")
    }

    fn connect(&mut self, to: &Peer) -> Result<Conn, String> {
        let mut script = self.0.borrow_mut();
        let conn = script.fresh();
        script.dialled.push((to.clone(), conn));
        Ok(conn)
    }

    fn send(&mut self, conn: Conn, message: Vec<u8>) -> Result<(), Vec<u8>> {
        let mut script = self.0.borrow_mut();
        assert!(!script.closed.contains(&conn), "said behind the end");
        script.sent.entry(conn).or_default().push(message);
        Ok(())
    }

    fn close(&mut self, conn: Conn) {
        assert!(self.0.borrow_mut().closed.insert(conn), "closed twice");
    }

    fn poll(&mut self) -> Option<Arrival> {
        self.0.borrow_mut().arrivals.pop_front()
    }
}

impl Script {
    pub fn fresh(&mut self) -> Conn {
        self.last += 1;
        Conn(self.last)
    }
}

pub fn place(name: &str) -> Peer {
    Peer {
        transport: "script".to_owned(),
        designator: name.to_owned(),
        hints: None,
    }
}

/// What the objects were given.
#[derive(Default)]
pub struct Pocket {
    pub references: Vec<Ref>,
    pub resolvers: Vec<Resolver>,
}

impl Pocket {
    fn keep(&mut self, value: Value) {
        let _ = value.try_map(&mut |reference| {
            if self.references.len() < MOST_HELD {
                self.references.push(reference);
            }
            Ok::<_, ()>(Value::<()>::Null)
        });
    }

    fn keep_resolver(&mut self, resolver: Resolver) {
        self.resolvers.push(resolver);
        if self.resolvers.len() > MOST_KEPT {
            self.resolvers.remove(0);
        }
    }
}

type Shared<T> = Rc<RefCell<T>>;

pub struct Stage {
    pub host: Host,
    pub script: Shared<Script>,
    pub pocket: Shared<Pocket>,
    /// How often each who waits was told.
    told: Shared<Vec<u32>>,
    pub now: Instant,
}

impl Stage {
    pub fn new(dialect: fn() -> Box<dyn Dialect>) -> Self {
        let script = Rc::new(RefCell::new(Script::default()));
        // Other seeds than the peer's.
        let mut last = 100_u8;
        let entropy = move || {
            last = last.wrapping_add(1);
            [last; 32]
        };
        let carrier = Box::new(Scripted(Rc::clone(&script)));
        let mut host = Host::new(carrier, dialect, Box::new(entropy));
        let pocket = Shared::<Pocket>::default();
        for name in NAMES {
            let pocket = Rc::clone(&pocket);
            let object = host.turn(|turn| object(turn, *name, pocket));
            host.register(&[*name], &object);
        }
        Self {
            host,
            script,
            pocket,
            told: Rc::default(),
            now: Instant::ZERO,
        }
    }

    pub fn arrive(&mut self, arrival: Arrival) {
        self.script.borrow_mut().arrivals.push_back(arrival);
        self.settle();
    }

    pub fn wait(&mut self, time: Duration) {
        self.now = self.now + time;
        self.settle();
    }

    /// Gives the vat its turns until there are none. They are finite, as nobody outside answers.
    pub fn settle(&mut self) {
        for _ in 0..1000 {
            self.host.poll(self.now);
            if self.host.poll_timeout().is_none_or(|due| due > self.now) {
                return;
            }
        }
        panic!("the vat finds no rest");
    }

    /// Somebody in the vat does something, as `how` says and to whom `which` say.
    pub fn deed(&mut self, how: u8, which: [u8; 2]) {
        let pocket = Rc::clone(&self.pocket);
        let chosen = |by: u8| {
            let pocket = pocket.borrow();
            let held = pocket.references.len();
            (held > 0).then(|| pocket.references[usize::from(by) % held].clone())
        };
        let (one, other) = (chosen(which[0]), chosen(which[1]));
        let keep = |reference| pocket.borrow_mut().references.push(reference);
        match (how % 12, one) {
            (0..=2, Some(one)) => {
                let args = match other {
                    Some(other) if how % 2 == 0 => vec![other.into(), "hello".into()],
                    _ => vec![i64::from(which[1]).into()],
                };
                let answer = self.host.turn(|turn| turn.send(&one, args));
                if how % 12 == 2 {
                    self.watch(&answer);
                }
                keep(answer);
            }
            (3, Some(one)) => {
                let args: Vec<Value> = other.into_iter().map(Value::from).collect();
                self.host.turn(|turn| turn.send_only(&one, args));
            }
            (4, Some(_)) => {
                let mut pocket = pocket.borrow_mut();
                let at = usize::from(which[0]) % pocket.references.len();
                let dropped = pocket.references.swap_remove(at);
                drop(pocket);
                drop(dropped);
            }
            (5, Some(one)) => self.watch(&one),
            (6 | 7, one) => self.resolve(which, one),
            (8, _) => {
                let (promise, resolver) = self.host.turn(|turn| turn.promise());
                keep(promise);
                pocket.borrow_mut().keep_resolver(resolver);
            }
            (9, _) => {
                let peer = place("peer");
                let swissnum = vec![which[0]];
                keep(self.host.enliven(&Sturdyref { peer, swissnum }));
            }
            (10, _) => keep(
                self.host
                    .turn(|turn| object(turn, which[0], Rc::clone(&pocket))),
            ),
            (11, _) if which[0] % 4 == 0 => self.drop_all(),
            _ => {}
        }
        self.settle();
    }

    fn resolve(&mut self, which: [u8; 2], with: Option<Ref>) {
        let mut pocket = self.pocket.borrow_mut();
        if pocket.resolvers.is_empty() {
            return;
        }
        let at = usize::from(which[1]) % pocket.resolvers.len();
        let resolver = pocket.resolvers.swap_remove(at);
        drop(pocket);
        let outcome = match (which[1] / 16 % 8, with) {
            (0, _) => Ok("data".into()),
            (1, _) => Err("on purpose".into()),
            (2, Some(with)) => Ok(Value::List(vec![with.into(), 1.into()])),
            (3, _) => return drop(resolver),
            (_, Some(with)) => Ok(with.into()),
            _ => Ok(Value::Null),
        };
        self.host.turn(|turn| turn.resolve(resolver, outcome));
    }

    pub fn watch(&mut self, promise: &Ref) {
        let told = Rc::clone(&self.told);
        let number = told.borrow().len();
        told.borrow_mut().push(0);
        self.host.turn(|turn| {
            turn.when(promise, move |_, outcome| {
                told.borrow_mut()[number] += 1;
                assert_eq!(told.borrow()[number], 1, "told twice");
                outcome
            });
        });
    }

    pub fn drop_all(&mut self) {
        let all = std::mem::take(&mut *self.pocket.borrow_mut());
        drop(all);
        self.settle();
    }

    /// Everybody who waits was told.
    pub fn assert_told(&self) {
        assert!(
            self.told.borrow().iter().all(|told| *told == 1),
            "nobody told"
        );
    }
}

fn object(turn: &mut Turn<'_>, name: u8, pocket: Shared<Pocket>) -> Ref {
    turn.spawn(move |turn: &mut Turn<'_>, args: Vec<Value>| match name {
        b'k' => {
            let mut pocket = pocket.borrow_mut();
            args.into_iter().for_each(|arg| pocket.keep(arg));
            Ok(Value::Undefined)
        }
        b'p' => {
            let (promise, resolver) = turn.promise();
            pocket.borrow_mut().keep_resolver(resolver);
            Ok(promise.into())
        }
        b'g' => match args.as_slice() {
            [Value::Ref(whom), ..] => Ok(turn.send(whom, ["hello".into()]).into()),
            _ => Err("whom?".into()),
        },
        b'm' => match args.as_slice() {
            [Value::Int(most)] => {
                let most = most.to_u64().unwrap_or(0).min(30_000);
                let fresh = || turn.spawn(|_: &mut Turn<'_>, _| Ok(Value::Null)).into();
                Ok(Value::List(
                    std::iter::repeat_with(fresh).take(most as usize).collect(),
                ))
            }
            _ => Err("how many?".into()),
        },
        _ => Ok(Value::List(args)),
    })
}
