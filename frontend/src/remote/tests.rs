use super::*;

fn git(text: &str) -> GitRef {
    GitRef::parse(text).unwrap().unwrap()
}

#[test]
fn what_a_source_of_add_is() {
    for path in
        ["a/b", "github.com/a/b", "./git@x:y", "../x.git", "ftp://x/y", "a@b", "git+ssh://x/y", "://x"]
    {
        assert_eq!(Remote::of(path), Remote::No, "{path}");
    }
    for url in ["https://x/y", "http://x/y.git/z", "https://x.git", "http://[::1]:80/x", "https://%zz/"] {
        assert_eq!(Remote::of(url), Remote::Url, "{url}");
    }
    for repository in [
        "https://x/y.git",
        "https://x/y.git#main:sub",
        "http://x/y.git?ref=main",
        "git://x/y",
        "ssh://git@x:22/y",
        "git@github.com:a/b.git",
        "me@host:",
    ] {
        assert!(matches!(Remote::of(repository), Remote::Git(Ok(_))), "{repository}");
    }
}

#[test]
fn fragments_and_queries_say_what_is_meant() {
    let one = git("https://user:pw@host:8443/a/./b.git#v1:sub/../dir");
    assert_eq!((one.reference.as_str(), one.subdir.as_str()), ("v1", "dir"));
    assert_eq!(one.remote, "https://user:pw@host:8443/a/./b.git");
    let two = git("git@host:a/b.git?tag=v1&submodules=false&keep-git-dir&checksum=abc#");
    assert_eq!(two.reference, "refs/tags/v1");
    assert_eq!((two.keep_git_dir, two.submodules), (Some(true), Some(false)));
    assert_eq!((two.checksum.as_str(), two.remote.as_str()), ("abc", "git@host:a/b.git"));
    assert_eq!(git("https://x/y.git?branch=refs/heads/m&mtime=commit").reference, "refs/heads/m");
    assert!(git("https://x/y.git?fetch-by-commit=1&commit=abc").fetch_by_commit);
    assert!(git("github.com/a/b").looks_local);
    assert_eq!(git("https://x/a%20b.git").path, "/a b.git");
    assert_eq!(git("https://x/a b.git").remote, "https://x/a%20b.git");
}

#[test]
fn options_that_do_not_go_together() {
    for (text, expected) in [
        ("https://x/y.git?ref=a#b", "ref conflicts: \"b\" vs \"a\""),
        ("https://x/y.git?subdir=a#:b", "subdir conflicts: \"b\" vs \"a\""),
        ("https://x/y.git?tag=a&branch=b", "branch conflicts with tag"),
        ("https://x/y.git?ref=a&ref=a", "query \"ref\" has multiple values"),
        ("https://x/y.git?ref=", "query \"ref\" has no value"),
        ("https://x/y.git?mtime=now", "invalid mtime value: \"now\""),
        ("https://x/y.git?submodules=maybe", "invalid submodules value: \"maybe\""),
        ("https://x/y.git?breanch=x", "unexpected query \"breanch\""),
        ("github.com/x?a=b", "unexpected query \"a\""),
    ] {
        assert_eq!(GitRef::parse(text).unwrap().unwrap_err().to_string(), expected, "{text}");
    }
}

#[test]
fn the_ops_of_repositories() {
    let source = git("ssh://git@host/a//b.git#main:dir").source();
    assert_eq!(source.identifier, "git://host/a/b.git#main:dir");
    assert_eq!(source.attrs["git.fullurl"], "ssh://git@host/a//b.git");
    assert_eq!(source.attrs["git.mountsshsock"], "default");
    assert_eq!(git("git@host:a/b.git").source().identifier, "git://host/a/b.git");
    assert_eq!(git("https://h/b.git#:d").source().identifier, "git://h/b.git#:d");
    assert_eq!(git("github.com/a/b").source().attrs["git.fullurl"], "https://github.com/a/b");
}

#[test]
fn names_of_files() {
    for (url, name) in [
        ("https://x/a/b.txt?c=/d#e", "b.txt"),
        ("https://x/a/", "a"),
        ("https://x/", "__unnamed__"),
        ("https://x", "__unnamed__"),
        ("https://x/a%2Fb", "b"),
        ("https://x/%zz", "__unnamed__"),
    ] {
        assert_eq!(http_file_name(url), name, "{url}");
    }
}
