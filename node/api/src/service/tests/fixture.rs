//! A service to ask, and the requests that tests have in common.

use std::time::Duration;

use sutra_protocol::command::RequestKey;
use sutra_protocol::http::{AssociateRequest, ConceptRef, ImportReport, LearnAssociation, LearnRequest, LearnResponse};
use sutra_protocol::{ApiError, ConceptId, Namespace};
use sutra_storage::{Store, StoreConfig};
use tempfile::TempDir;

use super::super::{Caller, Read, Service, ServiceConfig};

/// A service over an empty store; the directory lives as long as this.
pub(super) struct Node {
    pub(super) service: Service,
    _dir: TempDir,
}

pub(super) fn node() -> Node {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(StoreConfig::at(dir.path())).unwrap();
    let config = ServiceConfig {
        node: "node-0".into(),
        http: "127.0.0.1:8000".into(),
        tcp: "127.0.0.1:50051".into(),
        peer: None,
        advertise: None,
        version: "0.0.0",
        embedder: "none".into(),
        edition: "none".into(),
    };
    Node { service: Service::new(sutra_grid::Router::alone(store), config), _dir: dir }
}

pub(super) fn caller() -> Caller {
    Caller::anonymous(Duration::from_secs(30))
}

/// A caller who may repeat a request.
pub(super) fn repeating(key: &str, digest: u128) -> Caller {
    Caller { request: Some(RequestKey { key: key.into(), digest }), ..caller() }
}

pub(super) fn id(content: &str, key: Option<&str>) -> ConceptId {
    ConceptId::derive(&Namespace::default(), content, key)
}

pub(super) fn teach(content: &str) -> LearnRequest {
    LearnRequest { content: content.into(), ..LearnRequest::default() }
}

/// An association to a concept with this content, created if need be.
pub(super) fn to(content: &str, label: &str) -> LearnAssociation {
    LearnAssociation { target_content: Some(content.into()), label: Some(label.into()), ..LearnAssociation::default() }
}

pub(super) fn to_key(key: &str, label: &str) -> LearnAssociation {
    LearnAssociation { target_key: Some(key.into()), label: Some(label.into()), ..LearnAssociation::default() }
}

pub(super) fn called(content: &str) -> ConceptRef {
    ConceptRef::Content { content: content.into() }
}

pub(super) fn associate(source: ConceptRef, target: ConceptRef, label: &str) -> AssociateRequest {
    AssociateRequest {
        source,
        target,
        kind: None,
        label: Some(label.into()),
        confidence: None,
        strength: None,
        valid_from: None,
        valid_to: None,
        evidence: Vec::new(),
        namespace: None,
    }
}

impl Node {
    pub(super) async fn learn(&self, request: LearnRequest) -> LearnResponse {
        self.service.learn(&caller(), request).await.unwrap().body
    }

    pub(super) async fn refused(&self, request: LearnRequest) -> ApiError {
        self.service.learn(&caller(), request).await.unwrap_err()
    }

    pub(super) async fn import(&self, lines: &str) -> ImportReport {
        self.import_into(Namespace::default(), lines).await
    }

    pub(super) async fn import_into(&self, namespace: Namespace, lines: &str) -> ImportReport {
        let mut importer = self.service.import(caller(), namespace).unwrap();
        for line in lines.lines() {
            importer.push(line.as_bytes()).await.unwrap();
        }
        importer.finish().await.unwrap().0
    }

    pub(super) async fn export(&self) -> String {
        self.export_from(Namespace::default()).await
    }

    pub(super) async fn export_from(&self, namespace: Namespace) -> String {
        let exporter = self.service.export(&caller(), &Read { namespace, ..Read::default() }).await.unwrap();
        let mut lines = Vec::new();
        exporter.write(&mut lines).unwrap();
        String::from_utf8(lines).unwrap()
    }
}
