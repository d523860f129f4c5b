//! The laboratory: rules, loaded and called as in production, about requests that nobody sent.
//!
//! `hapta test`, `hapta run` and `hapta bench` come here. A file of tests ([`Tests`]) tells who asks
//! what, and what PocketBase would answer; [`Laboratory`] loads the rule by the load path of `serve`, as the
//! only one of a generation, and takes each [`Case`] through the same calls. What comes of it is a
//! [`Trial`], which [`judge`] holds against what was expected.

mod answer;
mod case;
mod coverage;
mod diff;
mod error;
mod expect;
mod facts;
mod file;
mod judge;
mod junit;
mod load;
mod matrix;
mod people;
mod raw;
mod report;
mod request;
mod speed;
mod trial;
mod values;

pub use case::Case;
pub use coverage::Coverage;
pub use diff::diff;
pub use error::{CaseProblem, LabError};
pub use file::{Adhoc, Tests};
pub use judge::{Failure, judge};
pub use junit::junit;
pub use load::{Laboratory, Loaded, engine};
pub use report::{CaseReport, FileReport, Report, run};
pub use speed::{Plan, Quantiles, Speed, measure};
pub use trial::{Moment, Trial, Verdict};
