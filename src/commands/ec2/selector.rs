//! How one names an instance, or asks for all that fit.

use super::super::{args, words};
use crate::aws::{Filter, Instance};

/// How one names a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Selector {
    /// `i-0abc…`
    Id(String),
    /// The exact value of the Name tag; it must fit one instance.
    Name(String),
    /// `name:web-*`: every instance whose name meets the pattern.
    Pattern(String),
    /// `tag:env=dev`: every instance with the tag.
    Tag(String, String),
}

impl Selector {
    /// Reads a target; the error is a phrase that follows `<target>`.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        if let Some(pair) = text.strip_prefix("tag:") {
            let (key, value) =
                args::tag(pair).map_err(|_| format!("must be like `tag:env=dev`, not `{}`", words::name(text)))?;
            return Ok(Self::Tag(key, value));
        }
        if let Some(pattern) = text.strip_prefix("name:").filter(|pattern| !pattern.is_empty()) {
            return Ok(Self::Pattern(pattern.to_owned()));
        }
        if let Some(hex) = text.get(..2).filter(|start| start.eq_ignore_ascii_case("i-")).and(text.get(2..))
            && (1..=17).contains(&hex.len())
            && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
        {
            return Ok(Self::Id(text.to_lowercase()));
        }
        if text.contains(['*', '?']) {
            let shown = words::name(text);
            return Err(format!(
                "must name one instance, and `{shown}` is a pattern. If you mean every instance whose name fits, say `name:{shown}`"
            ));
        }
        if text.trim().is_empty() {
            return Err("must be an id, a name or `tag:key=value`, not an empty word".into());
        }
        Ok(Self::Name(text.to_owned()))
    }

    /// As one types it.
    pub(super) fn typed(&self) -> String {
        match self {
            Self::Id(id) => id.clone(),
            Self::Name(name) => name.clone(),
            Self::Pattern(pattern) => format!("name:{pattern}"),
            Self::Tag(key, value) => format!("tag:{key}={value}"),
        }
    }

    /// Whether it finds whatever fits, and names nothing.
    pub(super) fn is_search(&self) -> bool {
        matches!(self, Self::Pattern(_) | Self::Tag(..))
    }

    /// The id, where it is one.
    pub(super) fn id(&self) -> Option<&str> {
        if let Self::Id(id) = self { Some(id) } else { None }
    }

    /// What AWS is asked where it is no id; it may give more than fits.
    pub(super) fn filter(&self) -> Option<Filter> {
        match self {
            Self::Id(_) => None,
            Self::Name(name) | Self::Pattern(name) => Some(Filter::tag("Name", name)),
            Self::Tag(key, value) => Some(Filter::tag(key, value)),
        }
    }

    /// Whether an instance is one that it names.
    pub(super) fn fits(&self, instance: &Instance) -> bool {
        match self {
            Self::Id(id) => instance.id == *id,
            Self::Name(name) => instance.name() == Some(name),
            Self::Pattern(pattern) => instance.name().is_some_and(|name| words::meets(pattern, name)),
            Self::Tag(key, value) => instance.tags.get(key) == Some(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_by_their_form() {
        let id = |text: &str| Ok(Selector::Id(text.into()));
        let name = |text: &str| Ok(Selector::Name(text.into()));
        assert_eq!(Selector::read("i-0ABC"), id("i-0abc"));
        assert_eq!(Selector::read("i-0123456789abcdef0"), id("i-0123456789abcdef0"));
        assert_eq!(Selector::read("i-robot"), name("i-robot"));
        assert_eq!(Selector::read("web 1"), name("web 1"));
        assert_eq!(Selector::read("ä"), name("ä"));
        assert_eq!(Selector::read("tag:env=dev"), Ok(Selector::Tag("env".into(), "dev".into())));
        assert_eq!(Selector::read("tag:a=b=c"), Ok(Selector::Tag("a".into(), "b=c".into())));
        assert_eq!(Selector::read("name:web-*"), Ok(Selector::Pattern("web-*".into())));
        for bad in ["tag:env", "tag:=x", "web-*", "", " "] {
            assert!(Selector::read(bad).is_err(), "{bad:?}");
        }
    }
}
