//! Ids as parts of a path.

use ruma_common::OwnedRoomId;

/// An id so that Ruma puts it into a path as it is: Ruma encodes what the URL standard asks for and
/// `/`, but not `%`, so that `%2F` in an id would come out as a `/`.
///
/// `None` for what no path can have: every client and proxy takes `.` and `..`, encoded or not, for
/// the way up.
pub(crate) fn segment(id: &str) -> Option<String> {
    (!matches!(id, "" | "." | "..")).then(|| id.replace('%', "%25"))
}

/// The same for a room id. `None` also where Ruma takes it for none.
pub(super) fn room_segment(room_id: &str) -> Option<OwnedRoomId> {
    OwnedRoomId::try_from(segment(room_id)?).ok()
}

#[cfg(test)]
mod tests {
    use ruma_client_api::backup::get_backup_keys_for_session::v3::Request;

    use super::super::{AccessToken, Body, HomeserverUrl, Transport, TransportError};
    use super::super::{access_token::Tokens, client::Client};
    use super::*;

    struct Nowhere;

    impl Transport for Nowhere {
        async fn send(
            &self,
            _: http::Request<bytes::Bytes>,
        ) -> Result<http::Response<Body>, TransportError> {
            Ok(http::Response::new(Body::full("")))
        }

        async fn sleep(&self, _: core::time::Duration) {}
    }

    /// The path after `/room_keys/keys/`, as it goes out.
    fn path(room_id: &str, session_id: &str) -> String {
        let url = HomeserverUrl::parse("https://example.org/base/").unwrap();
        let tokens = Tokens::new(AccessToken::new("t".to_owned()).unwrap());
        let request = Request::new(
            "1".to_owned(),
            room_segment(room_id).unwrap(),
            segment(session_id).unwrap(),
        );
        let request = Client::new(url, tokens, Nowhere).request(request).unwrap();
        let start = "/base/_matrix/client/v3/room_keys/keys/";
        request.uri().path().strip_prefix(start).unwrap().to_owned()
    }

    #[test]
    fn ids_are_percent_encoded() {
        assert_eq!(path("!a:x", "b/c+d"), "!a:x/b%2Fc+d");
        assert_eq!(path("!%2F:x", "%2f%25"), "!%252F:x/%252f%2525");
        assert_eq!(path("!a?b#c:x", " \\é\""), "!a%3Fb%23c:x/%20%5C%C3%A9%22");
        assert_eq!(path("!.", "..."), "!./...");
    }

    #[test]
    fn what_leads_out_of_the_path_is_none() {
        for id in ["", ".", ".."] {
            assert_eq!(segment(id), None);
        }
        assert_eq!(room_segment("no room"), None);
        assert_eq!(room_segment(&format!("!{}", "%".repeat(200))), None, "too long for Ruma");
    }
}
