//! Byte streams: two ends joined by queues, or one end whose peer says what it likes, against a plain model of VTP-49 to 51.
//!
//! The model keeps numbers only: the byte of a direction at an offset is a function of both. It knows by itself which frames are to be
//! refused.
#![no_main]

#[path = "streams/model.rs"]
mod model;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use model::{End, length, pattern};
use pluribus_mix::vattp::body::Body;
use std::collections::VecDeque;

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
