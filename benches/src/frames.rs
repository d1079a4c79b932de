//! A client of the MessagePack protocol that does nothing but wait for its answers.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rmpv::Value;
use sutra_protocol::tcp::frame;

/// A connection on which one request is on its way at a time.
#[derive(Debug)]
pub(crate) struct Frames {
    stream: TcpStream,
    reply: Vec<u8>,
}

/// A request as it is sent, made before the clock starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request(Vec<u8>);

impl Request {
    /// `{"name": {fields}}` in a frame.
    pub(crate) fn new(name: &str, fields: impl IntoIterator<Item = (&'static str, Value)>) -> anyhow::Result<Self> {
        let fields = fields.into_iter().map(|(key, value)| (key.into(), value)).collect();
        let payload = Value::Map(vec![(name.into(), Value::Map(fields))]);
        let mut bytes = vec![0; frame::HEADER_BYTES];
        rmpv::encode::write_value(&mut bytes, &payload).context("encode a request")?;
        let header = frame::header(bytes.len() - frame::HEADER_BYTES);
        bytes[..frame::HEADER_BYTES].copy_from_slice(&header);
        Ok(Self(bytes))
    }
}

impl Frames {
    pub(crate) fn connect(address: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("connect to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, reply: Vec::new() })
    }

    /// Sends the request and reads the whole reply; the time of both.
    pub(crate) fn time(&mut self, request: &Request) -> anyhow::Result<Duration> {
        let started = Instant::now();
        self.stream.write_all(&request.0).context("send a request")?;
        let mut header = [0; frame::HEADER_BYTES];
        self.stream.read_exact(&mut header).context("read a reply")?;
        self.reply.resize(frame::announced(header)?, 0);
        self.stream.read_exact(&mut self.reply).context("read a reply")?;
        Ok(started.elapsed())
    }

    /// The reply that came last: its fields.
    ///
    /// # Errors
    /// If it is none, or an error.
    pub(crate) fn reply(&self, name: &str) -> anyhow::Result<Value> {
        let value = rmpv::decode::read_value(&mut &self.reply[..]).context("understand a reply")?;
        match value.as_map().and_then(|entries| entries.first()) {
            Some((key, fields)) if key.as_str() == Some(&format!("{name}Ok")) => Ok(fields.clone()),
            _ => bail!("{name} was answered with {value}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_request_is_framed_and_its_reply_is_read_whole() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let request = Request::new("QueryConcept", [("concept_id", "0a".into())]).unwrap();
        let length = request.0.len();
        let served = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = vec![0; length];
            stream.read_exact(&mut asked).unwrap();
            let reply = Request::new("QueryConceptOk", [("found", true.into())]).unwrap();
            stream.write_all(&reply.0).unwrap();
            asked
        });
        let mut frames = Frames::connect(&address).unwrap();
        frames.time(&request).unwrap();
        assert_eq!(frames.reply("QueryConcept").unwrap()["found"], Value::from(true));
        assert!(frames.reply("FindPath").is_err());
        let asked = served.join().unwrap();
        assert_eq!(asked[..4], (asked.len() as u32 - 4).to_be_bytes());
    }
}
