//! An index of bindings by claim, since there may be one binding for each of many thousand
//! subjects.

use std::collections::BTreeMap;

use super::Binding;
use crate::authn::jwt::Claims;
use crate::models::catalog::Catalog;
use crate::models::price::PriceList;

/// Bindings, in the order of the configuration.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Bindings {
    all: Vec<Binding>,
    /// Indices into `all` by claim and value, ascending.
    index: BTreeMap<String, BTreeMap<String, Vec<usize>>>,
    has_terms: bool,
}

impl FromIterator<Binding> for Bindings {
    fn from_iter<T: IntoIterator<Item = Binding>>(bindings: T) -> Self {
        let mut found = Self::default();
        for (place, binding) in bindings.into_iter().enumerate() {
            found.has_terms |=
                binding.models.is_some() || binding.prices.is_some() || !binding.paths.is_empty();
            let by_value = found.index.entry(binding.to.claim.clone()).or_default();
            let places = by_value.entry(binding.to.value.clone()).or_default();
            places.push(place);
            found.all.push(binding);
        }
        found
    }
}

impl Bindings {
    /// The bindings that match these claims.
    pub(super) fn to(&self, claims: &Claims) -> impl Iterator<Item = &Binding> {
        let mut places: Vec<usize> = Vec::new();
        for (claim, by_value) in &self.index {
            claims.any_text(claim, |text| {
                places.extend(by_value.get(text).into_iter().flatten());
                false
            });
        }
        places.sort_unstable();
        places.dedup();
        let found = places.into_iter().filter_map(|place| self.all.get(place));
        found.filter(move |binding| binding.to.matches_issuer(claims))
    }

    /// The models that bindings name, in their limits and prices.
    pub fn model_names(&self) -> impl Iterator<Item = &str> {
        let limited = self.all.iter().filter_map(|it| it.models.as_deref());
        let priced = self.all.iter().filter_map(|it| it.prices.as_deref());
        limited
            .flat_map(Catalog::names)
            .chain(priced.flat_map(PriceList::names))
    }

    /// Whether any binding limits the models or the paths, or has prices.
    pub(super) const fn have_terms(&self) -> bool {
        self.has_terms
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authz::{Action, ClaimMatch};

    fn binding((claim, value): (&str, &str)) -> Binding {
        Binding {
            to: ClaimMatch {
                claim: claim.into(),
                value: value.into(),
                issuer: None,
            },
            actions: vec![Action::Invoke],
            providers: None,
            models: None,
            paths: crate::http::path_pattern::PathRules::default(),
            prices: None,
            mcp: None,
        }
    }

    #[test]
    fn each_matching_binding_is_found_once_and_in_order() {
        const ALL: [(&str, &str); 6] = [
            ("sub", "a"),
            ("groups", "x"),
            ("/org/teams", "x"),
            ("groups", "y"),
            ("sub", "b"),
            ("sub", "a"),
        ];
        let bindings: Bindings = ALL.into_iter().map(binding).collect();
        for (claims, places) in [
            ("{}", &[][..]),
            (r#"{"sub":"c","groups":[],"org":{}}"#, &[]),
            (r#"{"sub":"a"}"#, &[0, 5]),
            (r#"{"groups":["y","x","x",1,null]}"#, &[1, 3]),
            (r#"{"groups":"x","sub":["b","a"]}"#, &[0, 1, 4, 5]),
            (r#"{"org":{"teams":["x"]},"sub":1}"#, &[2]),
        ] {
            let claims_found = Claims::from_json(claims);
            let found: Vec<Binding> = bindings.to(&claims_found).cloned().collect();
            let expected: Vec<Binding> = places.iter().map(|place| binding(ALL[*place])).collect();
            assert_eq!(found, expected, "{claims}");
            for (claim, value) in ALL {
                let fits = found.contains(&binding((claim, value)));
                assert_eq!(
                    fits,
                    claims_found.has_value(claim, value),
                    "{claims} {claim}"
                );
            }
        }
    }
}
