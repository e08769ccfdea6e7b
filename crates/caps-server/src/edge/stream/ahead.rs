//! Reads much of a socket at once, and hands it over in small pieces.
//!
//! A WebSocket keeps the buffer that it is read into for life, so that buffer is small; and a call to the system costs far
//! more than a copy. So each thread has one large buffer for all sockets. One of whom more was read than is taken at once
//! has memory for the rest until that is taken, and is not read before.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Bytes;
use hyper::body::Buf as _;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::task::coop;

/// The most that is read of a socket at once, in bytes.
const AT_ONCE: usize = 16 * 1024;

thread_local! {
    /// What is being read. Between two reads it is nobody's.
    static READ: RefCell<Box<[u8]>> = RefCell::new(vec![0; AT_ONCE].into());
}

/// What was read of a socket and is not yet handed over.
#[derive(Default)]
pub(super) struct Ahead(Bytes);

impl Ahead {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Hands over what was read before, of which there is some.
    pub(super) fn poll_rest(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Or one who sends much would not let others have their turn before all of it is handled.
        let turn = ready!(coop::poll_proceed(cx));
        let most = self.0.len().min(buf.remaining());
        buf.put_slice(&self.0[..most]);
        self.0.advance(most);
        if self.0.is_empty() {
            // What is empty would keep its memory.
            self.0 = Bytes::new();
        }
        turn.made_progress();
        Poll::Ready(Ok(()))
    }

    /// Reads when nothing is left, and hands over what there is room for. Returns how much was read.
    pub(super) fn poll_read(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<usize>> {
        debug_assert!(self.is_empty(), "what comes later would overtake what was read before");
        READ.with_borrow_mut(|room| {
            let mut read = ReadBuf::new(room);
            ready!(Pin::new(stream).poll_read(cx, &mut read))?;
            let (first, rest) = read.filled().split_at(read.filled().len().min(buf.remaining()));
            buf.put_slice(first);
            self.0 = Bytes::copy_from_slice(rest);
            Poll::Ready(Ok(read.filled().len()))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncWriteExt as _, DuplexStream, duplex};

    use super::*;

    /// How much was read, and what was handed over to who has so much room.
    async fn read(ahead: &mut Ahead, socket: &mut DuplexStream, room: usize) -> (usize, Vec<u8>) {
        let mut room = vec![0; room];
        let mut buf = ReadBuf::new(&mut room);
        let read = poll_fn(|cx| {
            if ahead.is_empty() {
                return ahead.poll_read(socket, cx, &mut buf);
            }
            ahead.poll_rest(cx, &mut buf).map_ok(|()| 0)
        });
        (read.await.unwrap(), buf.filled().to_vec())
    }

    #[tokio::test]
    async fn a_rest_is_handed_over_before_more_is_read_and_before_the_end() {
        let (mut client, mut socket) = duplex(AT_ONCE);
        let mut ahead = Ahead::default();
        let sent: Vec<_> = (0..=u8::MAX).cycle().take(3000).collect();
        client.write_all(&sent).await.unwrap();
        assert_eq!(read(&mut ahead, &mut socket, 1024).await, (3000, sent[..1024].to_vec()));
        client.write_all(b"later").await.unwrap();
        drop(client);
        assert_eq!(read(&mut ahead, &mut socket, 1024).await, (0, sent[1024..2048].to_vec()));
        assert_eq!(read(&mut ahead, &mut socket, 1024).await, (0, sent[2048..].to_vec()));
        assert!(ahead.is_empty());
        assert_eq!(read(&mut ahead, &mut socket, 1024).await, (5, b"later".to_vec()));
        assert_eq!(read(&mut ahead, &mut socket, 1024).await, (0, Vec::new()), "the end");
    }

    #[tokio::test]
    async fn who_waits_for_more_is_woken_when_it_comes() {
        let (mut client, mut socket) = duplex(AT_ONCE);
        let mut ahead = Ahead::default();
        let (more, written) =
            tokio::join!(read(&mut ahead, &mut socket, 8), client.write_all(b"more"));
        written.unwrap();
        assert_eq!(more, (4, b"more".to_vec()));
    }
}
