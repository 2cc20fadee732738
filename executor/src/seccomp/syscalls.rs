//! Numbers of system calls, by name and instruction set (`syscalls.tsv`; the kernel's `syscall*.tbl`).

use std::collections::HashMap;

/// The table.
pub(super) struct Table(HashMap<&'static str, [Option<u32>; 4]>);

impl Table {
    /// From the text that is built in; its columns are those of [`super::MACHINES`].
    pub(super) fn load() -> Self {
        let row = |line: &'static str| {
            let mut fields = line.split('\t');
            let name = fields.next()?;
            let mut numbers = [None; 4];
            for (number, field) in numbers.iter_mut().zip(fields) {
                *number = field.parse().ok();
            }
            Some((name, numbers))
        };
        Self(include_str!("syscalls.tsv").lines().skip(1).filter_map(row).collect())
    }

    /// The number of `name`; `None` where there is no such call.
    pub(super) fn number(&self, name: &str, column: usize) -> Option<u32> {
        self.0.get(name).and_then(|numbers| numbers.get(column).copied().flatten())
    }
}
