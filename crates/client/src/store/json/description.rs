//! What a JSON file says of its backup version, apart from the keys: the answer of
//! `GET /room_keys/version`, read as it streams in.

use std::collections::BTreeMap;

use matrix_key_backup_wire::ENTRY_MAX_BYTES;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::JsonFormError;
use crate::store::room_keys_body::{
    MAX_DEPTH, NAME_LIMIT,
    capture::{Capture, TooLong},
    lexer::{Event, Lexer},
};

/// Where the names of the properties stand: right in the outermost object.
const PROPERTIES: usize = 1;

/// Where the names of rooms stand, in `rooms`.
const ROOMS: usize = 2;

/// Where the name `sessions` stands, in a room.
const ROOM: usize = 3;

/// Where the names of sessions stand.
const SESSIONS: usize = 4;

/// What a file says of its version.
#[derive(Clone, Debug)]
pub(super) struct Description {
    pub(super) version: String,
    pub(super) algorithm: String,
    pub(super) auth_data: Box<RawValue>,
    /// As the file says, or else as many entries as it has.
    pub(super) count: u64,
    pub(super) etag: Option<String>,
}

/// Reads it in one pass, in the memory of one property, whatever the order of the properties is.
#[derive(Debug)]
pub(super) struct DescriptionScanner {
    lexer: Lexer,
    /// A name, or the value of a property.
    capture: Capture,
    /// The property whose value begins next, or has begun.
    property: Option<Property>,
    /// Properties by name, as JSON text.
    found: BTreeMap<&'static str, Vec<u8>>,
    has_rooms: bool,
    in_rooms: bool,
    in_sessions: bool,
    entries: u64,
}

/// A property that is read.
#[derive(Clone, Copy, Debug)]
struct Property {
    name: &'static str,
    /// As many bytes of JSON as it may have.
    limit: usize,
}

impl Property {
    fn named(name: &str) -> Option<Self> {
        let short = |name| Some(Self { name, limit: NAME_LIMIT });
        match name {
            "version" => short("version"),
            "algorithm" => short("algorithm"),
            "auth_data" => Some(Self { name: "auth_data", limit: ENTRY_MAX_BYTES }),
            "count" => short("count"),
            "etag" => short("etag"),
            _ => None,
        }
    }
}

impl DescriptionScanner {
    pub(super) fn new() -> Self {
        Self {
            lexer: Lexer::new(MAX_DEPTH),
            capture: Capture::default(),
            property: None,
            found: BTreeMap::new(),
            has_rooms: false,
            in_rooms: false,
            in_sessions: false,
            entries: 0,
        }
    }

    /// Reads a chunk, which may be cut anywhere. After an error the scanner knows what it had
    /// found before.
    pub(super) fn push(&mut self, chunk: &[u8]) -> Result<(), JsonFormError> {
        let mut unread = chunk;
        while !unread.is_empty() {
            let (length, event) = self.lexer.read(unread)?;
            let (read, rest) = unread.split_at_checked(length).unwrap_or((unread, &[]));
            self.capture.push(read);
            match event {
                Some(Event::BeginName) => self.begin_name(),
                Some(Event::EndName) => self.end_name()?,
                Some(Event::Begin(_)) => self.begin_value(read.last().copied()),
                Some(Event::End) => self.end_value()?,
                None => {}
            }
            unread = rest;
        }
        Ok(())
    }

    /// Whether a property was found.
    pub(super) fn has(&self, property: &str) -> bool {
        self.found.contains_key(property)
    }

    /// What was found, when the text is over or, as `ended` says, cannot be read any further.
    ///
    /// A damaged file is read as far as it goes if all is there that has to be.
    pub(super) fn finish(
        self,
        ended: Result<(), JsonFormError>,
    ) -> Result<Description, JsonFormError> {
        let read = self.read();
        match ended.and_then(|()| Ok(self.lexer.finish()?)) {
            Ok(()) if self.has_rooms => read,
            Ok(()) => read.and(Err(JsonFormError::Missing { property: "rooms" })),
            Err(damage @ JsonFormError::Body(_)) => read.map_err(|_| damage),
            Err(error) => Err(error),
        }
    }

    fn read(&self) -> Result<Description, JsonFormError> {
        let missing = |property| JsonFormError::Missing { property };
        let version: String = self.get("version", "a string")?.ok_or(missing("version"))?;
        if version.is_empty() {
            let expected = "the name of a version: it is empty";
            return Err(JsonFormError::Property { property: "version", expected });
        }
        Ok(Description {
            version,
            algorithm: self.get("algorithm", "a string")?.ok_or(missing("algorithm"))?,
            auth_data: self.get("auth_data", "JSON in UTF-8")?.ok_or(missing("auth_data"))?,
            count: self.get("count", "an unsigned integer")?.unwrap_or(self.entries),
            etag: self.get("etag", "a string")?,
        })
    }

    fn get<T: DeserializeOwned>(
        &self,
        property: &'static str,
        expected: &'static str,
    ) -> Result<Option<T>, JsonFormError> {
        let Some(json) = self.found.get(property) else { return Ok(None) };
        let read = serde_json::from_slice(json);
        read.map(Some).map_err(|_| JsonFormError::Property { property, expected })
    }

    fn begin_name(&mut self) {
        match self.lexer.depth() {
            PROPERTIES => self.capture.start(b"\"", NAME_LIMIT),
            ROOMS => self.in_sessions = false,
            ROOM if self.in_rooms => self.capture.start(b"\"", NAME_LIMIT),
            SESSIONS if self.in_sessions => self.entries += 1,
            _ => {}
        }
    }

    fn end_name(&mut self) -> Result<(), JsonFormError> {
        match self.lexer.depth() {
            PROPERTIES => {
                let name = self.name();
                self.begin_property(&name)
            }
            ROOM if self.in_rooms => {
                self.in_sessions = self.name() == "sessions";
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The name that is over; one that is too long is none that matters.
    fn name(&mut self) -> String {
        let json = self.capture.stop().ok();
        json.and_then(|json| serde_json::from_slice(json).ok()).unwrap_or_default()
    }

    fn begin_property(&mut self, name: &str) -> Result<(), JsonFormError> {
        self.in_rooms = name == "rooms";
        self.has_rooms |= self.in_rooms;
        self.property = Property::named(name);
        match self.property {
            Some(Property { name, .. }) if self.has(name) => {
                Err(JsonFormError::Twice { property: name })
            }
            _ => Ok(()),
        }
    }

    fn begin_value(&mut self, first: Option<u8>) {
        if let Some(property) = self.property
            && !self.capture.is_active()
        {
            self.capture.start(first.as_slice(), property.limit);
        }
    }

    fn end_value(&mut self) -> Result<(), JsonFormError> {
        if self.lexer.depth() != PROPERTIES {
            return Ok(());
        }
        let Some(Property { name, limit }) = self.property.take() else { return Ok(()) };
        let json = self.capture.stop().map_err(|TooLong { length }| JsonFormError::TooLong {
            property: name,
            limit,
            found: length,
        })?;
        self.found.insert(name, json.to_owned());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::Index;
    use serde_json::{Value, json};

    use super::*;
    use crate::store::RoomKeysBodyError;

    fn scan<'a>(
        chunks: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<(String, String, Value, u64, Option<String>), JsonFormError> {
        let mut scanner = DescriptionScanner::new();
        let ended = chunks.into_iter().try_for_each(|chunk| scanner.push(chunk));
        let Description { version, algorithm, auth_data, count, etag } = scanner.finish(ended)?;
        let auth_data = serde_json::from_str(auth_data.get()).unwrap();
        Ok((version, algorithm, auth_data, count, etag))
    }

    fn error(json: &str) -> JsonFormError {
        scan([json.as_bytes()]).unwrap_err()
    }

    /// Properties that look like those that count, everywhere but where they do.
    fn decoys() -> Value {
        json!({"version": "no", "rooms": {"r": {"sessions": {"s": 1}}}, "a": [{"count": 9}]})
    }

    fn members() -> Vec<(&'static str, Value)> {
        let rooms = json!({
            "!a": {"count": "no", "a": {"y": {}}, "sessions": {"s": decoys(), "t": 5}},
            "sessions": {"sessions": {"u": null, "sessions": []}, "z": {"z": 1}},
            "!b": [{"no": {}}],
            "!c": {"sessions": {}},
        });
        vec![
            ("version", json!("1")),
            ("algorithm", json!("a\u{e9}\"")),
            ("auth_data", json!({"auth_data": {"sessions": {"x": 1}}, "decoys": decoys()})),
            ("count", json!(17)),
            ("etag", json!("e")),
            ("rooms", rooms),
            ("other", decoys()),
            ("", json!([[]])),
        ]
    }

    fn object(members: &[(&str, Value)]) -> String {
        let member = |(name, value): &(&str, Value)| format!("{:?}: {value:#}", *name);
        format!("{{ {} }}", members.iter().map(member).collect::<Vec<_>>().join(" ,\n"))
    }

    fn expected(members: &[(&str, Value)]) -> (String, String, Value, u64, Option<String>) {
        let get = |wanted: &str| {
            members.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.clone())
        };
        let text = |name: &str| get(name).map(|value| value.as_str().unwrap().to_owned());
        (
            text("version").unwrap(),
            text("algorithm").unwrap(),
            get("auth_data").unwrap(),
            get("count").map_or(4, |count| count.as_u64().unwrap()),
            text("etag"),
        )
    }

    fn shuffled() -> impl Strategy<Value = Vec<(&'static str, Value)>> {
        (Just(members()).prop_shuffle(), any::<[bool; 2]>()).prop_map(
            |(mut members, [count, etag])| {
                members
                    .retain(|(name, _)| (*name != "count" || count) && (*name != "etag" || etag));
                members
            },
        )
    }

    proptest! {
        #[test]
        fn any_order_and_any_cut_are_read_alike(members in shuffled(), length in 1..40_usize) {
            let json = object(&members);
            prop_assert_eq!(scan(json.as_bytes().chunks(length)), Ok(expected(&members)));
        }

        /// What breaks off is read if all stood before, and is an error otherwise.
        #[test]
        fn as_far_as_it_goes(members in shuffled(), place in any::<Index>()) {
            let json = object(&members);
            let cut = &json.as_bytes()[..place.index(json.len())];
            match scan([cut]) {
                Ok((version, algorithm, auth_data, ..)) => {
                    let whole = expected(&members);
                    prop_assert_eq!((version, algorithm, auth_data), (whole.0, whole.1, whole.2));
                }
                Err(error) => {
                    let body = RoomKeysBodyError::Truncated { length: cut.len() as u64 };
                    prop_assert_eq!(error, JsonFormError::Body(body));
                }
            }
        }
    }

    #[test]
    fn what_has_to_be_there() {
        for missing in ["version", "algorithm", "auth_data", "rooms"] {
            let mut members = members();
            members.retain(|(name, _)| *name != missing);
            assert_eq!(error(&object(&members)), JsonFormError::Missing { property: missing });
        }
        for other in ["[]", "7", "null", r#""version""#, r#"[{"version": "1"}]"#] {
            assert_eq!(error(other), JsonFormError::Missing { property: "version" });
        }
    }

    #[test]
    fn nothing_is_there_twice() {
        for twice in ["version", "algorithm", "auth_data", "count", "etag"] {
            for place in 0..=members().len() {
                let mut members = members();
                members.insert(place, (twice, json!("x")));
                assert_eq!(error(&object(&members)), JsonFormError::Twice { property: twice });
            }
        }
        let escaped = object(&members()).replacen('{', r#"{"\u0065tag": "","#, 1);
        assert_eq!(error(&escaped), JsonFormError::Twice { property: "etag" });
    }

    #[test]
    fn everything_is_of_its_type() {
        for (wrong, value) in [
            ("version", json!(1)),
            ("version", json!("")),
            ("algorithm", json!(null)),
            ("count", json!("17")),
            ("count", json!(-1)),
            ("count", json!(1.5)),
            ("etag", json!(["e"])),
        ] {
            let mut members = members();
            members.retain(|(name, _)| *name != wrong);
            members.push((wrong, value));
            let found = error(&object(&members));
            assert!(
                matches!(found, JsonFormError::Property { property, .. } if property == wrong),
                "{found}"
            );
        }
        let bytes =
            b"{\"version\": \"1\", \"algorithm\": \"a\", \"rooms\": {}, \"auth_data\": \"\xff\"}";
        let found = scan([bytes.as_slice()]).unwrap_err();
        assert!(matches!(found, JsonFormError::Property { property: "auth_data", .. }), "{found}");
    }

    #[test]
    fn nothing_long_is_held_in_memory() {
        let of = |length: usize| {
            let mut members = members();
            members[2].1 = json!("x".repeat(length - 2));
            scan([object(&members).as_bytes()])
        };
        assert!(of(ENTRY_MAX_BYTES).is_ok());
        let (property, limit, found) = ("auth_data", ENTRY_MAX_BYTES, ENTRY_MAX_BYTES + 1);
        assert_eq!(of(found).unwrap_err(), JsonFormError::TooLong { property, limit, found });
        let long = format!(r#"{{"version": "{}"}}"#, "1".repeat(1_000_000));
        assert!(matches!(error(&long), JsonFormError::TooLong { property: "version", .. }));
        let name = format!(r#"{{"{}": 1}}"#, "version".repeat(1_000_000));
        assert_eq!(error(&name), JsonFormError::Missing { property: "version" });
    }
}
