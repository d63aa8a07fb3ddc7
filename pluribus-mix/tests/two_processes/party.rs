//! A process of the real program, and bytes to feed it with.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};

use sha2::{Digest, Sha256};

pub(crate) const MIB: usize = 1 << 20;

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pluribus-mix"));
    command.args(arguments);
    command
}

pub(crate) fn run(arguments: &[&str]) -> Output {
    program(arguments).stdin(Stdio::null()).output().unwrap()
}

/// A running program. Killed when the test is over.
pub(crate) struct Party {
    pub(crate) child: Child,
    pub(crate) input: Option<ChildStdin>,
    pub(crate) output: Option<BufReader<ChildStdout>>,
}

impl Party {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut child = program(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take();
        let output = child.stdout.take().map(BufReader::new);
        Self {
            child,
            input,
            output,
        }
    }

    /// A listening one, and its locator.
    pub(crate) fn listen(arguments: &[&str]) -> (Self, String) {
        let mut party = Self::start(&[&["listen", "--json"], arguments].concat());
        let mut line = String::new();
        party.output.as_mut().unwrap().read_line(&mut line).unwrap();
        let said: serde_json::Value = serde_json::from_str(&line).unwrap();
        (party, said["locator"].as_str().unwrap().to_owned())
    }

    /// One that listens and one that dials it.
    pub(crate) fn pair() -> (Self, Self) {
        let (listener, locator) = Self::listen(&[]);
        (listener, Self::start(&["dial", &locator]))
    }

    pub(crate) fn say(&mut self, words: &str) {
        self.input
            .as_mut()
            .unwrap()
            .write_all(words.as_bytes())
            .unwrap();
    }

    pub(crate) fn hear(&mut self, words: &str) {
        let mut heard = vec![0; words.len()];
        self.output
            .as_mut()
            .unwrap()
            .read_exact(&mut heard)
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&heard), words);
    }

    pub(crate) fn end_input(&mut self) {
        self.input = None;
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Its code, what is left of its output, and what it said to people.
    pub(crate) fn end(mut self) -> (Option<i32>, String, String) {
        let (mut rest, mut said) = (String::new(), String::new());
        self.output
            .take()
            .unwrap()
            .read_to_string(&mut rest)
            .unwrap();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut said)
            .unwrap();
        (self.child.wait().unwrap().code(), rest, said)
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-s", name, &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    /// The most memory it has ever had, in bytes.
    pub(crate) fn peak_memory(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .unwrap();
        line.trim()
            .trim_end_matches(" kB")
            .parse::<usize>()
            .unwrap()
            * 1024
    }
}

impl Drop for Party {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A stream that is the same for the same seed and has no pattern that a fault could hide in.
struct Noise(u64);

impl Noise {
    fn fill(&mut self, bytes: &mut [u8]) {
        for word in bytes.chunks_mut(8) {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            word.copy_from_slice(&self.0.to_be_bytes()[..word.len()]);
        }
    }
}

/// Writes noise and ends the input; returns its hash.
pub(crate) fn pour(mut into: ChildStdin, seed: u64, length: usize) -> Vec<u8> {
    let (mut noise, mut hash, mut left) = (Noise(seed), Sha256::new(), length);
    let mut bytes = vec![0; 100_000];
    while left > 0 {
        let piece = &mut bytes[..left.min(100_000)];
        noise.fill(piece);
        hash.update(&*piece);
        into.write_all(piece).unwrap();
        left -= piece.len();
    }
    hash.finalize().to_vec()
}

/// Reads to the end; returns length and hash.
pub(crate) fn drain(mut from: impl Read) -> (usize, Vec<u8>) {
    let (mut hash, mut length) = (Sha256::new(), 0);
    let mut bytes = vec![0; 64 * 1024];
    loop {
        match from.read(&mut bytes).unwrap() {
            0 => return (length, hash.finalize().to_vec()),
            more => {
                hash.update(&bytes[..more]);
                length += more;
            }
        }
    }
}
