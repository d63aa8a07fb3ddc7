//! The newer dialect: what Endo speaks since autumn 2026, and a branch of OCapN's test suite.

use super::super::certificate::KeyForm;
use super::super::op::Op;
use super::super::syrup::{DecodeError, EncodeError};
use super::Dialect;
use super::operation::Words;

/// `op:deliver … f f`, `op:gc-exports`, `op:gc-answers`. (CAP-15)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct B;

const WORDS: Words = Words {
    keys: KeyForm::Lists,
    deliver_only: None,
    gc_exports: "op:gc-exports",
    gc_answers: "op:gc-answers",
};

impl Dialect for B {
    fn name(&self) -> &'static str {
        "B"
    }

    fn keys(&self) -> KeyForm {
        WORDS.keys
    }

    fn encode(&self, op: &Op, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        WORDS.encode(op, out)
    }

    fn decode(&mut self, message: &[u8]) -> Result<Op, DecodeError> {
        WORDS.decode(message)
    }
}
