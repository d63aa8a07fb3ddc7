//! `keygen`: a new vat.

use std::path::PathBuf;

use clap::Args;
use pluribus_mix::id::VatId;
use pluribus_mix::net::{fresh_key, keyfile};

use super::Failure;

#[derive(Args)]
pub(crate) struct Keygen {
    /// Where the key goes. There must be no such file.
    file: PathBuf,
    /// Print {"vat":"…"} instead of the bare name.
    #[arg(long)]
    json: bool,
}

impl Keygen {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let key = fresh_key().map_err(Failure::failed)?;
        keyfile::create(&self.file, &key).map_err(Failure::failed)?;
        let vat = VatId::from(key.public());
        if self.json {
            println!("{}", serde_json::json!({ "vat": vat.to_string() }));
        } else {
            println!("{vat}");
        }
        Ok(())
    }
}
