//! Files that import each other in a circle can only be read, moved and tried together. Which file imports which is read off
//! the source tree: from the `use` declarations, from the paths in the code, and through whatever exports them again. A
//! parent and its own child are no circle: the child has what is private to its parent, and the parent names its children.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// The roots of the crates, below `src`.
const ROOTS: [&str; 3] = ["lib.rs", "bin/slack_sandbox/main.rs", "bin/demo/main.rs"];

/// Through so many exports a name is followed.
const EXPORTS: u32 = 8;

/// The words of a path, as of `crate::store::Journal`.
type Words = Vec<String>;

/// Which file imports which, by their names below `src`.
type Imports = BTreeMap<String, BTreeSet<String>>;

/// A file, with what it says of others.
#[derive(Default)]
struct File {
    name: String,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    /// What stands behind each name that it has by a `use`.
    names: BTreeMap<String, Words>,
    paths: Vec<Words>,
}

/// The files of one crate, its root first.
#[derive(Default)]
struct Crate {
    files: Vec<File>,
}

impl Crate {
    fn read(root: &str) -> Self {
        let mut read = Self::default();
        read.add(root, root.rsplit_once('/').map_or("", |(folder, _)| folder), None);
        read
    }

    /// Adds a file, whose modules are in the folder, and those.
    fn add(&mut self, name: &str, folder: &str, parent: Option<usize>) -> usize {
        let text = fs::read_to_string(below(name)).expect("a file");
        let code = without_tests_and_comments(&text);
        let (trees, rest) = parted(&code);
        let mut file = File { name: name.to_owned(), parent, paths: paths(&rest), ..File::default() };
        for tree in trees {
            expand(&tree, &[], &mut |name, path| {
                file.paths.push(path.clone());
                file.names.insert(name, path);
            });
        }
        let at = self.files.len();
        self.files.push(file);
        for module in modules(&code) {
            let inside = if folder.is_empty() { module.clone() } else { format!("{folder}/{module}") };
            // the last: by `#[path]`, beside its parent
            let beside = format!("{}/{module}.rs", folder.rsplit_once('/').map_or("", |(above, _)| above));
            let places = [format!("{inside}.rs"), format!("{inside}/mod.rs"), beside];
            let place = places.iter().find(|place| below(place).exists());
            let child = self.add(place.unwrap_or_else(|| panic!("{name}: mod {module}")), &inside, Some(at));
            self.files[at].children.insert(module, child);
        }
        at
    }

    /// The file in which that is written to which a path of this file leads; `None` outside of the crate.
    fn leads_to(&self, from: usize, path: &[String], exports: u32) -> Option<usize> {
        let (first, rest) = path.split_first()?;
        let file = &self.files[from];
        match first.as_str() {
            "crate" => self.inside(0, rest, exports),
            "self" => self.inside(from, rest, exports),
            "super" => self.inside(file.parent?, rest, exports),
            own if file.children.contains_key(own) || file.names.contains_key(own) => self.inside(from, path, exports),
            _ => None,
        }
    }

    fn inside(&self, at: usize, path: &[String], exports: u32) -> Option<usize> {
        let file = &self.files[at];
        let Some((first, rest)) = path.split_first() else { return Some(at) };
        if first == "super" {
            return self.inside(file.parent?, rest, exports);
        }
        if let Some(child) = file.children.get(first) {
            return self.inside(*child, rest, exports);
        }
        match file.names.get(first) {
            Some(behind) if exports > 0 => {
                self.leads_to(at, &[behind.as_slice(), rest].concat(), exports - 1).or(Some(at))
            }
            _ => Some(at),
        }
    }

    fn imports(&self) -> Imports {
        let mut imports = Imports::new();
        for (at, file) in self.files.iter().enumerate() {
            let all = file.paths.iter().filter_map(|path| self.leads_to(at, path, EXPORTS));
            let is_family = |other: usize| file.parent == Some(other) || self.files[other].parent == Some(at);
            let others = all.filter(|other| *other != at && !is_family(*other));
            imports.insert(file.name.clone(), others.map(|other| self.files[other].name.clone()).collect());
        }
        imports
    }
}

fn below(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(name)
}

fn without_tests_and_comments(text: &str) -> String {
    let text = text.split("mod tests {").next().unwrap_or_default();
    let line = |line: &str| line.split("//").next().unwrap_or_default().to_owned();
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// The modules of a file that have a file of their own, but for those of tests.
fn modules(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut for_tests = false;
    for line in code.lines().map(str::trim) {
        let declared = line.strip_suffix(';').and_then(|line| line.split_once("mod "));
        match declared.filter(|(before, _)| is_visibility(before)) {
            Some((_, module)) if !for_tests => found.push(module.to_owned()),
            _ => {}
        }
        for_tests = line == "#[cfg(test)]" || for_tests && line.starts_with("#[");
    }
    found
}

fn is_visibility(words: &str) -> bool {
    words.trim().is_empty() || words.trim().starts_with("pub")
}

/// What a file declares to use, each as it stands behind `use`, and the rest of its code.
fn parted(code: &str) -> (Vec<String>, String) {
    let (mut trees, mut rest) = (Vec::new(), String::new());
    let mut lines = code.lines();
    while let Some(line) = lines.next() {
        let Some((_, tree)) = line.split_once("use ").filter(|(before, _)| is_visibility(before)) else {
            rest.push_str(line);
            rest.push('\n');
            continue;
        };
        let mut tree = tree.trim_end().to_owned();
        while !tree.ends_with(';') {
            tree.push_str(lines.next().expect("its end").trim());
        }
        trees.push(tree.trim_end_matches(';').to_owned());
    }
    (trees, rest)
}

/// Gives each path of what stands behind `use`, and the name by which the file has it.
fn expand(tree: &str, before: &[String], give: &mut impl FnMut(String, Words)) {
    let tree = tree.trim();
    if let Some(group) = tree.strip_prefix('{').and_then(|tree| tree.strip_suffix('}')) {
        for branch in branches(group) {
            expand(branch, before, give);
        }
        return;
    }
    if let Some((word, rest)) = tree.split_once("::") {
        return expand(rest, &[before, &[word.to_owned()]].concat(), give);
    }
    let (word, name) = tree.split_once(" as ").unwrap_or((tree, tree));
    match (word, before.last()) {
        ("", _) => {}
        ("self", Some(module)) => give(if name == "self" { module.clone() } else { name.to_owned() }, before.to_vec()),
        _ => give(name.to_owned(), [before, &[word.to_owned()]].concat()),
    }
}

/// What stands between the commas of a group, but for those of groups in it.
fn branches(group: &str) -> Vec<&str> {
    let mut depth = 0;
    let is_between = |c: char| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    };
    group.split(is_between).collect()
}

/// The paths in code, but for those of visibilities and of what a macro writes elsewhere.
fn paths(code: &str) -> Vec<Words> {
    let code = code.replace("(in crate::", "(").replace("(in super::", "(").replace("$crate", "");
    let words = code.split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | ':')));
    let paths = words.map(|word| word.trim_matches(':')).filter(|word| word.contains("::"));
    paths.map(|path| path.split("::").map(str::to_owned).collect()).collect()
}

/// All that a file imports, and what that imports, and so on.
fn reached<'a>(imports: &'a Imports, from: &'a str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut ahead: Vec<&str> = vec![from];
    while let Some(file) = ahead.pop() {
        let others = imports.get(file).into_iter().flatten().map(String::as_str);
        ahead.extend(others.filter(|other| reached.insert(*other)));
    }
    reached
}

/// The circles, each with its files and what they import of each other.
fn circles(imports: &Imports) -> Vec<String> {
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        imports.keys().map(|file| (file.as_str(), reached(imports, file))).collect();
    let mut told = BTreeSet::new();
    let mut found = Vec::new();
    for (file, ahead) in &reached {
        let circle: Vec<&str> =
            ahead.iter().copied().filter(|other| reached.get(other).is_some_and(|back| back.contains(file))).collect();
        if circle.is_empty() || !told.insert(circle.clone()) {
            continue;
        }
        let mut text = format!("{} files import each other in a circle:", circle.len());
        for file in &circle {
            let others = imports[*file].iter().filter(|other| circle.contains(&other.as_str()));
            let others: Vec<&str> = others.map(String::as_str).collect();
            let _ = write!(text, "\n  {file} imports {}", others.join(", "));
        }
        found.push(text);
    }
    found
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let found: Vec<String> = ROOTS.iter().flat_map(|root| circles(&Crate::read(root).imports())).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn an_import_is_seen_by_whatever_path_and_a_circle_of_any_length() {
    let imports = Crate::read("lib.rs").imports();
    assert!(imports.len() > 300, "{} files", imports.len());
    let sees = |file: &str, other: &str| imports[file].contains(other);
    assert!(sees("store/sqlite/port.rs", "store/sqlite/file.rs"), "by a group");
    assert!(sees("commands/ec2/near.rs", "commands/folded.rs"), "from above its parent");
    assert!(sees("execution/run.rs", "store/ports.rs"), "exported again");
    let path = |words: &str| words.split("::").map(str::to_owned).collect::<Words>();
    let mut given = Vec::new();
    expand("super::{a::{self, B as C}, d::E, f}", &[], &mut |name, path| given.push((name, path)));
    let all = [("a", "super::a"), ("C", "super::a::B"), ("E", "super::d::E"), ("f", "super::f")];
    assert_eq!(given, all.map(|(name, words)| (name.to_owned(), path(words))));
    assert_eq!(
        paths("pub(in crate::a) fn b(c: super::D) { $crate::e::f(g::H::<I>::new()) }"),
        [path("super::D"), path("e::f"), path("g::H")]
    );
    let made_up = |pairs: &[(&str, &str)]| -> Imports {
        pairs.iter().map(|(file, other)| ((*file).to_owned(), BTreeSet::from([(*other).to_owned()]))).collect()
    };
    assert_eq!(circles(&made_up(&[("a", "b"), ("b", "c"), ("d", "a")])), Vec::<String>::new());
    let found = circles(&made_up(&[("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")]));
    assert_eq!(found, ["3 files import each other in a circle:\n  a imports b\n  b imports c\n  c imports a"]);
}
