//! File descriptors: each connection is one, and systems begin with few.

use rustix::process::{Resource, getrlimit, setrlimit};

/// What is open besides connections of clients: those to PocketBase, logs, rules, the runtime's.
const OTHERS: u64 = 2_048;

/// Raises what this process may have open to what the system lets it have, and says so where that
/// is too little for so many connections.
pub fn raise(max_connections: usize) {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::warn!(%error, "cannot raise how many file descriptors there may be");
        }
    }
    // None: there is no limit.
    let most = getrlimit(Resource::Nofile).current;
    tracing::info!(descriptors = most, "file descriptors that there may be");
    if let Some(most) = most.filter(|most| is_too_little(*most, max_connections)) {
        tracing::warn!(
            descriptors = most,
            max_connections,
            "each connection is a file descriptor, and there may be fewer than server.max_connections asks for: beyond them clients wait; raise the hard limit (LimitNOFILE= of systemd, --ulimit nofile= of a container) or lower server.max_connections"
        );
    }
}

fn is_too_little(most: u64, max_connections: usize) -> bool {
    let needed = u64::try_from(max_connections).unwrap_or(u64::MAX);
    most < needed.saturating_add(OTHERS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_some_descriptors_for_others() {
        for (most, max_connections, expected) in [
            (1_024, 1, true),
            (12_047, 10_000, true),
            (12_048, 10_000, false),
            (u64::MAX, usize::MAX, false),
        ] {
            let found = is_too_little(most, max_connections);
            assert_eq!(found, expected, "{most} {max_connections}");
        }
    }

    #[test]
    fn the_limit_is_raised_to_the_hard_one() {
        raise(1);
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
    }
}
