use super::super::address::tests::Fixed;
use super::*;

fn rules(text: &str) -> Result<AccessRules, AccessError> {
    AccessRules::parse_with(text.as_bytes(), &Fixed)
}

/// `peer` is an address, `ssl:` and an address, or `local`. `staff` has the member ann.
fn line_for(rules: &AccessRules, peer: &str, user: &str, database: &str) -> Option<usize> {
    let (encrypted, address) = match peer.strip_prefix("ssl:") {
        Some(address) => (true, address),
        None => (false, peer),
    };
    let facts = Facts {
        local: peer == "local",
        address: address.parse().ok(),
        encrypted,
        user: user.as_bytes(),
        database: database.as_bytes(),
        physical_replication: database == "REPLICATION",
    };
    let member = |role: &[u8]| Some(role == user.as_bytes() || role == b"staff" && user == "ann");
    match rules.find(&facts, &member).unwrap() {
        Found::Entry(entry) => Some(entry.place.line()),
        Found::NoEntry => None,
    }
}

#[test]
fn the_first_rule_that_fits_decides() {
    let rules = rules(
        r#"# TYPE DATABASE USER ADDRESS METHOD
local   all             all                         trust
hostssl secret          ann,bob     10.0.0.0/8      trust
hostnossl secret        all         10.0.0.0/8      reject
host    sameuser        all         10.0.0.0/8      trust
host    samerole        all         10.0.0.0/8      trust
host    all             +staff      10.0.0.0  255.255.0.0  trust
host    replication     repl        samenet         trust
host    "all"           "+staff"    samehost        trust
host    "/^db\d{2,4}$"  /^x          ::1/128         trust
hostgssenc all          all         all             trust
hostnogssenc quoted,"a b" all       localhost       trust
host    logs            all         all             reject clientname
"#
        .replace(" clientname", "")
        .as_str(),
    )
    .unwrap();
    for (peer, user, database, expected) in [
        ("local", "ann", "x", Some(2)),
        ("local", "ann", "REPLICATION", None),
        ("ssl:10.1.1.1", "ann", "secret", Some(3)),
        ("ssl:10.1.1.1", "Ann", "secret", None),
        ("ssl:10.1.1.1", "bob", "secret", Some(3)),
        ("ssl:11.1.1.1", "bob", "secret", None),
        ("10.1.1.1", "bob", "secret", Some(4)),
        ("10.1.1.1", "bob", "bob", Some(5)),
        ("10.1.1.1", "ann", "staff", Some(6)),
        ("10.1.1.1", "bob", "staff", None),
        ("10.0.1.1", "ann", "x", Some(7)),
        ("10.0.1.1", "bob", "x", None),
        ("10.1.1.1", "ann", "x", None),
        ("192.168.7.9", "repl", "REPLICATION", Some(8)),
        ("192.168.7.9", "repl", "replication", None),
        ("192.168.7.9", "ann", "REPLICATION", None),
        ("192.168.7.2", "+staff", "all", Some(9)),
        ("192.168.7.2", "ann", "all", None),
        ("192.168.7.2", "+staff", "x", None),
        ("::1", "xavier", "db12", Some(10)),
        ("::1", "xavier", "db1", None),
        ("::1", "yves", "db12", None),
        ("127.0.0.1", "ann", "a b", Some(12)),
        ("ssl:127.0.0.1", "ann", "quoted", Some(12)),
        ("127.0.0.2", "ann", "quoted", None),
        ("8.8.8.8", "ann", "logs", Some(13)),
        ("nowhere", "ann", "logs", Some(13)),
        ("nowhere", "ann", "quoted", None),
    ] {
        let found = line_for(&rules, peer, user, database);
        assert_eq!(found, expected, "{peer} {user} {database}");
    }
}

#[test]
fn a_role_is_asked_for_only_where_it_matters() {
    let rules = rules("host x all all trust\nhost y ann,+staff all trust\nhost all all all reject")
        .unwrap();
    let mut facts = Facts {
        local: false,
        address: None,
        encrypted: false,
        user: b"bob",
        database: b"y",
        physical_replication: false,
    };
    let unknown = |_: &[u8]| None;
    assert_eq!(
        rules.find(&facts, &unknown).unwrap_err(),
        NeedRole(b"staff")
    );
    facts.user = b"ann";
    assert!(rules.find(&facts, &unknown).is_ok());
    facts.database = b"z";
    facts.user = b"bob";
    assert!(rules.find(&facts, &unknown).is_ok());
}

#[test]
fn rules_in_rust_are_as_in_the_file() {
    let built = AccessRules::new()
        .rule(
            Rule::new(ConnectionType::HostSsl, AuthMethod::Trust)
                .database("app")
                .user("ann")
                .user("+staff")
                .address("10.0.0.1")
                .option("clientcert", "verify-full"),
        )
        .unwrap()
        .rule(Rule::new(ConnectionType::Local, AuthMethod::Reject))
        .unwrap();
    let texts: Vec<&str> = built.entries.iter().map(|e| e.text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "hostssl app ann,+staff 10.0.0.1/32 trust clientcert=verify-full",
            "local all all reject"
        ]
    );
    assert_eq!(line_for(&built, "ssl:10.0.0.1", "ann", "app"), Some(1));
    assert_eq!(line_for(&built, "10.0.0.1", "ann", "app"), None);
    let error = AccessRules::new()
        .rule(Rule::new(ConnectionType::Host, AuthMethod::Trust).address("10.0.0.0/99"))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "<rule>:1: invalid CIDR mask in address \"10.0.0.0/99\"; write 10.0.0.0/8 or fe80::/10"
    );
}

#[test]
fn what_is_wrong_is_refused_with_its_line() {
    for (line, expected) in [
        (
            "host,local all all all trust",
            "multiple values specified for connection type",
        ),
        (
            "hosts all all all trust",
            "invalid connection type \"hosts\"",
        ),
        ("\"\" all all all trust", "invalid connection type \"\""),
        ("host", "end-of-line before database specification"),
        ("host all", "end-of-line before role specification"),
        (
            "host all all",
            "end-of-line before IP address specification",
        ),
        ("local all all", "end-of-line before authentication method"),
        (
            "host all all all",
            "end-of-line before authentication method",
        ),
        (
            "host all all 1.2.3.4",
            "end-of-line before netmask specification",
        ),
        (
            "host all all 1.2.3.4/8,::1/8 trust",
            "multiple values specified for host address",
        ),
        (
            "host all all 1.2.3.4 255.0.0.0,255.0.0.0 trust",
            "multiple values specified for netmask",
        ),
        ("host all all 1.2.3.4 trust", "invalid IP mask \"trust\""),
        (
            "host all all 1.2.3.4 255.0.255.0 trust",
            "invalid IP mask \"255.0.255.0\"",
        ),
        (
            "host all all 1.2.3.4 ffff:: trust",
            "IP address and mask do not match",
        ),
        (
            "host all all 1.2.3.4/33 trust",
            "invalid CIDR mask in address \"1.2.3.4/33\"",
        ),
        (
            "host all all 1.2.3.4/ trust",
            "invalid CIDR mask in address \"1.2.3.4/\"",
        ),
        (
            "host all all 1.2.3.4/+8 trust",
            "invalid CIDR mask in address \"1.2.3.4/+8\"",
        ),
        (
            "host all all 1.2.3.4/8/8 trust",
            "invalid CIDR mask in address",
        ),
        (
            "host all all ::1/129 trust",
            "invalid CIDR mask in address \"::1/129\"",
        ),
        (
            "host all all example.com/8 trust",
            "specifying both host name and CIDR mask is invalid",
        ),
        (
            "host all all .example.com trust",
            "host names that begin with a dot",
        ),
        (
            "host all all nowhere.invalid trust",
            "could not look up the host name \"nowhere.invalid\"",
        ),
        (
            "host all all \"all\" trust",
            "could not look up the host name \"all\"",
        ),
        (
            "host all all all trust,reject",
            "multiple values specified for authentication type",
        ),
        (
            "host all all all Trust",
            "invalid authentication method \"Trust\"; there are",
        ),
        (
            "host all all all crypt",
            "invalid authentication method \"crypt\"; there are",
        ),
        (
            "host all all all gss",
            "invalid authentication method \"gss\": not supported",
        ),
        (
            "host all all all sspi",
            "invalid authentication method \"sspi\": not supported",
        ),
        (
            "host all all all ident",
            "invalid authentication method \"ident\": not supported",
        ),
        (
            "host all all all ldap ldapserver=x",
            "invalid authentication method \"ldap\": not supported",
        ),
        (
            "host all all all pam",
            "invalid authentication method \"pam\": not supported",
        ),
        (
            "local all all radius",
            "invalid authentication method \"radius\": not supported",
        ),
        (
            "local all all bsd",
            "invalid authentication method \"bsd\": not supported",
        ),
        (
            "host all all all peer",
            "peer authentication is only supported on local sockets",
        ),
        (
            "host all all all cert",
            "cert authentication is only supported on hostssl connections",
        ),
        (
            "local all all cert",
            "cert authentication is only supported on hostssl connections",
        ),
        (
            "host all all all trust x",
            "authentication option not in name=value format: x",
        ),
        (
            "host all all all trust x=y",
            "unrecognized authentication option name: \"x\"",
        ),
        (
            "host all all all trust clientcert=verify-ca",
            "clientcert can only be configured for \"hostssl\" rows",
        ),
        (
            "hostnossl all all all trust clientname=CN",
            "clientname can only be configured for \"hostssl\" rows",
        ),
        (
            "hostssl all all all trust clientcert=1",
            "invalid value for clientcert: \"1\"",
        ),
        (
            "hostssl all all all trust clientcert=no-verify",
            "invalid value for clientcert: \"no-verify\"",
        ),
        (
            "hostssl all all all trust clientname=dn",
            "invalid value for clientname: \"dn\"",
        ),
        (
            "hostssl all all all trust map=m",
            "authentication option \"map\" is only valid",
        ),
        ("host /( all all trust", "invalid regular expression \"(\""),
        (
            "host all ann,/[ all trust",
            "invalid regular expression \"[\"",
        ),
    ] {
        let error = rules(&format!("# one\n{line} \\\n# end")).unwrap_err();
        let expected = format!("<text>:2: {expected}");
        assert!(error.to_string().starts_with(&expected), "{line}: {error}");
    }
    let error = rules("# only this\n").unwrap_err().to_string();
    assert!(
        error.starts_with("configuration file \"<text>\" contains no entries"),
        "{error}"
    );
}

#[test]
fn what_postgresql_takes_is_taken() {
    for line in [
        "local all all ident",
        "local all all peer map=m",
        "local all all trust map=",
        "hostssl all all all trust clientcert=verify-ca clientname=DN",
        "hostssl all all all trust clientcert=verify-full,clientname=CN",
        "hostssl all all all reject",
    ] {
        let result = rules(line);
        // An empty map is an option like any other.
        assert_eq!(result.is_ok(), !line.ends_with("trust map="), "{result:?}");
    }
}
