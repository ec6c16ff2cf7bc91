//! The outer shell of a key export file: two marker lines and base64 between them.
//!
//! What is read is what people's files look like after they went through editors, mails and other
//! systems: a byte order mark, text before and after, blank lines, spaces around lines, CRLF, lines
//! of any length, padding or none. The base64 itself is read strictly, and nothing that looks like
//! keys is skipped in silence: a second key export in the same text is an error.

use alloc::{string::String, vec::Vec};

use matrix_key_backup_primitives::{Base64Error, base64};

use crate::KeyExportFileError;

pub(crate) const BEGIN: &str = "-----BEGIN MEGOLM SESSION DATA-----";
pub(crate) const END: &str = "-----END MEGOLM SESSION DATA-----";

/// Bytes per line: 128 characters, the length that deployed clients write.
const LINE_BYTES: usize = 96;

/// Characters that are decoded at a time, so that a file whose base64 is all on one line, which is
/// common, is not copied before it is decoded.
const PIECE_CHARACTERS: usize = 4096;

/// The bytes between the markers.
pub(crate) fn decode(text: &str) -> Result<Vec<u8>, KeyExportFileError> {
    refuse_second_marker(text)?;
    let Some((before, rest)) = text.split_once(BEGIN) else {
        return Err(if text.contains(END) {
            KeyExportFileError::BeginMissing
        } else {
            KeyExportFileError::NotAKeyExport
        });
    };
    let (body, _) = rest.split_once(END).ok_or(KeyExportFileError::EndMissing)?;
    decode_body(body, line_number(before))
}

/// A second marker of either kind, even if its counterpart is damaged, is a second key export.
fn refuse_second_marker(text: &str) -> Result<(), KeyExportFileError> {
    for marker in [BEGIN, END] {
        if let Some((offset, _)) = text.match_indices(marker).nth(1) {
            let line = line_number(text.get(..offset).unwrap_or_default());
            return Err(KeyExportFileError::MoreThanOne { line });
        }
    }
    Ok(())
}

/// Number, from 1, of the line in which what follows `before` begins.
fn line_number(before: &str) -> usize {
    before.bytes().filter(|&byte| byte == b'\n').count() + 1
}

fn decode_body(body: &str, first_line: usize) -> Result<Vec<u8>, KeyExportFileError> {
    let content = body.trim_end();
    let (characters, padding) = content.split_at(content.trim_end_matches('=').len());

    let mut decoder = Decoder::with_capacity(characters.len());
    let mut line_number = first_line;
    for (index, line) in characters.lines().enumerate() {
        line_number = first_line + index;
        decoder
            .push_line(line.trim())
            .map_err(|_| KeyExportFileError::NotBase64 { line: line_number })?;
    }
    decoder.finish(padding).map_err(|_| KeyExportFileError::NotBase64 { line: line_number })
}

/// Decodes base64 that comes in pieces of any length.
struct Decoder {
    bytes: Vec<u8>,
    /// Up to three characters that wait for the rest of their group.
    pending: String,
}

struct Malformed;

impl From<Base64Error> for Malformed {
    fn from(_: Base64Error) -> Self {
        Self
    }
}

impl Decoder {
    fn with_capacity(characters: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(characters.div_ceil(4) * 3),
            pending: String::with_capacity(PIECE_CHARACTERS + 3),
        }
    }

    fn push_line(&mut self, mut line: &str) -> Result<(), Malformed> {
        // Looked at before it is cut: what is ASCII can be cut anywhere, and a wrong character is
        // found in its own line even if its group ends in the next.
        if !line.bytes().all(is_base64_character) {
            return Err(Malformed);
        }
        while !line.is_empty() {
            let (piece, rest) = line.split_at(line.len().min(PIECE_CHARACTERS));
            self.push(piece)?;
            line = rest;
        }
        Ok(())
    }

    fn push(&mut self, piece: &str) -> Result<(), Malformed> {
        self.pending.push_str(piece);
        let groups_end = self.pending.len() / 4 * 4;
        let (groups, _) = self.pending.split_at(groups_end);
        self.bytes.extend(base64::decode_unpadded(groups)?);
        self.pending.drain(..groups_end);
        Ok(())
    }

    /// Decodes the last group: refuses one of a single character, wrong padding, and bits that are
    /// set after the last byte.
    fn finish(mut self, padding: &str) -> Result<Vec<u8>, Malformed> {
        self.pending.push_str(padding);
        self.bytes.extend(base64::decode_either(&self.pending)?);
        Ok(self.bytes)
    }
}

const fn is_base64_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

/// Wraps `bytes` the way deployed clients do: padded base64 in lines of 128 characters between the
/// markers, each line ended.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let characters = bytes.len().div_ceil(3) * 4;
    let line_ends = bytes.len().div_ceil(LINE_BYTES) + 2;
    let mut text = String::with_capacity(BEGIN.len() + characters + END.len() + line_ends);
    push_line(&mut text, BEGIN, "");
    for chunk in bytes.chunks(LINE_BYTES) {
        let padding = match chunk.len() % 3 {
            1 => "==",
            2 => "=",
            _ => "",
        };
        push_line(&mut text, &base64::encode_unpadded(chunk), padding);
    }
    push_line(&mut text, END, "");
    text
}

fn push_line(text: &mut String, line: &str, padding: &str) {
    text.push_str(line);
    text.push_str(padding);
    text.push('\n');
}
