//! What a new access token is got by.

use core::fmt;

use zeroize::Zeroizing;

/// Gets new access tokens for a device, one after the other.
///
/// Most homeservers give a new one with each access token, and the old one ends when the new access
/// token is first used: store the new one before that.
///
/// # Security
///
/// Whoever has it acts as the user. It is wiped on drop, never shown, and not comparable (K-5). It
/// travels in the body of a request, of which Ruma and the transport have copies that are not wiped.
#[derive(Clone)]
pub struct RefreshToken(Zeroizing<String>);

impl RefreshToken {
    /// Takes a token as the homeserver gave it. It may be any text.
    #[must_use]
    pub fn new(token: String) -> Self {
        Self(Zeroizing::new(token))
    }

    /// The token itself.
    #[must_use]
    pub fn expose_refresh_token(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RefreshToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// K-5
    #[test]
    fn a_token_is_not_shown() {
        let token = RefreshToken::new("syr_swordfish".to_owned());
        assert_eq!(token.expose_refresh_token(), "syr_swordfish");
        assert!(!format!("{token:?}").contains("swordfish"));
    }
}
