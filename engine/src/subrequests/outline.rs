//! `--call=outline`: what a build of the target can be given (buildkit: frontend/subrequests/outline).

use cooperage_frontend::lower::{Outline, OutlineMount, Source, outline};
use cooperage_llb::ports::CancelToken;
use serde_json::{Map, Value, json};

use super::columns::columns;
use super::location;
use crate::cancel::until;
use crate::event::EventSink;
use crate::{BuildRequest, Engine, Error};

/// The parameters of a target.
#[derive(Debug)]
pub struct OutlineReport {
    /// All of them.
    pub outline: Outline,
    source: Source,
}

impl Engine {
    /// The parameters of the target, with the values they have in this build. Base images are resolved,
    /// for the first platform; nothing is built. Blocks.
    pub fn outline(
        &self,
        request: &BuildRequest,
        events: EventSink<'_>,
        cancel: &CancelToken,
    ) -> Result<OutlineReport, Error> {
        let build = self.prepared(request, events, cancel)?;
        let platform = build.platforms().remove(0);
        let outline =
            self.runtime.block_on(until(cancel, async { build.ask(&platform, outline).await.1 }))?;
        Ok(OutlineReport { outline, source: build.into_source() })
    }
}

impl OutlineReport {
    /// BuildKit's `Outline`, with the cache mounts that it leaves out.
    pub fn to_json(&self) -> Value {
        let Outline { name, description, args, secrets, ssh, caches } = &self.outline;
        let mut json = Map::new();
        put(&mut json, "name", name);
        put(&mut json, "description", description);
        let args = args.iter().map(|arg| {
            let mut json = Map::from_iter([("name".to_owned(), json!(arg.name))]);
            put(&mut json, "description", &arg.description);
            put(&mut json, "value", &arg.value);
            json.insert("location".to_owned(), location::of_span(arg.whole, &self.source));
            Value::Object(json)
        });
        put_list(&mut json, "args", args.collect());
        put_list(&mut json, "secrets", self.mounts("name", secrets));
        put_list(&mut json, "ssh", self.mounts("name", ssh));
        put_list(&mut json, "cache", self.mounts("ID", caches));
        json.insert("sources".to_owned(), json!([location::bytes(&self.source)]));
        Value::Object(json)
    }

    fn mounts(&self, key: &str, mounts: &[OutlineMount]) -> Vec<Value> {
        let one = |mount: &OutlineMount| {
            let mut json = json!({key: mount.id, "location": location::of_span(mount.span, &self.source)});
            if mount.required {
                json["required"] = json!(true);
            }
            json
        };
        mounts.iter().map(one).collect()
    }

    /// A table for each kind of parameter that there is, an empty line after each.
    pub fn to_text(&self) -> String {
        let Outline { name, description, args, secrets, ssh, caches } = &self.outline;
        let mut tables = Vec::new();
        if name.is_some() || description.is_some() {
            let mut rows = vec![["TARGET:", name.as_deref().unwrap_or("(default)")]];
            rows.extend(description.as_deref().map(|text| ["DESCRIPTION:", text]));
            tables.push(columns(&rows, 1));
        }
        if !args.is_empty() {
            let rows = args.iter().map(|arg| {
                let text = |text: &Option<String>| text.clone().unwrap_or_default();
                [arg.name.clone(), text(&arg.value), text(&arg.description)]
            });
            let rows: Vec<[String; 3]> = rows.collect();
            let mut shown = vec![["BUILD ARG", "VALUE", "DESCRIPTION"]];
            shown.extend(rows.iter().map(|row| row.each_ref().map(String::as_str)));
            tables.push(columns(&shown, 3));
        }
        for (title, mounts) in [("SECRET", secrets), ("SSH", ssh)] {
            if !mounts.is_empty() {
                let required = |mount: &OutlineMount| if mount.required { "true" } else { "" };
                let rows = mounts.iter().map(|mount| [mount.id.as_str(), required(mount)]);
                let rows: Vec<_> = std::iter::once([title, "REQUIRED"]).chain(rows).collect();
                tables.push(columns(&rows, 3));
            }
        }
        if !caches.is_empty() {
            let rows = caches.iter().map(|mount| [mount.id.as_str()]);
            let rows: Vec<_> = std::iter::once(["CACHE MOUNT"]).chain(rows).collect();
            tables.push(columns(&rows, 3));
        }
        tables.iter().map(|table| format!("{table}\n")).collect()
    }
}

fn put(json: &mut Map<String, Value>, key: &str, value: &Option<String>) {
    if let Some(value) = value.as_deref().filter(|value| !value.is_empty()) {
        json.insert(key.to_owned(), json!(value));
    }
}

fn put_list(json: &mut Map<String, Value>, key: &str, list: Vec<Value>) {
    if !list.is_empty() {
        json.insert(key.to_owned(), Value::Array(list));
    }
}
