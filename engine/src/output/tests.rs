use super::*;

fn parse(text: &str) -> Result<Output, String> {
    text.parse().map_err(|e: OutputError| e.to_string())
}

#[test]
fn short_forms() {
    assert_eq!(parse("-"), Ok(Output::Tar { dest: Destination::Stdout }));
    assert_eq!(parse("out"), Ok(Output::Local { dest: "out".into() }));
}

#[test]
fn attributes() {
    let Ok(Output::Oci(archive)) = parse("type=oci,dest=a.tar,compression=zstd,compression-level=3,name=a:1")
    else {
        panic!("an OCI archive");
    };
    assert_eq!(archive.dest, Destination::Path("a.tar".into()));
    assert_eq!(archive.form.compression, Compression::Zstd);
    assert_eq!(archive.names[0].familiar(), "a:1");
    let Ok(Output::Image(image)) = parse(r#"type=registry,"name=a,b:2""#) else { panic!("an image") };
    assert!(image.push);
    assert_eq!(image.names.len(), 2);
    let Ok(Output::Image(image)) = parse("TYPE=image,push=") else {
        panic!("an image: {:?}", parse("TYPE=image,push="))
    };
    assert!(image.push);
}

#[test]
fn archives_go_to_standard_output_unless_told() {
    for text in ["type=oci", "type=docker,dest=-", "type=tar,dest="] {
        assert!(parse(text).unwrap().is_stdout(), "{text}");
    }
    assert!(!parse("type=tar,dest=x").unwrap().is_stdout());
}

#[test]
fn refused() {
    for (text, reason) in [
        ("", "expected type="),
        ("dest=x,push=true", "type is required"),
        ("type=what,dest=x", "unknown type what"),
        ("type=oci,dest=x,what=1", "the attribute what is not supported"),
        ("type=oci,dest=-,tar=false", "needs a directory"),
        ("type=image,dest=x", "takes no dest"),
        ("type=tar,dest=-,push=true", "takes no push"),
        ("type=local,dest=x,compression=zstd", "takes no compression"),
        ("type=oci,dest=x,compression-level=10", "expected 0 to 9"),
        ("type=oci,dest=x,tar=perhaps", "expected true or false"),
        (r#"type=oci,"dest=x"#, "not closed"),
        (r#"type=oci,"dest=x"y"#, "comma is missing"),
        ("type=local", "dest is required"),
        ("type=local,dest=x,name=a", "takes no name"),
        ("type=cacheonly,dest=x", "takes no dest"),
    ] {
        let error = parse(text).unwrap_err();
        assert!(error.contains(reason), "{text}: {error}");
    }
}
