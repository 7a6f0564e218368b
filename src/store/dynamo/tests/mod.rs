//! The contract, on Moto and on dynalite, and what several replicas do to each other.

mod gone;
mod place;
mod replicas;
mod rows;
mod table;

use place::Cell;

/// The contract on Moto.
mod moto {
    crate::store::contract::contract!(super::Cell::on_moto);
}

/// The contract on dynalite, which knows neither transactions nor the call that switches time to live on.
mod dynalite {
    crate::store::contract::contract!(super::Cell::on_dynalite);
}
