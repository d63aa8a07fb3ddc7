//! Vats that hide from each other are introduced: over a network on this machine, in one process.

use pluribus_mix::crypto::sign::SigningKey;
use pluribus_mix::directory::{Params, Policy};
use pluribus_mix::locator::Locator;
use pluribus_mix::net::directory::Network;
use pluribus_mix::net::party::{Client, Keep, Local};
use pluribus_mix::net::{Config, Endpoint, fresh_key};
use pluribus_mix::rendezvous::Bearer;
use std::{sync::Arc, time::Duration};
use tokio::{task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// A vat without an address, and a client that tells it who the relays are.
async fn hidden(key: Arc<SigningKey>, network: &Network) -> Result<Arc<Endpoint>> {
    let endpoint = Endpoint::bind(Config::new(key, 1).hidden()).await?;
    let asking = Endpoint::bind(Config::fresh()?.anonymous()).await?;
    let (endpoint, keep) = (Arc::new(endpoint), Keep::open(network.clone(), None)?);
    let client = Client::new(Arc::clone(&endpoint), asking, keep);
    tokio::spawn(async move { client.run(CancellationToken::new()).await });
    while endpoint.tickets().await?.parked == 0 {
        sleep(Duration::from_millis(50)).await;
    }
    Ok(endpoint)
}

#[tokio::main]
async fn main() -> Result {
    let params = Params::local().with("pacing", "none")?;
    let local = Local::begin(params, 8, &Policy::default()).await?;
    let mut parties = JoinSet::new();
    local.work(&mut parties, &CancellationToken::new());
    local.ready().await;
    let (key, network) = (Arc::new(fresh_key()?), local.network());
    let alice = hidden(Arc::clone(&key), network).await?;
    let bob = hidden(Arc::new(fresh_key()?), network).await?;
    let carol = hidden(Arc::new(fresh_key()?), network).await?;
    // Carol lets Alice connect once, and Alice does.
    let (to_alice, life) = (Bearer::Vat(alice.vat_id()), Duration::from_secs(600));
    let _line = alice.connect(&carol.ticket(to_alice, life).await??).await?;
    // Meanwhile Carol's vat gives Alice's what can be handed on. Alice signs one of these over to Bob.
    let mut introduction = loop {
        match alice.introduction_to(carol.vat_id()).await? {
            Some(introduction) => break introduction,
            None => sleep(Duration::from_millis(50)).await,
        }
    };
    introduction.delegate(&key, bob.vat_id(), introduction.expiry())?;
    let mut there = Locator::new(carol.vat_id());
    for (name, value) in introduction.to_hints() {
        there = there.with_hint(name, &value)?;
    }
    // Bob reaches Carol with it, and neither learns where the other is.
    let to_carol = bob.connect(&there).await?;
    to_carol.send("Alice sent me.".into()).await?;
    let (_from_alice, from_bob) = (carol.accept().await, carol.accept().await);
    let heard = from_bob.ok_or("Bob did not come")?.recv().await?;
    println!("Carol hears {heard:?}");
    Ok(())
}
