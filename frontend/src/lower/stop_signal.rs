//! STOPSIGNAL: a number, or a name with or without `SIG` (signal(7)).

use super::report::Reported;
use super::work::Work;
use crate::ast::Spanned;
use crate::diagnostic::did_you_mean;

const NAMES: [&str; 36] = [
    "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL", "PIPE",
    "POLL", "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU",
    "URG", "USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ", "RTMIN", "RTMAX",
];

impl Work<'_, '_> {
    pub(super) fn stop_signal(&mut self, signal: &Spanned<String>) -> Result<(), Reported> {
        let text = self.expand(signal)?;
        if !is_signal(&text) {
            let upper = text.to_uppercase();
            let name = upper.strip_prefix("SIG").unwrap_or(&upper);
            let help = did_you_mean(name, NAMES).map(|name| format!("did you mean SIG{name}?"));
            let message = format!("invalid signal: {text}");
            let label = "expected a name such as SIGTERM, or a number";
            return Err(self.shared.report.error_with_help(signal.span, message, label, help));
        }
        self.state.record(format!("STOPSIGNAL {text}"), false);
        self.state.config.config.stop_signal = text;
        Ok(())
    }
}

fn is_signal(text: &str) -> bool {
    if let Ok(number) = text.parse::<i32>() {
        return number > 0;
    }
    let upper = text.to_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let real_time = |prefix: &str, most: u32| {
        let offset = name.strip_prefix(prefix);
        offset
            .and_then(|offset| offset.parse::<u32>().ok())
            .is_some_and(|offset| (1..=most).contains(&offset))
    };
    NAMES.contains(&name) || real_time("RTMIN+", 15) || real_time("RTMAX-", 14)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals() {
        for good in ["SIGTERM", "term", "9", "64", "SIGRTMIN+3", "rtmax-14"] {
            assert!(is_signal(good), "{good}");
        }
        for bad in ["", "0", "-1", "SIGTREM", "RTMIN+16", "SIG", "RTMAX-15"] {
            assert!(!is_signal(bad), "{bad}");
        }
    }
}
