//! Waiting for what takes time, with a bound.

use std::time::Duration;

/// How long anything in a test may take before the test fails; a loaded machine
/// may compile a rule for seconds.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Asks again and again until the answer is `Some`, and gives it back.
///
/// Use it for what happens by itself (a file's change is noticed), not to paper
/// over a race: what a reply promises holds when the reply is there.
///
/// # Panics
///
/// When the answer is still `None` after [`PATIENCE`].
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let answer = tokio::time::timeout(PATIENCE, asking).await;
    answer.unwrap_or_else(|_elapsed| panic!("after {PATIENCE:?} still not: {what}"))
}
