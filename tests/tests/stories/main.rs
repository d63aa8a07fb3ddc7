//! Stories in the simulated world: what the specification promises, as an attacker, a peer or a runtime sees it.
//!
//! Each file tells of one behaviour. Where a story says that something cannot be done or cannot be seen, a control beside
//! it shows that the story would notice: the same deed with what the attacker lacks, or with the bound taken away.

#[cfg(test)]
mod kit;
#[cfg(test)]
mod mixkit;
#[cfg(test)]
mod rogue;
#[cfg(test)]
mod stranger;

#[cfg(test)]
#[path = "../../../vat-demo/tests/common/model.rs"]
mod model;

#[cfg(test)]
mod anything;
#[cfg(test)]
mod bounds;
#[cfg(test)]
mod circuits;
#[cfg(test)]
mod clocks;
#[cfg(test)]
mod crossing;
#[cfg(test)]
mod ends;
#[cfg(test)]
mod flood;
#[cfg(test)]
mod handoffs;
#[cfg(test)]
mod hostile_link;
#[cfg(test)]
mod hostile_relay;
#[cfg(test)]
mod impostor;
#[cfg(test)]
mod kills;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod listed;
#[cfg(test)]
mod loss;
#[cfg(test)]
mod meeting;
#[cfg(test)]
mod paced;
#[cfg(test)]
mod prober;
#[cfg(test)]
mod reasons;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod resume;
#[cfg(test)]
mod sameness;
#[cfg(test)]
mod squatter;
#[cfg(test)]
mod texts;
#[cfg(test)]
mod timing;
#[cfg(test)]
mod vats;
#[cfg(test)]
mod watcher;
#[cfg(test)]
mod weather;
#[cfg(test)]
mod who_knows;
