//! `vat-demo soak`

use std::io::Write as _;
use std::time::Duration;

use clap::Args;
use serde_json::{Value as Json, json};
use vat_demo::soak::{self, Options, Report};

use super::Failure;
use super::story::Pace;

/// How it is to go.
#[derive(Args)]
pub(crate) struct Soak {
    /// How many vats there are
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u8).range(3..=100))]
    vats: u8,
    /// How many minutes it lasts
    #[arg(long, value_name = "MINUTES", default_value_t = 5.0, value_parser = minutes)]
    minutes: f64,
    /// How many relays there are; where each dies more often than once a minute, hardly anything gets through
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u16).range(8..=100))]
    relays: u16,
    /// How cells are sent: at once, or by the clock
    #[arg(long, value_enum, default_value_t = Pace::None)]
    pacing: Pace,
    /// How many seconds after the death of one relay the next one dies; each comes back at once
    #[arg(long, value_name = "SECONDS", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=3600))]
    kill_every: u64,
    /// End with one line of JSON on standard output; all else goes to standard error
    #[arg(long)]
    json: bool,
}

fn minutes(text: &str) -> Result<f64, &'static str> {
    let minutes: f64 = text.parse().map_err(|_| "a number of minutes")?;
    let fits = (0.1..=1440.0).contains(&minutes);
    fits.then_some(minutes).ok_or("0.1 to 1440")
}

impl Soak {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let options = Options {
            vats: self.vats.into(),
            relays: self.relays,
            lasts: Duration::from_secs_f64(self.minutes * 60.0),
            pacing: self.pacing.into(),
            kill_every: Duration::from_secs(self.kill_every),
        };
        let report = soak::run(&options, |line| eprintln!("{line}")).await;
        let report = report.map_err(Failure::Failed)?;
        let mut out = std::io::stdout().lock();
        let told = match self.json {
            true => writeln!(out, "{}", in_json(&report)),
            false => writeln!(out, "{}", in_words(&report)),
        };
        told.map_err(|error| Failure::failed(format!("standard output: {error}")))?;
        match report.faults.as_slice() {
            [] => Ok(()),
            [only] => Err(Failure::failed(only)),
            [first, others @ ..] => {
                let more = others.len();
                Err(Failure::failed(format!(
                    "{first}; and {more} more like that"
                )))
            }
        }
    }
}

fn in_json(report: &Report) -> Json {
    json!({
        "ok": report.faults.is_empty(),
        "references": report.references,
        "introduced": report.introduced,
        "broken": report.broken,
        "reasons": report.reasons,
        "messages": report.messages,
        "relays_killed": report.kills,
        "memory": report.memory.map(|it| json!({
            "first_minute": it.first,
            "last_minute": it.last,
            "ratio": it.ratio(),
        })),
        "faults": report.faults,
    })
}

fn in_words(report: &Report) -> String {
    let memory = report.memory.map(|it| {
        let [first, last] = [it.first, it.last].map(|bytes| bytes >> 20);
        format!(" At most {first} MB in the first minute and {last} MB in the last, {:.2} times as much.", it.ratio())
    });
    let reasons = report.reasons.iter();
    let reasons: String = reasons
        .map(|(why, count)| format!("\n{count} broke: {why}"))
        .collect();
    format!(
        "{} messages over {} references, of which {} came of introductions and {} broke; {} relays were killed.{}{reasons}",
        report.messages,
        report.references,
        report.introduced,
        report.broken,
        report.kills,
        memory.unwrap_or_default(),
    )
}
