//! A network of real processes on this machine, each with its own address, and ways to treat them badly.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Long enough for a machine that has much else to do.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

pub(crate) fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pluribus-mix"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// Runs a command that has to fail, and gives its code and what it said.
pub(crate) fn refused(arguments: &[&str]) -> (Option<i32>, String) {
    let output = run(arguments);
    assert_eq!(output.stdout, b"");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.lines().count(), 1, "one line: {said}");
    (output.status.code(), said)
}

/// A process of the program. Killed with the test.
pub(crate) struct Party {
    pub(crate) child: Child,
    first: mpsc::Receiver<String>,
    errors: PathBuf,
}

impl Party {
    pub(crate) fn start(arguments: &[&str], errors: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_pluribus-mix"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(errors).unwrap())
            .spawn()
            .unwrap();
        let out = child.stdout.take().unwrap();
        let (told, first) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            let mut out = BufReader::new(out);
            out.read_line(&mut line).unwrap();
            let _ = told.send(line);
            let _ = out.read_to_string(&mut String::new());
        });
        let errors = errors.to_owned();
        Self {
            child,
            first,
            errors,
        }
    }

    /// The line with which it says that it is ready.
    pub(crate) fn ready(&self) -> Value {
        let line = self.first.recv_timeout(PATIENCE);
        let line = line.unwrap_or_default();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("no line: {}", self.said()))
    }

    /// What it is called here.
    pub(crate) fn name(&self) -> &str {
        self.errors.file_stem().unwrap().to_str().unwrap()
    }

    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.errors).unwrap()
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let kill = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(kill.unwrap().success());
    }

    /// Seconds of processor time in hundredths.
    pub(crate) fn work(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()));
        let stat = stat.unwrap_or_default();
        let fields = stat.rsplit(')').next().unwrap().split_whitespace();
        let times = fields.skip(11).take(2);
        times.map(|time| time.parse::<u64>().unwrap()).sum()
    }

    /// Stops it well, and gives its code.
    pub(crate) fn stop(mut self) -> Option<i32> {
        self.signal("TERM");
        let late = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < late, "does not stop: {}", self.said());
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Party {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where a town's parties are, and its files.
pub(crate) struct Town {
    pub(crate) files: TempDir,
    /// The second and third byte of its addresses.
    street: (u8, u8),
    network: String,
    pub(crate) locators: Vec<String>,
    interval: u64,
    /// What the network settles besides.
    pub(crate) params: &'static str,
}

/// The parties of a town that runs.
pub(crate) struct Running {
    pub(crate) authorities: Vec<Party>,
    pub(crate) relays: Vec<Party>,
}

impl Town {
    /// A town with keys for so many authorities, of which more than half sign. It sends at once.
    pub(crate) fn found(authorities: u8, interval: u64) -> Self {
        let files = tempfile::tempdir().unwrap();
        // Towns of other tests are in other streets.
        let at = std::process::id().wrapping_mul(31).wrapping_add(number());
        let street = ((at >> 8) as u8 % 250 + 2, at as u8);
        let mut town = Self {
            files,
            street,
            network: String::new(),
            locators: Vec::new(),
            interval,
            params: "pacing = \"none\"\n",
        };
        let locators: Vec<String> = (0..authorities)
            .map(|n| {
                let at = town.authority_at(n).to_string();
                town.keygen(&format!("authority{n}.key"), &["--at", &at], "locator")
            })
            .collect();
        town.network = format!("[network]\nauthorities = {locators:?}\n");
        town.locators = locators;
        town
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    pub(crate) fn ip(&self, house: u8) -> Ipv4Addr {
        Ipv4Addr::new(127, self.street.0, self.street.1, house)
    }

    pub(crate) fn relay_ip(&self, n: u8) -> Ipv4Addr {
        self.ip(20 + n)
    }

    fn authority_at(&self, n: u8) -> SocketAddr {
        (self.ip(1 + n), 9001).into()
    }

    fn keygen(&self, file: &str, more: &[&str], field: &str) -> String {
        let path = self.path(file);
        let arguments = [&["keygen", "--json", path.to_str().unwrap()], more].concat();
        let said: Value = serde_json::from_slice(&run(&arguments).stdout).unwrap();
        said[field].as_str().unwrap().to_owned()
    }

    fn begin(&self, role: &str, name: &str, settings: &str) -> Party {
        let file = self.path(&format!("{name}.toml"));
        fs::write(&file, settings).unwrap();
        let arguments = [role, "--json", "--config", file.to_str().unwrap()];
        Party::start(&arguments, &self.path(&format!("{name}.log")))
    }

    pub(crate) fn authority(&self, n: u8, min_relays: usize) -> Party {
        let settings = format!(
            "key = \"authority{n}.key\"\nlisten = \"{}\"\nstate = \"authority{n}\"\n\
             min_relays = {min_relays}\n{}[params]\ninterval = {}\nnetworks = 0\n{}",
            self.authority_at(n),
            self.network,
            self.interval,
            self.params,
        );
        self.begin("authority", &format!("authority{n}"), &settings)
    }

    pub(crate) fn relay(&self, n: u8, exit: &[&str]) -> Party {
        let key = format!("relay{n}.key");
        if !self.path(&key).exists() {
            let name = self.keygen(&key, &["--relay"], "relay");
            fs::write(self.path(&format!("relay{n}.name")), name).unwrap();
        }
        let ip = self.relay_ip(n);
        let settings = format!(
            "key = \"{key}\"\nlisten = \"{ip}:9002\"\nbind = \"{ip}\"\nstate = \"relay{n}\"\n\
             exit = {exit:?}\n{}",
            self.network
        );
        self.begin("relay", &format!("relay{n}"), &settings)
    }

    pub(crate) fn proxy(&self, n: u8, more: &str) -> Party {
        self.begin("proxy", &format!("proxy{n}"), &self.proxy_settings(n, more))
    }

    pub(crate) fn proxy_settings(&self, n: u8, more: &str) -> String {
        let mut settings = String::from("socks = [\"127.0.0.1:0\"]\nhttp = [\"127.0.0.1:0\"]\n");
        writeln!(settings, "bind = \"{}\"", self.ip(100 + n)).unwrap();
        writeln!(settings, "state = \"proxy{n}\"\n{more}\n{}", self.network).unwrap();
        settings
    }

    /// Authorities and relays, of which every one lets everything through.
    pub(crate) fn start(&self, authorities: u8, relays: u8) -> Running {
        let open = ["accept private:*", "accept *:*"];
        Running {
            authorities: (0..authorities)
                .map(|n| self.authority(n, relays.into()))
                .collect(),
            relays: (0..relays).map(|n| self.relay(n, &open)).collect(),
        }
    }

    /// How a party is doing.
    pub(crate) fn status(&self, name: &str) -> Value {
        let path = self.path(name);
        let output = run(&["status", "--json", path.to_str().unwrap()]);
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{name}: {}", String::from_utf8_lossy(&output.stderr)))
    }
}

/// A number that no other town of this process has.
fn number() -> u32 {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
