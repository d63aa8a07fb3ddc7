//! Why a ticket, a certificate or what came with it is not taken.

use crate::wire::DecodeError;

/// The rule that was broken. Said locally and never to the network (VTP-17).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A field ended early, went on, or was out of its range. (RDV-1)
    #[error("malformed: {0}")]
    Malformed(#[from] DecodeError),
    /// It leads to another vat than was promised. (RDV-2)
    #[error("it leads to another vat")]
    OtherVat,
    /// It is of another network. (RDV-2)
    #[error("it is of another network")]
    OtherNetwork,
    /// It is for a version or a suite that this program does not speak. (RDV-2)
    #[error("a version or suite that is not spoken here")]
    Unspoken,
    /// The vat that it leads to has not signed it. (RDV-2)
    #[error("the vat that it leads to has not signed it")]
    Unsigned,
    /// Its time is over. (RDV-2, RDV-4)
    #[error("its time is over")]
    Expired,
    /// It is passed on by somebody, though whoever holds it may use it. (RDV-4)
    #[error("whoever holds it may use it, so nobody can pass it on")]
    Open,
    /// There are more than four certificates. (RDV-4)
    #[error("it was passed on more than four times")]
    TooOften,
    /// A certificate is of another ticket. (RDV-4)
    #[error("a certificate of another ticket")]
    OtherTicket,
    /// A certificate allows what the one before it did not. (RDV-4)
    #[error("a certificate that is wider than the one before it")]
    Wider,
    /// A certificate is not signed by who was named before it, for what stands before it. (RDV-4)
    #[error("a certificate that its giver has not signed")]
    Forged,
    /// What is sealed does not open. (RDV-10)
    #[error("what is sealed does not open")]
    Unsealed,
    /// There is a newer record. (RDV-31)
    #[error("there is a newer record")]
    Older,
    /// There is no room for another record. (RDV-31)
    #[error("there is no room for another record")]
    Full,
    /// Pair fields that a caller cannot have. (RDV-11)
    #[error("pair fields that a caller cannot have")]
    PairFields,
    /// It is for somebody else. (RDV-5)
    #[error("it is for somebody else")]
    NotForYou,
}
