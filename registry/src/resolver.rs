//! Addresses of names, without the C library: a static binary cannot load its resolver.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::system_conf::parse_resolv_conf;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::OnceCell;

/// Resolves by `/etc/hosts` and the name servers of a `resolv.conf`.
#[derive(Clone)]
pub(crate) struct Resolver {
    path: Arc<PathBuf>,
    /// Made with the first question.
    inner: Arc<OnceCell<TokioResolver>>,
}

impl Resolver {
    pub(crate) fn of(path: impl Into<PathBuf>) -> Self {
        Self { path: Arc::new(path.into()), inner: Arc::default() }
    }

    async fn addresses(&self, name: &str) -> Result<Vec<SocketAddr>, NetError> {
        let resolver = self.inner.get_or_try_init(|| async { self.make() }).await?;
        let found = resolver.lookup_ip(name).await?;
        Ok(found.iter().map(|address| SocketAddr::new(address, 0)).collect())
    }

    fn make(&self) -> Result<TokioResolver, NetError> {
        let (config, mut options) = self.configuration();
        options.ip_strategy = LookupIpStrategy::Ipv6AndIpv4;
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        *builder.options_mut() = options;
        builder.build()
    }

    /// What the file says. Without one, or without a name server in it, the machine's own is asked, as the C
    /// library does (resolv.conf(5)), and never anybody's in the Internet: names may be secrets.
    fn configuration(&self) -> (ResolverConfig, ResolverOpts) {
        let read = std::fs::read(self.path.as_path()).ok();
        read.and_then(|text| parse_resolv_conf(text).ok()).unwrap_or_else(|| {
            let own = NameServerConfig::udp_and_tcp(Ipv4Addr::LOCALHOST.into());
            (ResolverConfig::from_parts(None, Vec::new(), vec![own]), ResolverOpts::default())
        })
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            match resolver.addresses(name.as_str()).await {
                Ok(found) => Ok(Box::new(found.into_iter()) as Addrs),
                Err(error) => Err(io::Error::other(format!("looking {} up: {error}", name.as_str())).into()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(text: Option<&str>) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("resolv.conf");
        if let Some(text) = text {
            std::fs::write(&path, text).unwrap();
        }
        let (config, _) = Resolver::of(path).configuration();
        config.name_servers().iter().map(|server| server.ip.to_string()).collect()
    }

    #[test]
    fn nobody_is_asked_whom_the_machine_does_not_name() {
        assert_eq!(
            servers(Some("nameserver 192.0.2.1\nnameserver 2001:db8::1\n")),
            ["192.0.2.1", "2001:db8::1"]
        );
        for text in [None, Some(""), Some("search example\n"), Some("nameserver what\n")] {
            assert_eq!(servers(text), ["127.0.0.1"], "{text:?}");
        }
    }

    #[tokio::test]
    async fn names_of_this_machine_need_no_server() {
        let found = Resolver::of("/nowhere/resolv.conf").addresses("registry.localhost").await.unwrap();
        assert!(found.iter().all(|address| address.ip().is_loopback()) && !found.is_empty(), "{found:?}");
    }
}
