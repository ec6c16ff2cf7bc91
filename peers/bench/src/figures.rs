//! The figures, as they are written to JSON and drawn from there.

use std::{collections::BTreeMap, fs};

use serde::Serialize;

use crate::{
    Result,
    input::{BATCH, PLAINTEXT},
    restore::{By, Form, Outcome, Restore},
    rounds::{find, median, ratio},
    subject::{Operation, Subject, Who},
    tier::Tier,
};

/// Everything that one run has measured.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    /// The tier that is taken where nobody asks for another; its figures stand beside it.
    pub(crate) tier: Tier,
    #[serde(flatten)]
    pub(crate) default: TierFigures,
    /// The same figures for every tier that the processor has.
    pub(crate) tiers: BTreeMap<Tier, TierFigures>,
    pub(crate) processor: String,
    pub(crate) rounds: usize,
    pub(crate) plaintext_bytes: usize,
    pub(crate) batch: usize,
    pub(crate) measured: Vec<Measured>,
    pub(crate) restores: Vec<Restore>,
}

/// What a tier comes to, on one thread. `…_vs_vodozemac`: how many times as fast.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct TierFigures {
    pub(crate) encrypt_batch_vs_vodozemac: f64,
    pub(crate) decrypt_batch_vs_vodozemac: f64,
    pub(crate) encrypt_wire_vs_vodozemac: f64,
    pub(crate) decrypt_wire_vs_vodozemac: f64,
    /// To vodozemac where it leaves the session key as text.
    pub(crate) encrypt_wire_vs_vodozemac_text: f64,
    pub(crate) decrypt_wire_vs_vodozemac_text: f64,
    pub(crate) encrypt_one_vs_vodozemac: f64,
    pub(crate) decrypt_one_vs_vodozemac: f64,
    /// What it costs from JSON as received to a parsed room key, in times of the decryption alone.
    pub(crate) wire_vs_core: f64,
    /// The same for the whole walk, to a room key that was compared with its place.
    pub(crate) walk_vs_core: f64,
    /// By the engine from a JSON file, one thread computing.
    pub(crate) restore_100k_seconds: f64,
    pub(crate) restore_peak_mib: f64,
    pub(crate) restore_peak_above_empty_mib: f64,
}

/// One subject.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    pub(crate) operation: Operation,
    pub(crate) who: Who,
    pub(crate) threads: usize,
    pub(crate) median_ns_per_key: f64,
    pub(crate) least_ns_per_key: f64,
    /// To vodozemac on as many threads.
    pub(crate) vs_vodozemac: f64,
}

impl Figures {
    pub(crate) fn new(rounds: usize, subjects: &[Subject], restores: Vec<Restore>) -> Result<Self> {
        let tiers: BTreeMap<_, _> = Tier::available()
            .map(|tier| Ok((tier, TierFigures::new(tier, subjects, &restores)?)))
            .collect::<Result<_>>()?;
        let tier = Tier::detect()?;
        Ok(Self {
            tier,
            default: tiers
                .get(&tier)
                .cloned()
                .ok_or("the tier that is taken is one that is there")?,
            tiers,
            processor: processor(),
            rounds,
            plaintext_bytes: PLAINTEXT,
            batch: BATCH,
            measured: subjects
                .iter()
                .map(|subject| Measured::new(subject, subjects))
                .collect::<Result<_>>()?,
            restores,
        })
    }
}

impl TierFigures {
    fn new(tier: Tier, subjects: &[Subject], restores: &[Restore]) -> Result<Self> {
        let by = |operation, who| {
            find(subjects, operation, who, 1).ok_or(format!("{operation} by {who}: not measured"))
        };
        let many = |operation| by(operation, Who::Batch(tier));
        let to_vodozemac = |subject: &Subject| {
            Ok::<_, String>(ratio(subject, by(subject.operation, Who::Vodozemac)?))
        };
        let to_text = |subject: &Subject| {
            Ok::<_, String>(ratio(subject, by(subject.operation, Who::VodozemacText)?))
        };
        let (core, wire) = (many(Operation::DecryptCore)?, many(Operation::DecryptWire)?);
        let (sessions, restore) = restored(tier, restores).ok_or("nothing was restored")?;
        Ok(Self {
            encrypt_batch_vs_vodozemac: to_vodozemac(many(Operation::EncryptCore)?)?,
            decrypt_batch_vs_vodozemac: to_vodozemac(core)?,
            encrypt_wire_vs_vodozemac: to_vodozemac(many(Operation::EncryptWire)?)?,
            decrypt_wire_vs_vodozemac: to_vodozemac(wire)?,
            encrypt_wire_vs_vodozemac_text: to_text(many(Operation::EncryptWire)?)?,
            decrypt_wire_vs_vodozemac_text: to_text(wire)?,
            encrypt_one_vs_vodozemac: to_vodozemac(by(Operation::EncryptCore, Who::One)?)?,
            decrypt_one_vs_vodozemac: to_vodozemac(by(Operation::DecryptCore, Who::One)?)?,
            wire_vs_core: ratio(core, wire),
            walk_vs_core: ratio(core, many(Operation::Walk)?),
            // A short run tries out whether all this works, with fewer keys.
            restore_100k_seconds: restore.seconds * 100_000.0 / sessions as f64,
            restore_peak_mib: restore.peak_mib,
            restore_peak_above_empty_mib: restore.peak_mib - restore.empty_mib,
        })
    }
}

/// The engine's restore from a JSON file, one thread computing.
fn restored(tier: Tier, restores: &[Restore]) -> Option<(usize, &Outcome)> {
    let wanted = restores.iter().find(|Restore { errand, .. }| {
        (errand.tier, errand.form, errand.threads, errand.by) == (tier, Form::Json, 1, By::Engine)
    })?;
    Some((wanted.errand.sessions, &wanted.outcome))
}

impl Measured {
    fn new(subject: &Subject, subjects: &[Subject]) -> Result<Self> {
        let &Subject { operation, who, threads, ref nanoseconds, .. } = subject;
        let vodozemac = find(subjects, operation.of_peers(), Who::Vodozemac, threads);
        Ok(Self {
            operation,
            who,
            threads,
            median_ns_per_key: median(nanoseconds.iter().copied()),
            least_ns_per_key: nanoseconds.iter().copied().fold(f64::INFINITY, f64::min),
            vs_vodozemac: ratio(subject, vodozemac.ok_or("vodozemac was not measured")?),
        })
    }
}

/// What Linux calls the processor.
fn processor() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = cpuinfo.lines().find_map(|line| line.strip_prefix("model name"));
    let name = line.and_then(|line| line.split_once(':')).map(|(_, name)| name.trim());
    name.unwrap_or(std::env::consts::ARCH).to_owned()
}
