//! The older dialect: what the main branch of OCapN's test suite speaks, and Endo before autumn 2026.

use super::super::certificate::KeyForm;
use super::super::op::Op;
use super::super::syrup::{DecodeError, EncodeError};
use super::Dialect;
use super::operation::Words;

/// `op:deliver-only`, `op:gc-export`, `op:gc-answer`. (CAP-14)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct A;

const WORDS: Words = Words {
    keys: KeyForm::Lists,
    deliver_only: Some("op:deliver-only"),
    gc_exports: "op:gc-export",
    gc_answers: "op:gc-answer",
};

impl Dialect for A {
    fn name(&self) -> &'static str {
        "A"
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
