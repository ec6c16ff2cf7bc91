//! What every topic does with its cases.

use std::any::Any;
use std::fmt::{Debug, Display};
use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::vectors::report::Report;

/// A list of cases. Each is parsed by itself, so that one that is not understood fails alone.
pub(crate) type Cases<'a> = Vec<&'a RawValue>;

/// Runs one case: a failure or a panic in it is noted, and the others still run.
pub(crate) fn run(report: &mut Report, file: &str, case: &str, check: impl FnOnce() -> Result<()>) {
    match catch_unwind(AssertUnwindSafe(check)).unwrap_or_else(|panic| Err(panicked(&*panic))) {
        Ok(()) => report.pass(),
        Err(why) => report.fail(file, case, &why),
    }
}

fn panicked(panic: &(dyn Any + Send)) -> anyhow::Error {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    anyhow!("panicked: {}", message.unwrap_or("without a message"))
}

/// Runs each case of a list.
pub(crate) fn run_each<'a, C: Deserialize<'a>>(
    report: &mut Report,
    file: &str,
    list: &str,
    cases: &[&'a RawValue],
    check: impl Fn(&C) -> Result<()>,
) {
    for (number, raw) in cases.iter().enumerate() {
        let case = format!("{list}[{number}]{}", title(raw));
        run(report, file, &case, || check(&understand(raw)?));
    }
}

/// Parses a case.
///
/// # Errors
///
/// When a property is missing, has another type, or a value that nothing here knows.
pub(crate) fn understand<'a, C: Deserialize<'a>>(raw: &'a RawValue) -> Result<C> {
    serde_json::from_str(raw.get()).context("this case is not understood")
}

/// The case's own name, whatever it is called.
fn title(raw: &RawValue) -> String {
    let Ok(Value::Object(members)) = serde_json::from_str(raw.get()) else { return String::new() };
    ["id", "case", "note", "description"]
        .iter()
        .filter_map(|name| members.get(*name)?.as_str())
        .map(|title| format!(" ({title})"))
        .collect()
}

/// What an edge case must do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Expected {
    /// It is taken.
    Accept,
    /// It is refused.
    Reject,
    /// Both are right.
    Either,
    /// It is taken in part, and what is not is named.
    AcceptWithReport,
}

/// Compares what was expected with what happened: `Some` is what was taken.
///
/// # Errors
///
/// When they differ, or the topic knows no report.
pub(crate) fn judge<T, E: Display>(expected: Expected, ours: Result<T, E>) -> Result<Option<T>> {
    match (expected, ours) {
        (Expected::Accept | Expected::Either, Ok(taken)) => Ok(Some(taken)),
        (Expected::Reject | Expected::Either, Err(_)) => Ok(None),
        (Expected::Accept, Err(why)) => bail!("expected accept, but it is refused: {why:#}"),
        (Expected::Reject, Ok(_)) => bail!("expected reject, but it is accepted"),
        (Expected::AcceptWithReport, _) => {
            bail!("this case is not understood: nothing is reported here")
        }
    }
}

/// # Errors
///
/// When `ours` is not what the file says.
#[expect(clippy::needless_pass_by_value, reason = "callers compare what they have just made")]
pub(crate) fn equal<A: PartialEq<B> + Debug, B: Debug>(
    what: &str,
    ours: A,
    expected: B,
) -> Result<()> {
    ensure!(ours == expected, "{what} is {}, expected {}", shorten(&ours), shorten(&expected));
    Ok(())
}

/// [`equal`], where the file may leave the value out.
///
/// # Errors
///
/// As [`equal`].
pub(crate) fn equal_if_given(what: &str, ours: &str, expected: Option<&str>) -> Result<()> {
    expected.map_or(Ok(()), |expected| equal(what, ours, expected))
}

/// # Errors
///
/// When the two are not JSON, or not the same JSON: order and whitespace do not count.
pub(crate) fn equal_json(what: &str, ours: &str, expected: &str) -> Result<()> {
    let parse = |text: &str| {
        serde_json::from_str::<Value>(text).with_context(|| format!("{what} is not JSON"))
    };
    equal(what, parse(ours)?, parse(expected)?)
}

/// One MiB of digits helps nobody.
fn shorten(value: &impl Debug) -> String {
    const MAX_CHARS: usize = 200;
    let shown = format!("{value:?}");
    if shown.chars().count() <= MAX_CHARS {
        return shown;
    }
    format!("{}…", shown.chars().take(MAX_CHARS).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_expectation_can_fail() {
        let taken = || Ok::<_, &str>(1);
        let refused = || Err::<i32, _>("no");
        assert_eq!(judge(Expected::Accept, taken()).unwrap(), Some(1));
        assert_eq!(judge(Expected::Reject, refused()).unwrap(), None);
        assert_eq!(judge(Expected::Either, taken()).unwrap(), Some(1));
        assert_eq!(judge(Expected::Either, refused()).unwrap(), None);
        judge(Expected::Accept, refused()).unwrap_err();
        judge(Expected::Reject, taken()).unwrap_err();
        judge(Expected::AcceptWithReport, taken()).unwrap_err();
    }

    #[test]
    fn a_panic_is_a_failure() {
        let mut report = Report::default();
        run(&mut report, "f.json", "c", || panic!("on the first byte"));
        assert_eq!(report.counts(), (0, 1));
        assert!(report.to_string().contains("panicked: on the first byte"));
    }
}
