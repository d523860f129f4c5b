//! File tokens in and out of their bounds.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

const MINUTE: Duration = Duration::from_mins(1);

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn key(number: usize) -> Key {
    Key::of(&Token::new(&format!("file token {number}")))
}

fn of(who: &str, ends: SystemTime) -> FileToken {
    FileToken {
        holder: Holder {
            collection: "users".to_owned(),
            id: who.to_owned(),
        },
        ends,
        login: Token::new(who),
        inner: None,
    }
}

fn login(tokens: &FileTokens, number: usize, now: SystemTime) -> Option<String> {
    let login = tokens.login(&key(number), now);
    login.map(|token| token.expose().to_owned())
}

#[test]
fn a_token_leads_to_its_login_until_it_ends() {
    let tokens = FileTokens::new(10);
    tokens.put(key(1), of("alice", at(60)), at(0)).unwrap();
    assert_eq!(login(&tokens, 1, at(59)).as_deref(), Some("alice"));
    assert_eq!(login(&tokens, 2, at(59)), None);
    assert_eq!(tokens.counts(at(59)).held, 1);
    assert_eq!(login(&tokens, 1, at(60)), None);
    assert_eq!(tokens.counts(at(60)), FileTokenCounts::default());
}

#[test]
fn of_one_record_the_newest_stay() {
    let tokens = FileTokens::new(1000);
    for number in 0..=MOST_OF_ONE {
        tokens.put(key(number), of("alice", at(60)), at(0)).unwrap();
    }
    assert_eq!(login(&tokens, 0, at(0)), None);
    assert!(login(&tokens, 1, at(0)).is_some());
    assert!(login(&tokens, MOST_OF_ONE, at(0)).is_some());
    let expected = FileTokenCounts {
        held: MOST_OF_ONE,
        refused: 0,
        displaced: 1,
    };
    assert_eq!(tokens.counts(at(0)), expected);
}

#[test]
fn where_there_is_no_room_nobody_loses_what_he_has() {
    let tokens = FileTokens::new(2);
    tokens.put(key(1), of("alice", at(60)), at(0)).unwrap();
    tokens.put(key(2), of("bob", at(90)), at(0)).unwrap();
    let refused = tokens.put(key(3), of("carol", at(90)), at(0));
    assert!(matches!(refused, Err(SessionError::Full)));
    assert_eq!(tokens.counts(at(0)).refused, 1);
    assert!(login(&tokens, 1, at(0)).is_some() && login(&tokens, 2, at(0)).is_some());
    // The same one again takes no room, and what ended gives its own back.
    tokens.put(key(2), of("bob", at(90)), at(0)).unwrap();
    tokens.put(key(3), of("carol", at(90)), at(60)).unwrap();
    assert_eq!(tokens.counts(at(60)).held, 2);
}

proptest! {
    #[test]
    fn the_three_ways_to_a_token_tell_the_same(steps in proptest::collection::vec((0..6_usize, 0..3_u8, 1..4_u64, 0..8_u8), 0..60)) {
        let tokens = FileTokens::new(4);
        let mut now = at(0);
        for (number, who, ends, what) in steps {
            match what {
                0 => drop(tokens.login(&key(number), now)),
                1 => now += MINUTE,
                _ => drop(tokens.put(key(number), of(&who.to_string(), now + MINUTE * u32::try_from(ends).unwrap()), now)),
            }
            let issued = tokens.lock();
            prop_assert!(issued.by_key.len() <= 4);
            let by_holder: usize = issued.by_holder.values().map(VecDeque::len).sum();
            prop_assert_eq!(issued.by_key.len(), by_holder);
            prop_assert_eq!(issued.by_key.len(), issued.by_end.len());
            for (key, token) in &issued.by_key {
                prop_assert!(issued.by_end.contains(&(token.ends, *key)));
                prop_assert!(issued.by_holder[&token.holder].contains(key));
            }
        }
    }
}
