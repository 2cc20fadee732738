//! What every store of names does.

use cooperage_image::media_type::OCI_MANIFEST;
use cooperage_image::{Descriptor, Platform, Reference};
use cooperage_llb::ports::ImageNames;

use crate::samples::Disk;

/// The contract of [`ImageNames`].
pub(crate) fn image_names_suite<S: ImageNames>(make: impl Fn() -> S) {
    names_are_set_and_removed(&make());
    many_threads_name_images(&make());
}

pub(crate) fn name(text: &str) -> Reference {
    text.parse().unwrap()
}

fn target(text: &str) -> Descriptor {
    let mut target = Descriptor::of(OCI_MANIFEST, text.as_bytes());
    target.annotations.insert("made.by".to_owned(), "test".to_owned());
    target.platform = Some(Platform::new("linux", "arm", Some("v7")));
    target
}

fn names_are_set_and_removed(store: &impl ImageNames) {
    assert_eq!(store.list().unwrap(), []);
    assert_eq!(store.resolve(&name("app")).unwrap(), None);
    store.set(&name("b/app:2"), &target("2")).unwrap();
    store.set(&name("app"), &target("1")).unwrap();
    store.set(&name("same"), &target("1")).unwrap();
    assert_eq!(store.resolve(&name("docker.io/library/app:latest")).unwrap(), Some(target("1")));
    store.set(&name("app"), &target("3")).unwrap();
    let mut expected =
        vec![(name("app"), target("3")), (name("b/app:2"), target("2")), (name("same"), target("1"))];
    expected.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(store.list().unwrap(), expected);
    assert!(store.remove(&name("same")).unwrap());
    assert!(!store.remove(&name("same")).unwrap());
    assert_eq!(store.resolve(&name("same")).unwrap(), None);
    assert_eq!(store.list().unwrap().len(), 2);
}

fn many_threads_name_images(store: &impl ImageNames) {
    std::thread::scope(|scope| {
        for n in 0..8 {
            scope.spawn(move || store.set(&name(&format!("app:{n}")), &target("x")).unwrap());
        }
    });
    assert_eq!(store.list().unwrap().len(), 8);
}

#[test]
fn on_disk() {
    let disk = Disk::new();
    image_names_suite(|| disk.fresh());
}

#[test]
fn in_memory() {
    image_names_suite(cooperage_cache::memory::MemoryStore::new);
}
