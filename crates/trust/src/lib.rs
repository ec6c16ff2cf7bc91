//! Whether a Matrix key backup may be written to: TrustedBackup
