//! A table of who × what, taken apart into cases.

use toml::Value;

use super::facts::{Facts, Wrong};
use super::raw::{Case, Matrix};
use super::request::{self, Line};
use crate::operation::{Answer, Operation, OperationKind, Route, Takes};

/// What of the matrix's telling some cell has a use for.
#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a key of its own, and nothing follows from one for another"
)]
struct Used {
    body: bool,
    uploads: bool,
    stored: bool,
    response: bool,
}

/// One case for each cell. What is told goes to the requests that have a use for it, and some must.
pub(super) fn cases(matrix: &Matrix, facts: &Facts) -> Result<Vec<Case>, Wrong> {
    let wrong = |key, problem: &str| Err((key, problem.to_owned()));
    if matrix.name.trim().is_empty() {
        return wrong("name", "a matrix has a name, by which its cases are found");
    }
    if matrix.r#as.is_empty() {
        return wrong("as", "nobody asks; write as = [\"guest\", \"ada\"]");
    }
    if matrix.requests.is_empty() {
        return wrong(
            "requests",
            "nothing is asked; write \"view posts/p1\" = \"allow\" below [matrix.requests]",
        );
    }
    let (mut cells, mut used) = (Vec::new(), Used::default());
    for (request, words) in &matrix.requests {
        let line = Line {
            text: request,
            query: &matrix.query,
            action: None,
        };
        let operation = request::parse(&line, &facts.surface);
        let operation =
            operation.map_err(|problem| ("requests", format!("\"{request}\": {problem}")))?;
        let words = words_of(words, matrix.r#as.len())
            .map_err(|problem| ("requests", format!("\"{request}\": {problem}")))?;
        let row = row(matrix, request, &operation, &mut used);
        for (who, word) in matrix.r#as.iter().zip(words) {
            let (verdict, code) = match word.split_once(' ') {
                Some((verdict, code)) => (verdict, Some(code.trim().to_owned())),
                None => (word, None),
            };
            cells.push(Case {
                name: format!("{}: {request} as {who}", matrix.name),
                r#as: Some(who.clone()),
                expect: Some(verdict.to_owned()),
                code,
                ..row.clone()
            });
        }
    }
    let unused = [
        ("body", matrix.body.is_some() && !used.body),
        ("uploads", !matrix.uploads.is_empty() && !used.uploads),
        ("stored", matrix.stored.is_some() && !used.stored),
        ("response", matrix.response.is_some() && !used.response),
    ];
    match unused.into_iter().find(|(_, unused)| *unused) {
        Some((key, _)) => wrong(key, "no request of the matrix has a use for it"),
        None => Ok(cells),
    }
}

/// What all cells of a row share.
fn row(matrix: &Matrix, request: &str, operation: &Operation, used: &mut Used) -> Case {
    let kind = operation.kind();
    let is_topic = matches!(kind, OperationKind::Subscribe | OperationKind::Event);
    let takes_body = !is_topic && !matches!(operation.takes(), Takes::Nothing | Takes::File);
    let takes_files = operation.writes_record();
    let is_of_one = operation.record_id().is_some();
    let answers = matrix
        .response
        .as_ref()
        .is_some_and(|told| fits(told, kind));
    used.body |= takes_body;
    used.uploads |= takes_files;
    used.stored |= is_of_one;
    used.response |= answers;
    Case {
        request: request.to_owned(),
        headers: matrix.headers.clone(),
        query: matrix.query.clone(),
        ip: matrix.ip,
        time: matrix.time.clone(),
        body: matrix.body.clone().filter(|_| takes_body),
        uploads: if takes_files {
            matrix.uploads.clone()
        } else {
            Vec::new()
        },
        stored: matrix.stored.clone().filter(|_| is_of_one),
        records: matrix.records.clone(),
        counters: matrix.counters.clone(),
        response: matrix.response.clone().filter(|_| answers),
        settings: matrix.settings.clone(),
        ..Case::default()
    }
}

/// Records in an array are a list's, one is that of a view or a write.
fn fits(told: &Value, kind: OperationKind) -> bool {
    let answer = Route::of(kind).map(|route| route.answer);
    match told {
        Value::Array(_) => answer == Some(Answer::List),
        Value::String(_) => matches!(answer, Some(Answer::Nothing | Answer::File)),
        _ => answer == Some(Answer::Record) || kind == OperationKind::Event,
    }
}

fn words_of(told: &Value, people: usize) -> Result<Vec<&str>, String> {
    let expected = format!(
        "expected one word like \"allow\" or \"deny CODE\" for all, or a list of {people}, one for each of as"
    );
    match told {
        Value::String(word) => Ok(vec![word; people]),
        Value::Array(words) if words.len() == people => {
            let words: Option<Vec<&str>> = words.iter().map(Value::as_str).collect();
            words.ok_or(expected)
        }
        _ => Err(expected),
    }
}
