//! Calls itself until the stack is full: the stack's bound must end it.

#[path = "../../moment.rs"]
mod moment;

hapta_rule::export!(moment::Misbehaving);

/// Calls itself about as often as there are numbers.
fn misbehave() {
    std::hint::black_box(dive(std::hint::black_box(0)));
}

/// Not to be made a loop of: what remains to be done after the call depends on its answer twice.
/// It keeps nothing in linear memory, so it is the stack of calls that gets full.
#[inline(never)]
fn dive(depth: u64) -> u64 {
    if depth == u64::MAX {
        return depth;
    }
    let below = dive(depth + 1);
    below.wrapping_mul(depth) ^ below.rotate_left(7)
}
