//! An environment as a build step sees it: ordered, a name set again moves to the end, which is the
//! order that enters a RUN's definition.

use std::cell::RefCell;
use std::collections::BTreeSet;

use crate::expand::Variables;

/// Names and values, each name once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Environment(Vec<(String, String)>);

impl Environment {
    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.0.retain(|(known, _)| known != name);
        self.0.push((name.to_owned(), value.to_owned()));
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// `K=V`, in order.
    pub(super) fn to_list(&self) -> Vec<String> {
        self.0.iter().map(|(name, value)| format!("{name}={value}")).collect()
    }
}

impl Variables for Environment {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// `K=V` taken apart; without `=` the value is empty.
pub(super) fn key_value(variable: &str) -> (&str, &str) {
    variable.split_once('=').unwrap_or((variable, ""))
}

/// Variables that remember which of them were asked for and set.
pub(super) struct Recorded<'a> {
    inner: &'a Environment,
    used: RefCell<BTreeSet<String>>,
}

impl<'a> Recorded<'a> {
    pub(super) fn new(inner: &'a Environment) -> Self {
        Self { inner, used: RefCell::default() }
    }

    pub(super) fn used(self) -> BTreeSet<String> {
        self.used.into_inner()
    }
}

impl Variables for Recorded<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        let value = self.inner.get(name)?;
        self.used.borrow_mut().insert(name.to_owned());
        Some(value)
    }
}
