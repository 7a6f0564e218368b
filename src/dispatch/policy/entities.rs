//! Cedar's words for one request: the person, the action, the resource, the situation. What is the same in every
//! request is made once.

use super::{Resource, Situation};
use crate::domain::{AccountId, Principal, Risk, Target};
use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression, Schema,
};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap, HashSet};

/// The id of the only `Bot`.
pub(super) const BOT: &str = "dronebot";

/// Everything that does not depend on the request.
pub(super) struct Known {
    user: EntityTypeName,
    group: EntityTypeName,
    account: EntityTypeName,
    region: EntityTypeName,
    target: EntityTypeName,
    source: EntityTypeName,
    bot: Entity,
    actions: HashMap<String, KnownAction>,
    /// The last situation: a list judges each of its rows in the same one, and parsing the time costs more than judging.
    last: Mutex<Option<(Situation, Context)>>,
}

/// An action with its class.
pub(super) struct KnownAction {
    /// `Action::"ec2:stop"`
    pub uid: EntityUid,
    entities: Entities,
}

impl Known {
    /// The actions of the table, each below its class.
    pub fn new(actions: &[(&str, Risk)]) -> Result<Self, String> {
        let kind = |name: &str| name.parse::<EntityTypeName>().map_err(|error| error.to_string());
        let action = kind("Action")?;
        let mut known = HashMap::new();
        for (name, risk) in actions {
            let class = id(&action, risk.as_str());
            let uid = id(&action, name);
            let entity = Entity::new_no_attrs(uid.clone(), HashSet::from([class]));
            let entities = Entities::from_entities([entity], None).map_err(|error| error.to_string())?;
            known.insert((*name).to_owned(), KnownAction { uid, entities });
        }
        Ok(Self {
            user: kind("User")?,
            group: kind("Group")?,
            account: kind("Account")?,
            region: kind("Region")?,
            target: kind("Target")?,
            source: kind("Source")?,
            bot: Entity::new_no_attrs(id(&kind("Bot")?, BOT), HashSet::new()),
            actions: known,
            last: Mutex::new(None),
        })
    }

    /// The action of this name, if the table has it.
    pub fn action(&self, name: &str) -> Result<&KnownAction, String> {
        self.actions.get(name).ok_or_else(|| format!("no action `{name}` in the table of commands"))
    }

    /// Whether the resources of this type are the bot alone.
    pub fn is_bot(&self, kind: &EntityTypeName) -> bool {
        self.bot.uid().type_name() == kind
    }

    /// Whether the resources of this type are regions.
    pub fn is_region(&self, kind: &EntityTypeName) -> bool {
        self.region == *kind
    }

    /// The person below their groups.
    pub fn user(&self, principal: &Principal) -> Result<Entity, String> {
        let groups = principal.groups.iter().map(|group| id(&self.group, group)).collect();
        let attributes = HashMap::from([
            ("membership".to_owned(), text(principal.membership.as_str())),
            ("team".to_owned(), text(principal.team.as_str())),
        ]);
        Entity::new(id(&self.user, principal.user.as_str()), attributes, groups).map_err(|error| error.to_string())
    }

    /// The resource; a target is below its region and its account and has its tags.
    pub fn resource(&self, resource: &Resource<'_>) -> Result<Entity, String> {
        match resource {
            Resource::Bot => Ok(self.bot.clone()),
            Resource::Region { account, region } => {
                let account = account.map(AccountId::as_str);
                let attributes = HashMap::from([
                    // the schema wants a text; what else the doubt forbids is found by `evaluate`
                    ("account".to_owned(), text(account.unwrap_or_default())),
                    ("name".to_owned(), text(region)),
                ]);
                let parents = account.map(|account| id(&self.account, account)).into_iter().collect();
                Entity::new(id(&self.region, region), attributes, parents).map_err(|error| error.to_string())
            }
            Resource::Target(target) => {
                let attributes = HashMap::from([
                    ("kind".to_owned(), text(target.kind.as_str())),
                    ("account".to_owned(), text(target.account.as_str())),
                    ("region".to_owned(), text(&target.region)),
                    ("protected".to_owned(), RestrictedExpression::new_bool(target.is_protected())),
                    ("approvals".to_owned(), RestrictedExpression::new_long(i64::from(target.approvals()))),
                ]);
                let parents =
                    HashSet::from([id(&self.region, &target.region), id(&self.account, target.account.as_str())]);
                let tags: Vec<_> = target.tags.iter().map(|(key, value)| (key.clone(), text(value))).collect();
                Entity::new_with_tags(id(&self.target, target.resource()), attributes, parents, tags)
                    .map_err(|error| error.to_string())
            }
        }
    }

    /// The situation as a policy sees it.
    pub fn context(&self, situation: &Situation) -> Result<Context, String> {
        if let Some((last, context)) = &*self.last.lock()
            && last == situation
        {
            return Ok(context.clone());
        }
        let source = RestrictedExpression::new_entity_uid(id(&self.source, situation.source.as_str()));
        let context = context(situation, source)?;
        *self.last.lock() = Some((situation.clone(), context.clone()));
        Ok(context)
    }

    /// Checks that what is made here is what the schema describes, so that a policy that passed validation finds what
    /// it asks for. One example of each resource type is tried with each action.
    pub fn conforms(&self, schema: &Schema, resources: &BTreeMap<String, Vec<EntityTypeName>>) -> Result<(), String> {
        let target = Target {
            kind: crate::domain::ResourceKind::new("k"),
            id: "i-0".to_owned(),
            name: None,
            account: "0".into(),
            region: "r".to_owned(),
            tags: BTreeMap::from([("k".to_owned(), "v".to_owned())]),
        };
        let region = Resource::Region { account: Some(&target.account), region: "r" };
        let situation = Situation {
            channel: "C0".into(),
            direct_message: false,
            external: false,
            source: crate::domain::Source::Mention,
            time: jiff::Timestamp::UNIX_EPOCH,
            approvals: 0,
        };
        for (action, types) in resources {
            for kind in types {
                let of_kind = |resource: &Entity| resource.uid().type_name() == kind;
                let samples = [Resource::Bot, region, Resource::Target(&target)];
                let made = samples.iter().map(|sample| self.resource(sample)).collect::<Result<Vec<_>, _>>()?;
                let resource = made.into_iter().find(of_kind).ok_or_else(|| {
                    format!("action `{action}` applies to `{kind}`, which this program does not know")
                })?;
                let user = self.user(&super::probe("group"))?;
                let action = self.action(action)?.uid.clone();
                let context = self.context(&situation)?;
                Request::new(user.uid(), action, resource.uid(), context, Some(schema))
                    .map_err(|error| error.to_string())?;
                Entities::from_entities([user, resource], Some(schema))
                    .map_err(|error| cedar_policy::ffi::DetailedError::from(&error).message)?;
            }
        }
        Ok(())
    }
}

impl KnownAction {
    /// The entities of one request.
    pub fn with(&self, user: Entity, resource: Option<Entity>) -> Result<Entities, String> {
        self.entities.clone().add_entities([user].into_iter().chain(resource), None).map_err(|error| error.to_string())
    }
}

fn context(situation: &Situation, source: RestrictedExpression) -> Result<Context, String> {
    let utc = situation.time.to_zoned(jiff::tz::TimeZone::UTC);
    let weekday = match utc.weekday() {
        jiff::civil::Weekday::Monday => "monday",
        jiff::civil::Weekday::Tuesday => "tuesday",
        jiff::civil::Weekday::Wednesday => "wednesday",
        jiff::civil::Weekday::Thursday => "thursday",
        jiff::civil::Weekday::Friday => "friday",
        jiff::civil::Weekday::Saturday => "saturday",
        jiff::civil::Weekday::Sunday => "sunday",
    };
    let time = utc.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    Context::from_pairs([
        ("channel".to_owned(), text(situation.channel.as_str())),
        ("direct_message".to_owned(), RestrictedExpression::new_bool(situation.direct_message)),
        ("external".to_owned(), RestrictedExpression::new_bool(situation.external)),
        ("source".to_owned(), source),
        ("time".to_owned(), RestrictedExpression::new_datetime(time)),
        ("hour".to_owned(), RestrictedExpression::new_long(i64::from(utc.hour()))),
        ("weekday".to_owned(), text(weekday)),
        ("approvals".to_owned(), RestrictedExpression::new_long(i64::from(situation.approvals))),
    ])
    .map_err(|error| error.to_string())
}

fn id(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

fn text(value: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_owned())
}
