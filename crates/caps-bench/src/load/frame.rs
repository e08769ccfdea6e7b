//! WebSocket frames: what a client sends, and what a server may send it.

use anyhow::{bail, ensure};

/// Ends a message, and carries text.
const TEXT: u8 = 0x81;
const PONG: u8 = 0x8a;

/// Which says that a frame is masked, as a client's must be.
const MASKED: u8 = 0x80;

/// The mask is all zeros, so that what is written is what is meant. A server cannot tell: it unmasks as ever.
const MASK: [u8; 4] = [0; 4];

/// Adds a text frame, whose payload comes in pieces.
pub(super) fn text(pieces: &[&[u8]], to: &mut Vec<u8>) {
    header(TEXT, pieces.iter().map(|piece| piece.len()).sum(), to);
    for piece in pieces {
        to.extend_from_slice(piece);
    }
}

/// Adds the answer to a WebSocket ping.
pub(super) fn pong(payload: &[u8], to: &mut Vec<u8>) {
    header(PONG, payload.len(), to);
    to.extend_from_slice(payload);
}

fn header(kind: u8, length: usize, to: &mut Vec<u8>) {
    to.push(kind);
    match length {
        0..126 => to.push(MASKED | length as u8),
        126..=0xffff => {
            to.push(MASKED | 126);
            to.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            to.push(MASKED | 127);
            to.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    to.extend_from_slice(&MASK);
}

/// What a server has sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    Text(&'a [u8]),
    Ping(&'a [u8]),
}

/// The first frame in `bytes`, and how long it is with its header; `None` while it is not whole.
pub(super) fn first(bytes: &[u8]) -> anyhow::Result<Option<(Frame<'_>, usize)>> {
    let [kind, length, rest @ ..] = bytes else { return Ok(None) };
    ensure!(length & MASKED == 0, "the server masks its frames, which it must not");
    let (header, length) = match (length, rest) {
        (126, [a, b, ..]) => (4, u64::from(u16::from_be_bytes([*a, *b]))),
        (127, [a, b, c, d, e, f, g, h, ..]) => {
            (10, u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]))
        }
        (126 | 127, _) => return Ok(None),
        (length, _) => (2, u64::from(*length)),
    };
    let end = header + usize::try_from(length)?;
    let Some(payload) = bytes.get(header..end) else { return Ok(None) };
    let frame = match kind {
        0x81 => Frame::Text(payload),
        0x89 => Frame::Ping(payload),
        0x88 => bail!("the server closes the line: {}", String::from_utf8_lossy(payload)),
        _ => bail!("the server sends a frame of the kind {kind:#x}, which is not expected of it"),
    };
    Ok(Some((frame, end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_every_length_are_read_when_they_are_whole_and_not_before() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let text = vec![b'x'; length];
            let mut sent = Vec::new();
            super::text(&[&text], &mut sent);
            // What a server sends has no mask.
            let mask = sent.len() - length - MASK.len();
            sent.drain(mask..mask + MASK.len());
            sent[1] &= !MASKED;
            for cut in [0, 1, mask.saturating_sub(1), sent.len() - 1] {
                assert_eq!(first(&sent[..cut]).unwrap(), None, "{cut} bytes of {length}");
            }
            let whole = sent.len();
            sent.push(TEXT);
            assert_eq!(first(&sent).unwrap(), Some((Frame::Text(&text), whole)));
        }
    }

    #[test]
    fn a_server_that_closes_the_line_is_an_error() {
        assert!(first(&[0x88, 0]).is_err());
    }
}
