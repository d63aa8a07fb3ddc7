//! A web server, and programs that fetch from it through a proxy.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// What is at `/<length>`: bytes that say where they stand.
pub(crate) fn page(length: usize) -> impl Iterator<Item = u8> {
    (0..length).map(|at| (at ^ at >> 8 ^ at >> 16) as u8)
}

/// Serves pages until the process ends.
pub(crate) fn serve() -> SocketAddr {
    serve_slowly(Duration::ZERO)
}

/// Serves pages with this pause behind every 64 KiB.
pub(crate) fn serve_slowly(pause: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    thread::spawn(move || {
        for guest in listener.incoming() {
            thread::spawn(move || drop(answer(guest.unwrap(), pause)));
        }
    });
    at
}

fn answer(mut guest: TcpStream, pause: Duration) -> io::Result<()> {
    let mut asked = BufReader::new(guest.try_clone()?);
    let mut first = String::new();
    asked.read_line(&mut first)?;
    loop {
        let mut line = String::new();
        if asked.read_line(&mut line)? <= 2 {
            break;
        }
    }
    let path = first.split(' ').nth(1).unwrap_or("/0");
    let length: usize = path.trim_start_matches('/').parse().unwrap_or(0);
    write!(
        guest,
        "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )?;
    let bytes: Vec<u8> = page(length).collect();
    for piece in bytes.chunks(65_536) {
        guest.write_all(piece)?;
        thread::sleep(pause);
    }
    Ok(())
}

/// Connects through SOCKS5 with a name; the reply code if it is refused.
pub(crate) fn socks(
    proxy: &str,
    host: &str,
    port: u16,
    user: Option<&str>,
) -> Result<TcpStream, u8> {
    let mut stream = connect(proxy);
    match user {
        Some(user) => {
            stream.write_all(&[5, 1, 2]).unwrap();
            assert_eq!(read::<2>(&mut stream), [5, 2]);
            let mut login = vec![1, user.len() as u8];
            login.extend(user.bytes());
            login.extend([1, b'x']);
            stream.write_all(&login).unwrap();
            assert_eq!(read::<2>(&mut stream), [1, 0]);
        }
        None => {
            stream.write_all(&[5, 1, 0]).unwrap();
            assert_eq!(read::<2>(&mut stream), [5, 0]);
        }
    }
    let mut ask = vec![5, 1, 0, 3, host.len() as u8];
    ask.extend(host.bytes());
    ask.extend(port.to_be_bytes());
    stream.write_all(&ask).unwrap();
    let [_, code, _, kind] = read::<4>(&mut stream);
    assert_eq!(kind, 1);
    read::<6>(&mut stream);
    if code == 0 { Ok(stream) } else { Err(code) }
}

/// Connects through HTTP CONNECT; the status if it is refused.
pub(crate) fn connect_http(proxy: &str, to: &str) -> Result<TcpStream, u16> {
    let mut stream = connect(proxy);
    write!(stream, "CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n").unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.extend(read::<1>(&mut stream));
    }
    let head = String::from_utf8(head).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    if status == 200 {
        Ok(stream)
    } else {
        Err(status)
    }
}

/// Fetches a page over this stream, telling how far it is, and says what is wrong with it.
pub(crate) fn fetch(
    stream: &mut TcpStream,
    length: usize,
    mut so_far: impl FnMut(usize),
) -> Result<(), String> {
    write!(stream, "GET /{length} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).map_err(|e| e.to_string())?;
        if line.len() <= 2 {
            break;
        }
    }
    let mut expected = page(length);
    let mut got = 0;
    let mut piece = vec![0; 65_536];
    loop {
        let read = reader
            .read(&mut piece)
            .map_err(|e| format!("at {got}: {e}"))?;
        if read == 0 {
            break;
        }
        if !piece[..read]
            .iter()
            .all(|byte| expected.next() == Some(*byte))
        {
            return Err(format!("other bytes at {got}"));
        }
        got += read;
        so_far(got);
    }
    if got == length {
        Ok(())
    } else {
        Err(format!("{got} of {length} bytes"))
    }
}

fn connect(proxy: &str) -> TcpStream {
    let stream = TcpStream::connect(proxy).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(90)))
        .unwrap();
    stream
}

fn read<const N: usize>(stream: &mut TcpStream) -> [u8; N] {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}
