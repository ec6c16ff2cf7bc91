//! The access token, and getting another one.

use core::fmt;
use core::future::Future;
use core::pin::Pin;

use futures_util::lock::Mutex;
use http::HeaderValue;
use zeroize::Zeroizing;

use crate::maybe_send::{MaybeSend, MaybeSync};

/// What a homeserver knows a device by: whoever has it acts as the user.
///
/// # Security
///
/// It is wiped on drop, never shown, and not comparable (K-5). It travels in a header, of which the
/// transport has copies that are not wiped.
#[derive(Clone)]
pub struct AccessToken(Zeroizing<String>);

impl AccessToken {
    /// Takes a token as the homeserver gave it at login.
    ///
    /// # Errors
    ///
    /// [`MalformedAccessToken`] if it is empty, or has a character that no token has: spaces, line
    /// ends, anything beyond ASCII.
    pub fn new(token: String) -> Result<Self, MalformedAccessToken> {
        let token = Zeroizing::new(token);
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(MalformedAccessToken);
        }
        Ok(Self(token))
    }

    /// The token itself.
    #[must_use]
    pub fn expose_access_token(&self) -> &str {
        &self.0
    }

    /// `Bearer …`, marked so that it is not shown.
    #[expect(clippy::expect_used, reason = "it was checked when it was made")]
    pub(super) fn to_header(&self) -> HeaderValue {
        let text = Zeroizing::new(format!("Bearer {}", self.expose_access_token()));
        let mut value = HeaderValue::from_str(&text).expect("visible ASCII");
        value.set_sensitive(true);
        value
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("AccessToken(…)")
    }
}

/// A text is no access token; it is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no access token: it has to be visible ASCII characters, and at least one")]
pub struct MalformedAccessToken;

/// The homeserver does not take an access token any more: what is known of why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefusedToken {
    /// Whether the device is still there, and only the token has ended (soft logout): refreshing
    /// it, or logging in again with the same device id, then goes on where it was.
    pub soft_logout: bool,
}

/// A future that is `Send` where there are threads.
trait TokenFuture: Future<Output = Option<AccessToken>> + MaybeSend {}
impl<F: Future<Output = Option<AccessToken>> + MaybeSend> TokenFuture for F {}

type BoxedTokenFuture = Pin<Box<dyn TokenFuture>>;

/// What a caller does to get a new token.
trait Refresh: MaybeSend + MaybeSync {
    fn refresh(&self, refused: RefusedToken) -> BoxedTokenFuture;
}

struct RefreshWith<F>(F);

impl<F, Answer> Refresh for RefreshWith<F>
where
    F: Fn(RefusedToken) -> Answer + MaybeSend + MaybeSync,
    Answer: Future<Output = Option<AccessToken>> + MaybeSend + 'static,
{
    fn refresh(&self, refused: RefusedToken) -> BoxedTokenFuture {
        Box::pin(self.0(refused))
    }
}

/// The token in use; none before a login.
pub(super) struct Tokens {
    current: Mutex<Option<Issued>>,
    refresh: Option<Box<dyn Refresh>>,
}

/// A token, and which one it is: tokens are told apart without comparing them.
#[derive(Clone, Debug)]
pub(super) struct Issued {
    pub(super) token: AccessToken,
    number: u64,
}

impl Tokens {
    pub(super) fn new(token: AccessToken) -> Self {
        Self { current: Mutex::new(Some(Issued { token, number: 0 })), refresh: None }
    }

    /// For requests that need no token, as logging in.
    pub(super) fn none() -> Self {
        Self { current: Mutex::new(None), refresh: None }
    }

    pub(super) fn refresh_with<F, Answer>(&mut self, refresh: F)
    where
        F: Fn(RefusedToken) -> Answer + MaybeSend + MaybeSync + 'static,
        Answer: Future<Output = Option<AccessToken>> + MaybeSend + 'static,
    {
        self.refresh = Some(Box::new(RefreshWith(refresh)));
    }

    pub(super) async fn current(&self) -> Option<Issued> {
        self.current.lock().await.clone()
    }

    /// Sees to another token than the one that was refused; says whether there is one.
    ///
    /// Requests that are refused at the same time wait for one refresh: a refresh token can often
    /// be used once.
    pub(super) async fn replace(&self, used: &Issued, refused: RefusedToken) -> bool {
        let mut current = self.current.lock().await;
        if current.as_ref().is_some_and(|current| current.number != used.number) {
            return true;
        }
        let Some(refresh) = &self.refresh else { return false };
        let Some(token) = refresh.refresh(refused).await else { return false };
        *current = Some(Issued { token, number: used.number.wrapping_add(1) });
        true
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tokens").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// K-5
    #[test]
    fn a_token_is_not_shown() {
        let token = AccessToken::new("syt_swordfish".to_owned()).unwrap();
        assert_eq!(token.expose_access_token(), "syt_swordfish");
        let header = token.to_header();
        assert_eq!(header.as_bytes(), b"Bearer syt_swordfish");
        let tokens = Tokens::new(token.clone());
        let issued = pollster::block_on(tokens.current());
        let shown = format!("{token:?} {header:?} {tokens:?} {issued:?}");
        assert!(!shown.contains("swordfish"), "{shown}");
    }

    #[test]
    fn what_no_header_can_carry_is_no_token() {
        for bad in ["", " ", "a b", "a\n", "a\r\nx: y", "\u{7f}", "é", "a\0"] {
            assert_eq!(AccessToken::new(bad.to_owned()).unwrap_err(), MalformedAccessToken);
        }
    }
}
