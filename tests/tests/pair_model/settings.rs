//! What is explored, and that nothing is found; and that what spoilt rules lack is found.

use super::explore::{Extent, explore};
use super::parts::Left;
use super::rule::Rule;
use super::spoilt::{Lack, Spoilt};
use super::world::Setting;
use pluribus_mix::vattp::pair::{Pair, Side};

/// More states than any setting has.
const LIMIT: usize = 30_000_000;

/// What two vats know of each other to begin with.
#[derive(Clone, Copy, Debug)]
enum Start {
    /// Both are new.
    Fresh,
    /// Both have dropped a pair before, so that `past` is unknown.
    Forgetful,
    /// The slave has no name.
    Anonymous,
}

fn setting<R>(start: Start, left: Left, rule: fn(Side, bool) -> R) -> Setting<R> {
    Setting {
        left,
        forgetful: [matches!(start, Start::Forgetful); 2],
        anonymous: matches!(start, Start::Anonymous),
        talks_on: false,
        rule,
    }
}

/// What may happen, in this order: dials, messages of the runtimes, starts anew, objects given up, each of the slave and of the
/// master; wires cut; pairs dropped.
const fn left(
    dials: [u8; 2],
    sends: [u8; 2],
    restarts: [u8; 2],
    breaks: [u8; 2],
    cuts: u8,
    drops: u8,
) -> Left {
    Left {
        dials,
        sends,
        cuts,
        restarts,
        breaks,
        drops,
    }
}

fn explored<R: Rule>(name: &str, setting: &Setting<R>) -> Result<Extent, String> {
    let extent = explore(setting, LIMIT)?;
    assert!(extent.complete, "{name}: more than {LIMIT} states");
    let Extent {
        states,
        steps,
        depth,
        ..
    } = extent;
    println!("{name}: {states} states, {steps} steps, depth {depth}");
    println!("    {:?}", setting.left);
    Ok(extent)
}

/// The slave goes over from transport to transport. (VTP-41)
fn anonymous(side: Side, forgetful: bool) -> Pair {
    Pair::new(side, forgetful).moving()
}

fn holds(name: &str, start: Start, small: Left, large: Left) {
    let large = std::env::var("PAIR_MODEL")
        .is_ok_and(|it| it == "large")
        .then_some(large);
    let rule = match start {
        Start::Anonymous => anonymous,
        Start::Fresh | Start::Forgetful => Pair::new,
    };
    let setting = setting(start, large.unwrap_or(small), rule);
    if let Err(story) = explored(name, &setting) {
        panic!("{name}: {story}");
    }
}

/// VTP-35, VTP-36, VTP-37, VTP-38: both dial, more than once, and wires die.
#[test]
fn crossing_dials_and_dying_wires_leave_one_connection() {
    holds(
        "crossing",
        Start::Fresh,
        left([2, 1], [1, 1], [0, 0], [0, 0], 1, 0),
        left([2, 2], [2, 1], [0, 0], [0, 0], 1, 0),
    );
}

/// VTP-33, VTP-36, VTP-37, VTP-39: objects are given up at any time, the word of it delivered or lost.
#[test]
fn an_object_given_up_breaks_at_both_ends_and_nothing_is_crossed() {
    holds(
        "giving up",
        Start::Fresh,
        left([1, 1], [1, 1], [0, 0], [1, 1], 1, 0),
        left([2, 2], [2, 1], [0, 0], [1, 1], 0, 0),
    );
}

/// VTP-33, VTP-36, VTP-37, VTP-39: as before, with more dials of one side and a wire that dies.
#[test]
fn an_object_given_up_between_two_dials_is_not_joined_again() {
    holds(
        "giving up and dialling again",
        Start::Fresh,
        left([2, 1], [1, 0], [0, 0], [1, 0], 1, 0),
        left([2, 1], [1, 1], [0, 0], [1, 1], 1, 0),
    );
}

/// VTP-34: the master is started anew, and what its former self has said comes late.
#[test]
fn a_master_started_anew_is_not_taken_for_the_old_one() {
    holds(
        "a master started anew",
        Start::Fresh,
        left([2, 1], [1, 2], [0, 1], [0, 0], 0, 0),
        left([2, 2], [1, 2], [0, 1], [0, 0], 1, 0),
    );
}

/// VTP-34: the slave is started anew.
#[test]
fn a_slave_started_anew_is_not_taken_for_the_old_one() {
    holds(
        "a slave started anew",
        Start::Fresh,
        left([2, 1], [2, 1], [1, 0], [0, 0], 0, 0),
        left([2, 2], [2, 1], [1, 0], [0, 0], 1, 0),
    );
}

/// VTP-36, VTP-37, VTP-40: who cannot know breaks an object rather than join it wrongly.
#[test]
fn vats_that_have_dropped_pairs_break_rather_than_cross() {
    holds(
        "forgetful",
        Start::Forgetful,
        left([2, 1], [1, 1], [0, 0], [0, 1], 0, 0),
        left([2, 2], [1, 1], [0, 0], [1, 1], 0, 0),
    );
}

/// VTP-40: a pair is dropped when nothing is left of it.
#[test]
fn a_pair_may_be_dropped_and_begun_again() {
    holds(
        "dropped",
        Start::Fresh,
        left([2, 1], [1, 0], [0, 0], [1, 1], 0, 1),
        left([3, 1], [1, 1], [0, 0], [1, 1], 1, 1),
    );
}

/// VTP-41: an anonymous slave and a master that keeps nothing.
#[test]
fn an_anonymous_initiator_is_joined_once() {
    holds(
        "anonymous",
        Start::Anonymous,
        left([2, 0], [1, 1], [0, 1], [0, 1], 1, 0),
        left([3, 0], [2, 1], [0, 1], [1, 1], 1, 0),
    );
}

/// VTP-41: it dials beside its live transport, and goes over from one to the next.
#[test]
fn an_anonymous_initiator_goes_over_to_another_transport() {
    holds(
        "going over",
        Start::Anonymous,
        left([3, 0], [1, 1], [0, 0], [0, 0], 1, 0),
        left([3, 0], [2, 2], [0, 0], [1, 0], 1, 0),
    );
}

/// VTP-41: were more said on the transport that is left, GO on the other would take back what was acknowledged.
#[test]
fn a_vat_that_talks_on_where_it_has_left_is_found() {
    let left = left([2, 0], [1, 1], [0, 0], [0, 0], 0, 0);
    let setting = Setting {
        talks_on: true,
        ..setting(Start::Anonymous, left, anonymous)
    };
    let story = explored("talks on", &setting).expect_err("it passes");
    println!("talking on: {story}");
}

/// The story of how a rule fails that lacks this.
fn found(lack: Lack, start: Start, left: Left, rule: fn(Side, bool) -> Spoilt) {
    let story = explored("spoilt", &setting(start, left, rule));
    let story = story.expect_err("a rule that lacks this passes");
    println!("without {lack:?}: {story}");
}

/// A test for each thing that a rule can lack.
macro_rules! controls {
    ($($(#[$doc:meta])* $name:ident: $lack:ident, $start:ident, $left:expr;)*) => {$(
        $(#[$doc])*
        #[test]
        fn $name() {
            let rule = |side, forgetful| Spoilt::new(side, forgetful, Lack::$lack);
            found(Lack::$lack, Start::$start, $left, rule);
        }
    )*};
}

controls! {
    /// VTP-36 (4), VTP-37
    a_rule_that_does_not_say_what_it_gave_up_is_found: Past, Fresh,
        left([1, 1], [1, 1], [0, 0], [1, 1], 1, 0);
    /// VTP-36 (3)
    a_master_that_does_not_look_at_the_number_seen_is_found: Seen, Fresh,
        left([2, 2], [1, 1], [0, 0], [0, 0], 1, 0);
    /// VTP-37
    a_slave_that_takes_an_old_go_is_found: Stale, Fresh,
        left([2, 1], [1, 1], [0, 0], [0, 0], 1, 0);
    /// VTP-36 (2), VTP-37
    a_rule_that_does_not_hear_which_object_is_meant_is_found: Yours, Fresh,
        left([2, 1], [1, 1], [0, 0], [1, 1], 1, 0);
    /// VTP-36 (4), VTP-37
    a_rule_that_leaves_the_older_transport_open_is_found: Closing, Fresh,
        left([2, 1], [1, 1], [0, 0], [0, 0], 1, 0);
    /// VTP-39
    a_rule_that_hears_no_gone_is_found: Gone, Fresh,
        left([1, 1], [1, 1], [0, 0], [1, 1], 1, 0);
    /// VTP-38
    a_slave_that_does_not_note_a_dup_is_found: Told, Fresh,
        left([2, 1], [1, 1], [0, 0], [0, 0], 1, 0);
    /// VTP-34
    a_rule_that_does_not_notice_a_peer_started_anew_is_found: Newer, Fresh,
        left([2, 1], [1, 1], [0, 1], [0, 0], 0, 0);
    /// VTP-34
    a_rule_that_believes_a_peer_that_is_no_more_is_found: Older, Fresh,
        left([2, 1], [1, 2], [0, 1], [0, 0], 0, 0);
    /// VTP-19, VTP-36 (2), VTP-37
    a_rule_that_does_not_say_that_an_object_was_shown_is_found: Again, Forgetful,
        left([2, 1], [1, 1], [0, 0], [1, 1], 1, 0);
}
