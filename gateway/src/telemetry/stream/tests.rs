//! A stream holds nobody up, loses no more than it must, and says what it lost.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::*;

const LONG_ENOUGH: Duration = Duration::from_secs(30);

fn unopened(file: &Path, queue: usize) -> Stream {
    let rotation = Rotation {
        file: file.to_owned(),
        at: 0,
        keep: 1,
    };
    let bounds = Bounds {
        name: "decisions",
        queue,
        dropped: Family::default(),
    };
    Stream::new(Place::File(rotation), bounds)
}

fn stream(file: &Path, queue: usize) -> Stream {
    let stream = unopened(file, queue);
    stream.open().unwrap();
    stream
}

fn dropped(stream: &Stream, reason: &'static str) -> u64 {
    let bounds = &stream.shared.bounds;
    let stream = bounds.name;
    let labels = DroppedLabels { stream, reason };
    bounds.dropped.get_or_create(&labels).get()
}

fn entry(line: impl Into<Vec<u8>>) -> Entry {
    Entry {
        line: line.into(),
        told: Told::Decision(Box::default()),
    }
}

fn number(n: usize) -> Entry {
    entry(format!("{{\"n\":{n}}}\n"))
}

fn pipe(folder: &Path) -> PathBuf {
    let pipe = folder.join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    pipe
}

#[tokio::test]
async fn what_was_taken_is_written_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log");
    let stream = stream(&file, 10_000);
    for n in 0..5_000 {
        stream.send(number(n));
    }
    stream.finish(LONG_ENOUGH).await;
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(text.lines().count(), 5_000);
    assert!(text.ends_with("{\"n\":4999}\n"));
    stream.send(number(0));
    assert_eq!(dropped(&stream, "ended"), 1);
}

#[tokio::test]
async fn a_full_queue_drops_and_counts_and_says_so_when_it_has_caught_up() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = pipe(folder.path());
    // Nobody reads the pipe, so that the thread stands still.
    let stream = stream(&pipe, 1);
    let sent = 10;
    for n in 0..sent {
        stream.send(number(n));
    }
    // One may wait, and one may be in the thread's hand.
    let lost = dropped(&stream, "queue");
    assert!(lost >= sent as u64 - 2, "{lost}");
    let reading = std::thread::spawn(move || {
        let lines = BufReader::new(fs::File::open(pipe).unwrap()).lines();
        lines
            .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
            .collect()
    });
    stream.finish(LONG_ENOUGH).await;
    let lines: Vec<Value> = reading.join().unwrap();
    let (told, numbers): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line["n"].is_null());
    assert_eq!(numbers.len() as u64 + lost, sent as u64);
    let told_lost: u64 = told.iter().filter_map(|line| line["queue"].as_u64()).sum();
    assert_eq!(told_lost, lost, "{told:?}");
    assert_eq!(
        (&told[0]["event"], &told[0]["disk"]),
        (&"lines_lost".into(), &0.into())
    );
}

#[tokio::test]
async fn a_pipe_that_nobody_reads_does_not_keep_the_end_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = pipe(folder.path());
    let stream = stream(&pipe, 1);
    stream.send(number(0));
    stream.finish(Duration::from_millis(50)).await;
    // The thread is let go, so that it does not outlive the test.
    let mut reader = fs::File::open(pipe).unwrap();
    std::io::copy(&mut reader, &mut std::io::sink()).unwrap();
}

#[tokio::test]
async fn what_the_disk_refuses_is_counted_and_told_once_it_takes_lines_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log");
    std::os::unix::fs::symlink("/dev/full", &file).unwrap();
    let stream = stream(&file, 100);
    for n in 0..3 {
        stream.send(number(n));
    }
    while dropped(&stream, "disk") < 3 {
        tokio::task::yield_now().await;
    }
    fs::remove_file(&file).unwrap();
    stream.send(number(3));
    stream.finish(LONG_ENOUGH).await;
    let text = fs::read_to_string(&file).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["n"], 3, "{text}");
    assert_eq!(
        (&lines[1]["lines"], &lines[1]["disk"]),
        (&3.into(), &3.into()),
        "{text}"
    );
}

#[test]
fn a_long_line_takes_the_place_of_several() {
    let folder = tempfile::tempdir().unwrap();
    // Not opened: nothing leaves the queue.
    let stream = unopened(&folder.path().join("log"), 3);
    stream.send(entry(vec![b'x'; 2 * LINE]));
    stream.send(entry(vec![b'x'; 2 * LINE]));
    assert_eq!(dropped(&stream, "queue"), 1);
    stream.send(number(0));
    stream.send(number(1));
    assert_eq!(dropped(&stream, "queue"), 2);
}
