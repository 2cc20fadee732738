//! An image as a builder wrote it: an OCI layout, or the directory form that `buildah push dir:` writes.

use std::path::Path;

use serde_json::Value;

use super::Tree;

/// An image, read back.
#[derive(Debug)]
pub struct Image {
    /// The config document.
    pub config: Value,
    /// What its layers make together.
    pub tree: Tree,
}

impl Image {
    /// Reads the image of a layout with one image, or of a directory.
    pub fn read(folder: &Path) -> Self {
        let layout = folder.join("index.json");
        let manifest = if layout.exists() {
            let index = json(&layout);
            let digest = index["manifests"][0]["digest"].as_str().expect("a manifest").to_owned();
            json(&blob(folder, &digest))
        } else {
            json(&folder.join("manifest.json"))
        };
        let digest = |descriptor: &Value| descriptor["digest"].as_str().expect("a digest").to_owned();
        let config = json(&blob(folder, &digest(&manifest["config"])));
        let mut tree = Tree::default();
        // BuildKit writes null for none.
        for layer in manifest["layers"].as_array().into_iter().flatten() {
            let kind = layer["mediaType"].as_str().expect("a media type");
            let file = blob(folder, &digest(layer));
            let bytes = std::fs::File::open(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
            match kind.rsplit(['.', '+']).next() {
                Some("tar") => tree.apply(bytes),
                Some("gzip") => tree.apply(flate2::read::MultiGzDecoder::new(bytes)),
                _ => panic!("a layer of the type {kind}"),
            }
        }
        Self { config, tree }
    }

    /// `created_by`, `comment`, `author` of each entry of the history, and whether it has no layer.
    pub fn history(&self) -> Vec<String> {
        let entries = self.config["history"].as_array().cloned().unwrap_or_default();
        entries.iter().map(history_line).collect()
    }
}

fn history_line(entry: &Value) -> String {
    let text = |key: &str| entry[key].as_str().unwrap_or_default();
    let mut line = text("created_by").escape_default().to_string().replace("\\\"", "\"").replace("\\\'", "'");
    if entry["empty_layer"] == Value::Bool(true) {
        line.push_str("  (no layer)");
    }
    if text("comment") != "buildkit.dockerfile.v0" {
        line.push_str(&format!("  comment={:?}", text("comment")));
    }
    if !text("author").is_empty() {
        line.push_str(&format!("  author={:?}", text("author")));
    }
    line
}

fn blob(folder: &Path, digest: &str) -> std::path::PathBuf {
    let hex = digest.strip_prefix("sha256:").expect("a sha256 digest");
    let blob = folder.join("blobs/sha256").join(hex);
    if blob.exists() { blob } else { folder.join(hex) }
}

fn json(path: &Path) -> Value {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
