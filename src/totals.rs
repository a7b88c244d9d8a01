//! What was used since the start, by provider and model, all workers together.
//!
//! Each worker adds up for itself and publishes its totals on the [`Board`] in a slot that nobody
//! else writes, so that no update is lost. Whoever ends leaves its slot, and what it adds up to, to
//! the next: a new configuration loses nothing either.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::observe::Record;
use crate::price::Cost;
use crate::provider::Provider;
use crate::refresh::Board;
use crate::time::UnixTime;

/// One worker's part of the totals.
#[derive(Default)]
pub struct Ledger {
    totals: Totals,
    slot: Option<usize>,
    is_changed: bool,
    /// Whether the start is on the board.
    is_begun: bool,
}

/// By provider, by model.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct Totals(BTreeMap<String, BTreeMap<String, Total>>);

/// What is added up; tokens that nobody reported are `None`, never zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct Total {
    requests: u64,
    /// Requests whose usage is not, or not wholly, known.
    usage_unknown: u64,
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cached_read_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
    reasoning_tokens: Option<u64>,
    /// In billionths of the currency's unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cost: Option<u64>,
}

/// What all workers agree upon.
#[derive(Default, Serialize, Deserialize)]
struct Register {
    slots: usize,
    since: Option<UnixTime>,
}

#[derive(Default, Serialize, Deserialize)]
struct Slot {
    is_taken: bool,
    totals: Totals,
}

/// The totals, as they go out.
#[derive(Serialize)]
pub struct Statement {
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

const REGISTER: &str = "usage";

impl Ledger {
    /// Nothing is used yet. To be called while the host sets up its workers one after the other.
    pub fn new(board: &dyn Board) -> Self {
        if board.read(REGISTER).is_none() {
            board.write(REGISTER, &json(&Register::default()), None);
        }
        Self::default()
    }

    /// Takes in a request that has ended; `model` as it is labelled.
    pub fn add(&mut self, record: &Record, model: &str) {
        let tokens = &record.tokens;
        let total = Total {
            requests: 1,
            usage_unknown: u64::from(record.incomplete.is_some()),
            input_tokens: tokens.total_input(),
            output_tokens: tokens.total_output(),
            cached_read_tokens: tokens.cached_read,
            cache_write_tokens: tokens.cache_write(),
            reasoning_tokens: tokens.reasoning,
            cost: record.cost.map(|cost| cost.0),
        };
        self.totals.add(&record.provider, model, &total);
        self.is_changed = true;
    }

    /// Has the other workers know, if there is anything new.
    pub fn publish(&mut self, now: UnixTime, board: &dyn Board) {
        if !self.is_begun {
            self.is_begun = begin(now, board);
        }
        if self.is_changed && self.take_slot(board) {
            self.write(true, board);
            self.is_changed = false;
        }
    }

    /// Leaves everything to the next worker, since this one ends.
    pub fn abandon(&mut self, board: &dyn Board) {
        if self.slot.is_some() || (self.is_changed && self.take_slot(board)) {
            self.write(false, board);
        }
        *self = Self::default();
    }

    /// What all workers used of these providers: of this one until now, of the others until they
    /// last published.
    pub fn statement<'a>(
        &self,
        providers: impl Iterator<Item = &'a Provider>,
        board: &dyn Board,
    ) -> Statement {
        let (register, _) = register(board);
        let mut totals = self.totals.clone();
        let others = (0..register.slots).filter(|slot| Some(*slot) != self.slot);
        for (slot, _) in others.filter_map(|slot| slot_at(slot, board)) {
            totals.add_all(&slot.totals);
        }
        Statement {
            since: register.since.map(|since| since.to_string()),
            providers: providers
                .map(|provider| totals.line_of(&provider.name))
                .collect(),
        }
    }

    fn write(&self, is_taken: bool, board: &dyn Board) {
        if let Some(slot) = self.slot {
            let totals = self.totals.clone();
            board.write(&name(slot), &json(&Slot { is_taken, totals }), None);
        }
    }

    /// Takes a slot that was left, or a new one, if there is none yet; says whether there is now.
    fn take_slot(&mut self, board: &dyn Board) -> bool {
        if self.slot.is_some() {
            return true;
        }
        let (mut register, version) = register(board);
        for index in 0..register.slots {
            if let Some((mut slot, version)) = slot_at(index, board)
                && !slot.is_taken
            {
                slot.is_taken = true;
                if board.write(&name(index), &json(&slot), Some(version)) {
                    self.totals.add_all(&slot.totals);
                    self.slot = Some(index);
                    return true;
                }
            }
        }
        let index = register.slots;
        register.slots += 1;
        if board.write(REGISTER, &json(&register), Some(version)) {
            self.slot = Some(index);
        }
        self.slot.is_some()
    }
}

impl Totals {
    fn add(&mut self, provider: &str, model: &str, total: &Total) {
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

    fn add_all(&mut self, other: &Self) {
        for (provider, models) in &other.0 {
            for (model, total) in models {
                self.add(provider, model, total);
            }
        }
    }

    fn line_of(&self, provider: &str) -> ProviderLine {
        let models = self.0.get(provider).into_iter().flatten();
        let mut sum = Total::default();
        let models = models.map(|(model, total)| {
            sum.add(total);
            ModelLine {
                model: model.clone(),
                total: Line::new(*total),
            }
        });
        let models = models.collect();
        ProviderLine {
            name: provider.to_owned(),
            total: Line::new(sum),
            models,
        }
    }
}

impl Total {
    fn add(&mut self, other: &Self) {
        let sum = |one: &mut Option<u64>, other: Option<u64>| {
            if let Some(other) = other {
                *one = Some(one.unwrap_or(0).saturating_add(other));
            }
        };
        self.requests += other.requests;
        self.usage_unknown += other.usage_unknown;
        sum(&mut self.input_tokens, other.input_tokens);
        sum(&mut self.output_tokens, other.output_tokens);
        sum(&mut self.cached_read_tokens, other.cached_read_tokens);
        sum(&mut self.cache_write_tokens, other.cache_write_tokens);
        sum(&mut self.reasoning_tokens, other.reasoning_tokens);
        sum(&mut self.cost, other.cost);
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

/// Puts the start on the board; says whether it is there.
fn begin(now: UnixTime, board: &dyn Board) -> bool {
    let (mut register, version) = register(board);
    if register.since.is_none() {
        register.since = Some(now);
        return board.write(REGISTER, &json(&register), Some(version));
    }
    true
}

fn register(board: &dyn Board) -> (Register, u32) {
    let (text, version) = board.read(REGISTER).unwrap_or_default();
    (serde_json::from_slice(&text).unwrap_or_default(), version)
}

fn slot_at(index: usize, board: &dyn Board) -> Option<(Slot, u32)> {
    let (text, version) = board.read(&name(index))?;
    Some((serde_json::from_slice(&text).ok()?, version))
}

fn name(slot: usize) -> String {
    format!("{REGISTER}/{slot}")
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

#[cfg(test)]
mod tests;
