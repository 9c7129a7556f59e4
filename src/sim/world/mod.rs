//! The world of the simulated cluster: its cast, its physics and its controllers.

pub mod cast;
pub mod controllers;
pub mod cron;
pub mod make;
pub mod pod;
