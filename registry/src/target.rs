//! Where a reference's repository lives: address, scheme and URLs (distribution-spec, "Endpoints").

use cooperage_image::Reference;
use reqwest::Url;

use crate::Options;

/// The repository that a request is about.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// Host and port as in the reference; credentials are filed under it.
    pub(crate) host: String,
    /// The repository's name below the host.
    pub(crate) repository: String,
    base: Url,
}

impl Target {
    /// The place of `image`; `None` if its host is not one.
    pub(crate) fn new(image: &Reference, options: &Options) -> Option<Self> {
        let host = match image.host() {
            "docker.io" => "registry-1.docker.io",
            host => host,
        };
        let https = base_url("https", host)?;
        let plain =
            named(&options.insecure_hosts, host) || (is_loopback(&https) && !named(&options.tls_hosts, host));
        Some(Self {
            host: image.host().to_owned(),
            repository: image.repository().to_owned(),
            base: if plain { base_url("http", host)? } else { https },
        })
    }

    /// `scheme://host[:port]`, for messages.
    pub(crate) fn address(&self) -> String {
        self.base.as_str().trim_end_matches('/').to_owned()
    }

    /// The URL of `path` below the repository: `manifests/latest`.
    pub(crate) fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("/v2/{}/{path}", self.repository));
        url
    }

    /// Whether `url` is of the registry itself, so that it may see the registry's credentials.
    pub(crate) fn owns(&self, url: &Url) -> bool {
        url.origin() == self.base.origin()
    }

    /// Whether the registry is spoken to without TLS.
    pub(crate) fn is_plain(&self) -> bool {
        self.base.scheme() == "http"
    }
}

/// The root URL of `host[:port]`, if it is nothing more than that.
pub(crate) fn base_url(scheme: &str, host: &str) -> Option<Url> {
    let url = Url::parse(&format!("{scheme}://{host}/")).ok()?;
    let bare = url.username().is_empty()
        && url.password().is_none()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.has_host();
    bare.then_some(url)
}

/// Whether `url` stays on this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        None => false,
        Some("localhost") => true,
        Some(host) => host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback()),
    }
}

/// Whether `hosts` names `host`, with its port or for all its ports.
pub(crate) fn named(hosts: &[String], host: &str) -> bool {
    let bare = match host.rsplit_once(':') {
        Some((bare, port)) if port.bytes().all(|b| b.is_ascii_digit()) => bare,
        _ => host,
    };
    hosts.iter().any(|name| name.eq_ignore_ascii_case(host) || name.eq_ignore_ascii_case(bare))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scheme_and_address_follow_the_host() {
        let options = Options {
            insecure_hosts: vec!["plain.example".into(), "one.example:81".into()],
            tls_hosts: vec!["127.0.0.1:5443".into()],
            ..Options::default()
        };
        for (image, address) in [
            ("busybox", "https://registry-1.docker.io"),
            ("a.example/x", "https://a.example"),
            ("a.example:8443/x", "https://a.example:8443"),
            ("localhost/x", "http://localhost"),
            ("localhost:5000/x", "http://localhost:5000"),
            ("127.3.2.1:5000/x", "http://127.3.2.1:5000"),
            ("[::1]:5000/x", "http://[::1]:5000"),
            ("127.0.0.1:5443/x", "https://127.0.0.1:5443"),
            ("plain.example:8080/x", "http://plain.example:8080"),
            ("one.example:81/x", "http://one.example:81"),
            ("one.example:82/x", "https://one.example:82"),
            ("localhost.evil.example/x", "https://localhost.evil.example"),
        ] {
            let target = Target::new(&image.parse().unwrap(), &options).unwrap();
            assert_eq!(target.address(), address, "{image}");
        }
    }

    #[test]
    fn a_host_that_smuggles_more_is_none() {
        for bad in ["a:b", "a b", "a.example#", "u:p@a.example", "a.example?x", "", "a:99999"] {
            assert!(base_url("https", bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn urls_are_below_the_repository() {
        let target = Target::new(&"busybox:1".parse().unwrap(), &Options::default()).unwrap();
        assert_eq!(
            target.url("manifests/1").as_str(),
            "https://registry-1.docker.io/v2/library/busybox/manifests/1"
        );
        assert!(target.owns(&target.url("x")));
        assert!(!target.owns(&Url::parse("http://registry-1.docker.io/").unwrap()));
    }
}
