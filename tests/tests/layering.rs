//! Imports go strictly downward in the order of the rooms.

use conformance::house::{Finding, layering, listed, pages};

fn rules(findings: &[Finding]) -> Vec<(usize, &str)> {
    findings
        .iter()
        .map(|finding| (finding.line, finding.rule.as_str()))
        .collect()
}

#[cfg(test)]
mod made_up {
    use super::*;

    fn broken(path: &str, text: &str) -> String {
        let findings = layering::library(path, text);
        let [finding] = rules(&findings)[..] else {
            panic!(
                "one finding in {path} wanted, there are: {}",
                listed(&findings)
            );
        };
        format!("{}: {}", finding.0, finding.1)
    }

    fn clean(path: &str, text: &str) {
        let findings = layering::library(path, text);
        assert!(findings.is_empty(), "{}", listed(&findings));
    }

    #[test]
    fn a_finding_names_file_line_and_rule() {
        let findings = layering::library("wire/read.rs", "//! Story.\n\nuse crate::vattp::Pipe;\n");
        assert_eq!(
            listed(&findings),
            "\n  pluribus-mix/src/wire/read.rs:3: \
             imports go downward: `wire` may not name `vattp` above it"
        );
    }

    #[test]
    fn downward_is_fine() {
        clean(
            "vattp/initiator.rs",
            "use crate::{crypto::Aead, id::VatId, wire};\n",
        );
        clean(
            "node/mod.rs",
            "use crate::{onion, pacing, vattp}; fn f() { crate::wire::x() }",
        );
        clean("face/socks.rs", "use crate::net::Endpoint; use tokio::io;");
        clean(
            "net/mod.rs",
            "use crate::node::Node; use crate::crypto::Seed; use tokio_util::x;",
        );
        clean(
            "main.rs",
            "mod args; use crate::args::Args; use pluribus_mix::{net, sim, vattp};",
        );
        clean(
            "cli/bench.rs",
            "use crate::vattp::Pipe; use crate::cli::args; use tokio::runtime;",
        );
        clean(
            "lib.rs",
            "pub mod node; pub mod wire; pub use crate::node::Node; use self::wire::x;",
        );
    }

    #[test]
    fn upward_is_refused() {
        assert!(broken("time.rs", "use crate::wire::Reader;").contains("go downward"));
        assert!(broken("crypto/aead.rs", "\nfn f() -> crate::id::VatId {}").starts_with("2: "));
        assert!(broken("node.rs", "use crate::sim::World;").contains("`node` may not name `sim`"));
        assert!(broken("node.rs", "use crate::cli::Args;").contains("`binary`"));
        assert!(broken("net/mod.rs", "use crate::face::Socks;").contains("`net` sees only"));
    }

    #[test]
    fn siblings_are_refused() {
        for room in ["vattp", "onion", "pacing", "directory"] {
            for other in ["vattp", "onion", "pacing", "directory"] {
                let path = format!("{room}/mod.rs");
                let text = format!("use crate::{other}::Thing;");
                if room == other {
                    clean(&path, &text);
                } else {
                    assert!(
                        broken(&path, &text).contains("siblings meet"),
                        "{room} {other}"
                    );
                }
            }
        }
        for room in ["vattp", "onion", "pacing", "directory"] {
            clean("rendezvous/mod.rs", &format!("use crate::{room}::Thing;"));
            let upward = broken(&format!("{room}/mod.rs"), "use crate::rendezvous::Thing;");
            assert!(upward.contains("go downward"), "{room}");
        }
        assert!(broken("sim/mod.rs", "use crate::net::Clock;").contains("`sim` sees only"));
        assert!(broken("face/mod.rs", "use crate::sim::World;").contains("`face` sees only"));
    }

    #[test]
    fn drivers_see_the_node_from_outside() {
        for path in ["sim/world.rs", "net/mod.rs", "face/tor.rs"] {
            for room in ["wire", "vattp", "onion", "pacing"] {
                let text = format!("use crate::{room}::Thing;");
                assert!(broken(path, &text).contains("sees only"), "{path} {room}");
            }
        }
        // Programs say who may have a ticket.
        let text = "use crate::rendezvous::Thing;";
        clean("net/mod.rs", text);
        for path in ["sim/world.rs", "face/tor.rs"] {
            assert!(broken(path, text).contains("sees only"), "{path}");
        }
    }

    #[test]
    fn tokio_is_for_net_face_and_binaries() {
        assert!(broken("node/mod.rs", "\n\nuse tokio::sync::mpsc;").starts_with("3: only net"));
        assert!(
            broken(
                "sim/mod.rs",
                "async fn f() { ::tokio::time::sleep(x).await }"
            )
            .len()
                > 9
        );
        assert!(broken("vattp/mod.rs", "#[tokio::test] async fn f() {}").contains("tokio"));
        assert!(broken("lib.rs", "pub use tokio_util::codec;").contains("tokio_util"));
        assert!(broken("id.rs", "extern crate tokio;").contains("tokio"));
        assert!(broken("id.rs", "use {std::fmt, tokio as t};").contains("tokio"));
    }

    #[test]
    fn no_way_of_writing_hides_a_path() {
        for text in [
            "use crate::{time::Instant, node::{Node}};".to_owned(),
            "use crate::node as n;".to_owned(),
            "use super::node::Node;".to_owned(),
            "use super::{node::Node};".to_owned(),
            "mod tests { use super::super::node::Node; }".to_owned(),
            "mod tests { mod deep { fn f() { super::super::super::node::f() } } }".to_owned(),
            "fn f(x: Vec<crate::node::Node>) {}".to_owned(),
            "fn f() { <crate::node::Node as X>::f() }".to_owned(),
            "macro_rules! m { () => { $crate::node::f() } }".to_owned(),
            "macro_rules! m { () => { use $crate::node::f; } }".to_owned(),
            "use pluribus_mix::node;".to_owned(),
            "fn f() -> impl X + use<'_> { crate::node::f() }".to_owned(),
            "use crate :: /* here */ node;".to_owned(),
            "use\n    crate::\n    node;".to_owned(),
        ] {
            assert!(
                broken("wire.rs", &text).contains("`wire` may not name `node`"),
                "{text}"
            );
        }
        assert!(broken("wire/a/b.rs", "use super::super::super::node;").contains("go downward"));
    }

    #[test]
    fn the_root_of_the_crate_is_no_way_around() {
        for text in [
            "use crate as x;",
            "use crate::*;",
            "use crate::{self as x};",
            "use super::*;",
        ] {
            assert!(
                broken("wire.rs", text).contains("names the whole crate"),
                "{text}"
            );
        }
        assert!(broken("wire.rs", "extern crate self as x;").contains("names the whole crate"));
        assert!(broken("wire.rs", "use crate::Node;").contains("`Node` is no room"));
    }

    #[test]
    fn what_is_no_path_is_let_be() {
        clean(
            "wire.rs",
            "// crate::node\n/// [`crate::node`]\nfn f() { x(\"crate::node::f\") }",
        );
        clean(
            "wire.rs",
            "pub(crate) fn f() -> impl X + use<'_> {} pub(in crate::wire) fn g() {}",
        );
        clean(
            "wire/read.rs",
            "use super::Reader; mod tests { use super::*; use super::super::x; }",
        );
        clean(
            "wire.rs",
            "fn f() { mod inner { use super::super::wire::X; } }",
        );
    }

    #[test]
    fn a_room_without_a_rank_is_refused() {
        assert!(broken("attic/mod.rs", "").contains("`attic` is not in the table"));
        assert!(broken("attic.rs", "use crate::wire;").contains("`attic` is not in the table"));
    }

    #[test]
    fn the_demo_sees_the_seam_only() {
        let main =
            "use pluribus_mix::{id::VatId, locator, net, netlayer, time}; use tokio::signal;";
        assert_eq!(rules(&layering::demo("main.rs", main)), []);
        assert_eq!(rules(&layering::demo("cli/serve.rs", main)), []);
        let sockets = "use tokio::net::TcpStream;";
        assert_eq!(rules(&layering::demo("netlayer/tcp.rs", sockets)), []);
        let seam = "use pluribus_mix::netlayer::Netlayer; use crate::captp::Op; use super::vat;";
        assert_eq!(rules(&layering::demo("captp/session.rs", seam)), []);
        let town = "use pluribus_mix::{directory, net, node, rendezvous}; use tokio::task;";
        assert_eq!(rules(&layering::demo("story/town.rs", town)), []);
        assert_eq!(rules(&layering::demo("soak/churn.rs", town)), []);
        for (path, text) in [
            ("vat.rs", "use pluribus_mix::net::Endpoint;"),
            ("story/town.rs", "use pluribus_mix::onion::Cell;"),
            ("soak/mod.rs", "use pluribus_mix::onion::Cell;"),
            ("main.rs", "use pluribus_mix::node::Node;"),
            ("vat.rs", "fn f(x: pluribus_mix::vattp::Pipe) {}"),
            ("vat.rs", "use pluribus_mix as mix;"),
            ("vat.rs", "use pluribus_mix::*;"),
            ("vat.rs", "use pluribus_mix::VatId;"),
            ("vat.rs", "use tokio::spawn;"),
            ("netlayer/mix.rs", "use pluribus_mix::net::Endpoint;"),
            ("netlayer/tcp.rs", "use pluribus_mix::net::Endpoint;"),
        ] {
            assert_eq!(layering::demo(path, text).len(), 1, "{path}: {text}");
        }
    }
}

#[test]
fn the_library_keeps_its_layers() {
    let files = pages("pluribus-mix/src", "rs").unwrap();
    assert!(!files.is_empty(), "nothing was read");
    let findings: Vec<Finding> = files
        .iter()
        .flat_map(|page| {
            let path = page.path.strip_prefix("pluribus-mix/src/").unwrap();
            layering::library(path, &page.text)
        })
        .collect();
    assert!(findings.is_empty(), "{}", listed(&findings));
}

#[test]
fn the_demo_keeps_to_the_seam() {
    let files = pages("vat-demo/src", "rs").unwrap();
    assert!(!files.is_empty(), "nothing was read");
    let findings: Vec<Finding> = files
        .iter()
        .flat_map(|page| {
            let path = page.path.strip_prefix("vat-demo/src/").unwrap();
            layering::demo(path, &page.text)
        })
        .collect();
    assert!(findings.is_empty(), "{}", listed(&findings));
}
