//! Tables of an answer's text.

/// Rows as columns, `gap` blanks between; no blanks at the end of a line.
pub(super) fn columns<const N: usize>(rows: &[[&str; N]], gap: usize) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for row in rows {
        let start = text.len();
        for (column, cell) in row.iter().enumerate() {
            text.push_str(&format!("{cell:<0$}", width(column) + gap));
        }
        text.truncate(start + text[start..].trim_end().len());
        text.push('\n');
    }
    text
}
