//! `/v1/namespaces`.

use sutra_grid::Reading;
use sutra_protocol::command::{Operation, Outcome};
use sutra_protocol::http::{NamespaceDropped, NamespaceSettings, NamespaceView, NamespacesResponse};
use sutra_protocol::{ApiError, Namespace};

use super::submit::{Done, unexpected};
use super::{Caller, Service, Written, fault};

impl Service {
    /// Every namespace, by name.
    ///
    /// # Errors
    /// `deadline_exceeded`.
    pub async fn namespaces(&self, caller: &Caller) -> Result<NamespacesResponse, ApiError> {
        self.ready(caller).await?;
        Ok(NamespacesResponse { namespaces: self.all(caller).await? })
    }

    async fn all(&self, caller: &Caller) -> Result<Vec<NamespaceView>, ApiError> {
        self.router.namespaces(&caller.reading()).await.map_err(|error| fault::route(&error))
    }

    /// A namespace.
    ///
    /// # Errors
    /// `not_found`, `deadline_exceeded`.
    pub async fn namespace(&self, caller: &Caller, namespace: &Namespace) -> Result<NamespaceView, ApiError> {
        self.ready(caller).await?;
        let missing = || fault::rejection(&sutra_protocol::command::Rejection::NoNamespace { namespace: namespace.clone() });
        self.all(caller).await?.into_iter().find(|view| view.name == *namespace).ok_or_else(missing)
    }

    /// Creates a namespace or replaces its settings.
    ///
    /// # Errors
    /// `invalid_argument`, and what every write may meet.
    pub async fn set_namespace(
        &self,
        caller: &Caller,
        namespace: &Namespace,
        settings: NamespaceSettings,
    ) -> Result<Written<NamespaceView>, ApiError> {
        settings.validate()?;
        let done = self.once(caller, namespace, Operation::SetNamespace(settings.clone())).await?;
        let Outcome::NamespaceSet { .. } = &done.outcome else { return Err(unexpected(&done.outcome)) };
        let reading = Reading { seen: done.seen.to_vec(), ..caller.reading() };
        let all = self.router.namespaces(&reading).await.map_err(|error| fault::stored(fault::route(&error)))?;
        let stored = all.into_iter().find(|view| view.name == *namespace);
        let body = match stored {
            // What was left out of the request is as the store has it.
            Some(view) => NamespaceView {
                settings: settings.replacing(&view.settings, false).map_err(|rejection| fault::rejection(&rejection))?,
                ..view
            },
            // It was dropped in between.
            None => NamespaceView { name: namespace.clone(), settings, concepts: 0, associations: 0, dimension: None },
        };
        Ok(Written { body, token: self.token(caller, &done) })
    }

    /// Removes a namespace with everything in it.
    ///
    /// # Errors
    /// `not_found`, and what every write may meet.
    pub async fn drop_namespace(&self, caller: &Caller, namespace: &Namespace) -> Result<Written<NamespaceDropped>, ApiError> {
        let done = self.once(caller, namespace, Operation::DropNamespace).await?;
        let Done { index, recorded_at, .. } = done;
        let Outcome::NamespaceDropped { concepts } = done.outcome else { return Err(unexpected(&done.outcome)) };
        let body = NamespaceDropped { deleted: true, concepts, index, recorded_at };
        Ok(Written { body, token: self.token(caller, &done) })
    }
}
