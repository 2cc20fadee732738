//! The filter as the kernel would run it: a small classic BPF machine, and Docker's rules.

use super::*;
use profile::Target;

const X86_64: u32 = 0xc000_003e;
const I386: u32 = 0x4000_0003;
const AARCH64: u32 = 0xc000_00b7;

/// Runs a program over a `struct seccomp_data`.
fn judge(program: &[BpfInstruction], arch: u32, number: u32, args: [u64; 6]) -> u32 {
    let word = |offset: u32| match offset {
        0 => number,
        4 => arch,
        _ => (args[(offset as usize - 16) / 8] >> (offset % 8 * 8)) as u32,
    };
    let (mut a, mut at) = (0_u32, 0_usize);
    loop {
        let i = program[at];
        at += 1;
        let jump = |holds: bool| usize::from(if holds { i.jump_true } else { i.jump_false });
        match i.code {
            0x20 => a = word(i.operand),
            0x54 => a &= i.operand,
            0x05 => at += i.operand as usize,
            0x15 => at += jump(a == i.operand),
            0x25 => at += jump(a > i.operand),
            0x35 => at += jump(a >= i.operand),
            0x06 => return i.operand,
            other => panic!("instruction {other:#x}"),
        }
    }
}

fn docker(arch: (&'static str, &'static str), capabilities: u64) -> Vec<BpfInstruction> {
    let target = Target { arch, kernel: (6, 1), capabilities };
    compile_anew(&profile::resolve(&target).unwrap()).unwrap()
}

const AMD64: (&str, &str) = ("amd64", "SCMP_ARCH_X86_64");
const DEFAULT: u64 = 0xa804_25fb;

#[test]
fn dockers_rules_hold_on_x86_64() {
    let program = docker(AMD64, DEFAULT);
    let call = |number: u32, first: u64| judge(&program, X86_64, number, [first, 0, 0, 0, 0, 0]);
    let (allow, refuse) = (ALLOW, ERRNO | 1);
    for (name, number, first, expected) in [
        ("read", 0, 0, allow),
        ("execve", 59, 0, allow),
        ("chroot", 161, 0, allow),
        ("mount", 165, 0, refuse),
        ("unshare", 272, 0, refuse),
        ("setns", 308, 0, refuse),
        ("bpf", 321, 0, refuse),
        ("keyctl", 250, 0, refuse),
        ("init_module", 175, 0, refuse),
        ("clone of a thread", 56, 0x3d0f00, allow),
        ("clone of a user namespace", 56, 0x1000_0000, refuse),
        ("clone3 looks unknown", 435, 0, ERRNO | ENOSYS),
        ("personality 0", 135, 0, allow),
        ("personality ADDR_NO_RANDOMIZE", 135, 0x4_0000, refuse),
        ("personality query", 135, 0xffff_ffff, allow),
        ("personality with a high word", 135, 1 << 32, refuse),
        ("AF_INET", 41, 2, allow),
        ("AF_ALG", 41, 38, refuse),
        ("AF_NFC", 41, 39, allow),
        ("AF_VSOCK", 41, 40, refuse),
        ("AF_XDP", 41, 44, allow),
        ("a call that is not made yet", 900, 0, ERRNO | ENOSYS),
        ("x32's read", 0x4000_0000, 0, ERRNO | ENOSYS),
        ("x32's execve", 0x4000_0208, 0, ERRNO | ENOSYS),
    ] {
        assert_eq!(call(number, first), expected, "{name}");
    }
}

#[test]
fn another_instruction_set_has_its_own_numbers() {
    let program = docker(AMD64, DEFAULT);
    let call = |arch: u32, number: u32| judge(&program, arch, number, [0; 6]);
    assert_eq!(call(I386, 3), ALLOW, "read");
    assert_eq!(call(I386, 21), ERRNO | 1, "mount, which is access on x86_64");
    assert_eq!(call(X86_64, 21), ALLOW, "access");
    assert_eq!(call(I386, 310), ERRNO | 1, "unshare");
    assert_eq!(call(AARCH64, 63), KILL_PROCESS, "an instruction set that the machine does not have");
    let arm = docker(("arm64", "SCMP_ARCH_AARCH64"), DEFAULT);
    assert_eq!(judge(&arm, AARCH64, 63, [0; 6]), ALLOW, "read");
    assert_eq!(judge(&arm, AARCH64, 40, [0; 6]), ERRNO | 1, "mount");
    assert_eq!(judge(&arm, 0x4000_0028, 983_045, [0; 6]), ALLOW, "set_tls of 32-bit arm");
    assert_eq!(judge(&arm, X86_64, 0, [0; 6]), KILL_PROCESS);
}

#[test]
fn capabilities_open_what_they_govern() {
    let admin = docker(AMD64, DEFAULT | 1 << 21);
    for number in [165, 272, 435] {
        assert_eq!(judge(&admin, X86_64, number, [0; 6]), ALLOW, "{number}");
    }
    assert_eq!(judge(&admin, X86_64, 56, [0x1000_0000, 0, 0, 0, 0, 0]), ALLOW);
}

#[test]
fn every_comparison_is_of_64_bits() {
    let verdict = |op: &str, value: u64, value_two: u64, argument: u64| {
        let filter = serde_json::json!({
            "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1, "architectures": ["SCMP_ARCH_X86_64"],
            "syscalls": [{ "names": ["read"], "action": "SCMP_ACT_ALLOW",
                "args": [{ "index": 2, "value": value, "valueTwo": value_two, "op": op }] }],
        });
        let program = compile_anew(&serde_json::from_value(filter).unwrap()).unwrap();
        judge(&program, X86_64, 0, [7, 7, argument, 7, 7, 7]) == ALLOW
    };
    let edge = 5 << 32 | 5;
    for argument in [0, 5, edge - 1, edge, edge + 1, 4 << 32 | 9, 6 << 32, 6 << 32 | 5, u64::MAX] {
        assert_eq!(verdict("SCMP_CMP_EQ", edge, 0, argument), argument == edge, "= {argument:#x}");
        assert_eq!(verdict("SCMP_CMP_NE", edge, 0, argument), argument != edge, "!= {argument:#x}");
        assert_eq!(verdict("SCMP_CMP_GT", edge, 0, argument), argument > edge, "> {argument:#x}");
        assert_eq!(verdict("SCMP_CMP_GE", edge, 0, argument), argument >= edge, ">= {argument:#x}");
        assert_eq!(verdict("SCMP_CMP_LT", edge, 0, argument), argument < edge, "< {argument:#x}");
        assert_eq!(verdict("SCMP_CMP_LE", edge, 0, argument), argument <= edge, "<= {argument:#x}");
        let masked = argument & 0xff_0000_00ff == edge & 0xff_0000_00ff;
        assert_eq!(verdict("SCMP_CMP_MASKED_EQ", 0xff_0000_00ff, edge & 0xff_0000_00ff, argument), masked);
    }
}

#[test]
fn the_profile_fits_this_machine() {
    let program = compile(&docker_default().unwrap()).unwrap();
    assert!((100..4096).contains(&program.len()), "{}", program.len());
}

#[test]
fn unknown_actions_are_refused() {
    let filter =
        serde_json::json!({ "defaultAction": "SCMP_ACT_TRACE", "architectures": ["SCMP_ARCH_X86_64"] });
    assert!(matches!(
        compile_anew(&serde_json::from_value(filter).unwrap()),
        Err(SeccompError::Action(Action::ScmpActTrace))
    ));
}
