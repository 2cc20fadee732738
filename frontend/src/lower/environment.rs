//! An environment as a build step sees it: ordered, a name set again moves to the end, which is the
//! order that enters a RUN's definition.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::expand::Variables;

/// Names and values, each name once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Environment {
    values: HashMap<String, Value>,
    /// Names by when they were set last.
    order: BTreeMap<u64, String>,
    next: u64,
    bytes: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Value {
    text: String,
    set: u64,
}

impl Environment {
    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.values.insert(name.to_owned(), Value { text: value.to_owned(), set: self.next });
        self.order.insert(self.next, name.to_owned());
        self.bytes += name.len() + value.len();
        self.next += 1;
    }

    pub(super) fn remove(&mut self, name: &str) {
        if let Some(old) = self.values.remove(name) {
            self.order.remove(&old.set);
            self.bytes -= name.len() + old.text.len();
        }
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.order.values().map(String::as_str)
    }

    /// `K=V`, in order.
    pub(super) fn to_list(&self) -> Vec<String> {
        self.names().map(|name| format!("{name}={}", self.get(name).unwrap_or_default())).collect()
    }

    /// About what it takes as a list.
    pub(super) fn bytes(&self) -> usize {
        self.bytes + self.order.len() * 32
    }
}

impl Variables for Environment {
    fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|value| value.text.as_str())
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
