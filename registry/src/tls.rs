//! Which certificates are trusted. The configuration is our own, on the ring provider: the host program's
//! process-wide provider is neither used nor set.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

use crate::failure::Failure;

/// Certificates of the authorities to trust.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Roots {
    /// Those of the machine, where OpenSSL would look for them.
    #[default]
    Machine,
    /// Only those in this PEM file and in the PEM files of these directories.
    Only {
        /// A file of any number of certificates.
        file: Option<PathBuf>,
        /// Directories of such files, not searched deeper.
        directories: Vec<PathBuf>,
    },
}

impl Roots {
    /// What a process with the environment `variable` trusts: the file `SSL_CERT_FILE` and the directories
    /// `SSL_CERT_DIR` (separated by `:`) if either is set, else the machine's.
    pub fn from_environment(variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let file = set("SSL_CERT_FILE").map(PathBuf::from);
        let directories: Vec<_> = set("SSL_CERT_DIR")
            .iter()
            .flat_map(std::env::split_paths)
            .filter(|d| *d != Path::new(""))
            .collect();
        if file.is_none() && directories.is_empty() {
            return Self::Machine;
        }
        Self::Only { file, directories }
    }

    /// What to do about a certificate that none of the `trusted` authorities stands behind.
    pub(crate) fn hint(&self, trusted: usize) -> String {
        match (self, trusted) {
            (Self::Only { file: Some(file), .. }, _) => {
                format!("only the authorities that SSL_CERT_FILE names are trusted: {}", file.display())
            }
            (Self::Only { file: None, .. }, _) => {
                format!(
                    "only the authorities in the directories of SSL_CERT_DIR are trusted, {trusted} in all"
                )
            }
            (Self::Machine, 0) => {
                "this machine has no certificates of authorities: name a file of them in SSL_CERT_FILE"
                    .to_owned()
            }
            (Self::Machine, _) => {
                "the certificate's authority is unknown here: name a file of them in SSL_CERT_FILE".to_owned()
            }
        }
    }

    /// The configuration, and how many authorities it trusts.
    pub(crate) fn client_config(&self) -> Result<(ClientConfig, usize), Failure> {
        let mut roots = RootCertStore::empty();
        match self {
            // What can be read is used: a machine's collection often has a file that is no certificate.
            Self::Machine => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
            Self::Only { file, directories } => {
                if let Some(file) = file {
                    add(&mut roots, file, rustls_native_certs::load_certs_from_paths(Some(file), None))?;
                    if roots.is_empty() {
                        return Err(wrong(file, "it holds no certificate in PEM form".to_owned()));
                    }
                }
                for directory in directories {
                    let loaded = rustls_native_certs::load_certs_from_paths(None, Some(directory));
                    add(&mut roots, directory, loaded)?;
                }
            }
        }
        let count = roots.len();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring supports the default versions of TLS")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok((config, count))
    }
}

fn add(
    roots: &mut RootCertStore,
    path: &Path,
    loaded: rustls_native_certs::CertificateResult,
) -> Result<(), Failure> {
    if let Some(error) = loaded.errors.first() {
        return Err(wrong(path, error.to_string()));
    }
    let mut refused = None;
    let before = roots.len();
    for certificate in loaded.certs {
        // One that cannot be read trusts nobody; a large collection often has such a one.
        if let Err(error) = roots.add(certificate) {
            refused = Some(error);
        }
    }
    match refused {
        Some(error) if roots.len() == before => Err(wrong(path, error.to_string())),
        _ => Ok(()),
    }
}

fn wrong(path: &Path, detail: String) -> Failure {
    Failure::Config { path: path.to_owned(), detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(roots: &Roots) -> String {
        match roots.client_config().unwrap_err() {
            Failure::Config { path, detail } => format!("{}: {detail}", path.display()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_environment_replaces_the_machines_roots() {
        assert_eq!(Roots::from_environment(|_| None), Roots::Machine);
        assert_eq!(Roots::from_environment(|_| Some("".into())), Roots::Machine);
        let directory = |name: &str| (name == "SSL_CERT_DIR").then(|| "/a::/b".into());
        let directories = vec!["/a".into(), "/b".into()];
        assert_eq!(Roots::from_environment(directory), Roots::Only { file: None, directories });
    }

    #[test]
    fn a_file_that_was_named_must_hold_certificates() {
        let only = |file: PathBuf| Roots::Only { file: Some(file), directories: Vec::new() };
        let missing = failure(&only("/nowhere/ca.pem".into()));
        assert!(missing.starts_with("/nowhere/ca.pem: ") && missing.contains("No such file"), "{missing}");
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "not a certificate").unwrap();
        let empty = failure(&only(file.path().to_owned()));
        assert!(empty.contains("certificate"), "{empty}");
        std::fs::write(file.path(), STRANGE).unwrap();
        let strange = failure(&only(file.path().to_owned()));
        assert!(strange.contains("BadEncoding"), "{strange}");
    }

    /// What is inside is no certificate, though it says so.
    const STRANGE: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

    #[test]
    fn one_strange_certificate_does_not_spoil_a_collection() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), format!("{STRANGE}{AUTHORITY}")).unwrap();
        let roots = Roots::Only { file: Some(file.path().to_owned()), directories: Vec::new() };
        assert_eq!(roots.client_config().unwrap().1, 1);
    }

    const AUTHORITY: &str = "\
-----BEGIN CERTIFICATE-----
MIIBbzCCARWgAwIBAgIUbNSQElVVo/HpEgmNUq98Z7EDB3YwCgYIKoZIzj0EAwIw
DDEKMAgGA1UEAwwBdDAgFw0yNjExMjEwNjU0NDhaGA8yMTI2MTAyODA2NTQ0OFow
DDEKMAgGA1UEAwwBdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABJBbNjusZkG1
SoeTv8N608JBgj5XsDpFAS6SwDqTennf4hPXe+BlkEXZCelxCPVqSMMxM7fjRyTL
oHGXZ2n02v2jUzBRMB0GA1UdDgQWBBRIlDCzhHj1pq/BGbksYYmDtlLm2DAfBgNV
HSMEGDAWgBRIlDCzhHj1pq/BGbksYYmDtlLm2DAPBgNVHRMBAf8EBTADAQH/MAoG
CCqGSM49BAMCA0gAMEUCIQDgGXDq1wmWqCrgPPXJivNzm/dpBJ/Pc21i2OMeiCb+
gwIgemvZWlFRWwIU4BoldFKOOuSfDUoAZpd84z2YtkVRpG8=
-----END CERTIFICATE-----
";
}
