//! The secret with which nodes recognise each other.

use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, PostParams};
use kube::{Client, Error, ResourceExt as _};
use sutra_crds::SutraCluster;
use sutra_crds::names::FIELD_MANAGER;

use super::outcome::Outcome;
use crate::render;

/// Makes a cluster's peer secret. One that is there already stays as it is: the operator may not change secrets, and another
/// one would divide the grid.
///
/// # Errors
/// If the answer may be another later.
pub async fn create_peer_secret(client: &Client, cluster: &SutraCluster) -> Result<Outcome, Error> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), &cluster.namespace().unwrap_or_default());
    let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
    match secrets.create(&params, &render::peer_secret(cluster, &random()?)).await {
        Err(Error::Api(status)) if status.is_already_exists() => Ok(Outcome::Done),
        answer => Outcome::of_making(answer),
    }
}

/// 32 random bytes in hexadecimal digits.
fn random() -> Result<String, Error> {
    let mut bytes = [0_u8; 32];
    let source = rustls::crypto::ring::default_provider().secure_random;
    source.fill(&mut bytes).map_err(|_| Error::Service("the system has no random numbers".into()))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::random;

    #[test]
    fn a_secret_is_64_hexadecimal_digits_and_never_the_same() {
        let secret = random().unwrap();
        assert!(secret.len() == 64 && secret.bytes().all(|digit| digit.is_ascii_hexdigit()), "{secret}");
        assert_ne!(secret, random().unwrap());
    }
}
