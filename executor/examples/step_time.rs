//! How long our own part of a step takes: `cargo run --release -p cooperage-executor --example step_time`.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cooperage_executor::{probe, runner};
use cooperage_image::tree::{Dir, Meta, Name, Node, Timestamp, Tree};
use cooperage_llb::ports::CancelToken;
use cooperage_llb::ports::step_runner::{Layers, Limits, Network, Step, StepLog, Stream};

struct Discard;

impl StepLog for Discard {
    fn write(&self, _: Stream, _: &[u8]) {}
}

const STEPS: usize = 50;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let base = dir.path().join("base");
    std::fs::create_dir_all(base.join("bin"))?;
    std::fs::copy("/bin/busybox", base.join("bin/busybox"))?;
    std::os::unix::fs::symlink("busybox", base.join("bin/true"))?;
    let meta = || Meta::new(0o755, Timestamp::default());
    let bin = Node::Dir(Arc::new(Dir { meta: meta(), entries: Default::default() }));
    let entries = [(Name::new(b"bin")?, bin)].into_iter().collect();
    let tree = Tree::new(Arc::new(Dir { meta: meta(), entries }));

    let begin = Instant::now();
    let reports = probe();
    println!("probe of {} tiers: {:?}", reports.len(), begin.elapsed());
    for report in reports {
        match report.missing {
            Some(why) => println!("{}: {why}", report.tier),
            None => time(report.tier, dir.path(), &base, &tree)?,
        }
    }
    Ok(())
}

fn time(
    tier: cooperage_executor::Tier,
    dir: &Path,
    base: &Path,
    tree: &Tree,
) -> Result<(), Box<dyn std::error::Error>> {
    let runner = runner(tier)?;
    let mut times: Vec<Duration> = vec![];
    for n in 0..STEPS {
        let scratch = dir.join(format!("{tier}{n}"));
        std::fs::create_dir(&scratch)?;
        let root = Layers { directories: vec![base.to_owned()], tree: tree.clone(), scratch: Some(scratch) };
        let step = Step {
            id: format!("{tier}{n}"),
            args: vec!["/bin/true".into()],
            env: vec![],
            cwd: "/".into(),
            user: String::new(),
            hostname: String::new(),
            root,
            mounts: vec![],
            network: Network::Host,
            insecure: false,
            extra_hosts: vec![],
            ulimits: vec![],
            limits: Limits::default(),
            timeout: None,
        };
        let begin = Instant::now();
        runner.run(&step, &Discard, &CancelToken::new())?;
        times.push(begin.elapsed());
    }
    times.sort();
    println!(
        "{tier}: {STEPS} steps: median {:?}, least {:?}, most {:?}",
        times[STEPS / 2],
        times[0],
        times[STEPS - 1]
    );
    Ok(())
}
