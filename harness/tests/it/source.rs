//! Real repositories, honest and hostile ones, fetched with the real `git`.

use std::fs;
use std::future::pending;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use domain::Fault;
use git2::{Oid, Repository, Signature};
use harness::source::{Bounds, Commit, Mirror, Note, Releases, SourceError, TagKind, WorkTree};
use tempfile::TempDir;

const LONG: Duration = Duration::from_secs(60);

/// A repository to be fetched, and the state folder that its mirror goes to.
struct Bench {
    folder: TempDir,
    repository: Repository,
}

impl Bench {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let repository = Repository::init(folder.path().join("recipe")).unwrap();
        Self { folder, repository }
    }

    fn source(&self) -> String {
        self.folder.path().join("recipe").to_str().unwrap().to_owned()
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn blob(&self, content: &str) -> Oid {
        self.repository.blob(content.as_bytes()).unwrap()
    }

    /// Writes a tree object as its bytes stand, so that it can hold what git itself would refuse.
    fn raw_tree(&self, entries: &[(&str, &[u8], Oid)]) -> Oid {
        let mut bytes = Vec::new();
        for (mode, name, id) in entries {
            bytes.extend_from_slice(mode.as_bytes());
            bytes.push(b' ');
            bytes.extend_from_slice(name);
            bytes.push(0);
            bytes.extend_from_slice(id.as_bytes());
        }
        self.repository.odb().unwrap().write(git2::ObjectType::Tree, &bytes).unwrap()
    }

    /// Puts a tree on `master` as a new commit.
    fn commit_tree(&self, tree: Oid) -> Oid {
        let parents: Vec<git2::Commit<'_>> =
            self.repository.head().ok().map(|h| h.peel_to_commit().unwrap()).into_iter().collect();
        let parents: Vec<&git2::Commit<'_>> = parents.iter().collect();
        let author = Signature::now("a", "a@example.org").unwrap();
        let tree = self.repository.find_tree(tree).unwrap();
        self.repository.commit(Some("HEAD"), &author, &author, "state", &tree, &parents).unwrap()
    }

    fn commit(&self, content: &str) -> Oid {
        let blob = self.blob(content);
        self.commit_tree(self.raw_tree(&[("100644", b"compose.yml", blob)]))
    }

    fn light(&self, tag: &str, at: Oid) {
        let at = self.repository.find_object(at, None).unwrap();
        self.repository.tag_lightweight(tag, &at, false).unwrap();
    }

    fn annotated(&self, tag: &str, at: Oid) {
        let at = self.repository.find_object(at, None).unwrap();
        let author = Signature::now("a", "a@example.org").unwrap();
        self.repository.tag(tag, &at, &author, "release", false).unwrap();
    }

    async fn sync(&self) -> Mirror {
        Mirror::sync(&self.source(), &self.store(), LONG, pending()).await.unwrap()
    }

    /// Fetches, and writes out what the branch holds now.
    async fn tree_with(&self, bounds: Bounds) -> Result<WorkTree, SourceError> {
        let mirror = self.sync().await;
        let head = mirror.resolve("HEAD").await.unwrap();
        mirror.work_tree(&head, &self.folder.path().join("run/tree"), bounds).await
    }

    async fn tree(&self) -> Result<WorkTree, SourceError> {
        self.tree_with(Bounds::default()).await
    }

    /// Returns what refusing the tree says; nothing may be left.
    async fn refused(&self, bounds: Bounds) -> String {
        let error = self.tree_with(bounds).await.unwrap_err();
        assert_eq!(error.fault(), Fault::Recipe, "{error}");
        let left = self.folder.path().join("run/tree");
        assert!(!left.exists() || fs::read_dir(&left).unwrap().next().is_none(), "something was left");
        hide_commits(&error.to_string())
    }
}

fn hide_commits(text: &str) -> String {
    text.split(' ').map(|w| if w.len() == 40 { "<commit>" } else { w }).collect::<Vec<_>>().join(" ")
}

fn tags(releases: &Releases) -> String {
    let mut lines: Vec<String> =
        releases.releases.iter().map(|r| format!("{} {:?}", r.tag, releases.kind(&r.tag).unwrap())).collect();
    lines.extend(releases.bad.iter().map(ToString::to_string));
    lines.join("\n")
}

#[tokio::test]
async fn cc_005_releases_come_in_their_order_and_other_tags_with_their_reason() {
    let bench = Bench::new();
    let (one, two) = (bench.commit("one"), bench.commit("two"));
    bench.annotated("1.10.0+2.0", two);
    bench.annotated("1.9.0+1.0", one);
    bench.light("2.0.0+2.1", two);
    bench.light("v1.0.3", one);
    let blob = bench.blob("not a commit");
    bench.light("3.0.0+x", blob);
    let releases = bench.sync().await.releases().await.unwrap();
    insta::assert_snapshot!(tags(&releases), @"
    1.9.0+1.0 Annotated
    1.10.0+2.0 Annotated
    2.0.0+2.1 Light
    tag `3.0.0+x` is not a release: it points to something that is missing, not to a commit
    tag `v1.0.3` is not a release: there is no `+` between the recipe's version and the upstream's
    ");
    assert_eq!(releases.releases[0].commit, one.to_string());
    assert_eq!(releases.kind("v1.0.3"), Some(TagKind::Light));
}

#[tokio::test]
async fn a_reference_is_a_tag_a_branch_the_head_or_the_beginning_of_a_commit() {
    let bench = Bench::new();
    let (one, two) = (bench.commit("one"), bench.commit("two"));
    bench.annotated("1.0.0+a", one);
    bench.repository.branch("try/this", &bench.repository.find_commit(one).unwrap(), false).unwrap();
    let mirror = bench.sync().await;
    let id = |name: String| {
        let mirror = mirror.clone();
        async move { mirror.resolve(&name).await.unwrap().id }
    };
    for name in
        ["1.0.0+a".to_owned(), "try/this".to_owned(), one.to_string(), one.to_string()[..10].to_owned()]
    {
        assert_eq!(id(name.clone()).await, one.to_string(), "{name}");
    }
    assert_eq!(id("HEAD".to_owned()).await, two.to_string());
    assert_eq!(id(two.to_string().to_uppercase()).await, two.to_string());
    let tag = mirror.resolve("1.0.0+a").await.unwrap();
    assert_eq!(tag.tag.as_deref(), Some("1.0.0+a"));
    assert_eq!(tag.chaos_version(), &one.to_string()[..8]);
}

#[tokio::test]
async fn a_tag_that_does_not_exist_is_answered_with_the_nearest_ones() {
    let bench = Bench::new();
    let one = bench.commit("one");
    for tag in ["1.0.0+1.21", "1.0.0+1.22", "9.9.9+x", "1.1.0+1.22"] {
        bench.light(tag, one);
    }
    let mirror = bench.sync().await;
    let error = mirror.resolve("1.0.0+1.23").await.unwrap_err();
    assert!(error.is_wrong_argument());
    let said = error.to_string().replace(bench.folder.path().to_str().unwrap(), "…");
    insta::assert_snapshot!(said, @"`1.0.0+1.23` is no tag, branch or commit of `…/recipe`; nearest: 1.0.0+1.21, 1.0.0+1.22, 1.1.0+1.22");
    for evil in ["HEAD~1", "@{-1}", "../../etc/passwd", ":/state", "", "refs/heads/../../x", "a\u{1b}[31m\n"]
    {
        assert!(matches!(mirror.resolve(evil).await, Err(SourceError::NoSuchReference { .. })), "{evil:?}");
    }
}

#[tokio::test]
async fn cc_004_what_was_pinned_stays_when_the_source_moves_on() {
    let bench = Bench::new();
    let one = bench.commit("one");
    bench.light("1.0.0+a", one);
    bench.light("1.1.0+b", one);
    let mirror = bench.sync().await;
    let pinned = mirror.resolve("1.0.0+a").await.unwrap();
    // Upstream moves one tag and deletes the other.
    let two = bench.commit("two");
    bench.repository.tag_delete("1.1.0+b").unwrap();
    bench.repository.tag_delete("1.0.0+a").unwrap();
    bench.light("1.0.0+a", two);
    let mirror = bench.sync().await;
    assert_eq!(mirror.resolve("1.0.0+a").await.unwrap().id, two.to_string());
    assert_eq!(mirror.releases().await.unwrap().releases.len(), 1);
    let tree = mirror.work_tree(&pinned, &bench.folder.path().join("run"), Bounds::default()).await.unwrap();
    assert_eq!(fs::read_to_string(tree.path.join("compose.yml")).unwrap(), "one");
}

#[tokio::test]
async fn a_work_tree_holds_the_bytes_of_the_commit_and_the_two_modes() {
    let bench = Bench::new();
    // Attributes that would rewrite the file in a checkout, and a filter that would run a program.
    let attributes = bench.blob("* eol=crlf ident filter=evil\n");
    let script = bench.blob("#!/bin/sh\n# $Id$\n");
    let inner =
        bench.raw_tree(&[("100755", b"run.sh", script), ("120000", b"up", bench.blob("../.gitattributes"))]);
    bench.commit_tree(bench.raw_tree(&[
        ("100644", b".gitattributes", attributes),
        ("100664", b"old.txt", script),
        ("40000", b"scripts", inner),
    ]));
    let tree = bench.tree().await.unwrap();
    assert_eq!(fs::read_to_string(tree.path.join("scripts/run.sh")).unwrap(), "#!/bin/sh\n# $Id$\n");
    let mode = |name: &str| fs::metadata(tree.path.join(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("scripts/run.sh"), mode("old.txt")), (0o755, 0o644));
    assert_eq!(fs::read_link(tree.path.join("scripts/up")).unwrap(), Path::new("../.gitattributes"));
    assert!(!tree.path.join(".git").exists());
    assert_eq!((tree.files, tree.notes), (4, vec![]));
}

#[tokio::test]
async fn links_out_of_the_tree_become_plain_files_and_are_reported() {
    let bench = Bench::new();
    let inner = bench.raw_tree(&[
        ("120000", b"climb", bench.blob("../../outside")),
        ("120000", b"fine", bench.blob("..")),
        ("120000", b"through", bench.blob("fine/../../outside")),
    ]);
    bench.commit_tree(
        bench.raw_tree(&[("120000", b"passwd", bench.blob("/etc/passwd")), ("40000", b"sub", inner)]),
    );
    let tree = bench.tree().await.unwrap();
    assert_eq!(
        tree.notes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
        "`passwd` links to `/etc/passwd`, out of the tree; it is a plain file here\n\
         `sub/climb` links to `../../outside`, out of the tree; it is a plain file here\n\
         `sub/through` links to `fine/../../outside`, out of the tree; it is a plain file here"
    );
    assert_eq!(fs::read_to_string(tree.path.join("passwd")).unwrap(), "/etc/passwd");
    assert!(fs::symlink_metadata(tree.path.join("sub/through")).unwrap().is_file());
    assert!(fs::symlink_metadata(tree.path.join("sub/fine")).unwrap().is_symlink());
}

#[tokio::test]
async fn submodules_are_not_followed_and_names_that_differ_in_case_are_reported() {
    let bench = Bench::new();
    let commit = bench.commit("one");
    let blob = bench.blob("x");
    bench.commit_tree(bench.raw_tree(&[
        ("100644", b"README.md", blob),
        ("100644", b"ReadMe.md", blob),
        ("160000", b"vendor", commit),
    ]));
    let tree = bench.tree().await.unwrap();
    assert!(!tree.path.join("vendor").exists());
    assert!(
        matches!(&tree.notes[..], [Note::SameButCase { .. }, Note::Submodule { path, .. }] if path == "vendor")
    );
}

#[tokio::test]
async fn names_that_could_overwrite_something_refuse_the_whole_tree() {
    for name in [&b".git"[..], b".GIT", b"git~1", b"..", b".git ", b".g\xe2\x80\x8cit", b"a\\b"] {
        let bench = Bench::new();
        let blob = bench.blob("[core]\n\tfsmonitor = evil\n");
        let inner = bench.raw_tree(&[("100644", b"config", blob)]);
        bench.commit_tree(bench.raw_tree(&[("40000", name, inner)]));
        let said = bench.refused(Bounds::default()).await;
        assert!(said.starts_with("the tree of <commit> cannot be written out"), "{said}");
    }
}

#[tokio::test]
async fn a_name_that_is_first_a_link_and_then_a_folder_is_refused() {
    let bench = Bench::new();
    let inner = bench.raw_tree(&[("100644", b"authorized_keys", bench.blob("evil"))]);
    bench.commit_tree(bench.raw_tree(&[("120000", b"keys", bench.blob("sub")), ("40000", b"keys", inner)]));
    insta::assert_snapshot!(bench.refused(Bounds::default()).await, @"the tree of <commit> cannot be written out: `keys`: the name stands twice in one folder");
}

#[tokio::test]
async fn a_file_where_a_folder_is_named_is_refused() {
    let bench = Bench::new();
    bench.commit("one");
    let mirror = bench.sync().await;
    // git's own server refuses to send this, so it is planted behind its back.
    let planted =
        Bench { folder: TempDir::new().unwrap(), repository: Repository::open(mirror.path()).unwrap() };
    let blob = planted.blob("x");
    let commit = planted.repository.find_reference("refs/simmer/head").unwrap().peel_to_commit().unwrap();
    let tree = planted.raw_tree(&[("100644", b"a", blob), ("40000", b"b", blob)]);
    let text = format!("tree {tree}\nauthor a <a> 0 +0000\ncommitter a <a> 0 +0000\n\nx\n");
    let id = planted.repository.odb().unwrap().write(git2::ObjectType::Commit, text.as_bytes()).unwrap();
    assert_ne!(id, commit.id());
    let evil = mirror.resolve(&id.to_string()).await.unwrap();
    let into = planted.folder.path().join("run");
    let error = mirror.work_tree(&evil, &into, Bounds::default()).await.unwrap_err();
    insta::assert_snapshot!(hide_commits(&error.to_string()), @"the tree of <commit> cannot be written out: `b`: a tree is named and a blob is there");
    assert!(!into.exists());
}

#[tokio::test]
async fn every_bound_is_named_when_it_is_hit() {
    let bench = Bench::new();
    let big = bench.blob(&"x".repeat(5000));
    let leaf = bench.raw_tree(&[("100644", b"a", big), ("100644", b"b", big)]);
    // Each folder names the next one ten times: ten thousand million files in ten small objects.
    let mut bomb = leaf;
    for _ in 0..10 {
        let names: Vec<String> = (0..10).map(|n| format!("d{n}")).collect();
        let entries: Vec<(&str, &[u8], Oid)> = names.iter().map(|n| ("40000", n.as_bytes(), bomb)).collect();
        bomb = bench.raw_tree(&entries);
    }
    bench.commit_tree(bomb);
    let mut said = Vec::new();
    for bounds in [
        Bounds::default(),
        Bounds { file_bytes: 4999, ..Bounds::default() },
        Bounds { total_bytes: 12_000, ..Bounds::default() },
        Bounds { depth: 3, ..Bounds::default() },
    ] {
        said.push(bench.refused(bounds).await);
    }
    insta::assert_snapshot!(said.join("\n"), @"
    the tree of <commit> is too large: `d0/d0/d0/d0/d0/d0/d6/d4/d2/d6/a`: more than 20000 files and folders (limit: entries)
    the tree of <commit> is too large: `d0/d0/d0/d0/d0/d0/d0/d0/d0/d0/a`: it has 5000 bytes, and one file may have 4999 (limit: file_bytes)
    the tree of <commit> is too large: `d0/d0/d0/d0/d0/d0/d0/d0/d0/d1/a`: all files together have more than 12000 bytes (limit: total_bytes)
    the tree of <commit> is too large: `d0/d0/d0/d0`: more than 3 folders deep (limit: depth)
    ");
}

#[tokio::test]
async fn a_source_that_outgrows_its_mirror_is_refused_and_leaves_nothing() {
    let bench = Bench::new();
    bench.commit("small");
    bench.sync().await;
    // Nothing in it can be compressed: each word is the hash of the one before.
    let mut word = bench.blob("seed");
    let mut text = String::new();
    while text.len() < 3 << 20 {
        word = Oid::hash_object(git2::ObjectType::Blob, word.as_bytes()).unwrap();
        text.push_str(&word.to_string());
    }
    bench.commit(&text);
    let error =
        Mirror::sync_within(&bench.source(), &bench.store(), LONG, 1 << 20, pending()).await.unwrap_err();
    assert!(error.to_string().ends_with("has more than 1 MB (limit: mirror size)"), "{error}");
    assert_eq!(error.fault(), Fault::Recipe);
    assert!(Mirror::open(&bench.source(), &bench.store()).is_err());
    let kept: Vec<_> =
        fs::read_dir(bench.store()).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_dir()).collect();
    assert_eq!(kept, Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_folder_that_is_not_empty_is_left_alone() {
    let bench = Bench::new();
    bench.commit("one");
    let mirror = bench.sync().await;
    let head = mirror.resolve("HEAD").await.unwrap();
    let theirs = bench.folder.path().join("theirs");
    fs::create_dir(&theirs).unwrap();
    fs::write(theirs.join("keep"), "me").unwrap();
    assert!(mirror.work_tree(&head, &theirs, Bounds::default()).await.is_err());
    assert_eq!(fs::read_to_string(theirs.join("keep")).unwrap(), "me");
}

#[tokio::test]
async fn what_is_no_repository_says_so() {
    let folder = TempDir::new().unwrap();
    let store = folder.path().join("state");
    let plain = folder.path().join("plain");
    fs::create_dir(&plain).unwrap();
    let say = async |source: &str| {
        let error = Mirror::sync(source, &store, LONG, pending()).await.unwrap_err();
        format!("{:?} {error}", error.fault()).replace(folder.path().to_str().unwrap(), "…")
    };
    insta::assert_snapshot!(say(plain.to_str().unwrap()).await, @"Overlay `…/plain` is not a git repository: '…/plain' does not appear to be a git repository; Could not read from remote repository.");
    insta::assert_snapshot!(say(folder.path().join("gone").to_str().unwrap()).await, @"Overlay there is nothing at `…/gone`");
    insta::assert_snapshot!(say("ext::sh -c evil").await, @"Overlay `ext::sh -c evil` is not a git repository: helpers such as `ext::` run commands and are not allowed");
    // Nothing listens there: the port was ours a moment ago.
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let error = Mirror::sync(&format!("http://bot:s3cret@127.0.0.1:{port}/r"), &store, LONG, pending())
        .await
        .unwrap_err();
    assert!(matches!(error, SourceError::Unreachable { .. }), "{error}");
    assert_eq!(error.fault(), Fault::Platform);
    assert!(!error.to_string().contains("s3cret"), "{error}");
}

/// Answers every request with one fixed response.
fn fixed_server(response: &'static str) -> u16 {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let Ok(mut connection) = connection else { return };
            let mut head = [0; 4096];
            if connection.read(&mut head).is_ok() {
                connection.write_all(response.as_bytes()).ok();
            }
        }
    });
    port
}

#[tokio::test]
async fn a_remote_that_wants_a_password_or_is_a_web_page_is_told_apart() {
    let folder = TempDir::new().unwrap();
    let auth = fixed_server(
        "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    );
    let page = fixed_server(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 22\r\nConnection: close\r\n\r\n<html>\n<body>hi</body>\n",
    );
    let kind = async |port: u16| {
        let source = format!("http://127.0.0.1:{port}/r");
        Mirror::sync(&source, folder.path(), LONG, pending()).await.unwrap_err()
    };
    let error = kind(auth).await;
    assert!(matches!(error, SourceError::AuthNeeded { .. }), "{error}");
    let error = kind(page).await;
    assert!(matches!(error, SourceError::NotGit { .. }), "{error}");
}

#[tokio::test]
async fn a_remote_that_never_answers_ends_at_the_deadline_or_when_somebody_asks() {
    let folder = TempDir::new().unwrap();
    // Takes connections into its backlog and never reads.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let source = format!("http://127.0.0.1:{}/r", listener.local_addr().unwrap().port());
    let error =
        Mirror::sync(&source, folder.path(), Duration::from_millis(300), pending()).await.unwrap_err();
    assert!(matches!(error, SourceError::Deadline { .. }), "{error}");
    let (send, connected) = tokio::sync::oneshot::channel();
    // The connection stays open in the handle: closed, it would be an answer.
    let _open = tokio::task::spawn_blocking(move || {
        let open = listener.accept().unwrap();
        send.send(()).ok();
        (open, listener)
    });
    let asked = async { connected.await.unwrap() };
    let error = Mirror::sync(&source, folder.path(), LONG, asked).await.unwrap_err();
    assert!(matches!(error, SourceError::Interrupted { .. }), "{error}");
}

#[tokio::test]
async fn two_runs_share_a_mirror_one_after_the_other() {
    let bench = Bench::new();
    bench.light("1.0.0+a", bench.commit("one"));
    let (a, b) = tokio::join!(bench.sync(), bench.sync());
    assert_eq!(a.path(), b.path());
    assert_eq!(b.releases().await.unwrap().releases.len(), 1);
    let lock = fs::File::open(a.path().with_extension("lock")).unwrap();
    lock.lock().unwrap();
    let error = Mirror::sync(&bench.source(), &bench.store(), Duration::from_millis(120), pending())
        .await
        .unwrap_err();
    assert!(matches!(error, SourceError::Locked { .. }), "{error}");
}

#[tokio::test]
async fn a_git_that_was_killed_leaves_nothing_that_stops_the_next_one() {
    let bench = Bench::new();
    bench.light("1.0.0+a", bench.commit("one"));
    let mirror = bench.sync().await;
    fs::write(mirror.path().join("packed-refs.lock"), "").unwrap();
    fs::write(mirror.path().join("refs/heads/master.lock"), "").unwrap();
    let half = mirror.path().join("objects/pack/tmp_pack_half");
    fs::write(&half, "PACK").unwrap();
    let two = bench.commit("two");
    let mirror = bench.sync().await;
    assert_eq!(mirror.resolve("HEAD").await.unwrap().id, two.to_string());
    assert!(!half.exists());
    // Half a repository is made anew.
    fs::remove_file(mirror.path().join("HEAD")).unwrap();
    assert_eq!(bench.sync().await.resolve("HEAD").await.unwrap().id, two.to_string());
}

#[tokio::test]
async fn an_empty_repository_has_no_releases_and_a_mirror_opens_offline() {
    let bench = Bench::new();
    assert!(Mirror::open(&bench.source(), &bench.store()).is_err());
    let mirror = bench.sync().await;
    assert_eq!(mirror.releases().await.unwrap(), Releases::default());
    assert!(mirror.resolve("HEAD").await.is_err());
    bench.light("1.0.0+a", bench.commit("one"));
    bench.sync().await;
    let offline = Mirror::open(&bench.source(), &bench.store()).unwrap();
    let releases = offline.releases().await.unwrap();
    assert_eq!(Commit::from(&releases.releases[0]), offline.resolve("1.0.0+a").await.unwrap());
}

#[tokio::test]
async fn a_hook_or_a_setting_of_the_source_runs_nothing() {
    let bench = Bench::new();
    bench.light("1.0.0+a", bench.commit("one"));
    let trace = bench.folder.path().join("ran");
    let evil = format!("touch {}", trace.display());
    let mut config = bench.repository.config().unwrap();
    config.set_str("uploadpack.packObjectsHook", &evil).unwrap();
    config.set_str("core.fsmonitor", &evil).unwrap();
    config.set_str("core.sshCommand", &evil).unwrap();
    let tree = bench.tree().await.unwrap();
    assert_eq!(tree.files, 1);
    assert!(!trace.exists());
    let git = Command::new("git").args(["--version"]).output().unwrap();
    assert!(git.status.success());
}
