//! `GET …/usage`: the totals, as they go out.

use serde::Serialize;

use super::totals::{Total, Totals};
use crate::base::time::UnixTime;
use crate::models::price::Cost;
use crate::provider::Provider;

/// What was used of the providers that a caller may see.
#[derive(Serialize)]
pub struct UsageReport {
    since: Option<String>,
    providers: Vec<ProviderLine>,
}

#[derive(Serialize)]
struct ProviderLine {
    name: String,
    #[serde(flatten)]
    total: Line,
    models: Vec<ModelLine>,
}

#[derive(Serialize)]
struct ModelLine {
    model: String,
    #[serde(flatten)]
    total: Line,
}

/// A total with its cost in the currency's unit.
#[derive(Serialize)]
struct Line {
    #[serde(flatten)]
    total: Total,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<f64>,
}

impl UsageReport {
    /// What these totals say of these providers.
    pub(super) fn new<'a>(
        since: Option<UnixTime>,
        providers: impl Iterator<Item = &'a Provider>,
        totals: &Totals,
    ) -> Self {
        Self {
            since: since.map(|since| since.to_string()),
            providers: providers
                .map(|provider| ProviderLine::new(&provider.name, totals))
                .collect(),
        }
    }
}

impl ProviderLine {
    fn new(provider: &str, totals: &Totals) -> Self {
        let models = totals.0.get(provider).into_iter().flatten();
        let mut sum = Total::default();
        let models = models.map(|(model, total)| {
            sum.add(total);
            ModelLine {
                model: model.clone(),
                total: Line::new(*total),
            }
        });
        let models = models.collect();
        Self {
            name: provider.to_owned(),
            total: Line::new(sum),
            models,
        }
    }
}

impl Line {
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
