//! Objects that can be had by a swissnum.
//!
//! A swissnum is a secret: whoever knows it may have the object. Only hashes are kept and compared, so that looking one up
//! takes a time that says nothing about those that are there.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use sha2::{Digest, Sha256};

use crate::vat::{Outcome, Ref};

/// The objects; clones are of the same ones.
#[derive(Clone, Default)]
pub(super) struct Registry(Rc<RefCell<BTreeMap<[u8; 32], Ref>>>);

impl Registry {
    pub(super) fn register(&self, swissnum: &[u8], object: &Ref) {
        let hash = Sha256::digest(swissnum).into();
        self.0.borrow_mut().insert(hash, object.clone());
    }

    pub(super) fn fetch(&self, swissnum: &[u8]) -> Outcome {
        let hash: [u8; 32] = Sha256::digest(swissnum).into();
        match self.0.borrow().get(&hash) {
            Some(object) => Ok(object.into()),
            None => Err("there is no object of this swissnum".into()),
        }
    }
}
