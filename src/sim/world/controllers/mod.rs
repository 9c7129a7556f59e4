//! The controllers: what makes the cluster follow what its objects ask for.

pub mod revision;
