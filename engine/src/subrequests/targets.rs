//! `--call=targets`: the stages that can be built (buildkit: frontend/subrequests/targets).

use cooperage_frontend::diagnostic::render;
use cooperage_frontend::lower::{Source, Target, targets};
use cooperage_llb::ports::CancelToken;
use serde_json::{Map, Value, json};

use super::columns::columns;
use super::location;
use crate::{BuildRequest, Engine, Error};

/// The stages of a Dockerfile.
#[derive(Debug)]
pub struct TargetsReport {
    /// In the order of the file.
    pub targets: Vec<Target>,
    source: Source,
}

impl Engine {
    /// The stages of the Dockerfile, as they are written. Asks nobody but for a remote context.
    pub fn targets(&self, request: &BuildRequest) -> Result<TargetsReport, Error> {
        let source = self.prepared(request, &|_| (), &CancelToken::new())?.into_source();
        match targets(&source) {
            Ok(targets) => Ok(TargetsReport { targets, source }),
            Err(diagnostics) => {
                Err(Error::Dockerfile { rendered: render(&diagnostics, &source.name, &source.shown()) })
            }
        }
    }
}

impl TargetsReport {
    /// BuildKit's `List`.
    pub fn to_json(&self) -> Value {
        let targets: Vec<Value> = self.targets.iter().map(|target| self.target(target)).collect();
        json!({"targets": targets, "sources": [location::bytes(&self.source)]})
    }

    fn target(&self, target: &Target) -> Value {
        let mut json = Map::new();
        json.extend(target.name.iter().map(|name| ("name".to_owned(), json!(name))));
        if target.is_default {
            json.insert("default".to_owned(), json!(true));
        }
        json.extend(target.description.iter().map(|text| ("description".to_owned(), json!(text))));
        json.insert("base".to_owned(), json!(target.base));
        json.extend(target.platform.iter().map(|platform| ("platform".to_owned(), json!(platform))));
        json.insert("location".to_owned(), location::of_span(target.span, &self.source));
        Value::Object(json)
    }

    /// A table.
    pub fn to_text(&self) -> String {
        let names: Vec<String> = self.targets.iter().map(shown).collect();
        let mut rows = vec![["TARGET", "DESCRIPTION"]];
        let described = self.targets.iter().map(|target| target.description.as_deref().unwrap_or_default());
        rows.extend(names.iter().zip(described).map(|(name, text)| [name.as_str(), text]));
        columns(&rows, 2)
    }
}

fn shown(target: &Target) -> String {
    match (&target.name, target.is_default) {
        (Some(name), true) => format!("{name} (default)"),
        (Some(name), false) => name.clone(),
        (None, true) => "(default)".to_owned(),
        (None, false) => "(unnamed)".to_owned(),
    }
}
