//! Whatever is said, in whatever pieces.

use proptest::prelude::*;

use super::*;

fn any_message() -> impl Strategy<Value = Vec<u8>> {
    let name = || prop_oneof![Just(""), Just("a"), Just("b")];
    let sql = prop_oneof![
        Just("do"),
        Just("rows 3"),
        Just("greedy 9"),
        Just("echo int4"),
        Just("begin"),
        Just("commit"),
        Just("rollback"),
        Just("fail"),
        Just("syntax"),
        Just(""),
        Just("notify a, 'b'"),
        Just("listen a"),
        Just("copy in text"),
        Just("copy out csv 2"),
        Just("deallocate all"),
        Just("set local timezone = 'Asia/Tokyo'"),
    ];
    prop_oneof![
        sql.clone().prop_map(query),
        (name(), sql).prop_map(|(name, sql)| parse(name, sql, &[])),
        (name(), name()).prop_map(|(p, s)| bind(p, s, &[], &[], &[])),
        (name(), name()).prop_map(|(p, s)| bind(p, s, &[], &[Some(b"1")], &[1])),
        (name(), 0..4_i32).prop_map(|(p, n)| execute(p, n)),
        name().prop_map(|n| describe(b'S', n)),
        name().prop_map(|n| describe(b'P', n)),
        name().prop_map(|n| close(b'S', n)),
        name().prop_map(|n| close(b'P', n)),
        Just(sync()),
        Just(flush()),
        Just(data("1\ta\n")),
        Just(done()),
        (any::<u8>(), proptest::collection::vec(any::<u8>(), 0..12))
            .prop_map(|(k, b)| message(k, &b)),
    ]
}

proptest! {
    #[test]
    fn any_bytes_are_answered_or_end_the_session(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut client = Client::new();
        client.say(&bytes);
        prop_assert!(client.session.input.capacity() <= 1024);
    }

    #[test]
    fn any_messages_in_any_pieces_are_answered_alike(
        messages in proptest::collection::vec(any_message(), 0..20),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let bytes = messages.concat();
        let whole = Client::new().say(&bytes);
        let mut cuts: Vec<usize> = cuts.iter().map(|c| c.index(bytes.len() + 1)).collect();
        cuts.sort_unstable();
        let mut client = Client::new();
        let mut out = Vec::new();
        let mut from = 0;
        for to in cuts.into_iter().chain([bytes.len()]) {
            client.session.handle_input(&bytes[from..to]);
            out.extend(client.output());
            from = to;
        }
        let end = if client.closed { " end" } else { "" };
        prop_assert_eq!(story(&out) + end, whole);
        // However it went, a session that still lives comes back with Sync.
        if !client.closed {
            let story = client.say(&[message(b'f', b"\0"), sync()].concat());
            prop_assert!(story.contains("Z("), "{}", story);
        }
    }
}
