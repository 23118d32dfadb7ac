use super::*;
use std::fs;

/// Fields joined by blanks, values by commas, quoted ones marked with `'`.
fn shown(lines: &Lines) -> Vec<(usize, String)> {
    lines
        .lines
        .iter()
        .map(|line| {
            let fields: Vec<String> = line
                .fields
                .iter()
                .map(|field| {
                    let values: Vec<String> = field
                        .iter()
                        .map(|t| {
                            let mark = if t.quoted { "'" } else { "" };
                            format!("{mark}{}{mark}", t.lossy())
                        })
                        .collect();
                    values.join(",")
                })
                .collect();
            (line.place.line, fields.join(" "))
        })
        .collect()
}

#[track_caller]
fn check(text: &str, expected: &[(usize, &str)]) {
    let lines = parse(text.as_bytes()).unwrap();
    let expected: Vec<(usize, String)> = expected.iter().map(|(n, s)| (*n, (*s).into())).collect();
    assert_eq!(shown(&lines), expected, "{text:?}");
}

#[test]
fn lines_are_cut_into_fields_and_values() {
    check("", &[]);
    check("\n  \n# comment\n\t#\n", &[]);
    check("a b c", &[(1, "a b c")]);
    check("a\tb\r\nc d\r\r\n", &[(1, "a b"), (2, "c d")]);
    check("a,b c", &[(1, "a,b c")]);
    // A comma joins only what it touches on its left.
    check("a, b ,c", &[(1, "a,b c")]);
    check(",a,,b,", &[(1, "a,b")]);
    check("a b#c d", &[(1, "a b")]);
    check("a,#b", &[(1, "a")]);
    check("@ a", &[(1, "@ a")]);
}

#[test]
fn quotes_take_what_is_between_them() {
    check("\"a b\" \"c,d\" \"e#f\"", &[(1, "'a b' 'c,d' 'e#f'")]);
    check("\"a\"\"b\"", &[(1, "'a\"b'")]);
    check("\"\" \"\"\"\"", &[(1, "'' '\"'")]);
    check("a\"b c\"d", &[(1, "ab cd")]);
    check("\"\"all \"@f\" \"+r\"", &[(1, "'all' '@f' '+r'")]);
    check("\"a\",\"b\"", &[(1, "'a','b'")]);
}

#[test]
fn a_backslash_continues_a_line() {
    check("a \\\nb\nc", &[(1, "a b"), (3, "c")]);
    check("a\\\nb", &[(1, "ab")]);
    check("\"a\\\nb\"", &[(1, "'ab'")]);
    check("# a \\\nb\nc", &[(3, "c")]);
    check("a \\\r\nb", &[(1, "a b")]);
    check("a\\b", &[(1, "a\\b")]);
    check("a \\\n\\\nb", &[(1, "a b")]);
    check("a \\", &[(1, "a")]);
    // The backslash of the second line is that line's own.
    check("a\\\\\n\nb", &[(1, "a\\"), (3, "b")]);
}

#[test]
fn what_cannot_be_cut_is_refused_with_its_line() {
    for (text, expected) in [
        (
            "a\n\"b",
            "<text>:2: unterminated quoted string; add the closing \" before the end of the line",
        ),
        (
            "a \\\n\"b\n",
            "<text>:1: unterminated quoted string; add the closing \" before the end of the line",
        ),
        (
            "a\0b",
            "<text>:1: the line holds a zero byte; is it a text file?",
        ),
        (
            "a @users",
            "<text>:1: \"users\" names a file, which only a file can do; load the rules from a file",
        ),
        (
            "\ninclude x.conf",
            "<text>:2: \"x.conf\" names a file, which only a file can do; load the rules from a file",
        ),
    ] {
        assert_eq!(parse(text.as_bytes()).unwrap_err().to_string(), expected);
    }
    let long = vec![b'#'; MAX_BYTES + 1];
    let error = parse(&long).unwrap_err().to_string();
    assert_eq!(
        error,
        "<text>:1: the files together are longer than 8388608 bytes; is one of them the wrong file?"
    );
}

#[test]
fn files_stand_for_their_values_and_lines() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    fs::create_dir(dir.path().join("sub")).unwrap();
    fs::create_dir(dir.path().join("sub/d.conf")).unwrap();
    write("users", "alice, bob\n# none\n\"all\" @sub/more\n");
    write("sub/more", "carol @last");
    write("sub/last", "dave");
    write("sub/b.conf", "two x\n");
    write("sub/a.conf", "one x\n\nthree x\n");
    write("sub/.hidden.conf", "no x\n");
    write("sub/c.txt", "no x\n");
    write(
        "main",
        "zero @users\ninclude sub/a.conf\ninclude_if_exists nowhere\ninclude_dir sub\n\"include\" sub/b.conf\nlast x",
    );
    let lines = load(&dir.path().join("main")).unwrap();
    let expected = [
        (1, "zero alice,bob,'all',carol,dave"),
        (1, "one x"),
        (3, "three x"),
        (1, "one x"),
        (3, "three x"),
        (1, "two x"),
        (1, "two x"),
        (6, "last x"),
    ];
    let expected: Vec<(usize, String)> = expected.iter().map(|(n, s)| (*n, (*s).into())).collect();
    assert_eq!(shown(&lines), expected);
    assert!(lines.lines[2].place.to_string().ends_with("sub/a.conf:3"));
    assert_eq!(lines.lines[0].text, b"zero @users");
    assert!(lines.files.paths.contains(&dir.path().join("nowhere")));
}

#[test]
fn includes_end() {
    let dir = tempfile::tempdir().unwrap();
    let main = dir.path().join("main");
    for (text, expected) in [
        ("a\ninclude main", "main:2: could not open file"),
        ("a @main", "main:1: could not open file"),
    ] {
        fs::write(&main, text).unwrap();
        let error = load(&main).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert!(error.contains("maximum nesting depth exceeded"), "{error}");
    }
    // Ten levels deep and wide: the sum is what is limited.
    fs::write(
        &main,
        format!("{}#{}", "include main\n".repeat(2), "x".repeat(1 << 20)),
    )
    .unwrap();
    let error = load(&main).unwrap_err().to_string();
    assert!(
        error.contains("longer than") || error.contains("depth"),
        "{error}"
    );
    fs::write(&main, "include gone").unwrap();
    let error = load(&main).unwrap_err().to_string();
    assert!(error.contains("main:1: could not open file"), "{error}");
    fs::write(&main, "include_dir gone").unwrap();
    assert!(load(&main).unwrap_err().to_string().contains("main:1:"));
    fs::write(&main, "a @gone").unwrap();
    assert!(load(&main).unwrap_err().to_string().contains("main:1:"));
    let error = load(&dir.path().join("none")).unwrap_err().to_string();
    assert!(error.starts_with("could not open file"), "{error}");
}
