//! The protocol of Redis (RESP2), as much of it as a load needs.

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use anyhow::{Context as _, bail};

/// Most bytes of a text, and most elements of a list, that a reply may announce.
const BOUND: usize = 64 << 20;
/// How deep lists may lie in lists.
const DEPTH: usize = 8;

/// A reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Text(String),
    Integer(i64),
    List(Vec<Reply>),
    Nil,
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Connection {
    reader: BufReader<UnixStream>,
    writer: BufWriter<UnixStream>,
}

impl Connection {
    pub(crate) fn open(socket: &Path) -> anyhow::Result<Self> {
        let stream = UnixStream::connect(socket).with_context(|| format!("connect to {}", socket.display()))?;
        let writer = BufWriter::with_capacity(1 << 20, stream.try_clone()?);
        Ok(Self { reader: BufReader::with_capacity(1 << 16, stream), writer })
    }

    /// Sends a command and reads its reply.
    pub(crate) fn call(&mut self, command: &[&str]) -> anyhow::Result<Reply> {
        self.send(command)?;
        self.receive()
    }

    /// Sends a command; [`Connection::receive`] has to be called for it.
    pub(crate) fn send(&mut self, command: &[&str]) -> anyhow::Result<()> {
        write!(self.writer, "*{}\r\n", command.len())?;
        for part in command {
            write!(self.writer, "${}\r\n{part}\r\n", part.len())?;
        }
        self.writer.flush().context("send a command")
    }

    /// The next reply.
    ///
    /// # Errors
    /// Also if it is an error.
    pub(crate) fn receive(&mut self) -> anyhow::Result<Reply> {
        read(&mut self.reader, DEPTH)
    }
}

fn read(from: &mut impl BufRead, depth: usize) -> anyhow::Result<Reply> {
    anyhow::ensure!(depth > 0, "a reply is nested more than {DEPTH} deep");
    let mut line = String::new();
    from.read_line(&mut line).context("read a reply")?;
    let line = line.strip_suffix("\r\n").context("the server closed the connection")?;
    let (kind, rest) = line.split_at_checked(1).context("a reply is empty")?;
    match kind {
        "+" => Ok(Reply::Text(rest.into())),
        "-" => bail!("the server answered: {rest}"),
        ":" => Ok(Reply::Integer(number(rest)?)),
        "$" => match length(rest)? {
            None => Ok(Reply::Nil),
            Some(length) => {
                let mut bytes = vec![0; length + 2];
                from.read_exact(&mut bytes).context("read a text")?;
                bytes.truncate(length);
                Ok(Reply::Text(String::from_utf8_lossy(&bytes).into_owned()))
            }
        },
        "*" => match length(rest)? {
            None => Ok(Reply::Nil),
            Some(length) => (0..length).map(|_| read(from, depth - 1)).collect::<anyhow::Result<_>>().map(Reply::List),
        },
        other => bail!("a reply begins with {other:?}"),
    }
}

fn number(text: &str) -> anyhow::Result<i64> {
    text.parse().with_context(|| format!("a reply has the number {text:?}"))
}

fn length(text: &str) -> anyhow::Result<Option<usize>> {
    match number(text)? {
        -1 => Ok(None),
        length => {
            let length = usize::try_from(length).with_context(|| format!("a reply has the length {length}"))?;
            anyhow::ensure!(length <= BOUND, "a reply has the length {length}; at most {BOUND} is expected");
            Ok(Some(length))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_of_every_kind_are_read() {
        let mut bytes: &[u8] = b"*4\r\n$3\r\na\r\n\r\n:-7\r\n*1\r\n+OK\r\n$-1\r\n+next\r\n";
        let expected =
            vec![Reply::Text("a\r\n".into()), Reply::Integer(-7), Reply::List(vec![Reply::Text("OK".into())]), Reply::Nil];
        assert_eq!(read(&mut bytes, DEPTH).unwrap(), Reply::List(expected));
        assert_eq!(read(&mut bytes, DEPTH).unwrap(), Reply::Text("next".into()));
    }

    #[test]
    fn errors_and_nonsense_are_told() {
        for (bytes, word) in [
            (&b"-ERR unknown command\r\n"[..], "unknown command"),
            (b"", "closed the connection"),
            (b"$99999999999\r\n", "at most"),
            (b"$x\r\n", "number"),
            (b"!\r\n", "begins with"),
            (b"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", "nested"),
        ] {
            let error = format!("{:#}", read(&mut &bytes[..], DEPTH).unwrap_err());
            assert!(error.contains(word), "{error}");
        }
    }
}
