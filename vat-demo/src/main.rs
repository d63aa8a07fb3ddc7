//! Demo vats on pluribus-mix.
fn main() {}
