//! How fast it is: `cargo test --release --lib store::sqlite::speed -- --ignored --nocapture`.

use super::tests::Folder;
use crate::store::contract::{PATIENCE, id, letter, request, sent};
use crate::store::{Final, NewRequest, Store};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::time::Instant;

/// CPU time of this process, in microseconds.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    ticks as f64 * 10_000.0
}

async fn command(store: &Store, n: u64) {
    let keys = ["envelope", "event", "message:T0001:C0OPS"].map(|kind| {
        let random = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        format!("{kind}:{random:016x}-{random:016x}")
    });
    store.journal.accept(NewRequest { request: request(n), keys: keys.to_vec() }).await.unwrap();
    let posted = store.journal.finish(id(n), Final::Succeeded, letter(n, "Stopped `i-0abc`.", true)).await.unwrap();
    store.outbox.delivered(posted.id, sent("1.1")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
#[ignore = "a measurement"]
async fn commands_per_second_and_cpu_per_command() {
    for (callers, total) in [(1, 5_000u64), (50, 100_000), (50, 100_000)] {
        let folder = Folder::new();
        let store = folder.open();
        let next = Arc::new(AtomicU64::new(0));
        let (began, cpu_before) = (Instant::now(), cpu());
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..callers {
            let (store, next) = (store.clone(), Arc::clone(&next));
            tasks.spawn(async move {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= total {
                        return;
                    }
                    command(&store, n).await;
                }
            });
        }
        tasks.join_all().await;
        let (took, used) = (began.elapsed().as_secs_f64(), cpu() - cpu_before);
        println!(
            "{callers:>3} callers: {:>7.0} commands/s, {:>5.1} us cpu/command, {:>6.1} us wall/command",
            total as f64 / took,
            used / total as f64,
            took / total as f64 * 1e6,
        );
        store.close(PATIENCE).await.unwrap();
        let began = Instant::now();
        let store = folder.open();
        println!("            opened again in {:.1} ms", began.elapsed().as_secs_f64() * 1e3);
        store.close(PATIENCE).await.unwrap();
    }
}
