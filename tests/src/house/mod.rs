//! The rules this project sets itself, as checks that read its own files.
//!
//! Each check takes text and returns [`Finding`]s, so that it can be tried on made-up sources as
//! well as on the tree: a rule nobody has seen fail is not known to hold. `tests/tests/` runs both.

pub mod clauses;
pub mod layering;
pub mod licences;
pub mod source;

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// One broken rule, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file, relative to the root of the repository.
    pub file: String,
    /// The line, counted from 1; 0 where a file as a whole is meant.
    pub line: usize,
    /// The rule that is broken, in words.
    pub rule: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.rule)
    }
}

/// Findings as one text with a line for each, fit for the message of an assertion.
pub fn listed(findings: &[Finding]) -> String {
    findings
        .iter()
        .map(|finding| format!("\n  {finding}"))
        .collect()
}

/// A text file of the repository.
#[derive(Clone, Debug)]
pub struct Page {
    /// Its path relative to the root of the repository, with `/` between the parts.
    pub path: String,
    /// What it says.
    pub text: String,
}

/// The root of the repository.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// All files below the folder whose name ends in `.` and the extension, in order of their paths.
/// A folder that does not exist has none. Hidden folders and build output are left out.
pub fn pages(folder: &str, extension: &str) -> io::Result<Vec<Page>> {
    let root = root();
    let mut found = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop().filter(|folder| folder.is_dir()) {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if path.is_dir() {
                let ours = !name.starts_with('.') && name != "target";
                folders.extend(ours.then_some(path));
            } else if path.extension().is_some_and(|it| it == extension) {
                let text = fs::read_to_string(&path)?;
                found.push(Page {
                    path: relative(&path, &root),
                    text,
                });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn relative(path: &Path, root: &Path) -> String {
    let parts = path.strip_prefix(root).unwrap_or(path).iter();
    parts
        .map(|part| part.to_string_lossy())
        .collect::<Vec<_>>()
        .join("/")
}
