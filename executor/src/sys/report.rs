//! What the keeper and the step write to the report pipe: fixed records, shorter than PIPE_BUF, so whole.

/// A record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Report {
    /// A call of the plan failed.
    CallFailed { index: u32, errno: i32, detail: Detail },
    /// The keeper could not make the step's process.
    CloneFailed { errno: i32 },
    /// The step exited with this status.
    Exited(i32),
    /// The step was ended by this signal.
    Signaled(i32),
}

/// What the errno alone does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    None,
    /// The file that could not be executed exists: what is missing is its interpreter.
    FileExists,
}

/// Length of a record.
pub(crate) const RECORD_BYTES: usize = 16;

impl Report {
    /// The record's bytes.
    pub(crate) fn encode(self) -> [u8; RECORD_BYTES] {
        let [kind, a, b, c] = match self {
            Self::CallFailed { index, errno, detail } => [0, index, errno as u32, detail as u32],
            Self::CloneFailed { errno } => [1, errno as u32, 0, 0],
            Self::Exited(status) => [2, status as u32, 0, 0],
            Self::Signaled(signal) => [3, signal as u32, 0, 0],
        };
        let mut bytes = [0; RECORD_BYTES];
        for (i, word) in [kind, a, b, c].into_iter().enumerate() {
            bytes[i * 4..i * 4 + 4].copy_from_slice(&word.to_ne_bytes());
        }
        bytes
    }

    /// The record in `bytes`; `None` if no record is like that.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let word = |i: usize| Some(u32::from_ne_bytes(bytes.get(i * 4..i * 4 + 4)?.try_into().ok()?));
        let (a, b, c) = (word(1)?, word(2)?, word(3)?);
        Some(match word(0)? {
            0 => Self::CallFailed {
                index: a,
                errno: b as i32,
                detail: if c == 0 { Detail::None } else { Detail::FileExists },
            },
            1 => Self::CloneFailed { errno: a as i32 },
            2 => Self::Exited(a as i32),
            3 => Self::Signaled(a as i32),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_survive_the_pipe() {
        for report in [
            Report::CallFailed { index: 7, errno: 13, detail: Detail::FileExists },
            Report::CallFailed { index: 0, errno: 1, detail: Detail::None },
            Report::CloneFailed { errno: 28 },
            Report::Exited(255),
            Report::Signaled(9),
        ] {
            assert_eq!(Report::decode(&report.encode()), Some(report));
        }
        assert_eq!(Report::decode(&[9; RECORD_BYTES]), None);
        assert_eq!(Report::decode(&[0; 3]), None);
    }
}
