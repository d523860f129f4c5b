//! What becomes of events of one record that come while another is proven.

use serde_json::json;
use tokio::sync::Semaphore;

use super::*;

fn waiting(action: RecordAction, title: &str) -> Waiting {
    let room = Arc::new(Semaphore::new(1));
    Waiting {
        notice: Notice {
            topic: "notes/*".to_owned(),
            action,
            record: json!({ "title": title }),
            bytes: 0,
        },
        room: room.try_acquire_owned().unwrap(),
    }
}

#[test]
fn of_two_events_the_later_counts_and_what_is_new_stays_so() {
    use RecordAction::{Create, Delete, Update};
    for (first, last, both) in [
        (Create, Update, Create),
        (Create, Delete, Delete),
        (Update, Update, Update),
        (Update, Delete, Delete),
        (Delete, Create, Create),
        (Delete, Update, Update),
    ] {
        let one = later(&waiting(first, "before"), waiting(last, "after"));
        assert_eq!(one.notice.action, both, "{first:?}, {last:?}");
        assert_eq!(one.notice.record["title"], "after");
    }
}
