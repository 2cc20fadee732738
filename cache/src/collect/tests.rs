use proptest::prelude::*;

use super::*;

/// Layers and blobs by number: a layer needs only what has a smaller number, as contents name older ones.
fn any_inventory() -> impl Strategy<Value = Inventory> {
    let object = (
        1..100u64,
        0..20i64,
        proptest::collection::vec(any::<prop::sample::Index>(), 0..3),
        0..6u8,
        any::<bool>(),
    );
    let objects = proptest::collection::vec(object, 1..25);
    let images =
        proptest::collection::vec(proptest::collection::vec(any::<prop::sample::Index>(), 1..4), 0..4);
    (objects, images).prop_map(|(objects, images)| {
        let id = |number: usize, is_layer: bool| {
            let digest = Digest::of(&number.to_le_bytes());
            if is_layer { ObjectId::Layer(digest) } else { ObjectId::Blob(digest) }
        };
        let ids: Vec<_> = objects.iter().enumerate().map(|(n, object)| id(n, object.4)).collect();
        let mut inventory = Inventory::default();
        for (number, (size_bytes, used_ms, needs, held, is_layer)) in objects.into_iter().enumerate() {
            let needs = match is_layer && number > 0 {
                true => needs.iter().map(|index| ids[index.index(number)].clone()).collect(),
                false => Vec::new(),
            };
            let object = Object { size_bytes, used_ms, needs, held: held == 0, description: String::new() };
            inventory.objects.insert(ids[number].clone(), object);
        }
        let blobs: Vec<_> = ids
            .iter()
            .filter_map(|id| match id {
                ObjectId::Blob(digest) => Some(*digest),
                ObjectId::Layer(_) | ObjectId::Mount(_) => None,
            })
            .collect();
        for (number, picks) in images.into_iter().enumerate().filter(|_| !blobs.is_empty()) {
            let name = format!("image:{number}").parse().unwrap();
            let blobs: Vec<Digest> = picks.iter().map(|pick| *pick.get(&blobs)).collect();
            inventory.images.push(NamedImage { name, target: blobs[0], blobs });
        }
        inventory
    })
}

fn any_request() -> impl Strategy<Value = PruneRequest> {
    (any::<bool>(), proptest::option::of(0..1500u64))
        .prop_map(|(all, keep_bytes)| PruneRequest { all, keep_bytes })
}

/// What must stay, found the simple way: again and again, until nothing is added.
fn naive_roots(inventory: &Inventory, removed_names: &[Reference]) -> BTreeSet<ObjectId> {
    let mut kept: BTreeSet<ObjectId> =
        inventory.objects.iter().filter(|(_, object)| object.held).map(|(id, _)| id.clone()).collect();
    for image in inventory.images.iter().filter(|image| !removed_names.contains(&image.name)) {
        kept.extend(image.blobs.iter().map(|blob| ObjectId::Blob(*blob)));
    }
    loop {
        let before = kept.len();
        let needed: Vec<_> = kept
            .iter()
            .filter_map(|id| inventory.objects.get(id))
            .flat_map(|object| object.needs.clone())
            .collect();
        kept.extend(needed);
        if kept.len() == before {
            return kept;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_choice_is_safe_and_enough(inventory in any_inventory(), request in any_request()) {
        let victims = inventory.choose(&request);
        let gone: BTreeSet<_> = victims.objects.iter().cloned().collect();
        let removed_names: Vec<_> = victims.images.iter().map(|(name, _)| name.clone()).collect();
        let roots = naive_roots(&inventory, &removed_names);
        prop_assert_eq!(gone.len(), victims.objects.len(), "nothing goes twice");
        prop_assert!(gone.is_disjoint(&roots), "what is in use stays");
        prop_assert!(request.all || victims.images.is_empty(), "names go only when all may go");
        for (id, object) in inventory.objects.iter().filter(|(id, _)| !gone.contains(id)) {
            for need in &object.needs {
                prop_assert!(!gone.contains(need), "{id:?} stays without {need:?}");
            }
        }
        // In every prefix as well: a process that is killed half way leaves nothing dangling.
        for (position, id) in victims.objects.iter().enumerate() {
            for later in &victims.objects[position + 1..] {
                prop_assert!(!inventory.objects[later].needs.contains(id), "{later:?} outlives {id:?}");
            }
        }
        let left: u64 = inventory.objects.iter().filter(|(id, _)| !gone.contains(id)).map(|(_, object)| object.size_bytes).sum();
        let is_enough = request.keep_bytes.is_some_and(|keep| left <= keep);
        if !is_enough {
            for id in inventory.objects.keys() {
                prop_assert!(gone.contains(id) || roots.contains(id), "{id:?} is still there");
            }
        }
        if let (Some(keep), Some(last)) = (request.keep_bytes, victims.objects.last()) {
            prop_assert!(left + inventory.objects[last].size_bytes > keep, "one less would have been enough");
        }
    }

    #[test]
    fn least_recently_used_goes_first(inventory in any_inventory(), keep in 0..1500u64) {
        let request = PruneRequest { all: false, keep_bytes: Some(keep) };
        let victims = inventory.choose(&request).objects;
        let gone: BTreeSet<_> = victims.iter().collect();
        let roots = naive_roots(&inventory, &[]);
        // A use of what needs it is a use.
        let used = |id: &ObjectId| {
            let mut used = inventory.objects[id].used_ms;
            for (other, object) in &inventory.objects {
                let one = Inventory { objects: inventory.objects.clone(), images: Vec::new() };
                if naive_needs(&one, other).contains(id) {
                    used = used.max(object.used_ms);
                }
            }
            used
        };
        for (id, _) in inventory.objects.iter().filter(|(id, _)| !gone.contains(id) && !roots.contains(*id)) {
            for victim in &victims {
                prop_assert!(used(victim) <= used(id), "{victim:?} went before {id:?}");
            }
        }
    }
}

fn naive_needs(inventory: &Inventory, id: &ObjectId) -> BTreeSet<ObjectId> {
    let mut found = BTreeSet::new();
    let mut left = vec![id.clone()];
    while let Some(id) = left.pop() {
        if found.insert(id.clone()) {
            left.extend(inventory.objects.get(&id).map(|object| object.needs.clone()).unwrap_or_default());
        }
    }
    found
}

#[test]
fn a_circle_of_needs_ends() {
    let (one, other) = (ObjectId::Layer(Digest::of(b"1")), ObjectId::Layer(Digest::of(b"2")));
    let object = |need: &ObjectId| Object { size_bytes: 1, needs: vec![need.clone()], ..Object::default() };
    let objects = BTreeMap::from([(one.clone(), object(&other)), (other.clone(), object(&one))]);
    let inventory = Inventory { objects, images: Vec::new() };
    assert_eq!(inventory.choose(&PruneRequest::default()).objects.len(), 2);
}
