//! The bare echo that requests over TCP are compared with: the same runtime and the same framing as a node's, and nothing else.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::Context as _;
use sutra_protocol::limits;
use sutra_protocol::tcp::frame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::child::Child;

/// An echo in a process of its own.
#[derive(Debug)]
pub(crate) struct Echo {
    _child: Child,
    /// `HOST:PORT`.
    pub(crate) address: String,
}

impl Echo {
    /// Runs this program's hidden command `echo`.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe().context("find our own program")?);
        command.arg("echo").stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = Child::spawn(&mut command)?;
        let output = child.process().stdout.take().context("the echo's output cannot be read")?;
        let mut address = String::new();
        BufReader::new(output).read_line(&mut address).context("read the echo's address")?;
        Ok(Self { _child: child, address: address.trim().to_owned() })
    }
}

/// Sends back every frame until the process is killed; prints its address first.
#[allow(clippy::print_stdout, reason = "whoever started this process reads the address there")]
pub(crate) async fn serve() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("listen")?;
    println!("{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await.context("accept")?;
        stream.set_nodelay(true).context("set TCP_NODELAY")?;
        // A client that has gone away is no fault.
        tokio::spawn(async move { drop(echo(stream).await) });
    }
}

async fn echo(mut stream: TcpStream) -> anyhow::Result<()> {
    let mut bytes = Vec::new();
    loop {
        let mut header = [0; frame::HEADER_BYTES];
        stream.read_exact(&mut header).await?;
        let length = frame::announced(header)?;
        anyhow::ensure!(length <= limits::FRAME_BYTES, "a frame of {length} bytes");
        bytes.clear();
        bytes.extend_from_slice(&header);
        bytes.resize(frame::HEADER_BYTES + length, 0);
        stream.read_exact(&mut bytes[frame::HEADER_BYTES..]).await?;
        stream.write_all(&bytes).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn frames_come_back_as_they_were_sent() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (served, _) = listener.accept().await.unwrap();
        tokio::spawn(async move { echo(served).await });
        for length in [0usize, 1, 70_000] {
            let mut sent = frame::header(length).to_vec();
            sent.resize(frame::HEADER_BYTES + length, 7);
            client.write_all(&sent).await.unwrap();
            let mut back = vec![0; sent.len()];
            client.read_exact(&mut back).await.unwrap();
            assert_eq!(back, sent);
        }
    }
}
