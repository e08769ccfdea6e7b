//! `caps-server healthcheck`: what a container without a shell asks its hub with.

use std::time::Duration;

use anyhow::Context as _;
use axum::body::{self, Body};
use http::{Request, header};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// How long a hub that is well may take to say so.
const PATIENCE: Duration = Duration::from_secs(5);

/// The most that is read of what it says, in bytes.
const LONGEST: usize = 64 * 1024;

/// Fails, with the hub's own words, when it is not ready.
pub(super) fn run(host: &str, port: u16) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?
        .block_on(async { tokio::time::timeout(PATIENCE, ask(host, port)).await })
        .with_context(|| format!("the hub on `{host}:{port}` took longer than {PATIENCE:?}"))?
}

async fn ask(host: &str, port: u16) -> anyhow::Result<()> {
    let stream = TcpStream::connect((host, port)).await.with_context(|| {
        format!("no hub listens on `{host}:{port}`; say where it is by `--host` and `--port`")
    })?;
    let (mut hub, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let served = tokio::spawn(connection);
    let request = Request::get("/readyz").header(header::HOST, host).body(Body::empty())?;
    let response = hub.send_request(request).await?;
    let status = response.status();
    let said = body::to_bytes(Body::new(response.into_body()), LONGEST).await?;
    drop(hub);
    served.await??;
    let said = String::from_utf8_lossy(&said);
    anyhow::ensure!(status.is_success(), "the hub is not ready: {}", said.trim());
    println!("{}", said.trim());
    Ok(())
}
