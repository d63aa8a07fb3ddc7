//! Checks that a test can take out.
//!
//! An attack test proves something only if the attack works once the defence is gone. Every defence that such a test names
//! is written `check!(Name, condition)`. In a normal build that is the condition and nothing else; in this crate's own
//! unit tests [`without`] takes one check out for the length of a closure, and several where it is nested. What defends by
//! being done rather than by being asked is written `defend!(Name, statement)`.

/// The condition; in unit tests true as well while the check of that name is taken out.
macro_rules! check {
    ($check:ident, $holds:expr) => {{
        let holds: bool = $holds;
        #[cfg(test)]
        let holds = holds || crate::ablation::is_out(crate::ablation::Check::$check);
        holds
    }};
}
pub(crate) use check;

/// Does something that defends; in unit tests not while the check of that name is taken out.
macro_rules! defend {
    ($check:ident, $defence:expr) => {
        if !check!($check, false) {
            $defence;
        }
    };
}
pub(crate) use defend;

#[cfg(test)]
pub(crate) use in_tests::{Check, is_out, without};

#[cfg(test)]
mod in_tests {
    use std::cell::Cell;

    /// The checks that can be taken out.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) enum Check {
        /// A shared secret of zero is refused. (WIR-5)
        LowOrder,
        /// An encapsulation key passes the modulus check. (WIR-6)
        Modulus,
        /// IWANT enters the transcript. (VTP-1)
        Heard,
        /// Version 0 and suite 0 do not exist. (VTP-2)
        Null,
        /// The chosen version and suite were offered. (VTP-3)
        Offered,
        /// The target is ours. (VTP-4)
        Target,
        /// The x_i is new. (VTP-5)
        Fresh,
        /// sig_r holds under the wanted key. (VTP-9)
        SigR,
        /// fin_r holds. (VTP-9)
        FinR,
        /// vat_r is the vat wanted. (VTP-9)
        Wanted,
        /// The vat wanted is not the one that dials. (VTP-10)
        NotOwn,
        /// sig_i holds under vat_i. (VTP-12)
        SigI,
        /// fin_i holds. (VTP-12)
        FinI,
        /// vat_i is not the responder's own. (VTP-12)
        NotSelf,
        /// EARLY enters the transcript. (RDV-13)
        EarlyHeard,
        /// Flight 3 is of the vat that EARLY is of. (RDV-15)
        SameBearer,
        /// GO has the pair fields of EARLY. (RDV-15)
        SameFields,
        /// AUTH holds. (ONI-9)
        HopAuth,
        /// The settings come back unchanged. (ONI-9)
        SettingsBack,
        /// The request is for this relay. (ONI-9)
        HopId,
        /// The X of the request is new. (ONI-9)
        HopSeen,
        /// In a batch no circuit misses a cell. (PAC-7)
        Bulkhead,
        /// A circuit is parked under a secret, not under the cookie that follows from it. (RDV-19)
        ParkSecret,
        /// Second and third hops of circuits to meeting relays stay. (RDV-25)
        LastingHops,
        /// What goes wrong beside a meeting relay makes no other relay suspect. (RDV-25)
        NamedByOthers,
        /// A circuit rests before it is used. (PAC-14)
        Rested,
        /// A session looks for another circuit before its leg ends. (PAC-14)
        Ahead,
        /// No circuit is begun with a relay that leaves out cells. (PAC-18)
        Shun,
        /// Only zeros stand behind a request, a reply or a message. (ONI-10, ONI-11)
        HopZeros,
        /// A descriptor is signed by the relay it names. (DIR-2)
        SelfSigned,
        /// A signature of an authority fits the consensus. (DIR-9)
        AuthoritySigned,
        /// Enough authorities have signed. (DIR-9)
        Quorum,
        /// No older consensus follows, and no other of the same moment. (DIR-11)
        Rollback,
        /// An authority signs one consensus a slot. (DIR-14)
        OncePerSlot,
        /// A ticket is signed by the vat that it leads to. (RDV-2)
        TicketSigned,
        /// A ticket is used before its expiry. (RDV-2)
        TicketExpiry,
        /// A ticket is passed on four times at most. (RDV-4)
        ChainLength,
        /// A certificate names the ticket that it is shown with. (RDV-4)
        ChainTicket,
        /// A certificate ends no later than the one before. (RDV-4)
        Narrower,
        /// A certificate is signed by who was named before it. (RDV-4)
        ChainSigned,
        /// An introduction is for who calls with it. (RDV-5)
        ForUs,
        /// EARLY is signed by who calls. (RDV-10)
        EarlySigned,
        /// A call comes before the introduction expires. (RDV-11)
        EarlyExpiry,
        /// Who calls may use the ticket. (RDV-11)
        EarlyBearer,
        /// A ticket is spent once. (RDV-11)
        SpentOnce,
        /// A record is looked for under the key of its vat and epoch. (RDV-30)
        RecordIndex,
        /// A record counts now. (RDV-31)
        RecordEpoch,
        /// A record is signed by the key under which it lies. (RDV-31)
        RecordSigned,
        /// A record that comes in the place of another is newer. (RDV-31)
        Newer,
    }

    thread_local! {
        /// A bit for each check that is taken out.
        static OUT: Cell<u64> = const { Cell::new(0) };
    }

    /// Whether `check` is taken out on this thread.
    pub(crate) fn is_out(check: Check) -> bool {
        OUT.get() & (1 << check as u32) != 0
    }

    /// Runs `body` with `check` taken out on this thread, besides those that are out already.
    pub(crate) fn without<R>(check: Check, body: impl FnOnce() -> R) -> R {
        struct Restore(u64);
        impl Drop for Restore {
            fn drop(&mut self) {
                OUT.set(self.0);
            }
        }
        let _restore = Restore(OUT.replace(OUT.get() | 1 << check as u32));
        body()
    }
}
