//! The leak test.
#![allow(dead_code)]
mod features;
mod learn;
mod questions;
mod run;
mod stats;
#[cfg(test)]
mod synthetic;
mod trace;
