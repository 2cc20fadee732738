//! The store's ports, on every implementation; and what only a disk can do wrong.

#![expect(clippy::unwrap_used, reason = "suites are tests, though not marked as such")]

mod blob_store;
mod cache_mounts;
mod faults;
mod figures;
mod formats;
mod image_names;
mod layer_store;
mod processes;
mod result_index;
mod samples;
mod stat_cache;
mod upkeep;
mod workload;
