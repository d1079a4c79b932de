//! A checkpoint of another replica, fetched piece by piece.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use sutra_disk::{Disk, Open};
use sutra_peer::Class;
use sutra_replication::{Call, Member, ReplicaId, Transport};
use sutra_storage::{HeldSegments, Incoming, IncomingFile, ManifestHead, ManifestParts};

use super::give::PIECE_BYTES;
use crate::messages::{GIFT_PIECE, GIVE, Gift, Given, PieceOf, Wish, Wished};
use crate::words;

/// How long a node has to make a checkpoint.
const CHECKPOINT: Duration = Duration::from_secs(60);
/// How long it has for a piece.
const PIECE: Duration = Duration::from_secs(10);
/// How often a piece is asked for.
const TRIES: u32 = 3;

/// Whom to fetch from, and where to put it.
pub(super) struct Fetch<'a> {
    pub(super) pool: &'a dyn Transport,
    pub(super) disk: Arc<dyn Disk>,
    /// A folder that nobody else uses meanwhile.
    pub(super) folder: PathBuf,
    pub(super) shard: u64,
    /// The replica that it is for.
    pub(super) by: ReplicaId,
}

impl Fetch<'_> {
    /// Fetches a checkpoint from a node, whole and synced; `None`: the node does not lead the shard, if that is wished for, or its replica
    /// is not sound.
    pub(super) async fn from(&self, member: &Member, wish: Wish) -> Result<Option<Incoming>, String> {
        let given = self.ask(member, GIVE, &Wished { by: self.by, wish }, CHECKPOINT).await?;
        let Some(Gift { number, manifest, files }) = words::decode::<Given>(&given)? else { return Ok(None) };
        self.clear()?;
        let manifest = self.manifest(member, number, manifest).await?;
        let mut incoming = Incoming { manifest, files: Vec::with_capacity(files.len()), held: HeldSegments::default() };
        for (at, file) in files.into_iter().enumerate() {
            let signature = file.signature[..].try_into().map_err(|_| "a signature has 16 bytes")?;
            let path = self.folder.join(format!("heal-{at:06}.part"));
            self.file(member, (number, at as u64, file.bytes), &path).await?;
            incoming.files.push(IncomingFile { signature, received: Some(path) });
        }
        Ok(Some(incoming))
    }

    /// What an earlier attempt left.
    fn clear(&self) -> Result<(), String> {
        let failed = |error: std::io::Error| format!("clear the folder of received files: {error}");
        self.disk.create_dir_all(&self.folder).map_err(failed)?;
        let names = self.disk.list(&self.folder).map_err(failed)?;
        names.iter().try_for_each(|name| self.disk.remove(&self.folder.join(name))).map_err(failed)
    }

    async fn manifest(&self, member: &Member, number: u64, head: ManifestHead) -> Result<Vec<u8>, String> {
        let mut parts = ManifestParts::new(head)?;
        for offset in (0..head.bytes).step_by(PIECE_BYTES as usize) {
            let piece = self.piece(member, PieceOf { number, file: None, offset }).await?;
            parts.put(offset, piece.to_vec())?;
        }
        parts.whole()
    }

    async fn file(&self, member: &Member, (number, file, bytes): (u64, u64, u64), path: &Path) -> Result<(), String> {
        let failed = |error: std::io::Error| format!("write a received file: {error}");
        let mut written = self.disk.open(path, Open::Create).map_err(failed)?;
        let mut offset = 0;
        while offset < bytes {
            let piece = self.piece(member, PieceOf { number, file: Some(file), offset }).await?;
            if piece.len() as u64 != (bytes - offset).min(PIECE_BYTES) {
                return Err("a piece of a file is not as long as was said".into());
            }
            let (content, at) = (piece.clone(), offset);
            let done = tokio::task::spawn_blocking(move || written.write_at(at, &content).map(|()| written)).await;
            written = done.map_err(|error| error.to_string())?.map_err(failed)?;
            offset += piece.len() as u64;
        }
        let synced = tokio::task::spawn_blocking(move || written.sync()).await.map_err(|error| error.to_string())?;
        synced.map_err(failed)
    }

    async fn piece(&self, member: &Member, of: PieceOf) -> Result<bytes::Bytes, String> {
        let mut tries = 1;
        loop {
            match self.ask(member, GIFT_PIECE, &of, PIECE).await {
                Err(_) if tries < TRIES => tries += 1,
                asked => return asked,
            }
        }
    }

    async fn ask(&self, member: &Member, service: u16, what: &impl Serialize, timeout: Duration) -> Result<bytes::Bytes, String> {
        let payload = words::encode(what)?.into();
        let call = Call { class: Class::Bulk, service, group: self.shard, payload, timeout };
        self.pool.call(member, call).await.map_err(|error| error.to_string())
    }
}
