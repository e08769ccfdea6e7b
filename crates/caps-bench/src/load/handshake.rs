//! How a connection begins: WebSocket's handshake, Engine.IO's, and Socket.IO's.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use anyhow::{Context as _, bail, ensure};

use super::frame::{self, Frame};
use super::heard::NAMESPACE;
use super::lines::PATIENCE;

/// Connects as who `auth` says. Returns the connection, and what the server has said since it let the client in.
pub(super) fn connect(server: SocketAddr, auth: &str) -> anyhow::Result<(TcpStream, Vec<u8>)> {
    let mut tcp =
        TcpStream::connect(server).with_context(|| format!("no server answers at `{server}`"))?;
    tcp.set_nodelay(true)?;
    tcp.set_read_timeout(Some(PATIENCE))?;
    write!(
        tcp,
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {server}\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Version: 13\r\n\r\n"
    )?;
    let mut heard = Vec::new();
    let end = wait_for(&mut tcp, &mut heard, |bytes| {
        Ok(memchr::memmem::find(bytes, b"\r\n\r\n").map(|at| at + 4))
    })?;
    let head = String::from_utf8_lossy(&heard[..end]);
    ensure!(head.starts_with("HTTP/1.1 101"), "the server does not speak WebSocket: {head}");
    heard.drain(..end);

    let open = packet(&mut tcp, &mut heard)?;
    ensure!(open.starts_with('0'), "the server opens with {open}");
    let mut connect = Vec::new();
    frame::text(&[b"40", NAMESPACE.as_bytes(), auth.as_bytes()], &mut connect);
    tcp.write_all(&connect)?;
    let connected = packet(&mut tcp, &mut heard)?;
    ensure!(connected.starts_with("40/caps,"), "the server refuses: {connected}");
    Ok((tcp, heard))
}

/// The next packet of a connection that is being made.
fn packet(tcp: &mut TcpStream, heard: &mut Vec<u8>) -> anyhow::Result<String> {
    loop {
        let end = wait_for(tcp, heard, |bytes| Ok(frame::first(bytes)?.map(|(_, end)| end)))?;
        let packet = match frame::first(heard)? {
            Some((Frame::Text(text), _)) => String::from_utf8(text.to_vec())?,
            other => bail!("heard {other:?} before the server let the client in"),
        };
        heard.drain(..end);
        // A heartbeat may come before that.
        if packet != "2" {
            return Ok(packet);
        }
        let mut pong = Vec::new();
        frame::text(&[b"3"], &mut pong);
        tcp.write_all(&pong)?;
    }
}

/// Reads until `end` finds one.
fn wait_for(
    tcp: &mut TcpStream,
    heard: &mut Vec<u8>,
    end: impl Fn(&[u8]) -> anyhow::Result<Option<usize>>,
) -> anyhow::Result<usize> {
    let mut piece = [0; 4096];
    loop {
        if let Some(end) = end(heard)? {
            return Ok(end);
        }
        let read = tcp.read(&mut piece).context("the server lets nobody in")?;
        ensure!(read > 0, "the server hangs up before it lets the client in");
        heard.extend_from_slice(&piece[..read]);
    }
}
