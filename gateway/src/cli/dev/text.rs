//! The stream for people: a line for what happened, and below it, indented, what there is to say of it.

use std::fmt::Write as _;

use anstyle::Style;

use super::news::{Build, Judge, News, Ready, Request, Said, Serving, State};
use crate::cli::terminal::{BAD, GOOD, LOOK, QUIET, STRONG, paint};
use crate::telemetry::{Changes, Decision, Verdict};

/// Before what is said of the line above.
const INDENT: &str = "    ";

/// Lines that are shown of what tools say, from their beginning; the first error is there.
const TOOL_LINES: usize = 60;

pub(super) fn of(news: &News) -> String {
    match news {
        News::Ready(ready) => self::ready(ready),
        News::Build(build) => self::build(build),
        News::Request(request) => self::request(request),
        News::Says(said) => self::said(said).trim_start().to_owned(),
        News::PocketBase { line } => paint(QUIET, &format!("pocketbase  {}", plain(line))),
        News::Serving(serving) => self::serving(serving).join("\n"),
        News::Log { level, message } => {
            let style = if *level == "error" { BAD } else { LOOK };
            format!("{}  {}", paint(style, level), plain(message))
        }
        News::Lost { requests, lines } => paint(LOOK, &lost(*requests, *lines)),
        News::Ended { reason } => paint(QUIET, &format!("ended: {}", plain(reason))),
    }
}

fn ready(ready: &Ready) -> String {
    let row =
        |name: &str, value: &str| format!("  {}  {value}", paint(STRONG, &format!("{name:<11}")));
    let mut lines = vec![
        String::new(),
        row(
            "clients",
            &format!("{}   your application connects here", ready.url),
        ),
        row("dashboard", &ready.dashboard),
    ];
    if let Some(superuser) = &ready.superuser {
        let email = &superuser.email;
        let kept = paint(QUIET, &format!("kept in {}", superuser.file));
        lines.push(row(
            "superuser",
            &match &superuser.password {
                Some(password) => format!("{email}  {password}   {kept}"),
                None => format!("{email}   {kept}"),
            },
        ));
    }
    lines.extend(serving(&ready.serving));
    lines.push(String::new());
    lines.push(paint(QUIET, "save a file to rebuild; Ctrl-C ends"));
    lines.join("\n")
}

fn serving(serving: &Serving) -> Vec<String> {
    let judge = |Judge { name, collections }: &Judge| {
        let judged = match collections.as_slice() {
            [] => paint(LOOK, "judges no collection that there is"),
            names => format!("judges {}", names.join(", ")),
        };
        format!("  {}  {judged}", paint(STRONG, &format!("{name:<11}")))
    };
    let mut lines: Vec<String> = serving.rules.iter().map(judge).collect();
    if serving.rules.is_empty() && serving.alone.is_empty() {
        let why = "nothing is served: every rule has to be loaded first, and there have to be collections";
        lines.push(format!("  {}", paint(LOOK, why)));
    }
    if !serving.alone.is_empty() {
        let names = serving.alone.join(", ");
        lines.push(format!(
            "  {:<11}  {names}: PocketBase's own rules alone",
            ""
        ));
    }
    lines
}

fn build(build: &Build) -> String {
    let rule = plain(&build.rule);
    let told = |style: Style, word: &str, rest: &str| {
        format!("{}  {rule}{rest}", paint(style, &format!("{word:<7}")))
    };
    match &build.state {
        State::Begun => paint(QUIET, &format!("build    {rule} …")),
        State::Unchanged => paint(QUIET, &format!("build    {rule} is as it was")),
        State::Serves {
            generation,
            took_ms,
            output,
        } => {
            let took = format!(
                " serves, generation {generation}, after {}",
                millis(*took_ms)
            );
            told(GOOD, "built", &took) + &tools(output)
        }
        State::Failed { output } => told(BAD, "failed", ": not put into service") + &tools(output),
        State::Refused { reason } => {
            told(BAD, "refused", ": not put into service") + &tools(reason)
        }
        State::Waits => told(LOOK, "built", " and not in force yet; see hapta status"),
        State::Tested {
            passed: true,
            output,
        } => told(GOOD, "tested", ": all cases passed") + &tools(output),
        State::Tested {
            passed: false,
            output,
        } => told(BAD, "tested", ": not all cases passed") + &tools(output),
    }
}

fn request(Request { ended, log }: &Request) -> String {
    let decision = &ended.decision;
    let (style, verdict) = verdict(decision);
    let micros = decision.rules.iter().map(|rule| rule.time_ns).sum::<u64>() / 1_000;
    let mut text = format!(
        "{}  {}  {}  {}  {}  {}",
        paint(QUIET, decision.time.get(11..23).unwrap_or(&decision.time)),
        paint(STRONG, &plain(&asked(decision))),
        decision.principal.as_deref().unwrap_or("guest"),
        paint(style, &plain(&verdict)),
        decision.status,
        paint(
            QUIET,
            &format!(
                "{}.{} ms, rules {micros} µs",
                decision.duration_us / 1_000,
                decision.duration_us % 1_000 / 100
            )
        ),
    );
    let beside = matches!(
        decision.verdict,
        Verdict::Faulted | Verdict::Refused | Verdict::Failed | Verdict::Withheld
    );
    let cause = decision.cause.as_deref().filter(|_| beside);
    // With its stack, where there is one.
    for line in cause.unwrap_or_default().lines() {
        let _ = write!(text, "\n{INDENT}{}", paint(style, &plain(line)));
    }
    for change in changes(&ended.changes) {
        let _ = write!(text, "\n{INDENT}{}", plain(&change));
    }
    for note in &decision.notes {
        let note = format!("note {}: {}", note.key, note.value);
        let _ = write!(text, "\n{INDENT}{}", plain(&note));
    }
    for line in log {
        let _ = write!(text, "\n{}", said(line));
    }
    text
}

/// What was asked, as people say it.
fn asked(decision: &Decision) -> String {
    if let Some(path) = &decision.path {
        return format!("{} {path}", decision.method);
    }
    let mut asked = decision.operation.to_owned();
    if let Some(collection) = &decision.collection {
        let _ = write!(asked, " {collection}");
    }
    if let Some(record) = &decision.record {
        let _ = write!(asked, "/{record}");
    }
    if !decision.parts.is_empty() {
        let _ = write!(asked, " {}", decision.parts.join(" "));
    }
    asked
}

/// What came of it, rule by rule.
fn verdict(decision: &Decision) -> (Style, String) {
    let ended_by = decision.rule.as_deref();
    let others: Vec<&str> = decision
        .rules
        .iter()
        .map(|rule| rule.rule.as_str())
        .filter(|rule| Some(*rule) != ended_by)
        .collect();
    let code = decision.code.as_deref().unwrap_or_default();
    let by = ended_by
        .map(|rule| format!(" by {rule}"))
        .unwrap_or_default();
    let before = match others.as_slice() {
        [] => String::new(),
        rules => format!(", allowed by {}", rules.join(", ")),
    };
    match decision.verdict {
        Verdict::Allowed => {
            let told = match others.as_slice() {
                [] => "allow, no rule asked".to_owned(),
                rules => format!("allow by {}", rules.join(", ")),
            };
            (GOOD, told)
        }
        Verdict::Denied => (BAD, format!("deny {code}{by}{before}")),
        Verdict::Faulted => (BAD, format!("fault {code}{by}{before}")),
        Verdict::Refused => (LOOK, format!("refused {code}{by}{before}")),
        Verdict::Withheld => (BAD, format!("written, not shown{by}{before}")),
        Verdict::Failed => (BAD, format!("failed {code}{before}")),
        Verdict::Gone => (QUIET, "the client went away".to_owned()),
    }
}

fn changes(changes: &Changes) -> Vec<String> {
    let mut lines = Vec::new();
    if !changes.edited.is_empty() {
        lines.push(format!("edited {}", changes.edited.join(", ")));
    }
    if let Some(narrowed) = &changes.narrowed {
        lines.push(format!("narrowed to {narrowed}"));
    }
    if !changes.hidden.is_empty() {
        lines.push(format!("hid or changed {}", changes.hidden.join(", ")));
    }
    if changes.dropped > 0 {
        lines.push(format!("left out {} records", changes.dropped));
    }
    lines
}

fn said(said: &Said) -> String {
    let style = match said.level {
        "error" => BAD,
        "warn" => LOOK,
        _ => QUIET,
    };
    let begins = format!("{INDENT}{} {}", plain(&said.rule), paint(style, said.level));
    below(&begins, &said.message)
}

fn tools(output: &str) -> String {
    let all = output.trim_end();
    let mut shown = String::new();
    for line in all.lines().take(TOOL_LINES) {
        let _ = write!(shown, "\n{INDENT}{}", plain(line));
    }
    let more = all.lines().count().saturating_sub(TOOL_LINES);
    if more > 0 {
        let _ = write!(shown, "\n{INDENT}… and {more} more lines");
    }
    shown
}

/// A text of some lines, such as a stack.
fn below(begins: &str, text: &str) -> String {
    let mut lines = text.lines();
    let mut told = format!("{begins}  {}", plain(lines.next().unwrap_or_default()));
    for line in lines {
        let _ = write!(told, "\n{INDENT}{INDENT}{}", plain(line));
    }
    told
}

fn lost(requests: u64, lines: u64) -> String {
    let mut what = Vec::new();
    if requests > 0 {
        what.push(format!("{requests} requests"));
    }
    if lines > 0 {
        what.push(format!("{lines} lines"));
    }
    format!(
        "{} not shown: they came faster than they were read",
        what.join(" and ")
    )
}

fn millis(millis: u64) -> String {
    if millis < 1_000 {
        format!("{millis} ms")
    } else {
        format!("{}.{} s", millis / 1_000, millis % 1_000 / 100)
    }
}

/// A text from outside can't steer the terminal.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter == '\t' {
            plain.push_str("    ");
        } else if letter.is_control() {
            plain.extend(letter.escape_default());
        } else {
            plain.push(letter);
        }
    }
    plain
}

#[cfg(test)]
mod tests;
