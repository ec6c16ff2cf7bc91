//! Secret sharing between a user's own devices: `m.secret.request` and `m.secret.send` (G).
