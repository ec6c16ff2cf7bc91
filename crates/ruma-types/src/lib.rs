//! Ruma serde types and conversions for authenticated Matrix key backup
