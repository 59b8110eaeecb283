//! Records an engine's answers anew:
//! `cargo run -p simmer-testkit --example record -- /run/docker.sock IMAGE testkit/recordings/VERSION.json`.

use std::path::Path;

use testkit::recordings::{Recorded, record};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [socket, image, file] = args.as_slice() else {
        return Err(std::io::Error::other("three arguments: socket, image, file"));
    };
    let all = record(Path::new(socket), image, "record").await;
    std::fs::write(file, Recorded::write(&all))
}
