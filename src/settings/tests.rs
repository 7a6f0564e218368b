use super::*;
use crate::commands::ServiceConfig;
use crate::dispatch::GroupConfig;
use crate::slack::PacingConfig;
use secrecy::ExposeSecret;
use serde::Deserialize;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::Duration;

const TOKENS: [(&str, &str); 2] =
    [("DRONEBOT__SLACK__APP_TOKEN", "xapp-1-A-secret"), ("DRONEBOT__SLACK__BOT_TOKEN", "xoxb-1-secret")];

fn environment(more: &[(&str, &str)]) -> Environment {
    TOKENS.iter().chain(more).copied().collect()
}

fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dronebot.toml");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

/// The problems of a file and variables, with the file's folder taken out.
fn problems(text: &str, more: &[(&str, &str)]) -> Vec<String> {
    let (folder, path) = file(text);
    let error = Settings::load(Some(&path), &environment(more)).expect_err("accepted");
    let folder = format!("{}/", folder.path().display());
    error.problems.iter().map(|problem| problem.replace(&folder, "")).collect()
}

#[test]
fn two_tokens_are_enough() {
    let settings = Settings::load(None, &environment(&[])).unwrap();
    assert_eq!(settings.slack.app_token.get().expose_secret(), "xapp-1-A-secret");
    assert_eq!(settings.slack.connections, 2);
    assert_eq!(settings.store.path, PathBuf::from("dronebot.db"));
    assert_eq!(settings.aws.region, None);
    assert_eq!(settings.health.listen, "127.0.0.1:8080".parse().unwrap());
    assert_eq!(settings.policy, PolicySettings::default());
    assert_eq!(settings.shutdown.drain, Duration::from_secs(20));
    assert_eq!(settings.groups.names(), ["deployers", "operators", "viewers"].map(str::to_owned).into());
    assert_eq!(settings.log.format, LogFormat::Text);
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_the_defaults() {
    let (_folder, path) = file(
        "[slack]\nconnections = 3\nbackoff_min_seconds = 0.25\n[groups.Developers]\nusers = [\"U1\"]\n[log]\nformat = \"json\"\n",
    );
    let variables = environment(&[
        ("DRONEBOT_CONFIG", path.to_str().unwrap()),
        ("DRONEBOT__SLACK__CONNECTIONS", "4"),
        ("DRONEBOT__SLACK__PACING__MAX_WAIT_SECONDS", "1.5"),
        ("DRONEBOT__AWS__REGIONS", "eu-central-1, us-east-1,"),
        ("DRONEBOT__AWS__REGION", "eu-west-1"),
        ("DRONEBOT__GROUPS__OPERATORS__USERS", "U2,U3"),
        ("DRONEBOT__HEALTH__LISTEN", "0.0.0.0:0"),
    ]);
    let settings = Settings::load(None, &variables).unwrap();
    assert_eq!(settings.slack.connections, 4);
    assert_eq!(settings.slack.backoff_min, std::time::Duration::from_millis(250));
    assert_eq!(settings.slack.pacing.max_wait, std::time::Duration::from_millis(1500));
    assert_eq!(settings.aws.regions, ["eu-central-1", "us-east-1"]);
    assert_eq!(settings.aws.region.as_deref(), Some("eu-west-1"));
    assert_eq!(settings.log.format, LogFormat::Json);
    let groups = &settings.groups.0;
    assert_eq!(groups.keys().collect::<Vec<_>>(), ["Developers", "deployers", "operators", "viewers"]);
    assert_eq!(groups["operators"].users, ["U2", "U3"].map(crate::domain::UserId::from));
}

#[test]
fn services_to_be_deployed_have_names_of_their_own() {
    let (_folder, path) = file(
        "[deploy]\nself = \"drone\"\n[deploy.services.drone]\ncluster = \"prod\"\nservice = \"dronebot\"\n\
         container = \"bot\"\nrepository = \"team/dronebot\"\nunverified = true\n",
    );
    let web = [
        ("DRONEBOT__DEPLOY__SERVICES__WEB__CLUSTER", "prod"),
        ("DRONEBOT__DEPLOY__SERVICES__WEB__SERVICE", "shop"),
        ("DRONEBOT__DEPLOY__SERVICES__WEB__CONTAINER", "web"),
        ("DRONEBOT__DEPLOY__SERVICES__WEB__REPOSITORY", "shop"),
        ("DRONEBOT__DEPLOY__SERVICES__WEB__REGION", "us-east-1"),
        ("DRONEBOT__DEPLOY__SERVICES__WEB__UNVERIFIED", "true"),
    ];
    let deploy = Settings::load(Some(&path), &environment(&web)).unwrap().deploy;
    assert_eq!(deploy.own.as_deref(), Some("drone"));
    assert_eq!(deploy.services.keys().collect::<Vec<_>>(), ["drone", "web"], "the example of the defaults is none");
    assert_eq!(
        (deploy.services["drone"].region.as_deref(), deploy.services["drone"].container.as_str()),
        (None, "bot")
    );
    assert_eq!(deploy.services["web"].region.as_deref(), Some("us-east-1"));
    assert_eq!(Settings::load(None, &environment(&[])).unwrap().deploy, DeployConfig::default());
}

#[test]
fn what_is_wrong_with_a_service_is_told_with_its_key() {
    let text = r#"
        [deploy]
        self = "drone"
        services.b-1.clustre = "x"
        [deploy.services.web]
        cluster = 3
        [deploy.services."a b"]
        cluster = "prod"
    "#;
    insta::assert_snapshot!(problems(text, &[]).join("\n"), @r"
    `deploy.services.a b.cluster` is not a setting (file dronebot.toml); did you mean `deploy.services.dronebot.cluster`?
    `deploy.services.b-1.clustre` is not a setting (file dronebot.toml); did you mean `deploy.services.dronebot.cluster`?
    `deploy.services.web.cluster` must be a text in quotes, not `3` (file dronebot.toml)
    `deploy.self` must be one of deploy.services, and [deploy.services.drone] is not there (file dronebot.toml)
    ");
    let half = [("DRONEBOT__DEPLOY__SERVICES__WEB__CLUSTER", "prod"), ("DRONEBOT__DEPLOY__SELF", "web")];
    insta::assert_snapshot!(problems("", &half).join("\n"), @"`deploy.services.web.service` must be set: a service needs its cluster, service, container and repository (default)");
    let whole = [
        ("DRONEBOT__DEPLOY__SERVICES__WEB__CLUSTER", "prod"),
        ("DRONEBOT__DEPLOY__SERVICES__WEB__SERVICE", "shop"),
        ("DRONEBOT__DEPLOY__SERVICES__WEB__CONTAINER", "web"),
        ("DRONEBOT__DEPLOY__SERVICES__WEB__REPOSITORY", "shop"),
    ];
    insta::assert_snapshot!(problems("", &whole).join("\n"), @"`deploy.services.web.provenance_key` is not set and unverified is not true, so the settings are not accepted: set provenance_key and source, and only images that your pipeline has signed are deployed; or set unverified = true, and any image of the repository is (default)");
    let both = "[deploy.services.web]\nprovenance_key = \"k\"\nsource = \"s\"\nunverified = true";
    insta::assert_snapshot!(problems(both, &whole).join("\n"), @"`deploy.services.web.unverified` is true and provenance_key is set, so the settings are not accepted: take unverified out, and only images that your pipeline has signed are deployed; or take provenance_key and source out, and any image of the repository is (file dronebot.toml)");
    insta::assert_snapshot!(problems("[deploy]\nself = \"drone\"", &[]).join("\n"), @"`deploy.self` must be one of deploy.services, and [deploy.services.drone] is not there (file dronebot.toml)");
}

#[test]
fn every_problem_is_told_at_once_a_line_each_with_key_and_source() {
    let text = r#"
        colour = "red"
        [slack]
        conections = 3
        connections = "two"
        ping_interval_seconds = true
        idle_timeout_seconds = -1
        [slak]
        x = 1
        [store]
        path = ["a"]
        [aws]
        regions = [1, 2]
        [commands]
        max_targets = 0
        page_size = -3
        [log]
        format = "xml"
        [groups.operators]
        users = ["@maya"]
        people = []
        [health]
        listen = "localhost"
        [supervision.max_restarts]
        a = 1
    "#;
    let variables = [
        ("DRONEBOT__SLACK_BOT_TOKEN", "xoxb-oops"),
        ("DRONEBOT__STORE__RETENTION_DAYS", "soon"),
        ("DRONEBOT__COMMANDS__POLL_SECONDS", "0"),
        ("DRONEBOT__LOG", "debug"),
        ("DRONEBOT__NO__SUCH__THING", "1"),
    ];
    insta::assert_snapshot!(problems(text, &variables).join("\n"), @r#"
    `aws.regions` must be a list of texts, not a list of something else (file dronebot.toml)
    `colour` is not a setting (file dronebot.toml); config/default.toml has every key
    `commands.page_size` must be 0 or more, not `-3` (file dronebot.toml)
    `groups.operators.people` is not a setting (file dronebot.toml); did you mean `groups.operators.users`?
    `slack.conections` is not a setting (file dronebot.toml); did you mean `slack.connections`?
    `slack.connections` must be a whole number, not `two` (file dronebot.toml)
    `slack.idle_timeout_seconds` must be 0 or more, not `-1` (file dronebot.toml)
    `slack.ping_interval_seconds` must be a number of seconds, not `true` (file dronebot.toml)
    `slak.x` is not a setting (file dronebot.toml); config/default.toml has every key
    `store.path` must be a text in quotes, not a list (file dronebot.toml)
    `supervision.max_restarts.a` is not a setting (file dronebot.toml); did you mean `supervision.max_restarts`?
    `log` is a section, not a value (variable DRONEBOT__LOG); set one of its keys
    `no.such.thing` is not a setting (variable DRONEBOT__NO__SUCH__THING); config/default.toml has every key
    `slack_bot_token` is not a setting (variable DRONEBOT__SLACK_BOT_TOKEN); did you mean DRONEBOT__SLACK__BOT_TOKEN?
    `store.retention_days` must be a whole number, not `soon` (variable DRONEBOT__STORE__RETENTION_DAYS)
    `commands.max_targets` must be at least 1 (file dronebot.toml)
    `commands.poll_seconds` must be longer than 0 and shorter than a day (variable DRONEBOT__COMMANDS__POLL_SECONDS)
    `groups.operators.users` must hold Slack's member ids such as `U0123ABCD`, not `@maya`; a person's profile in Slack has "Copy member ID" (file dronebot.toml)
    `health.listen` must be an address and a port such as `127.0.0.1:8080`, not `localhost` (file dronebot.toml)
    `log.format` must be `text` or `json`, not `xml` (file dronebot.toml)
    "#);
}

#[test]
fn what_is_wrong_with_a_file_is_one_line() {
    insta::assert_snapshot!(problems("[slack]\napp_token = \"xapp-secret", &[]).join("\n"), @r#"dronebot.toml: not valid TOML: line 2, column 25: invalid basic string, expected `"`"#);
    let missing = Settings::load(Some(Path::new("/nowhere/d.toml")), &environment(&[])).expect_err("read");
    insta::assert_snapshot!(missing.to_string(), @"/nowhere/d.toml: the configuration file cannot be read: No such file or directory (os error 2)");
}

#[test]
fn missing_tokens_are_told_with_what_to_set() {
    let error = Settings::load(
        None,
        &[("DRONEBOT_SLACK_APP_TOKEN", "xapp-1"), ("DRONEBOT__SLACK__BOT_TOKEN", " ")].into_iter().collect(),
    )
    .expect_err("accepted");
    insta::assert_snapshot!(error.to_string(), @r#"
    `slack.app_token` is missing: set DRONEBOT__SLACK__APP_TOKEN to it or to where AWS keeps it (ssm:…, secretsmanager:…), or DRONEBOT__SLACK__APP_TOKEN_FILE to a file that holds it; it is the app-level token (xapp-…) of "Basic Information" in the app's settings; DRONEBOT_SLACK_APP_TOKEN is set, but a section is set off by two underscores: DRONEBOT__SLACK__APP_TOKEN
    `slack.bot_token` is empty (variable DRONEBOT__SLACK__BOT_TOKEN): set DRONEBOT__SLACK__BOT_TOKEN to it or to where AWS keeps it (ssm:…, secretsmanager:…), or DRONEBOT__SLACK__BOT_TOKEN_FILE to a file that holds it; it is the bot token (xoxb-…) of "OAuth & Permissions" in the app's settings
    "#);
}

#[test]
fn a_secret_comes_from_a_file_without_its_last_newline() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, "xapp-from-file\n").unwrap();
    let variables: Environment =
        [("DRONEBOT__SLACK__APP_TOKEN_FILE", path.to_str().unwrap()), TOKENS[1]].into_iter().collect();
    let settings = Settings::load(None, &variables).unwrap();
    assert_eq!(settings.slack.app_token.get().expose_secret(), "xapp-from-file");
}

#[test]
fn a_secret_by_reference_is_shown_as_such_and_a_reference_to_nothing_is_refused() {
    let variables = |bot: &str| -> Environment {
        [("DRONEBOT__SLACK__APP_TOKEN", "secretsmanager:drone/slack#app_token"), ("DRONEBOT__SLACK__BOT_TOKEN", bot)]
            .into_iter()
            .collect()
    };
    let settings = Settings::load(None, &variables("ssm:/drone/bot-token")).unwrap();
    assert!(settings.slack.bot_token.reference().is_some());
    let shown = settings.effective().to_string();
    assert!(shown.contains("bot_token = \"ssm:/drone/bot-token\" # variable DRONEBOT__SLACK__BOT_TOKEN"), "{shown}");
    let error = Settings::load(None, &variables("ssm:")).expect_err("accepted");
    insta::assert_snapshot!(error.to_string(), @"`slack.bot_token` must name a parameter after `ssm:`, as in ssm:/dronebot/bot-token (variable DRONEBOT__SLACK__BOT_TOKEN)");
}

#[test]
fn a_secret_file_that_cannot_serve_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (empty, binary) = (folder.path().join("empty"), folder.path().join("binary"));
    std::fs::write(&empty, "\n").unwrap();
    std::fs::write(&binary, [0xff, 0xfe]).unwrap();
    let told = |name: &str, value: &str, more: Option<(&str, &str)>| {
        let variables: Environment = [(name, value), TOKENS[1]].into_iter().chain(more).collect();
        let error = Settings::load(None, &variables).expect_err("accepted");
        error.to_string().replace(&format!("{}/", folder.path().display()), "")
    };
    let name = "DRONEBOT__SLACK__APP_TOKEN_FILE";
    insta::assert_snapshot!([
        told(name, "/nowhere/token", None),
        told(name, empty.to_str().unwrap(), None),
        told(name, binary.to_str().unwrap(), None),
        told(name, empty.to_str().unwrap(), Some(TOKENS[0])),
    ].join("\n"), @r#"
    `slack.app_token_file`: /nowhere/token cannot be read: No such file or directory (os error 2) (variable DRONEBOT__SLACK__APP_TOKEN_FILE)
    `slack.app_token_file`: empty is empty (variable DRONEBOT__SLACK__APP_TOKEN_FILE); it must hold the secret and nothing else
    `slack.app_token_file`: binary does not hold text (variable DRONEBOT__SLACK__APP_TOKEN_FILE); it must hold the secret and nothing else
    `slack.app_token` is set twice, directly (variable DRONEBOT__SLACK__APP_TOKEN) and by a file (variable DRONEBOT__SLACK__APP_TOKEN_FILE); take one of them out
    "#);
}

#[test]
fn a_static_aws_key_is_refused_wherever_it_stands_and_not_repeated() {
    let text = "[aws]\naccess_key_id = \"AKIAIOSFODNN7EXAMPLE\"\nsecret_access_key = \"wJalrXUtnFEMI/K7MDENG\"\n\
                [store]\npath = \"x-ASIAIOSFODNN7EXAMPLE\"\n[slack]\napi_url = \"https://slack.com/api\"\n";
    let told = problems(text, &[("DRONEBOT__AWS__SESSION_TOKEN", "FwoGZXIvYXdzE")]);
    assert_eq!(told.len(), 4, "{told:#?}");
    for (problem, key) in
        told.iter().zip(["aws.access_key_id", "aws.secret_access_key", "store.path", "aws.session_token"])
    {
        assert!(problem.starts_with(&format!("`{key}` (")), "{problem}");
        assert!(problem.contains("run with a role"), "{problem}");
        assert!(["AKIA", "ASIA", "wJalr", "FwoG"].iter().all(|secret| !problem.contains(secret)), "{problem}");
    }
}

#[test]
fn check_config_shows_values_with_their_sources_and_no_secret() {
    let (_folder, path) = file("[log]\nformat = \"json\"\n[slack]\nproxy_url = \"http://me:hunter2@proxy:3128\"\n");
    let variables = environment(&[
        ("DRONEBOT__SLACK__CONNECTIONS", "4"),
        ("DRONEBOT__AWS__REGIONS", "eu-central-1"),
        ("HTTPS_PROXY", "http://me:hunter3@proxy:3128"),
    ]);
    let settings = Settings::load(Some(&path), &variables).unwrap();
    let shown = settings.effective().to_string();
    let line = |key: &str| shown.lines().find(|line| line.starts_with(key)).unwrap_or_default().to_owned();
    assert_eq!(line("connections"), "connections = 4 # variable DRONEBOT__SLACK__CONNECTIONS");
    assert_eq!(line("app_token"), "app_token = \"********\" # variable DRONEBOT__SLACK__APP_TOKEN");
    assert_eq!(line("proxy_url"), format!("proxy_url = \"********\" # file {}", path.display()));
    assert_eq!(line("format"), format!("format = \"json\" # file {}", path.display()));
    assert_eq!(line("regions"), "regions = [\"eu-central-1\"] # variable DRONEBOT__AWS__REGIONS");
    assert_eq!(line("rate_share"), "rate_share = 0.3 # default");
    let everything = format!("{shown}{settings:?}{variables:?}");
    for secret in ["-secret", "hunter"] {
        assert!(!everything.contains(secret), "{everything}");
    }
    // what is shown is TOML that is accepted again, the masks apart
    let again = file(&shown.replace("********", ""));
    Settings::load(Some(&again.1), &environment(&[])).unwrap();
}

#[test]
fn drills_are_refused_where_other_machines_reach_the_probes() {
    for (listen, drills, is_fine) in [
        ("127.0.0.1:8080", "true", true),
        ("[::1]:8080", "true", true),
        ("0.0.0.0:8080", "true", false),
        ("[::]:8080", "true", false),
        ("10.0.0.7:8080", "true", false),
        ("0.0.0.0:8080", "false", true),
    ] {
        let given = [("DRONEBOT__HEALTH__LISTEN", listen), ("DRONEBOT__SUPERVISION__DRILLS", drills)];
        match Settings::load(None, &environment(&given)) {
            Ok(_) => assert!(is_fine, "{listen} {drills}"),
            Err(error) => {
                assert!(!is_fine, "{listen} {drills}: {error}");
                let says = error.to_string();
                assert!(says.starts_with("`supervision.drills` must be off") && says.contains(listen), "{says}");
            }
        }
    }
}

#[test]
fn the_lower_case_proxy_variable_wins() {
    let settings = Settings::load(
        None,
        &environment(&[("https_proxy", "http://a:1"), ("HTTPS_PROXY", "http://b:2"), ("NO_PROXY", "localhost,.corp")]),
    )
    .unwrap();
    assert_eq!(settings.proxy.https_proxy.unwrap().expose_secret(), "http://a:1");
    assert_eq!(settings.proxy.no_proxy.as_deref(), Some("localhost,.corp"));
}

#[test]
fn the_file_for_production_is_accepted() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/production.toml");
    let settings = Settings::load(Some(&path), &environment(&[])).unwrap();
    assert_eq!(settings.log.format, LogFormat::Json);
}

/// The keys that a section's struct reads: what it asks of a deserializer.
fn keys_of<T: for<'de> Deserialize<'de>>() -> BTreeSet<String> {
    struct Asked<'a>(&'a Cell<&'static [&'static str]>);
    impl<'de> serde::Deserializer<'de> for Asked<'_> {
        type Error = serde::de::value::Error;
        fn deserialize_any<V: serde::de::Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
            Err(serde::de::Error::custom("only a struct is asked for"))
        }
        fn deserialize_struct<V: serde::de::Visitor<'de>>(
            self,
            _: &'static str,
            fields: &'static [&'static str],
            visitor: V,
        ) -> Result<V::Value, Self::Error> {
            self.0.set(fields);
            self.deserialize_any(visitor)
        }
        serde::forward_to_deserialize_any! {
            bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
            unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }
    let fields = Cell::new(&[][..]);
    assert!(T::deserialize(Asked(&fields)).is_err());
    fields.get().iter().map(|key| (*key).to_owned()).collect()
}

#[test]
fn what_whoever_started_the_bot_says_is_read_and_a_wrong_body_is_refused() {
    let around = |more: &[(&str, &str)]| Settings::load(None, &environment(more)).unwrap().surroundings;
    assert_eq!(around(&[("AWS_EC2_METADATA_DISABLED", "false")]), Surroundings::default());
    let all = [
        ("AWS_EC2_METADATA_DISABLED", "True"),
        ("ECS_CONTAINER_METADATA_URI_V4", "http://169.254.170.2/v4/abc"),
        ("NOTIFY_SOCKET", "/run/systemd/notify"),
        ("AWS_DEFAULT_REGION", "eu-west-1"),
    ];
    let ecs_metadata = Some("http://169.254.170.2/v4/abc".to_owned());
    let region = Some("eu-west-1".to_owned());
    assert_eq!(around(&all), Surroundings { ecs_metadata, ec2_metadata_disabled: true, systemd: true, region });
    let regions = |more: &[(&str, &str)]| Settings::load(None, &environment(more)).unwrap().regions();
    assert!(regions(&all).is_empty(), "none is listed, so there are those that the account has");
    let listed = ("DRONEBOT__AWS__REGIONS", "us-east-1,eu-central-1");
    assert_eq!(regions(&[listed, ("AWS_REGION", "eu-west-1")]), ["eu-central-1", "eu-west-1", "us-east-1"]);
    let own = [listed, ("AWS_REGION", "eu-west-1"), ("DRONEBOT__AWS__REGION", "us-east-1")];
    assert_eq!(regions(&own), ["eu-central-1", "us-east-1"]);
    let wrong = problems(
        "[aws]\nmetadata = \"sometimes\"\n[body]\nannounce_channel = \"#ops\"\nimage_digest = \"latest\"\n",
        &[("DRONEBOT__BODY__NOTICE_POLL_SECONDS", "-1")],
    );
    insta::assert_debug_snapshot!(wrong, @r#"
    [
        "`body.notice_poll_seconds` must be 0 or more, not `-1` (variable DRONEBOT__BODY__NOTICE_POLL_SECONDS)",
        "`aws.metadata` must be `auto`, `on` or `off`, not `sometimes` (file dronebot.toml)",
        "`body.announce_channel` must be a channel's id such as `C0123ABCD`, not `#ops` (file dronebot.toml)",
        "`body.image_digest` must be `sha256:` and 64 hexadecimal digits, not `latest` (file dronebot.toml)",
    ]
    "#);
}

#[test]
fn every_key_stands_in_the_default_file_with_a_comment_and_every_key_there_is_read() {
    let mut listed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let (mut section, mut commented) = (String::new(), false);
    for line in DEFAULTS.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
        } else if let Some((key, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            assert!(commented, "{section}.{key} has no comment above it");
            listed.entry(section.clone()).or_default().insert(key.to_owned());
        }
        commented = line.starts_with("# ");
    }
    let mut slack = keys_of::<SlackConfig>();
    slack.remove("pacing");
    let mut selftest = keys_of::<SelfTestConfig>();
    for secret in secrets::SECRETS {
        let (section, key) = secret.key.split_once('.').unwrap();
        let keys = if section == "slack" { &mut slack } else { &mut selftest };
        assert!(keys.contains(key), "{key}");
        keys.insert(format!("{key}_file"));
    }
    let known = BTreeMap::from(
        [
            ("slack", slack),
            ("slack.pacing", keys_of::<PacingConfig>()),
            ("store", keys_of::<StoreConfig>()),
            ("aws", keys_of::<AwsConfig>()),
            ("commands", keys_of::<CommandsConfig>()),
            ("deploy", BTreeSet::from(["self".to_owned()])),
            ("deploy.services.dronebot", keys_of::<ServiceConfig>()),
            ("execution", keys_of::<ExecutionConfig>()),
            ("delivery", keys_of::<DeliveryConfig>()),
            ("policy", keys_of::<PolicySettings>()),
            ("groups.viewers", keys_of::<GroupConfig>()),
            ("groups.operators", keys_of::<GroupConfig>()),
            ("groups.deployers", keys_of::<GroupConfig>()),
            ("health", keys_of::<HealthSettings>()),
            ("selftest", selftest),
            ("log", keys_of::<LogSettings>()),
            ("supervision", keys_of::<SupervisionSettings>()),
            ("body", keys_of::<BodySettings>()),
            ("shutdown", keys_of::<ShutdownSettings>()),
        ]
        .map(|(section, keys)| (section.to_owned(), keys)),
    );
    assert_eq!(listed, known);
}

#[test]
fn a_lease_into_which_no_three_calls_fit_is_refused_where_the_table_is_a_real_one() {
    let load = |lease: &str, kind: &str, more: &[(&str, &str)]| {
        let given = [("DRONEBOT__STORE__LEASE_SECONDS", lease), ("DRONEBOT__STORE__KIND", kind)];
        let variables: Vec<(&str, &str)> = given.iter().chain(more).copied().collect();
        Settings::load(None, &environment(&variables)).map(drop).map_err(|error| error.to_string())
    };
    let says = load("6", "dynamodb", &[]).unwrap_err();
    assert!(
        says.starts_with("`store.lease_seconds` is 6 and must be at least 7: a call to the table may take"),
        "{says}"
    );
    assert!(says.ends_with("(variable DRONEBOT__STORE__LEASE_SECONDS)"), "{says}");
    for (lease, kind, more) in [
        ("7", "dynamodb", None),
        ("6", "sqlite", None),
        ("1", "dynamodb", Some(("AWS_ENDPOINT_URL", "http://moto:5000"))),
        ("1", "dynamodb", Some(("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:8000"))),
    ] {
        let more: Vec<(&str, &str)> = more.into_iter().collect();
        assert_eq!(load(lease, kind, &more), Ok(()), "{lease} {kind} {more:?}");
    }
    for own in
        ["https://dynamodb.eu-central-1.amazonaws.com", "https://vpce-1.dynamodb.eu-central-1.vpce.amazonaws.com"]
    {
        assert!(load("6", "dynamodb", &[("AWS_ENDPOINT_URL_DYNAMODB", own)]).is_err(), "{own}");
    }
}
