//! Base images, made on the spot: no registry is asked.

use std::path::PathBuf;
use std::process::Command;

use crate::{Cooper, folder, peer, run};

/// Builds `busybox:test` into the store: a shell and the usual commands, from nothing.
pub fn busybox(cooper: &Cooper) {
    cooper.build(&["-t", "busybox:test"], busybox_context().path()).ok();
}

/// What `busybox:test` is built from.
pub fn busybox_context() -> tempfile::TempDir {
    let context = folder(&[
        (
            "Dockerfile",
            // Mount points that every real base has, so that steps need not make them.
            "FROM scratch\nWORKDIR /dev\nWORKDIR /proc\nWORKDIR /sys\nWORKDIR /\nCOPY busybox /bin/busybox\n\
             RUN [\"/bin/busybox\", \"--install\", \"-s\", \"/bin\"]\nCOPY passwd group /etc/\nENV PATH=/bin\nCMD [\"/bin/sh\"]\n",
        ),
        ("passwd", "root:x:0:0:root:/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\n"),
        ("group", "root:x:0:\nada:x:1000:\nstaff:x:50:ada\n"),
    ]);
    let busybox =
        ["/bin/busybox", "/usr/bin/busybox"].into_iter().find(|path| std::fs::metadata(path).is_ok());
    std::fs::copy(
        busybox.expect("busybox-static is installed: run `make deps`"),
        context.path().join("busybox"),
    )
    .expect("busybox can be copied");
    context
}

/// A Debian root made by mmdebstrap, cached outside the tree, as an OCI layout built by `cooper` itself.
/// Given to a build with `--build-context debian=oci-layout://PATH:base`.
pub fn debian() -> PathBuf {
    use rustix::fs::{FlockOperation, flock};
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(|| "/var/cache".into(), PathBuf::from);
    let cache = cache.join("cooper-tests");
    std::fs::create_dir_all(&cache).expect("the cache folder can be made");
    let lock = std::fs::File::create(cache.join("lock")).expect("a lock file");
    flock(&lock, FlockOperation::LockExclusive).expect("the lock can be taken");
    let layout = cache.join("debian-v1");
    if layout.join("index.json").exists() {
        return layout;
    }
    let work = tempfile::tempdir_in(&cache).expect("a temporary folder");
    let tar = work.path().join("root.tar");
    run(Command::new(peer("mmdebstrap")).args(["--variant=minbase", "--quiet", "bookworm"]).arg(&tar));
    crate::write(work.path(), &[("Dockerfile", "FROM scratch\nADD root.tar /\nCMD [\"/bin/bash\"]\n")]);
    let made = work.path().join("layout");
    let output = format!("type=oci,tar=false,dest={}", made.display());
    Cooper::new().build(&["-t", "debian:base", "--output", &output], work.path()).ok();
    std::fs::rename(&made, &layout).expect("the layout can be renamed");
    layout
}

/// The machine's own package configuration as named contexts: `apt`, `certs`.
pub fn debian_contexts() -> Vec<String> {
    let mut arguments = vec![format!("--build-context=debian=oci-layout://{}:base", debian().display())];
    for (name, path) in [("apt", "/etc/apt"), ("certs", "/etc/ssl/certs")] {
        arguments.push(format!("--build-context={name}={path}"));
    }
    arguments
}
