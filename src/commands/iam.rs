//! What the bot's AWS role needs, derived from the catalogue of commands: a policy for each class of commands, and no call
//! in it that no command makes.

use super::{Catalog, DeployConfig, REACHES};
use crate::aws::Call;
use crate::domain::{PROTECTING, Risk, SecretReference, UNPROTECTED};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The calls that a store in DynamoDB makes. The last two are those of `dronebot store init`.
pub const STORE: [&str; 7] = [
    "dynamodb:DeleteItem",
    "dynamodb:DescribeTable",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:CreateTable",
    "dynamodb:UpdateTimeToLive",
];

/// What the settings name, to which a policy is narrowed.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// The services that may be deployed. Where there is none, nothing of ECS and ECR is called.
    pub deploy: &'a DeployConfig,
    /// The regions in which commands may act; empty means all.
    pub regions: &'a [String],
    /// The table of the store.
    pub table: &'a str,
    /// The secrets that AWS keeps.
    pub secrets: &'a [SecretReference],
}

/// What fills the places in braces of a call's ARNs, by their names.
pub type Place = BTreeMap<&'static str, String>;

/// Where some services of AWS are called, as the settings say.
pub struct Reach {
    /// The services, by their IAM names.
    pub services: &'static [&'static str],
    /// Each place in which they are called; none where the settings leave nothing to be called.
    pub places: fn(Named<'_>) -> Vec<Place>,
}

/// The policy of one class, of the `store`, of the `secrets`, or without a name of all commands; `None` where there is no
/// such class.
pub fn document(catalog: &Catalog, name: Option<&str>, named: Named<'_>) -> Option<Value> {
    let class = |risk: Risk| policy(catalog, Some(risk), named);
    match name {
        None => Some(policy(catalog, None, named)),
        Some("store") => Some(store(named.table)),
        Some("secrets") => Some(secrets(named.secrets)),
        Some(name) => Risk::ALL.into_iter().find(|risk| risk.as_str() == name).map(class),
    }
}

/// The policy of the commands of one class, or of all.
pub fn policy(catalog: &Catalog, class: Option<Risk>, named: Named<'_>) -> Value {
    let rows = catalog.rows().iter().filter(|row| class.is_none_or(|class| row.risk == class));
    let calls: BTreeMap<&str, &Call> = rows
        .flat_map(|row| row.calls.iter().copied())
        .flat_map(|call| [call].into_iter().chain(call.with.iter().copied()))
        .filter(|call| !places(call, named).is_empty())
        .map(|call| (call.name, call))
        .collect();
    let mut statements: BTreeMap<(Vec<String>, String), Vec<&str>> = BTreeMap::new();
    for call in calls.values() {
        let condition = condition(call, named).map(|condition| condition.to_string());
        statements.entry((resources(call, named), condition.unwrap_or_default())).or_default().push(call.name);
    }
    let statement = |((resources, condition), mut calls): ((Vec<String>, String), Vec<&str>)| {
        calls.sort_unstable();
        let mut statement = json!({"Effect": "Allow", "Action": calls, "Resource": resources});
        if let Ok(condition) = serde_json::from_str::<Value>(&condition) {
            statement["Condition"] = condition;
        }
        statement
    };
    let statements: Vec<Value> = statements.into_iter().map(statement).chain(guarding(&calls)).collect();
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// What protects a target from the bot's policies protects it from its role as well, by the same rule. A condition of IAM
/// knows a tag's key in any case of letters, and `Null` is there because a tag that is missing differs from every value.
fn guarding(calls: &BTreeMap<&str, &Call>) -> Vec<Value> {
    let guarded: Vec<&str> = calls.values().filter(|call| call.is_guarded).map(|call| call.name).collect();
    let deny = |tag: &str| {
        let key = format!("aws:ResourceTag/{tag}");
        json!({
            "Effect": "Deny",
            "Action": guarded,
            "Resource": ["*"],
            "Condition": {"Null": {&key: "false"}, "StringNotEqualsIgnoreCase": {&key: UNPROTECTED}},
        })
    };
    if guarded.is_empty() { Vec::new() } else { PROTECTING.into_iter().map(deny).collect() }
}

fn store(table: &str) -> Value {
    let resources =
        [format!("arn:aws:dynamodb:*:*:table/{table}"), format!("arn:aws:dynamodb:*:*:table/{table}/index/*")];
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": STORE, "Resource": resources}]})
}

/// Reading the secrets that are named by reference, or any where the settings name none.
fn secrets(references: &[SecretReference]) -> Value {
    let (mut parameters, mut values) = (BTreeSet::new(), BTreeSet::new());
    for reference in references {
        match reference {
            SecretReference::Parameter(name) if name.starts_with("arn:") => _ = parameters.insert(name.clone()),
            SecretReference::Parameter(name) => {
                parameters.insert(format!("arn:aws:ssm:*:*:parameter/{}", name.trim_start_matches('/')));
            }
            SecretReference::Secret { id, .. } if id.starts_with("arn:") => _ = values.insert(id.clone()),
            // AWS puts a dash and six characters after the name
            SecretReference::Secret { id, .. } => {
                values.insert(format!("arn:aws:secretsmanager:*:*:secret:{id}-??????"));
            }
        }
    }
    if references.is_empty() {
        parameters.insert("arn:aws:ssm:*:*:parameter/*".to_owned());
        values.insert("arn:aws:secretsmanager:*:*:secret:*".to_owned());
    }
    let calls = [("ssm:GetParameter", parameters), ("secretsmanager:GetSecretValue", values)];
    let statements = calls.into_iter().filter(|(_, on)| !on.is_empty());
    let statements: Vec<Value> =
        statements.map(|(call, on)| json!({"Effect": "Allow", "Action": [call], "Resource": on})).collect();
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// The places in which the service of a call is called.
fn places(call: &Call, named: Named<'_>) -> Vec<Place> {
    let reach = REACHES.iter().find(|reach| reach.services.contains(&call.service()));
    reach.map(|reach| (reach.places)(named)).unwrap_or_default()
}

/// When a call may be made, where it is not told by its resource: for which service a role is passed on, and in which
/// regions what knows no resource is called.
fn condition(call: &Call, named: Named<'_>) -> Option<Value> {
    if let Some((key, value)) = call.condition {
        return Some(json!({"StringEquals": {key: value}}));
    }
    let is_narrowed = call.is_of_default_region || named.regions.is_empty() || !call.on.is_empty();
    (!is_narrowed).then(|| json!({"StringEquals": {"aws:RequestedRegion": regions_of(call, named)}}))
}

/// The regions in which a call is made that knows no resource.
fn regions_of(call: &Call, named: Named<'_>) -> Vec<String> {
    let own = places(call, named).into_iter().filter_map(|mut place| place.remove("region"));
    let own = own.filter(|region| region != "*");
    named.regions.iter().cloned().chain(own).collect::<BTreeSet<_>>().into_iter().collect()
}

/// On what a call may be made: as narrow as AWS knows it, and as the settings say.
fn resources(call: &Call, named: Named<'_>) -> Vec<String> {
    if call.on.is_empty() {
        return vec!["*".to_owned()];
    }
    let places = places(call, named);
    let filled = |arn: &&str| -> Vec<String> { places.iter().map(|place| fill(arn, place)).collect() };
    call.on.iter().flat_map(filled).collect::<BTreeSet<_>>().into_iter().collect()
}

/// An ARN with its places filled.
fn fill(arn: &str, place: &Place) -> String {
    place.iter().fold(arn.to_owned(), |arn, (name, value)| arn.replace(&format!("{{{name}}}"), value))
}

#[cfg(test)]
mod tests {
    use super::super::ServiceConfig;
    use super::*;
    use crate::aws::call;
    use crate::domain::Guarded;

    fn policy(class: Option<Risk>, named: Named<'_>) -> Value {
        super::policy(&Catalog::built_in(), class, named)
    }

    fn actions(policy: &Value) -> Vec<String> {
        let statements = policy["Statement"].as_array().unwrap();
        let actions = statements.iter().flat_map(|one| one["Action"].as_array().unwrap());
        actions.map(|action| action.as_str().unwrap().to_owned()).collect()
    }

    fn shop() -> DeployConfig {
        let web = ServiceConfig {
            cluster: "prod".into(),
            service: "shop".into(),
            container: "web".into(),
            repository: "team/shop".into(),
            region: Some("eu-central-1".into()),
            unverified: true,
            ..ServiceConfig::default()
        };
        DeployConfig { own: None, services: BTreeMap::from([("web".to_owned(), web)]) }
    }

    fn naming(deploy: &DeployConfig) -> Named<'_> {
        Named { deploy, regions: &[], table: "t", secrets: &[] }
    }

    #[test]
    fn a_class_has_the_calls_of_its_commands_and_no_other() {
        let shop = shop();
        let named = naming(&shop);
        assert!(actions(&policy(Some(Risk::Basic), named)).is_empty());
        let read = actions(&policy(Some(Risk::Read), named));
        assert!(read.contains(&"ec2:DescribeInstances".to_owned()));
        let reads = ["Describe", "List", "BatchGet"];
        assert!(read.iter().all(|call| reads.iter().any(|verb| call.split(':').nth(1).unwrap().starts_with(verb))));
        let change = actions(&policy(Some(Risk::Change), named));
        for call in ["ec2:StopInstances", "ecs:UpdateService", "iam:PassRole"] {
            assert!(change.contains(&call.to_owned()) && !read.contains(&call.to_owned()), "{call}");
        }
        let destroy = actions(&policy(Some(Risk::Destroy), named));
        let ends = "ec2:TerminateInstances".to_owned();
        assert!(destroy.contains(&ends) && !change.contains(&ends) && !read.contains(&ends), "{destroy:?}");
        assert!(!destroy.contains(&"ec2:StopInstances".to_owned()), "a role for what cannot be undone has no more");
        let all: BTreeSet<String> = actions(&policy(None, named)).into_iter().collect();
        assert_eq!(all, read.into_iter().chain(change).chain(destroy).collect());
        assert!(document(&Catalog::built_in(), Some("everything"), named).is_none());
    }

    #[test]
    fn where_nothing_may_be_deployed_nothing_of_it_is_granted() {
        let nothing = DeployConfig::default();
        for class in Risk::ALL.map(Some).into_iter().chain([None]) {
            let text = policy(class, naming(&nothing)).to_string();
            for word in ["ecs:", "ecr:", "iam:", "PassRole"] {
                // what is denied is denied whatever there is
                assert!(!text.contains(word), "{word} for {class:?}: {text}");
            }
        }
        assert!(actions(&policy(None, naming(&nothing))).contains(&"ec2:StopInstances".to_owned()));
    }

    #[test]
    fn the_regions_and_roles_of_the_settings_narrow_the_policy() {
        let mut shop = shop();
        let regions = ["us-east-1".to_owned(), "eu-central-1".to_owned()];
        let statements = |deploy: &DeployConfig| -> Vec<String> {
            let named = Named { deploy, regions: &regions, table: "t", secrets: &[] };
            let policy = policy(None, named);
            let allowed = policy["Statement"].as_array().unwrap().iter().filter(|one| one["Effect"] == "Allow");
            let shown = |one: &Value| format!("{} {} {}", one["Action"], one["Resource"], one["Condition"]);
            allowed.map(shown).collect()
        };
        let all = statements(&shop);
        let of = |call: &str| all.iter().find(|one| one.contains(call)).unwrap_or_else(|| panic!("{call}: {all:?}"));
        assert!(
            of("ec2:StopInstances")
                .ends_with(r#" ["arn:aws:ec2:eu-central-1:*:instance/*","arn:aws:ec2:us-east-1:*:instance/*"] null"#)
        );
        let only = r#"["*"] {"StringEquals":{"aws:RequestedRegion":["eu-central-1","us-east-1"]}}"#;
        for call in ["ec2:DescribeInstances", "ecs:ListTasks", "ecs:RegisterTaskDefinition"] {
            assert!(of(call).ends_with(only), "{}", of(call));
        }
        assert!(of("ec2:DescribeRegions").ends_with(r#" ["*"] null"#));
        assert!(of("ecs:TagResource").contains(r#"["arn:aws:ecs:eu-central-1:*:task-definition/*"]"#));
        // a service in a region of its own is called there too, and EC2 is not
        let other = ServiceConfig { region: Some("eu-west-1".into()), ..shop.services["web"].clone() };
        shop.services.insert("other".to_owned(), other);
        let wide = statements(&shop).into_iter().filter(|one| one.contains("eu-west-1")).collect::<String>();
        assert!(wide.contains("ecs:ListTasks") && !wide.contains("ec2:"), "{wide}");
        // one service of which no role is named runs with any role
        assert!(statements(&shop).iter().any(|one| one.contains("role/*")));
        for (name, role) in [("web", "team/shop-task"), ("other", "arn:aws:iam::123456789012:role/other")] {
            shop.services.get_mut(name).unwrap().roles = vec![role.to_owned()];
        }
        let passed = statements(&shop).into_iter().find(|one| one.contains("iam:PassRole")).unwrap();
        assert!(passed.contains(
            r#"["arn:aws:iam::*:role/team/shop-task","arn:aws:iam::123456789012:role/other"] {"StringEquals":{"iam:PassedToService":"#
        ), "{passed}");
    }

    #[test]
    fn the_secrets_that_are_named_may_be_read_and_no_other() {
        let read = |text: &str| SecretReference::read(text).unwrap().unwrap();
        let resources = |references: &[SecretReference]| {
            let policy = secrets(references);
            let statements = policy["Statement"].as_array().unwrap();
            statements.iter().map(|one| format!("{} {}", one["Action"][0], one["Resource"])).collect::<Vec<_>>()
        };
        let both = [read("ssm:/dronebot/app-token"), read("secretsmanager:dronebot/slack#bot_token")];
        insta::assert_snapshot!(resources(&both).join("\n"), @r#"
        "ssm:GetParameter" ["arn:aws:ssm:*:*:parameter/dronebot/app-token"]
        "secretsmanager:GetSecretValue" ["arn:aws:secretsmanager:*:*:secret:dronebot/slack-??????"]
        "#);
        let arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:slack-AbCdEf";
        assert_eq!(
            resources(&[read(&format!("secretsmanager:{arn}"))]),
            [format!("\"secretsmanager:GetSecretValue\" [\"{arn}\"]")]
        );
        assert_eq!(resources(&[]).len(), 2);
    }

    #[test]
    fn every_call_is_named_as_iam_names_it_once() {
        for row in Catalog::built_in().rows() {
            let calls: BTreeSet<&str> = row.calls.iter().map(|call| call.name).collect();
            assert_eq!(calls.len(), row.calls.len(), "{}", row.name);
            let is_reached = |call: &&Call| REACHES.iter().any(|reach| reach.services.contains(&call.service()));
            assert!(row.calls.iter().all(is_reached), "{}", row.name);
        }
    }

    /// IAM's own reading of these conditions, for a target with one tag.
    fn denies(statement: &Value, key: &str, value: &str) -> bool {
        let condition = &statement["Condition"];
        let conditions = |operator: &str| condition[operator].as_object().unwrap().iter();
        // a key of a condition fits a tag in any case of letters
        let tagged = |named: &str| named.eq_ignore_ascii_case(&format!("aws:ResourceTag/{key}"));
        statement["Effect"] == "Deny"
            && condition.as_object().unwrap().len() == 2
            && conditions("Null").all(|(named, missing)| (missing == "true") != tagged(named))
            && conditions("StringNotEqualsIgnoreCase")
                .all(|(named, not)| !tagged(named) || !value.eq_ignore_ascii_case(not.as_str().unwrap()))
    }

    #[test]
    fn iam_denies_what_the_policies_call_protected() {
        let policies = [Risk::Change, Risk::Destroy].map(|class| policy(Some(class), naming(&shop())));
        let classes = policies.each_ref().map(|policy| policy["Statement"].as_array().unwrap());
        let keys = ["protected", "Protected", "PROTECTED", "drone-protected", "Drone-Protected", "approval", "env"];
        for key in keys {
            for value in ["true", "", "yes", "no", "none", "false", "False", "FALSE", " false", "false "] {
                let tags = BTreeMap::from([(key.to_owned(), value.to_owned())]);
                let protected = crate::domain::guards(&tags).any(|guard| guard.guarded == Guarded::Protected);
                for statements in classes {
                    let denies = |statement: &Value| statement["Effect"] == "Deny" && denies(statement, key, value);
                    assert_eq!(statements.iter().any(denies), protected, "{key}={value:?}");
                }
            }
        }
        // every changing call that AWS knows by its target is in it, and the stack says the same
        let stack = include_str!("../../delivery/stack.yaml");
        for tag in PROTECTING {
            let key = format!("aws:ResourceTag/{tag}");
            let text = format!(
                "Condition: {{ \"Null\": {{ \"{key}\": \"false\" }}, StringNotEqualsIgnoreCase: {{ \"{key}\": \"{UNPROTECTED}\" }} }}"
            );
            assert!(stack.contains(&text), "{text}");
        }
        let catalog = Catalog::built_in();
        let calls = catalog.rows().iter().flat_map(|row| row.calls.iter()).filter(|call| call.is_guarded);
        let guarded: Vec<&str> = calls.map(|call| call.name).collect::<BTreeSet<_>>().into_iter().collect();
        let deny = format!("Effect: Deny\n                Action: [{}]", guarded.join(", "));
        assert_eq!(stack.matches(&deny).count(), PROTECTING.len(), "{deny}");
        let reads = policy(Some(Risk::Read), naming(&shop()));
        assert!(!reads.to_string().contains("Deny"));
    }

    #[test]
    fn listed_services_narrow_the_policy() {
        let deploy = shop();
        let of = |call: &Call| resources(call, naming(&deploy));
        assert_eq!(of(&call::UPDATE_SERVICE), ["arn:aws:ecs:eu-central-1:*:service/prod/shop"]);
        assert_eq!(of(&call::DESCRIBE_TASKS), ["arn:aws:ecs:eu-central-1:*:task/prod/*"]);
        assert_eq!(of(&call::DESCRIBE_IMAGES), ["arn:aws:ecr:*:*:repository/team/shop"]);
        let statements = policy(Some(Risk::Change), naming(&deploy));
        let pass = statements["Statement"].as_array().unwrap().iter().find(|one| one["Action"][0] == "iam:PassRole");
        assert_eq!(pass.unwrap()["Condition"]["StringEquals"]["iam:PassedToService"], "ecs-tasks.amazonaws.com");
    }
}
