//! Everything that versions are deployed to: a registry, an AWS, a Slack, and room for two replicas, all made by compose; and a
//! clone in which commits can be made.

use crate::engine::{Done, ROOT, deliver, runs};
use crate::support::{Sandbox, failed, until};
use serde_json::Value;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A place of its own on this machine; taken away with the value.
pub struct Site {
    docker: PathBuf,
    folder: tempfile::TempDir,
    project: String,
    env: Vec<(String, String)>,
    registry: u16,
    pub slack: Sandbox,
}

impl Drop for Site {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let logs = self.compose_command().args(["logs", "--no-color", "--timestamps"]).output();
            logs.iter().for_each(|logs| failed::keep("compose.log", &logs.stdout));
            failed::keep_sandbox(&self.slack.url);
        }
        let mut down = self.compose_command();
        down.args(["down", "--volumes", "--remove-orphans", "--timeout", "2"]);
        let _ = down.output();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port()
}

impl Site {
    /// Registry, AWS and Slack run; no replica yet.
    pub async fn new(docker: PathBuf, sandbox_image: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("site-").tempdir().expect("a folder");
        let (registry, moto, slack, a, b) = (free_port(), free_port(), free_port(), free_port(), free_port());
        let own = folder.path().join("dronebot");
        fs::create_dir(&own).expect("a folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("its mode is set");
        fs::copy(Path::new(ROOT).join("config/sandbox.toml"), own.join("dronebot.toml")).expect("it is copied");
        fs::write(own.join("app-token"), "xapp-sandbox").expect("it is written");
        fs::write(own.join("bot-token"), "xoxb-sandbox").expect("it is written");
        fs::write(own.join("selftest-secret"), "a secret that is made for this site alone").expect("it is written");
        let environment = "DRONEBOT__SLACK__API_URL=http://sandbox:8484/api\nDRONEBOT__STORE__LEASE_SECONDS=3\n\
             DRONEBOT__SELFTEST__SECRET_FILE=/etc/dronebot/selftest-secret\nDRONEBOT__SELFTEST__CHANNEL=COPS\n\
             AWS_ENDPOINT_URL=http://moto:5000\nAWS_REGION=eu-central-1\n\
             AWS_ACCESS_KEY_ID=testing\nAWS_SECRET_ACCESS_KEY=testing\n";
        fs::write(own.join("environment"), environment).expect("it is written");
        let path = |name: &str| folder.path().join(name).display().to_string();
        let env = [
            ("DRONE_ENV", path("dronebot/environment")),
            ("DRONE_FOLDER", path("dronebot")),
            ("DRONE_PORT_A", a.to_string()),
            ("DRONE_PORT_B", b.to_string()),
            ("WORLD_REGISTRY_PORT", registry.to_string()),
            ("WORLD_MOTO_PORT", moto.to_string()),
            ("WORLD_SANDBOX_PORT", slack.to_string()),
            ("WORLD_SANDBOX", sandbox_image.to_owned()),
        ];
        let site = Self {
            docker,
            project: format!("drone{}", std::process::id()),
            env: env.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
            registry,
            slack: Sandbox::at(format!("http://127.0.0.1:{slack}")),
            folder,
        };
        site.write_target("target", [a, b]);
        let mut up = site.compose_command();
        let up = up.args(["up", "--detach", "registry", "moto", "sandbox"]).output().expect("compose starts");
        assert!(up.status.success(), "{}", String::from_utf8_lossy(&up.stderr));
        let urls = [
            format!("http://127.0.0.1:{registry}/v2/"),
            format!("http://127.0.0.1:{moto}/moto-api/data.json"),
            format!("http://127.0.0.1:{slack}/health"),
        ];
        for url in &urls {
            let answers =
                async || awc::Client::new().get(url).send().await.is_ok_and(|answer| answer.status().is_success());
            until("the world answers", answers).await;
        }
        site
    }

    fn write_target(&self, name: &str, ports: [u16; 2]) {
        let mut text = format!(
            "kind = \"compose\"\nrepository = \"{}\"\nproject = \"{}\"\nstate = \"state\"\nready_seconds = 40\n\
             prepare = [\"store\", \"init\"]\nfiles = [\"{ROOT}/delivery/compose.yaml\", \"{ROOT}/tests/delivery/world.yaml\"]\n\n\
             unverified = true\n\n[slack]\nsandbox = \"{}\"\n\n[selftest]\nsecret_file = \"{}\"\n\n[environment]\n",
            self.repository(),
            self.project,
            self.slack.url,
            self.folder.path().join("dronebot/selftest-secret").display(),
        );
        for (key, value) in &self.env {
            text += &format!("{key} = \"{value}\"\n");
        }
        for (letter, port) in ["a", "b"].into_iter().zip(ports) {
            text += &format!(
                "\n[[replica]]\nservice = \"drone-{letter}\"\nimage = \"DRONE_IMAGE_{}\"\nprobe = \"http://127.0.0.1:{port}\"\n",
                letter.to_uppercase()
            );
        }
        fs::write(self.folder.path().join(format!("{name}.toml")), text).expect("it is written");
    }

    fn compose_command(&self) -> std::process::Command {
        let plugin = std::process::Command::new(&self.docker).args(["compose", "version"]).output();
        let mut command = if plugin.is_ok_and(|asked| asked.status.success()) {
            let mut command = std::process::Command::new(&self.docker);
            command.arg("compose");
            command
        } else {
            std::process::Command::new("docker-compose")
        };
        for file in ["delivery/compose.yaml", "tests/delivery/world.yaml"] {
            command.arg("--file").arg(Path::new(ROOT).join(file));
        }
        command.args(["--project-name", &self.project]).envs(self.env.iter().map(|(key, value)| (key, value)));
        command.envs([("DRONE_IMAGE_A", "none"), ("DRONE_IMAGE_B", "none")]);
        command
    }

    /// Where versions are pushed.
    pub fn repository(&self) -> String {
        format!("127.0.0.1:{}/dronebot", self.registry)
    }

    /// The file that describes this place.
    pub fn target(&self) -> String {
        self.folder.path().join("target.toml").display().to_string()
    }

    /// Runs a program of `delivery/` that takes this place.
    pub async fn deliver(&self, program: &str, arguments: &[&str]) -> Done {
        let target = self.target();
        let mut words = vec!["--to", target.as_str()];
        words.extend(arguments);
        deliver(program, &words, &[]).await
    }

    /// What the registry says: the digest of a tag.
    pub async fn digest_of(&self, tag: &str) -> String {
        let url = format!("http://127.0.0.1:{}/v2/dronebot/manifests/{tag}", self.registry);
        let accept = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json";
        let mut answer =
            awc::Client::new().get(url).insert_header(("accept", accept)).send().await.expect("it answers");
        let told =
            answer.headers().get("docker-content-digest").expect("a digest").to_str().expect("a text").to_owned();
        let body = answer.body().await.expect("a manifest");
        let own: String =
            <sha2::Sha256 as sha2::Digest>::digest(&body).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(told, format!("sha256:{own}"), "the registry's digest is that of its bytes");
        told
    }

    /// What the engine says: the digests of the images of the running replicas.
    pub async fn running(&self) -> Vec<String> {
        let mut digests = Vec::new();
        for replica in ["drone-a", "drone-b"] {
            let project = format!("label=com.docker.compose.project={}", self.project);
            let service = format!("label=com.docker.compose.service={replica}");
            let id = runs(&self.docker, &["ps", "--quiet", "--filter", &project, "--filter", &service], &[]).await;
            let image = runs(&self.docker, &["inspect", "--format", "{{.Image}}", &id], &[]).await;
            let known =
                runs(&self.docker, &["image", "inspect", "--format", "{{json .RepoDigests}}", &image], &[]).await;
            let known: Vec<String> = serde_json::from_str(&known).expect("JSON");
            let ours = known.iter().find_map(|name| name.strip_prefix(&format!("{}@", self.repository())));
            digests.push(ours.expect("a digest of our repository").to_owned());
        }
        digests
    }

    /// That this digest runs, whoever is asked: the registry by its tag, the engine, `status`.
    pub async fn all_say(&self, digest: &str, revision: &str, previous: Option<&str>) {
        assert_eq!(self.digest_of(revision).await, digest);
        assert_eq!(self.running().await, [digest, digest]);
        let status: Value = serde_json::from_str(&self.deliver("status", &["--json"]).await.ends(0)).expect("JSON");
        assert_eq!(status["current"], digest);
        assert_eq!(status["previous"].as_str(), previous);
        for replica in status["replicas"].as_array().expect("replicas") {
            assert_eq!((&replica["digest"], &replica["revision"]), (&digest.into(), &revision.into()), "{status:#}");
            assert_eq!(replica["ready"], true, "{status:#}");
        }
    }
}

/// A clone of this project, in which commits can be made.
pub struct Clone {
    pub folder: tempfile::TempDir,
}

impl Clone {
    pub async fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("clone-").tempdir().expect("a folder");
        let place = folder.path().display().to_string();
        // what else lies about here is not delivered
        runs("git", &["clone", "--quiet", "--shared", "--single-branch", ROOT, &place], &[]).await;
        Self { folder }
    }

    /// One with a single commit, of a single file.
    pub async fn small() -> Self {
        let folder = tempfile::Builder::new().prefix("clone-").tempdir().expect("a folder");
        let clone = Self { folder };
        clone.git(&["init", "--quiet"]).await;
        std::fs::write(clone.folder.path().join("README.md"), "Nothing secret.\n").expect("it is written");
        clone.git(&["add", "."]).await;
        clone.commits("The first").await;
        clone
    }

    pub fn place(&self) -> String {
        self.folder.path().display().to_string()
    }

    pub async fn git(&self, arguments: &[&str]) -> String {
        let place = self.place();
        let mut words =
            vec!["-C", place.as_str(), "-c", "user.name=Delivery", "-c", "user.email=delivery@test.invalid"];
        words.extend(arguments);
        runs("git", &words, &[]).await
    }

    /// Another commit with the same files; returns its revision.
    pub async fn commits(&self, message: &str) -> String {
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]).await;
        self.git(&["rev-parse", "HEAD"]).await
    }
}
