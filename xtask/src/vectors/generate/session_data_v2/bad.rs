//! What was changed, is out of form, or has nothing in it; and, beside it, the changes that no
//! MAC is meant to notice.

use anyhow::{Result, ensure};

use super::{AUTHENTICATED, Cases, Ours, REJECTED, STABLE, UNUSABLE, V2, change};

/// A change to an entry's text, and what it is called.
type Change = (&'static str, fn(&str) -> String);

/// A MAC that is right for nothing.
const WRONG_MAC: &str =
    r#""org.matrix.msc4048.backup_mac":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA""#;

pub(super) fn add(cases: &mut Cases) -> Result<()> {
    covered(cases)?;
    not_covered(cases)?;
    mac_form(cases)?;
    json_form(cases)?;
    uncanonical(cases)?;
    unusable_plaintext(cases)?;
    unusable_cleartext(cases)
}

fn all(
    cases: &mut Cases,
    category: &'static str,
    changes: &[Change],
    properties: &str,
    ours: Ours,
) -> Result<()> {
    changes.iter().try_for_each(|(description, change)| {
        cases.changed((category, description), properties, change, ours)
    })
}

/// V2-5: all of this is under the MAC.
fn covered(cases: &mut Cases) -> Result<()> {
    let changes: &[Change] = &[
        ("ciphertext changed", |raw| change::first_character(raw, "ciphertext")),
        ("ephemeral changed", |raw| change::first_character(raw, "ephemeral")),
        ("backup_mac changed", change::mac),
        ("a property changed", |raw| raw.replace("[1,2]", "[2,1]")),
        ("a property removed", |raw| raw.replace(r#","org.example":{"a":[1,2]}"#, "")),
        ("a property renamed", |raw| raw.replace("org.example", "org.example2")),
        ("a property added", |raw| change::in_front(raw, r#""x":1"#)),
        ("a mac of v1 added", |raw| change::in_front(raw, r#""mac":"AAAAAAAAAAA""#)),
    ];
    all(cases, "tampered", changes, r#","org.example":{"a":[1,2]}"#, REJECTED)
}

/// V2-4, A-4: none of this is.
fn not_covered(cases: &mut Cases) -> Result<()> {
    let changes: &[Change] = &[
        ("order and whitespace changed", change::reordered),
        ("an escape for a letter", |raw| raw.replace("org.", r"\u006frg.")),
        ("unsigned: a property added", |raw| change::in_unsigned(raw, r#""age":1.5"#)),
        ("signatures added", |raw| change::in_front(raw, r#""signatures":{"@a:b":{"c":"d"}}"#)),
        ("signatures of a wrong type", |raw| change::in_front(raw, r#""signatures":[-0]"#)),
    ];
    all(cases, "unsigned", changes, r#","org.example":{"a":[1,2]}"#, AUTHENTICATED)
}

/// V2-6, V2-12, N-2.
fn mac_form(cases: &mut Cases) -> Result<()> {
    let changes: &[Change] = &[
        ("padded", |raw| change::string(raw, "backup_mac", |mac| format!("{mac}="))),
        ("one byte short", |raw| change::cut_byte(raw, "backup_mac")),
        ("one character long", |raw| change::string(raw, "backup_mac", |mac| format!("{mac}A"))),
        ("in front of it a space", |raw| {
            change::string(raw, "backup_mac", |mac| format!(" {mac}"))
        }),
        ("empty", |raw| change::value(raw, "backup_mac", r#""""#)),
        ("null", |raw| change::value(raw, "backup_mac", "null")),
        ("an array", |raw| change::value(raw, "backup_mac", "[]")),
        ("under another name", |raw| raw.replace("backup_mac", "backup_mac2")),
        ("not in unsigned", |raw| raw.replace(r#""unsigned":{"#, r#""x":{"#)),
        ("unsigned is an array", |raw| raw.replace(":{\"b", ":[{\"b").replace("}}", "}]}")),
        ("both names, the unstable one wrong", |raw| change::in_unsigned(raw, WRONG_MAC)),
        ("both names, the unstable one null", |raw| {
            change::in_unsigned(raw, r#""org.matrix.msc4048.backup_mac":null"#)
        }),
    ];
    all(cases, "mac-form", changes, "", REJECTED)
}

/// V2-13.
fn json_form(cases: &mut Cases) -> Result<()> {
    let changes: &[Change] = &[
        ("a property twice", |raw| change::in_front(raw, r#""x":1,"x":1"#)),
        ("ephemeral twice, once by an escape", |raw| {
            change::in_front(raw, r#""\u0065phemeral":1"#)
        }),
        ("a property twice in unsigned", |raw| change::in_unsigned(raw, r#""a":1,"a":1"#)),
        ("unsigned twice", |raw| change::in_front(raw, r#""unsigned":{}"#)),
        ("one lone surrogate twice", |raw| change::in_unsigned(raw, r#""\ud800":1,"\ud800":2"#)),
        ("a trailing comma", |raw| raw.replace("}}", "},}")),
        ("something after the end", |raw| format!("{raw} x")),
        ("a byte order mark", |raw| format!("\u{feff}{raw}")),
        ("a no-break space", |raw| raw.replacen(',', ",\u{a0}", 1)),
        ("a control character in a string", |raw| change::in_front(raw, "\"x\":\"\u{1}\"")),
        ("a number with a leading zero", |raw| change::in_unsigned(raw, r#""x":01"#)),
        ("cut off", |raw| raw.chars().take(100).collect()),
        ("the object as a string", |raw| format!("{raw:?}")),
        ("an object in an array", |raw| format!("[{raw}]")),
        ("129 levels", |raw| change::in_unsigned(raw, &format!("\"x\":{}", change::nested(127)))),
    ];
    all(cases, "raw-json", changes, "", REJECTED)?;
    let deep: Change = ("128 levels, which is allowed", |raw| {
        change::in_unsigned(raw, &format!("\"x\":{}", change::nested(126)))
    });
    all(cases, "raw-json", &[deep], "", AUTHENTICATED)
}

/// What canonical JSON cannot carry cannot be under a MAC (V2-13).
fn uncanonical(cases: &mut Cases) -> Result<()> {
    for value in [
        "1.0",
        "1e0",
        "1E+2",
        "-0",
        "9007199254740992",
        "-9007199254740992",
        r#""\ud800""#,
        r#"{"\udc00":1}"#,
    ] {
        let property = format!(",\"x\":{value}");
        let description = format!("{value} under the MAC");
        cases.cleartext(("raw-json", &description), &property, REJECTED)?;
    }
    Ok(())
}

/// The MAC is right, and what is inside is no key.
fn unusable_plaintext(cases: &mut Cases) -> Result<()> {
    let good = cases.material.room_key(0, "").json;
    let marked_twice = r#""unauthenticated":"m.legacy-v1","unauthenticated":"m.undefined""#;
    for (description, plaintext) in [
        ("empty", String::new()),
        ("not JSON", "room key".to_owned()),
        ("an array", format!("[{good}]")),
        ("algorithm unknown", good.replace("m.megolm.v1", "m.megolm.v2")),
        ("algorithm missing", good.replace(r#""algorithm""#, r#""algorithms""#)),
        ("session_key missing", good.replace(r#""session_key""#, r#""session_keys""#)),
        ("session_key one byte short", change::cut_byte(&good, "session_key")),
        ("session_key of version 2", good.replace(r#""session_key":"AQ"#, r#""session_key":"Ag"#)),
        ("session_key padded", change::string(&good, "session_key", |key| format!("{key}="))),
        ("sender_key a number", change::value(&good, "sender_key", "1")),
        ("a property twice", change::in_front(&good, r#""x":1,"x":2"#)),
        ("unauthenticated twice", change::in_front(&good, marked_twice)),
        ("something after the end", format!("{good}x")),
        ("129 levels", change::in_front(&good, &format!("\"x\":{}", change::nested(128)))),
    ] {
        cases.plaintext(("plaintext-invalid", description), plaintext, UNUSABLE)?;
    }
    Ok(())
}

/// The MAC is right, and there is no way to what is inside (V1-7, V2-12).
fn unusable_cleartext(cases: &mut Cases) -> Result<()> {
    let low_order = |text: &str| change::string(text, "ephemeral", |_| "A".repeat(43));
    let changes: &[Change] = &[
        ("ciphertext padded", |text| change::string(text, "ciphertext", |text| format!("{text}="))),
        ("ciphertext no multiple of 16", |text| change::cut_byte(text, "ciphertext")),
        ("ciphertext empty", |text| change::value(text, "ciphertext", r#""""#)),
        ("ciphertext missing", |text| text.replace("ciphertext", "cipher")),
        ("ciphertext null", |text| change::value(text, "ciphertext", "null")),
        ("ephemeral missing", |text| text.replace("ephemeral", "eph")),
        ("ephemeral of 31 bytes", |text| change::cut_byte(text, "ephemeral")),
        ("ephemeral of low order", low_order),
    ];
    for (description, change) in changes {
        let mut made = cases.make("", false, "")?;
        let changed = change(&made.cleartext);
        ensure!(changed != made.cleartext, "{description}: nothing is changed");
        made.cleartext = changed;
        let raw = cases.authenticate(&made, STABLE);
        cases.file(("odd-but-maced", description), V2, &made, raw, UNUSABLE);
    }
    Ok(())
}
