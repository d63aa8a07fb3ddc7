//! Checks that a test can take out.
//!
//! An attack test proves something only if the attack works once the defence is gone. Every defence that such a test names
//! is written `check!(Name, condition)`. In a normal build that is the condition and nothing else; in this crate's own
//! unit tests [`without`] takes one check out for the length of a closure.

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
        /// sig_i holds under vat_i. (VTP-12)
        SigI,
        /// fin_i holds. (VTP-12)
        FinI,
        /// vat_i is not the responder's own. (VTP-12)
        NotSelf,
    }

    thread_local! {
        static OUT: Cell<Option<Check>> = const { Cell::new(None) };
    }

    /// Whether `check` is taken out on this thread.
    pub(crate) fn is_out(check: Check) -> bool {
        OUT.get() == Some(check)
    }

    /// Runs `body` with `check` taken out on this thread.
    pub(crate) fn without<R>(check: Check, body: impl FnOnce() -> R) -> R {
        struct Restore(Option<Check>);
        impl Drop for Restore {
            fn drop(&mut self) {
                OUT.set(self.0);
            }
        }
        let _restore = Restore(OUT.replace(Some(check)));
        body()
    }
}
