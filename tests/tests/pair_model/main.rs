//! The rule of `vattp/pair.rs`, explored exhaustively within bounds. README.md says what is checked and how far.

#[cfg(test)]
mod deeds;
#[cfg(test)]
mod explore;
#[cfg(test)]
mod parts;
#[cfg(test)]
mod rule;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod settle;
#[cfg(test)]
mod spoilt;
#[cfg(test)]
mod tell;
#[cfg(test)]
mod world;
