//! ARG, ENV and expansion.

use crate::{err, ok, ok_with};

fn arg(name: &'static str, value: &'static str) -> impl Fn(&mut cooperage_frontend::lower::Inputs) {
    move |inputs| drop(inputs.build_args.insert(name.to_owned(), value.to_owned()))
}

#[test]
fn trap_14_arguments_before_from_are_invisible_until_they_are_declared_again() {
    ok("ARG A=out\nFROM busybox\nENV B=$A").has(&["\"B=\""]);
    ok("ARG A=out\nFROM busybox\nARG A\nENV B=$A").has(&["\"B=out\""]);
    ok("ARG A=out\nFROM busybox\nARG A=in\nENV B=$A").has(&["\"B=in\""]);
}

#[test]
fn trap_15_a_declared_argument_is_in_the_environment_of_every_later_run() {
    ok("FROM busybox\nARG UNUSED=1\nRUN true").has(&["env [\"PATH=/bin\", \"UNUSED=1\"]"]);
}

#[test]
fn trap_16_proxies_are_in_no_key_and_no_history_unless_they_are_declared() {
    let lowered = ok_with("FROM busybox\nRUN true", arg("http_proxy", "p"));
    lowered.has(&["env [\"PATH=/bin\"]", "proxy http=p", "RUN /bin/sh -c true"]);
    let lowered = ok_with("FROM busybox\nARG http_proxy\nRUN true", arg("http_proxy", "p"));
    lowered.has(&["\"http_proxy=p\"]", "RUN |1 http_proxy=p /bin/sh -c true"]);
}

#[test]
fn trap_17_arguments_reach_stages_built_on_theirs() {
    ok("FROM busybox AS a\nARG A=1\nFROM a\nRUN true").has(&["env [\"A=1\", \"PATH=/bin\"]", "RUN |1 A=1 "]);
}

#[test]
fn trap_18_values_of_a_line_come_from_before_it() {
    ok("FROM busybox\nENV a=old\nENV a=new b=$a").has(&["\"b=old\"", "\"a=new\""]);
}

#[test]
fn trap_19_given_values_are_raw_and_defaults_are_expanded() {
    let dockerfile = "FROM busybox\nARG H=/h\nARG A=$H/x\nENV V=$A";
    ok(dockerfile).has(&["\"V=/h/x\""]);
    ok_with(dockerfile, arg("A", "$H/y")).has(&["\"V=$H/y\""]);
}

#[test]
fn trap_20_the_second_slash_is_needed_and_a_colon_does_not_go_with_patterns() {
    ok("FROM busybox\nENV v=aba\nENV w=${v/b/x}").has(&["\"w=axa\""]);
    err("FROM busybox\nENV v=aba\nENV w=${v/b}").has(&["missing '/'"]);
    err("FROM busybox\nENV v=aba\nENV w=${v:#a}").has(&["unsupported modifier (:#)"]);
}

#[test]
fn trap_21_special_parameters_are_unset() {
    ok("FROM busybox\nENV w=[$$|$?|$@|$1|$!]").has(&["\"w=[||||]\""]);
}

#[test]
fn trap_57_keys_are_expanded_too() {
    ok("FROM busybox\nENV K=name\nENV $K=v\nLABEL $K.x=l").has(&["\"name=v\"", "\"name.x\": \"l\""]);
}

#[test]
fn trap_63_of_arg_and_env_the_later_one_counts() {
    ok("FROM busybox\nENV A=env\nARG A=arg\nRUN true").has(&["\"PATH=/bin\", \"A=arg\"]", "\"A=env\"\n"]);
    ok("FROM busybox\nARG A=arg\nENV A=env\nRUN true").has(&["\"PATH=/bin\", \"A=env\"]"]);
}

#[test]
fn trap_67_an_argument_that_nobody_declares_is_not_spoken_of() {
    ok_with("FROM busybox", arg("NOBODY", "x")).lacks("NOBODY").lacks("warning");
}

#[test]
fn trap_74_variables_of_the_image_are_set_again_in_every_stage() {
    let dockerfile = "FROM busybox AS a\nENV A=1\nARG A=2\nRUN parent\nFROM a\nRUN child";
    ok(dockerfile).has(&["\"A=2\"]", "\"A=1\"]"]);
}

#[test]
fn trap_77_a_dollar_in_a_replacement_of_all_names_a_group() {
    let dockerfile = r"FROM busybox
ENV v=aba r='<$0>'
ENV all=${v//b/$r} first=${v/b/$r}";
    ok(dockerfile).has(&["\"all=a<b>a\"", "\"first=a<$0>a\""]);
    ok("FROM busybox\nENV v=\"a\\nb\"\nENV w=${v#*b}").has(&["w="]);
}
