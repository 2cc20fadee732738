//! Why a step was not cached, in words.

use cooperage_llb::ports::result_index::Difference;

/// Differences that are named; the rest is counted.
const NAMED_MAX: usize = 3;

/// Says what is different from the last build of the same step.
pub(super) fn text(differences: &[Difference]) -> String {
    // The digest over all that is read says less than the files it is made of.
    let files: Vec<&Difference> = differences.iter().filter(|one| !is_sum(name(one))).collect();
    let shown = if files.is_empty() { differences.iter().collect() } else { files };
    let mut words: Vec<String> = shown.iter().take(NAMED_MAX).map(|one| phrase(one)).collect();
    if shown.len() > NAMED_MAX {
        words.push(format!("{} more", shown.len() - NAMED_MAX));
    }
    words.join(", ")
}

fn name(difference: &Difference) -> &str {
    match difference {
        Difference::Changed(name) | Difference::Added(name) | Difference::Removed(name) => name,
    }
}

/// `input 1 read 0`: all that one copy reads (`ops/digest.rs`).
fn is_sum(name: &str) -> bool {
    name.starts_with("input ") && name.contains(" read ")
}

fn phrase(difference: &Difference) -> String {
    let subject = match name(difference) {
        "op" => "the instruction",
        "input 0" => "the step it builds on",
        sum if is_sum(sum) => "what it reads",
        other => other,
    };
    match difference {
        Difference::Changed(_) => format!("{subject} changed"),
        Difference::Added(_) => format!("{subject} is new"),
        Difference::Removed(_) => format!("{subject} is gone"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_before_sums() {
        let changed = |name: &str| Difference::Changed(name.to_owned());
        for (differences, expected) in [
            (vec![changed("op")], "the instruction changed"),
            (vec![changed("input 0")], "the step it builds on changed"),
            (vec![changed("src/main.rs"), changed("input 1 read 0")], "src/main.rs changed"),
            (vec![changed("input 1 read 0")], "what it reads changed"),
            (
                vec![
                    changed("a"),
                    Difference::Added("b".into()),
                    Difference::Removed("c".into()),
                    changed("d"),
                ],
                "a changed, b is new, c is gone, 1 more",
            ),
        ] {
            assert_eq!(text(&differences), expected);
        }
    }
}
