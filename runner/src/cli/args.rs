//! What may be written on the command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use domain::Tier;

use crate::exit;

/// CI for self-hosted app recipes on Docker Swarm.
#[derive(Clone, Debug, Parser)]
#[command(name = "simmer", version, about, after_help = exit::HELP, max_term_width = 100)]
pub struct Args {
    /// Folder of the instance: `simmer.toml` beside `recipes/` and `overlays/`
    #[arg(
        long,
        short = 'C',
        global = true,
        default_value = ".",
        env = "SIMMER_INSTANCE",
        value_name = "DIR"
    )]
    pub instance: PathBuf,
    /// Address of the Docker engine, as in DOCKER_HOST; wins over `simmer.toml`
    #[arg(long, global = true, value_name = "ADDRESS")]
    pub engine: Option<String>,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Take a recipe through its tiers on a real swarm
    Run(RunArgs),
    /// Run all enrolled recipes at their newest release, and promote the green ones
    Sweep(SweepArgs),
    /// Check a recipe's files without a swarm
    Lint(LintArgs),
    /// Print what `run` would do
    Plan(RunArgs),
    /// Compare the registry of canonicals with Docker, and repair what can be repaired safely
    Reconcile(super::reconcile::ReconcileArgs),
    /// Stay, and do what the clock asks for: tidy up, and compare the registry with Docker
    Serve(super::serve::ServeArgs),
    /// Remove what dead runs left in the swarm
    Gc(GcArgs),
    /// Check that this machine and its engine can do the work
    Doctor(DoctorArgs),
    /// List the runs of this instance, newest first
    Runs(RunsArgs),
    /// Print or render a run's report again
    Report(ReportArgs),
    /// Say why a run came out as it did: cause, evidence, what was ruled out, what to try
    Why(super::why::WhyArgs),
    /// Compare two recipes, or two releases of one
    Diff(super::diff::DiffArgs),
    /// List, show, unpack and check what runs backed up
    Backups(super::backups::BackupsArgs),
    /// Check, explain or begin an overlay: what we add for a recipe
    Overlay(super::overlay::OverlayArgs),
    /// Carry a green release onto the recipe's canonical: the stack whose data is kept for ever
    Promote(super::promote::PromoteArgs),
    /// List canonicals, show their lineage, open one to look at it, go back to an older generation
    Canonical(super::canonical::CanonicalArgs),
    /// Look after the database of the registry
    Db(super::db::DbArgs),
    /// Read compose files as the Docker CLI does
    Compose(ComposeArgs),
}

#[derive(Clone, Debug, clap::Args)]
pub struct RunArgs {
    /// Names of enrolled recipes; several are run one after the other
    #[arg(required = true, value_name = "RECIPE")]
    pub recipes: Vec<String>,
    /// Tag, branch or commit to test [default: the newest release]
    #[arg(long = "ref", value_name = "REF")]
    pub reference: Option<String>,
    /// Release to upgrade from; may be given several times [default: the newest older release]
    #[arg(long, value_name = "TAG")]
    pub base: Vec<String>,
    /// Only these tiers; may be given several times or with commas [default: all]
    #[arg(long, value_delimiter = ',', value_name = "TIER")]
    pub tier: Vec<Tier>,
    /// Leave the stacks deployed; `simmer gc` removes them once their time is over
    #[arg(long)]
    pub keep: bool,
    /// Print the outcome as JSON on stdout
    #[arg(long)]
    pub json: bool,
    /// Follow the containers' logs on stderr
    #[arg(long)]
    pub logs: bool,
    /// Say nothing on stderr but errors
    #[arg(long, short)]
    pub quiet: bool,
}

#[derive(Clone, Debug, clap::Args)]
pub struct SweepArgs {
    /// Print what would be run, in order and with expected times, and run nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Only these recipes; may be given several times or with commas [default: all that are enrolled]
    #[arg(long, value_delimiter = ',', value_name = "RECIPE")]
    pub only: Vec<String>,
    /// Run also what is green and unchanged
    #[arg(long)]
    pub force: bool,
    /// Begin a new sweep where one of the last day did not end and would go on
    #[arg(long)]
    pub anew: bool,
    /// Recipes that are run at a time
    #[arg(long, default_value = "1", value_name = "N")]
    pub jobs: std::num::NonZeroUsize,
    /// Print the sweep (or the plan) as JSON on stdout
    #[arg(long)]
    pub json: bool,
    /// Say nothing on stderr but errors
    #[arg(long, short)]
    pub quiet: bool,
}

#[derive(Clone, Debug, clap::Args)]
pub struct LintArgs {
    /// Name of an enrolled recipe, or a folder with a recipe in it
    #[arg(required_unless_present = "rules", value_name = "RECIPE|DIR")]
    pub recipe: Option<String>,
    /// Tag, branch or commit [default: the newest release]
    #[arg(long = "ref", value_name = "REF")]
    pub reference: Option<String>,
    /// Print findings as JSON on stdout
    #[arg(long)]
    pub json: bool,
    /// Print the rules and what they are for
    #[arg(long)]
    pub rules: bool,
}

#[derive(Clone, Debug, clap::Args)]
pub struct GcArgs {
    /// Only say what would be removed
    #[arg(long)]
    pub dry_run: bool,
    /// Remove stacks that were deployed with `run --keep` as well
    #[arg(long)]
    pub kept: bool,
    /// Print what was found as JSON on stdout
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Debug, clap::Args)]
pub struct DoctorArgs {
    /// Print the checks as JSON on stdout
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Debug, clap::Args)]
pub struct RunsArgs {
    /// Print the runs as JSON on stdout
    #[arg(long)]
    pub json: bool,
    /// Only runs of this recipe
    #[arg(long, value_name = "RECIPE")]
    pub recipe: Option<String>,
}

#[derive(Clone, Debug, clap::Args)]
pub struct ReportArgs {
    /// Id of a run [default: the newest]
    #[arg(value_name = "RUN")]
    pub run: Option<String>,
    /// In which form
    #[arg(long, visible_alias = "format", value_enum, default_value_t = Form::Files)]
    pub form: Form,
}

/// In which form a report is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// Write all forms into the run's folder and print the page's path
    Files,
    /// The table of the terminal
    Table,
    /// Markdown, as for a comment
    Markdown,
    /// `outcome.json`
    Json,
    /// JUnit XML
    Junit,
    /// The page, as HTML
    Page,
    /// The badge, as SVG
    Badge,
}

#[derive(Clone, Debug, clap::Args)]
pub struct ComposeArgs {
    #[command(subcommand)]
    pub command: ComposeCommand,
}

#[derive(Clone, Debug, Subcommand)]
pub enum ComposeCommand {
    /// Print the merged and interpolated model, as `docker stack config` does
    Config(ComposeFiles),
    /// Print the swarm specs that would be created
    Specs {
        #[command(flatten)]
        files: ComposeFiles,
        /// Name of the stack
        #[arg(long, default_value = "stack", value_name = "NAME")]
        stack: String,
    },
}

#[derive(Clone, Debug, clap::Args)]
pub struct ComposeFiles {
    /// A compose file, or `-` for the standard input; several are merged in order
    #[arg(long = "compose-file", short = 'c', required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Leave `${…}` as it is
    #[arg(long)]
    pub skip_interpolation: bool,
    /// Take variables from this file beside the environment
    #[arg(long, value_name = "FILE")]
    pub env_file: Vec<PathBuf>,
}
