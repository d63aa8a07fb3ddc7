//! Vats of one thread.
//!
//! An [`Exchange`] carries messages between the vats that have joined it, in order and at once. It proves its peers, since
//! nobody can join under the name of another.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use pluribus_mix::time::Instant;

use super::entropy;
use crate::captp::dialect::B;
use crate::captp::locator::Peer;
use crate::carrier::{Arrival, Carrier, Conn};
use crate::host::Host;

/// Where vats of one thread meet. Clones are of the same one.
#[derive(Clone, Default)]
pub struct Exchange(Rc<RefCell<Members>>);

#[derive(Default)]
struct Members {
    by_name: BTreeMap<String, usize>,
    members: Vec<Member>,
    connections: u64,
}

#[derive(Default)]
struct Member {
    name: String,
    arrivals: VecDeque<Arrival>,
    /// The other end of each connection.
    others: BTreeMap<Conn, (usize, Conn)>,
}

/// A vat's end of an [`Exchange`].
pub struct Memory {
    exchange: Exchange,
    me: usize,
}

fn place(name: &str) -> Peer {
    Peer {
        transport: "memory".to_owned(),
        designator: name.to_owned(),
        hints: None,
    }
}

impl Exchange {
    /// Joins under a name. One that was joined before under this name is found no more.
    #[must_use]
    pub fn join(&self, name: &str) -> Memory {
        let mut members = self.0.borrow_mut();
        let me = members.members.len();
        let name = name.to_owned();
        members.by_name.insert(name.clone(), me);
        members.members.push(Member {
            name,
            ..Member::default()
        });
        let exchange = self.clone();
        drop(members);
        Memory { exchange, me }
    }

    /// A vat that joins under a name.
    #[must_use]
    pub fn host(&self, name: &str) -> Host {
        let carrier = Box::new(self.join(name));
        Host::new(carrier, || Box::new(B), Box::new(entropy::system))
    }

    /// Gives all these vats their turns until nothing is on its way between them.
    pub fn settle(&self, hosts: &mut [&mut Host], now: Instant) {
        loop {
            hosts.iter_mut().for_each(|host| host.poll(now));
            let members = self.0.borrow();
            if members
                .members
                .iter()
                .all(|member| member.arrivals.is_empty())
            {
                break;
            }
        }
    }

    /// Cuts all connections between two vats, by name. Both hear of it.
    pub fn cut(&self, one: &str, other: &str) {
        let mut members = self.0.borrow_mut();
        let found = (members.by_name.get(one), members.by_name.get(other));
        let (Some(&one), Some(&other)) = found else {
            return;
        };
        let Some(member) = members.members.get(one) else {
            return;
        };
        let between = member
            .others
            .iter()
            .filter(|(_, (there, _))| *there == other);
        let ends: Vec<_> = between.map(|(here, (_, there))| (*here, *there)).collect();
        for (here, there) in ends {
            members.hang_up(one, here);
            members.hang_up(other, there);
        }
    }
}

impl Members {
    fn hang_up(&mut self, whose: usize, conn: Conn) {
        if let Some(member) = self.members.get_mut(whose)
            && member.others.remove(&conn).is_some()
        {
            let reason = "the connection is over".to_owned();
            member.arrivals.push_back(Arrival::Closed { conn, reason });
        }
    }

    fn connect(&mut self, from: usize, to: &Peer) -> Option<Conn> {
        let there = *self.by_name.get(&to.designator)?;
        let known = self.members.get(from)?.others.iter();
        if let Some((conn, _)) = known.clone().find(|(_, (other, _))| *other == there) {
            return Some(*conn);
        }
        let ends = [Conn(self.connections), Conn(self.connections + 1)];
        self.connections += 2;
        let names = (self.members.get(from)?.name.clone(), to.designator.clone());
        for (whose, conn, other, peer) in [
            (from, ends[0], (there, ends[1]), names.1),
            (there, ends[1], (from, ends[0]), names.0),
        ] {
            let member = self.members.get_mut(whose)?;
            member.others.insert(conn, other);
            let proven = Some(place(&peer));
            member.arrivals.push_back(Arrival::Opened { conn, proven });
        }
        Some(ends[0])
    }
}

impl Carrier for Memory {
    fn location(&self) -> Peer {
        let members = self.exchange.0.borrow();
        let name = members
            .members
            .get(self.me)
            .map(|member| member.name.as_str());
        place(name.unwrap_or_default())
    }

    fn connect(&mut self, to: &Peer) -> Result<Conn, String> {
        let conn = self.exchange.0.borrow_mut().connect(self.me, to);
        conn.ok_or_else(|| format!("there is no vat {}", to.designator))
    }

    fn send(&mut self, conn: Conn, body: Vec<u8>) -> Result<(), Vec<u8>> {
        let mut members = self.exchange.0.borrow_mut();
        let other = members.members.get(self.me);
        if let Some((whose, conn)) = other.and_then(|member| member.others.get(&conn).copied())
            && let Some(member) = members.members.get_mut(whose)
        {
            member.arrivals.push_back(Arrival::Message { conn, body });
        }
        Ok(())
    }

    fn close(&mut self, conn: Conn) {
        let mut members = self.exchange.0.borrow_mut();
        let me = members.members.get_mut(self.me);
        if let Some((whose, other)) = me.and_then(|member| member.others.remove(&conn)) {
            members.hang_up(whose, other);
        }
    }

    fn poll(&mut self) -> Option<Arrival> {
        let mut members = self.exchange.0.borrow_mut();
        members.members.get_mut(self.me)?.arrivals.pop_front()
    }
}
