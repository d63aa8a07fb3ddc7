//! What is written down of every reference: what was said over it, what came, and what was answered.

use std::collections::BTreeMap;

use crate::vat::Ref;

/// A reference of one vat to the door of another, and what went over it.
pub(super) struct Line {
    /// Who has it, and whom it leads to.
    pub(super) from: usize,
    pub(super) to: usize,
    /// The reference, until it breaks or is let go.
    pub(super) door: Option<Ref>,
    pub(super) count: Count,
    /// Why it broke.
    pub(super) broken: Option<String>,
    /// It was given up, and has not broken before.
    pub(super) is_let_go: bool,
}

/// Numbers go from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) sent: i64,
    pub(super) heard: i64,
    pub(super) answered: i64,
    /// Of how many it was told that there will be no answer.
    pub(super) refused: i64,
}

/// Everything.
#[derive(Default)]
pub(super) struct Book {
    pub(super) lines: Vec<Line>,
    /// How many of them there were before anybody was introduced.
    pub(super) begun: usize,
    /// What must not be.
    pub(super) faults: Vec<String>,
}

impl Line {
    /// Whether it can be said something over it.
    pub(super) fn is_open(&self) -> bool {
        self.door.is_some()
    }

    /// Messages whose fate is not known yet.
    pub(super) fn waits(&self) -> i64 {
        let Count {
            sent,
            answered,
            refused,
            ..
        } = self.count;
        sent - answered - refused
    }
}

impl Book {
    /// A new line; its number.
    pub(super) fn open(&mut self, from: usize, to: usize, door: Ref) -> usize {
        self.lines.push(Line {
            from,
            to,
            door: Some(door),
            count: Count::default(),
            broken: None,
            is_let_go: false,
        });
        self.lines.len() - 1
    }

    /// Whether one vat has a reference to another that can be used.
    pub(super) fn has(&self, from: usize, to: usize) -> bool {
        let mut lines = self.lines.iter();
        lines.any(|it| it.from == from && it.to == to && it.is_open())
    }

    /// A number came over a line, where it leads to.
    pub(super) fn heard(&mut self, line: usize, number: i64) {
        let Some(it) = self.lines.get_mut(line) else {
            return self
                .faults
                .push(format!("a message over line {line}, which there is not"));
        };
        let wanted = it.count.heard + 1;
        it.count.heard = number;
        if number != wanted {
            self.faults.push(format!(
                "over line {line} came {number} where {wanted} was next"
            ));
        }
    }

    /// A number was answered.
    pub(super) fn answered(&mut self, line: usize, number: i64) {
        let Some(it) = self.lines.get_mut(line) else {
            return;
        };
        it.count.answered += 1;
        let (next, is_over) = (it.count.answered, it.broken.is_some());
        if number != next || is_over {
            let over = if is_over { " behind its end" } else { "" };
            self.faults.push(format!(
                "on line {line} {number} was answered where {next} was next{over}"
            ));
        }
    }

    /// It was told that a message will have no answer.
    pub(super) fn refused(&mut self, line: usize, why: &str) {
        if let Some(it) = self.lines.get_mut(line) {
            it.count.refused += 1;
            it.door = None;
            it.broken.get_or_insert_with(|| why.to_owned());
        }
    }

    /// What does not hold when nothing is under way any more.
    pub(super) fn judge(&self) -> Vec<String> {
        let mut faults = self.faults.clone();
        for (number, line) in self.lines.iter().enumerate() {
            let Count {
                sent,
                heard,
                answered,
                refused,
            } = line.count;
            if line.waits() != 0 {
                faults.push(format!(
                    "of {sent} messages over line {number} {answered} were answered and {refused} refused: of the others nothing was told"
                ));
            }
            if line.broken.is_none() && heard != sent {
                faults.push(format!(
                    "of {sent} messages over line {number}, which is not broken, {heard} came"
                ));
            }
            if heard < answered {
                faults.push(format!(
                    "over line {number} {heard} came and {answered} were answered"
                ));
            }
        }
        faults
    }

    /// How many lines have broken.
    pub(super) fn broken(&self) -> usize {
        self.lines.iter().filter(|it| it.broken.is_some()).count()
    }

    /// Why lines have broken, and how many for each reason.
    pub(super) fn reasons(&self) -> BTreeMap<String, usize> {
        let mut reasons = BTreeMap::new();
        for why in self.lines.iter().filter_map(|it| it.broken.clone()) {
            *reasons.entry(why).or_default() += 1;
        }
        reasons
    }

    /// How many messages came.
    pub(super) fn messages(&self) -> i64 {
        self.lines.iter().map(|it| it.count.heard).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vat::Problem;

    /// A line over which three numbers were sent, came and were answered, and then something happens.
    fn after(deed: impl FnOnce(&mut Book)) -> usize {
        let mut book = Book::default();
        let line = book.open(0, 1, Ref::broken(Problem::new("nobody")));
        for number in 1..=3 {
            book.lines[line].count.sent += 1;
            book.heard(line, number);
            book.answered(line, number);
        }
        deed(&mut book);
        book.judge().len()
    }

    fn send(book: &mut Book) {
        book.lines[0].count.sent += 1;
    }

    #[test]
    fn what_is_lost_doubled_swapped_or_not_told_is_a_fault() {
        assert_eq!(after(|_| ()), 0);
        assert_eq!(
            after(|book| (send(book), book.heard(0, 4), book.answered(0, 4)).2),
            0
        );
        // Broken, and told so of all that was under way, whether it came or not.
        assert_eq!(after(|book| (send(book), book.refused(0, "gone")).1), 0);
        assert_eq!(
            after(|book| (send(book), book.heard(0, 4), book.refused(0, "gone")).2),
            0
        );
        // Lost without a word, lost with an answer, doubled, swapped, answered twice, told twice.
        assert_eq!(after(send), 2);
        assert_eq!(after(|book| (send(book), book.answered(0, 4)).1), 2);
        assert_eq!(after(|book| book.heard(0, 3)), 1);
        assert_eq!(
            after(|book| (send(book), book.heard(0, 5), book.answered(0, 4)).2),
            2
        );
        assert_eq!(after(|book| book.answered(0, 3)), 3);
        assert_eq!(after(|book| book.refused(0, "gone")), 1);
    }
}
