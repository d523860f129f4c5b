//! `hapta:rule/counters`: counts that outlive the request.

use std::time::Duration;

use super::CallState;
use crate::rules::bindings::hapta::rule::counters;
use crate::rules::bindings::hapta::rule::types::Fault;
use crate::rules::counters::Key;

impl counters::Host for CallState {
    fn add(
        &mut self,
        key: String,
        amount: i64,
        seconds: u64,
    ) -> wasmtime::Result<Result<i64, Fault>> {
        self.count()?;
        if seconds == 0 {
            let problem = "a counter lasts for at least a second".to_owned();
            return Ok(Err(Fault::NotGranted(problem)));
        }
        let key = Key {
            rule: self.terms.name.to_string(),
            key,
        };
        let lasts = Duration::from_secs(seconds);
        let counted = self.dossier.count(key, amount, lasts);
        Ok(counted.map_err(|_| Fault::Exhausted))
    }
}
