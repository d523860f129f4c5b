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
        let traced = self.dossier.trace.is_some();
        let asked = traced.then(|| vec![key.clone().into(), amount.into(), seconds.into()]);
        let counted = if seconds == 0 {
            let problem = "a counter lasts for at least a second".to_owned();
            Err(Fault::NotGranted(problem))
        } else {
            let key = Key {
                rule: self.terms.name.to_string(),
                key,
            };
            let counted = self
                .dossier
                .count(key, amount, Duration::from_secs(seconds));
            counted.map_err(|_| Fault::Exhausted)
        };
        Ok(self.told("counters.add", |_| asked.unwrap_or_default(), counted))
    }
}
