//! The cost of tokens by the operator's prices. There are no built-in prices.
//!
//! Amounts are in the currency of the operator. They are exact: a price has at most six decimal
//! places per million tokens, and sums are integers.

use std::fmt;

use crate::models::pattern::ModelPattern;
use crate::usage::response_usage::TokenUsage;

/// The prices of one provider's models.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PriceList(Vec<(ModelPattern, Prices)>);

/// The prices of the tokens of a model, by type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Prices {
    /// Input neither read from nor written to a cache.
    pub input: Price,
    /// Output, including reasoning.
    pub output: Price,
    /// Input read from a cache.
    pub cached_input: Price,
    /// Input written to a cache for five minutes, or for an unreported lifetime.
    pub cache_write_5m: Price,
    /// Input written to a cache for an hour.
    pub cache_write_1h: Price,
}

/// The price of one token, in trillionths (10⁻¹²) of the currency unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Price(u64);

/// The cost of a request, in billionths (10⁻⁹) of the currency unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cost(pub u64);

impl Price {
    /// A price per million tokens. `None` if it is out of range.
    pub fn per_million(units: f64) -> Option<Self> {
        /// Far above any real price.
        const MAX: f64 = 1e6;
        // In range, so the cast only rounds to the sixth decimal place.
        (0.0..=MAX)
            .contains(&units)
            .then(|| Self((units * 1e6).round() as u64))
    }

    fn of(self, tokens: u64) -> u128 {
        u128::from(self.0) * u128::from(tokens)
    }
}

impl PriceList {
    /// A list of prices, each for the models that match a pattern.
    pub fn new(prices: Vec<(ModelPattern, Prices)>) -> Self {
        Self(prices)
    }

    /// The cost of the reported tokens of a request. `None` without a price or without tokens.
    ///
    /// An exact ID takes precedence over a prefix, then the model that answered over the requested
    /// one, then a longer prefix over a shorter one.
    pub fn cost(
        &self,
        answered: Option<&str>,
        requested: Option<&str>,
        tokens: &TokenUsage,
    ) -> Option<Cost> {
        if self.0.is_empty() || !tokens.is_reported() {
            return None;
        }
        let names = [answered, requested];
        let names = names.into_iter().flatten();
        let exact = names.clone().find_map(|name| self.exact(name));
        let prices = exact.or_else(|| names.clone().find_map(|name| self.longest_prefix(name)))?;
        Some(prices.cost(tokens))
    }

    fn exact(&self, name: &str) -> Option<&Prices> {
        let mut prices = self.0.iter();
        let found = prices
            .find(|(pattern, _)| matches!(pattern, ModelPattern::Exact(model) if model == name));
        found.map(|(_, prices)| prices)
    }

    fn longest_prefix(&self, name: &str) -> Option<&Prices> {
        let matching = self.0.iter().filter_map(|(pattern, prices)| match pattern {
            ModelPattern::Prefix(prefix) if name.starts_with(prefix.as_str()) => {
                Some((prefix.len(), prices))
            }
            _ => None,
        });
        let longest = matching.max_by_key(|(length, _)| *length);
        longest.map(|(_, prices)| prices)
    }
}

impl Prices {
    /// Each token counts once, whether or not the input tokens of the provider include cached ones.
    fn cost(&self, tokens: &TokenUsage) -> Cost {
        let count = |tokens: Option<u64>| tokens.unwrap_or(0);
        let for_an_hour = count(tokens.cache_write_1h);
        let written = count(tokens.cache_write());
        let total = self.input.of(count(tokens.uncached_input()))
            + self.cached_input.of(count(tokens.cached_read))
            + self.cache_write_5m.of(written.saturating_sub(for_an_hour))
            + self.cache_write_1h.of(for_an_hour)
            + self.output.of(count(tokens.total_output()));
        Cost(u64::try_from((total + 500) / 1000).unwrap_or(u64::MAX))
    }
}

impl Cost {
    /// In the currency unit, for display.
    pub fn units(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

/// In the currency unit: `0.00123`.
impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:09}", self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::response_usage::{CacheTokenConvention, TokenConvention};

    fn price(units: f64) -> Price {
        Price::per_million(units).unwrap()
    }

    fn list(names: &[(&str, f64)]) -> PriceList {
        let prices = names.iter().map(|(name, input)| {
            let prices = Prices {
                input: price(*input),
                output: price(10.0),
                cached_input: price(0.1),
                cache_write_5m: price(1.25),
                cache_write_1h: price(2.0),
            };
            (ModelPattern::parse(name).unwrap(), prices)
        });
        PriceList::new(prices.collect())
    }

    fn input(tokens: u64) -> TokenUsage {
        TokenUsage {
            input: Some(tokens),
            ..TokenUsage::default()
        }
    }

    #[test]
    fn each_token_is_priced_once_whatever_the_convention() {
        let inside = TokenUsage {
            input: Some(1000),
            output: Some(100),
            cached_read: Some(600),
            cache_write: Some(300),
            cache_write_1h: Some(200),
            reasoning: Some(50),
            ..TokenUsage::default()
        };
        let beside = TokenUsage {
            input: Some(100),
            cache_write: None,
            cache_write_5m: Some(100),
            convention: TokenConvention {
                cache: CacheTokenConvention::BesideInput,
                ..TokenConvention::default()
            },
            ..inside
        };
        for tokens in [inside, beside] {
            let cost = list(&[("m", 1.0)]).cost(Some("m"), None, &tokens);
            // 100 × 1 + 600 × 0.1 + 100 × 1.25 + 200 × 2 + 100 × 10, in millionths
            assert_eq!(cost.unwrap().to_string(), "0.001685");
        }
    }

    #[test]
    fn the_best_match_decides_the_price() {
        let list = list(&[("m", 1.0), ("m-mini", 2.0), ("m-*", 3.0), ("m-m*", 4.0)]);
        for (answered, requested, micros) in [
            (Some("m"), None, Some(1)),
            (Some("m-2026"), Some("m"), Some(1)),
            (Some("m-mini-2026"), Some("m-mini"), Some(2)),
            (Some("m-2026"), None, Some(3)),
            (Some("m-mini-2026"), Some("x"), Some(4)),
            (None, Some("m"), Some(1)),
            (Some("other"), Some("m-x"), Some(3)),
            (Some("n"), Some("M"), None),
            (None, None, None),
        ] {
            let cost = list.cost(answered, requested, &input(1));
            assert_eq!(cost, micros.map(|micros: u64| Cost(micros * 1000)));
        }
    }

    #[test]
    fn cost_is_unknown_without_tokens_or_price() {
        let list = list(&[("*", 1.0)]);
        assert_eq!(list.cost(Some("m"), None, &TokenUsage::default()), None);
        let cost = list.cost(Some("m"), None, &input(0));
        assert_eq!(cost, Some(Cost(0)));
        assert_eq!(PriceList::default().cost(Some("m"), None, &input(1)), None);
        assert!(list.cost(Some("m"), None, &input(u64::MAX)).is_some());
    }

    #[test]
    fn small_prices_are_exact() {
        assert_eq!(price(0.0375).of(1), 37_500);
        assert_eq!(Price::per_million(0.02), Some(Price(20_000)));
        for wrong in [-0.1, f64::NAN, f64::INFINITY, 1e7] {
            assert_eq!(Price::per_million(wrong), None);
        }
        assert_eq!(Cost(0).to_string(), "0");
        assert_eq!(Cost(12_000_000_000).to_string(), "12");
        assert_eq!(Cost(20).to_string(), "0.00000002");
        assert!((Cost(1_500_000_000).units() - 1.5).abs() < 1e-9);
    }
}
