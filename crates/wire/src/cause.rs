//! Errors that are made of others.

/// `From` for the causes of an error whose message repeats them. Such an error has no `source()`, or
/// whoever prints the chain would read the cause twice.
macro_rules! from_causes {
    ($error:ident: $($variant:ident($cause:ty)),+) => {$(
        impl From<$cause> for $error {
            fn from(cause: $cause) -> Self {
                Self::$variant(cause)
            }
        }
    )+};
}

pub(crate) use from_causes;
