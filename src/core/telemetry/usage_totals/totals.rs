//! Token totals by provider and model.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::models::price::Cost;
use crate::usage::response_usage::TokenUsage;

/// A total for each provider and model.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Totals(pub(super) BTreeMap<String, BTreeMap<String, Total>>);

/// One total. A number that no response reported is `None`, never zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Total {
    pub(super) requests: u64,
    /// Requests whose usage is unknown or incomplete.
    pub(super) usage_unknown: u64,
    /// Requests of which something has no price.
    #[serde(default)]
    pub(super) cost_incomplete: u64,
    pub(super) input_tokens: Option<u64>,
    pub(super) output_tokens: Option<u64>,
    pub(super) cached_read_tokens: Option<u64>,
    pub(super) cache_write_tokens: Option<u64>,
    pub(super) reasoning_tokens: Option<u64>,
    /// In billionths of the currency's unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) cost: Option<u64>,
}

impl Totals {
    pub(super) fn add(&mut self, provider: &str, model: &str, total: &Total) {
        if !self.0.contains_key(provider) {
            self.0.insert(provider.to_owned(), BTreeMap::new());
        }
        let Some(models) = self.0.get_mut(provider) else {
            return;
        };
        match models.get_mut(model) {
            Some(sum) => sum.add(total),
            None => {
                models.insert(model.to_owned(), *total);
            }
        }
    }

    pub(super) fn add_all(&mut self, other: &Self) {
        for (provider, models) in &other.0 {
            for (model, total) in models {
                self.add(provider, model, total);
            }
        }
    }

    /// Subtracts an earlier state of these totals.
    pub(super) fn subtract(&mut self, earlier: &Self) {
        for (provider, models) in &mut self.0 {
            for (model, total) in models {
                let counted = earlier.0.get(provider).and_then(|models| models.get(model));
                if let Some(counted) = counted {
                    total.subtract(counted);
                }
            }
        }
    }
}

impl Total {
    /// The tokens and the cost, without a request.
    pub(super) fn of(tokens: &TokenUsage, cost: Option<Cost>) -> Self {
        Self {
            input_tokens: tokens.total_input(),
            output_tokens: tokens.total_output(),
            cached_read_tokens: tokens.cached_read,
            cache_write_tokens: tokens.cache_write(),
            reasoning_tokens: tokens.reasoning,
            cost: cost.map(|cost| cost.0),
            ..Self::default()
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.usage_unknown += other.usage_unknown;
        self.cost_incomplete += other.cost_incomplete;
        for (one, other) in self
            .optional_fields()
            .into_iter()
            .zip({ *other }.optional_fields())
        {
            if let Some(other) = *other {
                *one = Some(one.unwrap_or(0).saturating_add(other));
            }
        }
    }

    fn subtract(&mut self, other: &Self) {
        self.requests = self.requests.saturating_sub(other.requests);
        self.usage_unknown = self.usage_unknown.saturating_sub(other.usage_unknown);
        self.cost_incomplete = self.cost_incomplete.saturating_sub(other.cost_incomplete);
        for (one, other) in self
            .optional_fields()
            .into_iter()
            .zip({ *other }.optional_fields())
        {
            *one = one.map(|one| one.saturating_sub(other.unwrap_or(0)));
        }
    }

    const fn optional_fields(&mut self) -> [&mut Option<u64>; 6] {
        [
            &mut self.input_tokens,
            &mut self.output_tokens,
            &mut self.cached_read_tokens,
            &mut self.cache_write_tokens,
            &mut self.reasoning_tokens,
            &mut self.cost,
        ]
    }
}
