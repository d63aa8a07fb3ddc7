//! The socket that `status` asks at.
//!
//! It lies in the directory of the party's state, which is its owner's alone. Whoever connects gets one line of JSON; nothing is read. What it
//! says are numbers: it names nobody and no place, so that a status can be shown to others.

use std::fs;
use std::future::Future;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use pluribus_mix::net::{Circuits, Lateness, Paced};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::UnixListener;
use tokio::time::{sleep, timeout};

use crate::cli::Failure;

const SOCKET: &str = "control";
/// How long somebody may take to hear one line.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two tries of what did not work.
const PAUSE: Duration = Duration::from_millis(100);
/// A line is shorter than this.
const LONGEST: u64 = 64 * 1024;

/// The socket of a running party. Removed when dropped.
pub(super) struct Control {
    listener: UnixListener,
    path: PathBuf,
}

impl Control {
    /// In a directory that is ours: what lies there from before is nobody's.
    pub(super) fn open(directory: &Path) -> Result<Self, Failure> {
        let path = directory.join(SOCKET);
        let failed = |error| Failure::failed(format!("{}: {error}", path.display()));
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let listener = UnixListener::bind(&path).map_err(failed)?;
        Ok(Self { listener, path })
    }

    /// Tells everybody who asks.
    pub(super) async fn serve<S>(&self, mut state: impl FnMut() -> S)
    where
        S: Future<Output = Value>,
    {
        loop {
            // Without descriptors nobody can be told now; the party goes on.
            let Ok((mut asker, _)) = self.listener.accept().await else {
                sleep(PAUSE).await;
                continue;
            };
            let line = format!("{}\n", state().await);
            // Whoever is gone does not need it.
            let _ = timeout(PATIENCE, asker.write_all(line.as_bytes())).await;
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // Whoever finds it finds nobody there.
        let _ = fs::remove_file(&self.path);
    }
}

/// What there is of circuits.
pub(super) fn circuits(of: Circuits) -> Value {
    json!({
        "own": of.own,
        "spare": of.spare,
        "through": of.through,
        "links": of.links,
        "cells_waiting": of.cells,
    })
}

/// How late batches were written; nothing where cells do not go by the clock. (PAC-17)
pub(super) fn lateness(of: Lateness) -> Value {
    match of.batches {
        0 => Value::Null,
        batches => json!({
            "batches": batches,
            "median_us": of.median,
            "p99_us": of.p99,
            "most_us": of.most,
        }),
    }
}

/// What pacing has come to, in total; nothing where cells do not go by the clock. (PAC-17)
pub(super) fn pacing(of: Option<Paced>) -> Value {
    of.map_or(Value::Null, |of| {
        json!({
            "late": of.late,
            "short": of.short,
            "slew_millionths": of.slew,
            "shunned": of.shunned,
        })
    })
}

/// What there is of the consensus.
pub(super) fn consensus(relays: Option<usize>, age: Option<u64>) -> Value {
    match (relays, age) {
        (Some(relays), Some(age)) => json!({ "relays": relays, "age_s": age }),
        _ => Value::Null,
    }
}

/// Ask a running party how it is doing.
#[derive(Args)]
pub(crate) struct Status {
    /// The directory of its state, as its file names it.
    directory: PathBuf,
    /// One line of JSON.
    #[arg(long)]
    json: bool,
}

impl Status {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let path = self.directory.join(SOCKET);
        let failed = |error: io::Error| {
            Failure::failed(format!("{}: {error}; is it running?", path.display()))
        };
        let asked = UnixStream::connect(&path).map_err(failed)?;
        asked.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
        let mut line = String::new();
        let mut answer = asked.take(LONGEST);
        answer.read_to_string(&mut line).map_err(failed)?;
        let said: Value = serde_json::from_str(&line).map_err(Failure::failed)?;
        let text = match self.json {
            true => format!("{said}\n"),
            false => for_people(&said),
        };
        let told = io::stdout().write_all(text.as_bytes());
        told.map_err(|error| Failure::failed(format!("standard output: {error}")))
    }
}

fn for_people(said: &Value) -> String {
    let mut lines = String::new();
    write(&mut lines, "", said);
    lines
}

fn write(lines: &mut String, name: &str, value: &Value) {
    if let Value::Object(fields) = value {
        for (field, value) in fields {
            let dot = if name.is_empty() { "" } else { "." };
            write(lines, &format!("{name}{dot}{field}"), value);
        }
        return;
    }
    if let Value::Array(items) = value {
        for (number, value) in items.iter().enumerate() {
            write(lines, &format!("{name}.{number}"), value);
        }
        return;
    }
    let text = match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    lines.push_str(&format!("{name}: {text}\n"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_lines() {
        let said = json!({ "role": "relay", "circuits": { "through": 3 }, "consensus": null });
        assert_eq!(
            for_people(&said),
            "circuits.through: 3\nconsensus: none\nrole: relay\n"
        );
        let said = json!({ "relays": [{ "links": 1 }, { "links": 2 }], "role": "up" });
        assert_eq!(
            for_people(&said),
            "relays.0.links: 1\nrelays.1.links: 2\nrole: up\n"
        );
    }
}
