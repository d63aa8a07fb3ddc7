//! Every clause of the specification is named by a test.
//!
//! A clause is defined where a line of a page under `spec/` begins with its id in bold, as the
//! first thing or after `- `. A test names a clause when the id stands in the comment directly
//! above it, in one of its attributes, or in its body. An id anywhere else says nothing about
//! what is tested, and a test that is ignored tests nothing.

use super::source::{Source, line_of};
use super::{Finding, Page};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The prefixes of clause ids, one for each chapter.
pub const PREFIXES: &[&str] = &[
    "THR", "NAM", "WIR", "VTP", "ONI", "PAC", "RDV", "CAP", "FAC", "DIR",
];

/// The id of a clause.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Clause {
    prefix: String,
    number: u32,
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.prefix, self.number)
    }
}

/// A test function: its name, and the text in which it can name clauses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    /// The name of the function.
    pub name: String,
    /// The comment directly above it, its attributes and its body.
    pub text: String,
}

/// What is wrong between the pages of the specification and the Rust sources.
pub fn check(prefixes: &[&str], pages: &[Page], sources: &[Page]) -> Vec<Finding> {
    let defined = defined(prefixes, pages);
    let mut findings = numbering(prefixes, &defined);
    let known: BTreeSet<&Clause> = defined.iter().map(|(clause, _, _)| clause).collect();
    let mut named = BTreeSet::new();
    for source in sources {
        for test in tests(&Source::read(&source.text)) {
            named.extend(
                ids(prefixes, &test.text)
                    .into_iter()
                    .map(|(clause, _)| clause),
            );
        }
    }
    for (clause, file, line) in defined
        .iter()
        .filter(|(clause, _, _)| !named.contains(clause))
    {
        let rule = format!("{clause} is named by no test");
        findings.push(Finding {
            file: file.clone(),
            line: *line,
            rule,
        });
    }
    for page in pages.iter().chain(sources) {
        for (clause, at) in ids(prefixes, &page.text) {
            if !known.contains(&clause) {
                let rule = format!("{clause} is defined nowhere");
                let line = line_of(&page.text, at);
                findings.push(Finding {
                    file: page.path.clone(),
                    line,
                    rule,
                });
            }
        }
    }
    findings
}

/// All definitions on the pages, with file and line, in the order they stand.
pub fn defined(prefixes: &[&str], pages: &[Page]) -> Vec<(Clause, String, usize)> {
    let mut found = Vec::new();
    for page in pages {
        // What stands in a fence is an example.
        let mut fenced = false;
        for (index, line) in page.text.lines().enumerate() {
            fenced ^= line.trim_start().starts_with("```");
            let clause = definition(prefixes, line).filter(|_| !fenced);
            found.extend(clause.map(|clause| (clause, page.path.clone(), index + 1)));
        }
    }
    found
}

fn definition(prefixes: &[&str], line: &str) -> Option<Clause> {
    let line = line.strip_prefix("- ").unwrap_or(line);
    let (id, _) = line.strip_prefix("**")?.split_once("**")?;
    let (prefix, number) = id.split_once('-')?;
    let plain = prefixes.contains(&prefix) && !number.starts_with(['0', '+']);
    let number = number.parse().ok().filter(|_| plain)?;
    Some(Clause {
        prefix: prefix.to_owned(),
        number,
    })
}

/// Ids are defined once, and a prefix counts 1, 2, 3 … without a gap.
fn numbering(prefixes: &[&str], defined: &[(Clause, String, usize)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut first: BTreeMap<&Clause, String> = BTreeMap::new();
    for (clause, file, line) in defined {
        if let Some(place) = first.get(clause) {
            let rule = format!("{clause} is defined already at {place}");
            findings.push(Finding {
                file: file.clone(),
                line: *line,
                rule,
            });
        }
        first
            .entry(clause)
            .or_insert_with(|| format!("{file}:{line}"));
    }
    for prefix in prefixes {
        let of_prefix = defined
            .iter()
            .filter(|(clause, _, _)| clause.prefix == *prefix);
        let sorted: BTreeMap<u32, (&str, usize)> = of_prefix
            .map(|(clause, file, line)| (clause.number, (file.as_str(), *line)))
            .collect();
        for (expected, (number, (file, line))) in (1..).zip(sorted) {
            if number != expected {
                let rule =
                    format!("{prefix}-{number} follows a gap: {prefix}-{expected} is missing");
                findings.push(Finding {
                    file: file.to_owned(),
                    line,
                    rule,
                });
                break;
            }
        }
    }
    findings
}

/// Every id in the text, with its place.
pub fn ids(prefixes: &[&str], text: &str) -> Vec<(Clause, usize)> {
    let mut found = Vec::new();
    for prefix in prefixes {
        for (at, _) in text.match_indices(prefix) {
            let before = text.get(..at).and_then(|before| before.chars().next_back());
            let tail = text
                .get(at + prefix.len()..)
                .and_then(|tail| tail.strip_prefix('-'));
            let tail = tail.filter(|_| !before.is_some_and(|c| is_id_char(c) || c == '-'));
            found.extend(tail.and_then(number).map(|number| {
                let prefix = (*prefix).to_owned();
                (Clause { prefix, number }, at)
            }));
        }
    }
    found
}

fn is_id_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The number at the head of the text, unless it runs on into a word.
fn number(text: &str) -> Option<u32> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    digits
        .parse()
        .ok()
        .filter(|_| !rest.starts_with(is_id_char))
}

/// The tests of a source, those in macros and inline modules included, ignored ones left out.
pub fn tests(source: &Source) -> Vec<Test> {
    (0..source.tokens().len())
        .filter_map(|index| test_at(source, index))
        .collect()
}

/// The test whose `#[test]` or `#[tokio::test…]` begins with this token.
fn test_at(source: &Source, index: usize) -> Option<Test> {
    let plain = source.reads(index, &["#", "[", "test", "]"]);
    if !plain && !source.reads(index, &["#", "[", "tokio", "::", "test"]) {
        return None;
    }
    let first = first_attribute(source, index);
    let function = function_after(source, index)?;
    if (first..function).any(|index| source.reads(index, &["#", "[", "ignore"])) {
        return None;
    }
    let end = body_end(source, function)?;
    let start = source.tokens().get(first)?.at - comment_above(source, first).len();
    let text = source.slice(start..end).to_owned();
    Some(Test {
        name: source.word(function + 1).to_owned(),
        text,
    })
}

/// The first of the attributes among which this one stands.
fn first_attribute(source: &Source, mut index: usize) -> usize {
    while let Some(close) = index
        .checked_sub(1)
        .filter(|close| source.word(*close) == "]")
    {
        let opening = source.opening(close).and_then(|open| open.checked_sub(1));
        match opening.filter(|hash| source.word(*hash) == "#") {
            Some(hash) => index = hash,
            None => break,
        }
    }
    index
}

/// The `fn` of the item that this attribute belongs to.
fn function_after(source: &Source, mut index: usize) -> Option<usize> {
    while source.word(index) == "#" {
        index = source.closing(index + 1)? + 1;
    }
    while ["pub", "async", "const", "unsafe"].contains(&source.word(index)) {
        index += 1;
    }
    (source.word(index) == "fn").then_some(index)
}

/// Where the body of the function ends: arguments may hold braces, hence the matching.
fn body_end(source: &Source, function: usize) -> Option<usize> {
    let mut index = function;
    loop {
        match source.word(index) {
            "{" => {
                return source
                    .tokens()
                    .get(source.closing(index)?)
                    .map(|token| token.end());
            }
            "(" | "[" => index = source.closing(index)? + 1,
            ";" | "" => return None,
            _ => index += 1,
        }
    }
}

/// The comment lines that end on the line before the token, with what stands before it on its own
/// line. A blank line ends them, and so does a comment that belongs to the file.
fn comment_above(source: &Source, index: usize) -> &str {
    let Some(token) = source.tokens().get(index) else {
        return "";
    };
    let before = index
        .checked_sub(1)
        .and_then(|index| source.tokens().get(index));
    let gap = source.slice(before.map_or(0, |token| token.end())..token.at);
    // The rest of the line on which the token before stands is about that one.
    let gap = if before.is_some() {
        gap.split_once('\n').map_or("", |(_, gap)| gap)
    } else {
        gap
    };
    let indent = gap.len() - gap.trim_end_matches([' ', '\t']).len();
    let lines = gap.get(..gap.len() - indent).unwrap_or_default();
    let comment = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with("//!");
    let above: usize = lines
        .split_inclusive('\n')
        .rev()
        .take_while(comment)
        .map(str::len)
        .sum();
    gap.get(gap.len() - indent - above..).unwrap_or_default()
}
