use super::*;

const FILE: &str = r#"
# MAPNAME       SYSTEM-USERNAME         DATABASE-USERNAME
omicron         bryanh                  bryanh
omicron         ann                     ann
omicron         robert                  bob
omicron         bryanh                  guest1

mail            /^(.*)@mydomain\.com$   \1
mail            /^(.*)@otherdomain\.com$ guest
mail            root                    "all"
mail            /^x_(.*)$               a\1b\1

roles           ann                     +staff
roles           bob                     "+staff"
roles           carol                   all
roles           dave                    /^d
roles           eve                     "/^e"
roles           /^(.*)$                 "\1_x"
literal         \1                      \1

optional        /^(a)?b$                \1
optional        b                       b
loose           /mail                   post
"two words"     "a b"                   "c d"   ignored
"#;

#[test]
fn names_are_mapped_as_postgresql_maps_them() {
    let maps = IdentMaps::parse(FILE).unwrap();
    let is_member = |role: &[u8]| role == b"staff";
    for (map, system_name, user, expected) in [
        ("omicron", "bryanh", "bryanh", true),
        ("omicron", "bryanh", "guest1", true),
        ("omicron", "bryanh", "ann", false),
        ("omicron", "Bryanh", "bryanh", false),
        ("omicron", "robert", "bob", true),
        ("omicron", "robert", "robert", false),
        ("omicro", "robert", "bob", false),
        ("", "robert", "robert", false),
        ("mail", "joe@mydomain.com", "joe", true),
        ("mail", "joe@mydomain.com", "Joe", false),
        ("mail", "joe@mydomain.com.evil", "joe", false),
        ("mail", "joe@mydomainxcom", "joe", false),
        ("mail", "joe@otherdomain.com", "guest", true),
        ("mail", "joe@otherdomain.com", "joe", false),
        // What is put in has no special meaning.
        ("mail", "all@mydomain.com", "joe", false),
        ("mail", "all@mydomain.com", "all", true),
        ("mail", "+staff@mydomain.com", "joe", false),
        ("mail", "/.@mydomain.com", "joe", false),
        ("mail", "\\1@mydomain.com", "\\1", true),
        ("mail", "root", "joe", false),
        ("mail", "root", "all", true),
        ("mail", "x_y", "ayb\\1", true),
        ("mail", "x_y", "ayby", false),
        ("roles", "ann", "joe", true),
        ("roles", "bob", "joe", false),
        ("roles", "bob", "+staff", true),
        ("roles", "carol", "joe", true),
        ("roles", "dave", "dan", true),
        ("roles", "dave", "joe", false),
        ("roles", "eve", "eric", true),
        ("roles", "zoe", "zoe_x", true),
        ("literal", "\\1", "\\1", true),
        ("optional", "ab", "a", true),
        ("loose", "voicemailbox", "post", true),
        ("two words", "a b", "c d", true),
    ] {
        let found = maps.maps(map, system_name.as_bytes(), user.as_bytes(), &is_member);
        assert_eq!(found, expected, "{map} {system_name} {user}");
    }
    let nobody = |_: &[u8]| false;
    assert!(!maps.maps("roles", b"ann", b"joe", &nobody));
}

#[test]
fn a_failed_entry_ends_the_search() {
    let maps = IdentMaps::parse(FILE).unwrap();
    let nobody = |_: &[u8]| false;
    let failed = maps.check("optional", b"b", b"b", &nobody).unwrap_err();
    assert_eq!(
        failed.to_string(),
        "the regular expression at <text>:21 matched \"b\" without its first group, which \\1 stands for"
    );
    let failed = maps.check("omicron", b"x", b"ann", &nobody).unwrap_err();
    assert_eq!(
        failed.to_string(),
        "no match in usermap \"omicron\" for user \"ann\" authenticated as \"x\""
    );
    let place = maps.check("omicron", b"robert", b"bob", &nobody).unwrap();
    assert_eq!(place.to_string(), "<text>:5");
}

#[test]
fn what_is_wrong_is_refused_with_its_line() {
    for (text, expected) in [
        (
            "a b c\nm x",
            "<text>:2: missing entry at end of line; write: MAPNAME SYSTEM-USERNAME DATABASE-USERNAME",
        ),
        (
            "m",
            "<text>:1: missing entry at end of line; write: MAPNAME SYSTEM-USERNAME DATABASE-USERNAME",
        ),
        (
            "m a,b c",
            "<text>:1: multiple values in ident field; write one line for each",
        ),
        (
            "m,n a b",
            "<text>:1: multiple values in ident field; write one line for each",
        ),
        (
            "m a b,c",
            "<text>:1: multiple values in ident field; write one line for each",
        ),
        (
            "\nm /a \\1",
            "<text>:2: regular expression \"a\" has no subexpressions as requested by backreference in \"\\1\"; put what is to be taken over in parentheses",
        ),
        (
            "m /(?i)a b",
            "<text>:1: invalid regular expression \"(?i)a\": of the groups that begin with (? only (?:...) is supported",
        ),
    ] {
        let error = IdentMaps::parse(text).unwrap_err();
        assert_eq!(error.to_string(), expected, "{text}");
    }
    for text in ["m /( b", "m a /["] {
        let error = IdentMaps::parse(text).unwrap_err().to_string();
        assert!(
            error.starts_with("<text>:1: invalid regular expression"),
            "{error}"
        );
    }
    let error = IdentMaps::new().entry("m", "/(", "x").unwrap_err();
    assert!(error.to_string().starts_with("<rule>:1: invalid"));
}

#[test]
fn an_empty_file_is_no_map() {
    let maps = IdentMaps::parse("# nothing\n").unwrap();
    assert!(maps.is_empty());
    assert!(!maps.maps("m", b"a", b"a", &|_| true));
    assert!(IdentMaps::load("/nonexistent/pg_ident.conf").is_err());
}
