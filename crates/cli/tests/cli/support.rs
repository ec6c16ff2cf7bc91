//! A world of its own for each test: directories, key export files, and the program.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::LazyLock,
};

use matrix_key_backup::{
    key_export::{
        DecryptedKeyExport, ExportedSessionData, KeyExportFile, Passphrase, Rounds, encrypt,
    },
    primitives::{AesCtrHmacKeys, BackupDecryptionKey, CtrIv, base64},
};
use rand::{SeedableRng as _, rngs::StdRng};
use tempfile::TempDir;

/// The passphrase of the key export files that the tests make.
pub(crate) const PASSPHRASE: &str = "  the tests' own passphrase, spaces included ";

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_matrix-key-backup");

/// The key export file that a deployed client wrote, and its passphrase.
pub(crate) fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/key-export").join(name)
}

static SESSIONS: LazyLock<DecryptedKeyExport> = LazyLock::new(|| {
    let text = fs::read_to_string(testdata("600-sessions.txt")).unwrap();
    let passphrase = fs::read_to_string(testdata("passphrase.txt")).unwrap();
    let passphrase = Passphrase::new(passphrase.trim_end_matches('\n').to_owned());
    KeyExportFile::parse(&text).unwrap().decrypt(&passphrase).unwrap()
});

/// So many real sessions.
pub(crate) fn sessions(count: usize) -> Vec<ExportedSessionData> {
    SESSIONS.entries().take(count).map(Result::unwrap).collect()
}

/// Sessions by what tells them apart.
pub(crate) fn by_place(
    sessions: impl IntoIterator<Item = ExportedSessionData>,
) -> BTreeMap<(String, String), ExportedSessionData> {
    let place = |session: &ExportedSessionData| {
        (session.room_id().to_string(), session.session_id().to_string())
    };
    sessions.into_iter().map(|session| (place(&session), session)).collect()
}

/// All sessions of a key export file.
pub(crate) fn read_export(path: &Path) -> BTreeMap<(String, String), ExportedSessionData> {
    let file = KeyExportFile::parse(&fs::read_to_string(path).unwrap()).unwrap();
    let export = file.decrypt(&Passphrase::new(PASSPHRASE.to_owned())).unwrap();
    by_place(export.entries().map(Result::unwrap))
}

/// A key export file with this text in it, whatever it is.
pub(crate) fn export_of(json: &str) -> String {
    let salt = [7; 16];
    let iv = CtrIv::from_slice(&[3; 16]).unwrap();
    let keys = AesCtrHmacKeys::from_pbkdf2(PASSPHRASE.as_bytes(), &salt, 1.try_into().unwrap());
    let mut ciphertext = json.as_bytes().to_vec();
    keys.apply_keystream(&iv, &mut ciphertext);
    let mut file = [&[1_u8][..], &salt, iv.as_bytes(), &1_u32.to_be_bytes(), &ciphertext].concat();
    let tag = keys.mac(&[&file]);
    file.extend_from_slice(tag.as_bytes());
    let body = base64::encode_unpadded(&file);
    format!("-----BEGIN MEGOLM SESSION DATA-----\n{body}\n-----END MEGOLM SESSION DATA-----\n")
}

/// A decryption key that is the same in every run.
pub(crate) fn key(seed: u8) -> BackupDecryptionKey {
    BackupDecryptionKey::from_slice(&[seed; 32]).unwrap()
}

/// Directories, files and secrets of one test.
pub(crate) struct World {
    directory: TempDir,
    secrets: Vec<String>,
}

/// What the program did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl World {
    pub(crate) fn new() -> Self {
        let mut world = Self {
            directory: TempDir::new().unwrap(),
            secrets: vec![PASSPHRASE.trim().to_owned()],
        };
        world.write("passphrase", format!("{PASSPHRASE}\n"));
        for session in sessions(5) {
            world.keep_secret(&session.data().session_key().expose_base64());
        }
        world
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The directory that the default store lies in.
    pub(crate) fn data(&self) -> PathBuf {
        self.path("data/matrix-key-backup")
    }

    pub(crate) fn default_store(&self) -> PathBuf {
        self.data().join("backup.sqlite3")
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        set_mode(&path, 0o600);
        path
    }

    /// A key export file with these sessions.
    pub(crate) fn export(&self, name: &str, sessions: &[ExportedSessionData]) -> PathBuf {
        let passphrase = Passphrase::new(PASSPHRASE.to_owned());
        let mut rng = StdRng::seed_from_u64(4048);
        self.write(name, encrypt(sessions, &passphrase, Rounds::new(1).unwrap(), &mut rng))
    }

    /// A file with a decryption key. From now on none of its forms may be printed.
    pub(crate) fn key_file(&mut self, name: &str, key: &BackupDecryptionKey) -> PathBuf {
        self.keep_key_secret(key);
        self.write(name, &*key.expose_base58())
    }

    pub(crate) fn keep_key_secret(&mut self, key: &BackupDecryptionKey) {
        let base58 = key.expose_base58();
        self.keep_secret(&base58);
        self.keep_secret(&base58.replace(' ', ""));
        self.keep_secret(&key.expose_base64());
        self.keep_secret(&key.mac_key().expose_base64());
    }

    pub(crate) fn keep_secret(&mut self, secret: &str) {
        self.secrets.push(secret.to_owned());
    }

    /// A store with so many sessions, under a key that is in a file.
    pub(crate) fn filled(count: usize) -> (Self, PathBuf, PathBuf) {
        let mut world = Self::new();
        let (store, key_file) = (world.path("store.sqlite3"), world.key_file("key", &key(1)));
        let export = world.export("keys.txt", &sessions(count));
        world.run(["create", "--store", text(&store), "--key-file", text(&key_file)]).done();
        let upload = ["upload", "--store", text(&store), "--key-file", text(&key_file)];
        world
            .run(
                [&upload[..], &["--passphrase-file", text(&world.path("passphrase"))]]
                    .concat()
                    .into_iter()
                    .chain([text(&export)]),
            )
            .done();
        (world, store, key_file)
    }

    /// The program, with an environment of its own and nothing on standard input.
    pub(crate) fn command<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Command {
        let mut command = Command::new(PROGRAM);
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.directory.path())
            .env("XDG_DATA_HOME", self.path("data"))
            .current_dir(self.directory.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs the program, and looks for secrets in what it prints.
    pub(crate) fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Ran {
        self.finish(&mut self.command(arguments))
    }

    /// The same for a prepared command.
    pub(crate) fn finish(&self, command: &mut Command) -> Ran {
        self.searched(Ran::from(command.output().unwrap()))
    }

    /// The same for one whose standard output goes elsewhere.
    pub(crate) fn finish_without_output(&self, mut command: Command) -> Ran {
        let child = command.stderr(Stdio::piped()).spawn().unwrap();
        self.searched(Ran::from(child.wait_with_output().unwrap()))
    }

    /// Looks for secrets in what was printed.
    fn searched(&self, ran: Ran) -> Ran {
        for secret in &self.secrets {
            assert!(!ran.out.contains(secret), "a secret on standard output: {}", ran.out);
            assert!(!ran.err.contains(secret), "a secret on standard error: {}", ran.err);
        }
        ran
    }

    /// Runs a command whose purpose it is to print a secret.
    pub(crate) fn run_revealing<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Ran {
        Ran::from(self.command(arguments).output().unwrap())
    }

    /// Runs the program with this on standard input.
    pub(crate) fn run_with_input<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
        input: &[u8],
    ) -> Ran {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A program that refuses before it reads closes the pipe.
        let _ = child.stdin.take().unwrap().write_all(input);
        Ran::from(child.wait_with_output().unwrap())
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().expect("ended by a signal"),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ran {
    #[track_caller]
    pub(crate) fn with_status(self, status: i32) -> Self {
        assert_eq!(self.status, status, "{}\n{}", self.out, self.err);
        assert!(!self.err.contains("panicked"), "{}", self.err);
        self
    }

    #[track_caller]
    pub(crate) fn done(self) -> Self {
        self.with_status(0)
    }

    /// The exit status, and a message on standard error that has all of these in it.
    #[track_caller]
    pub(crate) fn refused(self, status: i32, expected: &[&str]) -> Self {
        let ran = self.with_status(status);
        for part in expected {
            assert!(ran.err.contains(part), "{part:?} is not in: {}", ran.err);
        }
        ran
    }

    /// The one object on standard output.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Opens the file of a store behind the program's back.
pub(crate) fn tamper(store: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(store).unwrap()
}

pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
