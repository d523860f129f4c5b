//! Honest clients are never locked out, whatever gets lost; thieves always are.

use proptest::prelude::*;

use super::*;

const GRACE: u64 = 30_000;

fn at(now: u64) -> Clock {
    Clock { now, grace: GRACE }
}

fn chain() -> Chain {
    Chain::new(0, 1_000)
}

/// The number of the token that a refresh gave.
#[track_caller]
fn rolled(chain: &mut Chain, number: u32, now: u64) -> u32 {
    let rolled = chain.roll(number, 1_000, at(now));
    assert!(matches!(rolled, Rolled::Next | Rolled::Again), "{rolled:?}");
    chain.newest
}

#[test]
fn a_token_outlives_its_successors_first_use_by_the_grace() {
    let mut chain = chain();
    assert_eq!(chain.show(0, at(0)), Standing::First);
    assert_eq!(rolled(&mut chain, 0, 10), 1);
    // As long as nobody has used the successor.
    assert_eq!(chain.show(0, at(10_000_000)), Standing::Good);
    assert_eq!(chain.show(1, at(20_000_000)), Standing::First);
    assert_eq!(chain.show(1, at(20_000_001)), Standing::Good);
    assert_eq!(chain.show(0, at(20_000_000 + GRACE - 1)), Standing::Good);
    assert_eq!(chain.show(0, at(20_000_000 + GRACE)), Standing::Reused);
}

#[test]
fn a_lost_answer_and_parallel_refreshes_lead_to_the_same_successor() {
    let mut chain = chain();
    assert_eq!(chain.roll(0, 1_000, at(0)), Rolled::Next);
    for now in [1, 50_000, 90_000_000] {
        assert_eq!(chain.roll(0, 2_000, at(now)), Rolled::Again);
        assert_eq!((chain.newest, chain.expires), (1, 1_000));
    }
    // Also a moment after the first of them has used it.
    chain.show(1, at(100));
    assert_eq!(chain.roll(0, 2_000, at(200)), Rolled::Again);
    assert_eq!(chain.roll(0, 2_000, at(100 + GRACE)), Rolled::Reused);
}

#[test]
fn a_refresh_is_a_use() {
    let mut chain = chain();
    rolled(&mut chain, 0, 0);
    rolled(&mut chain, 1, 100);
    assert_eq!(chain.show(0, at(99 + GRACE)), Standing::Good);
    assert_eq!(chain.show(0, at(100 + GRACE)), Standing::Reused);
    assert_eq!(chain.show(1, at(100 + GRACE)), Standing::Good);
}

#[test]
fn whoever_refreshes_without_end_is_given_the_same() {
    let mut chain = chain();
    for number in 0..100 {
        let newest = chain.newest;
        rolled(&mut chain, newest, number);
        assert!(chain.retired.len() <= MOST_RETIRED);
    }
    assert_eq!(chain.newest, 8);
    let newest = chain.newest;
    assert_eq!(rolled(&mut chain, newest, 200 + GRACE), 9);
}

#[test]
fn what_was_never_made_is_no_theft() {
    assert_eq!(chain().show(1, at(0)), Standing::Unknown);
    assert_eq!(chain().roll(1, 1, at(0)), Rolled::Unknown);
}

/// What an honest client does; a message takes less than half the grace.
#[derive(Clone, Debug)]
enum Step {
    /// Time goes by.
    Wait(u64),
    /// Shows what it holds, in a message that takes so long.
    Use(u64),
    /// Asks so many times at once for a successor; of the answers those arrive that say so,
    /// after so long. Nothing else is asked for meanwhile, but what it holds is used.
    Refresh(Vec<(u64, Option<u64>)>),
}

/// Ways of at most a third of the grace.
fn way() -> impl Strategy<Value = u64> {
    0..GRACE / 3
}

fn step() -> impl Strategy<Value = Step> {
    let answer = (way(), proptest::option::of(way()));
    prop_oneof![
        (0..GRACE * 3).prop_map(Step::Wait),
        way().prop_map(Step::Use),
        proptest::collection::vec(answer, 1..4).prop_map(Step::Refresh),
    ]
}

/// What arrives at the gateway, or at the client, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Message {
    Shown(u32),
    /// Which token, and how long the answer takes; none: it gets lost.
    Refresh(u32, Option<u64>),
    Answer(u32),
}

/// A client and the messages that are under way.
struct Play {
    chain: Chain,
    now: u64,
    holds: u32,
    under_way: Vec<(u64, Message)>,
}

impl Play {
    fn new() -> Self {
        Self {
            chain: chain(),
            now: 0,
            holds: 0,
            under_way: Vec::new(),
        }
    }

    fn send(&mut self, way: u64, message: Message) {
        self.under_way.push((self.now + way, message));
    }

    /// Lets all arrive that does until then.
    fn until(&mut self, then: u64) -> Result<(), TestCaseError> {
        loop {
            self.under_way.sort_unstable();
            let Some((when, message)) = self.under_way.first().copied() else {
                break;
            };
            if when > then {
                break;
            }
            self.under_way.remove(0);
            self.now = when;
            match message {
                Message::Shown(number) => {
                    let standing = self.chain.show(number, at(when));
                    let is_good = matches!(standing, Standing::First | Standing::Good);
                    prop_assert!(
                        is_good,
                        "{standing:?} of {number} at {when}: {:?}",
                        self.chain
                    );
                }
                Message::Refresh(number, answer) => {
                    let rolled = self.chain.roll(number, when / 1_000 + 1_000, at(when));
                    let is_good = matches!(rolled, Rolled::Next | Rolled::Again);
                    prop_assert!(
                        is_good,
                        "{rolled:?} of {number} at {when}: {:?}",
                        self.chain
                    );
                    if let Some(way) = answer {
                        let newest = self.chain.newest;
                        self.send(way, Message::Answer(newest));
                    }
                }
                Message::Answer(number) => self.holds = number,
            }
        }
        self.now = then;
        Ok(())
    }

    fn settle(&mut self) -> Result<(), TestCaseError> {
        self.until(self.now + GRACE)
    }
}

proptest! {
    #[test]
    fn an_honest_client_is_never_locked_out(steps in proptest::collection::vec(step(), 1..40)) {
        let mut play = Play::new();
        for step in steps {
            match step {
                Step::Wait(time) => play.until(play.now + time)?,
                Step::Use(way) => play.send(way, Message::Shown(play.holds)),
                Step::Refresh(parallel) => {
                    let holds = play.holds;
                    for (way, answer) in parallel {
                        play.send(way, Message::Refresh(holds, answer));
                    }
                    // What it holds is used while the answers are awaited.
                    play.send(GRACE / 3, Message::Shown(holds));
                    play.settle()?;
                }
            }
        }
        play.settle()?;
        let standing = play.chain.show(play.holds, at(play.now));
        prop_assert!(matches!(standing, Standing::First | Standing::Good), "{:?}", standing);
    }

    /// A thief has the token that the client holds at some time. The client goes on; later
    /// both show what they have.
    #[test]
    fn a_thief_who_comes_late_always_ends_it(
        before in proptest::collection::vec(step(), 0..20),
        refreshes in 1..5_u32,
        late in 0..GRACE * 10,
        rolls in any::<bool>(),
    ) {
        let mut play = Play::new();
        for step in before {
            if let Step::Wait(time) = step {
                play.now += time;
            } else {
                play.holds = rolled(&mut play.chain, play.holds, play.now);
            }
        }
        let stolen = play.chain.newest;
        for _ in 0..refreshes {
            play.now += GRACE;
            let newest = play.chain.newest;
            play.holds = rolled(&mut play.chain, newest, play.now);
            play.chain.show(play.holds, at(play.now));
        }
        let now = play.now + GRACE + late;
        if rolls {
            prop_assert_eq!(play.chain.roll(stolen, 1, at(now)), Rolled::Reused);
        } else {
            prop_assert_eq!(play.chain.show(stolen, at(now)), Standing::Reused);
        }
    }

    /// A thief is first, and takes the session over: the client ends it by what it still holds.
    #[test]
    fn a_thief_who_comes_first_is_found_out_by_the_client(times in 1..5_u32, late in 0..GRACE * 10) {
        let mut chain = chain();
        let mut now = 0;
        for _ in 0..times {
            now += GRACE;
            let newest = chain.newest;
            let got = rolled(&mut chain, newest, now);
            chain.show(got, at(now));
        }
        prop_assert_eq!(chain.show(0, at(now + GRACE + late)), Standing::Reused);
    }
}
