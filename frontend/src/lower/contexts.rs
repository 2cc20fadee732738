//! Contexts: one source op each; a directory is narrowed at the end to the paths that were named
//! (dockerfile reference, sections 8 to 10; llb.md, section 13).

use std::collections::{BTreeMap, BTreeSet};

use cooperage_llb::definition::{Action, Builder, Copy, Edge, FileChain, Metadata, Source, source};
use cooperage_llb::pb;

use super::{Inputs, MainContext, NamedContext, epoch, slash_path};
use crate::remote;

/// How the file of a URL that is a context is called.
pub(super) const FILE_NAME: &str = "context";

/// The contexts that are used so far.
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
    pub(super) fn main(&mut self, path: &str, inputs: &Inputs, graph: &mut Builder) -> Edge {
        let used =
            self.main.get_or_insert_with(|| Used { edge: main(inputs, graph), paths: BTreeSet::new() });
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

    /// Narrows the directories.
    pub(super) fn finish(self, inputs: &Inputs, graph: &mut Builder) {
        if let (Some(main), MainContext::Local) = (self.main, &inputs.context) {
            main.narrow(&inputs.ignore, graph);
        }
        for (key, used) in self.named {
            if let Some(NamedContext::Local { ignore }) = inputs.contexts.get(&key) {
                used.narrow(ignore, graph);
            }
        }
    }
}

/// The definition of the build context alone, as the one of a Dockerfile has it.
pub(super) fn alone(inputs: &Inputs) -> pb::Definition {
    let mut graph = Builder::new();
    let edge = main(inputs, &mut graph);
    graph.finish(Some(edge))
}

/// The tree of the build context.
fn main(inputs: &Inputs, graph: &mut Builder) -> Edge {
    let Some(source) = main_source(&inputs.context, inputs) else {
        let source = source::local("context").with("local.sharedkeyhint", "context");
        return graph.source(source, Metadata::named("[internal] load build context"));
    };
    let name = match &inputs.context {
        MainContext::Git { text, .. } => format!("[internal] load git source {text}"),
        _ => "[internal] load remote build context".to_owned(),
    };
    let fetched = graph.source(source, Metadata::named(name));
    match &inputs.context {
        MainContext::Url { archive: true, .. } => {
            let unpack = Copy {
                from: Some(fetched),
                source: format!("/{FILE_NAME}"),
                dest: "/".to_owned(),
                attempt_unpack: true,
                ..Copy::default()
            };
            let chain = FileChain { base: None, actions: vec![Action::Copy(Box::new(unpack))] };
            graph.file(chain, Metadata::named("[internal] unpack remote build context"))
        }
        _ => fetched,
    }
}

/// The source op of a build context that is not a directory.
pub(super) fn main_source(context: &MainContext, inputs: &Inputs) -> Option<Source> {
    match context {
        MainContext::Local => None,
        MainContext::Url { url, .. } => Some(remote::http_source(url, FILE_NAME, None)),
        MainContext::Git { repository, .. } => {
            let mut git = repository.clone();
            let kept = inputs.build_args.get("BUILDKIT_CONTEXT_KEEP_GIT_DIR");
            if kept.is_some_and(|kept| super::mount_spec::boolean(kept) == Some(true)) {
                git.keep_git_dir = Some(true);
            }
            // Who asks for reproducible times means those of files too.
            if git.mtime.is_empty() && inputs.build_args.get(epoch::NAME).is_some_and(|text| !text.is_empty())
            {
                "commit".clone_into(&mut git.mtime);
            }
            Some(git.source())
        }
    }
}

/// The tree of a named context that is fetched; `None` for the other kinds.
pub(super) fn fetched(key: &str, context: &NamedContext, graph: &mut Builder) -> Option<Edge> {
    match context {
        NamedContext::Git { text, repository } => {
            let metadata = Metadata::named(format!("[internal] load git source {text}"));
            Some(graph.source(repository.source(), metadata))
        }
        NamedContext::Url(url) => {
            let metadata = Metadata::named(format!("[context {key}] {url}"));
            Some(graph.source(remote::http_source(url, FILE_NAME, None), metadata))
        }
        NamedContext::Local { .. } | NamedContext::Image(_) | NamedContext::OciLayout(_) => None,
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
