//! The solver against a model of a machine: generated graphs, generated orders of events.

#[cfg(test)]
mod build;
#[cfg(test)]
mod examples;
#[cfg(test)]
mod nodes;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod orders;
#[cfg(test)]
mod tree;
#[cfg(test)]
mod world;
