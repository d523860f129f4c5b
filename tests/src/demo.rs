//! The demo's people and records, as `tests/fixtures/demo/pb_migrations` seeds them.

/// Everybody's password.
pub const PASSWORD: &str = "1234567890";

/// The superuser, which is also the gateway's own.
pub const SUPERUSER: &str = "admin@example.com";

/// The header by which PocketBase takes the client's address from the gateway.
pub const FORWARDING_HEADER: &str = "X-Real-IP";

/// alice: a user who shows her e-mail address.
pub const ALICE: &str = "alice0000000000";
/// bob: a user.
pub const BOB: &str = "bob000000000000";
/// carol: a moderator.
pub const CAROL: &str = "carol0000000000";

/// Published, of alice; has a cover, and two comments.
pub const POST_OF_ALICE: &str = "post00000000100";
/// Published, of bob; has a comment of alice.
pub const POST_OF_BOB: &str = "post00000000300";
/// How many posts there are.
pub const POSTS: usize = 5;

/// By bob, on alice's post.
pub const COMMENT_OF_BOB: &str = "comment00000010";

/// The path of a collection's records.
#[must_use]
pub fn records(collection: &str) -> String {
    format!("/api/collections/{collection}/records")
}

/// The path of one record.
#[must_use]
pub fn record(collection: &str, id: &str) -> String {
    format!("/api/collections/{collection}/records/{id}")
}
