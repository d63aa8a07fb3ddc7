//! Time, memory, rows.

use super::super::Failure;
use pluribus_mix::directory::Wall;
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::time::Duration;

/// One figure.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) value: f64,
    pub(super) unit: &'static str,
    /// The ceiling, in the same unit, where there is one.
    pub(super) reference: Option<f64>,
    pub(super) backend: &'static str,
}

/// All rows as one JSON array.
pub(super) fn json(rows: &[Row]) -> String {
    let row = |row: &Row| {
        let mut fields = json!({
            "name": row.name, "value": row.value, "unit": row.unit, "backend": row.backend,
        });
        if let (Some(reference), Some(fields)) = (row.reference, fields.as_object_mut()) {
            fields.insert("reference".to_owned(), json!(reference));
            fields.insert("ratio".to_owned(), json!(row.value / reference));
        }
        fields
    };
    Value::Array(rows.iter().map(row).collect()).to_string()
}

/// All rows for people.
pub(super) fn table(rows: &[Row]) -> String {
    let mut text = format!(
        "{:<40} {:>12} {:>12} {:>6}",
        "row", "value", "reference", "ratio"
    );
    for row in rows {
        let name = format!("{} ({})", row.name, row.backend);
        let _ = write!(text, "\n{name:<40} {:>12.1} ", row.value);
        let _ = match row.reference {
            Some(reference) => write!(text, "{reference:>12.1} {:>6.2}", row.value / reference),
            None => write!(text, "{:>12} {:>6}", "", ""),
        };
        let _ = write!(text, "  {}", row.unit);
    }
    text
}

/// The CPU time that this process has used.
pub(super) fn cpu() -> Duration {
    clock(ClockId::ProcessCPUTime)
}

/// The time of the world, since some moment.
pub(super) fn waited() -> Duration {
    clock(ClockId::Monotonic)
}

/// The time of day.
pub(super) fn wall() -> Wall {
    Wall(clock(ClockId::Realtime).as_secs())
}

fn clock(id: ClockId) -> Duration {
    let time = clock_gettime(id);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or(0))
}

/// CPU seconds of the quickest round of each, taken in turn: the thing, and its reference.
pub(super) fn against(
    rounds: u32,
    mut thing: impl FnMut() -> Result<(), Failure>,
    mut reference: impl FnMut() -> Result<(), Failure>,
) -> Result<(f64, f64), Failure> {
    thing()?;
    reference()?;
    let mut quickest = (f64::MAX, f64::MAX);
    for _ in 0..rounds {
        quickest.0 = quickest.0.min(timed(&mut thing)?);
        quickest.1 = quickest.1.min(timed(&mut reference)?);
    }
    Ok(quickest)
}

/// The one in the middle.
pub(super) fn median(mut all: Vec<f64>) -> f64 {
    all.sort_unstable_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
}

fn timed(thing: &mut impl FnMut() -> Result<(), Failure>) -> Result<f64, Failure> {
    let start = cpu();
    thing()?;
    Ok(cpu().saturating_sub(start).as_secs_f64())
}

/// Bytes of memory that this process holds (RSS).
pub(super) fn resident() -> Result<u64, Failure> {
    let statm = std::fs::read_to_string("/proc/self/statm")
        .map_err(|error| Failure::failed(format!("/proc/self/statm: {error}")))?;
    let pages = statm
        .split_whitespace()
        .nth(1)
        .and_then(|pages| pages.parse::<u64>().ok());
    let page = u64::try_from(rustix::param::page_size()).unwrap_or(4096);
    pages
        .map(|pages| pages * page)
        .ok_or_else(|| Failure::failed("/proc/self/statm has no second field".to_owned()))
}

/// What went wrong with something that cannot.
pub(super) fn broken(what: impl std::fmt::Display) -> Failure {
    Failure::failed(format!("the bench is broken: {what}"))
}
