//! The examples of docs/formats, read by the program.

use std::fs;
use std::path::Path;

use cooperage_image::Digest;
use cooperage_image::tree::LayerId;
use cooperage_llb::key::ResultId;
use cooperage_llb::ports::stat_cache::StatEntries;
use cooperage_llb::ports::{LayerStore, ResultIndex, StatCache};

use crate::samples::{Disk, changes, digest, fingerprint};
use crate::workload::build;

fn block(document: &str, language: &str) -> String {
    let start = format!("```{language}\n");
    document.split(&start).nth(1).and_then(|rest| rest.split("```").next()).unwrap().to_owned()
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.lines().flat_map(|line| line.split('#').next().unwrap().split_whitespace());
    digits.map(|digits| u8::from_str_radix(digits, 16).unwrap()).collect()
}

#[test]
fn stat_cache() {
    let disk = Disk::new();
    let example = bytes(&block(include_str!("../../../docs/formats/stat-cache.md"), "hex"));
    let file = disk.root().join("stat").join(digest("/src").hex());
    let expected = StatEntries::from([(b"a".to_vec(), (fingerprint(1000), digest("x")))]);
    let store = disk.open();
    fs::write(&file, &example).unwrap();
    assert_eq!(store.load(Path::new("/src")).unwrap(), expected);
    store.save(Path::new("/src"), &expected, std::time::SystemTime::now()).unwrap();
    assert_eq!(fs::read(&file).unwrap(), example);
}

#[test]
fn cache_db() {
    let disk = Disk::new();
    let number = |byte| Digest::from_bytes([byte; 32]);
    let layer = LayerId::of(&number(0x11));
    // The change set that the example's row tells of.
    LayerStore::put(&disk.open(), &layer, &changes(&[])).unwrap();
    let path = disk.root().join("cache.db");
    let size = fs::metadata(disk.root().join("layers").join(layer.as_str()).join("changes")).unwrap().len();
    let database = rusqlite::Connection::open(path).unwrap();
    database.execute("DELETE FROM layer", []).unwrap();
    database.execute_batch(&block(include_str!("../../../docs/formats/cache-db.md"), "sql")).unwrap();
    let told: u64 = database
        .query_row("SELECT changes_size FROM layer", [], |row| row.get::<_, i64>(0))
        .unwrap()
        .cast_unsigned();
    assert_eq!(told, size);
    let found = disk.open().lookup(&number(0x22)).unwrap().unwrap();
    assert_eq!(found.id, ResultId(number(0x44)));
    assert_eq!(found.outputs.len(), 1);
    assert_eq!(found.outputs[0].layers, [layer]);
}

#[test]
fn root() {
    let disk = Disk::new();
    let store = disk.open();
    build(&store, 1);
    let mut found = Vec::new();
    let mut left = vec![disk.root()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path)
            } else {
                found.push(masked(path.strip_prefix(disk.root()).unwrap()))
            }
        }
    }
    found.sort();
    found.dedup();
    assert_eq!(found.join("\n") + "\n", block(include_str!("../../../docs/formats/root.md"), "text"));
}

fn masked(path: &Path) -> String {
    let part = |part: &std::ffi::OsStr| {
        let part = part.to_str().unwrap();
        let is_hex = part.len() == 64 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_corner = part.split_once('-').is_some_and(|(pid, _)| pid.parse::<u32>().is_ok());
        if is_hex {
            "H".to_owned()
        } else if is_corner {
            "P".to_owned()
        } else {
            part.to_owned()
        }
    };
    path.iter().map(part).collect::<Vec<_>>().join("/")
}
