//! `prices` of a provider or of a binding: what tokens cost, by model.

use std::collections::BTreeMap;

use super::document;
use super::problem::{Problems, pointer_segment};
use crate::models::pattern::ModelPattern;
use crate::models::price::{Price, PriceList, Prices};

pub(super) fn read(
    documents: BTreeMap<String, document::PricesConfig>,
    path: &str,
    problems: &mut Problems,
) -> PriceList {
    let prices = documents.into_iter().filter_map(|(name, document)| {
        let path = format!("{path}/prices/{}", pointer_segment(&name));
        let pattern = ModelPattern::parse(&name);
        if pattern.is_none() {
            problems.add(&path, "must be a model id, or a prefix followed by *");
        }
        let mut price = |field: &str, units: f64| {
            let price = Price::per_million(units);
            if price.is_none() {
                problems.add(
                    format_args!("{path}/{field}"),
                    "must be a price per million tokens, from 0 to 1000000",
                );
            }
            price
        };
        let input = price("input", document.input);
        let output = price("output", document.output);
        let mut price_or = |field: &str, units: Option<f64>, default: Option<Price>| match units {
            Some(units) => price(field, units),
            None => default,
        };
        let cached_input = price_or("cached_input", document.cached_input, input);
        let cache_write_5m = price_or("cache_write_5m", document.cache_write_5m, input);
        let cache_write_1h = price_or("cache_write_1h", document.cache_write_1h, cache_write_5m);
        let prices = Prices {
            input: input?,
            output: output?,
            cached_input: cached_input?,
            cache_write_5m: cache_write_5m?,
            cache_write_1h: cache_write_1h?,
        };
        Some((pattern?, prices))
    });
    PriceList::new(prices.collect())
}
