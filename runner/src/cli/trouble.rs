//! What keeps a command from doing its work, with the exit code that it ends in.

use std::error::Error;
use std::fmt;

use domain::{Fault, RecipeName};
use harness::source::SourceError;

use crate::exit::Exit;
use crate::instance::{ConfigProblem, ConfigProblems};

/// An error on its way to the person who called.
#[derive(Debug)]
pub struct Trouble {
    pub exit: Exit,
    says: String,
    /// Whether `says` is the whole text.
    told: bool,
    causes: Vec<String>,
    hint: Option<String>,
}

impl Trouble {
    /// Makes trouble out of plain words.
    pub fn new(exit: Exit, says: impl Into<String>) -> Self {
        Self { exit, says: says.into(), told: false, causes: Vec::new(), hint: None }
    }

    /// Makes trouble out of a text that says `error:` itself, wherever it has to.
    pub fn told(exit: Exit, text: impl Into<String>) -> Self {
        Self { told: true, ..Self::new(exit, text) }
    }

    /// Makes trouble out of an error and everything under it.
    pub fn from_error(exit: Exit, says: impl Into<String>, error: &dyn Error) -> Self {
        let mut causes = vec![error.to_string()];
        let mut below = error.source();
        while let Some(error) = below {
            causes.push(error.to_string());
            below = error.source();
        }
        Self { exit, says: says.into(), told: false, causes, hint: None }
    }

    /// Makes trouble of a repository that cannot be read. What the caller named and is not there is the
    /// caller's to mend, and nothing ran.
    pub fn of_source(recipe: &RecipeName, error: &SourceError) -> Self {
        let exit = match error.fault() {
            Fault::Recipe | Fault::Overlay => Exit::Usage,
            Fault::Platform => Exit::NotJudged,
            Fault::Runner => Exit::Bug,
        };
        Self::from_error(exit, format!("could not read the recipe `{recipe}`"), error).hint(error.hint())
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds what to do about it, where somebody knows.
    #[must_use]
    pub fn hint_if(mut self, hint: Option<impl Into<String>>) -> Self {
        if let Some(hint) = hint {
            self.hint = Some(hint.into());
        }
        self
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.told {
            return f.write_str(&self.says);
        }
        write!(f, "error: {}", self.says)?;
        for cause in &self.causes {
            write!(f, "\n  cause: {}", cause.trim_end())?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

impl From<ConfigProblems> for Trouble {
    fn from(problems: ConfigProblems) -> Self {
        Self::new(Exit::Usage, problems.to_string())
    }
}

impl From<ConfigProblem> for Trouble {
    fn from(problem: ConfigProblem) -> Self {
        Self::new(Exit::Usage, problem.to_string())
    }
}
