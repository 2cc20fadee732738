//! The binary itself: one static file that needs nothing beside it; and the library beside the binary.

use std::process::Command;

use cooperage_tests::{Cooper, binary, busybox, folder, run};

/// `PT_INTERP` (elf(5)): the program header of a binary that needs a loader.
const PT_INTERP: u32 = 3;

#[test]
fn no_loader_is_needed() {
    let elf = std::fs::read(binary()).unwrap();
    assert_eq!(&elf[..5], b"\x7fELF\x02", "a 64-bit ELF file");
    let u16_at = |at: usize| u16::from_le_bytes([elf[at], elf[at + 1]]) as usize;
    let table = u64::from_le_bytes(elf[32..40].try_into().unwrap()) as usize;
    let (size, count) = (u16_at(54), u16_at(56));
    for header in (0..count).map(|index| &elf[table + index * size..]) {
        let kind = u32::from_le_bytes(header[..4].try_into().unwrap());
        assert_ne!(kind, PT_INTERP, "the binary asks for a dynamic loader");
    }
}

#[test]
fn it_runs_in_an_empty_image() {
    let context =
        folder(&[("Dockerfile", "FROM scratch\nCOPY cooper /cooper\nRUN [\"/cooper\", \"--version\"]\n")]);
    std::fs::copy(binary(), context.path().join("cooper")).unwrap();
    Cooper::new().build(&[], context.path()).ok().says("cooper 0.1.0");
}

/// cooper in a step of cooper: where the step may not make namespaces, that is said.
#[test]
fn it_says_what_a_place_does_not_allow() {
    let cooper = Cooper::new();
    busybox(&cooper);
    let dockerfile = "FROM busybox:test\nCOPY cooper /cooper\nRUN /cooper debug tiers\n";
    let context = folder(&[("Dockerfile", dockerfile)]);
    std::fs::copy(binary(), context.path().join("cooper")).unwrap();
    cooper.build(&[], context.path()).ok().says("root").says("no ");
}

#[test]
fn the_example_embeds_the_library() {
    let source = include_str!("../../examples/embed.rs");
    assert!(source.lines().count() < 60, "{} lines", source.lines().count());
    let store = tempfile::tempdir().unwrap();
    let context = folder(&[("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")]);
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["run", "--quiet", "--locked", "-p", "cooperage", "--example", "embed", "--"]);
    let said = run(cargo.arg(context.path()).arg("embedded:1").env("COOPER_ROOT", store.path()));
    assert!(said.contains("embedded:1 is sha256:") && said.contains("1 steps ran"), "{said}");
    assert_eq!(Cooper::at(store.path()).run(["images", "-q"]).ok().stdout, "embedded:1\n");
}
