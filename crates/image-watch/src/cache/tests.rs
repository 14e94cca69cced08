//! What one poll leaves to the next one, and to other processes.

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

/// Opens the memory about `h/r` of a store, lets `work` do its part, and keeps what came of it.
fn turn<T>(store: &Store, work: impl FnOnce(&mut Cache<'_>) -> T) -> T {
    let bytes = store.load("h", "r");
    let mut cache = Cache::read(&bytes);
    let answer = work(&mut cache);
    store.save("h", "r", &mut cache).unwrap();
    answer
}

fn folder_and_store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(Some(folder.path().to_owned()));
    (folder, store)
}

#[test]
fn what_one_process_learns_the_next_one_knows() {
    let (_folder, store) = folder_and_store();
    let (first, second) = (store.load("h", "r"), store.load("h", "r"));
    let (mut one, mut two) = (Cache::read(&first), Cache::read(&second));
    one.keep_tag("a", Some("sha256:a"), Some(at(5)));
    one.keep_record("sha256:a".to_owned(), Record::Artifact);
    two.keep_tag("a", None, Some(at(3)));
    two.keep_tag("b", Some("sha256:b"), Some(at(9)));
    two.keep_record("sha256:b".to_owned(), Record::Artifact);
    store.save("h", "r", &mut one).unwrap();
    store.save("h", "r", &mut two).unwrap();
    turn(&store, |both| {
        assert_eq!(both.tag("a").unwrap().digest.as_deref(), Some("sha256:a"));
        assert_eq!(both.tag("a").unwrap().first_seen, Some(at(3)));
        assert!(both.record("sha256:a").is_some() && both.record("sha256:b").is_some());
    });
}

#[test]
fn a_tag_that_moved_stays_young_after_it_is_saved() {
    let (_folder, store) = folder_and_store();
    turn(&store, |cache| {
        cache.keep_tag("a", Some("sha256:a"), Some(at(1)));
        cache.keep_record("sha256:a".to_owned(), Record::Artifact);
    });
    turn(&store, |cache| {
        cache.keep_tag("a", Some("sha256:b"), Some(at(9)));
    });
    let seen = turn(&store, |cache| cache.tag("a").unwrap().first_seen);
    assert_eq!(seen, Some(at(9)));
}

#[test]
fn what_is_gone_is_dropped_but_not_the_images_of_an_index() {
    let (_folder, store) = folder_and_store();
    let platform: Platform = "linux/amd64".parse().unwrap();
    let page = |tags: &'static str| Page {
        etag: "\"1\"".into(),
        next: None,
        tags: tags.into(),
    };
    turn(&store, |cache| {
        cache.keep_tag("old", Some("sha256:old"), None);
        cache.keep_record("sha256:old".to_owned(), Record::Artifact);
        cache.keep_page("/old", Some(page("old")));
        cache.keep_page("/new", Some(page("new")));
    });
    turn(&store, |cache| {
        assert!(cache.page("/old").is_some());
        cache.keep_tag("new", Some("sha256:new"), None);
        let images = vec![(platform, "sha256:child".to_owned())];
        let record = Record::Index {
            images,
            annotated: None,
        };
        cache.keep_record("sha256:new".to_owned(), record);
        cache.keep_record("sha256:child".to_owned(), Record::Artifact);
        cache.confirm_page("/new");
        cache.list(&Arc::new(vec!["new".to_owned()]), None);
    });
    turn(&store, |cache| {
        assert!(cache.tag("old").is_none() && cache.record("sha256:old").is_none());
        assert!(cache.record("sha256:child").is_some());
        assert!(cache.page("/old").is_none() && cache.page("/new").is_some());
    });
}

#[test]
fn a_broken_or_foreign_file_is_a_cold_start() {
    let (folder, store) = folder_and_store();
    for text in [
        "",
        "{",
        "image-watch cache 2\ntag\ta\t\t\n",
        "image-watch cache 9\nend sha256:0\n",
        r#"{"version":1,"tags":{"a":{"first_seen":null}}}"#,
    ] {
        std::fs::create_dir_all(folder.path().join("h")).unwrap();
        std::fs::write(folder.path().join("h/r.cache"), text).unwrap();
        turn(&store, |cache| {
            assert!(cache.tag("a").is_none());
            cache.keep_tag("a", None, Some(at(1)));
        });
        assert!(turn(&store, |cache| cache.tag("a").is_some()), "{text}");
    }
}

#[test]
fn an_unchanged_poll_writes_nothing() {
    let (folder, store) = folder_and_store();
    turn(&store, |_| ());
    assert!(!folder.path().join("h").exists());
    turn(&store, |cache| {
        cache.keep_tag("a", Some("sha256:a"), Some(at(1)));
    });
    turn(&store, |cache| {
        cache.keep_tag("a", Some("sha256:a"), Some(at(2)));
        cache.list(&Arc::new(vec!["a".to_owned()]), Some(at(3)));
        assert!(!cache.is_changed);
        // Another image under the same name is as young as our sight of it.
        cache.keep_tag("a", Some("sha256:b"), Some(at(7)));
        assert_eq!(cache.tag("a").unwrap().first_seen, Some(at(7)));
    });
}

#[test]
fn without_a_folder_this_process_remembers() {
    // A file where the folder should be, whoever runs this.
    let file = tempfile::NamedTempFile::new().unwrap();
    for (folder, can_save) in [(None, true), (Some(file.path().to_owned()), false)] {
        let store = Store::new(folder);
        let bytes = store.load("h", "r");
        let mut cache = Cache::read(&bytes);
        cache.keep_tag("a", Some("sha256:a"), Some(at(1)));
        assert_eq!(store.save("h", "r", &mut cache).is_ok(), can_save);
        let bytes = store.load("h", "r");
        assert!(Cache::read(&bytes).tag("a").is_some());
        assert!(store.load("h", "other").is_empty());
    }
}
