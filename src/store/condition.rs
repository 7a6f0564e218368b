//! What is found where the store should be, and what was made there.

/// What is found where the store should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// No file yet: the first start makes it.
    Missing,
    /// A file that can be used.
    Usable,
    /// A file that another process uses.
    InUse,
}

/// What [`super::init_table`] has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableMade {
    /// It has made the table.
    New,
    /// The table was there, and lacked something that it has now.
    Completed,
    /// Nothing was to be done.
    AsItWas,
}
