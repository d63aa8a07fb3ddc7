//! A face on the circuits of a client.

use crate::net::OpenError;
use crate::net::exit::ExitFault;
use crate::net::party::{SessionFault, SessionStream, Sessions};

use super::dial::{Dial, Isolation};
use super::refusal::DialFault;
use super::target::Target;

impl Dial for Sessions<Isolation> {
    type Stream = SessionStream;

    async fn dial(&self, isolation: Isolation, target: Target) -> Result<SessionStream, DialFault> {
        match target {
            Target::Host(host, port) => Ok(Self::dial(self, isolation, &host, port).await?),
            // A name without an address leads nowhere yet.
            Target::Vat(..) => Err(DialFault::Unreachable),
        }
    }
}

impl From<SessionFault> for DialFault {
    fn from(fault: SessionFault) -> Self {
        match fault {
            SessionFault::NoNetwork => Self::NoNetwork,
            SessionFault::NoExit => Self::Policy,
            SessionFault::TimedOut => Self::TimedOut,
            SessionFault::Exit(fault) => fault.into(),
        }
    }
}

impl From<ExitFault> for DialFault {
    fn from(fault: ExitFault) -> Self {
        match fault {
            ExitFault::Policy => Self::Policy,
            ExitFault::NotFound => Self::NotFound,
            ExitFault::Unreachable => Self::Unreachable,
            ExitFault::Refused => Self::Refused,
            ExitFault::TimedOut => Self::TimedOut,
            ExitFault::Open(OpenError::HeadTooLong) => Self::AddressKind,
            ExitFault::Busy
            | ExitFault::Malformed
            | ExitFault::Unexplained
            | ExitFault::Misbehaved
            | ExitFault::Over
            | ExitFault::Open(_) => Self::Failed,
        }
    }
}
