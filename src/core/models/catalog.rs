//! The model catalog: which models a request may use, and why one is refused.
//!
//! A catalog is the operator's list of exact model IDs and prefixes. The kind of the provider says
//! where a request names its model. [`super::request_body`] reads it from a body.

use std::rc::Rc;

use thiserror::Error;

use super::pattern::ModelPattern;

/// The models of one list. Never empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Catalog(Vec<ModelPattern>);

/// The models that one request may use: those of the provider that the caller is granted.
#[derive(Clone, Debug)]
pub struct Allowed {
    /// The name of the provider, for error messages.
    provider: Rc<str>,
    /// The catalog of the provider. `None` if it serves all models.
    served: Option<Rc<Catalog>>,
    /// The catalogs of the grants, of which one must have the model. `None` if all models are granted.
    granted: Option<Vec<Rc<Catalog>>>,
    unlisted: UnlistedStatus,
}

/// The status of the response to a request for a model that is not in the catalog.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum UnlistedStatus {
    /// 404.
    #[default]
    NotFound,
    /// 403.
    Forbidden,
}

/// Why the model check refuses a request. The client is at fault.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum ModelFault {
    /// The model is not in the catalog.
    #[error(
        "provider \"{provider}\" serves no model \"{model}\" to this caller; use a model of its \
         catalog, or ask an administrator"
    )]
    Unlisted {
        /// The model, truncated for display.
        model: String,
        /// The name of the provider.
        provider: String,
        /// The status of the response.
        status: UnlistedStatus,
    },
    /// The request names no model, or not as a string.
    #[error(
        "provider \"{0}\" serves only the models of a catalog, and the request does not name one; \
         name a model, as a string"
    )]
    Missing(String),
    /// The body is not a well-formed JSON object.
    #[error(
        "provider \"{0}\" serves only the models of a catalog, and the body that must name one is \
         not a well-formed JSON object; send JSON in UTF-8, as application/json"
    )]
    NotJson(String),
    /// Two parsers could read different models from the body.
    #[error(
        "the body can be read as naming more than one model (\"{0}\"); name the model once, in the \
         documented spelling"
    )]
    Ambiguous(String),
    /// The body is compressed.
    #[error(
        "the body is compressed, so its model cannot be read; send it without content-encoding"
    )]
    Encoded,
    /// It is not known where requests for this operation name a model.
    #[error(
        "provider \"{0}\" serves only the models of a catalog, and it is not known where requests to \
         this path name their model; use another operation, or ask an administrator to add the \
         path to paths_without_model"
    )]
    UnknownOperation(String),
    /// The model is not within the first bytes of the body.
    #[error(
        "the model was not found in the first {0} bytes of the body; put it before the other \
         members, or send a smaller body"
    )]
    TooLate(u64),
}

impl Catalog {
    /// A catalog of these models. `None` if there are none.
    pub fn new(patterns: Vec<ModelPattern>) -> Option<Self> {
        (!patterns.is_empty()).then_some(Self(patterns))
    }

    /// Whether it has a model.
    pub fn has(&self, model: &str) -> bool {
        self.0.iter().any(|pattern| pattern.matches(model))
    }

    /// The exact model IDs.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(ModelPattern::name)
    }
}

impl Allowed {
    /// What a caller with these grants may use of a provider. `None` if that is every model.
    pub fn new(
        provider: &str,
        served: Option<Rc<Catalog>>,
        granted: Option<Vec<Rc<Catalog>>>,
        unlisted: UnlistedStatus,
    ) -> Option<Self> {
        (served.is_some() || granted.is_some()).then(|| Self {
            provider: provider.into(),
            served,
            granted,
            unlisted,
        })
    }

    /// Accepts a model, or returns why not.
    pub fn check(&self, model: &str) -> Result<(), ModelFault> {
        if self.has(model) {
            return Ok(());
        }
        Err(ModelFault::Unlisted {
            model: crate::base::display::truncate_for_display(model.as_bytes()),
            provider: self.provider.to_string(),
            status: self.unlisted,
        })
    }

    /// Whether a model is allowed.
    pub fn has(&self, model: &str) -> bool {
        let served = self.served.as_ref();
        let is_granted = |granted: &Vec<Rc<Catalog>>| granted.iter().any(|part| part.has(model));
        served.is_none_or(|served| served.has(model))
            && self.granted.as_ref().is_none_or(is_granted)
    }

    /// The allowed models that have an exact ID, each once.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        let granted = self.granted.iter().flatten();
        let parts = self.served.iter().chain(granted);
        for name in parts.flat_map(|part| part.names()) {
            if self.has(name) && !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The entries that the allowed models match, each once: those of the provider, those of the
    /// grants, or what both have in common. If there are none, no model is allowed.
    pub fn entries(&self) -> Vec<String> {
        let served = self.served.iter().flat_map(|served| &served.0);
        let granted = self.granted.iter().flatten().flat_map(|part| &part.0);
        let common: Vec<_> = match (&self.served, &self.granted) {
            (Some(_), None) => served.cloned().collect(),
            (None, _) => granted.cloned().collect(),
            (Some(_), Some(_)) => served
                .flat_map(|one| granted.clone().filter_map(|another| one.and(another)))
                .collect(),
        };
        let mut entries = Vec::new();
        for entry in common.iter().map(ToString::to_string) {
            if !entries.contains(&entry) {
                entries.push(entry);
            }
        }
        entries
    }

    /// The name of the provider.
    pub fn provider(&self) -> &str {
        &self.provider
    }
}

impl ModelFault {
    /// The stable error code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unlisted { .. } => "model_not_found",
            Self::Missing(_) => "model_missing",
            Self::NotJson(_) => "body_not_json",
            Self::Ambiguous(_) => "model_ambiguous",
            Self::UnknownOperation(_) => "operation_not_allowed",
            Self::Encoded => "body_encoded",
            Self::TooLate(_) => "model_too_late",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog(entries: &[&str]) -> Rc<Catalog> {
        let patterns = entries
            .iter()
            .map(|entry| ModelPattern::parse(entry).unwrap());
        Rc::new(Catalog::new(patterns.collect()).unwrap())
    }

    fn allowed(served: Option<&[&str]>, granted: Option<&[&[&str]]>) -> Allowed {
        let granted = granted.map(|parts| parts.iter().map(|part| catalog(part)).collect());
        let served = served.map(catalog);
        Allowed::new("p", served, granted, UnlistedStatus::default()).unwrap()
    }

    #[test]
    fn a_catalog_has_exact_ids_and_prefixes() {
        let catalog = catalog(&["gpt-4o", "o3-*"]);
        for model in ["gpt-4o", "o3-", "o3-mini"] {
            assert!(catalog.has(model), "{model}");
        }
        for model in [
            "",
            "gpt-4",
            "gpt-4o-mini",
            "GPT-4O",
            "o3",
            " gpt-4o",
            "gpt-4o ",
        ] {
            assert!(!catalog.has(model), "{model}");
        }
        assert_eq!(catalog.names().collect::<Vec<_>>(), ["gpt-4o"]);
        let both = allowed(Some(&["gpt-4o", "o3-*"]), None);
        assert_eq!(both.entries(), ["gpt-4o", "o3-*"]);
        assert_eq!(Catalog::new(Vec::new()), None);
    }

    #[test]
    fn a_grant_only_narrows_the_catalog() {
        let both = allowed(Some(&["a", "b-*"]), Some(&[&["a*"], &["b-1", "c"]]));
        assert!(both.has("a") && both.has("b-1"));
        for model in ["a2", "b-2", "c"] {
            assert!(!both.has(model), "{model}");
        }
        assert_eq!(both.names(), ["a", "b-1"]);
        let granted = allowed(None, Some(&[&["c"]]));
        assert!(granted.has("c") && !granted.has("a"));
        assert!(Allowed::new("p", None, None, UnlistedStatus::NotFound).is_none());
    }

    #[test]
    fn the_entries_are_the_effective_restriction() {
        let served: &[&str] = &["gpt-4o", "gpt-4o-mini*", "o3-*"];
        for (served, granted, entries) in [
            (Some(served), None, &["gpt-4o", "gpt-4o-mini*", "o3-*"][..]),
            (
                Some(served),
                Some(&[&["gpt-4o-mini*"][..]][..]),
                &["gpt-4o-mini*"],
            ),
            (
                Some(served),
                Some(&[&["o3-mini", "o3-m*"], &["o3-m*"]]),
                &["o3-mini", "o3-m*"],
            ),
            (
                Some(served),
                Some(&[&["gpt*"]]),
                &["gpt-4o", "gpt-4o-mini*"],
            ),
            (Some(served), Some(&[&["claude-*"]]), &[]),
            (None, Some(&[&["a"], &["b*", "a"]]), &["a", "b*"]),
        ] {
            assert_eq!(allowed(served, granted).entries(), entries, "{granted:?}");
        }
    }

    #[test]
    fn a_refusal_names_the_model_and_the_provider() {
        let fault = allowed(Some(&["a"]), None).check("x".repeat(500).as_str());
        let message = fault.unwrap_err().to_string();
        assert!(
            message.contains("\"p\"") && message.contains("xxx…"),
            "{message}"
        );
        assert!(message.len() < 250);
    }
}
