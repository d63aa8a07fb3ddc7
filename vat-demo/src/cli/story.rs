//! The story, told on a terminal or to a machine.

use std::collections::BTreeSet;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::{Map, Value as Json, json};
use vat_demo::story::knows::{Fact, Kind, Row};
use vat_demo::story::{Line, Options, Pacing, Tale, tell};

use super::Failure;

/// How long the story may take; on a machine that has nothing else to do it takes a fifth of that.
const PATIENCE: Duration = Duration::from_secs(90);
/// The time from one message to the next.
const EVERY: Duration = Duration::from_millis(50);
/// What a column of the table says of nobody.
const NOBODY: &str = "-";

/// How the story is told.
#[derive(Args)]
pub(crate) struct Story {
    /// How many vats there are; Alice introduces each of the others to the next
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(3..=8))]
    vats: u8,
    /// How cells are sent: by the clock, as many whether something is said or not; or at once, which takes two seconds instead of twenty, and whoever
    /// watches the links sees who talks to whom
    #[arg(long, value_enum, default_value_t = Pace::Constant)]
    pacing: Pace,
    /// How many messages Bob sends to Carol, and Carol back
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u32).range(4..=10_000))]
    messages: u32,
    /// Have everything take so much longer over each link to a relay, each way: then times are told in link delays, too
    #[arg(long, value_name = "MS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=1000))]
    link_delay: u64,
    /// Write what happens in each vat and because of what, as lines of JSON
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Have Bob tell Carol his address, to see that the table shows it
    #[arg(long)]
    leak: bool,
    /// End with one line of JSON on standard output; all else goes to standard error
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Pace {
    None,
    Constant,
}

impl From<Pace> for Pacing {
    fn from(pace: Pace) -> Self {
        match pace {
            Pace::None => Self::None,
            Pace::Constant => Self::Constant,
        }
    }
}

impl Story {
    /// Tells it.
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let options = Options {
            vats: self.vats.into(),
            pacing: self.pacing.into(),
            messages: self.messages,
            every: EVERY,
            patience: PATIENCE + EVERY * self.messages,
            leak: self.leak,
            link_delay: Duration::from_millis(self.link_delay),
            trace: self.trace,
        };
        let json = self.json;
        let tale = tell(&options, |line| match line {
            Line::Story(words) if !json => println!("{words}"),
            Line::Story(words) => eprintln!("{words}"),
            Line::Progress(what) => eprintln!("{what}"),
        });
        let tale = tale.await.map_err(Failure::Failed)?;
        let mut out = std::io::stdout().lock();
        let told = if json {
            writeln!(out, "{}", in_json(&tale))
        } else {
            let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            write!(out, "{}", in_words(&tale, colour))
        };
        told.map_err(|error| Failure::failed(format!("standard output: {error}")))?;
        verdict(&tale)
    }
}

fn verdict(tale: &Tale) -> Result<(), Failure> {
    let tally = tale.tally;
    if !tally.is_fine() {
        return Err(Failure::failed(format!(
            "of {} messages {} were lost, {} came twice and {} out of order",
            tally.messages, tally.lost, tally.doubled, tally.swapped
        )));
    }
    let too_much = tale.who_knows.iter().filter(|row| !row.is_fine());
    let too_much: Vec<_> = too_much.map(|row| row.name.as_str()).collect();
    if too_much.is_empty() {
        return Ok(());
    }
    Err(Failure::failed(format!(
        "somebody knows more than was to be known: {}",
        too_much.join(", ")
    )))
}

fn in_json(tale: &Tale) -> Json {
    let ms = |span: Duration| span.as_secs_f64() * 1e3;
    let name = |name: &str| name.to_ascii_lowercase();
    let fact = |fact: &Fact| (fact.kind.name(), name(&fact.of));
    let of = |row: &Row, meeting: bool| {
        let facts = row.facts.iter();
        let facts = facts.filter(|fact| (fact.kind == Kind::Meeting) == meeting);
        facts.map(fact).collect::<BTreeSet<_>>()
    };
    let rows = |meeting: bool| {
        let row = |row: &Row| {
            let facts = of(row, meeting).into_iter();
            let facts = facts.map(|(kind, of)| json!({ "kind": kind, "of": of }));
            (name(&row.name), facts.collect::<Json>())
        };
        tale.who_knows.iter().map(row).collect::<Map<_, _>>()
    };
    let went = tale.handoff;
    json!({
        "ok": tale.is_fine(),
        "handoff": {
            "delays_to_first_message": tale.in_delays(went.to_first_message),
            "delays_to_reply": tale.in_delays(went.to_reply),
            "ms": ms(went.to_answer),
            "ms_to_first_message": ms(went.to_first_message),
            "ms_to_reply": ms(went.to_reply),
            "ms_to_call": ms(went.to_call),
        },
        "who_knows": rows(false),
        "can_be_met": rows(true),
        "relay_killed": tale.relay_killed,
        "messages": tale.tally.messages,
        "lost": tale.tally.lost,
        "doubled": tale.tally.doubled,
        "swapped": tale.tally.swapped,
        "ready_ms": ms(tale.ready),
        "ms": ms(tale.took),
    })
}

fn in_words(tale: &Tale, colour: bool) -> String {
    let tally = tale.tally;
    let summary = format!(
        "{} messages: {} lost, {} doubled, {} out of order. Ready after {:.1} s, all of it took {:.1} s.\n",
        tally.messages,
        tally.lost,
        tally.doubled,
        tally.swapped,
        tale.ready.as_secs_f64(),
        tale.took.as_secs_f64(),
    );
    format!(
        "{summary}\nWho knows what, as searched in all tables, sockets and messages:\n\n{}",
        table(&tale.who_knows, colour)
    )
}

/// The table; in red what was not to be known, or between exclamation marks where there are no colours.
fn table(rows: &[Row], colour: bool) -> String {
    let heads = [
        "",
        "address of",
        "guard of",
        "inner hop of",
        "peer of",
        "identity of",
        "meets",
    ];
    let mut cells = vec![heads.map(|head| (head.to_owned(), true)).to_vec()];
    for row in rows {
        let facts = |kind: Kind| {
            let of = row.facts.iter().filter(|fact| fact.kind == kind);
            let names: Vec<_> = of.clone().map(|fact| fact.of.as_str()).collect();
            let is_fine = of.clone().all(|fact| fact.is_promised);
            match names[..] {
                [] => (NOBODY.to_owned(), true),
                _ => (names.join(" "), is_fine),
            }
        };
        let name = (row.name.clone(), true);
        cells.push([name].into_iter().chain(Kind::ALL.map(facts)).collect());
    }
    let shown = |(text, is_fine): &(String, bool), width: usize| match (is_fine, colour) {
        (true, _) => format!("{text:<width$}"),
        (false, true) => format!("\x1b[31m{text:<width$}\x1b[0m"),
        (false, false) => format!("{:<width$}", format!("!{text}!")),
    };
    let width = |column: usize| {
        let texts = cells.iter().filter_map(|row| row.get(column));
        let wide = texts.map(|(text, is_fine)| text.len() + if *is_fine { 0 } else { 2 });
        wide.max().unwrap_or(0) + 2
    };
    let widths: Vec<_> = (0..heads.len()).map(width).collect();
    let line = |row: &Vec<(String, bool)>| {
        let cells = row.iter().zip(&widths);
        let text: String = cells.map(|(cell, width)| shown(cell, *width)).collect();
        format!("{}\n", text.trim_end())
    };
    cells.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(facts: &[(Kind, bool)]) -> Row {
        let fact = |(kind, is_promised): &(Kind, bool)| Fact {
            kind: *kind,
            of: "Bob".to_owned(),
            is_promised: *is_promised,
        };
        Row {
            name: "Carol".to_owned(),
            facts: facts.iter().map(fact).collect(),
        }
    }

    #[test]
    fn what_was_not_to_be_known_is_red_in_the_table() {
        let fine = row(&[(Kind::Identity, true)]);
        assert!(!table(std::slice::from_ref(&fine), true).contains('\x1b'));
        let leak = row(&[(Kind::Identity, true), (Kind::Address, false)]);
        let red = table(std::slice::from_ref(&leak), true);
        assert!(red.contains("\x1b[31mBob "), "{red}");
        assert_eq!(red.matches("\x1b[31m").count(), 1);
        let plain = table(&[fine, leak], false);
        assert!(
            plain.contains("!Bob!") && !plain.contains('\x1b'),
            "{plain}"
        );
    }
}
