//! How the story went.

use tokio::time::Duration;

use super::Tally;
use super::knows::Row;

/// Times from the arrival of the certificate at Bob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handoff {
    /// Until Carol's vat had the first message of his.
    pub to_first_message: Duration,
    /// Until his vat had the first message of hers.
    pub to_reply: Duration,
    /// Until Carol's object was called.
    pub to_call: Duration,
    /// Until Bob had its answer.
    pub to_answer: Duration,
}

/// How it went.
#[derive(Clone, Debug)]
pub struct Tale {
    /// How long the introduction took.
    pub handoff: Handoff,
    /// Who knows what.
    pub who_knows: Vec<Row>,
    /// The name of the relay that was killed.
    pub relay_killed: String,
    /// How messages arrived.
    pub tally: Tally,
    /// From the start until the network and the vats were ready.
    pub ready: Duration,
    /// From the start to the end.
    pub took: Duration,
    /// How much longer everything took over a link to a relay.
    pub link_delay: Duration,
}

impl Tale {
    /// A time in delays of a link; `None` if there are none but those of the machine.
    #[must_use]
    pub fn in_delays(&self, span: Duration) -> Option<f64> {
        in_delays(span, self.link_delay)
    }

    /// Whether everything came once and in order, and nobody knows what nobody was to know.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        self.tally.is_fine() && self.who_knows.iter().all(Row::is_fine)
    }
}

/// A time in delays of a link, if these are known.
pub(super) fn in_delays(span: Duration, delay: Duration) -> Option<f64> {
    (delay > Duration::ZERO).then(|| span.div_duration_f64(delay))
}
