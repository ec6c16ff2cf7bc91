//! Names and JSON forms of Matrix key backup on the wire: canonical JSON as received, session data, provenance
