//! Benches: figures on a terminal and for machines.
//!
//! Takes rows of cells, and values. Gives a table with aligned columns, and a line of JSON. Never
//! rounds what goes into the JSON.

use serde::Serialize;

/// Prints a table, its first row being its head.
pub fn print_table(rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate();
        let line: Vec<String> = cells
            .map(|(at, (cell, &width))| match at {
                0 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            })
            .collect();
        println!("{}", line.join("  ").trim_end());
    }
}

/// Prints a line of JSON under a name.
///
/// # Errors
/// When the value is no JSON, which is a bug.
pub fn print_json(figure: &str, value: &impl Serialize) -> anyhow::Result<()> {
    let value = serde_json::to_value(value)?;
    println!("{}", serde_json::json!({ "figure": figure, "value": value }));
    Ok(())
}

/// A number of lines a second with its thousands apart.
pub fn rate(lines: f64) -> String {
    grouped(lines.round() as u64)
}

/// A number with its thousands apart.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Milliseconds, as many digits as matter.
pub fn millis(ms: f64) -> String {
    if ms < 100.0 { format!("{ms:.2} ms") } else { format!("{ms:.0} ms") }
}

/// Cells of a row.
pub fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}
