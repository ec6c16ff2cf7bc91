//! A question before what cannot be undone, or what others will notice.

use std::io::{self, BufRead as _, IsTerminal as _};

use clap::Args;

use crate::{context::Context, error::Error, output::Output};

/// The answer, given beforehand.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct ConfirmArguments {
    /// Do not ask, and take the answer to be yes: for scripts
    #[arg(long, short)]
    yes: bool,
}

impl ConfirmArguments {
    /// Says what will happen, whole sentences without the last full stop, and goes on only with the
    /// caller's word.
    pub(crate) fn confirm(self, context: &Context, what: &str) -> Result<(), Error> {
        if self.yes {
            context.output.note(what);
            return Ok(());
        }
        if context.output.is_json() || !io::stdin().is_terminal() {
            return Err(Error::Usage(format!(
                "{what}. There is no terminal to ask on whether that is wanted, and nothing was \
                 changed: add --yes if it is"
            )));
        }
        if is_yes(context.output, what)? { Ok(()) } else { Err(Error::Declined) }
    }
}

fn is_yes(output: Output, what: &str) -> Result<bool, Error> {
    output.note(what);
    output.question("Go on? [y/N] ");
    let mut answer = String::new();
    match io::stdin().lock().read_line(&mut answer) {
        Ok(_) => Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(Error::Interrupted),
        Err(_) => Ok(false), // no answer is no yes
    }
}
