//! The entries of a version, page by page, as they stream in.

use core::mem;

use bytes::Bytes;

use super::client::{Client, Request};
use super::{Body, HomeserverError, RequestName, Transport, TransportError, TransportErrorKind};
use crate::store::{ReceivedKey, RoomKeysBodyError, RoomKeysScanner};

/// A page has at most this many entries.
const PAGE_ENTRIES: usize = 512;

/// A page ends with the entry that makes it larger than this; no entry is larger than 1 MiB.
const PAGE_BYTES: usize = 4 << 20;

/// So much of a body is read at a time, even where a transport hands on more at once.
const PIECE: usize = 16 << 10;

/// A list of keys that is being read.
#[derive(Debug)]
pub(super) struct Reading<'c, T> {
    client: &'c Client<T>,
    request: RequestName,
    body: Body,
    /// `None` once the list has ended, well or not.
    scanner: Option<RoomKeysScanner>,
    unread: Bytes,
    /// What was found and is not on a page yet.
    found: Vec<ReceivedKey>,
    keys_read: u64,
    /// Why the list ended before its end. What was found before comes first.
    failed: Option<HomeserverError>,
}

impl<'c, T: Transport> Reading<'c, T> {
    /// Reads from the answer to a request what `scanner` is for.
    pub(super) fn new(
        client: &'c Client<T>,
        request: &Request,
        body: Body,
        scanner: RoomKeysScanner,
    ) -> Self {
        Self {
            client,
            request: RequestName::of(request),
            body,
            scanner: Some(scanner),
            unread: Bytes::new(),
            found: Vec::new(),
            keys_read: 0,
            failed: None,
        }
    }

    /// The next page, `None` after the last one.
    pub(super) async fn next_page(&mut self) -> Result<Option<Vec<ReceivedKey>>, HomeserverError> {
        while self.scanner.is_some() && !self.is_page_full() {
            if let Err(error) = self.read_on().await {
                (self.scanner, self.failed) = (None, Some(error));
            }
        }
        if !self.found.is_empty() {
            let rest = self.found.split_off(self.found.len().min(PAGE_ENTRIES));
            return Ok(Some(mem::replace(&mut self.found, rest)));
        }
        self.failed.take().map_or(Ok(None), Err)
    }

    fn is_page_full(&self) -> bool {
        self.found.len() >= PAGE_ENTRIES || self.found.iter().map(size).sum::<usize>() >= PAGE_BYTES
    }

    /// Reads a piece, or the end.
    async fn read_on(&mut self) -> Result<(), HomeserverError> {
        if self.unread.is_empty() {
            match self.client.next_chunk(&mut self.body).await {
                Some(Ok(chunk)) => self.unread = chunk,
                Some(Err(cause)) => return Err(self.broken_off(cause)),
                None => return self.finish(),
            }
        }
        let piece = self.unread.split_to(self.unread.len().min(PIECE));
        let Some(scanner) = &mut self.scanner else { return Ok(()) };
        let before = self.found.len();
        let outcome = scanner.push(&piece, &mut self.found);
        self.keys_read += (self.found.len() - before) as u64;
        outcome.map_err(|cause| self.malformed(cause))
    }

    fn finish(&mut self) -> Result<(), HomeserverError> {
        let Some(scanner) = self.scanner.take() else { return Ok(()) };
        scanner.finish().map_err(|cause| match cause {
            // Some servers and proxies end what they cannot complete as if it were complete.
            RoomKeysBodyError::Truncated { .. } => {
                self.broken_off(TransportError::new(TransportErrorKind::Broken, cause))
            }
            _ => self.malformed(cause),
        })
    }

    pub(super) fn malformed_answer(&self, detail: &impl ToString) -> HomeserverError {
        let (request, detail) = (self.request.clone(), detail.to_string());
        HomeserverError::MalformedAnswer { request, detail }
    }

    pub(super) fn broken_off(&self, cause: TransportError) -> HomeserverError {
        let (request, keys_read) = (self.request.clone(), self.keys_read);
        HomeserverError::BrokenOff { request, keys_read, cause }
    }

    fn malformed(&self, cause: RoomKeysBodyError) -> HomeserverError {
        let (request, keys_read) = (self.request.clone(), self.keys_read);
        HomeserverError::MalformedKeys { request, keys_read, cause }
    }
}

pub(super) fn size(key: &ReceivedKey) -> usize {
    key.data.as_ref().map_or(0, |data| data.session_data.get().len())
}
