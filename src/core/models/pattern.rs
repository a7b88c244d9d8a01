//! A model's name, or the beginning of several.

use std::fmt;

/// The models that an entry of the configuration means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ModelPattern {
    /// The one of this name.
    Exactly(String),
    /// Those whose names begin so.
    BeginningWith(String),
}

impl ModelPattern {
    /// A model's name, or a beginning and `*`; `None` where `*` stands elsewhere or nothing does.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, pattern): (_, fn(String) -> Self) = match text.strip_suffix('*') {
            Some(start) => (start, Self::BeginningWith),
            None if text.is_empty() => return None,
            None => (text, Self::Exactly),
        };
        (!name.contains('*')).then(|| pattern(name.to_owned()))
    }

    /// Whether it means a model.
    pub fn fits(&self, model: &str) -> bool {
        match self {
            Self::Exactly(name) => name == model,
            Self::BeginningWith(start) => model.starts_with(start.as_str()),
        }
    }

    /// The model's name, where it is given in full.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Exactly(name) => Some(name),
            Self::BeginningWith(_) => None,
        }
    }
}

/// As it is written.
impl fmt::Display for ModelPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(name) => f.write_str(name),
            Self::BeginningWith(start) => write!(f, "{start}*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_at_the_end() {
        let start = |text: &str| ModelPattern::BeginningWith(text.into());
        assert_eq!(ModelPattern::parse("m-*"), Some(start("m-")));
        assert_eq!(ModelPattern::parse("*"), Some(start("")));
        for wrong in ["", "*-m", "a*b", "a**"] {
            assert_eq!(ModelPattern::parse(wrong), None, "{wrong}");
        }
        for text in ["m", "m-*", "*"] {
            assert_eq!(ModelPattern::parse(text).unwrap().to_string(), text);
        }
    }
}
