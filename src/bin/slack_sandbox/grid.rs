//! Enterprise Grid: what Slack adds to what it sends, and leaves out of it, where the workspace belongs to an organisation.

use serde_json::{Value, json};

use crate::people::{OTHER_TEAM, TEAM, User};

/// The organisation of the workspace.
pub const ENTERPRISE: &str = "ESANDBOX";
/// The organisation of everybody else's.
pub const OTHER_ENTERPRISE: &str = "EOUTSIDE";
const NAME: &str = "Sandbox Organisation";

/// Whether there is an organisation, and to what of it the app is installed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Grid {
    /// There is none.
    #[default]
    Off,
    /// To one of its workspaces.
    Workspace,
    /// To all of it.
    Organisation,
}

impl Grid {
    /// For the control API.
    pub fn as_str(self) -> &'static str {
        match self {
            Grid::Off => "off",
            Grid::Workspace => "workspace",
            Grid::Organisation => "organisation",
        }
    }

    /// The reverse.
    pub fn parse(word: &str) -> Option<Grid> {
        [Grid::Off, Grid::Workspace, Grid::Organisation].into_iter().find(|grid| grid.as_str() == word)
    }

    fn is_for_all(self) -> bool {
        self == Grid::Organisation
    }

    /// A payload as it is sent in an envelope of this kind.
    pub fn dress(self, kind: &str, payload: &mut Value) {
        if self == Grid::Off {
            return;
        }
        match kind {
            "events_api" => self.dress_event(payload),
            // a form in JSON: its words are text
            "slash_commands" => {
                payload["enterprise_id"] = json!(ENTERPRISE);
                payload["enterprise_name"] = json!(NAME);
                payload["is_enterprise_install"] = json!(self.is_for_all().to_string());
            }
            _ => self.dress_interaction(payload),
        }
    }

    fn dress_event(self, payload: &mut Value) {
        payload["enterprise_id"] = json!(ENTERPRISE);
        payload["context_enterprise_id"] = json!(ENTERPRISE);
        for authorization in payload["authorizations"].as_array_mut().into_iter().flatten() {
            authorization["enterprise_id"] = json!(ENTERPRISE);
            authorization["is_enterprise_install"] = json!(self.is_for_all());
            if self.is_for_all() {
                authorization["team_id"] = Value::Null;
            }
        }
    }

    fn dress_interaction(self, payload: &mut Value) {
        payload["enterprise"] = json!({"id": ENTERPRISE, "name": NAME});
        payload["is_enterprise_install"] = json!(self.is_for_all());
        if self.is_for_all() {
            payload["team"] = Value::Null;
        } else if payload["team"].is_object() {
            payload["team"]["enterprise_id"] = json!(ENTERPRISE);
            payload["team"]["enterprise_name"] = json!(NAME);
        }
        if self.is_for_all() && payload["view"].is_object() {
            payload["view"]["app_installed_team_id"] = json!(ENTERPRISE);
        }
    }

    /// The `user` object of users.info: of one organisation are the workspaces in which the person is.
    pub fn user(self, user: &User) -> Value {
        let mut shown = user.json();
        if self == Grid::Off {
            return shown;
        }
        let (enterprise, team) = if user.stranger { (OTHER_ENTERPRISE, OTHER_TEAM) } else { (ENTERPRISE, TEAM) };
        shown["enterprise_user"] = json!({
            "id": user.id, "enterprise_id": enterprise, "enterprise_name": NAME, "is_admin": user.admin, "is_owner": false,
            "is_primary_owner": false, "teams": [team],
        });
        if self.is_for_all() && !user.stranger {
            shown["team_id"] = json!(ENTERPRISE);
        }
        shown
    }

    /// The answer of auth.test.
    pub fn auth(self, answer: &mut Value) {
        if self != Grid::Off {
            answer["enterprise_id"] = json!(ENTERPRISE);
            answer["is_enterprise_install"] = json!(self.is_for_all());
        }
        if self.is_for_all() {
            answer["team_id"] = json!(ENTERPRISE);
        }
    }
}
