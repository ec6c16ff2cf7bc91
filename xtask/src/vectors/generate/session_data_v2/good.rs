//! What is imported, and as what.

use anyhow::Result;
use matrix_key_backup_wire::{CONTEXT_PROPERTY, Names};

use super::{
    AUTHENTICATED, Cases, REJECTED, STABLE, UNSTABLE, V1, V2, V2_UNSTABLE, change, marked,
};
use crate::vectors::walk;

pub(super) fn add(cases: &mut Cases) -> Result<()> {
    valid(cases)?;
    extra(cases)?;
    unauthenticated(cases)?;
    context(cases)?;
    hybrid(cases)
}

/// V2-4, N-1, N-2.
fn valid(cases: &mut Cases) -> Result<()> {
    for (description, algorithm, names) in [
        ("stable names", V2, STABLE),
        ("unstable names", V2_UNSTABLE, UNSTABLE),
        ("stable MAC name in a backup of the unstable name (N-1)", V2_UNSTABLE, STABLE),
        ("unstable MAC name in a backup of the stable name (N-1)", V2, UNSTABLE),
        ("both MAC names, both right (N-2)", V2, Names::ALL.as_slice()),
    ] {
        let made = cases.make("", false, "")?;
        let raw = cases.authenticate(&made, names);
        cases.file(("valid", description), algorithm, &made, raw, AUTHENTICATED);
    }
    Ok(())
}

/// V2-2, V2-5: what else may stand there, outside and inside.
fn extra(cases: &mut Cases) -> Result<()> {
    for (description, properties) in [
        ("integers at the bounds", r#","n":[9007199254740991,-9007199254740991,0]"#),
        ("keys that UTF-8 and UTF-16 sort apart", r#","\uff5e":1,"\ud83d\ude00":2,"é":3"#),
        ("escapes of all kinds", r#","e":"\"\\\/\b\f\n\r\t\u0000\u001f\u007f\u2028""#),
        ("unsigned and signatures further down", r#","x":{"unsigned":1,"signatures":2}"#),
        ("a mac of v1, which counts for nothing here", r#","mac":"AAAAAAAAAAA""#),
        ("first_message_index", r#","first_message_index":5"#),
    ] {
        cases.cleartext(("extra", description), properties, AUTHENTICATED)?;
    }
    for (description, properties) in [
        ("numbers that canonical JSON cannot carry", r#","org.example":{"n":1.50,"e":1e300}"#),
        ("an empty name", r#","":{}"#),
        (
            "three spellings of shared history (V1-1a)",
            r#","shared_history":true,"m.shared_history":true,"org.matrix.msc3061.shared_history":true"#,
        ),
        (
            "three spellings of shared history that conflict (V1-1a)",
            r#","shared_history":true,"m.shared_history":false,"org.matrix.msc3061.shared_history":1"#,
        ),
    ] {
        let plaintext = cases.material.room_key(0, properties).json;
        cases.plaintext(("plaintext", description), plaintext, AUTHENTICATED)?;
    }
    Ok(())
}

/// V2-9, V2-10, N-2.
fn unauthenticated(cases: &mut Cases) -> Result<()> {
    const CATEGORY: &str = "unauthenticated";
    for (value, effective) in [
        (r#""m.undefined""#, "m.undefined"),
        (r#""m.legacy-v1""#, "m.legacy-v1"),
        (r#""m.forwarded_room_key""#, "m.forwarded_room_key"),
        (r#""\u006d.legacy-v1""#, "m.legacy-v1"),
        (r#""m.legacy-v1 ""#, "m.undefined"),
        (r#""org.example.other""#, "m.undefined"),
        (r#""""#, "m.undefined"),
        ("null", "m.undefined"),
        ("false", "m.undefined"),
        ("{}", "m.undefined"),
    ] {
        for name in Names::ALL.map(Names::unauthenticated) {
            let plaintext = cases.material.room_key(0, &format!(",\"{name}\":{value}")).json;
            let description = format!("{name}: {value}");
            cases.plaintext((CATEGORY, &description), plaintext, marked(effective))?;
        }
    }
    let [stable, unstable] = Names::ALL.map(Names::unauthenticated);
    for (description, one, other, effective) in [
        ("both names, equal (N-2)", "m.legacy-v1", "m.legacy-v1", "m.legacy-v1"),
        ("both names, different (N-2)", "m.legacy-v1", "m.forwarded_room_key", "m.undefined"),
    ] {
        let properties = format!(",\"{stable}\":\"{one}\",\"{unstable}\":\"{other}\"");
        let plaintext = cases.material.room_key(0, &properties).json;
        cases.plaintext((CATEGORY, description), plaintext, marked(effective))?;
    }
    Ok(())
}

/// A context that fits the place where the runner finds every entry (B-2).
fn context(cases: &mut Cases) -> Result<()> {
    for (description, user) in [
        ("a context that fits", ""),
        ("a context that fits, with a user", r#","user_id":"@a:example.org""#),
    ] {
        let key = cases.material.room_key(7, "");
        let open = key.json.strip_suffix('}').unwrap_or_default();
        let (room_id, session_id) = (walk::ROOM_ID, &key.session_id);
        let plaintext = format!(
            "{open},\"{CONTEXT_PROPERTY}\":\
             {{\"room_id\":\"{room_id}\",\"session_id\":\"{session_id}\"{user}}}}}"
        );
        cases.plaintext(("context", description), plaintext, AUTHENTICATED)?;
    }
    Ok(())
}

/// H-1 to H-4.
fn hybrid(cases: &mut Cases) -> Result<()> {
    const CATEGORY: &str = "hybrid";
    let legacy = marked("m.legacy-v1");
    for names in Names::ALL {
        let name = names.backup_mac();
        let made = cases.make("", true, "")?;
        let raw = cases.authenticate(&made, &[names]);
        let in_v1 = format!("{name} in a v1 backup (H-3)");
        cases.file((CATEGORY, &in_v1), V1, &made, raw.clone(), legacy);
        let in_v2 = format!("the same in a v2 backup: {name}");
        cases.file((CATEGORY, &in_v2), V2, &made, raw, AUTHENTICATED);
    }
    let made = cases.make("", true, "")?;
    let raw = cases.authenticate(&made, STABLE);
    let wrong_backup_mac = change::mac(&raw);
    let title = (CATEGORY, "backup_mac wrong, mac right (H-2)");
    cases.file(title, V1, &made, wrong_backup_mac, legacy);
    let title = (CATEGORY, "no backup_mac, mac right");
    cases.file(title, V1, &made, made.cleartext.clone(), legacy);
    let both_wrong = change::first_character(&raw, "mac");
    cases.file((CATEGORY, "mac changed after the MAC"), V1, &made, both_wrong, REJECTED);

    let made = cases.make("", false, "")?;
    let raw = cases.authenticate(&made, STABLE);
    let wrong = change::mac(&raw);
    cases.file((CATEGORY, "no mac, backup_mac right (H-4)"), V1, &made, raw, legacy);
    cases.file((CATEGORY, "no mac, backup_mac wrong (H-4)"), V1, &made, wrong, REJECTED);
    cases.file((CATEGORY, "no mac of either kind"), V1, &made, made.cleartext.clone(), REJECTED);
    Ok(())
}
