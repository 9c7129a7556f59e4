//! The API server itself: no feed, but the first thing that `doctor` looks at.

use futures::future::BoxFuture;

use super::check;
use crate::model::FeedId;
use crate::sources::{Context, Finding, Source};

pub struct Server;

impl Source for Server {
    fn noun(&self) -> &'static str {
        "kubernetes API"
    }

    fn feeds(&self) -> &'static [FeedId] {
        &[]
    }

    fn run(&self, _context: Context) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }

    fn check(&self, context: Context) -> BoxFuture<'static, Vec<Finding>> {
        Box::pin(async move { check::server(&context).await })
    }
}
