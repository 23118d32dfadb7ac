//! Roman numbers.

/// From 1 to 3999; others are fifteen `#`.
pub(super) fn roman(n: i32) -> String {
    const PARTS: [(i32, &str); 13] = [
        (1000, "M"),
        (900, "CM"),
        (500, "D"),
        (400, "CD"),
        (100, "C"),
        (90, "XC"),
        (50, "L"),
        (40, "XL"),
        (10, "X"),
        (9, "IX"),
        (5, "V"),
        (4, "IV"),
        (1, "I"),
    ];
    if !(1..=3999).contains(&n) {
        return "#".repeat(15);
    }
    let mut rest = n;
    let mut out = String::new();
    for (value, letters) in PARTS {
        while rest >= value {
            out.push_str(letters);
            rest -= value;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_are_roman() {
        for (n, text) in [(1, "I"), (1994, "MCMXCIV"), (3999, "MMMCMXCIX"), (40, "XL")] {
            assert_eq!(super::roman(n), text);
        }
        assert_eq!(super::roman(4000), "###############");
    }
}
