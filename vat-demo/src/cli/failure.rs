//! How the program says that something went wrong: in one line, and with a code.

use std::fmt::Display;
use std::process::ExitCode;

use clap::error::ErrorKind;

/// What to say, and the code to exit with.
pub(crate) enum Failure {
    /// Asked for: help, or the version.
    Help(clap::Error),
    /// It was tried and did not work. Code 1.
    Failed(String),
    /// It makes no sense to try. Code 2.
    Usage(String),
}

impl Failure {
    pub(crate) fn failed(why: impl Display) -> Self {
        Self::Failed(why.to_string())
    }

    pub(crate) fn usage(why: impl Display) -> Self {
        Self::Usage(why.to_string())
    }

    /// What clap makes of a command line, in one line.
    pub(crate) fn from_usage(error: clap::Error) -> Self {
        if let ErrorKind::DisplayHelp | ErrorKind::DisplayVersion = error.kind() {
            return Self::Help(error);
        }
        let text = error.to_string();
        let lines = text.lines().take_while(|line| !line.is_empty());
        let line = lines.map(str::trim).collect::<Vec<_>>().join(" ");
        Self::usage(line.strip_prefix("error: ").unwrap_or(&line))
    }

    pub(crate) fn report(self) -> ExitCode {
        let (why, code) = match self {
            Self::Help(text) => {
                let _ = text.print();
                return ExitCode::SUCCESS;
            }
            Self::Failed(why) => (why, 1),
            Self::Usage(why) => (why, 2),
        };
        eprintln!("vat-demo: {why}");
        ExitCode::from(code)
    }
}
