//! A line to a hub on which anything can be said.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

/// The most clients that one address has here, of the 1000 that a hub lets it have.
const OF_ONE_ADDRESS: usize = 900;

/// The head of a request to become a WebSocket.
pub(crate) const UPGRADE: &str = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: hub\r\n\
    Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Connects the client of that number in `network`, which decides its address, with a small buffer for what it reads.
pub(crate) async fn connect(hub: SocketAddr, network: u8, number: usize) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    let host = u8::try_from(number / OF_ONE_ADDRESS + 1).expect("some thousands of clients");
    socket.bind((Ipv4Addr::new(127, network, 0, host), 0).into())?;
    socket.set_recv_buffer_size(4096)?;
    socket.connect(hub).await
}

/// A WebSocket frame of text, under a mask of zeros.
pub(crate) fn frame(text: &str) -> Vec<u8> {
    let mut frame = head(text.len());
    frame.extend_from_slice(text.as_bytes());
    frame
}

/// The head of a frame of that length.
pub(crate) fn head(length: usize) -> Vec<u8> {
    let mut head = vec![0x81];
    if let Ok(length) = u8::try_from(length)
        && length < 126
    {
        head.push(0x80 | length);
    } else if let Ok(length) = u16::try_from(length) {
        head.push(0x80 | 126);
        head.extend_from_slice(&length.to_be_bytes());
    } else {
        head.push(0x80 | 127);
        head.extend_from_slice(&(length as u64).to_be_bytes());
    }
    head.extend_from_slice(&[0; 4]);
    head
}

/// Becomes a WebSocket that is connected to the hub's namespace.
pub(crate) async fn socket(stream: &mut TcpStream, auth: &str) -> io::Result<()> {
    stream.write_all(UPGRADE.as_bytes()).await?;
    stream.write_all(&frame(&format!("40/caps,{auth}"))).await?;
    until(stream, "40/caps,{").await?;
    // The first heartbeat may have come with that; an answer before it is as good.
    stream.write_all(&frame("3")).await
}

/// Reads until something was said.
pub(crate) async fn until(stream: &mut TcpStream, wanted: &str) -> io::Result<()> {
    let mut heard = Vec::new();
    while !String::from_utf8_lossy(&heard).contains(wanted) {
        if stream.read_buf(&mut heard).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}
