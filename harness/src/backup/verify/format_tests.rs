use std::io::Write as _;

use super::*;

fn verdict(name: &str, bytes: &[u8]) -> Verdict {
    judge(Path::new(name), &mut &bytes[..]).unwrap()
}

/// What a file is, and that no beginning of it passes for whole. `free`: bytes at the end that may be missing, such
/// as a last line's break.
fn whole_and_never_cut(name: &str, bytes: &[u8], is: &str, free: usize) {
    assert_eq!(verdict(name, bytes), Verdict::whole(is), "{name}");
    let step = (bytes.len() / 64).max(1);
    for length in (0..bytes.len() - free).step_by(step).chain([bytes.len() - free - 1]) {
        let cut = verdict(name, &bytes[..length]);
        assert!(!matches!(cut, Verdict::Whole { .. }), "{name} cut to {length} of {}: {cut:?}", bytes.len());
    }
    let half = verdict(name, &bytes[..bytes.len() * 3 / 4]);
    assert!(matches!(half, Verdict::Cut { .. }), "{name}: {half:?}");
}

fn noise(length: usize) -> Vec<u8> {
    let next = |state: &mut u64| {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Some((*state >> 56) as u8)
    };
    std::iter::successors(Some(7_u64), |n| Some(n + 1))
        .scan(42, |state, _| next(state))
        .take(length)
        .collect()
}

fn sql() -> Vec<u8> {
    let rows: String = (0..2_000).map(|n| format!("INSERT INTO t VALUES ({n}, 'row {n}');\n")).collect();
    format!("--\n-- PostgreSQL database dump\n--\n\n{rows}\n--\n-- PostgreSQL database dump complete\n--\n\n")
        .into_bytes()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_dump_of_text_ends_with_its_last_line() {
    whole_and_never_cut("dump.sql", &sql(), "a dump of PostgreSQL", 5);
    let rows = "INSERT INTO `t` VALUES (1);\n".repeat(500);
    let mysql = format!("-- MySQL dump 10.13\n--\n{rows}-- Dump completed on 2026-11-21\n");
    whole_and_never_cut("dump.sql", mysql.as_bytes(), "a dump of MySQL", " on 2026-11-21\n".len());
    let maria =
        format!("/*M!999999\\- enable the sandbox mode */\n-- MariaDB dump 10.19\n{rows}-- Dump completed\n");
    whole_and_never_cut("dump.sql", maria.as_bytes(), "a dump of MariaDB", 1);
    let cluster = format!(
        "--\n-- PostgreSQL database cluster dump\n--\n{rows}--\n-- PostgreSQL database cluster dump complete\n--\n"
    );
    whole_and_never_cut("all.sql", cluster.as_bytes(), "a dump of a PostgreSQL cluster", 4);
    let sqlite = format!("PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n{rows}COMMIT;\n");
    whole_and_never_cut("dump.sql", sqlite.as_bytes(), "a dump of SQLite", 1);
    let gave_up = sqlite.replace("COMMIT;", "ROLLBACK; -- due to errors");
    assert!(matches!(verdict("dump.sql", gave_up.as_bytes()), Verdict::Cut { .. }));
}

#[test]
fn a_packed_dump_is_read_to_the_end_of_both() {
    let packed = gzip(&sql());
    whole_and_never_cut("dump.sql.gz", &packed, "gzip, holding a dump of PostgreSQL", 0);
    let cut_inside = gzip(&sql()[..40_000]);
    let Verdict::Cut { is, says } = verdict("dump.sql.gz", &cut_inside) else { panic!("it passed") };
    assert_eq!(is, "gzip, holding a dump of PostgreSQL");
    assert_eq!(says, "the line `-- PostgreSQL database dump complete` at its end is missing");
    let packed = zstd::encode_all(&sql()[..], 1).unwrap();
    whole_and_never_cut("dump.sql.zst", &packed, "zstd, holding a dump of PostgreSQL", 0);
    whole_and_never_cut("data.gz", &gzip(&noise(50_000)), "gzip", 0);
    let mut damaged = gzip(&noise(50_000));
    damaged[20_000] ^= 0xff;
    assert!(matches!(verdict("data.gz", &damaged), Verdict::Cut { .. }));
}

#[test]
fn archives_end_with_their_mark() {
    let mut tar = tar::Builder::new(Vec::new());
    for name in ["a", "b"] {
        let mut header = tar::Header::new_ustar();
        header.set_size(5_000);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, &noise(5_000)[..]).unwrap();
    }
    let tar = tar.into_inner().unwrap();
    whole_and_never_cut("files.tar", &tar, "tar", 512);
    whole_and_never_cut("files.tar.gz", &gzip(&tar), "gzip, holding tar", 0);
    // Made by their own programs.
    let zip = [
        b"PK\x03\x04".to_vec(),
        noise(300),
        b"PK\x05\x06\0\0\0\0\x01\0\x01\0\x2f\0\0\0\x40\0\0\0\x03\0end".to_vec(),
    ]
    .concat();
    whole_and_never_cut("files.zip", &zip, "zip", 0);
}

#[test]
fn streams_of_other_programs_end_with_their_mark() {
    let noise = noise(20_000);
    for (program, is) in [("xz", "xz"), ("bzip2", "bzip2")] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("noise");
        std::fs::write(&path, &noise).unwrap();
        let packed = std::process::Command::new(program).args(["-c", "--"]).arg(&path).output();
        // Both are in every Debian; where they are not, there is nothing to compare with.
        let Ok(packed) = packed else { continue };
        whole_and_never_cut("noise", &packed.stdout, is, 0);
    }
}

#[test]
fn a_database_file_is_as_long_as_its_header_says() {
    let mut file = vec![0; 4096 * 3];
    file[..16].copy_from_slice(b"SQLite format 3\0");
    file[16..18].copy_from_slice(&4096_u16.to_be_bytes());
    for at in [24, 92] {
        file[at..at + 4].copy_from_slice(&9_u32.to_be_bytes());
    }
    file[28..32].copy_from_slice(&3_u32.to_be_bytes());
    whole_and_never_cut("app.db", &file, "a database of SQLite", 0);
}

#[test]
fn json_ends_with_its_value() {
    let json = serde_json::json!({"rows": (0..500).collect::<Vec<_>>(), "text": "a\"}]"}).to_string();
    whole_and_never_cut("export.json", json.as_bytes(), "JSON", 0);
    assert_eq!(verdict("export.json", b"{\"a\":1}\n{\"a\":2}\n"), Verdict::whole("JSON"));
    assert_eq!(verdict("notes.json", b"{ not JSON at all }"), Verdict::Unknown);
}

#[test]
fn what_has_no_mark_is_not_judged() {
    assert_eq!(verdict("photo.jpg", &noise(9_000)), Verdict::Unknown);
    assert_eq!(verdict("notes.sql", b"SELECT 1;\n"), Verdict::Unknown);
    assert_eq!(verdict("empty", b""), Verdict::Unknown);
}

/// A table of contents with one entry, and one block of data, as version 1.14 writes it.
fn pg_custom() -> Vec<u8> {
    let mut out = b"PGDMP\x01\x0e\x00\x04\x08\x01".to_vec();
    let integer = |out: &mut Vec<u8>, n: i32| {
        out.push(u8::from(n < 0));
        out.extend_from_slice(&n.unsigned_abs().to_le_bytes());
    };
    let text = |out: &mut Vec<u8>, text: &str| {
        integer(out, i32::try_from(text.len()).unwrap());
        out.extend_from_slice(text.as_bytes());
    };
    for n in [-1, 1, 2, 3, 4, 5, 126, 0] {
        integer(&mut out, n);
    }
    ["app", "15.18", "15.18"].iter().for_each(|t| text(&mut out, t));
    integer(&mut out, 1);
    integer(&mut out, 3001);
    integer(&mut out, 1);
    ["1259", "16385", "marker", "TABLE DATA"].iter().for_each(|t| text(&mut out, t));
    integer(&mut out, 3);
    ["", "", "COPY marker FROM stdin;", "public", "", "heap", "app", "false", "214"]
        .iter()
        .for_each(|t| text(&mut out, t));
    integer(&mut out, -1);
    out.push(2);
    out.extend_from_slice(&[0; 8]);
    out.push(1);
    integer(&mut out, 3001);
    for _ in 0..20 {
        text(&mut out, &"row\n".repeat(30));
    }
    integer(&mut out, 0);
    out
}

#[test]
fn a_custom_dump_has_every_block_that_it_promises() {
    whole_and_never_cut("app.dump", &pg_custom(), "a custom dump of PostgreSQL", 0);
    let mut newer = pg_custom();
    newer[6] = 99;
    assert_eq!(verdict("app.dump", &newer), Verdict::Unknown);
}

#[test]
fn a_source_that_breaks_is_no_verdict() {
    struct Breaks(usize);
    impl Read for Breaks {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let left = self.0.min(buffer.len());
            if left == 0 {
                return Err(io::Error::other("the disk is broken"));
            }
            buffer[..left].copy_from_slice(&gzip(&noise(50_000))[..left]);
            self.0 -= left;
            Ok(left)
        }
    }
    assert!(judge(Path::new("a.gz"), &mut Breaks(2_000)).is_err());
}
