//! Keys and results as the database has them (docs/formats/cache-db.md, "record").

use cooperage_image::Digest;
use cooperage_image::tree::LayerId;
use cooperage_llb::key::{Component, Key, KeyKind, ResultId};
use cooperage_llb::ports::result_index::{Chain, StepResult};
use serde::{Deserialize, Serialize};

use crate::changes_codec::layer_digest;

const ENCODES: &str = "names and digests always encode into memory";

#[derive(Serialize, Deserialize)]
struct ResultRow {
    id: [u8; 32],
    outputs: Vec<Vec<[u8; 32]>>,
}

#[derive(Serialize, Deserialize)]
struct ComponentRow {
    name: String,
    digest: [u8; 32],
}

pub(crate) fn kind_number(kind: KeyKind) -> u8 {
    match kind {
        KeyKind::Definition => 0,
        KeyKind::Content => 1,
    }
}

pub(crate) fn encode_components(key: &Key) -> Vec<u8> {
    let row = |part: &Component| ComponentRow { name: part.name.clone(), digest: *part.digest.as_bytes() };
    postcard::to_stdvec(&key.components().iter().map(row).collect::<Vec<_>>()).expect(ENCODES)
}

/// The key of a row; `None` if the row cannot be read.
pub(crate) fn key(kind: u8, components: &[u8]) -> Option<Key> {
    let kind = match kind {
        0 => KeyKind::Definition,
        1 => KeyKind::Content,
        _ => return None,
    };
    let rows: Vec<ComponentRow> = postcard::from_bytes(components).ok()?;
    let part = |row: ComponentRow| Component { name: row.name, digest: Digest::from_bytes(row.digest) };
    Some(Key::new(kind, rows.into_iter().map(part).collect()))
}

pub(crate) fn encode_result(result: &StepResult) -> Vec<u8> {
    let chain = |chain: &Chain| chain.layers.iter().map(|id| *layer_digest(id).as_bytes()).collect();
    let row = ResultRow { id: *result.id.0.as_bytes(), outputs: result.outputs.iter().map(chain).collect() };
    postcard::to_stdvec(&row).expect(ENCODES)
}

/// The result of a row; `None` if the row cannot be read.
pub(crate) fn result(bytes: &[u8]) -> Option<StepResult> {
    let row: ResultRow = postcard::from_bytes(bytes).ok()?;
    let layer = |bytes| LayerId::of(&Digest::from_bytes(bytes));
    let chain = |layers: Vec<_>| Chain { layers: layers.into_iter().map(layer).collect() };
    let outputs = row.outputs.into_iter().map(chain).collect();
    Some(StepResult { id: ResultId(Digest::from_bytes(row.id)), outputs })
}

/// The layers of a result's row, named as the database names them; `None` if the row cannot be read.
pub(crate) fn layers(bytes: &[u8]) -> Option<Vec<[u8; 32]>> {
    let row: ResultRow = postcard::from_bytes(bytes).ok()?;
    Some(row.outputs.into_iter().flatten().collect())
}
