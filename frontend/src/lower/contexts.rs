//! Local contexts: one source op each, narrowed at the end to the paths that were named
//! (dockerfile reference, section 8; llb.md, section 13).

use std::collections::{BTreeMap, BTreeSet};

use cooperage_llb::definition::{Builder, Edge, Metadata, source};

use super::{Inputs, NamedContext, slash_path};

/// The local contexts that are used so far.
#[derive(Debug, Default)]
pub(super) struct Contexts {
    main: Option<Used>,
    named: BTreeMap<String, Used>,
}

#[derive(Debug)]
struct Used {
    edge: Edge,
    /// Absolute; `/` is all of it.
    paths: BTreeSet<String>,
}

impl Contexts {
    /// The build context, of which `path` is used.
    pub(super) fn main(&mut self, path: &str, graph: &mut Builder) -> Edge {
        let used = self.main.get_or_insert_with(|| {
            let source = source::local("context").with("local.sharedkeyhint", "context");
            let edge = graph.source(source, Metadata::named("[internal] load build context"));
            Used { edge, paths: BTreeSet::new() }
        });
        used.add(path)
    }

    /// The directory of the named context `key`, of which `path` is used.
    pub(super) fn named(&mut self, key: &str, path: &str, graph: &mut Builder) -> Edge {
        self.directory(key, graph).add(path)
    }

    /// The directory of the named context `key`, of which nothing is used so far.
    pub(super) fn unused(&mut self, key: &str, graph: &mut Builder) -> Edge {
        self.directory(key, graph).edge
    }

    fn directory(&mut self, key: &str, graph: &mut Builder) -> &mut Used {
        self.named.entry(key.to_owned()).or_insert_with(|| {
            let hint = format!("context:{key}-");
            let source = source::local(key).with("local.sharedkeyhint", &hint);
            let edge = graph.source(source, Metadata::named(format!("[context {key}] load from client")));
            Used { edge, paths: BTreeSet::new() }
        })
    }

    /// Narrows the sources.
    pub(super) fn finish(self, inputs: &Inputs, graph: &mut Builder) {
        if let Some(main) = self.main {
            main.narrow(&inputs.ignore, graph);
        }
        for (key, used) in self.named {
            if let Some(NamedContext::Local { ignore }) = inputs.contexts.get(&key) {
                used.narrow(ignore, graph);
            }
        }
    }
}

impl Used {
    fn add(&mut self, path: &str) -> Edge {
        self.paths.insert(slash_path::absolute("/", path));
        self.edge
    }

    fn narrow(self, ignore: &[String], graph: &mut Builder) {
        let source = graph.source_mut(self.edge).expect("the edge of a source");
        source.exclude(ignore);
        if !self.paths.contains("/") {
            let relative = |path: String| path.trim_start_matches('/').to_owned();
            let mut paths: Vec<String> = self.paths.into_iter().map(relative).collect();
            paths.sort();
            source.follow(&paths);
        }
    }
}
