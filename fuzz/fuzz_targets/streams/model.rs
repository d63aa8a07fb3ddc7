//! One end with a plain model beside it: numbers, and which frames are to be refused.

use bytes::Bytes;
use pluribus_mix::vattp::body::Body;
use pluribus_mix::vattp::pair::Side;
use pluribus_mix::vattp::streams::*;
use std::collections::BTreeMap;

/// One end and what the model knows of it.
pub(super) struct End {
    pub(super) streams: Streams,
    pub(super) known: BTreeMap<u32, Known>,
    pub(super) side: usize,
    pub(super) next: [u32; 2],
}

/// One stream at one end.
#[derive(Clone, Copy, Default)]
pub(super) struct Known {
    pub(super) ours: bool,
    /// The peer knows of it, the runtime knows of it.
    pub(super) said: bool,
    pub(super) told: bool,
    pub(super) written: usize,
    pub(super) sent: usize,
    pub(super) credited: usize,
    pub(super) finished: bool,
    pub(super) sent_end: bool,
    pub(super) heard: usize,
    pub(super) granted: usize,
    pub(super) heard_end: bool,
    pub(super) heard_fin: bool,
    pub(super) read: usize,
    /// RESET, from here or from there; the runtime knows.
    pub(super) broken: bool,
    pub(super) absent: bool,
    pub(super) ended: bool,
    pub(super) room_missed: bool,
}

const FIRST: usize = FIRST_CREDIT as usize;

impl Known {
    pub(super) fn is_gone(&self) -> bool {
        self.sent_end && self.heard_end
    }
}

pub(super) fn byte(end: usize, stream: u32, at: usize) -> u8 {
    (at * 7 + at / 251 + end * 101 + stream as usize * 13) as u8
}

pub(super) fn pattern(end: usize, stream: u32, from: usize, len: usize) -> Vec<u8> {
    (from..from + len).map(|at| byte(end, stream, at)).collect()
}

pub(super) fn length(code: usize) -> usize {
    if code < 128 {
        code
    } else {
        (code - 127) * 2100
    }
}

impl End {
    pub(super) fn new(side: usize) -> Self {
        Self {
            streams: Streams::new([Side::Master, Side::Slave][side]),
            known: BTreeMap::new(),
            side,
            next: [0, 1],
        }
    }

    /// The frame as the model judges it.
    pub(super) fn allows(&self, body: &Body) -> bool {
        let known = |stream: &u32| self.known.get(stream).filter(|it| it.said);
        match body {
            Body::Open { stream, head } => {
                let live = |it: &&Known| !it.ours && !it.is_gone();
                let count = self.known.values().filter(live).count();
                *stream == self.next[1 - self.side] && head.len() <= 512 && count < 1024
            }
            Body::Stream { stream, fin, bytes } => known(stream).is_some_and(|it| {
                let open = it.heard + bytes.len() <= FIRST + it.granted;
                !it.heard_end && open && (*fin || !bytes.is_empty())
            }),
            Body::Credit { stream, more } => known(stream).is_some_and(|it| {
                let open = FIRST + it.credited + *more as usize - it.sent;
                it.is_gone() || (*more > 0 && open <= 1_048_576)
            }),
            Body::Reset { stream, .. } => known(stream).is_some(),
            Body::Msg { .. } | Body::WantTickets { .. } | Body::GiveTicket { .. } => false,
        }
    }

    /// Has the end hear a frame; whether it was taken.
    pub(super) fn hear(&mut self, body: &Body) -> bool {
        let allows = self.allows(body);
        let heard = match body {
            Body::Open { stream, head } => self.streams.handle_open(*stream, head),
            Body::Stream { stream, fin, bytes } => self.streams.handle_stream(*stream, *fin, bytes),
            Body::Credit { stream, more } => self.streams.handle_credit(*stream, *more),
            Body::Reset { stream, code } => self.streams.handle_reset(*stream, *code),
            Body::Msg { .. } | Body::WantTickets { .. } | Body::GiveTicket { .. } => return false,
        };
        assert_eq!(heard.is_ok(), allows, "{body:?}: {heard:?}");
        if allows {
            self.note_heard(body);
        }
        self.check();
        allows
    }

    pub(super) fn note_heard(&mut self, body: &Body) {
        match body {
            Body::Open { stream, .. } => {
                self.next[1 - self.side] += 2;
                let known = Known {
                    said: true,
                    absent: self.lingering() >= MAX_LINGERING,
                    ..Known::default()
                };
                self.known.insert(*stream, known);
            }
            Body::Stream { stream, fin, bytes } => {
                let known = self.known.get_mut(stream).unwrap();
                known.heard += bytes.len();
                known.heard_end |= *fin;
                known.heard_fin |= *fin;
            }
            Body::Credit { stream, more } => {
                self.known.get_mut(stream).unwrap().credited += *more as usize;
            }
            Body::Reset { stream, .. } => {
                let known = self.known.get_mut(stream).unwrap();
                known.broken |= !known.is_gone();
                known.absent |= known.broken && !known.told;
                known.heard_end = true;
            }
            Body::Msg { .. } | Body::WantTickets { .. } | Body::GiveTicket { .. } => {}
        }
    }

    /// Streams of the peer that are gone and that the runtime has not heard to the last.
    pub(super) fn lingering(&self) -> usize {
        let unheard = |it: &&Known| !it.absent && (it.broken || !it.ended);
        let gone = self.known.values().filter(|it| !it.ours && it.is_gone());
        gone.filter(unheard).count()
    }

    /// Has the end say something.
    pub(super) fn say(&mut self, room: usize) -> Option<Body> {
        let has_body = self.streams.has_body();
        let body = self.streams.poll_body(room);
        assert!(has_body || body.is_none());
        assert!(!has_body || room < LEAST_ROOM || body.is_some());
        let body = body?;
        assert!(body.frame_len() <= room);
        let (Body::Open { stream, .. }
        | Body::Stream { stream, .. }
        | Body::Credit { stream, .. }
        | Body::Reset { stream, .. }) = &body
        else {
            panic!("{body:?}");
        };
        let known = self.known.get_mut(stream).unwrap();
        assert_ne!(known.said, matches!(body, Body::Open { .. }), "{body:?}");
        match &body {
            Body::Open { .. } => known.said = true,
            Body::Stream { bytes, fin, .. } => {
                assert!(!known.sent_end && !known.broken && (*fin || !bytes.is_empty()));
                known.sent += bytes.len();
                assert!(known.sent <= known.written.min(FIRST + known.credited));
                let all = known.sent == known.written || known.sent == FIRST + known.credited;
                assert!(bytes.len() >= CRUMB || all);
                assert!(!fin || known.finished && known.sent == known.written);
                known.sent_end = *fin;
            }
            Body::Credit { more, .. } => {
                assert!(!known.heard_end && !known.broken && *more >= FIRST_CREDIT / 2);
                known.granted += *more as usize;
                assert!(FIRST + known.granted - known.heard <= 1_048_576);
            }
            _ => {
                assert!(!known.is_gone());
                known.broken = true;
                known.sent_end = true;
            }
        }
        self.check();
        Some(body)
    }

    pub(super) fn pick(&self, which: usize) -> Option<u32> {
        let told = self.known.iter().filter(|(_, it)| it.told);
        let told: Vec<u32> = told.map(|(stream, _)| *stream).collect();
        (!told.is_empty()).then(|| told[which % told.len()])
    }

    pub(super) fn open(&mut self, len: usize) {
        let ours = self
            .known
            .values()
            .filter(|it| it.ours && !it.is_gone())
            .count();
        match self.streams.open(&vec![1; len]) {
            Ok(stream) => {
                assert!(len <= 512 && ours < 1024 && stream == self.next[self.side]);
                self.next[self.side] += 2;
                let known = Known {
                    ours: true,
                    told: true,
                    ..Known::default()
                };
                self.known.insert(stream, known);
            }
            Err(StreamFault::HeadTooLong) => assert!(len > 512),
            Err(fault) => assert_eq!(fault, StreamFault::TooMany),
        }
    }

    pub(super) fn write(&mut self, stream: u32, len: usize) {
        let known = self.known.get_mut(&stream).unwrap();
        let mut bytes = Bytes::from(pattern(self.side, stream, known.written, len));
        match self.streams.write(stream, &mut bytes) {
            Ok(took) => {
                assert!(!known.finished && !known.broken && !known.absent);
                assert_eq!(took, len.min(SEND_BUFFER - (known.written - known.sent)));
                known.written += took;
                known.room_missed |= took < len;
            }
            Err(StreamFault::Finished) => assert!(known.finished && !known.broken),
            Err(_) => assert!(known.broken || known.absent || known.is_gone() && known.ended),
        }
    }

    pub(super) fn finish(&mut self, stream: u32) {
        let known = self.known.get_mut(&stream).unwrap();
        match self.streams.finish(stream) {
            Ok(()) => {
                assert!(!known.finished && !known.broken);
                known.finished = true;
            }
            Err(StreamFault::Finished) => assert!(known.finished && !known.broken),
            Err(_) => assert!(known.broken || known.absent || known.is_gone() && known.ended),
        }
    }

    pub(super) fn reset(&mut self, stream: u32) {
        self.streams.reset(stream, 7);
        let known = self.known.get_mut(&stream).unwrap();
        known.broken |= !known.is_gone();
        known.absent = true;
    }

    pub(super) fn read(&mut self, stream: u32, max: usize) -> usize {
        let known = self.known.get_mut(&stream).unwrap();
        match self.streams.read(stream, max) {
            Ok(Some(bytes)) => {
                assert!(!bytes.is_empty() && bytes.len() <= max && !known.ended);
                assert!(!known.broken && !known.absent);
                let expected = pattern(1 - self.side, stream, known.read, bytes.len());
                assert_eq!(bytes, expected);
                known.read += bytes.len();
                bytes.len()
            }
            Ok(None) => {
                assert!(max == 0 || known.read == known.heard);
                0
            }
            Err(_) => {
                assert!(known.broken || known.absent || known.is_gone() && known.ended);
                0
            }
        }
    }

    pub(super) fn event(&mut self) -> Option<u32> {
        let event = self.streams.poll_event()?;
        let (StreamEvent::Opened { stream, .. }
        | StreamEvent::Readable { stream }
        | StreamEvent::Writable { stream }
        | StreamEvent::Ended { stream }
        | StreamEvent::Reset { stream, .. }) = event;
        let known = self.known.get_mut(&stream).unwrap();
        assert!(!known.absent, "{event:?} behind the last");
        assert_ne!(known.told, matches!(event, StreamEvent::Opened { .. }));
        match event {
            StreamEvent::Opened { .. } => known.told = true,
            StreamEvent::Readable { .. } => assert!(known.read < known.heard && !known.broken),
            StreamEvent::Writable { .. } => {
                assert!(known.room_missed && !known.finished && !known.broken);
                assert!(known.written - known.sent <= SEND_BUFFER / 2);
                known.room_missed = false;
            }
            StreamEvent::Ended { .. } => {
                assert!(known.heard_fin && !known.ended && !known.broken);
                assert_eq!(known.read, known.heard);
                known.ended = true;
            }
            StreamEvent::Reset { .. } => {
                assert!(known.broken && known.heard_end);
                known.absent = true;
            }
        }
        self.check();
        Some(stream)
    }

    /// The bounds, and the sums as the model has them.
    pub(super) fn check(&self) {
        let kept = |it: &&Known| !it.broken && !it.absent;
        let kept = self.known.values().filter(kept);
        let (mut held, mut live) = (0, 0);
        for it in kept {
            held += it.heard - it.read;
            live += usize::from(!it.is_gone() || it.heard > it.read);
        }
        assert_eq!(self.streams.held(), held);
        assert!(held <= MAX_EXTRA + FIRST * live);
        assert!(self.streams.weight() <= (SEND_BUFFER + MAX_HEAD) * self.known.len());
        assert!(live <= 2 * MAX_STREAMS + MAX_LINGERING);
    }

    /// Has the end hear of the peer's next stream; `None` if it refused, or there were enough for one run.
    pub(super) fn hear_next(&mut self) -> Option<u32> {
        let (stream, head) = (self.next[1 - self.side], Bytes::new());
        if stream > 3000 {
            return None;
        }
        self.hear(&Body::Open { stream, head }).then_some(stream)
    }

    /// Has the end hear of a stream that is gone before it is read; `None` if it refused.
    pub(super) fn hear_unread(&mut self) -> Option<()> {
        let stream = self.hear_next()?;
        while self.event().is_some() {}
        if self.known[&stream].told {
            self.finish(stream);
        }
        let bytes = Bytes::from(pattern(1 - self.side, stream, 0, 3));
        let fin = true;
        self.hear(&Body::Stream { stream, fin, bytes })
            .then_some(())?;
        while self.say(32_000).is_some() {}
        Some(())
    }

    /// The runtime finishes and reads all of it.
    pub(super) fn attend(&mut self, stream: u32) {
        self.finish(stream);
        while self.read(stream, 100_000) > 0 {}
    }

    /// One call of the runtime.
    pub(super) fn call(&mut self, step: usize, params: &mut impl Iterator<Item = usize>) {
        let mut param = || params.next().unwrap_or(0);
        let which = param();
        if step == 0 {
            return self.open(if which == 255 { 513 } else { which });
        }
        if step == 6 {
            self.event();
            return;
        }
        let Some(stream) = self.pick(which) else {
            return;
        };
        match step {
            1 | 2 => self.write(stream, length(param())),
            3 => self.finish(stream),
            4 => self.reset(stream),
            _ => drop(self.read(stream, length(param()))),
        }
        self.check();
    }
}
