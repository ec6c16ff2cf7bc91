//! What came of one try of a request, and what that means for the next.

use core::time::Duration;

use http::header::{HeaderMap, LOCATION, RETRY_AFTER};
use http::{StatusCode, response};
use serde_json::Value;

use super::{RefusedToken, ServerAnswer, TransportError, TransportErrorKind};

/// What the server says in words is shown up to this length.
const SHOWN_CHARACTERS: usize = 200;

/// One try of a request that brought no result.
#[derive(Debug)]
pub(super) enum Failure {
    Transport(TransportError),
    Answer(Refusal),
    /// The status was good, the answer was not.
    Malformed(String),
}

/// An answer with a status of 300 and above.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) answer: ServerAnswer,
    pub(super) retry_after: Option<Duration>,
    pub(super) soft_logout: bool,
    /// Where to go instead, as it was said.
    location: Option<String>,
}

/// What a failure means for the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The server did nothing, and may do it the next time.
    NotNow,
    /// The server may have done it or not.
    Unknown,
    /// The server did nothing, because it is too much at once.
    TooMuch,
    /// The server will not do it.
    No,
}

impl From<TransportError> for Failure {
    fn from(error: TransportError) -> Self {
        Self::Transport(error)
    }
}

impl Failure {
    pub(super) fn malformed(detail: &impl ToString) -> Self {
        Self::Malformed(shown(&detail.to_string()))
    }

    pub(super) fn meaning(&self) -> Meaning {
        match self {
            Self::Transport(error) => match error.kind() {
                TransportErrorKind::Connect => Meaning::NotNow,
                TransportErrorKind::Broken | TransportErrorKind::Timeout => Meaning::Unknown,
                TransportErrorKind::Other => Meaning::No,
            },
            Self::Answer(refusal) => refusal.meaning(),
            Self::Malformed(_) => Meaning::No,
        }
    }

    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Answer(refusal) => refusal.retry_after,
            _ => None,
        }
    }

    /// Whether the server says this, with this status.
    pub(super) fn is(&self, status: u16, errcode: &str) -> bool {
        matches!(self, Self::Answer(Refusal { answer, .. })
            if answer.status == status && answer.errcode.as_deref() == Some(errcode))
    }

    /// The answer, if there was one and it was not good.
    pub(super) fn answer(&self) -> Option<&ServerAnswer> {
        match self {
            Self::Answer(refusal) => Some(&refusal.answer),
            _ => None,
        }
    }

    /// The status of that answer.
    pub(super) fn status(&self) -> Option<u16> {
        self.answer().map(|answer| answer.status)
    }

    /// Where it says that it has moved to.
    pub(super) fn moved_to(&self) -> Option<&str> {
        match self {
            Self::Answer(refusal) => refusal.location.as_deref(),
            _ => None,
        }
    }

    /// What it says, without the request.
    pub(super) fn said(&self) -> String {
        match self {
            Self::Transport(error) => error.to_string(),
            Self::Answer(refusal) => format!("the homeserver answered {}", refusal.answer),
            Self::Malformed(detail) => detail.clone(),
        }
    }

    /// That the access token is not accepted, if that is it.
    pub(super) fn refused_token(&self) -> Option<RefusedToken> {
        match self {
            Self::Answer(Refusal { answer, soft_logout, .. }) if answer.status == 401 => {
                Some(RefusedToken { soft_logout: *soft_logout })
            }
            _ => None,
        }
    }
}

impl Refusal {
    /// Reads an error of Matrix out of an answer that may be one of anything: a proxy's page too.
    pub(super) fn read(head: &response::Parts, body: &[u8]) -> Self {
        let json: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |name: &str| json.get(name).and_then(Value::as_str).map(shown);
        let answer = ServerAnswer {
            status: head.status.as_u16(),
            errcode: text("errcode"),
            message: moved_to(head).or_else(|| text("error")),
        };
        let milliseconds = json.get("retry_after_ms").and_then(Value::as_u64);
        let retry_after =
            seconds(&head.headers).or_else(|| milliseconds.map(Duration::from_millis));
        let soft_logout = json.get("soft_logout").and_then(Value::as_bool).unwrap_or(false);
        Self { answer, retry_after, soft_logout, location: location(head) }
    }

    fn meaning(&self) -> Meaning {
        if self.answer.errcode.as_deref() == Some("M_TOO_LARGE") {
            return Meaning::TooMuch;
        }
        match StatusCode::from_u16(self.answer.status) {
            Ok(StatusCode::PAYLOAD_TOO_LARGE) => Meaning::TooMuch,
            Ok(StatusCode::TOO_MANY_REQUESTS) => Meaning::NotNow,
            Ok(StatusCode::REQUEST_TIMEOUT) => Meaning::Unknown,
            Ok(StatusCode::NOT_IMPLEMENTED | StatusCode::HTTP_VERSION_NOT_SUPPORTED) => Meaning::No,
            Ok(status) if status.is_server_error() => Meaning::Unknown,
            _ => Meaning::No,
        }
    }
}

/// Nobody goes there with a token unasked.
fn moved_to(head: &response::Parts) -> Option<String> {
    Some(format!("it has moved to {}", shown(&location(head)?)))
}

fn location(head: &response::Parts) -> Option<String> {
    let location = head.headers.get(LOCATION).filter(|_| head.status.is_redirection())?;
    Some(String::from_utf8_lossy(location.as_bytes()).into_owned())
}

/// The header of HTTP, where it is a number: a date would need a clock.
fn seconds(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// A server's words, fit for a terminal and a log: they end no line, and turn none around.
fn shown(text: &str) -> String {
    let one = |c: char| if is_unfit(c) { char::REPLACEMENT_CHARACTER } else { c };
    text.chars().take(SHOWN_CHARACTERS).map(one).collect()
}

/// Control characters, line separators, and what changes the direction of writing.
fn is_unfit(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}')
        || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, header: Option<&str>, body: &str) -> Refusal {
        let mut response = http::Response::builder().status(status);
        if let Some(header) = header {
            response = response.header(RETRY_AFTER, header);
        }
        Refusal::read(&response.body(()).unwrap().into_parts().0, body.as_bytes())
    }

    #[test]
    fn an_error_of_matrix_is_read() {
        let body =
            r#"{"errcode":"M_UNKNOWN_TOKEN","error":"Token is not active","soft_logout":true}"#;
        let refusal = refusal(401, None, body);
        assert_eq!(refusal.answer.to_string(), "401 M_UNKNOWN_TOKEN: Token is not active");
        let failure = Failure::Answer(refusal);
        assert_eq!(failure.refused_token(), Some(RefusedToken { soft_logout: true }));
        assert_eq!(failure.meaning(), Meaning::No);
    }

    /// What a server says turns no line around and begins none.
    #[test]
    fn its_words_are_fit_for_a_terminal() {
        let body = "{\"errcode\":\"M_A\",\"error\":\"a\\u001b[2J\\n\\u202eb\\u2028\\u200f\"}";
        let said = refusal(400, None, body).answer.to_string();
        assert_eq!(said, "400 M_A: a\u{fffd}[2J\u{fffd}\u{fffd}b\u{fffd}\u{fffd}");
    }

    #[test]
    fn pauses_are_read_from_the_header_first() {
        let limited = |header, body| refusal(429, header, body).retry_after;
        let body = r#"{"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":1500}"#;
        assert_eq!(limited(None, body), Some(Duration::from_millis(1500)));
        assert_eq!(limited(Some("7"), body), Some(Duration::from_secs(7)));
        for unreadable in ["Wed, 21 Oct 2015 07:28:00 GMT", "-1", "1.5", "99999999999999999999"] {
            assert_eq!(limited(Some(unreadable), body), Some(Duration::from_millis(1500)));
        }
        for unreadable in ["{}", "", r#"{"retry_after_ms":-1}"#, r#"{"retry_after_ms":"9"}"#, "[]"]
        {
            assert_eq!(limited(None, unreadable), None);
        }
    }

    #[test]
    fn answers_that_are_none_of_matrix() {
        for body in ["", "<html>Bad gateway</html>", "[]", "null", r#"{"errcode":7,"error":{}}"#] {
            assert_eq!(refusal(502, None, body).answer.to_string(), "502");
        }
    }

    #[test]
    fn where_it_has_moved_to_is_said() {
        let response = http::Response::builder().status(308).header(LOCATION, "https://b.example");
        let head = response.body(()).unwrap().into_parts().0;
        let said = Refusal::read(&head, b"").answer.to_string();
        assert_eq!(said, "308: it has moved to https://b.example");
    }

    #[test]
    fn a_servers_words_are_bounded_and_fit_for_a_terminal() {
        let body = format!(r#"{{"errcode":"M_\u001b[31m","error":"{}"}}"#, "\\n".repeat(1000));
        let said = refusal(400, None, &body).answer.to_string();
        assert!(said.chars().count() < 300 && !said.chars().any(char::is_control), "{said}");
    }

    #[test]
    fn what_a_failure_means() {
        let transport = |kind| Failure::Transport(TransportError::new(kind, "x")).meaning();
        assert_eq!(transport(TransportErrorKind::Connect), Meaning::NotNow);
        assert_eq!(transport(TransportErrorKind::Broken), Meaning::Unknown);
        assert_eq!(transport(TransportErrorKind::Timeout), Meaning::Unknown);
        assert_eq!(transport(TransportErrorKind::Other), Meaning::No);
        let answer = |status, body| refusal(status, None, body).meaning();
        for (status, meaning) in [
            (301, Meaning::No),
            (400, Meaning::No),
            (403, Meaning::No),
            (404, Meaning::No),
            (408, Meaning::Unknown),
            (413, Meaning::TooMuch),
            (429, Meaning::NotNow),
            (500, Meaning::Unknown),
            (501, Meaning::No),
            (502, Meaning::Unknown),
            (503, Meaning::Unknown),
            (504, Meaning::Unknown),
            (524, Meaning::Unknown),
        ] {
            assert_eq!(answer(status, "{}"), meaning, "{status}");
        }
        assert_eq!(answer(400, r#"{"errcode":"M_TOO_LARGE"}"#), Meaning::TooMuch);
    }
}
