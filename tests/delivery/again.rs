//! A commit's build on a machine that has built another one: what differs is compiled, and nothing else.

use crate::engine::{ROOT, alone, docker, runs};
use std::fs;
use std::path::{Path, PathBuf};

/// A project as small as one can be that the Dockerfile of this one builds. Its script is run anew where it looks newer than what
/// was built of it, and then says another time.
const FILES: [(&str, &str); 9] = [
    ("Cargo.toml", "[package]\nname = \"dronebot\"\nversion = \"0.1.0\"\nedition = \"2024\"\nbuild = \"build.rs\"\n"),
    ("Cargo.lock", "version = 4\n\n[[package]]\nname = \"dronebot\"\nversion = \"0.1.0\"\n"),
    (
        "build.rs",
        "fn main() {\n    println!(\"cargo:rerun-if-changed=build.rs\");\n    \
         println!(\"cargo:rustc-env=AT={:?}\", std::time::UNIX_EPOCH.elapsed());\n}\n",
    ),
    (".cargo/config.toml", ""),
    (
        "src/main.rs",
        "fn main() {\n    println!(\"{} {:?}\", dronebot::says(), option_env!(\"DRONEBOT_REVISION\"));\n}\n",
    ),
    ("src/bin/slack-sandbox.rs", "fn main() {}\n"),
    ("src/bin/demo.rs", "fn main() {}\n"),
    ("benches/none", ""),
    ("config/none", ""),
];

/// Where the project is, and the image that is made of it.
struct Small {
    docker: PathBuf,
    folder: tempfile::TempDir,
    image: String,
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = std::process::Command::new(&self.docker).args(["image", "rm", "--force", &self.image]).output();
    }
}

impl Small {
    fn new(docker: PathBuf) -> Self {
        let folder = tempfile::Builder::new().prefix("small-").tempdir().expect("a folder");
        let name = format!("dronebot-again-{}", std::process::id());
        let small = Self { docker, folder, image: format!("{name}:small") };
        FILES.into_iter().for_each(|(path, text)| small.write(path, text));
        small.write("tests/none", "");
        let own = fs::read_to_string(Path::new(ROOT).join("Dockerfile")).expect("a Dockerfile");
        // a target folder of its own
        let dockerfile = own.replace("target=/src/target,", &format!("id={name},target=/src/target,"));
        assert_ne!(dockerfile, own);
        small.write("Dockerfile", &dockerfile);
        small
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("it is made");
        fs::write(path, text).expect("it is written");
    }

    /// Builds it as this revision with this library; what the program in the image says.
    async fn says(&self, revision: &str, library: &str) -> [String; 3] {
        self.write(
            "src/lib.rs",
            &format!("pub fn says() -> &'static str {{\n    concat!(\"{library} \", env!(\"AT\"))\n}}\n"),
        );
        let (place, revision) = (self.folder.path().display().to_string(), format!("REVISION={revision}"));
        let build = ["build", "--quiet", "--build-arg", &revision, "--tag", &self.image, &place];
        runs(&self.docker, &build, &[("DOCKER_BUILDKIT", "1")]).await;
        let said = runs(&self.docker, &["run", "--rm", &self.image], &[]).await;
        let words: Vec<String> = said.split(' ').map(str::to_owned).collect();
        words.try_into().expect("three words")
    }
}

#[actix_web::test]
async fn another_commit_compiles_what_it_changed_and_no_more() {
    let Some(docker) = docker().await else { return };
    let _turn = alone().await;
    let small = Small::new(docker);
    let [word, at, revision] = small.says("a", "one").await;
    assert_eq!([word.as_str(), revision.as_str()], ["one", "Some(\"a\")"]);
    let steps = [
        ("b", "one", "another commit with the same sources"),
        ("b", "two", "a file that has changed, whatever the clock of its clone says"),
        ("a", "one", "and changed back"),
    ];
    for (commit, library, what) in steps {
        let said = small.says(commit, library).await;
        assert_eq!(said, [library.to_owned(), at.clone(), format!("Some(\"{commit}\")")], "{what}");
    }
}
