//! A client's TCP stream.

use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::flow::{Flow, Flushes, StreamSession};
use super::unheard::Unheard;
use crate::addresses::Admission;

mod ahead;

use ahead::Ahead;

/// How long a client may take nothing at all of what it is sent: as long as its heartbeat may be missing. Without
/// it, what is being written to a client that has stopped reading would stay as long as TCP keeps it.
const WRITE_TIMEOUT: Duration = Duration::from_secs(45);

/// Notes its flushes, takes from the client what it may send, counts as open until it is dropped, and ends when the hub
/// hangs up: also when it has become a WebSocket, which its HTTP server no longer knows of.
pub(crate) struct ClientStream {
    stream: TcpStream,
    session: StreamSession,
    flow: Arc<Flow>,
    unheard: Unheard,
    ahead: Ahead,
    /// Of its session, as they were at the last read of the socket.
    flushes: Option<Arc<Flushes>>,
    /// While the client is not listened to.
    deaf: Option<Pin<Box<Sleep>>>,
    /// While the client takes nothing.
    stuck: Option<Pin<Box<Sleep>>>,
    _open: TaskTrackerToken,
    _admission: Admission,
    /// When the hub hangs up on everybody.
    all_hung_up: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl ClientStream {
    pub(crate) fn new(
        stream: TcpStream,
        session: StreamSession,
        flow: Arc<Flow>,
        open: TaskTrackerToken,
        all_hung_up: &CancellationToken,
        admission: Admission,
    ) -> Self {
        let all_hung_up = Box::pin(all_hung_up.clone().cancelled_owned());
        flow.opened();
        let unheard = flow.unheard();
        Self {
            stream,
            session,
            flow,
            unheard,
            ahead: Ahead::default(),
            flushes: None,
            deaf: None,
            stuck: None,
            _open: open,
            _admission: admission,
            all_hung_up,
        }
    }

    /// Sends small packets at once.
    pub(crate) fn set_nodelay(&self) -> io::Result<()> {
        self.stream.set_nodelay(true)
    }

    /// Does what the client may be too slow for, and fails when it takes nothing for too long.
    fn poll_timely<T>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut TcpStream>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if let Poll::Ready(written) = write(Pin::new(&mut self.stream), cx) {
            self.stuck = None;
            return Poll::Ready(written);
        }
        let stuck = self.stuck.get_or_insert_with(|| Box::pin(tokio::time::sleep(WRITE_TIMEOUT)));
        ready!(stuck.as_mut().poll(cx));
        self.stuck = None;
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl Drop for ClientStream {
    fn drop(&mut self) {
        self.flow.closed(&self.session);
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        // By far the most reads of a busy WebSocket end here.
        if !this.ahead.is_empty() && this.flushes.as_ref().is_some_and(|it| !it.is_deaf()) {
            return this.ahead.poll_rest(cx, buf);
        }
        if this.session.is_hung_up(cx) || this.all_hung_up.as_mut().poll(cx).is_ready() {
            // As if the client had closed it.
            return Poll::Ready(Ok(()));
        }
        let session = this.session.get();
        this.flushes = session.and_then(|session| this.flow.flushes(session));
        if let Some(until) = this.flushes.as_ref().and_then(|flushes| flushes.deaf_until()) {
            let deaf = this.deaf.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
            deaf.as_mut().reset(until);
            ready!(deaf.as_mut().poll(cx));
        }
        this.deaf = None;
        if !this.ahead.is_empty() {
            return this.ahead.poll_rest(cx, buf);
        }
        let received = if session.is_some() {
            ready!(this.ahead.poll_read(&mut this.stream, cx, buf))?
        } else {
            // A request is read into a buffer of HTTP's, which is large.
            let before = buf.filled().len();
            ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
            buf.filled().len() - before
        };
        this.session.received(received);
        let heard = || this.session.heard(&this.flow);
        if let Err(too_much) = this.unheard.sent(received, heard) {
            // Or what is being written to it, which it may not read, would hold the line.
            SockRef::from(&this.stream).shutdown(Shutdown::Both)?;
            return Poll::Ready(Err(too_much));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_timely(cx, |stream, cx| stream.poll_write(cx, buf))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = self.poll_timely(cx, |stream, cx| stream.poll_flush(cx));
        if flushed.is_ready()
            && let Some(session) = self.session.get()
        {
            self.flow.flushed(session);
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_timely(cx, |stream, cx| stream.poll_shutdown(cx))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_timely(cx, |stream, cx| stream.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use caps_hub::ConnId;
    use prometheus_client::metrics::counter::Counter;
    use socketioxide::socket::Sid;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::time::Instant;
    use tokio_util::task::TaskTracker;

    use super::*;
    use crate::addresses::Addresses;

    /// A client, and its stream at the hub.
    async fn connected(flow: &Arc<Flow>) -> (TcpStream, ClientStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, peer) = listener.accept().await.unwrap();
        let addresses = Addresses::new(1, 1, Vec::new(), Counter::default());
        let admission = Admission::of(&addresses, peer.ip()).unwrap();
        let (session, open) = (StreamSession::default(), TaskTracker::new().token());
        let (flow, never) = (Arc::clone(flow), CancellationToken::new());
        (client, ClientStream::new(stream, session, flow, open, &never, admission))
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_given_up() {
        let (_reads_nothing, mut stream) = connected(&Arc::default()).await;
        let since = Instant::now();
        let failed = loop {
            if let Err(why) = stream.write_all(&[0; 65_536]).await {
                break why;
            }
        };
        assert_eq!(failed.kind(), io::ErrorKind::TimedOut);
        assert!(since.elapsed() >= WRITE_TIMEOUT);
    }

    #[tokio::test]
    async fn a_websocket_that_the_hub_hangs_up_on_ends_while_it_is_read() {
        let flow = Arc::default();
        let (_says_nothing, mut stream) = connected(&flow).await;
        let session = Sid::new();
        flow.insert(session, ConnId(1), Arc::new(Flushes::new(|| {})));
        flow.upgraded(&stream.session, session);
        let reading = tokio::spawn(async move { stream.read(&mut [0; 8]).await });
        tokio::task::yield_now().await;
        flow.hang_up(session);
        assert_eq!(reading.await.unwrap().unwrap(), 0);
    }

    #[tokio::test]
    async fn all_that_a_websocket_has_sent_is_heard_before_it_fails() {
        let flow = Arc::default();
        let (mut client, mut stream) = connected(&flow).await;
        flow.upgraded(&stream.session, Sid::new());
        let sent: Vec<_> = (0..=u8::MAX).cycle().take(3000).collect();
        client.write_all(&sent).await.unwrap();
        let mut heard = vec![0; 1000];
        stream.read_exact(&mut heard).await.unwrap();
        // What it has sent last is lost with it, or it closes as any other.
        SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
        drop(client);
        let failed = loop {
            let mut piece = [0; 700];
            match stream.read(&mut piece).await {
                Ok(0) => panic!("it has not closed"),
                Ok(more) => heard.extend(&piece[..more]),
                Err(why) => break why,
            }
        };
        assert_eq!(failed.kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(heard, sent);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_not_listened_to_is_not_heard_of_what_was_read_before() {
        const PAUSE: Duration = Duration::from_secs(5);
        let flow = Arc::default();
        let (mut client, mut stream) = connected(&flow).await;
        let (session, flushes) = (Sid::new(), Arc::new(Flushes::new(|| {})));
        flow.insert(session, ConnId(1), Arc::clone(&flushes));
        flow.upgraded(&stream.session, session);
        client.write_all(&[1; 2000]).await.unwrap();
        stream.read_exact(&mut [0; 1000]).await.unwrap();
        let since = Instant::now();
        flushes.be_deaf_for(PAUSE);
        stream.read_exact(&mut [0; 1000]).await.unwrap();
        assert!(since.elapsed() >= PAUSE);
    }
}
