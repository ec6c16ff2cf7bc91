//! The figures for people, as Markdown.

use std::fmt::Write as _;

use crate::{
    figures::{Figures, TierFigures},
    restore::{By, Form, Restore},
    subject::Operation,
};

/// The whole report.
pub(crate) fn markdown(figures: &Figures) -> String {
    let Figures { processor, rounds, batch, plaintext_bytes, .. } = figures;
    let mut out = format!(
        "{processor}; {rounds} rounds, plaintexts of {plaintext_bytes} bytes, batches of {batch}.\n"
    );
    tiers(&mut out, figures)
        .and_then(|()| measured(&mut out, figures))
        .and_then(|()| restores(&mut out, figures))
        .unwrap();
    out
}

type Figure = fn(&TierFigures) -> f64;

/// What is asked of a tier, one row each.
const ROWS: [(&str, Figure); 13] = [
    ("encrypt, core, batch, × vodozemac", |tier| tier.encrypt_batch_vs_vodozemac),
    ("decrypt, core, batch, × vodozemac", |tier| tier.decrypt_batch_vs_vodozemac),
    ("encrypt, wire, batch, × vodozemac", |tier| tier.encrypt_wire_vs_vodozemac),
    ("decrypt, wire, batch, × vodozemac", |tier| tier.decrypt_wire_vs_vodozemac),
    ("encrypt, wire, batch, × vodozemac, session key as text", |tier| {
        tier.encrypt_wire_vs_vodozemac_text
    }),
    ("decrypt, wire, batch, × vodozemac, session key as text", |tier| {
        tier.decrypt_wire_vs_vodozemac_text
    }),
    ("encrypt, core, one key, × vodozemac", |tier| tier.encrypt_one_vs_vodozemac),
    ("decrypt, core, one key, × vodozemac", |tier| tier.decrypt_one_vs_vodozemac),
    ("JSON to room key, × decryption alone", |tier| tier.wire_vs_core),
    ("the whole walk, × decryption alone", |tier| tier.walk_vs_core),
    ("restore of 100,000 keys, seconds", |tier| tier.restore_100k_seconds),
    ("its peak of memory, MiB", |tier| tier.restore_peak_mib),
    ("of which above an empty process, MiB", |tier| tier.restore_peak_above_empty_mib),
];

fn tiers(out: &mut String, figures: &Figures) -> std::fmt::Result {
    write!(out, "\n| one thread |")?;
    figures.tiers.keys().try_for_each(|tier| write!(out, " {tier} |"))?;
    write!(out, "\n|---|{}", "---:|".repeat(figures.tiers.len()))?;
    for (name, figure) in ROWS {
        write!(out, "\n| {name} |")?;
        figures.tiers.values().try_for_each(|tier| write!(out, " {:.2} |", figure(tier)))?;
    }
    writeln!(out)
}

fn measured(out: &mut String, figures: &Figures) -> std::fmt::Result {
    writeln!(out, "\n| ns per key | by | threads | median | least | × vodozemac |")?;
    writeln!(out, "|---|---|---:|---:|---:|---:|")?;
    for operation in Operation::ALL {
        for subject in figures.measured.iter().filter(|subject| subject.operation == operation) {
            let (who, threads) = (subject.who, subject.threads);
            let (median, least) = (subject.median_ns_per_key, subject.least_ns_per_key);
            let ratio = subject.vs_vodozemac;
            writeln!(
                out,
                "| {operation} | {who} | {threads} | {median:.0} | {least:.0} | {ratio:.2} |"
            )?;
        }
    }
    Ok(())
}

fn restores(out: &mut String, figures: &Figures) -> std::fmt::Result {
    let by = |by| figures.restores.iter().filter(move |restore| restore.errand.by == by);
    writeln!(out, "\n| restore | keys | threads | seconds | of processors | peak MiB | empty |")?;
    writeln!(out, "|---|---:|---:|---:|---:|---:|---:|")?;
    for Restore { errand, outcome } in by(By::Engine) {
        let (file, tier, threads) = (file(errand.form), errand.tier, errand.threads);
        let (keys, seconds) = (errand.sessions, outcome.seconds);
        let (processors, peak) = (outcome.processor_seconds, outcome.peak_mib);
        let empty = outcome.empty_mib;
        writeln!(
            out,
            "| {file}, {tier} | {keys} | {threads} | {seconds:.2} | {processors:.2} | {peak:.1} | \
             {empty:.1} |"
        )?;
    }
    writeln!(out, "\n| ns per key, stage by stage | read | parse | MAC | decrypt | bind |")?;
    writeln!(out, "|---|---:|---:|---:|---:|---:|")?;
    for Restore { errand, outcome } in by(By::Stages) {
        let Some(stages) = &outcome.stages else { continue };
        write!(out, "| {}, {} |", file(errand.form), errand.tier)?;
        for stage in [stages.read, stages.parse, stages.verify, stages.decrypt, stages.bind] {
            write!(out, " {:.0} |", stage * 1e9 / errand.sessions as f64)?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn file(form: Form) -> &'static str {
    match form {
        Form::Json => "JSON",
        Form::Sqlite => "SQLite",
    }
}
