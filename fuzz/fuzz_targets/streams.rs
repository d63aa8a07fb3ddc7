//! Byte streams: two ends joined by queues, or one end whose peer says what it likes, against a plain model of VTP 49 to 51.
//!
//! The model keeps numbers only: the byte of a direction at an offset is a function of both. It knows by itself which frames are to be
//! refused.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use pluribus_mix::vattp::body::Body;
use pluribus_mix::vattp::pair::Side;
use pluribus_mix::vattp::streams::*;
use std::collections::{BTreeMap, VecDeque};

fuzz_target!(|data: &[u8]| {
    let Some((mode, steps)) = data.split_first() else {
        return;
    };
    let mut world = World::new();
    let mut steps = steps.iter().map(|byte| usize::from(*byte));
    if mode % 2 == 0 {
        while let Some(step) = steps.next() {
            world.joined(step, &mut steps);
        }
        return world.wind_up();
    }
    while let Some(step) = steps.next() {
        if world.alone(step, &mut steps).is_none() {
            return;
        }
    }
});

/// One end and what the model knows of it.
struct End {
    streams: Streams,
    known: BTreeMap<u32, Known>,
    side: usize,
    next: [u32; 2],
}

/// One stream at one end.
#[derive(Clone, Copy, Default)]
struct Known {
    ours: bool,
    /// The peer knows of it, the runtime knows of it.
    said: bool,
    told: bool,
    written: usize,
    sent: usize,
    credited: usize,
    finished: bool,
    sent_end: bool,
    heard: usize,
    granted: usize,
    heard_end: bool,
    heard_fin: bool,
    read: usize,
    /// RESET, from here or from there; the runtime knows.
    broken: bool,
    absent: bool,
    ended: bool,
    room_missed: bool,
}

const FIRST: usize = FIRST_CREDIT as usize;

impl Known {
    fn is_gone(&self) -> bool {
        self.sent_end && self.heard_end
    }
}

fn byte(end: usize, stream: u32, at: usize) -> u8 {
    (at * 7 + at / 251 + end * 101 + stream as usize * 13) as u8
}

fn pattern(end: usize, stream: u32, from: usize, len: usize) -> Vec<u8> {
    (from..from + len).map(|at| byte(end, stream, at)).collect()
}

fn length(code: usize) -> usize {
    if code < 128 {
        code
    } else {
        (code - 127) * 2100
    }
}

impl End {
    fn new(side: usize) -> Self {
        Self {
            streams: Streams::new([Side::Master, Side::Slave][side]),
            known: BTreeMap::new(),
            side,
            next: [0, 1],
        }
    }

    /// The frame as the model judges it.
    fn allows(&self, body: &Body) -> bool {
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
            Body::Msg { .. } => false,
        }
    }

    /// Has the end hear a frame; whether it was taken.
    fn hear(&mut self, body: &Body) -> bool {
        let allows = self.allows(body);
        let heard = match body {
            Body::Open { stream, head } => self.streams.handle_open(*stream, head),
            Body::Stream { stream, fin, bytes } => self.streams.handle_stream(*stream, *fin, bytes),
            Body::Credit { stream, more } => self.streams.handle_credit(*stream, *more),
            Body::Reset { stream, code } => self.streams.handle_reset(*stream, *code),
            Body::Msg { .. } => return false,
        };
        assert_eq!(heard.is_ok(), allows, "{body:?}: {heard:?}");
        if allows {
            self.note_heard(body);
        }
        self.check();
        allows
    }

    fn note_heard(&mut self, body: &Body) {
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
            Body::Msg { .. } => {}
        }
    }

    /// Streams of the peer that are gone and that the runtime has not heard to the last.
    fn lingering(&self) -> usize {
        let unheard = |it: &&Known| !it.absent && (it.broken || !it.ended);
        let gone = self.known.values().filter(|it| !it.ours && it.is_gone());
        gone.filter(unheard).count()
    }

    /// Has the end say something.
    fn say(&mut self, room: usize) -> Option<Body> {
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

    fn pick(&self, which: usize) -> Option<u32> {
        let told = self.known.iter().filter(|(_, it)| it.told);
        let told: Vec<u32> = told.map(|(stream, _)| *stream).collect();
        (!told.is_empty()).then(|| told[which % told.len()])
    }

    fn open(&mut self, len: usize) {
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

    fn write(&mut self, stream: u32, len: usize) {
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

    fn finish(&mut self, stream: u32) {
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

    fn reset(&mut self, stream: u32) {
        self.streams.reset(stream, 7);
        let known = self.known.get_mut(&stream).unwrap();
        known.broken |= !known.is_gone();
        known.absent = true;
    }

    fn read(&mut self, stream: u32, max: usize) -> usize {
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

    fn event(&mut self) -> Option<u32> {
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
    fn check(&self) {
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
    fn hear_next(&mut self) -> Option<u32> {
        let (stream, head) = (self.next[1 - self.side], Bytes::new());
        if stream > 3000 {
            return None;
        }
        self.hear(&Body::Open { stream, head }).then_some(stream)
    }

    /// Has the end hear of a stream that is gone before it is read; `None` if it refused.
    fn hear_unread(&mut self) -> Option<()> {
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
    fn attend(&mut self, stream: u32) {
        self.finish(stream);
        while self.read(stream, 100_000) > 0 {}
    }

    /// One call of the runtime.
    fn call(&mut self, step: usize, params: &mut impl Iterator<Item = usize>) {
        let mut param = || params.next().unwrap_or(0);
        let which = param();
        if step == 0 {
            return self.open(if which == 255 { 513 } else { which });
        }
        if step == 6 {
            return drop(self.event());
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

struct World {
    ends: [End; 2],
    wires: [VecDeque<Body>; 2],
}

impl World {
    fn new() -> Self {
        Self {
            ends: [End::new(0), End::new(1)],
            wires: Default::default(),
        }
    }

    /// A step of two ends: neither ever refuses the other.
    fn joined(&mut self, step: usize, params: &mut impl Iterator<Item = usize>) {
        let end = step / 128;
        match step % 16 {
            call @ 0..=6 => self.ends[end].call(call, params),
            7..=10 => {
                let room = [14, 60, 290, 864, 32_000][params.next().unwrap_or(0) % 5];
                self.say(end, room);
            }
            _ => {
                self.hear(end);
            }
        }
    }

    fn say(&mut self, end: usize, room: usize) -> bool {
        let body = self.ends[end].say(room);
        let said = body.is_some();
        self.wires[end].extend(body);
        said
    }

    fn hear(&mut self, end: usize) -> bool {
        let Some(body) = self.wires[1 - end].pop_front() else {
            return false;
        };
        assert!(self.ends[end].hear(&body), "an honest frame was refused");
        true
    }

    /// Both runtimes finish and read what they are told of; then all has come, and no stream is left.
    fn wind_up(&mut self) {
        for end in &mut self.ends {
            while end.event().is_some() {}
            for stream in Vec::from_iter(end.known.keys().copied()) {
                if end.known[&stream].told {
                    end.attend(stream);
                }
            }
        }
        let mut moved = true;
        while moved {
            moved = false;
            for end in 0..2 {
                while self.say(end, 32_000) || self.hear(end) {
                    moved = true;
                }
                while let Some(stream) = self.ends[end].event() {
                    self.ends[end].attend(stream);
                    moved = true;
                }
            }
        }
        for (end, other) in [(0, 1), (1, 0)] {
            let (end, other) = (&self.ends[end], &self.ends[other]);
            assert!(end.streams.is_empty());
            for (stream, known) in &end.known {
                let theirs = &other.known[stream];
                let whole = known.broken || known.absent || theirs.broken || theirs.absent;
                assert!(whole || known.ended && known.read == theirs.written);
            }
        }
    }

    /// A step of one end whose peer says anything; `None` when it was refused.
    fn alone(&mut self, step: usize, params: &mut impl Iterator<Item = usize>) -> Option<()> {
        let end = &mut self.ends[0];
        let mut param = || params.next().unwrap_or(0);
        let body = match step % 16 {
            call @ 0..=6 => {
                end.call(call, params);
                return Some(());
            }
            7 | 8 => {
                end.say([14, 60, 290, 864, 32_000][param() % 5]);
                return Some(());
            }
            9 => Body::Open {
                stream: match param() {
                    255 => param() as u32,
                    _ => end.next[1],
                },
                head: Bytes::from(vec![1; param() * 3]),
            },
            10 => {
                for _ in 0..param() {
                    end.hear_next()?;
                }
                return Some(());
            }
            11 => {
                for _ in 0..param() {
                    end.hear_unread()?;
                }
                return Some(());
            }
            12 | 13 => {
                let (stream, fin, len) = (param() as u32, step > 127, length(param()));
                let from = end.known.get(&stream).map_or(0, |it| it.heard);
                let bytes = Bytes::from(pattern(1, stream, from, len));
                Body::Stream { stream, fin, bytes }
            }
            14 => Body::Credit {
                stream: param() as u32,
                more: match param() {
                    255 => u32::MAX,
                    code => length(code) as u32 * 4,
                },
            },
            _ => Body::Reset {
                stream: param() as u32,
                code: param() as u8,
            },
        };
        end.hear(&body).then_some(())
    }
}
