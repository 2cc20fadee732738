//! Definitions into graphs: sound ones, broken ones, hostile ones; and keys of their ops.

#[cfg(test)]
mod definitions;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod refused;
#[cfg(test)]
mod roundtrip;
