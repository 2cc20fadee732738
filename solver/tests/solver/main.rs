//! The solver against a model of a machine: generated graphs, generated orders of events.

mod build;
mod examples;
mod nodes;
mod oracle;
mod orders;
mod tree;
mod world;
