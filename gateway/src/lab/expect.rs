//! What a case expects, held against what its request can answer.
//!
//! A case that expects nothing would pass whatever the rule does, and so would one that
//! expects what the request can't have: neither is taken.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::answer::{self, Response};
use super::facts::Wrong;
use super::raw;
use super::trial::Moment;
use super::values::{self, near};
use crate::exchange::Exchange;
use crate::filter::Filter;
use crate::operation::OperationKind;
use crate::record::Shape;
use crate::schema::Schema;

/// What should come of a case; what is not said may be anything.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Expect {
    pub(super) verdict: Option<Word>,
    pub(super) moment: Option<Moment>,
    pub(super) status: Option<u16>,
    pub(super) code: Option<String>,
    pub(super) message: Option<String>,
    /// Sorted.
    pub(super) fields: Option<Vec<String>>,
    pub(super) edited: Option<Left>,
    pub(super) narrowed: Option<Narrowed>,
    pub(super) notes: Option<BTreeMap<String, String>>,
    pub(super) remains: Option<Left>,
    pub(super) log: Option<Vec<String>>,
    pub(super) counted: Option<BTreeMap<String, i64>>,
}

/// How a list should be narrowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Narrowed {
    Not,
    /// As filters are printed.
    To(String),
}

/// A verdict in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Allow,
    Deny,
    Fault,
    /// Of settings.
    Refuse,
}

/// What is left of a body.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Left {
    Unchanged,
    This(Value),
    /// A list's records, and no word of what is around them.
    Items(Value),
}

/// What a case asks and is told, as far as expectations hang on it.
pub(super) struct Asked<'a> {
    pub(super) exchange: &'a Exchange,
    pub(super) has_body: bool,
    pub(super) response: Option<&'a Response>,
    pub(super) schema: &'a Schema,
}

impl Word {
    pub(super) const ALL: [Self; 4] = [Self::Allow, Self::Deny, Self::Fault, Self::Refuse];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Fault => "fault",
            Self::Refuse => "refuse",
        }
    }

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|word| word.as_str() == text);
        known.ok_or_else(|| {
            let meant = near(text, Self::ALL.map(Self::as_str));
            let meant = meant.map_or_else(String::new, |meant| format!("; did you mean \"{meant}\"?"));
            format!("\"{text}\" is no verdict{meant} Expected \"allow\", \"deny\", \"fault\" or \"refuse\"")
        })
    }
}

impl Expect {
    /// Reads what a case expects.
    pub(super) fn of(case: &raw::Case, asked: &Asked<'_>) -> Result<Self, Wrong> {
        let verdict = match &case.expect {
            Some(word) => Some(Word::parse(word).map_err(|problem| ("expect", problem))?),
            None => None,
        };
        let mut fields = case.fields.clone();
        if let Some(fields) = &mut fields {
            fields.sort_unstable();
        }
        let moment = case.moment.as_deref().map(moment).transpose()?;
        let mut expect = Self {
            verdict,
            moment,
            status: case.status,
            code: case.code.clone(),
            message: case.message.clone(),
            fields,
            edited: edited(case)?,
            narrowed: narrowed(case)?,
            notes: case.notes.clone(),
            remains: remains(case, asked)?,
            log: case.log.clone(),
            counted: case.counted.clone(),
        };
        if expect.counted.as_ref().is_some_and(BTreeMap::is_empty) {
            return Err(("counted", "it names no counter".to_owned()));
        }
        if expect == Self::default() {
            let problem = "nothing is expected, so it would pass whatever the rule does; write expect = \"allow\" or \"deny\"";
            return Err(("expect", problem.to_owned()));
        }
        expect.fits(asked)?;
        expect.verdict = expect.verdict.or(expect.implied());
        if expect.verdict.is_none() {
            let problem = "notes, log and counters come with any verdict, a fault as well; say with which: expect = \"allow\" or \"deny\"";
            return Err(("expect", problem.to_owned()));
        }
        Ok(expect)
    }

    /// Details of a "no" are those of a "no", and what is left is left by an "allow".
    fn implied(&self) -> Option<Word> {
        let says_no = self.status.is_some() || self.code.is_some() || self.message.is_some();
        match () {
            () if says_no || self.fields.is_some() || self.moment.is_some() => Some(Word::Deny),
            () if self.is_of_allow() => Some(Word::Allow),
            () => None,
        }
    }

    fn is_of_allow(&self) -> bool {
        self.edited.is_some() || self.narrowed.is_some() || self.remains.is_some()
    }

    /// Whether all of it can be answered.
    fn fits(&self, asked: &Asked<'_>) -> Result<(), Wrong> {
        let kind = asked.exchange.operation.kind();
        let wrong = |key, problem: &str| Err((key, problem.to_owned()));
        let word = self.verdict.or(self.implied());
        let given = |is: bool, key: &'static str| is.then_some(key);
        let of_denials = [
            given(self.status.is_some(), "status"),
            given(self.fields.is_some(), "fields"),
        ];
        let of_refusals = [
            given(self.code.is_some(), "code"),
            given(self.moment.is_some(), "moment"),
        ];
        let of_any = [given(self.message.is_some(), "message")];
        let of_allow = [
            given(self.edited.is_some(), "edited"),
            given(self.narrowed.is_some(), "narrowed"),
            given(self.remains.is_some(), "remains"),
        ];
        let all = match word {
            Some(Word::Allow) => [&of_denials[..], &of_refusals, &of_any].concat(),
            Some(Word::Deny) => of_allow.to_vec(),
            Some(Word::Fault) => [&of_denials[..], &of_allow].concat(),
            Some(Word::Refuse) => [&of_denials[..], &of_refusals, &of_allow].concat(),
            None => Vec::new(),
        };
        if let (Some(key), Some(word)) = (all.into_iter().flatten().next(), word) {
            let word = word.as_str();
            return Err((key, format!("it can't be together with \"{word}\"")));
        }
        if word == Some(Word::Refuse)
            && (self.notes.is_some() || self.log.is_some() || self.counted.is_some())
        {
            return wrong(
                "expect",
                "where settings are refused the rule is not called, so there are no notes, no log and no counters",
            );
        }
        if self.edited.is_some() && !asked.has_body {
            return wrong("edited", "the request has no body that a rule could edit");
        }
        let narrows = matches!(kind, OperationKind::List | OperationKind::Subscribe);
        if self.narrowed.is_some() && !narrows {
            return wrong("narrowed", "only a list and a subscription can be narrowed");
        }
        let later = matches!(self.moment, Some(Moment::Reveal | Moment::After));
        if asked.response.is_none() && (self.remains.is_some() || later) {
            let key = if later { "moment" } else { "remains" };
            return wrong(
                key,
                "nothing is answered in this case; write response = { … }",
            );
        }
        Ok(())
    }
}

fn moment(word: &str) -> Result<Moment, Wrong> {
    Moment::parse(word).ok_or_else(|| {
        let problem =
            format!("\"{word}\" is no moment; expected \"before\", \"reveal\" or \"after\"");
        ("moment", problem)
    })
}

fn edited(case: &raw::Case) -> Result<Option<Left>, Wrong> {
    match &case.edited {
        None => Ok(None),
        Some(toml::Value::Table(table)) => {
            Ok(Some(Left::This(Value::Object(values::object(table)))))
        }
        Some(toml::Value::String(word)) if word == "unchanged" => Ok(Some(Left::Unchanged)),
        Some(_) => {
            let problem = "expected the whole body as it should be afterwards, { title = \"x\" }, or \"unchanged\"";
            Err(("edited", problem.to_owned()))
        }
    }
}

/// In the one spelling in which filters are printed.
fn narrowed(case: &raw::Case) -> Result<Option<Narrowed>, Wrong> {
    let Some(filter) = &case.narrowed else {
        return Ok(None);
    };
    if filter.is_empty() {
        return Ok(Some(Narrowed::Not));
    }
    let filter = Filter::parse(filter);
    let filter = filter.map_err(|error| ("narrowed", format!("it is no filter: {error}")))?;
    Ok(Some(Narrowed::To(filter.to_string())))
}

fn remains(case: &raw::Case, asked: &Asked<'_>) -> Result<Option<Left>, Wrong> {
    let Some(told) = &case.remains else {
        return Ok(None);
    };
    if told.as_str() == Some("unchanged") {
        return Ok(Some(Left::Unchanged));
    }
    let Some(response) = asked.response else {
        // It is refused below, in the words for that.
        return Ok(Some(Left::Unchanged));
    };
    let told = values::json(told);
    let records_alone = told.is_array();
    let told = match response {
        Response::Empty => {
            let problem = "the response is empty, so nothing can remain of it";
            return Err(("remains", problem.to_owned()));
        }
        Response::Object(_) => told,
        Response::Records(_, shape) => {
            let whole = whole(told, *shape);
            answer::fill(whole, *shape, asked.exchange, asked.schema)
                .map_err(|problem| ("remains", problem))?
        }
    };
    if let (true, Some(items)) = (records_alone, told.get("items")) {
        return Ok(Some(Left::Items(items.clone())));
    }
    Ok(Some(Left::This(told)))
}

/// An answer may be told in full; an event is told by its record.
fn whole(told: Value, shape: Shape) -> Value {
    match (shape, told) {
        (Shape::Auth, Value::Object(login)) if !login.contains_key("record") => Value::Object(
            Map::from_iter([("record".to_owned(), Value::Object(login))]),
        ),
        (_, told) => told,
    }
}
