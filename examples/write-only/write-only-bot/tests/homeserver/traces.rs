//! What is in the bot's files and in its memory.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

/// Something that is looked for, in each form in which it could be there.
pub(crate) struct Wanted {
    pub(crate) name: &'static str,
    pub(crate) forms: Vec<Vec<u8>>,
}

/// The names of what is in one of the files in the folder.
pub(crate) fn in_files(folder: &Path, wanted: &[Wanted]) -> Vec<&'static str> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        look(&bytes, wanted, &mut found);
    }
    found
}

/// The names of what is in the memory of a process, in whatever of it can be read.
pub(crate) fn in_memory(pid: u32, wanted: &[Wanted]) -> Vec<&'static str> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let mut memory = File::open(format!("/proc/{pid}/mem")).unwrap();
    let (mut found, mut total) = (Vec::new(), 0);
    for line in
        maps.lines().filter(|line| line.split_whitespace().nth(1).unwrap().starts_with("rw"))
    {
        let (from, to) = line.split_whitespace().next().unwrap().split_once('-').unwrap();
        let address = |text| u64::from_str_radix(text, 16).unwrap();
        let mut bytes = vec![0; usize::try_from(address(to) - address(from)).unwrap()];
        memory.seek(SeekFrom::Start(address(from))).unwrap();
        if memory.read_exact(&mut bytes).is_ok() {
            total += bytes.len();
            look(&bytes, wanted, &mut found);
        }
    }
    assert!(total > 100_000, "only {total} bytes of its memory could be read");
    found
}

fn look(bytes: &[u8], wanted: &[Wanted], found: &mut Vec<&'static str>) {
    for Wanted { name, forms } in wanted {
        let is_there = |form: &Vec<u8>| memchr::memmem::find(bytes, form).is_some();
        if !found.contains(name) && forms.iter().any(is_there) {
            found.push(name);
        }
    }
}
