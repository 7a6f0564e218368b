use std::{process::Command, time::Duration};

use proptest::prelude::*;
use tokio::time::Instant;

use crate::supervision::{Backoff, BackoffSpec, Intensity, IntensityMeter};

fn spec() -> impl Strategy<Value = BackoffSpec> {
    (0u64..10_000, 0u64..100_000, 0.0..10.0f64, 0.0..1.0f64, 1u64..100_000).prop_map(
        |(min, max, factor, jitter, healthy)| BackoffSpec {
            min: Duration::from_millis(min),
            max: Duration::from_millis(max),
            factor,
            jitter,
            healthy_after: Duration::from_millis(healthy),
        },
    )
}

proptest! {
    #[test]
    fn a_back_off_grows_up_to_its_cap_and_jitter_only_adds(spec in spec(), lucks in prop::collection::vec(0.0..1.0f64, 1..200)) {
        let (mut plain, mut jittered) = (Backoff::new(spec), Backoff::new(spec));
        let mut before = Duration::ZERO;
        for luck in lucks {
            let wait = plain.after(Duration::ZERO, 0.0);
            prop_assert!(wait >= before && wait >= spec.min && wait <= spec.max.max(spec.min));
            let with_luck = jittered.after(Duration::ZERO, luck);
            prop_assert!(with_luck >= wait && with_luck <= spec.ceiling());
            before = wait;
        }
    }

    #[test]
    fn a_healthy_life_resets_a_back_off(spec in spec(), failures in 1usize..100) {
        let mut backoff = Backoff::new(spec);
        let first = backoff.after(Duration::ZERO, 0.0);
        for _ in 0..failures {
            backoff.after(Duration::ZERO, 0.0);
        }
        prop_assert_eq!(backoff.after(spec.healthy_after, 0.0), first);
        prop_assert_eq!(backoff.in_a_row(), 1);
    }

    #[test]
    fn no_window_ever_holds_more_restarts_than_allowed(
        max_restarts in 0usize..10,
        window in 1u64..1_000,
        gaps in prop::collection::vec(0u64..300, 1..200),
    ) {
        let intensity = Intensity { max_restarts, window: Duration::from_millis(window) };
        let mut meter = IntensityMeter::new(intensity);
        let mut now = Instant::now();
        let mut allowed: Vec<Instant> = Vec::new();
        for gap in gaps {
            now += Duration::from_millis(gap);
            let recent = allowed.iter().filter(|then| now - **then < intensity.window).count();
            let spent = meter.spend(now);
            prop_assert_eq!(spent, recent < max_restarts);
            if spent {
                allowed.push(now);
            }
        }
    }
}

#[test]
fn the_default_back_off_is_200_ms_doubling_to_30_s_and_a_fifth() {
    let mut backoff = Backoff::new(BackoffSpec::default());
    let waits: Vec<_> = (0..10).map(|_| backoff.after(Duration::ZERO, 0.0).as_millis()).collect();
    assert_eq!(waits, [200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
    assert_eq!(backoff.after(Duration::ZERO, 1.0), Duration::from_secs(36));
}

#[test]
fn a_build_in_which_a_panic_ends_the_process_does_not_compile() {
    let folder = tempfile::tempdir().expect("a folder");
    let compile = |panic: &str| {
        Command::new("rustc")
            .args(["--edition", "2024", "--crate-type", "lib", "--emit", "metadata", "-C", panic, "--out-dir"])
            .arg(folder.path())
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/src/supervision/unwinding.rs"))
            .output()
            .expect("rustc runs")
    };
    assert!(compile("panic=unwind").status.success());
    let aborting = compile("panic=abort");
    assert!(!aborting.status.success());
    assert!(String::from_utf8_lossy(&aborting.stderr).contains("supervision catches panics"));
}
