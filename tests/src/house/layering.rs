//! Imports go strictly downward.
//!
//! A folder or file directly under `pluribus-mix/src` is a *room*, and a room has a rank. A room
//! may name rooms of lower rank only, so siblings never meet except in a room above them. The
//! drivers and faces on top see the node from outside, hence a short list instead of all below.
//! `vat-demo` sees the seam to a runtime and nothing else; its binary sees `net` too, and its stories
//! the network that it is set in.
//!
//! What is checked is every path in the code, not only `use` lines: `crate::…`, `super::…` as far
//! as it leaves the room, and `tokio`. A path must name the room it means, so a name that the
//! crate's root exports does not hide where it comes from.

use super::Finding;
use super::source::{Source, Token};

#[derive(Clone, Copy, Debug)]
struct Room {
    name: &'static str,
    rank: u8,
    sees: Sees,
}

#[derive(Clone, Copy, Debug)]
enum Sees {
    Below,
    Only(&'static [&'static str]),
}

/// `main.rs`, `bin/` and `cli/` together.
const BINARY: &str = "binary";

const ROOMS: &[Room] = &[
    // Switches for unit tests: everything that has a check to take out names it.
    room("ablation", 0, Sees::Below),
    room("time", 0, Sees::Below),
    room("wire", 1, Sees::Below),
    room("crypto", 2, Sees::Below),
    room("id", 3, Sees::Below),
    room("locator", 4, Sees::Below),
    room("netlayer", 5, Sees::Below),
    room("vattp", 6, Sees::Below),
    room("onion", 6, Sees::Below),
    room("pacing", 6, Sees::Below),
    room("directory", 6, Sees::Below),
    // Its tickets name networks and classes, and its first messages are those of a handshake.
    room("rendezvous", 7, Sees::Below),
    room("node", 8, Sees::Below),
    room(
        "sim",
        9,
        Sees::Only(&[
            "ablation",
            "time",
            "crypto",
            "id",
            "locator",
            "netlayer",
            "directory",
            "node",
        ]),
    ),
    room(
        "net",
        9,
        Sees::Only(&[
            "time",
            "crypto",
            "id",
            "locator",
            "netlayer",
            "directory",
            "rendezvous",
            "node",
        ]),
    ),
    room(
        "face",
        10,
        Sees::Only(&["time", "crypto", "id", "locator", "netlayer", "node", "net"]),
    ),
    room(BINARY, 11, Sees::Below),
];

const MAY_NAME_TOKIO: &[&str] = &["net", "face", BINARY];
const DEMO_SEES: &[&str] = &["netlayer", "locator", "id", "time"];
/// The one file of the demo's library that knows sockets.
const DEMO_SOCKETS: &str = "netlayer/tcp.rs";
const DEMO_CLI_SEES: &[&str] = &["netlayer", "locator", "id", "time", "net"];
/// The story brings up a network of relays, and searches what everybody holds; so does the soak, and kills them.
const DEMO_STORIES: &[&str] = &["story/", "soak/"];
const DEMO_STORY_SEES: &[&str] = &[
    "netlayer",
    "locator",
    "id",
    "time",
    "crypto",
    "directory",
    "rendezvous",
    "node",
    "net",
];

const fn room(name: &'static str, rank: u8, sees: Sees) -> Room {
    Room { name, rank, sees }
}

impl Room {
    fn named(name: &str) -> Option<Self> {
        let name = if name == "bin" || name == "cli" || name == "main" {
            BINARY
        } else {
            name
        };
        ROOMS.iter().copied().find(|room| room.name == name)
    }

    /// The rule that keeps this room from naming the other, if there is one.
    fn objection(self, other: Self) -> Option<String> {
        let (name, target) = (self.name, other.name);
        if name == target {
            return None;
        }
        match self.sees {
            Sees::Only(list) if list.contains(&target) => None,
            Sees::Only(list) => Some(format!(
                "`{name}` sees only {}, not `{target}`",
                list.join(", ")
            )),
            Sees::Below if other.rank < self.rank => None,
            Sees::Below if other.rank == self.rank => Some(format!(
                "siblings meet in a room above: `{name}` may not name `{target}`"
            )),
            Sees::Below => Some(format!(
                "imports go downward: `{name}` may not name `{target}` above it"
            )),
        }
    }
}

/// Checks one file of the library. The path is relative to `pluribus-mix/src`.
pub fn library(path: &str, text: &str) -> Vec<Finding> {
    let file = format!("pluribus-mix/src/{path}");
    let modules = modules(path);
    let room = modules
        .first()
        .map(String::as_str)
        .or((path == "main.rs").then_some(BINARY));
    if let Some(name) = room.filter(|name| Room::named(name).is_none()) {
        let rule = format!("`{name}` is not in the table of rooms; give it a rank");
        return vec![Finding {
            file,
            line: 0,
            rule,
        }];
    }
    // The root of the crate, `lib.rs`, is in no room: it lists them all and exports what it likes.
    let room = room.and_then(Room::named);
    let mut findings = Vec::new();
    for path in paths(&Source::read(text)) {
        let rule = match path.target(modules.len()) {
            Target::Near => None,
            Target::Root(name) => room.and_then(|room| rule_for_room(room, name.as_deref())),
            Target::Crate(name) => rule_for_tokio(room.map_or("", |room| room.name), &name),
        };
        findings.extend(rule.map(|rule| Finding {
            file: file.clone(),
            line: path.line,
            rule,
        }));
    }
    findings
}

/// Checks one file of the demo. The path is relative to `vat-demo/src`.
pub fn demo(path: &str, text: &str) -> Vec<Finding> {
    let binary = path == "main.rs" || path.starts_with("cli/");
    let story = DEMO_STORIES.iter().any(|it| path.starts_with(it));
    let sees = match (binary, story) {
        (true, _) => DEMO_CLI_SEES,
        (_, true) => DEMO_STORY_SEES,
        _ => DEMO_SEES,
    };
    let room = if binary || story || path == DEMO_SOCKETS {
        BINARY
    } else {
        ""
    };
    let mut findings = Vec::new();
    for named in paths(&Source::read(text)) {
        let first = named.segments.first().map_or("", String::as_str);
        let second = named.segments.get(1).map_or("*", String::as_str);
        let rule = if first != "pluribus_mix" {
            rule_for_tokio(room, first)
        } else if sees.contains(&second) {
            None
        } else {
            Some(format!(
                "here the demo sees only {}, not `{second}`",
                sees.join(", ")
            ))
        };
        let file = format!("vat-demo/src/{path}");
        findings.extend(rule.map(|rule| Finding {
            file,
            line: named.line,
            rule,
        }));
    }
    findings
}

fn rule_for_room(room: Room, name: Option<&str>) -> Option<String> {
    let Some(name) = name else {
        return Some("names the whole crate; name the room that is meant".to_owned());
    };
    match Room::named(name) {
        Some(other) => room.objection(other),
        // A binary is a crate of its own, with a root of its own.
        None if room.name == BINARY => None,
        None => Some(format!("`{name}` is no room; name the room it comes from")),
    }
}

fn rule_for_tokio(room: &str, name: &str) -> Option<String> {
    let tokio = name == "tokio" || name.starts_with("tokio_");
    let rule = || format!("only net, face and the binaries may name {name}");
    (tokio && !MAY_NAME_TOKIO.contains(&room)).then(rule)
}

/// The modules that a file stands for: `wire/mod.rs` is `[wire]`, `wire/read.rs` `[wire, read]`.
fn modules(path: &str) -> Vec<String> {
    let stem = path.strip_suffix(".rs").unwrap_or(path);
    let mut modules: Vec<String> = stem.split('/').map(str::to_owned).collect();
    let last = modules.last().map_or("", String::as_str);
    if last == "mod" || (modules.len() == 1 && (last == "lib" || last == "main")) {
        modules.pop();
    }
    modules
}

/// A path as written, groups of `use` taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
struct NamedPath {
    segments: Vec<String>,
    line: usize,
    /// How many `mod … { }` of this file stand around it.
    nested: usize,
}

enum Target {
    /// Something in the same room, or a name that is none of our business.
    Near,
    /// A name at the root of our crate; nothing where the root itself is named.
    Root(Option<String>),
    /// Another crate.
    Crate(String),
}

impl NamedPath {
    fn target(&self, modules: usize) -> Target {
        let mut rest = self.segments.iter().map(String::as_str).peekable();
        let first = rest.peek().copied().unwrap_or_default();
        if first == "crate" || first == "pluribus_mix" {
            rest.next();
        } else if first == "self" || first == "super" {
            let mut depth = modules + self.nested;
            while let Some(step) = rest.next_if(|step| ["self", "super"].contains(step)) {
                depth = depth.saturating_sub((step == "super").into());
            }
            if depth > 0 {
                return Target::Near;
            }
        } else {
            return Target::Crate(first.to_owned());
        }
        Target::Root(
            rest.next()
                .filter(|name| !["*", "self"].contains(name))
                .map(str::to_owned),
        )
    }
}

/// Every path of the code that could leave its module.
fn paths(source: &Source) -> Vec<NamedPath> {
    let mut found = Vec::new();
    let mut blocks: Vec<usize> = Vec::new();
    let mut index = 0;
    while let Some(token) = source.tokens().get(index) {
        let (line, nested) = (source.line(token.at), blocks.iter().sum());
        let mut next = index + 1;
        match token.text.as_str() {
            "{" => blocks.push(usize::from(opens_module(source, index))),
            "}" => drop(blocks.pop()),
            // `use<'a>` in a bound names lifetimes, not paths.
            "use" if source.word(next) != "<" => {
                let mut trees = Vec::new();
                next = use_tree(source, next, &[], &mut trees);
                let named = |segments| NamedPath {
                    segments,
                    line,
                    nested,
                };
                found.extend(trees.into_iter().map(named));
            }
            "extern" if source.word(next) == "crate" => {
                let name = if source.word(index + 2) == "self" {
                    "crate"
                } else {
                    source.word(index + 2)
                };
                found.push(NamedPath {
                    segments: vec![name.to_owned()],
                    line,
                    nested,
                });
                next = index + 3;
            }
            _ if token.is_word() && begins_path(source, index) => {
                let segments = plain_path(source, &mut next);
                found.push(NamedPath {
                    segments,
                    line,
                    nested,
                });
            }
            _ => {}
        }
        index = next;
    }
    found
}

fn opens_module(source: &Source, brace: usize) -> bool {
    brace >= 2 && source.word(brace - 2) == "mod"
}

fn begins_path(source: &Source, index: usize) -> bool {
    let before = |back| {
        index
            .checked_sub(back)
            .map_or("", |index| source.word(index))
    };
    let word = index
        .checked_sub(2)
        .and_then(|at| source.tokens().get(at))
        .is_some_and(Token::is_word);
    let continued = before(1) == "::" && (before(2) == ">" || word);
    source.word(index + 1) == "::" && !continued && before(1) != "."
}

/// The path whose first word stands just before `next`, which is moved past it.
fn plain_path(source: &Source, next: &mut usize) -> Vec<String> {
    let mut segments = vec![source.word(*next - 1).to_owned()];
    while source.word(*next) == "::" && source.tokens().get(*next + 1).is_some_and(Token::is_word) {
        segments.push(source.word(*next + 1).to_owned());
        *next += 2;
    }
    segments
}

/// Takes a tree of `use` apart; returns the index of the token that ended it.
fn use_tree(source: &Source, from: usize, above: &[String], out: &mut Vec<Vec<String>>) -> usize {
    let mut segments = above.to_vec();
    let mut index = from;
    loop {
        match source.word(index) {
            "::" => index += 1,
            "{" => {
                index += 1;
                while !["}", ";", ""].contains(&source.word(index)) {
                    index = use_tree(source, index, &segments, out);
                    index += usize::from(source.word(index) == ",");
                }
                return index + 1;
            }
            "as" => index += 2,
            "," | "}" | ";" | "" => {
                out.push(segments);
                return index;
            }
            word => {
                let named = source.tokens().get(index).is_some_and(Token::is_word);
                segments.extend(named.then(|| word.to_owned()));
                index += 1;
            }
        }
    }
}
