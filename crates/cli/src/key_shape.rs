//! A key where none belongs: among the arguments, which everybody on the machine can see.

use std::{ffi::OsString, path::Path};

use crate::secrets::decryption_key;

/// Options whose values may look like a key and are none: a session id is 32 bytes in base64 too.
const NO_SECRETS: [&str; 2] = ["--session", "--key-id"];

/// base58 in groups as a person writes them down, when the shell has taken them apart.
const GROUPS: usize = 11;

/// Whether one of the arguments is a key by its looks, or several of them are the groups of one.
///
/// What is the path of a file that is there counts as that.
pub(crate) fn is_among(arguments: impl IntoIterator<Item = OsString>) -> bool {
    let mut groups = 0;
    let mut is_no_secret = false;
    for argument in arguments {
        let argument = argument.to_string_lossy();
        let (option, value) = match argument.split_once('=') {
            Some((option, value)) if option.starts_with("--") => (option, value),
            _ => ("", &*argument),
        };
        if is_no_secret || NO_SECRETS.contains(&option) {
            is_no_secret = false;
            continue;
        }
        is_no_secret = NO_SECRETS.contains(&value);
        groups = if is_group(value) { groups + 1 } else { 0 };
        if groups >= GROUPS || looks_like_key(value) && !is_path(value) {
            return true;
        }
    }
    false
}

/// Whether a text is a key, or one with a typing error in it.
fn looks_like_key(text: &str) -> bool {
    decryption_key(text).is_ok() || is_base58_at_heart(text) || is_base64_at_heart(text)
}

/// Some 48 letters and digits, in one piece or in pieces of one length.
pub(crate) fn is_base58_at_heart(text: &str) -> bool {
    let groups: Vec<_> = text.split_whitespace().collect();
    let Some((last, others)) = groups.split_last() else { return false };
    let in_order = others.windows(2).all(|pair| matches!(pair, [a, b] if a.len() == b.len()))
        && others.first().is_none_or(|first| last.len() <= first.len());
    let together = groups.concat();
    in_order
        && (44..=52).contains(&together.len())
        && together.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && is_mixed(&together)
}

/// 43 characters of the alphabet, padded or not.
fn is_base64_at_heart(text: &str) -> bool {
    let text = text.trim().trim_end_matches('=');
    text.len() == 43
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
        && is_mixed(text)
}

/// Of thousands of random keys one is not.
fn is_mixed(text: &str) -> bool {
    let has = |kind: fn(&u8) -> bool| text.bytes().any(|byte| kind(&byte));
    has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit)
}

fn is_group(text: &str) -> bool {
    text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) && !is_path(text)
}

/// Whether something is there, or could be put there: base64 may have slashes in it, but no
/// directories.
fn is_path(text: &str) -> bool {
    let path = Path::new(text);
    let mut directories = path.ancestors().skip(1).filter(|path| path.file_name().is_some());
    path.exists() || directories.any(Path::is_dir)
}

#[cfg(test)]
mod tests {
    use matrix_key_backup::primitives::BackupDecryptionKey;

    use super::is_among;

    fn among(arguments: &[&str]) -> bool {
        is_among(arguments.iter().map(Into::into))
    }

    const BASE58: &str = "EsUB yNZ4 TFjj sumW 4GNt kXhp CbhS CqrF XqSj LXPL 7QTb nak8";

    #[test]
    fn a_key_in_any_form_is_seen() {
        let key = BackupDecryptionKey::from_base58(BASE58).unwrap();
        let (in_one, base64) = (BASE58.replace(' ', ""), key.expose_base64());
        let padded = format!("{}=", *base64);
        let uniform = BackupDecryptionKey::from_slice(&[1; 32]).unwrap().expose_base64();
        let in_eights = BASE58.split(' ').collect::<Vec<_>>();
        let in_eights: Vec<_> = in_eights.chunks(2).map(<[_]>::concat).collect();
        let in_eights = in_eights.join(" ");
        for key in [BASE58, &in_one, &base64, &padded, &uniform, &in_eights] {
            assert!(among(&["verify", "--key-file", key]), "{key}");
            assert!(among(&["verify", &format!("--key-file={key}")]), "{key}");
            assert!(among(&[key]), "{key}");
        }
        let apart: Vec<_> = ["verify", "--key-file"].into_iter().chain(BASE58.split(' ')).collect();
        assert!(among(&apart));
    }

    #[test]
    fn a_typing_error_does_not_hide_it() {
        let key = BASE58.replace(' ', "");
        for typed in [
            key.replacen("yNZ4", "yNZ5", 1), // parity
            key.replacen("yNZ4", "yNZ0", 1), // no character of base58
            key.replacen("yNZ4", "yNZ", 1),
            key.replacen("yNZ4", "yNZ44", 1),
            key.replacen("Es", "Et", 1), // prefix
            BASE58.replacen("nak8", "nak", 1),
        ] {
            assert!(among(&["--key-file", &typed]), "{typed}");
        }
    }

    #[test]
    fn what_is_no_key_passes() {
        let id = "gPYkSZdrBGYUHEnKpUvREms59Uq731WrkhBoBKD6blY";
        assert!(among(&["list", id]));
        assert!(!among(&["verify", "--room", "!r:example.org", "--session", id]));
        assert!(!among(&["verify", &format!("--session={id}")]));
        assert!(among(&["verify", "--session", "x", id]));
        for text in [
            "backup.sqlite3.key",
            "My keys of the year 2024 from the old laptop.txt",
            "/media/stick/Documents/matrix/keys",
            "src/SomeDirectory/ThatIsNotThere1/AndSoOn12",
            "src/key_shape.rs",
            "@alice:example.org",
            "-",
            "",
        ] {
            assert!(!among(&["restore", "--out", text]), "{text}");
        }
        // A directory that is there makes it a path.
        assert!(!among(&["restore", "--out", "src/Restored12345678901234567890abcdefghijk"]));
    }
}
