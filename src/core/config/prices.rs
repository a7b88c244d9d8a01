//! `prices` of a provider or of a binding: what a response costs, by model.

use std::collections::BTreeMap;

use super::document;
use super::problem::{Problems, pointer_segment};
use crate::models::pattern::ModelPattern;
use crate::models::price::{
    LongContext, Multiplier, Price, PriceChange, PriceList, Prices, Rate, Rates,
};

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
        let prices = read_model(document, &path, problems);
        Some((pattern?, prices))
    });
    PriceList::new(prices.collect())
}

fn read_model(document: document::PricesConfig, path: &str, problems: &mut Problems) -> Prices {
    Prices {
        base: read_rates(
            &[
                (Rate::Input, "input", Some(document.input)),
                (Rate::Output, "output", Some(document.output)),
                (Rate::CachedInput, "cached_input", document.cached_input),
                (
                    Rate::CacheWrite5m,
                    "cache_write_5m",
                    document.cache_write_5m,
                ),
                (
                    Rate::CacheWrite1h,
                    "cache_write_1h",
                    document.cache_write_1h,
                ),
                (Rate::AudioInput, "audio_input", document.audio_input),
                (
                    Rate::CachedAudioInput,
                    "cached_audio_input",
                    document.cached_audio_input,
                ),
                (Rate::AudioOutput, "audio_output", document.audio_output),
                (Rate::ImageInput, "image_input", document.image_input),
                (Rate::ImageOutput, "image_output", document.image_output),
                (Rate::Search, "per_search", document.per_search),
                (Rate::Image, "per_image", document.per_image),
                (Rate::Page, "per_page", document.per_page),
                (
                    Rate::AudioMinute,
                    "per_audio_minute",
                    document.per_audio_minute,
                ),
            ],
            path,
            problems,
        ),
        long_context: read_long_context(document.long_context, path, problems),
        tiers: read_changes(document.tiers, &format!("{path}/tiers"), problems),
        geographies: read_changes(
            document.geographies,
            &format!("{path}/geographies"),
            problems,
        ),
        speeds: read_changes(document.speeds, &format!("{path}/speeds"), problems),
    }
}

/// Responses spell these names in different cases.
fn read_changes(
    documents: BTreeMap<String, document::PriceChangeConfig>,
    path: &str,
    problems: &mut Problems,
) -> Vec<(String, PriceChange)> {
    let changes = documents.into_iter().map(|(name, document)| {
        let path = format!("{path}/{}", pointer_segment(&name));
        let change = PriceChange {
            multiplier: read_multiplier(document.multiplier, &path, problems),
            rates: read_rates(
                &[
                    (Rate::Input, "input", document.input),
                    (Rate::Output, "output", document.output),
                    (Rate::CachedInput, "cached_input", document.cached_input),
                    (
                        Rate::CacheWrite5m,
                        "cache_write_5m",
                        document.cache_write_5m,
                    ),
                    (
                        Rate::CacheWrite1h,
                        "cache_write_1h",
                        document.cache_write_1h,
                    ),
                    (Rate::AudioInput, "audio_input", document.audio_input),
                    (
                        Rate::CachedAudioInput,
                        "cached_audio_input",
                        document.cached_audio_input,
                    ),
                    (Rate::AudioOutput, "audio_output", document.audio_output),
                    (Rate::ImageInput, "image_input", document.image_input),
                    (Rate::ImageOutput, "image_output", document.image_output),
                    (Rate::Search, "per_search", document.per_search),
                    (Rate::Image, "per_image", document.per_image),
                    (Rate::Page, "per_page", document.per_page),
                    (
                        Rate::AudioMinute,
                        "per_audio_minute",
                        document.per_audio_minute,
                    ),
                ],
                &path,
                problems,
            ),
            long_context: read_long_context(document.long_context, &path, problems),
        };
        (name.to_ascii_lowercase(), change)
    });
    changes.collect()
}

fn read_long_context(
    documents: Vec<document::LongContextPrices>,
    path: &str,
    problems: &mut Problems,
) -> Vec<LongContext> {
    let prices = documents.into_iter().enumerate().map(|(index, document)| {
        let path = format!("{path}/long_context/{index}");
        LongContext {
            above_input_tokens: document.above_input_tokens,
            change: PriceChange {
                multiplier: read_multiplier(document.multiplier, &path, problems),
                rates: read_rates(
                    &[
                        (Rate::Input, "input", document.input),
                        (Rate::Output, "output", document.output),
                        (Rate::CachedInput, "cached_input", document.cached_input),
                        (
                            Rate::CacheWrite5m,
                            "cache_write_5m",
                            document.cache_write_5m,
                        ),
                        (
                            Rate::CacheWrite1h,
                            "cache_write_1h",
                            document.cache_write_1h,
                        ),
                        (Rate::AudioInput, "audio_input", document.audio_input),
                        (
                            Rate::CachedAudioInput,
                            "cached_audio_input",
                            document.cached_audio_input,
                        ),
                        (Rate::AudioOutput, "audio_output", document.audio_output),
                        (Rate::ImageInput, "image_input", document.image_input),
                        (Rate::ImageOutput, "image_output", document.image_output),
                    ],
                    &path,
                    problems,
                ),
                long_context: Vec::new(),
            },
        }
    });
    prices.collect()
}

fn read_multiplier(factor: Option<f64>, path: &str, problems: &mut Problems) -> Option<Multiplier> {
    let multiplier = Multiplier::new(factor?);
    if multiplier.is_none() {
        problems.add(
            format_args!("{path}/multiplier"),
            "must be a number from 0 to 1000",
        );
    }
    multiplier
}

fn read_rates(fields: &[(Rate, &str, Option<f64>)], path: &str, problems: &mut Problems) -> Rates {
    let mut rates = Rates::default();
    for (rate, field, units) in fields {
        let Some(units) = *units else {
            continue;
        };
        let (price, expected) = if rate.is_of_tokens() {
            let expected = "must be a price per million tokens, from 0 to 1000000";
            (Price::per_million(units), expected)
        } else {
            let expected = "must be a price per unit, from 0 to 1000000";
            (Price::per_unit(units), expected)
        };
        if price.is_none() {
            problems.add(format_args!("{path}/{field}"), expected);
        }
        rates.set(*rate, price);
    }
    rates
}
