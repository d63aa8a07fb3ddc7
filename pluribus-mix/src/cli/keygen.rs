//! `keygen`: a new vat, authority or relay.

use std::path::PathBuf;

use clap::Args;
use pluribus_mix::id::{RelayId, VatId};
use pluribus_mix::locator::{Address, Locator};
use pluribus_mix::net::{fresh_key, keyfile};

use super::Failure;

#[derive(Args)]
pub(crate) struct Keygen {
    /// Where the key goes. There must be no such file.
    file: PathBuf,
    /// The key is for a relay: print a relay's name.
    #[arg(long, conflicts_with = "at")]
    relay: bool,
    /// The key is for a vat that listens there, as an authority does: print its locator.
    #[arg(long, value_name = "HOST:PORT")]
    at: Option<Address>,
    /// Print {"vat":"…"}, {"relay":"…"} or {"locator":"…"} instead of the bare name.
    #[arg(long)]
    json: bool,
}

impl Keygen {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let key = fresh_key().map_err(Failure::failed)?;
        keyfile::create(&self.file, &key).map_err(Failure::failed)?;
        let vat = VatId::from(key.public());
        let (kind, name) = match self.at {
            Some(at) => ("locator", Locator::new(vat).at(at).to_string()),
            None if self.relay => ("relay", RelayId::from(key.public()).to_string()),
            None => ("vat", vat.to_string()),
        };
        if self.json {
            println!("{}", serde_json::json!({ kind: name }));
        } else {
            println!("{name}");
        }
        Ok(())
    }
}
