//! From arguments to a [`BuildRequest`].

use std::path::Path;

use anyhow::{Context, Result, bail};
use cooperage::image::Platform;
use cooperage::{BuildRequest, ContextSpec, DockerfileSpec, Entitlement, NetworkSpec, Output, SecretSource};

use super::input;
use crate::args::{Build, Network};

/// The request of `cooper build`.
pub(super) fn request(args: &Build) -> Result<BuildRequest> {
    let stdin_file = args.file.as_deref().is_some_and(|file| file.as_os_str() == "-");
    let context = ContextSpec::parse(args.context.as_os_str());
    if context == ContextSpec::Stdin && stdin_file {
        bail!("invalid argument: can't use stdin for both build context and dockerfile");
    }
    let mut request = BuildRequest::new(&args.context);
    request.context = context;
    request.dockerfile = match &args.file {
        None => DockerfileSpec::Default,
        Some(_) if stdin_file => from_stdin()?,
        Some(file) => dockerfile(file),
    };
    request.tags.clone_from(&args.tag);
    for one in &args.build_arg {
        match one.split_once('=') {
            Some((name, value)) => drop(request.build_args.insert(name.to_owned(), value.to_owned())),
            // Without a value it is the environment's; unset there, it stays unset.
            None => {
                if let Some(value) = environment(one)? {
                    request.build_args.insert(one.clone(), value);
                }
            }
        }
    }
    for one in &args.build_context {
        let (name, value) =
            one.split_once('=').with_context(|| format!("--build-context {one}: expected NAME=VALUE"))?;
        request.contexts.insert(name.to_owned(), value.to_owned());
    }
    for one in &args.label {
        let (key, value) = one.split_once('=').unwrap_or((one, ""));
        request.labels.insert(key.to_owned(), value.to_owned());
    }
    for one in &args.add_host {
        request.extra_hosts.extend(extra_hosts(one)?);
    }
    given(args, &mut request)?;
    request.target.clone_from(&args.target);
    request.platforms = platforms(args)?;
    request.outputs = outputs(args)?;
    request.no_cache = args.no_cache;
    request.pull = args.pull;
    request.network = match args.network {
        Network::Default => NetworkSpec::Default,
        Network::Host => NetworkSpec::Host,
        Network::None => NetworkSpec::None,
    };
    // As the other clients have it: from the environment it is a build argument like a given one.
    if let Some(epoch) = environment(SOURCE_DATE_EPOCH)? {
        request.build_args.entry(SOURCE_DATE_EPOCH.to_owned()).or_insert(epoch);
    }
    Ok(request)
}

/// A variable of the environment, if it is set.
fn environment(name: &str) -> Result<Option<String>> {
    let value = std::env::var_os(name).map(std::ffi::OsString::into_string).transpose();
    value.map_err(|value| anyhow::anyhow!("{name} in the environment is not UTF-8: {value:?}"))
}

/// When the image says that it was made (reproducible-builds.org).
const SOURCE_DATE_EPOCH: &str = "SOURCE_DATE_EPOCH";

/// Limits, secrets, agents and entitlements.
fn given(args: &Build, request: &mut BuildRequest) -> Result<()> {
    for one in &args.ulimit {
        request.ulimits.push(cooperage::parse_ulimit(one)?);
    }
    if let Some(size) = &args.shm_size {
        request.shm_size_bytes = Some(cooperage::parse_bytes("--shm-size", size)?);
    }
    for one in &args.secret {
        let (id, source) = SecretSource::parse(one)?;
        request.secrets.insert(id, source);
    }
    for one in &args.ssh {
        let (id, socket) = cooperage::parse_ssh(one)?;
        if request.ssh.insert(id.clone(), socket).is_some() {
            bail!("--ssh {one}: {id} is given twice");
        }
    }
    request.allow.extend(&args.allow);
    if args.network == Network::Host {
        request.allow.insert(Entitlement::NetworkHost);
    }
    Ok(())
}

/// `NAME:IP` or `NAME=IP`, several addresses with commas. Steps have the machine's own network, so that
/// `host-gateway`, what leads to the machine, is loopback.
fn extra_hosts(text: &str) -> Result<Vec<(String, String)>> {
    let (name, addresses) =
        text.split_once([':', '=']).with_context(|| format!("--add-host {text}: expected NAME:IP"))?;
    let address = |address: &str| -> Result<(String, String)> {
        let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
        let ip = match bare {
            "host-gateway" => "127.0.0.1".to_owned(),
            bare => {
                let parsed = bare.parse::<std::net::IpAddr>();
                parsed.with_context(|| format!("--add-host {text}: {bare:?} is no IP address"))?.to_string()
            }
        };
        Ok((name.to_owned(), ip))
    };
    addresses.split(',').map(address).collect()
}

fn dockerfile(file: &Path) -> DockerfileSpec {
    match file.to_str() {
        Some(url) if url.starts_with("http://") || url.starts_with("https://") => {
            DockerfileSpec::Url(url.to_owned())
        }
        _ => DockerfileSpec::Path(file.to_owned()),
    }
}

fn from_stdin() -> Result<DockerfileSpec> {
    let bytes = input::read("standard input", std::io::stdin())?;
    let text = String::from_utf8(bytes).context("the Dockerfile on standard input is not UTF-8")?;
    Ok(DockerfileSpec::Text { name: "Dockerfile".to_owned(), text })
}

fn platforms(args: &Build) -> Result<Vec<Platform>> {
    if !args.platform.is_empty() {
        return Ok(args.platform.clone());
    }
    match std::env::var("DOCKER_DEFAULT_PLATFORM") {
        Ok(text) if !text.is_empty() => {
            text.split(',').map(|one| one.parse().context("DOCKER_DEFAULT_PLATFORM")).collect()
        }
        _ => Ok(Vec::new()),
    }
}

fn outputs(args: &Build) -> Result<Vec<Output>> {
    let mut outputs = args.output.iter().map(|spec| spec.parse()).collect::<Result<Vec<Output>, _>>()?;
    if args.push {
        let mut found = false;
        for output in &mut outputs {
            match output {
                Output::Image(image) => {
                    image.push = true;
                    found = true;
                }
                _ => bail!("--push needs an image: it cannot go with another --output type"),
            }
        }
        if !found {
            outputs.push("type=registry".parse()?);
        }
    }
    Ok(outputs)
}

#[cfg(test)]
mod tests {
    use super::extra_hosts;

    #[test]
    fn lines_for_hosts() {
        let lines =
            |text: &str| extra_hosts(text).map(|lines| lines.into_iter().map(|(n, ip)| format!("{n} {ip}")));
        let all = |text: &str| lines(text).unwrap().collect::<Vec<_>>();
        assert_eq!(all("h:10.0.0.1"), ["h 10.0.0.1"]);
        assert_eq!(all("h=10.0.0.1,[::1]"), ["h 10.0.0.1", "h ::1"]);
        assert_eq!(all("h:::1"), ["h ::1"]);
        assert_eq!(all("h:host-gateway"), ["h 127.0.0.1"]);
        assert!(lines("h").is_err() && lines("h:x").is_err());
    }
}
