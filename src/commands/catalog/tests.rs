use super::super::Context;
use super::super::testing::{FLEET, answer, cx};
use super::*;
use std::sync::Arc;

#[tokio::test]
async fn a_catalogue_with_one_more_row_reads_lists_explains_and_guesses_it() {
    let catalog = Catalog::built_in().with(&FLEET).unwrap();
    let added = Context { catalog: Arc::new(catalog), ..cx() };
    assert_eq!(answer("Fleet Report eu", &added).await, "[info] All is well in `eu`.");
    assert!(answer("help", &added).await.contains("\n- `fleet report` – Reports on the fleet\n"));
    assert!(answer("whoami", &added).await.contains("`fleet report`"));
    let explained = "[info] # fleet report\nReports on the fleet.\nUsage: `fleet report [place]`\n";
    for line in ["help fleet report", "fleet report --help"] {
        assert!(answer(line, &added).await.starts_with(explained), "{line}");
    }
    let guessed = "[usage] I do not know `fleet reprot`. Did you mean `fleet report`? Say `help` for the list.";
    assert_eq!(answer("fleet reprot", &added).await, guessed);
    assert!(answer("fleet", &added).await.starts_with("[usage] `fleet` needs one of `report` after it."));
    for line in ["fleet report", "help fleet report"] {
        assert!(answer(line, &cx()).await.starts_with("[usage] I do not know `fleet"), "{line}");
    }
}

#[test]
fn a_name_is_given_once_in_any_case_of_letters() {
    let catalog = Catalog::built_in().with(&FLEET).unwrap();
    assert_eq!(catalog.with(&FLEET).unwrap_err().to_string(), "there is a command `fleet report` already");
}

#[test]
fn how_one_looks_at_a_target_is_a_command_of_the_catalogue() {
    let catalog = Catalog::built_in();
    for inspect in catalog.rows().iter().filter_map(|row| row.inspect) {
        assert!(catalog.row(inspect.command).is_some(), "{}", inspect.command);
    }
}
