//! A story for two vats: Bob listens, Alice dials him, each proves who it is, and they talk.

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use pluribus_mix::locator::Locator;
use pluribus_mix::net::{Config, Connection, Endpoint};
use tokio::time::timeout;

use super::Failure;

type Told<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Nothing here takes longer, unless something is wrong.
const PATIENCE: Duration = Duration::from_secs(5);

/// Tells it.
pub(super) async fn run() -> Result<(), Failure> {
    let told = timeout(PATIENCE, story()).await;
    let late = |_| Failure::failed(format!("the story did not end within {PATIENCE:?}"));
    told.map_err(late)?.map_err(Failure::failed)
}

async fn story() -> Told {
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let bob = Endpoint::bind(Config::fresh()?.listening(anywhere)).await?;
    println!("Bob listens: {}", bob.locator());
    let locator = bob.locator().clone();
    let (theirs, ours) = tokio::join!(be_bob(&bob), be_alice(&locator));
    theirs?;
    ours?;
    bob.close().await;
    println!("Both have ended; everything said was taken.");
    Ok(())
}

async fn be_alice(bob: &Locator) -> Told {
    let alice = Endpoint::bind(Config::fresh()?).await?;
    println!("Alice, who is {}, dials Bob.", alice.vat_id());
    let connection = alice.connect(bob).await?;
    println!("Alice: he has proven to be {}.", connection.peer());
    say(&connection, "Alice", "Are you there?").await?;
    hear(&connection, "Alice").await?;
    say(&connection, "Alice", &"and then ".repeat(50_000)).await?;
    connection.finish();
    hear(&connection, "Alice").await?;
    println!("Alice: {}.", connection.closed().await);
    Ok(())
}

async fn be_bob(bob: &Endpoint) -> Told {
    let connection = bob.accept().await.ok_or("nobody came")?;
    println!("Bob: she has proven to be {}.", connection.peer());
    hear(&connection, "Bob").await?;
    say(&connection, "Bob", "I am, and I know that it is you.").await?;
    hear(&connection, "Bob").await?;
    say(&connection, "Bob", "That was long.").await?;
    connection.finish();
    println!("Bob: {}.", connection.closed().await);
    Ok(())
}

async fn say(connection: &Connection, who: &str, words: &str) -> Told {
    println!("{who} says {}", shortly(words));
    Ok(connection.send(words.into()).await?)
}

async fn hear(connection: &Connection, who: &str) -> Told {
    let message = connection.recv().await?.ok_or("the other fell silent")?;
    println!(
        "{who} hears {}",
        shortly(&String::from_utf8_lossy(&message))
    );
    Ok(())
}

fn shortly(words: &str) -> String {
    match words.char_indices().nth(40) {
        Some((end, _)) => format!(
            "\u{201c}{}…\u{201d} ({} bytes)",
            words.get(..end).unwrap_or(words),
            words.len()
        ),
        None => format!("\u{201c}{words}\u{201d}"),
    }
}
