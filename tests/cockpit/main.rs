//! Everything that is tested from outside: one binary, so that it links once.

mod architecture;
mod commands;
mod encoder;
mod flows;
mod hostile;
mod kubernetes;
mod panels;
mod pty;
mod screens;
mod signals;
mod support;
mod terminal;
