//! The first bytes of a connection, read without being used up: the name in a TLS greeting.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use rustls::server::Acceptor;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// Largest greeting, in bytes. Real ones have one or two thousand.
const GREETING_BYTES: usize = 64 * 1024;

/// What the first bytes were.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum First {
    /// A TLS greeting, with the name in lower case where it has one.
    Tls { name: Option<String> },
    /// Something else; the first byte is no TLS record.
    Other,
}

/// A stream whose first bytes have been read already and come again.
#[derive(Debug)]
pub(super) struct Replay<S> {
    first: Vec<u8>,
    given: usize,
    inner: S,
}

/// Reads until the greeting is complete. The caller bounds the time.
pub(super) async fn read<S: AsyncRead + Unpin>(mut stream: S) -> io::Result<(First, Replay<S>)> {
    let mut bytes = Vec::with_capacity(2048);
    let mut acceptor = Acceptor::default();
    let first = loop {
        let before = bytes.len();
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // The type of a TLS record with a greeting.
        if bytes[0] != 0x16 {
            break First::Other;
        }
        let mut new = &bytes[before..];
        while !new.is_empty() {
            acceptor.read_tls(&mut new)?;
        }
        match acceptor.accept() {
            Ok(Some(accepted)) => {
                let name = accepted.client_hello().server_name().map(str::to_ascii_lowercase);
                break First::Tls { name };
            }
            Ok(None) if bytes.len() < GREETING_BYTES => {}
            Ok(None) => return Err(io::Error::other("the TLS greeting is too long")),
            Err((error, _)) => return Err(io::Error::other(error)),
        }
    };
    Ok((first, Replay { first: bytes, given: 0, inner: stream }))
}

impl<S: AsyncRead + Unpin> AsyncRead for Replay<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.given < this.first.len() {
            let left = &this.first[this.given..];
            let count = left.len().min(into.remaining());
            into.put_slice(&left[..count]);
            this.given += count;
            if this.given == this.first.len() {
                this.first = Vec::new();
                this.given = 0;
            }
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut this.inner).poll_read(cx, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Replay<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_now(bytes: &[u8]) -> io::Result<(First, Replay<&[u8]>)> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(read(bytes))
    }

    proptest! {
        #[test]
        fn no_first_bytes_make_the_edge_panic_and_none_are_lost(bytes in proptest::collection::vec(any::<u8>(), 1..300), tls in any::<bool>()) {
            let mut bytes = bytes;
            if tls {
                bytes.splice(0..1, [0x16, 3, 1]);
            }
            if let Ok((first, mut replay)) = read_now(&bytes) {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                let mut again = Vec::new();
                runtime.block_on(replay.read_to_end(&mut again)).unwrap();
                prop_assert_eq!(again, bytes);
                prop_assert!(first == First::Other || tls);
            }
        }
    }

    #[test]
    fn a_greeting_that_never_ends_is_refused_by_its_size() {
        // Records of a greeting that says to be 16 MB long.
        let mut bytes = vec![0x16, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff];
        bytes.resize(5 + 0x4000, 0);
        let record = [&[0x16, 3, 1, 0x40, 0][..], &[0; 0x4000]].concat();
        for _ in 0..8 {
            bytes.extend_from_slice(&record);
        }
        assert!(read_now(&bytes).is_err());
    }
}
