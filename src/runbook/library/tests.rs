//! Places, names and alerts.
