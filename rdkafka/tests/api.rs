//! What of rust-rdkafka's public API is here: the list of what it has, made from its source, against ours.
//!
//! `api/rust-rdkafka-0.39.txt` is that list, one item a line. It is made, and the table in `docs/rdkafka.md` is brought up
//! to date, by the two tests that are ignored.

#![expect(clippy::disallowed_methods, reason = "files belong to the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use quote::{ToTokens, quote};
use syn::visit_mut::VisitMut;
use syn::{FnArg, GenericParam, ImplItem, Item, ReturnType, TraitItem, Type, Visibility};

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

/// A function's whole signature, in one spelling: without the names of its arguments, what goes without saying, and how
/// paths begin. An `async fn` and a function that gives a future are called in the same way, and are spelled as the first.
fn shape(signature: &syn::Signature) -> String {
    let mut signature = signature.clone();
    Spelling.visit_signature_mut(&mut signature);
    // `T: Bound` says the same as `where T: Bound`, in any order.
    let mut bounds: Vec<String> = Vec::new();
    for parameter in &mut signature.generics.params {
        if let GenericParam::Type(ty) = parameter
            && !ty.bounds.is_empty()
        {
            let (name, of) = (&ty.ident, &ty.bounds);
            bounds.push(text(&quote!(#name: #of)));
            ty.bounds.clear();
            ty.colon_token = None;
        }
    }
    if let Some(clause) = signature.generics.where_clause.take() {
        bounds.extend(clause.predicates.iter().map(text));
    }
    bounds.sort();
    let arguments: Vec<String> = signature.inputs.iter().map(argument).collect();
    let (gives, gives_a_future) = match &signature.output {
        ReturnType::Default => (String::new(), false),
        ReturnType::Type(_, ty) => match output_of_future(ty) {
            Some(output) => (format!(" -> {}", text(&output)), true),
            None => (format!(" -> {}", text(ty)), false),
        },
    };
    let asyncness = if signature.asyncness.is_some() || gives_a_future { "async " } else { "" };
    let generics = if signature.generics.params.is_empty() { String::new() } else { text(&signature.generics) };
    let bounds = if bounds.is_empty() { String::new() } else { format!(" where {}", bounds.join(", ")) };
    format!("{asyncness}{}{generics}({}){gives}{bounds}", signature.ident, arguments.join(", "))
}

fn argument(argument: &FnArg) -> String {
    match argument {
        FnArg::Receiver(receiver) => match (&receiver.reference, receiver.mutability.is_some(), &*receiver.ty) {
            (Some(_), true, _) => "&mut self".into(),
            (Some(_), false, _) => "&self".into(),
            (None, _, ty) if receiver.colon_token.is_some() => format!("self: {}", text(ty)),
            (None, ..) => "self".into(),
        },
        FnArg::Typed(typed) => text(&typed.ty),
    }
}

/// The output of `impl Future<Output = ...>`.
fn output_of_future(ty: &Type) -> Option<Type> {
    let Type::ImplTrait(bounds) = ty else { return None };
    bounds.bounds.iter().find_map(|bound| {
        let syn::TypeParamBound::Trait(of) = bound else { return None };
        let last = of.path.segments.last().filter(|segment| segment.ident == "Future")?;
        let syn::PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
        arguments.args.iter().find_map(|argument| match argument {
            syn::GenericArgument::AssocType(output) => Some(output.ty.clone()),
            _ => None,
        })
    })
}

/// Takes away what does not tell two signatures apart.
struct Spelling;

impl VisitMut for Spelling {
    fn visit_path_mut(&mut self, path: &mut syn::Path) {
        // `std::error::Error` and an `Error` that was imported; `C::DeliveryOpaque` and `Self::DeliveryOpaque` stay.
        let first = path.segments.first().map(|segment| segment.ident.to_string()).unwrap_or_default();
        if first.starts_with(|c: char| c.is_lowercase()) && path.segments.len() > 1 {
            let last = path.segments.last().expect("there are several").clone();
            path.leading_colon = None;
            path.segments = std::iter::once(last).collect();
        }
        syn::visit_mut::visit_path_mut(self, path);
    }

    fn visit_angle_bracketed_generic_arguments_mut(&mut self, arguments: &mut syn::AngleBracketedGenericArguments) {
        let elided =
            |argument: &syn::GenericArgument| matches!(argument, syn::GenericArgument::Lifetime(l) if l.ident == "_");
        arguments.args = arguments.args.iter().filter(|argument| !elided(argument)).cloned().collect();
        arguments.colon2_token = None;
        syn::visit_mut::visit_angle_bracketed_generic_arguments_mut(self, arguments);
    }

    fn visit_type_reference_mut(&mut self, reference: &mut syn::TypeReference) {
        if reference.lifetime.as_ref().is_some_and(|lifetime| lifetime.ident == "_") {
            reference.lifetime = None;
        }
        syn::visit_mut::visit_type_reference_mut(self, reference);
    }

    fn visit_type_mut(&mut self, ty: &mut Type) {
        // `BorrowedMessage<'_>`, which has lost its lifetime, is written `BorrowedMessage` elsewhere.
        syn::visit_mut::visit_type_mut(self, ty);
        if let Type::Path(path) = ty {
            for segment in &mut path.path.segments {
                let empty = matches!(&segment.arguments, syn::PathArguments::AngleBracketed(a) if a.args.is_empty());
                if empty {
                    segment.arguments = syn::PathArguments::None;
                }
            }
        }
    }
}

/// Tokens as one writes them, near enough.
fn text(tokens: &impl ToTokens) -> String {
    let mut text = tokens.to_token_stream().to_string();
    for (from, to) in [
        (" < ", "<"),
        ("< ", "<"),
        (" <", "<"),
        (" >", ">"),
        (" ,", ","),
        (",>", ">"),
        (", >", ">"),
        (",)", ")"),
        (", )", ")"),
        (" :: ", "::"),
        ("& ", "&"),
        (" :", ":"),
        ("( ", "("),
        (" )", ")"),
        (" (", "("),
        ("[ ", "["),
        (" ]", "]"),
        ("* ", "*"),
    ] {
        text = text.replace(from, to);
    }
    text
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
                let fields = s.fields.iter().filter(|f| is_public(&f.vis));
                found.extend(fields.filter_map(|f| {
                    let mut ty = f.ty.clone();
                    Spelling.visit_type_mut(&mut ty);
                    Some(format!("{}.{}: {}", s.ident, f.ident.as_ref()?, text(&ty)))
                }));
            }
            Item::Enum(e) if is_public(&e.vis) && !hidden(&e.attrs) => {
                found.insert(e.ident.to_string());
                found.extend(e.variants.iter().map(|v| {
                    let mut of = v.fields.clone();
                    Spelling.visit_fields_mut(&mut of);
                    format!("{}::{}{}", e.ident, v.ident, text(&of))
                }));
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
                items => words.extend(items.iter().map(|item| format!("`{}`", short(item)))),
            }
        }
        let words = if have == 0 { "the whole module".to_string() } else { words.join(", ") };
        writeln!(out, "| `{module}` | {have} of {} | {words} |", items.len()).expect("a text takes everything");
    }
    writeln!(out, "| together | {there} of {total} | |").expect("a text takes everything");
    out
}

/// An item's name: `StreamConsumer::recv` of `StreamConsumer::async recv(&self)...`.
fn short(item: &str) -> String {
    let name = item.replacen("::async ", "::", 1);
    let name = name.strip_prefix("async ").unwrap_or(&name);
    let end = if name.contains('.') { name.find(':') } else { name.find(['(', '<']) };
    name[..end.unwrap_or(name.len())].to_string()
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

/// What an application needs to be exactly-once is all there, letter by letter.
#[test]
fn the_calls_of_transactions_and_groups_are_there_in_their_own_form() {
    let ours: BTreeSet<String> = scan(&here().join("src")).into_values().flatten().collect();
    let theirs: BTreeSet<String> = theirs().into_values().flatten().collect();
    let names = [
        "Producer::init_transactions",
        "Producer::begin_transaction",
        "Producer::send_offsets_to_transaction",
        "Producer::commit_transaction",
        "Producer::abort_transaction",
        "Producer::flush",
        "Producer::in_flight_count",
        "Consumer::subscribe",
        "Consumer::assign",
        "Consumer::group_metadata",
        "Consumer::commit",
        "Consumer::commit_message",
        "Consumer::store_offset_from_message",
        "Consumer::committed_offsets",
        "Consumer::position",
        "Consumer::seek",
        "Consumer::pause",
        "Consumer::resume",
        "ConsumerContext::pre_rebalance",
        "ProducerContext::delivery",
        "BaseConsumer::poll",
        "BaseProducer::send",
        "ThreadedProducer::send",
        "StreamConsumer::recv",
        "StreamConsumer::stream",
        "FutureProducer::send",
        "FutureProducer::send_result",
        "ClientConfig::create_with_context",
        "RDKafkaError::txn_requires_abort",
    ];
    for name in names {
        let whole = |item: &&String| short(item) == name;
        let their: Vec<&String> = theirs.iter().filter(whole).collect();
        assert_eq!(their.len(), 1, "rust-rdkafka has {name}: {their:?}");
        assert!(ours.contains(their[0]), "{}, and here {:?}", their[0], ours.iter().filter(whole).collect::<Vec<_>>());
    }
}

#[test]
fn a_signature_is_told_from_one_that_only_looks_like_it() {
    let shape_of = |text: &str| shape(&syn::parse_str::<syn::ItemFn>(&format!("{text} {{}}")).expect("a function").sig);
    let same = [
        (
            "fn f<T: Into<Timeout>>(&self, timeout: T) -> Result<(), KafkaError>",
            "fn f<T>(&self, t: T) -> std::result::Result<(), KafkaError> where T: Into<Timeout>,",
        ),
        (
            "async fn f(self, m: &BorrowedMessage<'_>) -> i32",
            "fn f(mut self, message: &'_ BorrowedMessage) -> impl Future<Output = i32> + Send",
        ),
    ];
    for (a, b) in same {
        assert_eq!(shape_of(a), shape_of(b));
    }
    for other in [
        "fn f(&self, n: i64) -> u32",
        "fn f(&self, n: i32) -> u64",
        "fn f(&mut self, n: i32) -> u32",
        "async fn f(&self, n: i32) -> u32",
        "fn f(&self, n: Option<i32>) -> u32",
    ] {
        assert_ne!(shape_of(other), shape_of("fn f(&self, n: i32) -> u32"), "{other}");
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
