//! Passwords, in clear and by MD5, and users that are not there.

use super::*;

#[test]
fn passwords_are_judged_as_by_postgresql() {
    let wrong = |user: &str| format!("{NO} \"{user}\"");
    let long = [&vec![b'x'; 65_530][..], b"\0"].concat();
    let size = "08P01 invalid password packet size".to_owned();
    let empty = "28P01 empty password returned by client".to_owned();
    let rows: &[(&str, &[u8], String)] = &[
        ("a", b"pencil\0", "R0".into()),
        ("md5", b"pencil\0", "R0".into()),
        ("a", b"Pencil\0", wrong("a")),
        ("md5", b"Pencil\0", wrong("md5")),
        ("nobody", b"pencil\0", wrong("nobody")),
        ("a", &long, wrong("a")),
        ("a", b"\0", empty),
        ("a", b"", size.clone()),
        ("a", b"pencil", size.clone()),
        ("a", b"pencil\0\0", size.clone()),
        ("a", b"pencil\0x", size),
    ];
    let transport = Transport::Plain(plain(AuthMethod::Password));
    for (user, body, outcome) in rows {
        let mut talk = transport.talk(user);
        assert_eq!(talk.story(), "R3");
        talk.send(&message(b'p', body));
        let story = talk.story();
        let what = body.escape_ascii();
        assert_eq!(story.trim_end_matches(" end"), outcome, "{what}");
    }
    for (bytes, outcome) in [
        (
            &b"Q"[..],
            "08P01 expected password response, got message type 81 end",
        ),
        (
            b"\0",
            "08P01 expected password response, got message type 0 end",
        ),
        (b"p\0\0\0\x03", "end"),
        (b"p\0\x01\0\0", "end"),
        (b"p\x80\0\0\0", "end"),
    ] {
        let mut talk = transport.talk("a");
        talk.story();
        talk.send(bytes);
        assert_eq!(talk.story(), outcome, "{}", bytes.escape_ascii());
    }
}

#[test]
fn md5_is_exact_and_salted_anew() {
    fn hex(parts: &[&[u8]]) -> String {
        let mut md5 = md5::Md5::new();
        for part in parts {
            md5.update(part);
        }
        md5.finalize().iter().map(|b| format!("{b:02x}")).collect()
    }
    let transport = Transport::Plain(plain(AuthMethod::Md5));
    let mut salts = Vec::new();
    for spoil in 0..6 {
        let mut talk = transport.talk("md5");
        let Some((b'R', body)) = talk.hear() else {
            panic!("no question");
        };
        let (kind, salt) = body.split_at(4);
        assert_eq!(kind, [0, 0, 0, 5]);
        let inner = hex(&[PASSWORD.as_bytes(), b"md5"]);
        let right = format!("md5{}", hex(&[inner.as_bytes(), salt]));
        let said = match spoil {
            0 => right,
            1 => right.to_uppercase(),
            2 => right[..34].to_owned(),
            3 => format!("{right}0"),
            4 => format!("md5{inner}"),
            _ => PASSWORD.to_owned(),
        };
        talk.send(&message(b'p', format!("{said}\0").as_bytes()));
        let outcome = match spoil {
            0 => "R0".to_owned(),
            _ => format!("{NO} \"md5\" end"),
        };
        assert_eq!(talk.story(), outcome, "{said}");
        salts.push(salt.to_vec());
    }
    salts.sort();
    salts.dedup();
    assert!(salts.len() > 4, "{salts:?}");
    // Whoever has a SCRAM secret, or none, is asked for SCRAM.
    for user in ["a", "nobody"] {
        assert_eq!(transport.talk(user).story(), "R10");
    }
}

/// Nobody can tell from what is said whether there is such a user.
#[test]
fn a_user_that_is_not_there_looks_like_any_other() {
    let told = |door: &FrontDoor, user: &str| {
        let transport = Transport::Plain(door.clone());
        let mut talk = transport.talk(user);
        talk.story();
        talk.send(&initial(PLAIN, format!("n,,{BARE}").as_bytes()));
        let first = server_first(&mut talk);
        talk.send(&response(&client_final(&first, PASSWORD, b"n,,")));
        (first, talk.story())
    };
    let salt = |told: &(String, String)| attribute(&told.0, "s=").to_owned();
    let door = plain(AuthMethod::ScramSha256);
    let (known, unknown) = (told(&door, "a"), told(&door, "nobody"));
    assert_eq!(known.0.len(), unknown.0.len());
    assert_eq!(attribute(&known.0, "i="), attribute(&unknown.0, "i="));
    // The salt of a name stays, over reconnects, restarts and servers with the same key.
    assert_eq!(salt(&unknown), salt(&told(&door, "nobody")));
    let restarted = plain(AuthMethod::ScramSha256);
    assert_eq!(salt(&unknown), salt(&told(&restarted, "nobody")));
    assert_ne!(salt(&unknown), salt(&told(&door, "nobody2")));
    let other = plain(AuthMethod::ScramSha256).mock_secrets(MockSecrets::new([8; 32]));
    assert_ne!(salt(&unknown), salt(&told(&other, "nobody")));
    assert_eq!(attribute(&told(&other, "nobody").0, "i="), "4096");
    // Without a key given, it is one of the door's own.
    let own = FrontDoor::plain().auth_method(AuthMethod::ScramSha256);
    assert_eq!(salt(&told(&own, "nobody")), salt(&told(&own, "nobody")));
    // The nonce does not.
    assert_ne!(
        attribute(&unknown.0, "r="),
        attribute(&told(&door, "nobody").0, "r=")
    );
    // Expired secrets and bytes that are no text: the same.
    let store = users();
    let past = std::time::Duration::from_secs(1);
    let expired = Secret::scram_sha_256(PASSWORD).unwrap().valid_until(past);
    store.set("late", expired);
    let door = door.secrets(store);
    let late = told(&door, "late");
    assert_eq!(late.1, format!("{NO} \"late\" end"));
    assert_eq!(salt(&late), salt(&told(&door, "late")));
}
