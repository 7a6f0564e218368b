//! The only place that builds SDK clients.

/// The provider.
#[derive(Debug)]
pub struct Aws;
