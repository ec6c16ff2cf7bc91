//! One key for each session, where a store has more than one.

use matrix_key_backup::{
    BackedUpSession,
    merge::{Merged, merge},
};

use crate::findings::{Finding, Findings};

/// Holds one key back until the next one shows whether it is of the same session.
///
/// A store gives its entries in the order of rooms and sessions, so two for one session follow each
/// other, and memory stays the same whatever the size of the backup.
#[derive(Debug, Default)]
pub(super) struct Merging {
    pending: Option<BackedUpSession>,
}

impl Merging {
    /// Takes the next key, and gives back one to which nothing will be added any more.
    pub(super) fn push(
        &mut self,
        session: BackedUpSession,
        findings: &Findings<'_>,
    ) -> Option<BackedUpSession> {
        match self.pending.take() {
            Some(pending) if is_same_place(&pending, &session) => {
                let Merged { session, conflicting, .. } = merge(pending, session);
                if let Some(other) = conflicting {
                    let (room, session) = (other.room_id(), other.session_id());
                    findings.add(Finding::conflict_in_backup(room, session));
                }
                self.pending = Some(session);
                None
            }
            pending => {
                self.pending = Some(session);
                pending
            }
        }
    }

    /// The last one.
    pub(super) fn finish(self) -> Option<BackedUpSession> {
        self.pending
    }
}

fn is_same_place(a: &BackedUpSession, b: &BackedUpSession) -> bool {
    a.room_id() == b.room_id() && a.session_id() == b.session_id()
}

#[cfg(test)]
mod tests {
    use matrix_key_backup::{
        BackedUpSession, EntryReader,
        key_export::{KeyExportFile, Passphrase},
        primitives::BackupDecryptionKey,
        v2::{BackupReader, SourcedSession},
        wire::{
            BackedUpSessionData, BackupAlgorithm, Expected, MegolmSessionExport, Names, RoomId,
        },
    };
    use rand::{SeedableRng as _, rngs::StdRng};

    use super::Merging;
    use crate::{args::FindingArguments, findings::Findings, output::Output, progress::Progress};

    fn session_data(count: usize) -> Vec<BackedUpSessionData> {
        let text = include_str!("../../../../../testdata/key-export/600-sessions.txt");
        let passphrase = Passphrase::new("public test passphrase".to_owned());
        let export = KeyExportFile::parse(text).unwrap().decrypt(&passphrase).unwrap();
        export.entries().take(count).map(|entry| entry.unwrap().into_parts().1).collect()
    }

    fn room() -> RoomId {
        RoomId::new("!room:example.org").unwrap()
    }

    /// Up and down again: there is no other way to a restored session.
    fn restored(session: &SourcedSession) -> BackedUpSession {
        let reader = BackupReader::new(BackupDecryptionKey::from_slice(&[1; 32]).unwrap());
        let writer = reader.writer(Names::Unstable);
        let sealed = writer.seal(session, &mut StdRng::seed_from_u64(1)).unwrap();
        let session_id = session.data().session_key().session_id();
        let expected = Expected { room_id: room(), session_id, user_id: None };
        EntryReader::new(reader, BackupAlgorithm::V2(Names::Unstable), None)
            .read_session_data(sealed.as_json(), &expected)
            .unwrap()
    }

    fn unvouched(data: &BackedUpSessionData) -> BackedUpSession {
        restored(&SourcedSession::unvouched(data.clone(), room()))
    }

    fn vouched(data: &BackedUpSessionData) -> BackedUpSession {
        restored(&SourcedSession::own_session(data.clone(), room(), None))
    }

    /// What comes out, and how many findings there are.
    fn merged(sessions: impl IntoIterator<Item = BackedUpSession>) -> (Vec<BackedUpSession>, bool) {
        let progress = Progress::new(Output::json(), "", 0);
        let findings = Findings::new(FindingArguments { all: true }, Output::json(), &progress);
        let mut merging = Merging::default();
        let mut out: Vec<_> =
            sessions.into_iter().filter_map(|session| merging.push(session, &findings)).collect();
        out.extend(merging.finish());
        (out, findings.any())
    }

    #[test]
    fn sessions_of_their_own_pass_in_order() {
        let data = session_data(3);
        let (out, found) = merged(data.iter().map(unvouched));
        let ids = |session: &BackedUpSession| session.session_id().clone();
        let expected: Vec<_> = data.iter().map(|data| data.session_key().session_id()).collect();
        assert_eq!(out.iter().map(ids).collect::<Vec<_>>(), expected);
        assert!(!found);
    }

    #[test]
    fn two_keys_for_one_session_become_the_better_one() {
        let [a, b] = &session_data(2)[..] else { unreachable!() };
        let (out, found) = merged([unvouched(a), vouched(a), unvouched(b)]);
        assert_eq!(out.len(), 2);
        assert!(out[0].provenance().is_authenticated());
        assert!(!found);
    }

    #[test]
    fn two_keys_that_contradict_each_other_are_told() {
        let [a] = &session_data(1)[..] else { unreachable!() };
        let key = a.session_key().expose_base64();
        let other =
            [&key[..100], if &key[100..104] == "AAAA" { "BBBB" } else { "AAAA" }, &key[104..]];
        let other = MegolmSessionExport::from_base64(&other.concat()).unwrap();
        let forged = BackedUpSessionData::new(
            other,
            a.sender_key().to_owned(),
            a.sender_claimed_keys().to_map(),
            Vec::new(),
        );
        let (out, found) = merged([unvouched(&forged), vouched(a)]);
        assert_eq!(out.len(), 1);
        assert_eq!(out[0].data().session_key(), a.session_key());
        assert!(found);
    }
}
