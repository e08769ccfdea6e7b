//! A request's body that comes in time.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

/// How long a request's body may take. Without it, one of whom a part has come would wait as long as TCP keeps it.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// A body that ends in an error when it does not come in time.
#[derive(Debug)]
pub(crate) struct TimelyBody<B> {
    body: B,
    /// Once it has been waited for.
    late: Option<Pin<Box<Sleep>>>,
}

impl<B> TimelyBody<B> {
    pub(crate) fn new(body: B) -> Self {
        Self { body, late: None }
    }
}

impl<B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Unpin> Body
    for TimelyBody<B>
{
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let late = self.late.get_or_insert_with(|| Box::pin(tokio::time::sleep(BODY_TIMEOUT)));
        ready!(late.as_mut().poll(cx));
        Poll::Ready(Some(Err(format!("the body took longer than {BODY_TIMEOUT:?}").into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use http_body_util::{BodyExt as _, Full, StreamBody};
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_comes_by_drops_ends_in_time() {
        let drops = stream::unfold((), async |()| {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let drop: Result<_, std::io::Error> = Ok(Frame::data(Bytes::from_static(b"x")));
            Some((drop, ()))
        });
        let since = Instant::now();
        let late = TimelyBody::new(StreamBody::new(Box::pin(drops))).collect().await;
        assert!(late.unwrap_err().to_string().contains("took longer than"));
        assert_eq!(since.elapsed(), BODY_TIMEOUT);
    }

    #[tokio::test]
    async fn a_body_that_comes_at_once_comes_whole() {
        let body = TimelyBody::new(Full::new(Bytes::from_static(b"whole")));
        assert_eq!(body.collect().await.unwrap().to_bytes(), "whole");
    }
}
