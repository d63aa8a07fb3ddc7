//! The bootstrap object: what a peer has before it has anything.
//!
//! It belongs to a session, not to the vat: certificates are checked against the session they come over. So it is no object of
//! the vat, and what is sent to it is answered at once.

use std::mem;

use super::certificate::MAX_GIFT_ID;
use super::comms::Comms;
use super::link::SessionNo;
use super::misdeed::Misdeed;
use super::op::Desc;
use crate::value::{Symbol, Value};
use crate::vat::{Outcome, Problem, Ref, Resolver, Turn};

/// What the bootstrap object is asked.
enum Asked {
    Fetch(Vec<u8>),
    Deposit(Vec<u8>, Value<Desc>),
    Withdraw(Box<super::certificate::SignedReceive>),
    Forward(Vec<u8>),
    /// Anything else. What is in it came like every other reference, and is given back.
    Nonsense(Vec<Value<Desc>>),
}

impl Asked {
    fn of(mut args: Vec<Value<Desc>>) -> Self {
        match args.as_mut_slice() {
            [Value::Symbol(Symbol(verb)), Value::Bytes(swissnum)] if verb == "fetch" => {
                Self::Fetch(mem::take(swissnum))
            }
            [Value::Symbol(Symbol(verb)), Value::Bytes(id), gift]
                if verb == "deposit-gift" && (1..=MAX_GIFT_ID).contains(&id.len()) =>
            {
                Self::Deposit(mem::take(id), mem::replace(gift, Value::Undefined))
            }
            [
                Value::Symbol(Symbol(verb)),
                Value::Ref(Desc::Receive(receive)),
            ] if verb == "withdraw-gift" => Self::Withdraw(receive.clone()),
            [Value::Symbol(Symbol(verb)), Value::Bytes(id)] if verb == "forward-gift" => {
                Self::Forward(mem::take(id))
            }
            _ => Self::Nonsense(args),
        }
    }
}

impl Comms {
    pub(super) fn ask_bootstrap(
        &mut self,
        turn: &mut Turn<'_>,
        no: SessionNo,
        args: Vec<Value<Desc>>,
        waiting: Option<Resolver>,
    ) -> Result<(), Misdeed> {
        let waiting = waiting.unwrap_or_else(|| turn.promise().1);
        let outcome: Outcome = match Asked::of(args) {
            Asked::Withdraw(receive) => return self.withdraw_gift(turn, no, &receive, waiting),
            Asked::Fetch(swissnum) => self.registry.fetch(&swissnum),
            Asked::Deposit(id, gift) => {
                let gift = self.take_value(turn, no, gift)?;
                self.deposit_gift(turn, no, id, gift)
            }
            Asked::Forward(id) => self.forward_gift(turn, no, id),
            Asked::Nonsense(args) => {
                drop(self.take_args(turn, no, args)?);
                Err(Problem::new(
                    "the bootstrap object takes 'fetch, 'deposit-gift, 'withdraw-gift and 'forward-gift",
                ))
            }
        };
        turn.resolve(waiting, outcome);
        Ok(())
    }

    /// The bootstrap object as a reference, for a peer that passes it around.
    pub(super) fn own_bootstrap(&self, turn: &mut Turn<'_>) -> Ref {
        let registry = self.registry.clone();
        turn.spawn(
            move |_: &mut Turn<'_>, args: Vec<Value>| match args.as_slice() {
                [Value::Symbol(Symbol(verb)), Value::Bytes(swissnum)] if verb == "fetch" => {
                    registry.fetch(swissnum)
                }
                _ => Err("passed around, the bootstrap object takes 'fetch alone".into()),
            },
        )
    }
}
