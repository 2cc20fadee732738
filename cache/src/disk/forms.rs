//! Layers as blobs.

use cooperage_image::media_type::Compression;
use cooperage_image::tree::{LayerId, Timestamp};
use cooperage_image::{DiffId, Digest};
use cooperage_llb::ports::layer_store::{BlobForm, LayerBlob};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::blobs::vouched_size;
use super::index::Fault;
use super::power::Boot;
use super::root::Root;
use crate::changes_codec::layer_digest;

/// A [`BlobForm`] as the database has it.
#[derive(Serialize, Deserialize)]
struct FormRow {
    compression: u8,
    epoch: Option<(i64, u32)>,
}

/// Records a blob. It replaces another one of the same form, unless that one is in the store and this one
/// is not; an origin is never forgotten while the blob stays the same.
pub(crate) fn put(
    root: &Root,
    index: &Connection,
    id: &LayerId,
    form: &BlobForm,
    blob: &LayerBlob,
) -> Result<(), Fault> {
    let here = |digest: &Digest| Ok::<_, Fault>(vouched_size(root, index, digest)?.is_some());
    let known = all(index, id)?.into_iter().find(|(known, _)| known == form).map(|(_, blob)| blob);
    let digest = &blob.descriptor.digest;
    let mut origin = blob.origin.clone();
    if let Some(known) = known {
        if known.descriptor.digest == *digest {
            origin = origin.or(known.origin);
        } else if here(&known.descriptor.digest)? && !here(digest)? {
            return Ok(());
        }
    }
    index.execute(
        "INSERT OR REPLACE INTO form (layer, form, blob, descriptor, diff_id, origin)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        (
            layer_digest(id).as_bytes(),
            encode(form),
            digest.as_bytes(),
            serde_json::to_string(&blob.descriptor).expect("a descriptor holds nothing that JSON cannot"),
            blob.diff_id.0.as_bytes(),
            origin.map(|origin| origin.to_string()),
        ),
    )?;
    Ok(())
}

/// Every blob of a layer. One whose row makes no sense is not listed: it can be made or pulled again.
pub(crate) fn all(index: &Connection, id: &LayerId) -> Result<Vec<(BlobForm, LayerBlob)>, Fault> {
    let mut statement =
        index.prepare("SELECT form, descriptor, diff_id, origin FROM form WHERE layer = ?1 ORDER BY form")?;
    let rows = statement.query_map([layer_digest(id).as_bytes()], |row| {
        let texts = (row.get::<_, String>(1)?, row.get::<_, Option<String>>(3)?);
        Ok((row.get::<_, Vec<u8>>(0)?, texts.0, row.get::<_, [u8; 32]>(2)?, texts.1))
    })?;
    let mut found = Vec::new();
    for row in rows {
        let (form, descriptor, diff_id, origin) = row?;
        let origin = origin.map(|origin| origin.parse()).transpose();
        if let (Some(form), Ok(descriptor), Ok(origin)) =
            (decode(&form), serde_json::from_str(&descriptor), origin)
        {
            let diff_id = DiffId(Digest::from_bytes(diff_id));
            found.push((form, LayerBlob { descriptor, diff_id, origin }));
        }
    }
    Ok(found)
}

/// Whether any blob of the layer can be had: here, or from where it was found.
pub(crate) fn any_reachable(root: &Root, index: &Connection, id: &LayerId) -> Result<bool, Fault> {
    for (_, blob) in all(index, id)? {
        let digest = &blob.descriptor.digest;
        if blob.origin.is_some() || (vouched_size(root, index, digest)?.is_some() && is_file(root, digest)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Blobs of the layer that were written in another boot, and not verified since.
pub(crate) fn unvouched(index: &Connection, id: &LayerId, boot: &Boot) -> Result<Vec<Digest>, Fault> {
    let mut statement = index.prepare(
        "SELECT digest FROM form JOIN blob ON digest = blob WHERE layer = ?1 AND boot IS NOT NULL AND boot != ?2",
    )?;
    let id = layer_digest(id);
    let rows =
        statement.query_map((id.as_bytes(), boot.as_str()), |row| row.get(0).map(Digest::from_bytes))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn is_file(root: &Root, digest: &Digest) -> bool {
    root.layout.blob(digest).is_file()
}

fn encode(form: &BlobForm) -> Vec<u8> {
    let compression = match form.compression {
        Compression::Uncompressed => 0,
        Compression::Gzip => 1,
        Compression::Zstd => 2,
    };
    let epoch = form.epoch.map(|epoch| (epoch.secs, epoch.nanos));
    postcard::to_stdvec(&FormRow { compression, epoch }).expect("numbers always encode into memory")
}

fn decode(bytes: &[u8]) -> Option<BlobForm> {
    let row: FormRow = postcard::from_bytes(bytes).ok()?;
    let compression = match row.compression {
        0 => Compression::Uncompressed,
        1 => Compression::Gzip,
        2 => Compression::Zstd,
        _ => return None,
    };
    Some(BlobForm { compression, epoch: row.epoch.map(|(secs, nanos)| Timestamp { secs, nanos }) })
}
