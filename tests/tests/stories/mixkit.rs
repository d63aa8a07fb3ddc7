//! What the stories of the mix share: a network of relays, and talks between clients and exits.

use crate::kit::{MS, SECOND};
use pluribus_mix::crypto::rng::Seed;
use pluribus_mix::directory::Params;
use pluribus_mix::netlayer::{CloseReason, ConnId, Event};
use pluribus_mix::node::{Circuits, Config, MixConfig, Reach};
use pluribus_mix::sim::{HostId, World};
use pluribus_mix::time::Duration;

/// An empty world whose network sends at once: what chapter 4 says, and nothing of the clock.
pub(crate) fn at_once(seed: u64) -> World {
    let mut world = World::seeded(seed);
    world.set_params(Params::default().with("pacing", "none").unwrap());
    world
}

/// A world with so many relays, of which everybody knows.
pub(crate) fn relays(world: &mut World, count: usize) -> Vec<HostId> {
    (0..count)
        .map(|n| world.relay(&format!("relay {n}")))
        .collect()
}

/// A client's configuration without spare circuits.
pub(crate) fn no_spares(config: &mut Config) {
    config.mix = Some(MixConfig {
        spares: 0,
        ..MixConfig::default()
    });
}

/// How many circuits a host has; none while it is down.
pub(crate) fn circuits(world: &World, host: HostId) -> Circuits {
    world
        .node(host)
        .map(|node| node.circuits())
        .unwrap_or_default()
}

/// What is said on a talk's stream, one way.
pub(crate) fn content(tag: u64, way: &str, len: usize) -> Vec<u8> {
    let drawn: [u8; 8] = *Seed::from_bytes([9; 32])
        .fork(&format!("{tag} {way}"))
        .draw();
    let mut state = u64::from_be_bytes(drawn);
    let next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        state.to_be_bytes()[0]
    };
    core::iter::repeat_with(next).take(len).collect()
}

/// A session, and one stream on it that both ends write.
pub(crate) struct Talk {
    pub(crate) client: HostId,
    pub(crate) exit: HostId,
    pub(crate) conn: ConnId,
    pub(crate) stream: u32,
    tag: u64,
    /// How the exit calls the session.
    pub(crate) there: Option<ConnId>,
    said: [usize; 2],
    has_ended: bool,
}

impl Talk {
    /// Opens a session and a stream on it; the tag is used once in a world.
    pub(crate) fn begin(world: &mut World, client: HostId, exit: HostId, tag: u64) -> Self {
        let conn = world.session(client, exit, Reach::Far).unwrap();
        Self::on(world, client, exit, conn, tag)
    }

    /// Opens a stream on a session that there is.
    pub(crate) fn on(
        world: &mut World,
        client: HostId,
        exit: HostId,
        conn: ConnId,
        tag: u64,
    ) -> Self {
        let stream = world.open_stream(client, conn, tag.to_be_bytes()).unwrap();
        Self {
            client,
            exit,
            conn,
            stream,
            tag,
            there: None,
            said: [0; 2],
            has_ended: false,
        }
    }

    /// Looks for the other end.
    pub(crate) fn find(&mut self, world: &World) -> Option<ConnId> {
        let opened = |event: &Event| match event {
            Event::Opened { conn, .. } => Some(*conn),
            _ => None,
        };
        let head = self.tag.to_be_bytes().to_vec();
        let ours = (self.stream, head);
        let mut conns = world.events(self.exit).iter().filter_map(opened);
        if self.there.is_none() {
            self.there = conns.find(|conn| world.streams_opened(self.exit, *conn).contains(&ours));
        }
        self.there
    }

    /// Both say so much more.
    pub(crate) fn say(&mut self, world: &mut World, len: usize) {
        self.find(world);
        let more = |way: &str, said: &mut usize| {
            let from = *said;
            *said += len;
            content(self.tag, way, *said).split_off(from)
        };
        let bytes = more("there", &mut self.said[0]);
        world.pour(self.client, self.conn, self.stream, bytes);
        if let Some(there) = self.there {
            let bytes = more("back", &mut self.said[1]);
            world.pour(self.exit, there, self.stream, bytes);
        }
    }

    /// Both end the stream, as soon as they can.
    pub(crate) fn end(&mut self, world: &mut World) {
        if self.find(world).is_some() && !self.has_ended {
            self.has_ended = true;
            world.finish_stream(self.client, self.conn, self.stream);
            world.finish_stream(self.exit, self.there.unwrap(), self.stream);
        }
    }

    /// What came is what was said, from its beginning; whether it is all.
    pub(crate) fn is_whole(&self, world: &World) -> bool {
        let Some(there) = self.there else {
            return false;
        };
        let mut whole = true;
        for (host, conn, way, said) in [
            (self.exit, there, "there", self.said[0]),
            (self.client, self.conn, "back", self.said[1]),
        ] {
            let came = world.stream_bytes(host, conn, self.stream);
            assert_eq!(came, content(self.tag, way, came.len()), "{way}");
            whole &= came.len() == said && world.stream_ended(host, conn, self.stream);
        }
        whole
    }

    /// Both end, and all comes to be there within this time.
    pub(crate) fn comes_whole(&mut self, world: &mut World, limit: Duration) {
        let until = world.now() + limit;
        while world.now() < until {
            self.end(world);
            world.run_for(100 * MS);
            if self.has_ended && self.is_whole(world) {
                return;
            }
        }
        let there = self.there.map(|it| world.closed(self.exit, it));
        let here = self.closed(world);
        panic!(
            "stream {} is not whole; closed: {here:?}, {there:?}",
            self.tag
        );
    }

    /// Why the session is over for the client, if it is.
    pub(crate) fn closed(&self, world: &World) -> Option<CloseReason> {
        world.closed(self.client, self.conn)
    }
}

/// Lets a session open within this time.
pub(crate) fn opens(world: &mut World, client: HostId, conn: ConnId, limit: Duration) -> bool {
    world.run_until(|world| world.is_open(client, conn), limit)
}

/// A network with a consensus, and a client that has had time for its spare circuits.
pub(crate) fn settled(seed: u64, count: usize) -> (World, Vec<HostId>, HostId) {
    let mut world = at_once(seed);
    let relays = relays(&mut world, count);
    let client = world.client("client");
    world.publish().unwrap();
    world.run_for(2 * SECOND);
    (world, relays, client)
}
