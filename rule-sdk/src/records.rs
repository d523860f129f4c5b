//! Other records than the one that the request is about.

use crate::{Document, Fault, Request, Value};

/// As whom PocketBase is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// As the one who asks: PocketBase's own rules decide what there is.
    Caller,
    /// As the gateway, for collections that the configuration lets the rule read so.
    Gateway,
}

/// Reads records: see [`Request::records`] and [`Request::records_as_gateway`].
///
/// All reads of one request share a budget, over all its rules; a question asked again costs
/// nothing of it.
#[derive(Clone, Copy, Debug)]
pub struct Records<'a> {
    request: &'a Request,
    standing: Standing,
}

/// What is asked of a collection.
pub(crate) struct Question<'a> {
    pub(crate) collection: &'a str,
    pub(crate) filter: &'a str,
    pub(crate) parameters: Vec<(String, Value)>,
    pub(crate) sort: &'a str,
}

impl<'a> Records<'a> {
    pub(crate) fn new(request: &'a Request, standing: Standing) -> Self {
        Self { request, standing }
    }

    /// The record of this id; none if there is none, or none to be seen.
    ///
    /// # Errors
    ///
    /// [`Fault`] says why there is no answer; `?` makes a denial of it.
    pub fn get(&self, collection: &str, id: &str) -> Result<Option<Document>, Fault> {
        let found = self.request.0.get(self.standing, collection, id)?;
        Ok(found.map(Document))
    }

    /// The first record that a filter finds, in PocketBase's own order. Values come in by name and
    /// are bound, never pasted, as with [`Request::narrow`].
    ///
    /// # Errors
    ///
    /// As [`Records::get`], and [`Fault::BadFilter`].
    pub fn first<'p, V: Into<Value>>(
        &self,
        collection: &str,
        filter: &str,
        parameters: impl IntoIterator<Item = (&'p str, V)>,
    ) -> Result<Option<Document>, Fault> {
        self.first_by("", collection, filter, parameters)
    }

    /// The first record in an order like `-created,id`.
    ///
    /// # Errors
    ///
    /// As [`Records::first`].
    pub fn first_by<'p, V: Into<Value>>(
        &self,
        sort: &str,
        collection: &str,
        filter: &str,
        parameters: impl IntoIterator<Item = (&'p str, V)>,
    ) -> Result<Option<Document>, Fault> {
        let question = Question {
            collection,
            filter,
            parameters: named(parameters),
            sort,
        };
        let found = self.request.0.first(self.standing, question)?;
        Ok(found.map(Document))
    }

    /// How many records a filter finds; with an empty filter, all.
    ///
    /// # Errors
    ///
    /// As [`Records::first`].
    pub fn count<'p, V: Into<Value>>(
        &self,
        collection: &str,
        filter: &str,
        parameters: impl IntoIterator<Item = (&'p str, V)>,
    ) -> Result<u64, Fault> {
        let question = Question {
            collection,
            filter,
            parameters: named(parameters),
            sort: "",
        };
        self.request.0.count(self.standing, question)
    }
}

fn named<'p, V: Into<Value>>(
    parameters: impl IntoIterator<Item = (&'p str, V)>,
) -> Vec<(String, Value)> {
    let parameters = parameters.into_iter();
    parameters
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect()
}
