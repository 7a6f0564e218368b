//! How a person looks at what was asked, where its outcome is not known.

use crate::commands::Catalog;
use crate::domain::Line;

/// By which command the targets of this line are looked at, where there is one.
pub fn with_command(line: Line, text: &str, catalog: &Catalog) -> Line {
    match catalog.inspect(text) {
        Some(inspect) => line.text(" with ").code(inspect.command),
        None => line,
    }
}
