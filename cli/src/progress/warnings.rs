//! What lint found, told at the end, where it is seen.

use std::io::IsTerminal;

use cooperage::Warning;

/// The warnings of a build, for its last lines. Empty if there are none.
pub(super) fn text(warnings: &[Warning]) -> String {
    let count = match warnings.len() {
        0 => return String::new(),
        1 => "1 warning".to_owned(),
        count => format!("{count} warnings"),
    };
    let title = format!("{count} found (--check shows the places):");
    let color = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let title = if color { format!("\x1b[33m{title}\x1b[0m") } else { title };
    let lines: String = warnings.iter().map(|warning| format!(" - {warning}\n")).collect();
    format!("\n {title}\n{lines}")
}
