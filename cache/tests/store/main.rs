//! The store's ports, on every implementation; and what only a disk can do wrong.

mod blob_store;
mod cache_mounts;
mod faults;
mod image_names;
mod layer_store;
mod processes;
mod result_index;
mod samples;
mod stat_cache;
mod upkeep;
mod workload;
