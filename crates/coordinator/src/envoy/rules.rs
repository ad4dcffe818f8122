//! Finds the rule of a descriptor.
//!
//! The rules of a domain are a tree with a level for each entry of a descriptor. An entry of a rule is a key and a value,
//! or a key alone, which matches any value. A value that ends with `*` matches all values that begin so. A rule matches
//! the descriptors with the same number of entries and the same keys in the same order. If several rules match, the most
//! specific one holds: at the first entry where they differ, it is the rule that names the value, then the one with the
//! longest beginning, then the one for any value.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

use super::proto::envoy::extensions::common::ratelimit::v3::rate_limit_descriptor::Entry;
use super::rule_limit::RuleLimit;

/// The most entries of a rule or a descriptor.
pub(super) const ENTRIES_MAX: usize = 32;

/// One rule.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rule {
    /// Its name in answers and metrics.
    pub(super) name: String,
    /// Its limit.
    pub(super) limit: RuleLimit,
    /// Whether it counts without denying.
    pub(super) shadow_mode: bool,
}

/// The rules of all domains.
#[derive(Debug, Default)]
pub(super) struct Rules {
    domains: HashMap<String, Node>,
    names: HashSet<String>,
}

#[derive(Debug, Default)]
struct Node {
    rule: Option<Rule>,
    /// By key, then by value.
    valued: HashMap<String, HashMap<String, Node>>,
    /// By key, then by the beginning of the value, the longest first.
    begun: HashMap<String, BTreeMap<(Reverse<usize>, String), Node>>,
    /// By key.
    any: HashMap<String, Node>,
}

impl Rules {
    /// Adds a rule for descriptors of these keys and values; `false` if another rule is for the same ones.
    pub(super) fn add(&mut self, domain: &str, entries: &[(String, Option<String>)], rule: Rule) -> bool {
        let mut node = self.domains.entry(domain.to_owned()).or_default();
        for (key, value) in entries {
            let beginning = value.as_deref().and_then(|value| value.strip_suffix('*'));
            node = match (value, beginning) {
                (_, Some(beginning)) => {
                    let place = (Reverse(beginning.len()), beginning.to_owned());
                    node.begun.entry(key.clone()).or_default().entry(place).or_default()
                }
                (Some(value), None) => {
                    node.valued.entry(key.clone()).or_default().entry(value.clone()).or_default()
                }
                (None, None) => node.any.entry(key.clone()).or_default(),
            };
        }
        self.names.insert(rule.name.clone());
        let is_new = node.rule.is_none();
        node.rule = Some(rule);
        is_new
    }

    /// Whether a rule has this name.
    pub(super) fn has_name(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Whether the domain has rules.
    pub(super) fn knows(&self, domain: &str) -> bool {
        self.domains.contains_key(domain)
    }

    /// The most specific rule for these entries. It looks at each node of the tree at most once.
    pub(super) fn find(&self, domain: &str, entries: &[Entry]) -> Option<&Rule> {
        self.domains.get(domain)?.find(entries)
    }
}

impl Node {
    fn find(&self, entries: &[Entry]) -> Option<&Rule> {
        let Some((Entry { key, value }, rest)) = entries.split_first() else { return self.rule.as_ref() };
        let valued = self.valued.get(key).and_then(|values| values.get(value));
        let found = valued.and_then(|node| node.find(rest));
        let mut begun = self.begun.get(key).into_iter().flatten();
        let found = found.or_else(|| {
            begun.find_map(|((_, beginning), node)| {
                value.starts_with(beginning.as_str()).then(|| node.find(rest)).flatten()
            })
        });
        found.or_else(|| self.any.get(key).and_then(|node| node.find(rest)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `a=b c` are two entries, the second for any value.
    fn split(text: &str) -> Vec<(String, Option<String>)> {
        let entry = |word: &str| match word.split_once('=') {
            Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
            None => (word.to_owned(), None),
        };
        text.split(' ').map(entry).collect()
    }

    fn found<'a>(rules: &'a Rules, domain: &str, text: &str) -> Option<&'a str> {
        let entry = |(key, value): (String, Option<String>)| Entry { key, value: value.unwrap_or_default() };
        let entries: Vec<Entry> = split(text).into_iter().map(entry).collect();
        rules.find(domain, &entries).map(|rule| rule.name.as_str())
    }

    #[test]
    fn a_value_may_be_a_beginning() {
        let mut rules = Rules::default();
        for name in ["a", "a=/x", "a=/x*", "a=/x/y*", "a=/* b=1", "c=*"] {
            let rule = Rule { name: name.into(), limit: RuleLimit::Unlimited, shadow_mode: false };
            assert!(rules.add("d", &split(name), rule));
        }
        let of = |text| found(&rules, "d", text);
        assert_eq!(of("a=/x"), Some("a=/x"));
        assert_eq!(of("a=/xy"), Some("a=/x*"));
        assert_eq!(of("a=/x*"), Some("a=/x*"));
        assert_eq!(of("a=/x/y/z"), Some("a=/x/y*"));
        assert_eq!(of("a=/z"), Some("a"));
        assert_eq!(of("a=/x/y b=1"), Some("a=/* b=1"), "the longer beginnings have no rule for it");
        assert_eq!(of("a=x b=1"), None);
        assert_eq!((of("c="), of("c=1")), (Some("c=*"), Some("c=*")));
        let rule = Rule { name: "again".into(), limit: RuleLimit::Unlimited, shadow_mode: false };
        assert!(!rules.add("d", &split("a=/x*"), rule));
    }

    #[test]
    fn the_most_specific_rule_holds() {
        let mut rules = Rules::default();
        let all = ["a", "a=1", "a=1 b=2", "a b", "a b=2", "a=1 b c", "a c=3", "b"];
        for name in all {
            let rule = Rule { name: name.into(), limit: RuleLimit::Unlimited, shadow_mode: false };
            assert!(rules.add("d", &split(name), rule));
        }
        let of = |text| found(&rules, "d", text);
        assert_eq!(of("a=1"), Some("a=1"));
        assert_eq!(of("a=2"), Some("a"));
        assert_eq!(of("a="), Some("a"));
        assert_eq!(of("a=1 b=2"), Some("a=1 b=2"));
        assert_eq!(of("a=1 b=3"), Some("a b"), "the branch a=1 has no rule for it");
        assert_eq!(of("a=2 b=2"), Some("a b=2"));
        assert_eq!(of("a=1 b=9 c=9"), Some("a=1 b c"));
        assert_eq!(of("a=1 c=3"), Some("a c=3"));
        assert_eq!(of("a=2 b=9 c=9"), None);
        assert_eq!(of("b=2 a=1"), None, "order counts");
        assert_eq!(of("c=1"), None);
        assert_eq!(found(&rules, "e", "a=1"), None);
        let rule = Rule { name: "again".into(), limit: RuleLimit::Unlimited, shadow_mode: false };
        assert!(!rules.add("d", &split("a b=2"), rule));
    }
}
