//! Tables as aligned columns, and those too wide for a phone as one record after the other.

use super::clean;
use crate::domain::{Line, Table};

/// The longest cell: a phone shows about forty characters in a line.
const CELL_CHARS: usize = 40;

/// The widest table that is shown in columns: wider lines are wrapped by a phone, and then no column can be read.
const WIDTH: usize = 60;

/// How a table is shown.
pub(super) enum Shape {
    /// The head and the rows, each as one line.
    Columns(Vec<String>),
    /// What the head says, and each row as one item that may be wrapped anywhere.
    Records(Vec<Line>),
}

/// The shape that can be read on a phone.
pub(super) fn shape(table: &Table) -> Shape {
    let lines = lines(table, CELL_CHARS);
    let wide = lines.iter().any(|line| line.chars().count() > WIDTH);
    if !wide || table.head.len() < 2 {
        return Shape::Columns(lines);
    }
    let head = Line::new().text(format!("{}: {}", clean(&table.head[0], 80), table.head[1..].join(", ")));
    let record = |row: &Vec<String>| {
        let (first, rest) = row.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
        let line = Line::new().bold(if first.is_empty() { "-" } else { first });
        rest.iter().enumerate().fold(line, |line, (index, cell)| {
            line.text(if index == 0 { ": " } else { ", " }).code(if cell.is_empty() { "-" } else { cell })
        })
    };
    Shape::Records(std::iter::once(head).chain(table.rows.iter().map(record)).collect())
}

/// The head and the rows, each as one line, columns aligned and two spaces apart, no cell longer than `cell`.
pub(super) fn lines(table: &Table, cell: usize) -> Vec<String> {
    let rows: Vec<Vec<String>> = std::iter::once(&table.head).chain(&table.rows).map(|row| cells(row, cell)).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let mut widths = vec![0; columns];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    rows.iter().map(|row| line(row, &widths)).collect()
}

fn cells(row: &[String], most: usize) -> Vec<String> {
    let cell = |cell: &String| match cell.char_indices().nth(most) {
        Some((at, _)) => clean(&format!("{}…", &cell[..at]), usize::MAX),
        None => clean(cell, usize::MAX),
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
