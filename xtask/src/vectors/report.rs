//! What became of the cases.

use std::fmt;

/// Counts, and a line for everything that is not simply right.
#[derive(Debug, Default)]
pub(crate) struct Report {
    passed: u32,
    failed: u32,
    skipped: u32,
    lines: Vec<String>,
}

impl Report {
    pub(crate) fn pass(&mut self) {
        self.passed += 1;
    }

    /// A case that did not come out as its file says, or that was not understood.
    pub(crate) fn fail(&mut self, file: &str, case: &str, why: &anyhow::Error) {
        self.failed += 1;
        self.lines.push(format!("FAILED {file}: {case}: {why:#}"));
    }

    /// What a reader should know of a case, whatever becomes of it.
    pub(crate) fn note(&mut self, file: &str, case: &str, what: &str) {
        self.lines.push(format!("note {file}: {case}: {what}"));
    }

    /// A file that was not run.
    pub(crate) fn skip(&mut self, what: &str, why: &str) {
        self.skipped += 1;
        self.lines.push(format!("skipped {what}: {why}"));
    }

    /// Closes a file: how many of its cases came out how, `before` being the report ahead of it.
    pub(crate) fn close_file(&mut self, file: &str, before: (u32, u32)) {
        let (passed, failed) = (self.passed - before.0, self.failed - before.1);
        self.lines.push(format!("{file}: {passed} passed, {failed} failed"));
    }

    /// Cases passed and failed so far.
    pub(crate) fn counts(&self) -> (u32, u32) {
        (self.passed, self.failed)
    }

    /// Whether at least one case ran and none failed.
    pub(crate) fn is_good(&self) -> bool {
        self.passed > 0 && self.failed == 0
    }

    /// `N passed, M failed`, or `N passed, M failed, K skipped`: programs read this line.
    pub(crate) fn closing_line(&self) -> String {
        let Self { passed, failed, skipped, .. } = self;
        match skipped {
            0 => format!("{passed} passed, {failed} failed"),
            _ => format!("{passed} passed, {failed} failed, {skipped} skipped"),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))?;
        writeln!(f, "{}", self.closing_line())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_run_is_not_good() {
        let mut report = Report::default();
        assert!(!report.is_good());
        report.skip("a.json", "not built yet");
        assert!(!report.is_good());
        assert_eq!(report.closing_line(), "0 passed, 0 failed, 1 skipped");
        report.pass();
        assert!(report.is_good());
        report.fail("a.json", "b", &anyhow::anyhow!("c"));
        assert!(!report.is_good());
        assert!(report.to_string().ends_with("\n1 passed, 1 failed, 1 skipped\n"));
    }

    #[test]
    fn nothing_skipped_is_not_mentioned() {
        let mut report = Report::default();
        report.pass();
        assert_eq!(report.to_string(), "1 passed, 0 failed\n");
    }
}
