//! What of rust-rdkafka's public API is here: the list of what it has, made from its source, against ours.
//!
//! `api/rust-rdkafka-0.39.txt` is that list, one item a line. It is made, and the table in `docs/rdkafka.md` is brought up
//! to date, by the two tests that are ignored.

#![expect(clippy::disallowed_methods, reason = "files belong to the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use syn::{FnArg, ImplItem, Item, ReturnType, TraitItem, Type, Visibility};

/// Public items by module of the crate's root: `consumer` has `Consumer::subscribe(&self, 1)`, for instance.
type Api = BTreeMap<String, BTreeSet<String>>;

fn here() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// Name of a type, without what it is generic over.
fn type_name(ty: &Type) -> Option<String> {
    match ty {
        Type::Path(path) => path.path.segments.last().map(|s| s.ident.to_string()),
        _ => None,
    }
}

/// A function as `name(self, 2)`: whether it is asynchronous, how it takes itself, how many arguments it has besides.
fn shape(signature: &syn::Signature) -> String {
    let mut arguments = signature.inputs.len();
    let receiver = signature.inputs.iter().find_map(|input| match input {
        FnArg::Receiver(r) => Some(match (r.reference.is_some(), r.mutability.is_some()) {
            (true, true) => "&mut self, ",
            (true, false) => "&self, ",
            (false, _) => "self, ",
        }),
        FnArg::Typed(_) => None,
    });
    if receiver.is_some() {
        arguments -= 1;
    }
    // `async fn` and a function that gives a future are called in the same way.
    let gives_a_future = match &signature.output {
        ReturnType::Type(_, ty) => is_impl(ty, "Future"),
        ReturnType::Default => false,
    };
    let asyncness = if signature.asyncness.is_some() || gives_a_future { "async " } else { "" };
    let gives = if matches!(signature.output, ReturnType::Default) { "" } else { " ->" };
    format!("{asyncness}{}({}{arguments}){gives}", signature.ident, receiver.unwrap_or_default())
}

fn is_impl(ty: &Type, word: &str) -> bool {
    let Type::ImplTrait(bounds) = ty else { return false };
    bounds.bounds.iter().any(|bound| match bound {
        syn::TypeParamBound::Trait(t) => t.path.segments.last().is_some_and(|s| s.ident == word),
        _ => false,
    })
}

fn hidden(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|a| {
        let tells = a.meta.path().is_ident("doc") || a.meta.path().is_ident("cfg");
        let tokens = match &a.meta {
            syn::Meta::List(list) => list.tokens.to_string(),
            _ => String::new(),
        };
        tells && (tokens == "hidden" || tokens == "test")
    })
}

fn scan_items(items: &[Item], found: &mut BTreeSet<String>) {
    // Types that a module keeps to itself have no public methods.
    let private: BTreeSet<String> = items
        .iter()
        .filter_map(|item| match item {
            Item::Struct(s) if !is_public(&s.vis) => Some(s.ident.to_string()),
            Item::Enum(e) if !is_public(&e.vis) => Some(e.ident.to_string()),
            Item::Trait(t) if !is_public(&t.vis) => Some(t.ident.to_string()),
            _ => None,
        })
        .collect();
    for item in items {
        match item {
            Item::Struct(s) if is_public(&s.vis) && !hidden(&s.attrs) => {
                found.insert(s.ident.to_string());
                let fields = s.fields.iter().filter(|f| is_public(&f.vis)).filter_map(|f| f.ident.as_ref());
                found.extend(fields.map(|f| format!("{}.{f}", s.ident)));
            }
            Item::Enum(e) if is_public(&e.vis) && !hidden(&e.attrs) => {
                found.insert(e.ident.to_string());
                found.extend(e.variants.iter().map(|v| format!("{}::{}", e.ident, v.ident)));
            }
            Item::Type(t) if is_public(&t.vis) => {
                found.insert(t.ident.to_string());
            }
            Item::Const(c) if is_public(&c.vis) => {
                found.insert(c.ident.to_string());
            }
            Item::Fn(f) if is_public(&f.vis) && !hidden(&f.attrs) => {
                found.insert(shape(&f.sig));
            }
            Item::Trait(t) if is_public(&t.vis) && !hidden(&t.attrs) => {
                found.insert(t.ident.to_string());
                for item in &t.items {
                    match item {
                        TraitItem::Fn(f) if !hidden(&f.attrs) => {
                            found.insert(format!("{}::{}", t.ident, shape(&f.sig)));
                        }
                        TraitItem::Type(a) => {
                            found.insert(format!("{}::{}", t.ident, a.ident));
                        }
                        TraitItem::Const(c) => {
                            found.insert(format!("{}::{}", t.ident, c.ident));
                        }
                        _ => {}
                    }
                }
            }
            Item::Impl(i) => {
                let Some(name) = type_name(&i.self_ty).filter(|name| !private.contains(name)) else { continue };
                if let Some((_, of, _)) = &i.trait_ {
                    let of = of.segments.last().map(|s| s.ident.to_string()).unwrap_or_default();
                    // What other crates' traits a type has is not counted; of this crate's own all are.
                    if ["Consumer", "Producer", "Message", "Headers", "FromClientConfig", "FromClientConfigAndContext"]
                        .contains(&of.as_str())
                    {
                        found.insert(format!("{name}: {of}"));
                    }
                    continue;
                }
                for item in &i.items {
                    if let ImplItem::Fn(f) = item
                        && is_public(&f.vis)
                        && !hidden(&f.attrs)
                    {
                        found.insert(format!("{name}::{}", shape(&f.sig)));
                    }
                }
            }
            _ => {}
        }
    }
}

fn scan_folder(folder: &Path, module: &str, api: &mut Api) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a folder's entry").path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_stem().and_then(|s| s.to_str()).unwrap_or_default().to_string();
        let module = if module.is_empty() { name.as_str() } else { module };
        if path.is_dir() {
            scan_folder(&path, module, api);
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = fs::read_to_string(&path).expect("a source file");
            let file = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            scan_items(&file.items, api.entry(module.to_string()).or_default());
        }
    }
}

fn scan(folder: &Path) -> Api {
    let mut api = Api::new();
    scan_folder(folder, "", &mut api);
    api.retain(|_, items| !items.is_empty());
    api
}

fn list_file() -> PathBuf {
    here().join("tests/api/rust-rdkafka-0.39.txt")
}

fn theirs() -> Api {
    let text = fs::read_to_string(list_file()).expect("the list is there");
    let mut api = Api::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (module, item) = line.split_once(' ').expect("a module and an item");
        api.entry(module.to_string()).or_default().insert(item.to_string());
    }
    api
}

/// The table, as Markdown.
fn table() -> String {
    let all: BTreeSet<String> = scan(&here().join("src")).into_values().flatten().collect();
    let mut out = String::from("| module | there | not there |\n|---|---|---|\n");
    let (mut there, mut total) = (0, 0);
    for (module, items) in theirs() {
        let missing: Vec<&String> = items.iter().filter(|item| !all.contains(*item)).collect();
        let have = items.len() - missing.len();
        there += have;
        total += items.len();
        // Whole types stand for what they have.
        let types: BTreeSet<&str> = missing.iter().map(|m| m.as_str()).filter(|m| is_type(m)).collect();
        let mut words: Vec<String> = Vec::new();
        let owner = |item: &str| item.split(['.', ':']).next().unwrap_or_default().to_string();
        let mut grouped: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for item in &missing {
            let owner = owner(item);
            if types.contains(owner.as_str()) && **item != owner {
                continue;
            }
            grouped.entry(owner).or_default().push(item);
        }
        for (owner, items) in grouped {
            match items.as_slice() {
                _ if items.iter().all(|i| i.contains("::") && is_type(i)) && items.len() > 4 => {
                    words.push(format!("{} variants of `{owner}`", items.len()));
                }
                items => words.extend(items.iter().map(|item| format!("`{item}`"))),
            }
        }
        let words = if have == 0 { "the whole module".to_string() } else { words.join(", ") };
        writeln!(out, "| `{module}` | {have} of {} | {words} |", items.len()).expect("a text takes everything");
    }
    writeln!(out, "| together | {there} of {total} | |").expect("a text takes everything");
    out
}

fn is_type(item: &str) -> bool {
    !item.contains('(') && !item.contains('.') && !item.contains(": ")
}

const BEGIN: &str = "<!-- table of the API: begin -->\n";
const END: &str = "<!-- table of the API: end -->\n";

fn page() -> PathBuf {
    here().join("../docs/rdkafka.md")
}

#[test]
fn the_documented_table_of_the_api_is_true() {
    let text = fs::read_to_string(page()).expect("the page is there");
    let (_, rest) = text.split_once(BEGIN).expect("the table begins");
    let (found, _) = rest.split_once(END).expect("the table ends");
    assert!(
        found == table(),
        "docs/rdkafka.md does not say what is there; run: cargo test -p fencepost-rdkafka --test api -- --ignored \
         bring_the_table_up_to_date\n{}",
        table()
    );
}

/// What an application needs to be exactly-once is all there.
#[test]
fn the_calls_of_transactions_and_groups_are_there_in_their_own_form() {
    let ours: BTreeSet<String> = scan(&here().join("src")).into_values().flatten().collect();
    let theirs: BTreeSet<String> = theirs().into_values().flatten().collect();
    for item in [
        "Producer::init_transactions(&self, 1) ->",
        "Producer::begin_transaction(&self, 0) ->",
        "Producer::send_offsets_to_transaction(&self, 3) ->",
        "Producer::commit_transaction(&self, 1) ->",
        "Producer::abort_transaction(&self, 1) ->",
        "Producer::flush(&self, 1) ->",
        "Consumer::subscribe(&self, 1) ->",
        "Consumer::group_metadata(&self, 0) ->",
        "Consumer::seek(&self, 4) ->",
        "StreamConsumer::async recv(&self, 0) ->",
        "FutureProducer::async send(&self, 2) ->",
    ] {
        assert!(theirs.contains(item), "rust-rdkafka has {item}");
        assert!(ours.contains(item), "{item} is here");
    }
}

#[test]
#[ignore = "writes docs/rdkafka.md"]
fn bring_the_table_up_to_date() {
    let text = fs::read_to_string(page()).expect("the page is there");
    let (before, rest) = text.split_once(BEGIN).expect("the table begins");
    let (_, after) = rest.split_once(END).expect("the table ends");
    fs::write(page(), format!("{before}{BEGIN}{}{END}{after}", table())).expect("the page can be written");
}

#[test]
#[ignore = "writes the list; RDKAFKA_SOURCE is the folder src of rust-rdkafka"]
fn make_the_list_from_rust_rdkafkas_source() {
    let source = std::env::var("RDKAFKA_SOURCE").expect("RDKAFKA_SOURCE: the folder src of rust-rdkafka");
    let mut text = String::from("# Public items of rust-rdkafka 0.39, made from its source by tests/api.rs.\n");
    for (module, items) in scan(Path::new(&source)) {
        for item in items {
            writeln!(text, "{module} {item}").expect("a text takes everything");
        }
    }
    fs::write(list_file(), text).expect("the list can be written");
}
