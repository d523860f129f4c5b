//! Limits as somebody meets them, whatever comes when.

use std::net::Ipv4Addr;

use proptest::prelude::*;
use tokio::time::Instant;

use super::*;

fn rate(limit: u32, every: u64) -> Rate {
    Rate {
        limit: NonZeroU32::new(limit).unwrap(),
        every: Duration::from_secs(every),
        max_uses: 0,
        ban_for: Duration::from_mins(1),
    }
}

fn settings(own: Rate) -> Settings {
    let generous = rate(1_000_000, 1);
    Settings {
        mode: Mode::On,
        classes: Class::ALL.map(|class| (class, own)).into(),
        collections: BTreeMap::new(),
        account: generous,
        address: generous,
        bad_token: generous,
        running: 2,
        keys: 1_000,
    }
}

fn who(number: u32) -> Subject {
    Subject::of_address(Ipv4Addr::from_bits(number).into())
}

const LIST: Asked<'_> = Asked::Operation(Class::List, None);

fn list(limits: &Limits, number: u32) -> Result<Standing, LimitError> {
    limits.admit(who(number), LIST).map(Option::unwrap)
}

fn noted(refused: Result<Option<Standing>, LimitError>) -> Noted {
    match refused {
        Err(LimitError::Limited { noted, .. }) => noted,
        other => panic!("{other:?}"),
    }
}

/// Runs it with a clock that goes on only when it is told to.
fn with_paused_clock(run: impl Future<Output = ()>) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(run);
}

async fn after(wait: Duration) {
    tokio::time::advance(wait).await;
}

/// The most moments in any stretch of `every`, its end left out.
fn most_within(moments: &[Instant], every: Duration) -> usize {
    let of = |first: &Instant| {
        let within = |moment: &&Instant| *moment >= first && **moment < *first + every;
        moments.iter().filter(within).count()
    };
    moments.iter().map(of).max().unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn no_stretch_of_time_has_more_than_the_limit(
        limit in 1_u32..30,
        every in 1_u64..20,
        // Of a millionth part of the time, so that some come together and some far apart.
        gaps in prop::collection::vec(prop_oneof![
            Just(0_u32), 1_u32..50, 1_u32..100_000, 1_u32..1_500_000,
        ], 1..300),
    ) {
        with_paused_clock(async {
            let limits = Limits::new(&settings(rate(limit, every)));
            let every = Duration::from_secs(every);
            let mut admitted = Vec::new();
            for gap in gaps {
                after(every / 1_000_000 * gap).await;
                if list(&limits, 1).is_ok() {
                    admitted.push(Instant::now());
                }
            }
            let most = most_within(&admitted, every);
            assert!(most <= usize::try_from(limit).unwrap(), "{most} of {limit}");
        });
    }

    #[test]
    fn who_waits_as_long_as_told_gets_through_each_time(
        limit in 1_u32..30,
        every in 1_u64..20,
        asks in prop::collection::vec(0_u32..40, 1..20),
    ) {
        with_paused_clock(async {
            let limits = Limits::new(&settings(rate(limit, every)));
            let mut waited = Duration::ZERO;
            for more in asks {
                for _ in 0..more {
                    let Err(refused) = list(&limits, 1) else { continue };
                    assert!(refused.wait() > Duration::ZERO);
                    after(refused.wait()).await;
                    waited += refused.wait();
                    assert!(list(&limits, 1).is_ok());
                }
            }
            // Nobody waits longer for one than half of the limit needs.
            let standing = list(&limits, 2).unwrap();
            let longest = Duration::from_secs(every) / (limit / 2 + 1) + Duration::from_nanos(1);
            assert!(standing.after <= longest, "{:?}", standing.after);
        });
    }

    #[test]
    fn many_keys_get_nobody_more_than_his_limit(
        limit in 1_u32..6,
        keys in 1_usize..5,
        steps in prop::collection::vec((0_u32..8, prop_oneof![
            Just(0_u32), 1_u32..50_000, 1_u32..1_200_000,
        ], any::<bool>()), 1..300),
    ) {
        with_paused_clock(async {
            let every = Duration::from_secs(10);
            let limits = Limits::new(&Settings { keys, ..settings(rate(limit, 10)) });
            let mut admitted: BTreeMap<u32, Vec<Instant>> = BTreeMap::new();
            for (number, gap, sweeps) in steps {
                after(every / 1_000_000 * gap).await;
                if sweeps {
                    limits.sweep();
                }
                if list(&limits, number).is_ok() {
                    admitted.entry(number).or_default().push(Instant::now());
                }
                assert!(limits.counts().keys <= keys);
            }
            for moments in admitted.values() {
                assert!(most_within(moments, every) <= usize::try_from(limit).unwrap());
            }
        });
    }
}

#[tokio::test(start_paused = true)]
async fn half_at_once_and_then_steadily() {
    let limits = Limits::new(&settings(rate(600, 60)));
    for left in (0..300).rev() {
        let standing = list(&limits, 1).unwrap();
        assert_eq!(standing.left, left);
        assert_eq!(
            *standing.policy,
            Policy {
                name: "list".to_owned(),
                limit: 600,
                every: Duration::from_mins(1),
            }
        );
    }
    let refused = list(&limits, 1).unwrap_err();
    assert_eq!(whole_seconds(refused.wait()), 1);
    assert_eq!(
        refused.to_string(),
        "the limit \"list\" of 600 in 60 s is reached; try again in 1 s"
    );
    // Others, and other classes, are no worse for it.
    list(&limits, 2).unwrap();
    let view = Asked::Operation(Class::View, None);
    limits.admit(who(1), view).unwrap();
    let mut more = 0;
    for _ in 0..60_000 {
        after(Duration::from_millis(1)).await;
        more += u32::from(list(&limits, 1).is_ok());
    }
    assert!((299..=301).contains(&more), "{more}");
}

#[tokio::test(start_paused = true)]
async fn a_collection_of_its_own_limit_is_counted_apart() {
    let mut settings = settings(rate(2, 60));
    let own = BTreeMap::from([(Class::List, rate(6, 60))]);
    settings.collections.insert("posts".to_owned(), own);
    let limits = Limits::new(&settings);
    let posts = Asked::Operation(Class::List, Some("posts"));
    let mut told = None;
    while let Ok(standing) = limits.admit(who(1), posts) {
        told = standing;
    }
    let told = told.unwrap();
    assert_eq!(
        (told.policy.name.as_str(), told.policy.limit),
        ("posts:list", 6)
    );
    // All others are one.
    let users = Asked::Operation(Class::List, Some("users"));
    assert!(limits.admit(who(1), users).is_ok() && list(&limits, 1).is_err());
}

#[tokio::test(start_paused = true)]
async fn who_is_refused_too_often_is_kept_out_for_a_while() {
    let strict = Rate {
        max_uses: 3,
        ..rate(1, 10)
    };
    let limits = Limits::new(&settings(strict));
    list(&limits, 1).unwrap();
    let refused: Vec<_> = (0..3).map(|_| noted(limits.admit(who(1), LIST))).collect();
    assert_eq!(refused, [Noted::First, Noted::Again, Noted::Banned]);
    assert!(limits.check(who(2)).is_ok());
    after(Duration::from_secs(59)).await;
    limits.sweep();
    let banned = limits.check(who(1)).unwrap_err();
    assert_eq!(banned, LimitError::Banned(Duration::from_secs(1)));
    after(Duration::from_secs(1)).await;
    assert!(limits.check(who(1)).is_ok() && list(&limits, 1).is_ok());
    // Refusals far apart are not too many.
    for _ in 0..20 {
        after(Duration::from_millis(9_999)).await;
        assert_ne!(noted(limits.admit(who(1), LIST)), Noted::Banned);
        after(Duration::from_millis(1)).await;
        list(&limits, 1).unwrap();
    }
    assert_eq!(limits.counts().banned, 1);
}

#[tokio::test(start_paused = true)]
async fn an_account_is_limited_and_who_tries_it_is_kept_out() {
    let account = Rate {
        max_uses: 2,
        ..rate(1, 10)
    };
    let limits = Limits::new(&Settings {
        account,
        ..settings(rate(100, 1))
    });
    let alice = Asked::Account(limits.account("c", "alice@example.com"));
    let bob = Asked::Account(limits.account("c", "bob@example.com"));
    limits.admit(who(1), alice).unwrap();
    // From wherever it is tried.
    assert_eq!(noted(limits.admit(who(2), alice)), Noted::First);
    assert_eq!(noted(limits.admit(who(1), alice)), Noted::Again);
    limits.admit(who(3), bob).unwrap();
    assert_eq!(noted(limits.admit(who(1), alice)), Noted::Banned);
    assert!(limits.check(who(2)).is_ok());
    after(Duration::from_secs(10)).await;
    limits.admit(who(2), alice).unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_stays_as_it_is_goes_on_and_what_changes_begins_anew() {
    let mut settings = settings(rate(1, 60));
    let limits = Limits::new(&settings);
    let view = Asked::Operation(Class::View, None);
    list(&limits, 1).unwrap();
    limits.admit(who(1), view).unwrap();
    settings.classes.insert(Class::View, rate(3, 60));
    settings.running = 1;
    limits.follow(&settings);
    assert!(list(&limits, 1).is_err());
    assert_eq!(limits.admit(who(1), view).unwrap().unwrap().left, 1);
    let _one = limits.enter(who(1)).unwrap();
    assert!(limits.enter(who(1)).is_err());
    settings.mode = Mode::Off;
    limits.follow(&settings);
    assert_eq!(limits.admit(who(1), LIST), Ok(None));
    assert!(limits.enter(who(1)).unwrap().is_none());
    settings.mode = Mode::On;
    limits.follow(&settings);
    assert!(list(&limits, 1).is_err(), "it is still that minute");
}

#[tokio::test(start_paused = true)]
async fn with_limits_off_nobody_is_kept_out() {
    let strict = Rate {
        max_uses: 1,
        ..rate(1, 10)
    };
    let mut settings = settings(strict);
    let limits = Limits::new(&settings);
    list(&limits, 1).unwrap();
    assert_eq!(noted(limits.admit(who(1), LIST)), Noted::Banned);
    settings.mode = Mode::Off;
    limits.follow(&settings);
    assert!(limits.check(who(1)).is_ok());
    assert_eq!(limits.counts().bans, 0);
}

#[test]
fn so_many_at_once_and_a_place_is_given_back() {
    let limits = Limits::new(&settings(rate(1, 1)));
    let one = limits.enter(who(1)).unwrap();
    let two = limits.enter(who(1)).unwrap();
    assert_eq!(limits.enter(who(1)).unwrap_err(), LimitError::Running(2));
    let other = limits.enter(who(2)).unwrap();
    drop(one);
    let again = limits.enter(who(1)).unwrap();
    assert_eq!(limits.counts().running, 1);
    drop((two, again, other));
    assert!(limits.running().is_empty());
}

#[test]
fn many_at_the_same_moment_are_counted_one_by_one() {
    let limits = Limits::new(&settings(rate(100, 3_600)));
    let admitted = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..200 {
                    let is_admitted = usize::from(list(&limits, 1).is_ok());
                    admitted.fetch_add(is_admitted, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(admitted.into_inner(), 50);
    let counts = limits.counts();
    assert_eq!(counts.decisions[0], [50, 1_550]);
}

#[test]
fn every_limit_has_its_word_and_its_place() {
    let words: std::collections::BTreeSet<_> = Kind::ALL.map(Kind::as_str).into();
    assert_eq!(words.len(), Kind::ALL.len());
    for class in Class::ALL {
        assert!(Kind::ALL.contains(&Kind::Class(class)));
        let word = serde_json::Value::from(class.as_str());
        assert_eq!(serde_json::from_value::<Class>(word).unwrap(), class);
    }
}

const AT: std::net::IpAddr = std::net::IpAddr::V4(Ipv4Addr::LOCALHOST);

fn ask(limits: &Arc<Limits>) -> Result<Turn, LimitError> {
    limits.question(AT, Duration::ZERO)
}

fn asked(limits: &Arc<Limits>) -> Question {
    match ask(limits) {
        Ok(Turn::Now(question)) => question,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn questions_about_good_tokens_count_for_nothing_and_those_about_bad_ones_do() {
    let mut settings = settings(rate(10, 1));
    settings.bad_token = rate(4, 60);
    let limits = Limits::new(&settings);
    for _ in 0..100 {
        asked(&limits).give_back();
    }
    // As many at once as are left, whoever gives back later.
    let (first, second) = (asked(&limits), asked(&limits));
    assert!(matches!(ask(&limits), Ok(Turn::Later)));
    let waited = limits.question(AT, Duration::from_secs(2));
    assert!(matches!(waited, Err(LimitError::Limited { .. })));
    first.give_back();
    let third = asked(&limits);
    drop((second, third));
    assert!(matches!(ask(&limits), Err(LimitError::Limited { .. })));
    // Nobody else is meant.
    assert!(limits.check(limits.at(AT)).is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_came_again_by_itself_is_not_given_back_as_well() {
    let mut settings = settings(rate(10, 1));
    settings.bad_token = rate(2, 60);
    let limits = Limits::new(&settings);
    let slow = asked(&limits);
    after(Duration::from_secs(31)).await;
    drop(asked(&limits));
    slow.give_back();
    assert!(matches!(ask(&limits), Err(LimitError::Limited { .. })));
}
