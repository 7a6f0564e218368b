//! The contract, on Moto, on dynalite and on the table of the benchmarks, and what several replicas do to each other.

mod calls;
mod gone;
mod held;
mod lease;
mod patience;
mod place;
mod replicas;
mod rows;
mod table;

use place::Cell;

/// The contract on Moto.
mod moto {
    crate::store::contract::contract!(super::Cell::on_moto);
}

/// The contract on the table of the benchmarks, which is thereby shown to be one.
mod fast {
    crate::store::contract::contract!(super::Cell::on_fast);
}

/// The contract on dynalite, which knows neither transactions nor the call that switches time to live on.
mod dynalite {
    crate::store::contract::contract!(super::Cell::on_dynalite);
}
