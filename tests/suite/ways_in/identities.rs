//! An identity is never another's, whatever else is under way.

use futures_util::{StreamExt, stream};
use hapta_tests::demo::{BOB, CAROL, record};
use hapta_tests::{Client, WaysIn};

use super::{Entrance, users};

/// How many questions are asked.
const QUESTIONS: usize = 1_000;
/// How many of them at once.
const AT_ONCE: usize = 16;

/// Somebody who shows their address to nobody else.
struct Person {
    email: &'static str,
    id: &'static str,
    client: Client,
}

impl Person {
    /// Asks one of the things that have an answer of their own, and looks whose it is.
    async fn ask(&self, turn: usize, others: &Client) {
        let client = &self.client;
        let answer = match turn % 4 {
            0 => client.authenticate("users", self.email).await,
            // A login is of who it names, whoever is logged in.
            1 => others.authenticate("users", self.email).await,
            2 => client.post(&users("auth-refresh")).await,
            _ => client.get(&record("users", self.id)).await,
        };
        let answer = answer.expect(200);
        let own = if turn % 4 == 3 {
            &answer
        } else {
            &answer["record"]
        };
        assert_eq!(own["id"], self.id, "turn {turn}: {answer}");
        // Only to oneself.
        assert_eq!(own["email"], self.email, "turn {turn}: {answer}");
        if let Some(token) = answer["token"].as_str() {
            let read = client.get(&record("users", self.id)).token(token).await;
            assert_eq!(read.expect(200)["email"], self.email, "turn {turn}");
        }
    }
}

#[tokio::test]
async fn of_a_thousand_questions_each_answer_is_the_askers() {
    let at = Entrance::of_a_gateway(&[]).await;
    let ways = WaysIn::of(at.guest().address());
    ways.put_into(&at.pocketbase).await;
    let bob = Person {
        email: "bob@example.com",
        id: BOB,
        client: at.log_in("bob").await,
    };
    let carol = Person {
        email: "carol@example.com",
        id: CAROL,
        client: at.log_in("carol").await,
    };
    let asked = stream::iter(0..QUESTIONS).map(|turn| {
        let (who, other) = if turn % 2 == 0 {
            (&bob, &carol)
        } else {
            (&carol, &bob)
        };
        who.ask(turn / 2, &other.client)
    });
    let answered = asked.buffer_unordered(AT_ONCE).count().await;
    assert_eq!(answered, QUESTIONS);
}
