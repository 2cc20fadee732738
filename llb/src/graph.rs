//! A definition as a checked DAG.
