//! PostgreSQL's own files, and reading them anew.

use super::*;

/// initdb, wherever Debian puts it.
fn initdb() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut found: Vec<_> = versions
        .filter_map(|version| Some(version.ok()?.path().join("bin/initdb")))
        .filter(|path| path.exists())
        .collect();
    found.sort();
    found.pop().unwrap_or_else(|| "initdb".into())
}

/// A cluster's configuration, made by PostgreSQL itself with these options.
fn fresh_cluster(directory: &Path, options: &[&str]) -> PathBuf {
    let cluster = directory.join("cluster");
    let mut initdb = Command::new(initdb());
    initdb
        .args(["--no-sync", "--no-locale", "-D"])
        .arg(&cluster)
        .args(options)
        .current_dir(directory);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, chown};
        use std::os::unix::process::CommandExt;
        // It does not run as root.
        if fs::metadata(directory).unwrap().uid() == 0 {
            const NOBODY: u32 = 65_534;
            chown(directory, Some(NOBODY), Some(NOBODY)).unwrap();
            initdb.uid(NOBODY).gid(NOBODY);
        }
    }
    let said = run(&mut initdb);
    assert!(said.ok, "{said:?}");
    cluster
}

#[test]
fn an_unmodified_pg_hba_conf_loads() {
    let certs = Certs::new();
    let passwords = [
        "--auth-local=peer",
        "--auth-host=scram-sha-256",
        "--pwfile=password",
    ];
    let methods: &[(&[&str], &str)] = &[
        (&[], "trust"),
        (&["--auth-local=trust", "--auth-host=reject"], "reject"),
        (&passwords, "scram"),
        (&["--auth=md5", "--pwfile=password"], "md5"),
    ];
    for (options, method) in methods {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("password"), "right\n").unwrap();
        let cluster = fresh_cluster(directory.path(), options);
        let rules = AccessRules::load(cluster.join("pg_hba.conf")).unwrap();
        assert_eq!(rules.len(), 6);
        let maps = IdentMaps::load(cluster.join("pg_ident.conf")).unwrap();
        assert!(maps.is_empty());
        let builder = PgServerBuilder::new()
            .ssl_config(certs.made.ssl_config(SslMode::Prefer))
            .access_rules(rules)
            .ident_maps(maps)
            .secret_store(store());
        let server = Server::start(builder, embedded());
        let (right, wrong) = match *method {
            "trust" => (None, None),
            "reject" => {
                let rejects = Some("FATAL:  pg_hba.conf rejects connection");
                (rejects, rejects)
            }
            _ => (
                None,
                Some("FATAL:  password authentication failed for user \"ann\""),
            ),
        };
        for sslmode in ["disable", "require"] {
            let options = format!("sslmode={sslmode} user=ann password");
            check(&server, &format!("{options}=right"), right);
            check(&server, &format!("{options}=wrong"), wrong);
        }
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a point in time to count from")]
fn files_are_read_anew_and_mistakes_change_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let hba = directory.path().join("pg_hba.conf");
    let staff = directory.path().join("staff");
    fs::write(&staff, "ann").unwrap();
    fs::write(&hba, "host all @staff all trust").unwrap();
    let door = FrontDoor::plain().access_rules(AccessRules::load(&hba).unwrap());
    let gets_in = |door: &FrontDoor| attempt(door, "192.0.2.1:1000", "", Instant::now()).1;
    assert!(gets_in(&door));
    // A change counts from the reload on.
    fs::write(&staff, "bob").unwrap();
    assert!(gets_in(&door));
    assert!(door.reload_if_changed().unwrap());
    assert!(!door.reload_if_changed().unwrap());
    assert!(!gets_in(&door));
    fs::write(&staff, "ann").unwrap();
    door.reload().unwrap();
    assert!(gets_in(&door));
    // A clone is the same door.
    for (text, mistake) in [
        (
            "host all all all reject\nhost all all all gss",
            ":2: invalid authentication method \"gss\"",
        ),
        (
            "host all all all reject\nhost all @nobody all trust",
            ":2: could not open file",
        ),
        ("# nobody", "contains no entries"),
    ] {
        fs::write(&hba, text).unwrap();
        let error = door.clone().reload().unwrap_err().to_string();
        assert!(error.contains(mistake), "{error}");
        assert!(gets_in(&door), "{text}");
    }
    fs::write(&hba, "host all all all reject").unwrap();
    door.reload().unwrap();
    assert!(!gets_in(&door));
}

#[cfg(feature = "watch")]
#[test]
#[expect(clippy::disallowed_methods, reason = "the watcher takes its time")]
fn a_watched_file_needs_no_signal() {
    let directory = tempfile::tempdir().unwrap();
    let hba = directory.path().join("pg_hba.conf");
    fs::write(&hba, "host all all all reject").unwrap();
    let door = FrontDoor::plain().access_rules(AccessRules::load(&hba).unwrap());
    let _watch = door.watch().unwrap();
    let gets_in = || attempt(&door, "192.0.2.1:1000", "", Instant::now()).1;
    assert!(!gets_in());
    fs::write(&hba, "host all all all trust").unwrap();
    let until = Instant::now() + common::PATIENCE;
    while !gets_in() {
        assert!(Instant::now() < until, "the change was not noticed");
        std::thread::sleep(Duration::from_millis(20));
    }
}
