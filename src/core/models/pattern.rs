//! Patterns for model IDs.

use std::fmt;

/// The models that an entry of the configuration matches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ModelPattern {
    /// The model with this ID.
    Exact(String),
    /// All models whose IDs begin with this.
    Prefix(String),
}

impl ModelPattern {
    /// Parses an ID, or a prefix followed by `*`. `None` if it is empty or has another `*`.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, pattern): (_, fn(String) -> Self) = match text.strip_suffix('*') {
            Some(prefix) => (prefix, Self::Prefix),
            None if text.is_empty() => return None,
            None => (text, Self::Exact),
        };
        (!name.contains('*')).then(|| pattern(name.to_owned()))
    }

    /// Whether it matches a model.
    pub fn matches(&self, model: &str) -> bool {
        match self {
            Self::Exact(name) => name == model,
            Self::Prefix(prefix) => model.starts_with(prefix.as_str()),
        }
    }

    /// The pattern of the models that this one and another one match; `None` if there are none.
    pub fn and(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Exact(name), other) | (other, Self::Exact(name)) => {
                other.matches(name).then(|| Self::Exact(name.clone()))
            }
            (Self::Prefix(one), Self::Prefix(another)) => {
                let (shorter, longer) = if one.len() < another.len() {
                    (one, another)
                } else {
                    (another, one)
                };
                longer
                    .starts_with(shorter.as_str())
                    .then(|| Self::Prefix(longer.clone()))
            }
        }
    }

    /// The ID, if it is exact.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Exact(name) => Some(name),
            Self::Prefix(_) => None,
        }
    }
}

/// As written in the configuration.
impl fmt::Display for ModelPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Prefix(prefix) => write!(f, "{prefix}*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_patterns_have_the_models_in_common_that_both_match() {
        for (one, another, common) in [
            ("m", "m", Some("m")),
            ("m", "n", None),
            ("m-1", "m-*", Some("m-1")),
            ("n", "m-*", None),
            ("m-*", "m-1*", Some("m-1*")),
            ("m*", "m*", Some("m*")),
            ("*", "m-*", Some("m-*")),
            ("m-*", "n-*", None),
        ] {
            let [a, b] = [one, another].map(|text| ModelPattern::parse(text).unwrap());
            let common = common.map(str::to_owned);
            assert_eq!(
                a.and(&b).map(|it| it.to_string()),
                common,
                "{one} {another}"
            );
            assert_eq!(
                b.and(&a).map(|it| it.to_string()),
                common,
                "{one} {another}"
            );
        }
    }

    #[test]
    fn a_star_is_only_allowed_at_the_end() {
        let prefix = |text: &str| ModelPattern::Prefix(text.into());
        assert_eq!(ModelPattern::parse("m-*"), Some(prefix("m-")));
        assert_eq!(ModelPattern::parse("*"), Some(prefix("")));
        for wrong in ["", "*-m", "a*b", "a**"] {
            assert_eq!(ModelPattern::parse(wrong), None, "{wrong}");
        }
        for text in ["m", "m-*", "*"] {
            assert_eq!(ModelPattern::parse(text).unwrap().to_string(), text);
        }
    }
}
