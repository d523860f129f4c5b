//! Asks of WASI what a program asks of a system, prints, and denies with what it got.
//!
//! Compiled for `wasm32-wasip2` that goes through Rust's standard library; for any other WebAssembly
//! the same is imported by hand.

#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
mod by_hand;
#[cfg(not(all(target_family = "wasm", not(target_os = "wasi"))))]
mod by_std;

use hapta_rule::{Denial, Hook, Manifest, Request, Rule, SettingsError, Verdict, json};
use serde::Deserialize;

#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use by_hand as system;
#[cfg(not(all(target_family = "wasm", not(target_os = "wasi"))))]
use by_std as system;

/// What to do, and when.
#[derive(Deserialize)]
struct Wasip2 {
    /// Deny in `before` with what was found: the time in milliseconds since 1970, two random
    /// numbers, how many arguments and variables of the environment there are, and whether the root
    /// folder can be listed. Without this everything passes.
    #[serde(default)]
    tell: bool,
    /// Ask for the time in `configure`.
    #[serde(default)]
    clock: bool,
    /// Ask for randomness in `configure`.
    #[serde(default)]
    random: bool,
    /// Ask for the time in `before`, and for nothing else, for ever.
    #[serde(default)]
    spin: bool,
    /// Lines to print to each of the two outputs; one if nothing is said.
    #[serde(default = "one")]
    lines: u32,
}

fn one() -> u32 {
    1
}

impl Rule for Wasip2 {
    type Settings = Self;

    fn configure(settings: Self) -> Result<Self, SettingsError> {
        if settings.clock {
            std::hint::black_box(system::now());
        }
        if settings.random {
            std::hint::black_box(system::random());
        }
        Ok(settings)
    }

    fn manifest(&self) -> Manifest {
        Manifest::hooks([Hook::Before])
    }

    fn before(&self, _request: &Request) -> Verdict {
        if self.spin {
            loop {
                std::hint::black_box(system::now());
            }
        }
        if !self.tell {
            return Ok(());
        }
        for _ in 0..self.lines {
            system::print("printed by a guest of WASI");
            system::print_error("printed as an error by a guest of WASI");
        }
        let seen = json!({
            "now": system::now(),
            "random": [system::random().to_string(), system::random().to_string()],
            "arguments": system::arguments(),
            "environment": system::environment(),
            "files": system::files(),
        });
        Err(Denial::new(418, "wasi_seen", seen.to_string()))
    }
}

hapta_rule::export!(Wasip2);
