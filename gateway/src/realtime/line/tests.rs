//! What a line is to bring, and to whom.

use futures_util::FutureExt;

use super::*;
use crate::principal::Principal;
use crate::realtime::tests::want;
use crate::realtime::{Identity, Want};

fn line() -> Arc<Line> {
    Arc::new(Line::new(Ear::Gateway))
}

fn class(line: &Arc<Line>, spelling: &str) -> Arc<Class> {
    let Want { topic, watched, .. } = want(spelling);
    let person = Arc::new(Person::new(Identity::Guest, Principal::Guest));
    Arc::new(Class::new(person, topic, watched, Arc::clone(line)))
}

fn has_changed(line: &Line) -> bool {
    line.changed().now_or_never().is_some()
}

fn set(topics: &[&str]) -> HashSet<Arc<str>> {
    topics.iter().map(|topic| Arc::from(*topic)).collect()
}

#[tokio::test]
async fn a_change_is_told_to_whoever_asks_after_it() {
    let line = line();
    let topic: Arc<str> = "notes/*".into();
    assert!(!has_changed(&line));
    let class = class(&line, &topic);
    line.add(&topic, &class);
    line.add_person(&topic);
    assert!(has_changed(&line));
    assert!(!has_changed(&line), "once for all of it");
    line.remove(&topic, &class);
    assert!(has_changed(&line));
    line.remove_person(&topic);
    assert!(has_changed(&line));
    assert!(!line.has_ended());
    assert!(line.end_if_empty() && line.has_ended());
    assert!(has_changed(&line), "its end is a change");
}

#[test]
fn a_topic_is_there_as_long_as_anybody_needs_it() {
    let line = line();
    let topic: Arc<str> = "users/*".into();
    let (one, two) = (class(&line, &topic), class(&line, &topic));
    line.add(&topic, &one);
    line.add(&topic, &two);
    line.add_person(&topic);
    line.add_person(&topic);
    assert_eq!(line.classes(&topic).len(), 2);
    line.remove(&topic, &one);
    assert!(Arc::ptr_eq(&line.classes(&topic)[0], &two));
    line.remove(&topic, &two);
    assert!(line.classes(&topic).is_empty() && line.watches_people(&topic));
    line.remove_person(&topic);
    assert!(!line.end_if_empty());
    assert_eq!(line.topics(), [Arc::clone(&topic)]);
    line.remove_person(&topic);
    assert!(!line.watches_people(&topic));
    assert!(line.topics().is_empty() && line.end_if_empty());
}

#[test]
fn whoever_waits_is_taken_once_and_only_when_its_topic_is_told() {
    let line = line();
    let classes = ["notes/*", "notes/a", "plain/*"].map(|topic| class(&line, topic));
    for class in &classes {
        line.add(&class.topic, class);
    }
    assert!(line.take_waiting(&set(&["notes/b"])).is_empty());
    assert_eq!(line.take_waiting(&set(&["notes/*", "notes/a"])).len(), 2);
    assert!(
        line.take_waiting(&set(&["notes/*", "notes/a"])).is_empty(),
        "once"
    );
    // Who is new to a topic that is told already waits for itself.
    let late = class(&line, "notes/*");
    line.add(&late.topic, &late);
    let taken = line.take_waiting(&set(&["notes/*", "plain/x"]));
    assert!(matches!(&*taken, [one] if Arc::ptr_eq(one, &late)));
    line.remove(&classes[2].topic, &classes[2]);
    assert!(
        line.take_waiting(&set(&["plain/*"])).is_empty(),
        "it is gone"
    );
    assert_eq!(line.all_classes().len(), 3);
}

#[test]
fn what_nobody_could_take_is_said_once() {
    let line = line();
    assert!(!line.was_overrun());
    line.overrun();
    line.overrun();
    assert!(line.was_overrun());
    assert!(!line.was_overrun());
}

#[test]
fn a_line_has_room_for_as_many_topics_as_pocketbase_takes() {
    let line = line();
    for number in 0..TOPICS {
        assert!(line.has_room());
        line.add_person(&format!("c{number}/*").into());
    }
    assert!(!line.has_room());
    line.remove_person(&"c0/*".into());
    assert!(line.has_room());
}
