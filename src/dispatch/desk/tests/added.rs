//! A catalogue with one more command than the program has.

use super::*;
use crate::commands::testing::FLEET;

#[test]
fn a_command_that_was_added_is_judged_guessed_and_filled_in_like_the_others() {
    run(async {
        let catalog = Catalog::built_in().with(&FLEET).expect("a name of its own");
        let office = Office::over(false, catalog, |shop| shop).await;
        assert_eq!(office.says("UVERA", "Fleet report eu", How::Fresh).await, "[info] All is well in `eu`.");
        let refused = office.says("UNINA", "fleet report", How::Fresh).await;
        assert!(refused.starts_with("[refused] `fleet report` needs the group *operators* or *viewers*"), "{refused}");
        let help = office.says("UVERA", "help", How::Fresh).await;
        assert!(help.contains("`fleet report` – Reports on the fleet"), "{help}");
        let guessed = office.letter(Source::SlashCommand, "UVERA", "fleet reprot").await;
        assert!(plain(&guessed).ends_with(r#"[fleet report]Run("fleet report")"#), "{guessed:?}");
        let form = office.letter(Source::FormButton, "UVERA", "fleet report eu").await.form.expect("a form");
        let fields: Vec<_> = form.fields.iter().map(|field| (field.name.as_str(), field.value.as_deref())).collect();
        assert_eq!(fields, [("place", Some("eu"))]);
        office.house.ends().await;
    });
}
