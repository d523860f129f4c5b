//! Never returns: the deadline must end it.

#[path = "../../moment.rs"]
mod moment;

hapta_rule::export!(moment::Misbehaving);

/// Does something, for ever.
fn misbehave() {
    let mut turns = 0_u64;
    loop {
        turns = std::hint::black_box(turns.wrapping_add(1));
    }
}
