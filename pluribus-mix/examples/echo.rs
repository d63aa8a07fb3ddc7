//! Two vats, one of which says back what it hears: `cargo run --release --example echo`

use pluribus_mix::locator::Locator;
use pluribus_mix::net::{Config, Connection, Endpoint};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Takes every vat that comes.
async fn serve(endpoint: Endpoint) {
    while let Some(connection) = endpoint.accept().await {
        println!("serving {}", connection.peer());
        tokio::spawn(echo(connection));
    }
}

/// Says back every message until the peer has said its last.
async fn echo(connection: Connection) -> Result {
    while let Some(message) = connection.recv().await? {
        connection.send(message).await?;
    }
    connection.finish();
    connection.closed().await;
    Ok(())
}

/// Says three things to the vat of this locator and hears them back.
async fn call(locator: &Locator) -> Result {
    let endpoint = Endpoint::bind(Config::fresh()?).await?;
    let connection = endpoint.connect(locator).await?;
    for word in ["here", "there", "everywhere"] {
        connection.send(word.into()).await?;
    }
    connection.finish();
    while let Some(message) = connection.recv().await? {
        println!("heard {}", String::from_utf8_lossy(&message));
    }
    endpoint.close().await;
    Ok(())
}

#[tokio::main]
async fn main() -> Result {
    let server = Endpoint::bind(Config::fresh()?.listening("127.0.0.1:0".parse()?)).await?;
    let locator = server.locator().clone();
    println!("listening at {locator}");
    tokio::spawn(serve(server));
    call(&locator).await
}
