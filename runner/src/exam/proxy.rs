//! A way for ordinary clients to the stack: an HTTP proxy on loopback that tunnels to the edge, to the ports that the
//! stack publishes on its node, and nowhere else.
//!
//! The stack's name is in no DNS, and a client that is told an address would ask under the wrong name. Every client
//! knows `https_proxy`: it asks for a tunnel to the name, and speaks TLS with the edge through it, checked by its own
//! means. Whatever is not the stack's own name at port 443 or at a published port is refused. The node may be another
//! machine, or have a network of its own: the tunnel finds it.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use domain::Domain;
use harness::probe::Connector;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

/// Largest head of a request, in bytes.
const HEAD_BYTES: usize = 16 << 10;
/// Longest time for a head, and for a connection to the edge.
const GREETING: Duration = Duration::from_secs(10);
/// Longest life of one tunnel: longer than any test may last.
const TUNNEL: Duration = Duration::from_secs(2 * 3600);
/// Where the edge stands for users.
const HTTPS: u16 = 443;
/// Tunnels at once; more wait.
const TUNNELS: usize = 64;

/// A proxy that stands. Dropping it ends its tunnels.
#[derive(Debug)]
pub(super) struct Proxy {
    pub(super) address: SocketAddr,
    serving: AbortHandle,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Proxy {
    /// Listens on a free port of loopback, for tunnels to a domain and the names under it: port 443 is the edge's.
    pub(super) async fn start(
        domain: &Domain,
        edge: SocketAddr,
        published: &BTreeMap<u16, Connector>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let domain: Arc<str> = Arc::from(domain.as_str());
        let mut ports = published.clone();
        ports.insert(HTTPS, Connector::address(edge));
        let ports = Arc::new(ports);
        let serving = tokio::spawn(async move {
            let room = Arc::new(Semaphore::new(TUNNELS));
            let mut tunnels = JoinSet::new();
            loop {
                while tunnels.try_join_next().is_some() {}
                // No more files, or a client that left at once: both pass.
                let Ok((client, _)) = listener.accept().await else {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                };
                let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
                let (domain, ports) = (Arc::clone(&domain), Arc::clone(&ports));
                tunnels.spawn(async move {
                    let served = timeout(TUNNEL, serve(client, &domain, &ports)).await;
                    tracing::debug!(ended = ?served, "tunnel of a test");
                    drop(place);
                });
            }
        });
        Ok(Self { address, serving: serving.abort_handle() })
    }

    /// Returns the address as clients take it.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn serve(mut client: TcpStream, domain: &str, ports: &BTreeMap<u16, Connector>) -> io::Result<()> {
    let head = match timeout(GREETING, head(&mut client)).await {
        Ok(head) => head?,
        Err(_) => return Ok(()),
    };
    let (status, says) = match allowed(&head, domain, ports) {
        Ok(place) => match timeout(GREETING, place.connect()).await {
            Ok(Ok(mut link)) => {
                client.set_nodelay(true)?;
                client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
                copy_bidirectional(&mut client, &mut link.stream).await?;
                return Ok(());
            }
            Ok(Err(error)) => ("502 Bad Gateway", format!("simmer: {}: {error}\n", place.name())),
            Err(_) => ("504 Gateway Timeout", format!("simmer: {} does not answer\n", place.name())),
        },
        Err(says) => ("403 Forbidden", format!("simmer: {says}\n")),
    };
    let length = says.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{says}"
    );
    client.write_all(answer.as_bytes()).await?;
    client.shutdown().await
}

/// Reads up to the empty line, byte by byte: what follows belongs to the tunnel.
async fn head(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if HEAD_BYTES <= head.len() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        head.push(client.read_u8().await?);
    }
    Ok(head)
}

/// Decides where a request may pass to. The error is for the author of a test.
fn allowed<'a>(
    head: &[u8],
    domain: &str,
    ports: &'a BTreeMap<u16, Connector>,
) -> Result<&'a Connector, String> {
    let text = String::from_utf8_lossy(head);
    let mut words = text.lines().next().unwrap_or_default().split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if method != "CONNECT" {
        return Err("only tunnels pass here: ask with `https://`".into());
    }
    let (host, port) = target.rsplit_once(':').unwrap_or((target, ""));
    let host = host.to_ascii_lowercase();
    let is_own = host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    match (is_own, port.parse().ok().and_then(|port: u16| ports.get(&port))) {
        (true, Some(place)) => Ok(place),
        (true, None) => Err("only port 443 and the stack's published ports can be reached".into()),
        (false, _) => Err(format!(
            "tests reach `{domain}` and names under it, and not `{}`",
            super::text::shown(&host, 100)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_stack_itself_is_behind_the_proxy() {
        let at = |port| Connector::address(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let ports = BTreeMap::from([(443, at(4430)), (64738, at(64738))]);
        let ask = |line: &str| {
            let head = format!("{line}\r\n\r\n");
            allowed(head.as_bytes(), "run-1a0.ci.test", &ports).map(|place| place.name().to_owned())
        };
        assert_eq!(ask("CONNECT run-1a0.ci.test:443 HTTP/1.1").unwrap(), "127.0.0.1:4430");
        assert_eq!(ask("CONNECT API.Run-1a0.ci.test:443 HTTP/1.1").unwrap(), "127.0.0.1:4430");
        assert_eq!(ask("CONNECT run-1a0.ci.test:64738 HTTP/1.1").unwrap(), "127.0.0.1:64738");
        for refused in [
            "CONNECT run-1a0.ci.test:22 HTTP/1.1",
            "CONNECT xrun-1a0.ci.test:443 HTTP/1.1",
            "CONNECT 127.0.0.1:443 HTTP/1.1",
            "CONNECT run-1a0.ci.test.evil.example:443 HTTP/1.1",
            "GET http://run-1a0.ci.test/ HTTP/1.1",
            "",
        ] {
            assert!(ask(refused).is_err(), "{refused}");
        }
    }
}
