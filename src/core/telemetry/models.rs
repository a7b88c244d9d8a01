//! The models, and the tools of MCP servers, that have a label value of their own.
//!
//! Clients can send any name, and the host never forgets a label value. So only the first names get
//! one, within a budget that applies to all workers together and to later configurations too. Their
//! list is in [`SharedData`] and only grows. A worker reads it when it meets a new name, until the
//! budget is spent.
//!
//! Half of the budget is divided among the providers. The other half is for those that need more.
//! So the callers of one provider, or the provider itself, cannot use it up.

use std::collections::HashMap;

use super::label::label_value;
use crate::base::hash::FxHashMap;
use crate::base::shared_data::SharedData;

/// The label values of models.
pub(super) struct Models {
    labels: HashMap<String, ModelLabel>,
    values: Vec<String>,
    budget: ModelBudget,
    /// How many names of the list this worker has read.
    read: usize,
    /// The list's key in [`SharedData`].
    list: &'static str,
    /// How many of these are the first of each provider.
    of_providers: FxHashMap<String, usize>,
}

/// How many names of the list get a label value.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ModelBudget {
    /// Of all providers.
    pub max_models: usize,
    /// The number of providers.
    pub providers: usize,
}

/// A model's label value: an index into [`Models`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ModelLabel(usize);

/// The label value of a request that names no model.
const UNKNOWN_MODEL: ModelLabel = ModelLabel(0);

/// The label value of a model that has none of its own.
const OTHER_MODEL: ModelLabel = ModelLabel(1);

/// The key of the list of models in [`SharedData`].
pub(super) const MODELS: &str = "model_labels";

/// The key of the list of tools in [`SharedData`].
pub(super) const TOOLS: &str = "tool_labels";

/// A label value, and the provider whose response was the first to have it.
type ListedModel = (String, String);

/// How often a write is tried again after another worker has changed the list.
const MAX_ATTEMPTS: usize = 16;

impl Models {
    /// The `known` models and others within the budget get a label value of their own. Call this
    /// while the host sets up its workers one after the other.
    pub(super) fn new<'a>(
        list: &'static str,
        known: impl Iterator<Item = &'a str>,
        budget: ModelBudget,
        shared_data: &dyn SharedData,
    ) -> Self {
        if shared_data.read(list).is_none() {
            publish(list, &[], None, shared_data);
        }
        let mut models = Self {
            labels: HashMap::new(),
            values: vec!["unknown".to_owned(), "other".to_owned()],
            budget,
            read: 0,
            list,
            of_providers: FxHashMap::default(),
        };
        for model in known {
            models.add(label_value(model));
        }
        models
    }

    /// A model's label value, if it has one.
    pub(super) fn known(&self, name: Option<&str>) -> ModelLabel {
        let Some(name) = name else {
            return UNKNOWN_MODEL;
        };
        let label = self.labels.get(name);
        let label = label.or_else(|| self.labels.get(&label_value(name)));
        label.copied().unwrap_or(OTHER_MODEL)
    }

    /// The label value of a model of this provider.
    pub(super) fn label(
        &mut self,
        name: Option<&str>,
        provider: &str,
        shared_data: &dyn SharedData,
    ) -> ModelLabel {
        let Some(name) = name else {
            return UNKNOWN_MODEL;
        };
        if let Some(label) = self.labels.get(name) {
            return *label;
        }
        let value = label_value(name);
        for _ in 0..MAX_ATTEMPTS {
            if self.labels.contains_key(&value) || !self.may_add(provider) {
                break;
            }
            let (mut list, version) = list(self.list, shared_data);
            if list.len() <= self.read {
                list.push((value.clone(), provider.to_owned()));
                if !publish(self.list, &list, Some(version), shared_data) {
                    continue;
                }
            }
            self.add_listed(list);
        }
        self.labels.get(&value).copied().unwrap_or(OTHER_MODEL)
    }

    /// Divides the budget among so many providers.
    pub(super) const fn divide(&mut self, providers: usize) {
        self.budget.providers = providers;
    }

    /// The text of a model's label value.
    pub(super) fn value(&self, model: ModelLabel) -> &str {
        self.values.get(model.0).map_or("", String::as_str)
    }

    /// Whether the list has space for another model of this provider.
    fn may_add(&self, provider: &str) -> bool {
        let ModelBudget {
            max_models,
            providers,
        } = self.budget;
        let guaranteed = max_models / 2 / providers.max(1);
        let of_provider = self.of_providers.get(provider).copied().unwrap_or(0);
        if self.read >= max_models || of_provider < guaranteed {
            return self.read < max_models;
        }
        let beyond = |count: &usize| count.saturating_sub(guaranteed);
        let shared = max_models.saturating_sub(guaranteed.saturating_mul(providers));
        let is_alone = providers <= 1;
        self.of_providers.values().map(beyond).sum::<usize>() < shared
            && (is_alone || of_provider < max_models.div_ceil(2))
    }

    fn add_listed(&mut self, list: Vec<ListedModel>) {
        let new = list
            .into_iter()
            .take(self.budget.max_models)
            .skip(self.read);
        for (value, provider) in new {
            self.add(value);
            *self.of_providers.entry(provider).or_default() += 1;
            self.read += 1;
        }
    }

    fn add(&mut self, value: String) {
        let label = ModelLabel(self.values.len());
        self.values.push(value.clone());
        self.labels.entry(value).or_insert(label);
    }
}

fn list(key: &str, shared_data: &dyn SharedData) -> (Vec<ListedModel>, u32) {
    let (text, version) = shared_data.read(key).unwrap_or_default();
    (serde_json::from_slice(&text).unwrap_or_default(), version)
}

fn publish(
    key: &str,
    list: &[ListedModel],
    expected: Option<u32>,
    shared_data: &dyn SharedData,
) -> bool {
    let text = serde_json::to_vec(list).unwrap_or_default();
    shared_data.write(key, &text, expected)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::testing::MemorySharedData;

    fn value(models: &mut Models, name: &str, shared_data: &dyn SharedData) -> String {
        let label = models.label(Some(name), "p", shared_data);
        models.value(label).to_owned()
    }

    /// The budget of one provider.
    const fn budget(max_models: usize) -> ModelBudget {
        ModelBudget {
            max_models,
            providers: 1,
        }
    }

    fn no_models(max_models: usize, shared_data: &dyn SharedData) -> Models {
        Models::new(MODELS, [].into_iter(), budget(max_models), shared_data)
    }

    #[test]
    fn the_number_of_label_values_is_limited() {
        let shared_data = &MemorySharedData::default();
        let mut models = Models::new(MODELS, ["known"].into_iter(), budget(2), shared_data);
        for (name, expected) in [
            ("a", "a"),
            ("b", "b"),
            ("one-more", "other"),
            ("a", "a"),
            ("known", "known"),
        ] {
            assert_eq!(value(&mut models, name, shared_data), expected);
        }
        let unknown = models.label(None, "p", shared_data);
        assert_eq!(models.value(unknown), "unknown");
    }

    #[test]
    fn label_values_contain_no_separator() {
        let shared_data = &MemorySharedData::default();
        let models = &mut no_models(9, shared_data);
        assert_eq!(
            value(models, "a;.;b=.=c\n\u{e9}", shared_data),
            "a_._b_._c__"
        );
        assert_eq!(value(models, &"x".repeat(1000), shared_data).len(), 128);
    }

    #[test]
    fn names_with_the_same_label_value_count_once() {
        let shared_data = &MemorySharedData::default();
        let models = &mut no_models(2, shared_data);
        for name in ["\u{e9}", "\u{e8}", "?", "_"] {
            assert_eq!(value(models, name, shared_data), "_");
        }
        assert_eq!(value(models, "one-more", shared_data), "one-more");
        assert_eq!(value(models, "too-many", shared_data), "other");
    }

    #[test]
    fn the_limit_applies_to_all_workers_and_to_later_ones() {
        let shared_data = &MemorySharedData::default();
        let [mut one, mut two] = [(); 2].map(|()| no_models(2, shared_data));
        assert_eq!(value(&mut one, "a", shared_data), "a");
        assert_eq!(value(&mut two, "b", shared_data), "b");
        let mut later = no_models(2, shared_data);
        for models in [&mut one, &mut two, &mut later] {
            for (name, expected) in [("c", "other"), ("a", "a"), ("b", "b")] {
                assert_eq!(value(models, name, shared_data), expected);
            }
        }
        let mut with_more = no_models(3, shared_data);
        assert_eq!(value(&mut with_more, "c", shared_data), "c");
        let mut with_less = no_models(1, shared_data);
        assert_eq!(value(&mut with_less, "a", shared_data), "a");
        assert_eq!(value(&mut with_less, "b", shared_data), "other");
    }

    /// Shared data to which another worker always writes first, for a number of times.
    struct Contended(MemorySharedData, Cell<usize>);

    impl SharedData for Contended {
        fn read(&self, key: &str) -> Option<(Vec<u8>, u32)> {
            self.0.read(key)
        }

        fn write(&self, key: &str, text: &[u8], expected: Option<u32>) -> bool {
            if self.1.get() > 0 {
                self.1.set(self.1.get() - 1);
                let (mut list, _) = list(MODELS, &self.0);
                let model = format!("of-another-worker-{}", self.1.get());
                list.push((model, "p".to_owned()));
                publish(MODELS, &list, None, &self.0);
            }
            self.0.write(key, text, expected)
        }
    }

    #[test]
    fn a_name_is_added_although_other_workers_add_names() {
        let shared_data = &Contended(MemorySharedData::default(), Cell::new(0));
        let mut models = no_models(9, shared_data);
        shared_data.1.set(3);
        assert_eq!(value(&mut models, "a", shared_data), "a");
        assert_eq!(list(MODELS, shared_data).0.len(), 4);
        shared_data.1.set(usize::MAX);
        assert_eq!(value(&mut models, "b", shared_data), "other");
        assert_eq!(models.read, 9);
    }

    /// How many of a hundred models of this provider get a label value.
    fn labelled(models: &mut Models, provider: &str, shared_data: &dyn SharedData) -> usize {
        let names = (0..100).map(|number| format!("{provider}-{number}"));
        let labels = names.map(|name| models.label(Some(&name), provider, shared_data));
        labels.filter(|label| *label != OTHER_MODEL).count()
    }

    #[test]
    fn a_provider_cannot_use_up_the_label_values() {
        for (max_models, providers, expected) in [
            (40, 1, [40, 0, 0]),
            (40, 2, [20, 20, 0]),
            (40, 4, [20, 10, 5]),
            (1, 4, [1, 0, 0]),
            (4, 100, [2, 2, 0]),
        ] {
            let shared_data = &MemorySharedData::default();
            let budget = ModelBudget {
                max_models,
                providers,
            };
            let mut models = Models::new(MODELS, [].into_iter(), budget, shared_data);
            let found = ["a", "b", "c"].map(|it| labelled(&mut models, it, shared_data));
            assert_eq!(found, expected, "{max_models} {providers}");
            let mut other_worker = Models::new(MODELS, [].into_iter(), budget, shared_data);
            let rest = labelled(&mut other_worker, "d", shared_data);
            assert_eq!(rest, expected[2], "{max_models} {providers}");
        }
    }

    #[test]
    fn a_name_that_is_only_looked_up_gets_no_label_value() {
        let shared_data = &MemorySharedData::default();
        let mut models = Models::new(MODELS, ["known"].into_iter(), budget(9), shared_data);
        assert_eq!(models.known(Some("a")), OTHER_MODEL);
        assert_eq!(models.known(None), UNKNOWN_MODEL);
        assert_ne!(models.known(Some("known")), OTHER_MODEL);
        assert!(list(MODELS, shared_data).0.is_empty());
        let label = models.label(Some("a"), "p", shared_data);
        assert_eq!(models.known(Some("a")), label);
    }

    #[test]
    fn a_full_list_is_not_read_again() {
        let shared_data = &MemorySharedData::default();
        let mut models = no_models(1, shared_data);
        assert_eq!(value(&mut models, "a", shared_data), "a");
        assert_eq!(value(&mut models, "b", &Unreadable), "other");
    }

    struct Unreadable;

    impl SharedData for Unreadable {
        fn read(&self, _key: &str) -> Option<(Vec<u8>, u32)> {
            unreachable!("the shared data is read")
        }

        fn write(&self, _key: &str, _text: &[u8], _expected: Option<u32>) -> bool {
            unreachable!("the shared data is written")
        }
    }
}
