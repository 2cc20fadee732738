//! A frontend whose questions are all answered: every image is a busybox with a trigger, every time is none.

use std::collections::BTreeMap;

use cooperage_frontend::diagnostic::Diagnostic;
use cooperage_frontend::lower::{Inputs, Lowered, Outcome, ResolvedImage, Source};
use cooperage_image::{Digest, ImageConfig, Platform};

/// How often it is answered: what asks for more may ask for ever.
const MAX_ROUNDS: usize = 8;

/// The end of a conversation.
pub struct End {
    pub diagnostics: Vec<Diagnostic>,
    pub failed: bool,
    /// It wanted to know still more.
    pub gave_up: bool,
}

pub fn ask<T>(question: fn(&Source, &Inputs) -> Lowered<T>, source: &Source) -> End {
    let mut inputs = inputs();
    let mut diagnostics = Vec::new();
    for _ in 0..MAX_ROUNDS {
        let lowered = question(source, &inputs);
        diagnostics = lowered.diagnostics;
        match lowered.outcome {
            Outcome::Needs(needs) => {
                inputs.images.extend(needs.into_iter().map(|need| {
                    let config = config(&need.platform);
                    (need, ResolvedImage { digest: Digest::of(b"an image"), config })
                }));
            }
            Outcome::NeedsTime(need) => drop(inputs.times.insert(need, None)),
            Outcome::Ready(_) => return End { diagnostics, failed: false, gave_up: false },
            Outcome::Failed => return End { diagnostics, failed: true, gave_up: false },
        }
    }
    End { diagnostics, failed: false, gave_up: true }
}

fn inputs() -> Inputs {
    Inputs {
        build_args: BTreeMap::from([("GIVEN".to_owned(), "a value".to_owned())]),
        ignore: vec!["ignored".to_owned(), "*.log".to_owned()],
        ..Inputs::new(Platform::new("linux", "amd64", None))
    }
}

fn config(platform: &Platform) -> ImageConfig {
    let text = r#"{"config":{"Env":["PATH=/bin"],"Cmd":["sh"],"OnBuild":["ENV FIRED=1"]},
        "rootfs":{"type":"layers","diff_ids":["sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]},
        "history":[{"created_by":"base"}]}"#;
    let mut config: ImageConfig = serde_json::from_str(text).expect("a config");
    config.os.clone_from(&platform.os);
    config.architecture.clone_from(&platform.architecture);
    config
}
