//! What `cooper debug dump-llb` prints. Rewritten by `INSTA_UPDATE=always cargo test -p cooperage-llb`.

use cooperage_llb::graph::Graph;

use crate::definitions::small_build;

#[test]
fn json() {
    let json = Graph::from_definition(&small_build()).unwrap().to_json();
    insta::assert_snapshot!(serde_json::to_string_pretty(&json).unwrap());
}

#[test]
fn dot() {
    insta::assert_snapshot!(Graph::from_definition(&small_build()).unwrap().to_dot());
}
