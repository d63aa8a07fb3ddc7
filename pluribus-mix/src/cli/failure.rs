//! How the program says that something went wrong: in one line, and with a code.

use std::fmt::Display;
use std::process::ExitCode;

use clap::error::ErrorKind;
use pluribus_mix::net::{BindError, DialError};

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

    /// An endpoint that could not be made.
    pub(crate) fn to_bind(error: BindError) -> Self {
        match error {
            BindError::NoPlace(_) => Self::usage(format!("--at {error}")),
            other => Self::failed(other),
        }
    }

    /// A connection that could not be made.
    pub(crate) fn to_dial(error: DialError) -> Self {
        match error {
            DialError::Locator(wrong) => Self::usage(wrong),
            other => Self::failed(other),
        }
    }

    /// What clap makes of a command line, in one line.
    pub(crate) fn from_usage(error: clap::Error) -> Self {
        match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Self::Help(error),
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                Self::usage("say what to do; --help lists what there is")
            }
            _ => {
                let text = error.to_string();
                let lines = text
                    .lines()
                    .take_while(|line| !line.is_empty())
                    .map(str::trim);
                let line = lines.collect::<Vec<_>>().join(" ");
                Self::usage(line.strip_prefix("error: ").unwrap_or(&line))
            }
        }
    }

    pub(crate) fn report(self) -> ExitCode {
        match self {
            Self::Help(text) => {
                let _ = text.print();
                ExitCode::SUCCESS
            }
            Self::Failed(why) => {
                eprintln!("pluribus-mix: {why}");
                ExitCode::from(1)
            }
            Self::Usage(why) => {
                eprintln!("pluribus-mix: {why}");
                ExitCode::from(2)
            }
        }
    }
}
