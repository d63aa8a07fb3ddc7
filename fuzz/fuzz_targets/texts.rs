//! Text into names, locators and key files: no panic, and what parses is written as something that parses to the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pluribus_mix::id::{RelayId, VatId, keyfile};
use pluribus_mix::locator::{Address, Locator, Sturdyref};
use std::fmt::Display;
use std::str::FromStr;

fuzz_target!(|text: &str| {
    let text = text.to_owned();
    stable::<VatId>(&text);
    stable::<RelayId>(&text);
    stable::<Locator>(&text);
    stable::<Sturdyref>(&text);
    stable::<Address>(&text);
    let _ = keyfile::parse(text.as_bytes());
    let _ = keyfile::parse_incarnation(text.as_bytes());
});

/// Writing and reading again changes nothing more.
fn stable<T: FromStr + Display + PartialEq>(text: &str) {
    if let Ok(thing) = text.parse::<T>() {
        let written = thing.to_string();
        let again = written
            .parse::<T>()
            .ok()
            .expect("what is written can be read");
        assert!(again == thing);
        assert_eq!(again.to_string(), written);
    }
}
