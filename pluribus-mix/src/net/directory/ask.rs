//! What is asked of an authority, and the answers, as bytes. (DIR-24, DIR-25)

use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::directory::{Authority, Consensus, Descriptor, Wall};

use super::super::connection::Connection;
use super::super::stream::MixStream;
use super::AskFault;

/// How long the document of a question may take to come.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes that say why not. (DIR-25)
const WORDS: usize = 256;

const PUBLISH: u8 = 1;
const CONSENSUS: u8 = 2;
const PROPOSE: u8 = 3;
const ADOPT: u8 = 4;

const DONE: u8 = 0;
const REFUSED: u8 = 1;

/// What is asked. (DIR-24)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Ask {
    /// Take my descriptor.
    Publish,
    /// Give me the consensus if it is of a later time than this.
    Consensus(Wall),
    /// Sign what I propose.
    Propose,
    /// This is signed by enough of us.
    Adopt,
}

/// What came of it. (DIR-25)
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Answer {
    /// Done; here is what was asked for, if anything was.
    Done(Bytes),
    /// Not done, and why.
    Refused(String),
}

impl Ask {
    pub(super) fn encode(self) -> Vec<u8> {
        match self {
            Self::Publish => vec![PUBLISH],
            Self::Consensus(newer) => {
                let mut head = vec![CONSENSUS];
                head.extend(newer.0.to_be_bytes());
                head
            }
            Self::Propose => vec![PROPOSE],
            Self::Adopt => vec![ADOPT],
        }
    }

    /// `None` for a head that is none of these.
    pub(in super::super) fn decode(head: &[u8]) -> Option<Self> {
        match head {
            [PUBLISH] => Some(Self::Publish),
            [CONSENSUS, newer @ ..] => {
                let newer: [u8; 8] = newer.try_into().ok()?;
                Some(Self::Consensus(Wall(u64::from_be_bytes(newer))))
            }
            [PROPOSE] => Some(Self::Propose),
            [ADOPT] => Some(Self::Adopt),
            _ => None,
        }
    }

    /// How many bytes its document may have.
    pub(in super::super) const fn longest(self) -> usize {
        match self {
            Self::Publish => Descriptor::MOST,
            Self::Consensus(_) => 0,
            Self::Propose => Authority::PROPOSAL,
            Self::Adopt => Consensus::MOST,
        }
    }

    /// How many bytes what it is answered with may have.
    const fn longest_answer(self) -> usize {
        match self {
            Self::Publish | Self::Adopt => 0,
            Self::Consensus(_) => Consensus::MOST,
            Self::Propose => Authority::SIGNATURE,
        }
    }

    /// Asks it, and hears what comes of it.
    pub(in super::super) async fn put(
        self,
        to: &Connection,
        document: &[u8],
    ) -> Result<Answer, AskFault> {
        let mut stream = to
            .open_stream(&self.encode())
            .await
            .map_err(|_| AskFault::Unreachable)?;
        let asked = async {
            stream.write_all(document).await?;
            stream.shutdown().await?;
            let mut answer = Vec::new();
            let most = self.longest_answer().max(WORDS) + 2;
            let mut reading = (&mut stream).take(most as u64);
            reading.read_to_end(&mut answer).await.map(|_| answer)
        };
        let answer = asked.await.map_err(|_| AskFault::Cut)?;
        self.read(answer)
    }

    fn read(self, answer: Vec<u8>) -> Result<Answer, AskFault> {
        let Some((kind, body)) = answer.split_first() else {
            return Err(AskFault::Misbehaved);
        };
        match *kind {
            DONE if body.len() <= self.longest_answer() => {
                let mut answer = Bytes::from(answer);
                answer.advance(1);
                Ok(Answer::Done(answer))
            }
            REFUSED if body.len() <= WORDS => {
                let plain = |byte: &u8| matches!(byte, 0x20..=0x7e);
                let words = body.iter().filter(|byte| plain(byte)).copied();
                Ok(Answer::Refused(words.map(char::from).collect()))
            }
            _ => Err(AskFault::Misbehaved),
        }
    }
}

impl Answer {
    /// The first byte, and what stands behind it: a consensus is one for all who ask.
    fn encode(&self) -> (u8, Bytes) {
        match self {
            Self::Done(body) => (DONE, body.clone()),
            Self::Refused(why) => {
                let words = why.bytes().filter(u8::is_ascii).take(WORDS);
                (REFUSED, words.collect())
            }
        }
    }

    /// Says it. Whoever is gone does not need it.
    pub(in super::super) async fn say(&self, stream: &mut MixStream) {
        let saying = async {
            let (kind, body) = self.encode();
            stream.write_all(&[kind]).await?;
            stream.write_all(&body).await?;
            stream.shutdown().await
        };
        let _ = timeout(PATIENCE, saying).await;
    }
}

/// The document of a question; `None` if it is too long, or does not come.
pub(in super::super) async fn document(ask: Ask, stream: &mut MixStream) -> Option<Vec<u8>> {
    let mut document = Vec::new();
    let most = ask.longest();
    let beyond = (most as u64).saturating_add(1);
    let mut limited = stream.take(beyond);
    let read = limited.read_to_end(&mut document);
    timeout(PATIENCE, read).await.ok()?.ok()?;
    (document.len() <= most).then_some(document)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DIR-24
    #[test]
    fn a_head_says_what_is_asked() {
        for (ask, head) in [
            (Ask::Publish, &[1][..]),
            (
                Ask::Consensus(Wall(0x0102)),
                &[2, 0, 0, 0, 0, 0, 0, 1, 2][..],
            ),
            (Ask::Propose, &[3]),
            (Ask::Adopt, &[4]),
        ] {
            assert_eq!(ask.encode(), head);
            assert_eq!(Ask::decode(head), Some(ask));
        }
        for other in [
            &[][..],
            &[0],
            &[5],
            &[1, 0],
            &[2],
            &[2, 0, 0, 0, 0, 0, 0, 0],
            &[3, 3],
        ] {
            assert_eq!(Ask::decode(other), None, "{other:?}");
        }
    }

    /// DIR-25
    #[test]
    fn an_answer_is_what_was_asked_for_or_words() {
        for answer in [
            Answer::Done(Bytes::new()),
            Answer::Refused("too old".to_owned()),
            Answer::Refused(String::new()),
        ] {
            let (kind, body) = answer.encode();
            let read = Ask::Publish.read([&[kind], &body[..]].concat());
            assert_eq!(read.ok(), Some(answer));
        }
        let long = Answer::Refused("x".repeat(1000)).encode();
        assert_eq!(long.1.len(), 256);
        for (ask, answer) in [
            (Ask::Publish, vec![]),
            (Ask::Publish, vec![0, 1]),
            (Ask::Publish, vec![2]),
            (Ask::Propose, vec![0; 514]),
            (Ask::Propose, [vec![1], vec![b'x'; 257]].concat()),
        ] {
            assert!(ask.read(answer).is_err());
        }
        let escape = Ask::Adopt.read(b"\x01a\x1b[31mb\nc".to_vec()).ok();
        assert_eq!(escape, Some(Answer::Refused("a[31mbc".to_owned())));
    }
}
