//! The cost of a response by the operator's prices. There are no built-in prices.
//!
//! Amounts are in the currency of the operator. They are exact: a price has at most six decimal
//! places, per million tokens or per unit, and sums are integers.

use std::fmt;

use crate::models::pattern::ModelPattern;
use crate::usage::response_usage::{ResponseUsage, ServiceClass, TokenUsage, UnitUsage};

/// The prices of one provider's models.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PriceList(Vec<(ModelPattern, Prices)>);

/// The prices of a model.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Prices {
    /// What applies unless something else says otherwise. It has input and output.
    pub base: Rates,
    /// The prices for long inputs.
    pub long_context: Vec<LongContext>,
    /// The prices of service tiers, by their names in lower case.
    pub tiers: Vec<(String, PriceChange)>,
    /// The prices of the places where a model can run.
    pub geographies: Vec<(String, PriceChange)>,
    /// The prices of the speeds at which a model can run.
    pub speeds: Vec<(String, PriceChange)>,
}

/// How prices differ from others.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PriceChange {
    /// What the token prices that are not replaced are multiplied by.
    pub multiplier: Option<Multiplier>,
    /// The prices that are replaced.
    pub rates: Rates,
    /// The prices for long inputs.
    pub long_context: Vec<LongContext>,
}

/// The prices for inputs above a number of tokens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LongContext {
    /// That number.
    pub above_input_tokens: u64,
    /// The prices.
    pub change: PriceChange,
}

/// What has a price.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rate {
    /// Input neither read from nor written to a cache.
    Input,
    /// Output, including reasoning.
    Output,
    /// Input read from a cache. As `Input` by default.
    CachedInput,
    /// Input written to a cache for five minutes, or for an unreported lifetime. As `Input` by
    /// default.
    CacheWrite5m,
    /// Input written to a cache for an hour. As `CacheWrite5m` by default.
    CacheWrite1h,
    /// Input that is audio.
    AudioInput,
    /// Input that is audio and was read from a cache. As `CachedInput` by default.
    CachedAudioInput,
    /// Output that is audio.
    AudioOutput,
    /// Input that is an image. As `Input` by default.
    ImageInput,
    /// Output that is an image.
    ImageOutput,
    /// One web search, or one of Cohere's search units.
    Search,
    /// One image.
    Image,
    /// One page of a document.
    Page,
    /// One minute of audio.
    AudioMinute,
}

/// A price for each [`Rate`], if there is one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rates([Option<Price>; Rate::COUNT]);

/// The price of one token or unit, in trillionths (10⁻¹²) of the currency unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Price(u64);

/// A factor, in millionths.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Multiplier(u64);

/// The cost of a request, in billionths (10⁻⁹) of the currency unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cost(pub u64);

/// A cost, and what is missing in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct KnownCost {
    /// The cost of what has a price.
    pub cost: Cost,
    /// What has none.
    pub gaps: CostGaps,
}

/// What a response reports that no price covers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum CostGap {
    /// The model.
    Model,
    /// Another model that took part, such as an advisor.
    OtherModel,
    /// The service tier.
    ServiceTier,
    /// Where the model ran.
    Geography,
    /// The speed.
    Speed,
    /// A long input, for which a change of the prices names none.
    LongContext,
    /// Audio tokens.
    Audio,
    /// Images.
    Image,
    /// Web searches.
    Search,
    /// Pages.
    Page,
}

/// A set of gaps.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CostGaps(u16);

/// What is billed.
#[derive(Clone, Copy, Debug)]
pub struct Billable<'a> {
    /// The tokens of one model.
    pub tokens: &'a TokenUsage,
    /// What is billed besides tokens.
    pub units: UnitUsage,
    /// What selects the price.
    pub service: &'a ServiceClass,
}

impl Rate {
    const COUNT: usize = 14;

    /// Whether the price is per token, and not per unit.
    pub const fn is_of_tokens(self) -> bool {
        (self as usize) < Self::Search as usize
    }
}

impl Rates {
    /// Sets a price.
    pub fn set(&mut self, rate: Rate, price: Option<Price>) {
        if let Some(slot) = self.0.get_mut(rate as usize) {
            *slot = price;
        }
    }

    fn get(&self, rate: Rate) -> Option<Price> {
        self.0.get(rate as usize).copied().flatten()
    }

    fn token_prices(&self) -> &[Option<Price>] {
        self.0.get(..Rate::Search as usize).unwrap_or_default()
    }

    /// The price, or that of the rate by which it is billed without a price of its own.
    fn or_default(&self, rate: Rate) -> Price {
        let default = match rate {
            Rate::CachedInput | Rate::CacheWrite5m | Rate::ImageInput | Rate::AudioInput => {
                Rate::Input
            }
            Rate::CacheWrite1h => Rate::CacheWrite5m,
            Rate::CachedAudioInput => Rate::CachedInput,
            Rate::AudioOutput | Rate::ImageOutput => Rate::Output,
            _ => return self.get(rate).unwrap_or(Price(0)),
        };
        self.get(rate).unwrap_or_else(|| self.or_default(default))
    }
}

impl Price {
    /// A price per million tokens. `None` if it is out of range.
    pub fn per_million(units: f64) -> Option<Self> {
        // In range, so the cast only rounds to the sixth decimal place.
        (0.0..=MAX_PRICE)
            .contains(&units)
            .then(|| Self((units * 1e6).round() as u64))
    }

    /// A price per unit. `None` if it is out of range.
    pub fn per_unit(units: f64) -> Option<Self> {
        Self::per_million(units).map(|Self(millionths)| Self(millionths * 1_000_000))
    }

    fn of(self, count: u64) -> u128 {
        u128::from(self.0) * u128::from(count)
    }

    fn times(self, Multiplier(millionths): Multiplier) -> Self {
        let product = (self.of(millionths) + 500_000) / 1_000_000;
        Self(u64::try_from(product).unwrap_or(u64::MAX))
    }
}

/// Far above any real price.
const MAX_PRICE: f64 = 1e6;

impl Multiplier {
    /// A multiplier. `None` if it is out of range.
    pub fn new(factor: f64) -> Option<Self> {
        /// Far above any real one.
        const MAX: f64 = 1000.0;
        // In range, so the cast only rounds to the sixth decimal place.
        (0.0..=MAX)
            .contains(&factor)
            .then(|| Self((factor * 1e6).round() as u64))
    }
}

impl PriceChange {
    fn apply(&self, rates: Rates) -> Rates {
        let multiply = |index: usize, price: Price| match self.multiplier {
            Some(multiplier) if index < Rate::Search as usize => price.times(multiplier),
            _ => price,
        };
        let mut changed = rates;
        let prices = changed.0.iter_mut().zip(self.rates.0).enumerate();
        for (index, (price, replacement)) in prices {
            *price = replacement.or_else(|| price.map(|price| multiply(index, price)));
        }
        changed
    }

    fn replaces_token_prices(&self) -> bool {
        self.rates.token_prices().iter().any(Option::is_some)
    }
}

/// The prices for an input of this length, if it is a long one.
fn long_context(list: &[LongContext], input: u64) -> Option<&PriceChange> {
    let reached = list.iter().filter(|it| it.above_input_tokens < input);
    let highest = reached.max_by_key(|it| it.above_input_tokens);
    highest.map(|it| &it.change)
}

impl PriceList {
    /// A list of prices, each for the models that match a pattern.
    pub fn new(prices: Vec<(ModelPattern, Prices)>) -> Self {
        Self(prices)
    }

    /// Whether there are no prices.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names of the models that are listed by their exact names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|(pattern, _)| pattern.name())
    }

    /// The cost of what a response reports. `None` without a price for the model, or without usage.
    ///
    /// An exact ID takes precedence over a prefix, then the model that answered over the requested
    /// one, then a longer prefix over a shorter one.
    pub fn cost(
        &self,
        answered: Option<&str>,
        requested: Option<&str>,
        usage: Billable<'_>,
    ) -> Option<KnownCost> {
        if self.is_empty() || !usage.is_reported() {
            return None;
        }
        let names = [answered, requested];
        let names = names.into_iter().flatten();
        let exact = names.clone().find_map(|name| self.exact(name));
        let prices = exact.or_else(|| names.clone().find_map(|name| self.longest_prefix(name)))?;
        Some(prices.cost(usage))
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
    fn cost(&self, usage: Billable<'_>) -> KnownCost {
        let (rates, mut gaps) = self.rates(usage);
        let trillionths = token_cost(&rates, usage.tokens, &mut gaps)
            .saturating_add(unit_cost(&rates, usage, &mut gaps));
        let cost = u64::try_from((trillionths + 500) / 1000).unwrap_or(u64::MAX);
        KnownCost {
            cost: Cost(cost),
            gaps,
        }
    }

    /// The rates that apply to a response.
    fn rates(&self, usage: Billable<'_>) -> (Rates, CostGaps) {
        let mut gaps = CostGaps::default();
        let service = usage.service;
        let mut changes = Vec::new();
        for (list, name, gap) in [
            (&self.tiers, &service.tier, CostGap::ServiceTier),
            (&self.speeds, &service.speed, CostGap::Speed),
            (&self.geographies, &service.geography, CostGap::Geography),
        ] {
            let Some(name) = name else {
                continue;
            };
            match list.iter().find(|(listed, _)| listed == name) {
                Some((_, change)) => changes.push(change),
                None => gaps.add(gap),
            }
        }
        let input = usage.tokens.total_input().unwrap_or(0);
        let mut rates = self.base;
        let has_own = changes.iter().any(|it| !it.long_context.is_empty());
        if !has_own && let Some(long) = long_context(&self.long_context, input) {
            if changes.iter().any(|it| it.replaces_token_prices()) {
                gaps.add(CostGap::LongContext);
            } else {
                rates = long.apply(rates);
            }
        }
        for change in changes {
            rates = change.apply(rates);
            if let Some(long) = long_context(&change.long_context, input) {
                rates = long.apply(rates);
            }
        }
        (rates, gaps)
    }
}

/// Each token costs once, whether or not the input tokens of the provider include cached ones.
fn token_cost(rates: &Rates, tokens: &TokenUsage, gaps: &mut CostGaps) -> u128 {
    let count = |tokens: Option<u64>| tokens.unwrap_or(0);
    let for_an_hour = count(tokens.cache_write_1h);
    let written = count(tokens.cache_write());
    let uncached = count(tokens.uncached_input());
    let cached = count(tokens.cached_read);
    let output = count(tokens.total_output());

    let cached_audio = count(tokens.cached_audio).min(cached);
    let audio_input = count(tokens.audio_input)
        .saturating_sub(cached_audio)
        .min(uncached);
    let image_input = count(tokens.image_input).min(uncached - audio_input);
    let audio_output = count(tokens.audio_output).min(output);
    let image_output = count(tokens.image_output).min(output - audio_output);
    for (rate, tokens, gap) in [
        (Rate::AudioInput, audio_input, CostGap::Audio),
        (Rate::AudioOutput, audio_output, CostGap::Audio),
        (Rate::ImageOutput, image_output, CostGap::Image),
    ] {
        if tokens > 0 && rates.get(rate).is_none() {
            gaps.add(gap);
        }
    }
    let costs = [
        (Rate::Input, uncached - audio_input - image_input),
        (Rate::AudioInput, audio_input),
        (Rate::ImageInput, image_input),
        (Rate::CachedInput, cached - cached_audio),
        (Rate::CachedAudioInput, cached_audio),
        (Rate::CacheWrite5m, written.saturating_sub(for_an_hour)),
        (Rate::CacheWrite1h, for_an_hour),
        (Rate::Output, output - audio_output - image_output),
        (Rate::AudioOutput, audio_output),
        (Rate::ImageOutput, image_output),
    ];
    let costs = costs.map(|(rate, tokens)| rates.or_default(rate).of(tokens));
    costs.into_iter().fold(0, u128::saturating_add)
}

/// What has no price of its own is missing in the cost, unless the tokens cost something for it.
fn unit_cost(rates: &Rates, usage: Billable<'_>, gaps: &mut CostGaps) -> u128 {
    let units = usage.units;
    let has_tokens = usage.tokens.is_reported();
    let mut total = 0_u128;
    for (rate, count, gap, may_cost_tokens) in [
        (Rate::Search, units.searches, CostGap::Search, false),
        (Rate::Image, units.images, CostGap::Image, has_tokens),
        (Rate::Page, units.pages, CostGap::Page, false),
        (
            Rate::AudioMinute,
            units.audio_seconds,
            CostGap::Audio,
            has_tokens,
        ),
    ] {
        let Some(count) = count.filter(|count| *count > 0) else {
            continue;
        };
        match rates.get(rate) {
            Some(price) if rate == Rate::AudioMinute => total += price.of(count) / 60,
            Some(price) => total += price.of(count),
            None if !may_cost_tokens => gaps.add(gap),
            None => {}
        }
    }
    total
}

impl<'a> Billable<'a> {
    /// What the model that answered is billed for.
    pub const fn of(usage: &'a ResponseUsage) -> Self {
        Self {
            tokens: &usage.tokens,
            units: usage.units,
            service: &usage.service,
        }
    }

    /// Whether anything was reported.
    pub const fn is_reported(&self) -> bool {
        self.tokens.is_reported() || self.units.is_reported()
    }
}

impl CostGap {
    /// All of them, in the order of their bits.
    pub const ALL: [Self; 10] = [
        Self::Model,
        Self::OtherModel,
        Self::ServiceTier,
        Self::Geography,
        Self::Speed,
        Self::LongContext,
        Self::Audio,
        Self::Image,
        Self::Search,
        Self::Page,
    ];

    /// A stable code for logs and metrics.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::OtherModel => "other_model",
            Self::ServiceTier => "service_tier",
            Self::Geography => "geography",
            Self::Speed => "speed",
            Self::LongContext => "long_context",
            Self::Audio => "audio",
            Self::Image => "image",
            Self::Search => "search",
            Self::Page => "page",
        }
    }
}

impl CostGaps {
    /// Adds one.
    pub const fn add(&mut self, gap: CostGap) {
        self.0 |= 1 << gap as u8;
    }

    /// Adds those of another set.
    pub const fn add_all(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The gaps.
    pub fn iter(self) -> impl Iterator<Item = CostGap> {
        let all = CostGap::ALL.into_iter();
        all.filter(move |gap| self.0 & 1 << *gap as u8 != 0)
    }
}

/// The codes, separated by commas.
impl fmt::Display for CostGaps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let codes: Vec<_> = self.iter().map(CostGap::code).collect();
        f.write_str(&codes.join(","))
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

    static STANDARD: ServiceClass = ServiceClass {
        tier: None,
        geography: None,
        speed: None,
    };

    fn of(tokens: &TokenUsage) -> Billable<'_> {
        Billable {
            tokens,
            units: UnitUsage::default(),
            service: &STANDARD,
        }
    }

    fn rates(prices: &[(Rate, f64)]) -> Rates {
        let mut rates = Rates::default();
        for (rate, units) in prices {
            let price = if rate.is_of_tokens() {
                Price::per_million(*units)
            } else {
                Price::per_unit(*units)
            };
            rates.set(*rate, price);
        }
        rates
    }

    fn change(multiplier: Option<f64>, prices: &[(Rate, f64)]) -> PriceChange {
        PriceChange {
            multiplier: multiplier.and_then(Multiplier::new),
            rates: rates(prices),
            long_context: Vec::new(),
        }
    }

    fn price(units: f64) -> Price {
        Price::per_million(units).unwrap()
    }

    fn list(names: &[(&str, f64)]) -> PriceList {
        let prices = names.iter().map(|(name, input)| {
            let base = rates(&[
                (Rate::Input, *input),
                (Rate::Output, 10.0),
                (Rate::CachedInput, 0.1),
                (Rate::CacheWrite5m, 1.25),
                (Rate::CacheWrite1h, 2.0),
            ]);
            let prices = Prices {
                base,
                ..Prices::default()
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
            let cost = list(&[("m", 1.0)]).cost(Some("m"), None, of(&tokens));
            // 100 × 1 + 600 × 0.1 + 100 × 1.25 + 200 × 2 + 100 × 10, in millionths
            assert_eq!(cost.unwrap().cost.to_string(), "0.001685");
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
            let cost = list.cost(answered, requested, of(&input(1)));
            let expected = micros.map(|micros: u64| Cost(micros * 1000));
            assert_eq!(cost.map(|known| known.cost), expected);
        }
    }

    #[test]
    fn cost_is_unknown_without_tokens_or_price() {
        let list = list(&[("*", 1.0)]);
        assert_eq!(list.cost(Some("m"), None, of(&TokenUsage::default())), None);
        let cost = list.cost(Some("m"), None, of(&input(0)));
        assert_eq!(cost, Some(KnownCost::default()));
        let none = PriceList::default();
        assert_eq!(none.cost(Some("m"), None, of(&input(1))), None);
        assert!(list.cost(Some("m"), None, of(&input(u64::MAX))).is_some());
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

    /// Base prices of 2 for input, 10 for output and 0.2 for cached input.
    fn base() -> Prices {
        Prices {
            base: rates(&[
                (Rate::Input, 2.0),
                (Rate::Output, 10.0),
                (Rate::CachedInput, 0.2),
            ]),
            ..Prices::default()
        }
    }

    /// A million input tokens, of which some are cached, and as many output tokens.
    fn tokens(cached: u64) -> TokenUsage {
        TokenUsage {
            input: Some(1_000_000),
            output: Some(1_000_000),
            cached_read: Some(cached),
            ..TokenUsage::default()
        }
    }

    fn service(tier: &str, geography: &str, speed: &str) -> ServiceClass {
        let name = |name: &str| (!name.is_empty()).then(|| name.to_owned());
        ServiceClass {
            tier: name(tier),
            geography: name(geography),
            speed: name(speed),
        }
    }

    #[test]
    fn the_service_selects_the_price_or_the_cost_is_incomplete() {
        let named = |name: &str, change| vec![(name.to_owned(), change)];
        let prices = Prices {
            tiers: [
                ("flex", change(Some(0.5), &[])),
                (
                    "priority",
                    change(None, &[(Rate::Input, 4.0), (Rate::Output, 20.0)]),
                ),
                ("batch", change(Some(0.5), &[(Rate::CachedInput, 0.2)])),
            ]
            .map(|(name, change)| (name.to_owned(), change))
            .to_vec(),
            geographies: named("us", change(Some(1.1), &[])),
            speeds: named("fast", change(Some(6.0), &[])),
            ..base()
        };
        for ((tier, geography, speed), cost, gaps) in [
            (("", "", ""), "11.1", ""),
            (("flex", "", ""), "5.55", ""),
            (("priority", "", ""), "22.1", ""),
            (("batch", "", ""), "5.6", ""),
            (("", "us", ""), "12.21", ""),
            (("flex", "us", "fast"), "36.63", ""),
            (("scale", "", ""), "11.1", "service_tier"),
            (("", "eu", "slow"), "11.1", "geography,speed"),
        ] {
            let known = prices.cost(Billable {
                service: &service(tier, geography, speed),
                ..of(&tokens(500_000))
            });
            let found = (known.cost.to_string(), known.gaps.to_string());
            assert_eq!(
                found,
                (cost.to_owned(), gaps.to_owned()),
                "{tier} {geography} {speed}"
            );
        }
    }

    #[test]
    fn a_long_input_has_its_own_price() {
        let long = |above_input_tokens, change| LongContext {
            above_input_tokens,
            change,
        };
        let mut prices = Prices {
            long_context: vec![
                long(999_999, change(Some(2.0), &[(Rate::Output, 15.0)])),
                long(200_000, change(Some(9.0), &[])),
                long(1_000_000, change(Some(100.0), &[])),
            ],
            tiers: vec![
                ("flex".to_owned(), change(Some(0.5), &[])),
                ("priority".to_owned(), change(None, &[(Rate::Input, 4.0)])),
            ],
            ..base()
        };
        let cost = |prices: &Prices, tier: &str| {
            let known = prices.cost(Billable {
                service: &service(tier, "", ""),
                ..of(&tokens(0))
            });
            (known.cost.to_string(), known.gaps.to_string())
        };
        assert_eq!(cost(&prices, ""), ("19".to_owned(), String::new()));
        assert_eq!(cost(&prices, "flex"), ("9.5".to_owned(), String::new()));
        let incomplete = ("14".to_owned(), "long_context".to_owned());
        assert_eq!(cost(&prices, "priority"), incomplete);
        prices.tiers[1].1.long_context = vec![long(5, change(None, &[(Rate::Input, 8.0)]))];
        assert_eq!(cost(&prices, "priority"), ("18".to_owned(), String::new()));
    }

    #[test]
    fn tokens_of_a_modality_have_their_price_or_the_cost_is_incomplete() {
        let usage = TokenUsage {
            audio_input: Some(300_000),
            cached_audio: Some(100_000),
            audio_output: Some(200_000),
            image_input: Some(100_000),
            image_output: Some(100_000),
            ..tokens(500_000)
        };
        let known = base().cost(of(&usage));
        assert_eq!(known.cost.to_string(), "11.1");
        assert_eq!(known.gaps.to_string(), "audio,image");
        let mut prices = base();
        for (rate, price) in [
            (Rate::AudioInput, 40.0),
            (Rate::CachedAudioInput, 2.5),
            (Rate::AudioOutput, 80.0),
            (Rate::ImageInput, 5.0),
            (Rate::ImageOutput, 30.0),
        ] {
            prices.base.set(rate, Price::per_million(price));
        }
        // 0.2 × 2 + 0.2 × 40 + 0.1 × 5 + 0.4 × 0.2 + 0.1 × 2.5 + 0.7 × 10 + 0.2 × 80 + 0.1 × 30
        let known = prices.cost(of(&usage));
        assert_eq!(known.cost.to_string(), "35.23");
        assert!(known.gaps.is_empty());
        let only_images = TokenUsage {
            image_input: Some(100),
            ..tokens(0)
        };
        assert!(base().cost(of(&only_images)).gaps.is_empty());
    }

    #[test]
    fn units_have_their_price_or_the_cost_is_incomplete() {
        let units = UnitUsage {
            searches: Some(3),
            images: Some(2),
            pages: Some(5),
            audio_seconds: Some(90),
        };
        let none = TokenUsage::default();
        let some = input(0);
        let usage = |tokens| Billable {
            units,
            ..of(tokens)
        };
        let gaps = |tokens| base().cost(usage(tokens)).gaps.to_string();
        assert_eq!(gaps(&none), "audio,image,search,page");
        assert_eq!(gaps(&some), "search,page");
        let mut prices = base();
        for (rate, price) in [
            (Rate::Search, 0.01),
            (Rate::Image, 0.04),
            (Rate::Page, 0.001),
            (Rate::AudioMinute, 0.006),
        ] {
            prices.base.set(rate, Price::per_unit(price));
        }
        prices.tiers = vec![("flex".to_owned(), change(Some(0.5), &[]))];
        let known = prices.cost(Billable {
            service: &service("flex", "", ""),
            ..usage(&none)
        });
        assert_eq!(
            (known.cost.to_string(), known.gaps.is_empty()),
            ("0.124".to_owned(), true)
        );
        assert_eq!(Multiplier::new(-1.0), None);
        assert_eq!(Price::per_unit(2e6), None);
    }
}
