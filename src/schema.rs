//! The types of Kubernetes as text, embedded once: the simulated API server writes by it, and the
//! sources read protobuf by it, each with code of its own.

/// Made by `assets/kubernetes/make.py`; its first lines say how it is read.
pub static TEXT: &str = include_str!("../assets/kubernetes/schema.txt");
