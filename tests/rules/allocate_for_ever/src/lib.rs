//! Takes memory until there is none: the bound on memory must end it.

#[path = "../../moment.rs"]
mod moment;

hapta_rule::export!(moment::Misbehaving);

const MEBIBYTE: usize = 1024 * 1024;

/// Takes memory, and touches all of it.
fn misbehave() {
    let mut taken = Vec::new();
    loop {
        taken.push(vec![1_u8; MEBIBYTE]);
        std::hint::black_box(&taken);
    }
}
