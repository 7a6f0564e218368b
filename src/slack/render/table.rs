//! Tables as aligned columns.

use super::clean;
use crate::domain::Table;

/// The longest cell: a phone shows about forty characters in a line.
const CELL_CHARS: usize = 40;

/// The head and the rows, each as one line, columns aligned and two spaces apart.
pub(super) fn lines(table: &Table) -> Vec<String> {
    let rows: Vec<Vec<String>> = std::iter::once(&table.head).chain(&table.rows).map(|row| cells(row)).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let mut widths = vec![0; columns];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    rows.iter().map(|row| line(row, &widths)).collect()
}

fn cells(row: &[String]) -> Vec<String> {
    let cell = |cell: &String| match cell.char_indices().nth(CELL_CHARS) {
        Some((at, _)) => clean(&format!("{}…", &cell[..at]), usize::MAX).replace('\n', " "),
        None => clean(cell, usize::MAX).replace('\n', " "),
    };
    row.iter().map(cell).collect()
}

fn line(row: &[String], widths: &[usize]) -> String {
    let mut out = String::with_capacity(widths.iter().sum::<usize>() + widths.len() * 2);
    for (cell, width) in row.iter().zip(widths) {
        out.push_str(cell);
        let padding = width - cell.chars().count() + 2;
        out.extend(std::iter::repeat_n(' ', padding));
    }
    out.truncate(out.trim_end().len());
    out
}
