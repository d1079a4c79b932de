//! `LearnAssociation`, `GetAssociation`.

use sutra_protocol::ApiError;
use sutra_protocol::tcp::{AssocType, GetAssociation, GetAssociationOk, LearnAssociation, Named, SequenceOk};

use super::named;
use crate::tcp::answer::Asked;

pub(in crate::tcp) async fn learn(asked: &Asked, association: LearnAssociation) -> Result<SequenceOk, ApiError> {
    let mut associate = association.into_http()?;
    associate.source = named::locate(asked, associate.source).await?;
    associate.target = named::locate(asked, associate.target).await?;
    let learned = asked.service.associate(&asked.caller, associate).await?.body;
    Ok(SequenceOk { sequence: learned.index })
}

pub(in crate::tcp) async fn get(asked: &Asked, ends: GetAssociation) -> Result<GetAssociationOk, ApiError> {
    let source = Named::required(ends.source_id, "source_id")?;
    let target = Named::required(ends.target_id, "target_id")?;
    let from = named::locate(asked, source.clone().into()).await?;
    let to = named::locate(asked, target.clone().into()).await?;
    let found = named::optional(asked.service.association(&asked.caller, &asked.read, &from, &to).await)?.flatten();
    Ok(match found {
        Some(association) => GetAssociationOk {
            found: true,
            source_id: association.key.source.to_string(),
            target_id: association.key.target.to_string(),
            assoc_type: AssocType(association.key.kind),
            confidence: association.confidence,
            label: association.key.label.to_string(),
        },
        None => GetAssociationOk {
            found: false,
            source_id: source.to_string(),
            target_id: target.to_string(),
            assoc_type: AssocType::default(),
            confidence: 0.0,
            label: String::new(),
        },
    })
}
