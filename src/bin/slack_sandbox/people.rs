//! The workspace: people, user groups and channels, as they are seeded and as the Web API shows them.

use serde_json::{Value, json};

/// The workspace of everyone but Olga.
pub const TEAM: &str = "TSANDBOX";
/// The workspace Olga comes from.
pub const OTHER_TEAM: &str = "TOUTSIDE";
/// The bot's user.
pub const BOT_USER: &str = "UDRONE";
/// The bot's bot id.
pub const BOT_ID: &str = "BDRONE";
/// The app.
pub const APP: &str = "ADRONE00001";
/// The app that people's own tokens were given to, and its bot id.
pub const SCRIPTS_APP: &str = "ASCRIPTS001";
/// What Slack writes beside the person into all that is posted with such a token.
pub const SCRIPTS_BOT_ID: &str = "BSCRIPTS";

/// A person or a bot user.
#[derive(Debug, Clone)]
pub struct User {
    /// `UMAYA`.
    pub id: String,
    /// Handle, without `@`.
    pub name: String,
    /// What people see.
    pub real_name: String,
    /// Home workspace.
    pub team: String,
    /// A bot user; its `bot_id`.
    pub bot_id: Option<String>,
    /// A guest of several channels.
    pub restricted: bool,
    /// A guest of one channel.
    pub ultra_restricted: bool,
    /// Someone of another workspace, seen through a shared channel.
    pub stranger: bool,
    /// Deactivated.
    pub deleted: bool,
    /// Workspace admin.
    pub admin: bool,
    /// For the page: what to know about this person.
    pub note: String,
}

impl User {
    /// A full member without a note.
    pub fn new(name: &str) -> Self {
        let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        User { id: format!("U{}", letters.to_ascii_uppercase()), ..User::person(name, "") }
    }

    fn person(name: &str, note: &str) -> Self {
        let mut real_name = name.to_owned();
        if let Some(first) = real_name.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        User {
            id: format!("U{}", name.to_ascii_uppercase()),
            name: name.to_owned(),
            real_name,
            team: TEAM.to_owned(),
            bot_id: None,
            restricted: false,
            ultra_restricted: false,
            stranger: false,
            deleted: false,
            admin: false,
            note: note.to_owned(),
        }
    }

    fn bot(name: &str, bot_id: &str, note: &str) -> Self {
        User { bot_id: Some(bot_id.to_owned()), ..User::person(name, note) }
    }

    /// The `user` object of users.info.
    pub fn json(&self) -> Value {
        json!({
            "id": self.id, "team_id": self.team, "name": self.name, "real_name": self.real_name, "deleted": self.deleted,
            "color": "9f69e7", "tz": "Europe/Berlin", "tz_label": "Central European Time", "tz_offset": 3600,
            "is_admin": self.admin, "is_owner": false, "is_primary_owner": false, "is_bot": self.bot_id.is_some(),
            "is_app_user": false, "is_restricted": self.restricted, "is_ultra_restricted": self.ultra_restricted,
            "is_stranger": self.stranger, "updated": 1_700_000_000, "is_email_confirmed": true, "has_2fa": true,
            "profile": {
                "real_name": self.real_name, "real_name_normalized": self.real_name, "display_name": self.name,
                "display_name_normalized": self.name, "team": self.team, "bot_id": self.bot_id,
                "email": format!("{}@sandbox.example", self.name), "image_48": "", "status_text": "", "status_emoji": "",
            },
        })
    }

    /// The `user` object of the control API: the same, and the note.
    pub fn brief(&self) -> Value {
        json!({
            "id": self.id, "name": self.name, "real_name": self.real_name, "team_id": self.team, "is_bot": self.bot_id.is_some(),
            "bot_id": self.bot_id, "is_restricted": self.restricted, "is_ultra_restricted": self.ultra_restricted,
            "is_stranger": self.stranger, "deleted": self.deleted, "is_admin": self.admin, "note": self.note,
        })
    }
}

/// A user group such as `@operators`.
#[derive(Debug, Clone)]
pub struct Group {
    /// `SOPERATORS`.
    pub id: String,
    /// Handle, without `@`.
    pub handle: String,
    /// Ids of the members.
    pub users: Vec<String>,
    /// Switched off.
    pub disabled: bool,
}

impl Group {
    /// The `usergroup` object of usergroups.list.
    pub fn json(&self, with_users: bool) -> Value {
        let mut group = json!({
            "id": self.id, "team_id": TEAM, "is_usergroup": true, "is_subteam": true, "name": self.handle, "handle": self.handle,
            "description": "", "is_external": false, "date_create": 1_700_000_000, "date_update": 1_700_000_000,
            "date_delete": if self.disabled { 1_700_000_001 } else { 0 }, "auto_provision": false, "enterprise_subteam_id": "",
            "created_by": "UMAYA", "updated_by": "UMAYA", "user_count": self.users.len(), "channel_count": 0,
            "prefs": {"channels": [], "groups": []},
        });
        if with_users {
            group["users"] = json!(self.users);
        }
        group
    }
}

/// A channel or a direct conversation with the bot.
#[derive(Debug, Clone)]
pub struct Channel {
    /// `COPS`, or `DMAYA`.
    pub id: String,
    /// `ops`; for a direct conversation the person's name.
    pub name: String,
    /// The person of a direct conversation.
    pub dm_with: Option<String>,
    /// Ids of the members.
    pub members: Vec<String>,
    /// Private channel.
    pub private: bool,
    /// Archived: nothing can be posted.
    pub archived: bool,
    /// Shared with another organisation (Slack Connect).
    pub shared: bool,
}

impl Channel {
    /// Whether the bot may post here and hears mentions.
    pub fn has_bot(&self) -> bool {
        self.has(BOT_USER)
    }

    /// Whether this user is a member.
    pub fn has(&self, user: &str) -> bool {
        self.members.iter().any(|member| member == user)
    }

    /// The `channel` object of conversations.info.
    pub fn json(&self) -> Value {
        if let Some(user) = &self.dm_with {
            return json!({
                "id": self.id, "created": 1_700_000_000, "is_archived": self.archived, "is_im": true, "is_org_shared": false,
                "user": user, "is_user_deleted": false, "priority": 0, "context_team_id": TEAM,
            });
        }
        json!({
            "id": self.id, "name": self.name, "name_normalized": self.name, "is_channel": !self.private, "is_group": self.private,
            "is_im": false, "is_mpim": false, "is_private": self.private, "created": 1_700_000_000, "is_archived": self.archived,
            "is_general": self.name == "general", "unlinked": 0, "is_shared": self.shared, "is_org_shared": false,
            "is_ext_shared": self.shared, "is_pending_ext_shared": false, "creator": "UMAYA",
            "is_member": self.has_bot(), "num_members": self.members.len(), "context_team_id": TEAM,
            "topic": {"value": "", "creator": "", "last_set": 0}, "purpose": {"value": "", "creator": "", "last_set": 0},
        })
    }

    /// The object of the control API.
    pub fn brief(&self) -> Value {
        json!({
            "id": self.id, "name": self.name, "is_im": self.dm_with.is_some(), "user": self.dm_with, "members": self.members,
            "is_private": self.private, "is_archived": self.archived, "has_bot": self.has_bot(), "is_ext_shared": self.shared,
        })
    }
}

/// Everyone and everywhere.
#[derive(Debug, Clone)]
pub struct Directory {
    /// People and bots, in the order of the page's list.
    pub users: Vec<User>,
    /// User groups.
    pub groups: Vec<Group>,
    /// Channels and direct conversations.
    pub channels: Vec<Channel>,
}

impl Directory {
    /// The workspace every sandbox starts with.
    pub fn seeded() -> Self {
        let mut gus = User::person("gus", "guest of #general and #ops");
        gus.restricted = true;
        let mut olga = User::person("olga", "of another organisation, in #partners");
        olga.team = OTHER_TEAM.to_owned();
        olga.stranger = true;
        let mut maya = User::person("maya", "operator");
        maya.admin = true;
        let users = vec![
            maya,
            User::person("omar", "operator"),
            User::person("vera", "viewer"),
            User::person("nina", "member of no group"),
            gus,
            olga,
            User::bot("drone", BOT_ID, "the bot under test"),
            User::bot("pager", "BPAGER", "another bot"),
        ];
        let group = |handle: &str, users: &[&str]| Group {
            id: format!("S{}", handle.to_ascii_uppercase()),
            handle: handle.to_owned(),
            users: users.iter().map(|u| (*u).to_owned()).collect(),
            disabled: false,
        };
        let groups = vec![group("operators", &["UMAYA", "UOMAR"]), group("viewers", &["UVERA"])];
        let mut directory = Directory { users, groups, channels: Vec::new() };
        // whoever is of another organisation is only where something is shared with that; guests are not there
        for (name, with_bot, shared) in
            [("ops", true, false), ("general", true, false), ("random", false, false), ("partners", true, true)]
        {
            let is_here =
                |u: &&User| (with_bot || u.id != BOT_USER) && if shared { !u.restricted } else { !u.stranger };
            let members = directory.users.iter().filter(is_here).map(|u| u.id.clone()).collect();
            directory.channels.push(Channel {
                id: format!("C{}", name.to_ascii_uppercase()),
                name: name.to_owned(),
                dm_with: None,
                members,
                private: false,
                archived: false,
                shared,
            });
        }
        let people: Vec<String> = directory.users.iter().filter(|u| u.bot_id.is_none()).map(|u| u.id.clone()).collect();
        for id in people {
            directory.open_dm(&id);
        }
        directory
    }

    /// The direct conversation of this person with the bot, made if it is new; `None` for an unknown person.
    pub fn open_dm(&mut self, user: &str) -> Option<String> {
        if let Some(channel) = self.channels.iter().find(|c| c.dm_with.as_deref() == Some(user)) {
            return Some(channel.id.clone());
        }
        let person = self.user(user)?;
        let channel = Channel {
            id: format!("D{}", person.id.strip_prefix('U').unwrap_or(&person.id)),
            name: person.name.clone(),
            dm_with: Some(person.id.clone()),
            members: vec![person.id.clone(), BOT_USER.to_owned()],
            private: true,
            archived: false,
            shared: false,
        };
        let id = channel.id.clone();
        self.channels.push(channel);
        Some(id)
    }

    /// By id.
    pub fn user(&self, id: &str) -> Option<&User> {
        self.users.iter().find(|user| user.id == id)
    }

    /// By handle, without regard to case.
    pub fn user_named(&self, name: &str) -> Option<&User> {
        self.users.iter().find(|user| user.name.eq_ignore_ascii_case(name))
    }

    /// By id or handle, with or without `@`: what the control API takes.
    pub fn find_user(&self, who: &str) -> Option<&User> {
        self.user(who).or_else(|| self.user_named(who.strip_prefix('@').unwrap_or(who)))
    }

    /// By handle.
    pub fn group_named(&self, handle: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.handle.eq_ignore_ascii_case(handle))
    }

    /// By id.
    pub fn group(&self, id: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.id == id)
    }

    /// By id.
    pub fn channel(&self, id: &str) -> Option<&Channel> {
        self.channels.iter().find(|channel| channel.id == id)
    }

    /// A channel (no direct conversation) by name.
    pub fn channel_named(&self, name: &str) -> Option<&Channel> {
        self.channels.iter().find(|channel| channel.dm_with.is_none() && channel.name == name)
    }

    /// By id, `#name`, `name`, or `dm` for the direct conversation of `user`: what the control API takes.
    pub fn find_channel(&self, place: &str, user: Option<&str>) -> Option<&Channel> {
        if place == "dm" {
            return self.channels.iter().find(|c| user.is_some() && c.dm_with.as_deref() == user);
        }
        self.channel(place).or_else(|| self.channel_named(place.strip_prefix('#').unwrap_or(place)))
    }
}
