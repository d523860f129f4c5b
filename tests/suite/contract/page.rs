//! The contract as a page to read: what `wit/` says, its comments as text.

use std::fmt::Write;
use std::fs;

use hapta_tests::root;

/// In the order in which one reads them.
const FILES: [&str; 6] = ["world", "types", "json", "records", "counters", "log"];

const BEGIN: &str = "# The contract

Word for word what [wit/](../../wit/world.wit) says, which is what counts; this page is made of it by a test. What it
means in a gateway is in [Rules](rules.md); how it reads in a language: [Rust](writing/rust.md),
[TypeScript](writing/typescript.md), [Python](writing/python.md), [C](writing/c.md), [any other](any-language.md).
";

/// The page.
pub(super) fn of_the_contract() -> String {
    let mut page = BEGIN.to_owned();
    for file in FILES {
        let path = root().join("wit").join(format!("{file}.wit"));
        add(
            &mut page,
            &fs::read_to_string(path).expect("a file of the contract"),
        );
    }
    page
}

fn add(page: &mut String, wit: &str) {
    let mut comment: Vec<&str> = Vec::new();
    let mut depth = 0_usize;
    let mut lines = wit
        .lines()
        .map(str::trim)
        .skip_while(|line| line.starts_with("package"));
    while let Some(line) = lines.next() {
        if let Some(said) = line.strip_prefix("///") {
            comment.push(said.trim());
        } else if line == "}" {
            depth -= 1;
        } else if !line.is_empty() {
            let mut declared = line.to_owned();
            // One that goes over several lines has them in parentheses.
            while declared.matches('(').count() > declared.matches(')').count() {
                let Some(more) = lines.next() else { break };
                let space = if declared.ends_with('(') || more.starts_with(')') {
                    ""
                } else {
                    " "
                };
                declared = format!("{declared}{space}{more}");
            }
            tell(page, &declared, &comment, depth);
            comment.clear();
            depth += usize::from(line.ends_with('{'));
        }
    }
}

fn tell(page: &mut String, declared: &str, comment: &[&str], depth: usize) {
    let word = declared.trim_end_matches(['{', ';', ',']).trim();
    // Writing to a string can't fail.
    if depth == 0 {
        let _ = write!(page, "\n## {word}\n\n{}\n\n", comment.join("\n"));
        return;
    }
    let said = comment.join(" ").replace("  ", " ");
    let dash = if said.is_empty() { "" } else { ": " };
    let _ = writeln!(
        page,
        "{}- `{word}`{dash}{}",
        "  ".repeat(depth - 1),
        said.trim()
    );
}
