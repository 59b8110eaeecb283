//! What can go wrong between a repository and a work tree.

use std::path::PathBuf;

use domain::Fault;

/// Why a source could not be fetched, read or written out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The source is a path at which nothing is.
    #[error("there is nothing at `{source_url}`")]
    Missing { source_url: String },
    /// Something answered, and it is not git.
    #[error("`{source_url}` is not a git repository: {says}")]
    NotGit { source_url: String, says: String },
    /// The remote did not answer.
    #[error("`{source_url}` cannot be reached: {says}")]
    Unreachable { source_url: String, says: String },
    /// The remote wants to know who asks, or refused who asked.
    #[error("`{source_url}` asks for credentials: {says}")]
    AuthNeeded { source_url: String, says: String },
    /// The certificate of the remote is not trusted.
    #[error("the certificate of `{source_url}` is not trusted: {says}")]
    Untrusted { source_url: String, says: String },
    /// git refused for another reason.
    #[error("git could not fetch `{source_url}`: {says}")]
    Fetch { source_url: String, says: String },
    /// There is no `git` command, or it cannot be started.
    #[error("the command `git` cannot be started")]
    NoGit { source: std::io::Error },
    /// A limit of ours ended the fetch (law 10).
    #[error("fetching `{source_url}` took longer than {seconds} s (limit: source deadline)")]
    Deadline { source_url: String, seconds: u64 },
    /// The remote sent more than a mirror may hold (law 10).
    #[error("`{source_url}` has more than {megabytes} MB (limit: mirror size)")]
    TooMuch { source_url: String, megabytes: u64 },
    /// Another run held the mirror until our deadline.
    #[error("another run held the mirror `{mirror}` for {seconds} s (limit: source deadline)", mirror = mirror.display())]
    Locked { mirror: PathBuf, seconds: u64 },
    /// Somebody asked us to stop.
    #[error("fetching `{source_url}` was interrupted")]
    Interrupted { source_url: String },
    /// Neither tag, branch nor commit.
    #[error("`{reference}` is no tag, branch or commit of `{source_url}`{}", nearest_text(nearest))]
    NoSuchReference { source_url: String, reference: String, nearest: Vec<String> },
    /// A short commit id that fits several commits.
    #[error("`{reference}` is the beginning of several commits of `{source_url}`")]
    Ambiguous { source_url: String, reference: String },
    /// The tree holds what no honest tree holds.
    #[error("the tree of {commit} cannot be written out: `{path}`: {why}")]
    Hostile { commit: String, path: String, why: String },
    /// The tree is larger than a recipe may be; `limit` is the name of the bound in [`super::Bounds`].
    #[error("the tree of {commit} is too large: `{path}`: {why} (limit: {limit})")]
    TooLarge { commit: String, path: String, why: String, limit: &'static str },
    /// The mirror cannot be read.
    #[error("the mirror `{mirror}` cannot be read: {says}", mirror = mirror.display())]
    Broken { mirror: PathBuf, says: String },
    /// Our own disk said no.
    #[error("could not {doing} `{path}`", path = path.display())]
    Disk { doing: &'static str, path: PathBuf, source: std::io::Error },
}

fn nearest_text(nearest: &[String]) -> String {
    match nearest {
        [] => "; it has no tags".to_owned(),
        names => format!("; nearest: {}", names.join(", ")),
    }
}

impl SourceError {
    /// Returns who has to act. A full match, so that a new error has to choose.
    pub fn fault(&self) -> Fault {
        match self {
            // The enrolment or the command line names the source and the reference: our side of a recipe.
            Self::Missing { .. }
            | Self::NotGit { .. }
            | Self::NoSuchReference { .. }
            | Self::Ambiguous { .. } => Fault::Overlay,
            Self::Hostile { .. } | Self::TooLarge { .. } | Self::TooMuch { .. } => Fault::Recipe,
            Self::Unreachable { .. }
            | Self::AuthNeeded { .. }
            | Self::Untrusted { .. }
            | Self::Fetch { .. }
            | Self::NoGit { .. }
            | Self::Deadline { .. }
            | Self::Locked { .. }
            | Self::Broken { .. }
            | Self::Disk { .. } => Fault::Platform,
            Self::Interrupted { .. } => Fault::Runner,
        }
    }

    /// Returns whether the arguments or the enrolment are wrong, so that nothing was tried (exit code 2).
    pub fn is_wrong_argument(&self) -> bool {
        self.fault() == Fault::Overlay
    }

    /// Returns what to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "check `source` in the enrolment, or the path on the command line",
            Self::NotGit { .. } => {
                "name the repository itself, as in `git clone`; a new recipe needs `git init` and a first commit"
            }
            Self::Unreachable { .. } => {
                "check the address and the network (`git ls-remote` shows the same); proxies are taken from \
                 `https_proxy`; a mirror that was fetched before stays usable offline"
            }
            Self::AuthNeeded { .. } => {
                "give the runner an ssh key or a line in `~/.netrc`; nothing is asked on a terminal; a \
                 repository that does not exist is often reported this way too"
            }
            Self::Untrusted { .. } => "point `GIT_SSL_CAINFO` at the certificate authority of the remote",
            Self::Fetch { .. } => "run `git fetch` by hand against this source; the text above is git's own",
            Self::NoGit { .. } => "install git, or put it on `PATH`",
            Self::Deadline { .. } => "try again, or give more time; nothing half-fetched is used",
            Self::TooMuch { .. } => {
                "take large files out of the history of the recipe; its mirror was removed"
            }
            Self::Locked { .. } => "wait for the other run; the lock is free as soon as its process is gone",
            Self::Interrupted { .. } => "start it again; nothing half-fetched is used",
            Self::NoSuchReference { .. } => {
                "check the spelling; commits have to be reachable from a branch or tag of the source"
            }
            Self::Ambiguous { .. } => "give more digits of the commit",
            Self::Hostile { .. } => {
                "take the entry out of the recipe's history; a tree like this can overwrite files elsewhere"
            }
            Self::TooLarge { .. } => "keep large files out of the recipe, or raise the bound",
            Self::Broken { .. } => "delete the mirror folder; the next run fetches it anew",
            Self::Disk { .. } => "check space and rights of the state folder",
        }
    }
}
