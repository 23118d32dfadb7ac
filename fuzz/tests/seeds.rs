//! Runs every body over its seeds, and over whatever fuzzing has left on this machine.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use pgtls_fuzz::BODIES;

fn entries(directory: &Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn every_seed_is_handled() {
    for (name, body) in BODIES {
        let seeds = entries(&Path::new("seeds").join(name));
        assert!(!seeds.is_empty(), "no seeds for {name}");
        let found = ["corpus", "artifacts"].map(|kind| entries(&Path::new(kind).join(name)));
        for path in seeds.into_iter().chain(found.into_iter().flatten()) {
            let input = fs::read(&path).unwrap();
            if std::panic::catch_unwind(|| body(&input)).is_err() {
                panic!("{}", path.display());
            }
        }
    }
}

#[test]
fn every_target_has_a_body_and_every_body_a_target() {
    let names = |paths: Vec<std::path::PathBuf>| -> BTreeSet<String> {
        let names = paths.iter().map(|path| path.file_stem().unwrap());
        names
            .map(|name| name.to_str().unwrap().to_owned())
            .collect()
    };
    let bodies: BTreeSet<_> = BODIES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(entries(Path::new("fuzz_targets"))), bodies);
    assert_eq!(names(entries(Path::new("seeds"))), bodies);
    let manifest = fs::read_to_string("Cargo.toml").unwrap();
    for name in bodies {
        assert!(
            manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")),
            "{name}"
        );
    }
}
