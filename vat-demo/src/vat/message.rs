//! Messages on their way to an object.

use std::any::Any;
use std::rc::Rc;

use crate::value::Value;

use super::promise::Resolver;

/// A message: what is said, and who hears the answer.
pub struct Message {
    /// The arguments.
    pub args: Vec<Value>,
    /// Who is told what comes of it, if anybody is.
    pub answer: Option<Resolver>,
    /// Its number in the vat's trace.
    pub id: u64,
    /// What is given back when it has been handled or is lost: the share of whoever sent it from outside of what may wait.
    pub(crate) freight: Option<Rc<dyn Any>>,
}
