//! What was seen of one run, and what was true in it.

use super::trace::{Nanos, Record, Spans, Way};
use pluribus_mix::crypto::rng::Rng;

/// All that was seen while a network ran once.
#[derive(Clone)]
pub(super) struct Run {
    /// How long a quantum is.
    pub(super) quantum: Nanos,
    /// From when on and until when there was traffic.
    pub(super) span: (Nanos, Nanos),
    /// One for each client.
    pub(super) flows: Vec<Flow>,
}

/// A client, its link to its guard, and the connection between its exit and its host.
#[derive(Clone, Default)]
pub(super) struct Flow {
    pub(super) link: Vec<Record>,
    pub(super) host: Vec<Record>,
    /// When cells of the link bore something, each way.
    pub(super) real_up: Spans,
    pub(super) real_down: Spans,
    /// When circuits began and ended on the link, as its guard sees it.
    pub(super) guard: Moments,
    /// When circuits of the client's began and ended at the exit, as that sees it.
    pub(super) exit: Vec<Life>,
    /// When sessions were asked for and given up, in truth.
    pub(super) sessions: Vec<(Nanos, Nanos)>,
}

/// When something began and when something ended; which of them belong together is not told.
#[derive(Clone, Debug, Default)]
pub(super) struct Moments {
    pub(super) began: Vec<Nanos>,
    pub(super) ended: Vec<Nanos>,
}

/// A circuit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    pub(super) began: Nanos,
    /// `None` if it went on when nobody looked any more.
    pub(super) ended: Option<Nanos>,
}

impl Flow {
    /// When cells of a direction bore something.
    pub(super) fn real(&self, way: Way) -> &Spans {
        match way {
            Way::Up => &self.real_up,
            Way::Down => &self.real_down,
        }
    }
}

/// The same run with a leak put in: what the test has to see.
impl Run {
    /// As if what bears something were written so much later than what does not.
    pub(super) fn with_real_cells_late(&self, by: Nanos) -> Self {
        let mut leaky = self.clone();
        for flow in &mut leaky.flows {
            let mut link = std::mem::take(&mut flow.link);
            for record in &mut link {
                if flow.real(record.way).has(record.at) {
                    record.at += by;
                }
            }
            link.sort_by_key(|record| record.at);
            flow.link = link;
        }
        leaky
    }

    /// As if a circuit were built when a session is asked for and dropped when it is given up. `delay` is what an end takes to the guard and the exit, each drawn below it.
    pub(super) fn with_circuits_on_demand(&self, delay: Nanos, rng: &mut Rng) -> Self {
        let mut leaky = self.clone();
        let mut after = |at: Nanos| at + rng.below(delay.unsigned_abs()) as Nanos;
        for flow in &mut leaky.flows {
            let mut guard = Moments::default();
            let mut exit = Vec::new();
            for (asked, given_up) in &flow.sessions {
                guard.began.push(after(*asked));
                guard.ended.push(after(*given_up));
                exit.push(Life {
                    began: after(*asked),
                    ended: Some(after(*given_up)),
                });
            }
            (flow.guard, flow.exit) = (guard, exit);
        }
        leaky
    }
}
