//! Panics, which is a trap: it must deny.

#[path = "../../moment.rs"]
mod moment;

hapta_rule::export!(moment::Misbehaving);

/// Fails as a rule with a mistake in it would.
fn misbehave() {
    let nothing: Option<u8> = std::hint::black_box(None);
    nothing.expect("this rule traps");
}
