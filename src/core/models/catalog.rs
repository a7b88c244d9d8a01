//! The model catalog: which models a request may ask for, and why one is refused.
//!
//! A catalog is the operator's list of exact ids and beginnings. Where a request names its model is
//! the provider's business ([`crate::provider_kind::model_place`]); how it is found in a body is
//! [`body`]'s.

use std::rc::Rc;

use thiserror::Error;

use super::pattern::ModelPattern;

/// The models of one list; never empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Catalog(Vec<ModelPattern>);

/// The catalogs that one request is held to: its model must be in each part.
#[derive(Clone, Debug)]
pub struct Allowed {
    /// The provider's name, for the message.
    provider: Rc<str>,
    /// The provider's own catalog.
    served: Option<Rc<Catalog>>,
    /// What the caller is granted; one of these is enough. `None`: all.
    granted: Option<Vec<Rc<Catalog>>>,
    unlisted: UnlistedStatus,
}

/// The status of the answer to a request for a model that is in no catalog.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[allow(missing_docs, reason = "the variants are what they are called")]
pub enum UnlistedStatus {
    #[default]
    NotFound,
    Forbidden,
}

/// Why a request is not held to name a model that it may use. The client is at fault.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum ModelFault {
    /// The model is not in the catalog.
    #[error(
        "provider \"{provider}\" serves no model \"{model}\" to this caller; use one of its \
         catalog, or ask an administrator"
    )]
    Unlisted {
        /// The model, as shown to people.
        model: String,
        /// The provider's name.
        provider: String,
        /// How it is answered.
        status: UnlistedStatus,
    },
    /// There is no model, or none that is a text.
    #[error(
        "provider \"{0}\" serves the models of a catalog only, and the request names none in its \
         place; name one, as a text"
    )]
    Missing(String),
    /// The body is no JSON object.
    #[error(
        "provider \"{0}\" serves the models of a catalog only, and the body that should name one \
         is not a JSON object; send JSON in UTF-8, as application/json"
    )]
    NotJson(String),
    /// The body could mean more than one model.
    #[error(
        "the body can be read to name more than one model (\"{0}\"); name one, once, in the one \
         spelling"
    )]
    Ambiguous(String),
    /// The body is compressed.
    #[error(
        "the body is encoded, so that its model cannot be read; send it without content-encoding"
    )]
    Encoded,
    /// The model did not come in time.
    #[error(
        "the model was not found in the first {0} bytes of the body; put \"model\" before all else, \
         or send less"
    )]
    TooLate(u64),
}

impl Catalog {
    /// These models; `None` where there are none.
    pub fn new(patterns: Vec<ModelPattern>) -> Option<Self> {
        (!patterns.is_empty()).then_some(Self(patterns))
    }

    /// Whether a model is among them.
    pub fn has(&self, model: &str) -> bool {
        self.0.iter().any(|pattern| pattern.fits(model))
    }

    /// The entries, as the operator wrote them.
    pub fn entries(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(ToString::to_string)
    }

    /// The ids that are given in full.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(ModelPattern::name)
    }
}

impl Allowed {
    /// What a caller with these grants may use of a provider; `None` where everything.
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

    /// Lets a model pass, or says why not.
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

    /// Whether a model may be used.
    pub fn has(&self, model: &str) -> bool {
        let served = self.served.as_ref();
        let is_granted = |granted: &Vec<Rc<Catalog>>| granted.iter().any(|part| part.has(model));
        served.is_none_or(|served| served.has(model))
            && self.granted.as_ref().is_none_or(is_granted)
    }

    /// The models that can be listed, each once: those that are given in full.
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

    /// What is shown to people: the provider's entries as far as they are granted, else the grants'.
    pub fn entries(&self) -> Vec<String> {
        let mut entries: Vec<String> = match (&self.served, &self.granted) {
            (Some(served), None) => served.entries().collect(),
            (None, granted) => {
                let granted = granted.iter().flatten();
                granted
                    .flat_map(|part| part.entries().collect::<Vec<_>>())
                    .collect()
            }
            (Some(_), Some(_)) => self.names().into_iter().map(str::to_owned).collect(),
        };
        entries.dedup();
        entries
    }

    /// The provider's name.
    pub fn provider(&self) -> &str {
        &self.provider
    }
}

impl ModelFault {
    /// A stable word for the log, the metric and the body.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unlisted { .. } => "model_not_found",
            Self::Missing(_) => "model_missing",
            Self::NotJson(_) => "body_not_json",
            Self::Ambiguous(_) => "model_ambiguous",
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
    fn a_catalog_has_exact_ids_and_beginnings() {
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
        assert_eq!(catalog.entries().collect::<Vec<_>>(), ["gpt-4o", "o3-*"]);
        assert_eq!(Catalog::new(Vec::new()), None);
    }

    #[test]
    fn a_grant_narrows_and_never_widens() {
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
    fn a_refusal_names_model_and_provider() {
        let fault = allowed(Some(&["a"]), None).check("x".repeat(500).as_str());
        let message = fault.unwrap_err().to_string();
        assert!(
            message.contains("\"p\"") && message.contains("xxx…"),
            "{message}"
        );
        assert!(message.len() < 250);
    }
}
