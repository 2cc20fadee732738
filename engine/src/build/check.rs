//! What can be refused before anything is built.

use std::io::IsTerminal;

use crate::output::Output;
use crate::{BuildRequest, Error};

/// Refuses outputs that could not be written after all the work.
pub(super) fn check_outputs(request: &BuildRequest) -> Result<(), Error> {
    let refuse = |why: &str| Err(Error::Usage(why.to_owned()));
    for output in &request.outputs {
        let several = request.platforms.len() > 1;
        match output {
            Output::Image(image) if image.push && image.names.is_empty() && request.tags.is_empty() => {
                return refuse("a name is needed to push: add -t REGISTRY/NAME:TAG");
            }
            Output::Docker(_) if several => {
                return refuse("type=docker holds one platform: use type=oci, or one --platform");
            }
            Output::Tar { .. } if several => {
                return refuse("type=tar holds one platform: give one --platform");
            }
            _ => {}
        }
    }
    match request.outputs.iter().filter(|output| output.is_stdout()).count() {
        0 => Ok(()),
        1 if std::io::stdout().is_terminal() => {
            refuse("refusing to write an archive to the terminal: redirect it, or set dest")
        }
        1 => Ok(()),
        _ => refuse("only one output can go to standard output: set dest for the others"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_written_is_not_built() {
        for (outputs, platforms, why) in [
            (&["type=registry"][..], &[][..], Some("a name is needed to push")),
            (&["type=docker,dest=x"], &["linux/amd64", "linux/arm64"], Some("holds one platform")),
            (&["type=tar,dest=x"], &["linux/amd64", "linux/arm64"], Some("holds one platform")),
            (&["type=oci,dest=x"], &["linux/amd64", "linux/arm64"], None),
            (&["-", "type=oci"], &[], Some("only one output")),
        ] {
            let request = BuildRequest {
                outputs: outputs.iter().map(|text| text.parse().unwrap()).collect(),
                platforms: platforms.iter().map(|text| text.parse().unwrap()).collect(),
                ..BuildRequest::of_text("FROM scratch")
            };
            let said = check_outputs(&request).err().map(|error| error.to_string());
            assert_eq!(said.is_some(), why.is_some(), "{outputs:?}: {said:?}");
            assert!(said.unwrap_or_default().contains(why.unwrap_or_default()), "{outputs:?}");
        }
    }
}
