//! How many classes and lines there are, and that nothing is left of them.

use super::*;
use crate::realtime::line::TOPICS;
use crate::realtime::tests::{listener, most, outbox, record, settings, want};
use crate::realtime::{Realtime, lock};

const BOTH: [Mode; 2] = [Mode::Classes, Mode::Feed];

fn realtime(mode: Mode, lines: usize) -> Realtime {
    Realtime::new(settings(), mode, most(lines))
}

fn join(
    realtime: &Realtime,
    identity: Identity,
    spelling: &str,
) -> Result<Membership, RealtimeError> {
    realtime.join(&listener(identity), want(spelling), &outbox())
}

#[track_caller]
fn counts(realtime: &Realtime, classes: usize, lines: usize, people: usize) {
    let expected = HubCounts {
        classes,
        lines,
        people,
    };
    assert_eq!(realtime.hub_counts(), expected);
}

/// That nobody is left, and no line goes on.
#[track_caller]
fn leaves_nothing(realtime: &Realtime, lines: &[Arc<Line>]) {
    counts(realtime, 0, 0, 0);
    for line in lines {
        assert!(line.has_ended() && line.topics().is_empty());
        assert_eq!(Arc::strong_count(line), 1, "a line is held");
    }
    let hub = lock(&realtime.hub);
    assert!(hub.people.is_empty() && hub.lines.is_empty() && hub.gateway.is_none());
}

#[test]
fn what_nobody_needs_is_gone_with_the_last_who_did() {
    for (mode, lines) in [(Mode::Classes, 3), (Mode::Feed, 1)] {
        let realtime = realtime(mode, 9);
        let alice = || record("alice");
        let first = join(&realtime, alice(), "notes/*").unwrap();
        let second = join(&realtime, alice(), "notes/a").unwrap();
        let third = join(&realtime, alice(), "notes/a").unwrap();
        let guest = join(&realtime, Identity::Guest, "notes/*").unwrap();
        counts(&realtime, 3, lines, 2);
        let begun = realtime.take_begun();
        assert_eq!(begun.len(), lines);
        assert!(realtime.take_begun().is_empty(), "each is run once");
        drop(second);
        counts(&realtime, 3, lines, 2);
        drop(third);
        counts(&realtime, 2, lines, 2);
        assert!(realtime.person(&alice()).is_some());
        drop(first);
        counts(&realtime, 1, 1, 1);
        assert!(realtime.person(&alice()).is_none() && realtime.people().is_empty());
        // Nobody's account is watched any more.
        assert!(!begun.iter().any(|line| line.watches_people("users/*")));
        drop(guest);
        leaves_nothing(&realtime, &begun);
        // What comes after that is on lines of its own.
        let again = join(&realtime, alice(), "notes/*").unwrap();
        assert!(realtime.take_begun().iter().all(|line| !line.has_ended()));
        drop(again);
    }
}

#[test]
fn accounts_of_those_who_listen_are_watched_and_no_others() {
    for mode in BOTH {
        let realtime = realtime(mode, 9);
        let guest = join(&realtime, Identity::Guest, "notes/*").unwrap();
        let of_gateway = |realtime: &Realtime| lock(&realtime.hub).gateway.clone();
        let watched = |realtime: &Realtime| {
            let line = of_gateway(realtime);
            line.is_some_and(|line| line.watches_people("users/*"))
        };
        assert!(!watched(&realtime), "a guest has none");
        assert_eq!(of_gateway(&realtime).is_some(), mode == Mode::Feed);
        let people = ["alice", "bob"].map(|id| join(&realtime, record(id), "notes/*").unwrap());
        let more = join(&realtime, record("bob"), "users/*").unwrap();
        assert!(watched(&realtime));
        let [alice, bob] = people;
        drop(alice);
        drop(bob);
        assert!(watched(&realtime), "bob listens to something else");
        drop(more);
        assert!(!watched(&realtime));
        drop(guest);
        counts(&realtime, 0, 0, 0);
    }
}

#[test]
fn a_line_too_many_is_refused_and_leaves_nothing_behind() {
    // With a line for guests there is room for one of the two that alice needs.
    let realtime = realtime(Mode::Classes, 2);
    let guest = join(&realtime, Identity::Guest, "notes/*").unwrap();
    let begun = realtime.take_begun();
    assert_eq!(begun.len(), 1);
    for _ in 0..3 {
        let refused = join(&realtime, record("alice"), "notes/*");
        assert_eq!(refused.err(), Some(RealtimeError::Lines));
        counts(&realtime, 1, 1, 1);
        assert!(realtime.take_begun().is_empty());
        assert!(realtime.person(&record("alice")).is_none());
        assert!(lock(&realtime.hub).gateway.is_none());
    }
    // Whoever needs no more of them is not concerned.
    let more = join(&realtime, Identity::Guest, "notes/a").unwrap();
    drop((guest, more));
    leaves_nothing(&realtime, &begun);
    let alice = join(&realtime, record("alice"), "notes/*").unwrap();
    counts(&realtime, 1, 2, 1);
    let refused = join(&realtime, Identity::Guest, "notes/*");
    assert_eq!(refused.err(), Some(RealtimeError::Lines));
    counts(&realtime, 1, 2, 1);
    drop(alice);
    counts(&realtime, 0, 0, 0);
    // For everybody's sake there is one.
    let realtime = Realtime::new(settings(), Mode::Feed, most(1));
    let all = [Identity::Guest, record("alice"), record("bob")];
    let all = all.map(|identity| join(&realtime, identity, "notes/*").unwrap());
    counts(&realtime, 3, 1, 3);
    drop(all);
    counts(&realtime, 0, 0, 0);
}

#[test]
fn with_more_topics_than_a_line_takes_guests_have_another() {
    let realtime = realtime(Mode::Classes, 2);
    let mut members: Vec<_> = (0..2 * TOPICS)
        .map(|number| join(&realtime, Identity::Guest, &format!("notes/n{number}")).unwrap())
        .collect();
    counts(&realtime, 2 * TOPICS, 2, 1);
    let begun = realtime.take_begun();
    let topics = || begun.iter().map(|line| line.topics().len());
    assert!(topics().eq([TOPICS, TOPICS]));
    let refused = join(&realtime, Identity::Guest, "notes/*");
    assert_eq!(refused.err(), Some(RealtimeError::Lines));
    counts(&realtime, 2 * TOPICS, 2, 1);
    // Of what is there already there may be as many as like.
    let same = join(&realtime, Identity::Guest, "notes/n0").unwrap();
    drop(same);
    // Room is where it is, on whichever line.
    members.remove(0);
    members.push(join(&realtime, Identity::Guest, "notes/*").unwrap());
    assert!(topics().eq([TOPICS, TOPICS]));
    // A line of which all went ends; the other goes on.
    let others = members.split_off(TOPICS - 1);
    drop(members);
    counts(&realtime, TOPICS + 1, 2, 1);
    drop(others);
    leaves_nothing(&realtime, &begun);
}

#[test]
fn in_a_feed_a_collection_is_watched_once() {
    let realtime = realtime(Mode::Feed, 1);
    let topics = ["notes/*", "NOTES/*", "notes/a", "notes", "plain/*"];
    let members = topics.map(|topic| join(&realtime, Identity::Guest, topic).unwrap());
    let [line] = &*realtime.take_begun() else {
        panic!("not one line");
    };
    assert!(matches!(line.ear, Ear::Gateway));
    let mut topics = line.topics();
    topics.sort();
    assert_eq!(topics, ["notes/*", "plain/*"].map(Arc::from));
    assert_eq!(line.classes("notes/*").len(), 2);
    drop(members);
    counts(&realtime, 0, 0, 0);
}

#[test]
fn all_that_somebody_listens_to_is_of_one_person() {
    let realtime = realtime(Mode::Classes, 9);
    let alice = || record("alice");
    let members = ["notes/*", "notes/a"].map(|topic| join(&realtime, alice(), topic).unwrap());
    let [first, second] = &members;
    assert!(Arc::ptr_eq(&first.class().person, &second.class().person));
    let people = realtime.people();
    assert_eq!(people.len(), 1);
    assert!(Arc::ptr_eq(&people[0], &first.class().person));
}
