//! Chapter 9, clause by clause: what it says, and what is refused with which words.

mod authority;
mod consensus;
mod documents;
mod guards;
mod paths;
mod policy;
mod rig;
