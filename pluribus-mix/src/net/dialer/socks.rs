//! A client of SOCKS5 (RFC 1928, RFC 1929), and of it CONNECT.
//!
//! User and password say which streams may share a circuit, so no other method is offered: a proxy that knows none could not keep
//! them apart. A name goes as a name, and is looked up at the other end.

use std::fmt::Write as _;
use std::io::{self, ErrorKind};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::locator::{Address, Host};

const PASSWORD: &[u8] = b"apart";

/// Asks the proxy at the other end for a stream to this address.
pub(super) async fn ask<S>(mut proxy: S, at: &Address, apart: &[u8; 32]) -> io::Result<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    proxy.write_all(&[5, 1, 2]).await?;
    expect(&mut proxy, [5, 2]).await?;
    proxy.write_all(&login(apart)?).await?;
    expect(&mut proxy, [1, 0]).await?;
    proxy.write_all(&request(at)?).await?;
    answer(&mut proxy).await?;
    Ok(proxy)
}

fn login(apart: &[u8; 32]) -> io::Result<Vec<u8>> {
    let mut user = String::new();
    for byte in apart {
        let _ = write!(user, "{byte:02x}");
    }
    Ok([
        &[1, length(&user)?],
        user.as_bytes(),
        &[length(PASSWORD)?],
        PASSWORD,
    ]
    .concat())
}

fn request(at: &Address) -> io::Result<Vec<u8>> {
    let mut request = vec![5, 1, 0];
    match at.host() {
        Host::V4(ip) => {
            request.push(1);
            request.extend(ip.octets());
        }
        Host::V6(ip) => {
            request.push(4);
            request.extend(ip.octets());
        }
        Host::Name(name) => {
            request.extend([3, length(name)?]);
            request.extend(name.bytes());
        }
    }
    request.extend(at.port().to_be_bytes());
    Ok(request)
}

fn length(of: impl AsRef<[u8]>) -> io::Result<u8> {
    u8::try_from(of.as_ref().len()).map_err(|_| ErrorKind::InvalidInput.into())
}

/// Reads the answer to the request to its end, and nothing behind it.
async fn answer<S: AsyncRead + Unpin>(proxy: &mut S) -> io::Result<()> {
    let mut head = [0; 4];
    proxy.read_exact(&mut head).await?;
    let [version, code, _, kind] = head;
    if version != 5 {
        return Err(ErrorKind::InvalidData.into());
    }
    if code != 0 {
        return Err(io::Error::other(format!(
            "the proxy says no, with code {code}"
        )));
    }
    let rest = match kind {
        1 => 4,
        3 => proxy.read_u8().await?.into(),
        4 => 16,
        _ => return Err(ErrorKind::InvalidData.into()),
    };
    let mut rest = vec![0; rest + 2];
    proxy.read_exact(&mut rest).await.map(drop)
}

async fn expect<S: AsyncRead + Unpin>(proxy: &mut S, words: [u8; 2]) -> io::Result<()> {
    let mut said = [0; 2];
    proxy.read_exact(&mut said).await?;
    if said != words {
        return Err(io::Error::other(
            "this is no SOCKS5 proxy that takes user and password",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    /// What is said to a proxy that answers like this, and what comes of it.
    async fn asked(at: &str, answers: &[&[u8]]) -> (Vec<u8>, io::Result<Vec<u8>>) {
        let (ours, theirs) = duplex(1 << 12);
        let (mut heard, mut say) = tokio::io::split(theirs);
        for answer in answers {
            say.write_all(answer).await.unwrap();
        }
        say.shutdown().await.unwrap();
        let got = match ask(ours, &at.parse().unwrap(), &[0xab; 32]).await {
            Ok(mut stream) => {
                let mut behind = Vec::new();
                stream.read_to_end(&mut behind).await.map(|_| behind)
            }
            Err(why) => Err(why),
        };
        let mut said = Vec::new();
        heard.read_to_end(&mut said).await.unwrap();
        (said, got)
    }

    /// FAC-11: a name goes as a name, and what the target says first is left for the reader.
    #[tokio::test]
    async fn a_name_is_asked_for_as_a_name() {
        let login = [
            b"\x05\x01\x02\x01\x40",
            "ab".repeat(32).as_bytes(),
            b"\x05apart",
        ]
        .concat();
        for (at, request, bound) in [
            (
                "vat.example:9001",
                &b"\x05\x01\x00\x03\x0bvat.example\x23\x29"[..],
                &b"\x01\0\0\0\0\0\0"[..],
            ),
            (
                "192.0.2.7:80",
                b"\x05\x01\x00\x01\xc0\x00\x02\x07\x00\x50",
                b"\x03\x01a\0\0",
            ),
            (
                "[2001:db8::1]:80",
                b"\x05\x01\x00\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x00\x50",
                &[4; 19],
            ),
        ] {
            let answer = [b"\x05\x00\x00", bound].concat();
            let (said, got) = asked(at, &[b"\x05\x02\x01\x00", &answer, b"hello"]).await;
            assert_eq!(said, [&login[..], request].concat());
            assert_eq!(got.unwrap(), b"hello");
        }
    }

    /// FAC-11
    #[tokio::test]
    async fn no_is_no() {
        for answers in [
            &[&b""[..]][..],
            &[b"\x05\xff"],
            &[b"\x05\x00\x05\x00\x00\x01\0\0\0\0\0\0"],
            &[b"\x05\x02\x01\x01"],
            &[b"\x05\x02\x01\x00", b"\x05\x04\x00\x01\0\0\0\0\0\0"],
            &[b"\x05\x02\x01\x00", b"\x04\x00\x00\x01\0\0\0\0\0\0"],
            &[b"\x05\x02\x01\x00", b"\x05\x00\x00\x02\0\0\0\0\0\0"],
            &[b"\x05\x02\x01\x00", b"\x05\x00\x00\x01\0\0\0"],
        ] {
            assert!(
                asked("192.0.2.7:80", answers).await.1.is_err(),
                "{answers:?}"
            );
        }
    }
}
