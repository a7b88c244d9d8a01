//! The body of `GET …/usage`.

use serde::Serialize;

use super::totals::{Total, Totals};
use crate::base::time::UnixTime;
use crate::models::price::Cost;
use crate::provider::Provider;

/// The usage of the providers that a caller may see.
#[derive(Serialize)]
pub struct UsageReport {
    since: Option<String>,
    providers: Vec<ProviderUsage>,
}

#[derive(Serialize)]
struct ProviderUsage {
    name: String,
    #[serde(flatten)]
    usage: Usage,
    models: Vec<ModelUsage>,
}

#[derive(Serialize)]
struct ModelUsage {
    model: String,
    #[serde(flatten)]
    usage: Usage,
}

/// A total with its cost in the currency's unit.
#[derive(Serialize)]
struct Usage {
    #[serde(flatten)]
    total: Total,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<f64>,
}

impl UsageReport {
    pub(super) fn new<'a>(
        since: Option<UnixTime>,
        providers: impl Iterator<Item = &'a Provider>,
        totals: &Totals,
    ) -> Self {
        Self {
            since: since.map(|since| since.to_string()),
            providers: providers
                .map(|provider| ProviderUsage::new(&provider.name, totals))
                .collect(),
        }
    }
}

impl ProviderUsage {
    fn new(provider: &str, totals: &Totals) -> Self {
        let models = totals.0.get(provider).into_iter().flatten();
        let mut sum = Total::default();
        let models = models.map(|(model, total)| {
            sum.add(total);
            ModelUsage {
                model: model.clone(),
                usage: Usage::new(*total),
            }
        });
        let models = models.collect();
        Self {
            name: provider.to_owned(),
            usage: Usage::new(sum),
            models,
        }
    }
}

impl Usage {
    fn new(total: Total) -> Self {
        Self {
            total: Total {
                cost: None,
                ..total
            },
            cost: total.cost.map(|cost| Cost(cost).units()),
        }
    }
}
