//! What a peer can do wrong before and after the proof, one name for each.

use crate::wire::DecodeError;

/// The rule that a peer broke. Said locally and never to the network (VTP-17).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A field ended early, went on, or was out of its range. (WIR-2)
    #[error("malformed: {0}")]
    Malformed(#[from] DecodeError),
    /// An item or record with a length that it cannot have. (VTP-1, VTP-21)
    #[error("an item of impossible length")]
    Length,
    /// No version in common. (VTP-2)
    #[error("no version in common")]
    NoCommonVersion,
    /// No suite in common. (VTP-2)
    #[error("no suite in common")]
    NoCommonSuite,
    /// A version or suite was chosen that was not offered. (VTP-3)
    #[error("a version or suite that was not offered")]
    NotOffered,
    /// The target is not ours: somebody else is asked for, elsewhere, or nobody. (VTP-4)
    #[error("somebody else is asked for")]
    NotForUs,
    /// This x_i has been answered before. (VTP-5)
    #[error("a flight 1 that was answered before")]
    Replayed,
    /// An X25519 key of low order. (VTP-6)
    #[error("an X25519 key of low order")]
    LowOrder,
    /// An ML-KEM key that is not reduced. (VTP-6)
    #[error("an ML-KEM key that is not reduced")]
    KemKey,
    /// A sealed item of the handshake does not open. (VTP-8)
    #[error("a sealed item that does not open")]
    Unsealed,
    /// The responder did not prove to be the vat wanted. (VTP-9)
    #[error("the responder did not prove to be the vat wanted")]
    ResponderUnproven,
    /// The initiator did not prove to be who it says. (VTP-12)
    #[error("the initiator did not prove to be who it says")]
    InitiatorUnproven,
    /// The peer presents our own identity. (VTP-12)
    #[error("the peer presents our own identity")]
    Oneself,
    /// An incarnation that this role cannot have. (VTP-13)
    #[error("an incarnation that this role cannot have")]
    Incarnation,
    /// Pair fields that a first meeting cannot have. (VTP-19)
    #[error("pair fields that a first meeting cannot have")]
    PairFields,
    /// Flight 3 is of another vat, or another incarnation, than EARLY. (RDV-15)
    #[error("flight 3 is of another vat than EARLY")]
    OtherBearer,
    /// GO says other pair fields than EARLY. (RDV-15)
    #[error("GO says other pair fields than EARLY")]
    OtherFields,
    /// The awaited flight did not come in time. (VTP-16)
    #[error("the awaited flight did not come in time")]
    Late,
    /// A half-open handshake gave way to others. (VTP-18)
    #[error("too many half-open handshakes from this source")]
    GaveWay,
    /// A record does not open. (VTP-21)
    #[error("a record that does not open")]
    Record,
    /// A cell of a flight is missing, or came out of its order. (VTP-44)
    #[error("a cell of a flight is missing")]
    Gap,
    /// A cell to be sealed without an index, or with one that does not rise or lies too far ahead. (VTP-43)
    #[error("a cell with an index that it cannot have")]
    Index,
    /// A record without a frame. (VTP-22)
    #[error("a record without a frame")]
    Empty,
    /// A frame type that does not exist, or not in this place. (VTP-22)
    #[error("an unknown frame")]
    Frame,
    /// A frame behind one that must be the last. (VTP-24, VTP-29)
    #[error("a frame behind the last")]
    Behind,
    /// A frame number that does not exist, or too far ahead of the next. (VTP-23)
    #[error("a frame number too far ahead")]
    Number,
    /// More records under one key than there may be. (VTP-24)
    #[error("a key used for too long")]
    WornKey,
    /// An empty piece of a message, or a message beyond its bound. (VTP-25)
    #[error("a message that is too long or has an empty piece")]
    Message,
    /// Something numbered behind the end of its direction. (VTP-25)
    #[error("a message behind the end")]
    AfterEnd,
    /// An acknowledgement that goes back or beyond. (VTP-26)
    #[error("an impossible acknowledgement")]
    Ack,
    /// A resume below what was acknowledged or beyond what was sent. (VTP-45)
    #[error("an impossible resume")]
    Resume,
    /// More not received or not taken than there may be. (VTP-26)
    #[error("more unacknowledged than there may be")]
    Window,
    /// A PONG that nobody asked for. (VTP-27)
    #[error("a PONG that nobody asked for")]
    Pong,
    /// More PINGs than can be answered. (VTP-27)
    #[error("too many PINGs")]
    PingFlood,
    /// A CLOSE for another connection. (VTP-29)
    #[error("a CLOSE for another connection")]
    Close,
    /// An OPEN with an id that is not the next of its opener. (VTP-49)
    #[error("a stream that is not the next")]
    StreamId,
    /// A stream with a head that is too long. (VTP-49)
    #[error("a stream with a head that is too long")]
    StreamHead,
    /// More streams at once than there may be. (VTP-49)
    #[error("more streams than there may be")]
    TooManyStreams,
    /// A frame for a stream that was never opened, or bytes for one that is gone. (VTP-50)
    #[error("a frame for a stream that is not there")]
    NoStream,
    /// A STREAM that says nothing. (VTP-50)
    #[error("an empty piece of a stream")]
    StreamEmpty,
    /// A STREAM behind the end of its direction. (VTP-50)
    #[error("bytes behind the end of a stream")]
    StreamEnded,
    /// More bytes of a stream than were granted. (VTP-51)
    #[error("more bytes of a stream than were granted")]
    Overdrawn,
    /// A grant of nothing, or of more than may be open. (VTP-51)
    #[error("an impossible grant")]
    Grant,
    /// More said of tickets than was taken. (VTP-54)
    #[error("more said of tickets than was taken")]
    Tickets,
    /// A cell on a link with a circuit id that its side cannot give. (ONI-3)
    #[error("a circuit id that cannot be")]
    CircuitId,
    /// More circuits asked for than answers were taken. (ONI-15)
    #[error("more circuits than answers were taken")]
    Circuits,
    /// A tick that does not rise, or rises by too much. (PAC-4)
    #[error("a tick that cannot be")]
    Tick,
    /// A batch of a size that it cannot have. (PAC-4, PAC-8)
    #[error("a batch of impossible size")]
    Batch,
    /// Nothing has come in time for so long that nothing will. (PAC-6)
    #[error("two that have lost step")]
    Astray,
    /// Silence beyond what liveness allows. (VTP-28)
    #[error("the peer fell silent")]
    Silence,
}
