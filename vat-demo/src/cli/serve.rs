//! `vat-demo serve`

use clap::Args;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use vat_demo::suite;

use super::Failure;
use super::running::{Network, Place};

#[derive(Args)]
pub(crate) struct Serve {
    /// What carries messages.
    #[arg(long, default_value = "tcp-testing-only")]
    netlayer: Network,
    #[command(flatten)]
    place: Place,
    /// Print one line of JSON when ready: {"locator": …}.
    #[arg(long)]
    json: bool,
}

impl Serve {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let mut terminated = signal(SignalKind::terminate()).map_err(Failure::failed)?;
        let mut interrupted = signal(SignalKind::interrupt()).map_err(Failure::failed)?;
        let mut running = self.place.run(self.netlayer, None).await?;
        let offered = suite::offer(&mut running.host);
        let locator = running.host.location().to_string();
        if self.json {
            println!("{}", json!({ "locator": locator }));
        } else {
            println!("{locator}");
            for (name, sturdyref) in offered {
                eprintln!("{name}: {sturdyref}");
            }
        }
        loop {
            running.poll();
            tokio::select! {
                () = running.changed() => {}
                _ = terminated.recv() => break,
                _ = interrupted.recv() => break,
            }
        }
        running.farewell().await;
        Ok(())
    }
}
