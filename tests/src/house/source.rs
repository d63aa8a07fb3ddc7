//! Rust source as the checks read it: words and marks, with comments and literals left out.
//!
//! This is no parser. It knows just enough of the language never to mistake the inside of a
//! string, a character or a comment for code, which is what the checks need to match braces and
//! to follow paths.

use std::ops::Range;

/// A word (identifier, keyword, number) or a mark (`::` or one other character) of the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The token itself.
    pub text: String,
    /// Where it begins in the source, in bytes.
    pub at: usize,
}

impl Token {
    /// Where it ends in the source.
    pub fn end(&self) -> usize {
        self.at + self.text.len()
    }

    /// Whether it is a word rather than a mark.
    pub fn is_word(&self) -> bool {
        self.text.starts_with(is_word_char)
    }
}

/// A source text and its tokens.
#[derive(Clone, Debug)]
pub struct Source {
    text: String,
    tokens: Vec<Token>,
}

impl Source {
    /// Reads a source text.
    pub fn read(text: &str) -> Self {
        let mut tokens = Vec::new();
        let mut at = 0;
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            let (kind, len) = piece(rest);
            // At least one byte each time: an end that never comes must not hold the reader.
            let end = at + len.max(1);
            if kind == Kind::Code {
                let text = text.get(at..end).unwrap_or_default().to_owned();
                tokens.push(Token { text, at });
            }
            at = end;
        }
        Self {
            text: text.to_owned(),
            tokens,
        }
    }

    /// The tokens in order.
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// The text of the token with this index; empty beyond the ends.
    pub fn word(&self, index: usize) -> &str {
        self.tokens
            .get(index)
            .map_or("", |token| token.text.as_str())
    }

    /// Whether the tokens from this index on read as these.
    pub fn reads(&self, index: usize, words: &[&str]) -> bool {
        words
            .iter()
            .zip(index..)
            .all(|(word, index)| self.word(index) == *word)
    }

    /// A part of the source, comments and literals included; empty if out of bounds.
    pub fn slice(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }

    /// The whole source.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The line of a place in the source, counted from 1.
    pub fn line(&self, at: usize) -> usize {
        line_of(&self.text, at)
    }

    /// The index of the bracket that closes the one with the given index.
    pub fn closing(&self, open: usize) -> Option<usize> {
        let mut depth = 0_usize;
        for (index, token) in self.tokens.iter().enumerate().skip(open) {
            match token.text.as_str() {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth = depth.checked_sub(1)?,
                _ => {}
            }
            if depth == 0 {
                return Some(index);
            }
        }
        None
    }

    /// The index of the bracket that opens what the one with the given index closes.
    pub fn opening(&self, close: usize) -> Option<usize> {
        let mut depth = 0_usize;
        for index in (0..=close).rev() {
            match self.word(index) {
                ")" | "]" | "}" => depth += 1,
                "(" | "[" | "{" => depth = depth.checked_sub(1)?,
                _ => {}
            }
            if depth == 0 {
                return Some(index);
            }
        }
        None
    }
}

/// The line of a place in a text, counted from 1.
pub fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Code,
    Blank,
}

fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// What stands at the head of the text, and its length in bytes.
fn piece(rest: &str) -> (Kind, usize) {
    if rest.starts_with("//") {
        return (Kind::Blank, rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (Kind::Blank, block_comment(rest));
    }
    if let Some(len) = raw_string(rest).or_else(|| plain_string(rest)) {
        return (Kind::Blank, len);
    }
    match rest.chars().next() {
        Some('\'') => quote(rest),
        Some(c) if is_word_char(c) => (
            Kind::Code,
            rest.find(|c| !is_word_char(c)).unwrap_or(rest.len()),
        ),
        Some(c) if c.is_whitespace() => (Kind::Blank, c.len_utf8()),
        _ if rest.starts_with("::") => (Kind::Code, 2),
        Some(c) => (Kind::Code, c.len_utf8()),
        None => (Kind::Blank, 0),
    }
}

/// Block comments nest.
fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(tail) = rest.get(at..).filter(|tail| !tail.is_empty()) {
        if tail.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if tail.starts_with("*/") {
            depth = depth.saturating_sub(1);
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += tail.chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

fn raw_string(rest: &str) -> Option<usize> {
    let tail = ["br", "cr", "r"]
        .iter()
        .find_map(|prefix| rest.strip_prefix(prefix))?;
    let unfenced = tail.trim_start_matches('#');
    let body = unfenced.strip_prefix('"')?;
    let fence = format!("\"{}", "#".repeat(tail.len() - unfenced.len()));
    let end = body
        .find(&fence)
        .map_or(body.len(), |end| end + fence.len());
    Some(rest.len() - body.len() + end)
}

fn plain_string(rest: &str) -> Option<usize> {
    let body = ["\"", "b\"", "c\""]
        .iter()
        .find_map(|prefix| rest.strip_prefix(prefix))?;
    let mut chars = body.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            '"' => return Some(rest.len() - body.len() + at + 1),
            _ => {}
        }
    }
    Some(rest.len())
}

/// A character, or the mark of a lifetime or label.
fn quote(rest: &str) -> (Kind, usize) {
    let mut after = rest.chars().skip(1);
    match (after.next(), after.next()) {
        (Some('\\'), Some(escaped)) => {
            let head = 2 + escaped.len_utf8();
            let tail = rest.get(head..).unwrap_or_default();
            (
                Kind::Blank,
                head + tail.find('\'').map_or(tail.len(), |end| end + 1),
            )
        }
        (Some(c), Some('\'')) => (Kind::Blank, 2 + c.len_utf8()),
        _ => (Kind::Code, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        Source::read(text)
            .tokens()
            .iter()
            .map(|token| token.text.clone())
            .collect()
    }

    #[test]
    fn comments_and_literals_are_not_code() {
        assert_eq!(words("a // b\nc /* d /* e */ f */ g"), ["a", "c", "g"]);
        assert_eq!(
            words(r#"x("} \" {", 'y', '\'', '"', b'}') z"#).join(""),
            "x(,,,,b)z"
        );
        assert_eq!(
            words("r\"\\\" a r#\"b \" c\"# br##\"\"# {\"## c\"d\" e"),
            ["a", "e"]
        );
        assert_eq!(words("\"ends with a backslash \\\\\" a"), ["a"]);
        assert_eq!(words("\"never ends { /*"), [""; 0]);
    }

    #[test]
    fn lifetimes_and_raw_names_are_code() {
        assert_eq!(
            words("&'a str, 'b: loop").join(" "),
            "& ' a str , ' b : loop"
        );
        assert_eq!(words("r#type::é").join(" "), "r # type :: é");
    }

    #[test]
    fn brackets_find_their_partner() {
        let source = Source::read("a({['}', \"}\"]}) b");
        assert_eq!(source.closing(1), Some(7));
        assert_eq!(source.opening(7), Some(1));
        assert_eq!(Source::read("(").closing(0), None);
        assert_eq!(Source::read("a)").opening(1), None);
    }

    #[test]
    fn lines_count_from_one() {
        let source = Source::read("a\n\"\n\"\nb");
        assert_eq!(
            source
                .tokens()
                .iter()
                .map(|it| source.line(it.at))
                .collect::<Vec<_>>(),
            [1, 4]
        );
    }
}
