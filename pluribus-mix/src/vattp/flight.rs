//! The items of the handshake as bytes. (VTP-1)
//!
//! Encoding and decoding of each item stand side by side, in the order in which they travel. Nothing here decides.

use super::target::TARGET_LEN;
use super::{Hints, Offers};
use crate::ablation::check;
use crate::crypto::kem::{CT_LEN, EK_LEN};
use crate::wire::{DecodeError, Fault, Put, Reader};
use core::ops::RangeInclusive;

/// Lengths that IWANT can have on the wire.
pub const IWANT_LEN: RangeInclusive<usize> = 1237..=1282;
/// The length of IAM on the wire.
pub const IAM_LEN: RangeInclusive<usize> = 1123..=1123;
/// The length of REPLYINFO on the wire.
pub const REPLYINFO_LEN: RangeInclusive<usize> = 408..=408;
/// The length of GIVEINFO on the wire.
pub const GIVEINFO_LEN: RangeInclusive<usize> = 376..=376;
/// The length of GO on the wire.
pub const GO_LEN: RangeInclusive<usize> = 98..=98;
/// Lengths that EARLY can have on the wire: with up to four delegations and 4096 bytes of frames. (RDV-10)
pub const EARLY_LEN: RangeInclusive<usize> = 187..=4763;
/// Lengths that ANSWER can have on the wire: sealed pair fields, and up to 4096 bytes of frames. (RDV-14)
pub const ANSWER_LEN: RangeInclusive<usize> = 66..=4162;
/// The most versions or suites in an offer. (VTP-2)
pub const MAX_OFFERS: usize = 16;

impl Offers {
    /// versions ‖ suites.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.put_u8(u8::try_from(self.versions.len()).unwrap_or(u8::MAX));
        self.versions
            .iter()
            .for_each(|version| out.put_u8(*version));
        out.put_u8(u8::try_from(self.suites.len()).unwrap_or(u8::MAX));
        self.suites.iter().for_each(|suite| out.put_u16(*suite));
    }

    /// versions ‖ suites, with the rules of VTP-2.
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let versions = reader.list(MAX_OFFERS, "versions", |r| r.u8("versions"))?;
        let suites = reader.list(MAX_OFFERS, "suites", |r| r.u16("suites"))?;
        if !check!(Null, !versions.contains(&0)) {
            return Err(DecodeError::new("versions", Fault::OutOfRange));
        }
        if !check!(Null, !suites.contains(&0)) {
            return Err(DecodeError::new("suites", Fault::OutOfRange));
        }
        Ok(Self { versions, suites })
    }
}

/// Flight 1: whom I want, and how it could speak.
pub struct IWant {
    pub(super) offers: Offers,
    pub(super) x_i: [u8; 32],
    pub(super) ek_i: Box<[u8; EK_LEN]>,
    pub(super) target: [u8; TARGET_LEN],
}

impl IWant {
    /// The initiator's key.
    pub const fn x_i(&self) -> &[u8; 32] {
        &self.x_i
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        self.offers.encode(out);
        out.put(&self.x_i);
        out.put(&*self.ek_i);
        out.put(&self.target);
    }

    /// Reads an IWANT; refuses anything behind it.
    pub fn decode(item: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(item);
        let iwant = Self {
            offers: Offers::decode(&mut reader)?,
            x_i: reader.array("x_i")?,
            ek_i: Box::new(reader.array("ek_i")?),
            target: reader.array("target")?,
        };
        reader.finish("target")?;
        Ok(iwant)
    }
}

/// Flight 2, in clear: what R chose, and its half of the secrets.
pub struct IAm {
    pub(super) version: u8,
    pub(super) suite: u16,
    pub(super) x_r: [u8; 32],
    pub(super) ct: Box<[u8; CT_LEN]>,
}

impl IAm {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.put_u8(self.version);
        out.put_u16(self.suite);
        out.put(&self.x_r);
        out.put(&*self.ct);
    }

    /// Reads an IAM; refuses anything behind it.
    pub fn decode(item: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(item);
        let iam = Self {
            version: reader.u8("version")?,
            suite: reader.u16("suite")?,
            x_r: reader.array("x_r")?,
            ct: Box::new(reader.array("ct")?),
        };
        reader.finish("ct")?;
        Ok(iam)
    }
}

/// The opened REPLYINFO and GIVEINFO, which say the same of either side: who, since when, hints, and a signature; REPLYINFO
/// adds fin_r.
pub struct Info {
    pub(super) vat: [u8; 32],
    pub(super) incarnation: u64,
    pub(super) hints: [u8; Hints::PADDED],
    pub(super) sig: [u8; 64],
}

impl Info {
    /// Bytes of vat ‖ incarnation ‖ hints.
    pub(super) const HEAD: usize = 40 + Hints::PADDED;

    /// vat ‖ incarnation ‖ hints: what both the signature and the item begin with.
    pub(super) fn head(vat: &[u8; 32], incarnation: u64, hints: &Hints) -> Vec<u8> {
        let mut head = Vec::with_capacity(Self::HEAD);
        head.put(vat);
        head.put_u64(incarnation);
        hints.encode(&mut head);
        head
    }

    /// Reads the fields; what comes behind them (fin_r or nothing) is the caller's.
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            vat: reader.array("vat")?,
            incarnation: reader.u64("incarnation")?,
            hints: reader.array("hints")?,
            sig: reader.array("sig")?,
        })
    }
}
