//! The store as the settings name it: a file of one's own, or the table of several replicas.

use crate::aws::Aws;
use crate::clock;
use crate::settings::Settings;
use crate::store::{self, Store, StoreError, StoreKind, TableMade};
use futures_util::future::LocalBoxFuture;
use std::time::Duration;

/// Between the first two tries to open a store, and between the later ones: nobody is answered before it is open, and a try costs
/// a call or two.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Opens the store of the settings. One that does not answer now, or whose disk is full, may be mended soon: that is no
/// reason to end, and waits.
pub(super) async fn open(settings: &Settings) -> Result<Store, StoreError> {
    let client = match settings.store.kind {
        StoreKind::Sqlite => None,
        StoreKind::Dynamodb => Some(Aws::dynamodb(&settings.aws).await),
    };
    let mut pause = FIRST_PAUSE;
    loop {
        let opened = match &client {
            None => store::open(&settings.store, clock::system()),
            Some(client) => store::join(client.clone(), &settings.store, clock::system()).await,
        };
        match opened {
            Err(error @ (StoreError::Failed(_) | StoreError::Unavailable(_))) => {
                tracing::warn!(%error, "store cannot be used yet; trying again");
            }
            opened => return opened,
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Makes the table that several replicas share; the line says what was done.
pub fn init_store(settings: &Settings) -> LocalBoxFuture<'_, Result<String, String>> {
    Box::pin(make_store(settings))
}

async fn make_store(settings: &Settings) -> Result<String, String> {
    let table = &settings.store.table;
    if settings.store.kind == StoreKind::Sqlite {
        let file = settings.store.path.display();
        return Ok(format!("store.kind is sqlite: {file} is made by the first start; nothing was done"));
    }
    let client = Aws::patient_dynamodb(&settings.aws).await;
    match store::init_table(&client, &settings.store).await {
        Ok(TableMade::New) => Ok(format!("table {table} was made and can be used")),
        Ok(TableMade::Completed) => {
            Ok(format!("table {table} was there; what it lacked was added, and it can be used"))
        }
        Ok(TableMade::AsItWas) => Ok(format!("table {table} was there already and can be used; nothing was changed")),
        Err(error) => Err(error.to_string()),
    }
}
