//! The binary `simmer`.

use std::process::ExitCode;

use runner::cli::dispatch;
use runner::exit::Exit;

fn main() -> ExitCode {
    if let Some(ended) = runner::exam::warden::called(std::env::args_os()) {
        return ended;
    }
    let args = match runner::cli::read_args() {
        Ok(args) => args,
        Err(exit) => return ExitCode::from(exit.code()),
    };
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("SIMMER_LOG")
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn")),
        )
        .with_writer(std::io::stderr)
        .without_time()
        .init();
    // Whoever installed one before us chose the same: there is no other in the tree.
    let _already = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "the runtime did not start");
            return ExitCode::from(Exit::Bug.code());
        }
    };
    // A panic has told its story on stderr; what is left is to say whose fault it is, and that `simmer gc`
    // finds what it left by label.
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runtime.block_on(dispatch(args))));
    let exit = match done {
        Err(_panic) => Exit::Bug,
        Ok(Ok(exit)) => exit,
        Ok(Err(trouble)) => {
            use std::io::Write as _;
            let mut stderr = std::io::stderr().lock();
            // A closed stderr changes nothing about the exit code.
            let _closed = writeln!(stderr, "{trouble}");
            trouble.exit
        }
    };
    // Threads that wait in the kernel (a probe in a namespace, a git child) must not hold the end up.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    ExitCode::from(exit.code())
}
