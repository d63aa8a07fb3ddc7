//! Datagrams that wait: few, and the oldest is lost for the newest. (VTP-52)

use std::collections::VecDeque;

/// The most that wait in either direction.
const WAITING: usize = 64;
/// The most bytes of one.
pub(super) const MAX_DATAGRAM: usize = 800;

#[derive(Default)]
pub(super) struct Datagrams(VecDeque<Vec<u8>>);

impl Datagrams {
    pub(super) fn lay(&mut self, bytes: Vec<u8>) {
        if self.0.len() == WAITING {
            self.0.pop_front();
        }
        self.0.push_back(bytes);
    }

    pub(super) fn take(&mut self) -> Option<Vec<u8>> {
        self.0.pop_front()
    }
}
