//! A client that sends exactly the maps of the interface.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

/// More than any reply takes.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Client {
    pub(crate) stream: TcpStream,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream }
    }

    pub(crate) fn send_frame(&mut self, payload: &[u8]) -> io::Result<()> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        self.stream.write_all(&[&length, payload].concat())
    }

    pub(crate) fn send(&mut self, request: &Value) -> io::Result<()> {
        self.send_frame(&rmp_serde::to_vec_named(request).unwrap())
    }

    pub(crate) fn receive(&mut self) -> io::Result<Value> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        let mut payload = vec![0; u32::from_be_bytes(length) as usize];
        self.stream.read_exact(&mut payload)?;
        Ok(rmp_serde::from_slice(&payload).unwrap())
    }

    /// The fields of the reply, or of the error.
    pub(crate) fn try_call(&mut self, name: &str, fields: Value) -> io::Result<Result<Value, Value>> {
        self.send(&json!({ name: fields }))?;
        let reply = self.receive()?;
        Ok(match (reply.get(format!("{name}Ok")), reply.get("Error")) {
            (Some(fields), None) => Ok(fields.clone()),
            (None, Some(error)) => Err(error.clone()),
            _ => panic!("{name} was answered with {reply}"),
        })
    }

    pub(crate) fn call(&mut self, name: &str, fields: Value) -> Value {
        self.try_call(name, fields).unwrap().unwrap_or_else(|error| panic!("{name} failed: {error}"))
    }

    /// The code and the sentence of the error that the request gets.
    pub(crate) fn fails(&mut self, name: &str, fields: Value) -> (String, String) {
        let error = self.try_call(name, fields).unwrap().expect_err("an error was expected");
        (error["code"].as_str().unwrap().into(), error["message"].as_str().unwrap().into())
    }

    /// Teaches a concept; its id.
    pub(crate) fn learn(&mut self, content: &str) -> String {
        self.call("LearnConceptV2", json!({ "content": content }))["concept_id"].as_str().unwrap().into()
    }

    /// Whether the node has ended the connection.
    pub(crate) fn is_closed(&mut self) -> bool {
        matches!(self.stream.read(&mut [0]), Ok(0) | Err(_))
    }
}
