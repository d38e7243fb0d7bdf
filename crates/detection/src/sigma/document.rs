//! The shape of rule files: YAML documents to rules, correlations and filters, losing nothing on the way.
//!
//! The words of the language (conditions, modifiers, wildcards, time spans) are read by `rsigma-parser`. The document
//! around them is read here, because a rule of which a part was dropped silently is worse than no rule: whatever is not
//! understood refuses the document.

use std::collections::BTreeMap;

use rsigma_parser::{ConditionExpr, FieldSpec, parse_condition, parse_field_spec};
use serde::Deserialize;
use strandline_model::detection::Level;
use yaml_serde::{Mapping, Value};

/// Bytes of a rule file at most.
const FILE_BYTES: usize = 4 << 20;
/// Documents in a file at most.
const DOCUMENTS: usize = 10_000;
/// Values in one document at most.
const VALUES: usize = 50_000;
/// Characters of a condition at most.
const CONDITION_CHARACTERS: usize = 4096;
/// Words of a condition that open a level, at most: the parser descends at each.
const CONDITION_LEVELS: usize = 100;
/// How deep selections may stand in one another.
const SELECTION_DEPTH: usize = 16;
/// The specification that we read.
const SPECIFICATION_MAJOR: u32 = 2;

/// Why a document was refused. The texts name keys and words of the rule, never data of the evidence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The caller could not or would not read the file.
    #[error("{0}")]
    Unread(String),
    /// Not UTF-8.
    #[error("the file is not UTF-8 (first wrong byte at {0}); save it as UTF-8")]
    NotUtf8(usize),
    /// Too large.
    #[error("the file has {bytes} bytes, more than the {limit} that a rule file may have; split it")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// No YAML.
    #[error("not valid YAML: {0}")]
    Yaml(String),
    /// The document has no form that Sigma knows.
    #[error("{0}")]
    Shape(String),
    /// A key is missing.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// A condition cannot be read.
    #[error("the condition cannot be read: {0}")]
    Condition(String),
    /// A field with its modifiers cannot be read.
    #[error("`{key}`: {reason}")]
    Field {
        /// The key as written.
        key: String,
        /// Why.
        reason: String,
    },
    /// A regular expression cannot be used.
    #[error("`{key}`: the regular expression cannot be used: {reason}")]
    Regex {
        /// The key as written.
        key: String,
        /// Why.
        reason: String,
    },
    /// A placeholder has no value.
    #[error("the placeholder %{0}% has no value; name its values, or leave the rule out")]
    Placeholder(String),
    /// Another rule has the same id.
    #[error("the id is that of a rule in {0}")]
    Duplicate(String),
    /// A correlation or filter names a rule that is not there.
    #[error("it refers to `{0}`, and no loaded rule has that id or name")]
    Unresolved(String),
    /// Correlations that refer to each other in a circle.
    #[error("it refers to itself through other correlations")]
    Circle,
}

/// A scalar in a rule.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// Text.
    Text(String),
    /// A whole number.
    Whole(i128),
    /// Any other number.
    Number(f64),
    /// True or false.
    Bool(bool),
    /// `null`
    Null,
}

/// One line of a selection: a field, its modifiers, its values.
#[derive(Clone, Debug)]
pub struct Item {
    /// The key as written.
    pub key: String,
    /// Field and modifiers.
    pub field: FieldSpec,
    /// The values.
    pub values: Vec<Scalar>,
}

/// What stands under a name in `detection`.
#[derive(Clone, Debug)]
pub enum Selection {
    /// A map: every item.
    Items(Vec<Item>),
    /// A list of maps: any of them.
    Any(Vec<Selection>),
    /// A list of words that may stand anywhere in the event.
    Keywords(Vec<Scalar>),
}

/// `detection`, or the body of `filter`.
#[derive(Clone, Debug, Default)]
pub struct Detections {
    /// The selections by name.
    pub named: BTreeMap<String, Selection>,
    /// The conditions; any of them.
    pub conditions: Vec<ConditionExpr>,
}

/// `logsource`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogSource {
    /// `product`
    pub product: Option<String>,
    /// `category`
    pub category: Option<String>,
    /// `service`
    pub service: Option<String>,
}

impl std::fmt::Display for LogSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts = [("product", &self.product), ("category", &self.category), ("service", &self.service)];
        let mut words = parts.iter().filter_map(|(name, value)| value.as_ref().map(|v| format!("{name}={v}")));
        let first = words.next().unwrap_or_else(|| "none".to_owned());
        write!(f, "{}", words.fold(first, |text, word| text + " " + &word))
    }
}

/// What every document says of itself.
#[derive(Clone, Debug)]
pub struct Header {
    /// `title`
    pub title: String,
    /// `id`
    pub id: Option<String>,
    /// `name`
    pub name: Option<String>,
    /// `level`
    pub level: Option<Level>,
    /// `status`
    pub status: Option<String>,
    /// `tags`
    pub tags: Vec<String>,
}

/// One document.
#[derive(Clone, Debug)]
pub enum Body {
    /// A rule over single events.
    Rule(LogSource, Detections),
    /// A rule over other rules' matches.
    Correlation(Correlation),
    /// A condition added to other rules.
    Filter(LogSource, FilterTarget, Detections),
}

/// Which rules a filter applies to.
#[derive(Clone, Debug)]
pub enum FilterTarget {
    /// Every rule of its log source.
    Any,
    /// These, by id, name or title.
    Rules(Vec<String>),
}

/// Alias, rule, field.
pub type Aliases = Vec<(String, BTreeMap<String, String>)>;

/// `correlation`, as written.
#[derive(Clone, Debug)]
pub struct Correlation {
    /// `type`
    pub kind: CorrelationKind,
    /// Rules by id or name.
    pub rules: Vec<String>,
    /// `group-by`
    pub group_by: Vec<String>,
    /// `timespan`, microseconds.
    pub span_micros: i64,
    /// `condition`
    pub condition: CorrelationCondition,
    /// The names that stand for different fields of different rules.
    pub aliases: Aliases,
    /// Whether the rules it refers to also fire by themselves.
    pub generate: bool,
}

/// The correlation types of specification 2.1, and RSigma's median.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CorrelationKind {
    /// `event_count`
    EventCount,
    /// `value_count`
    ValueCount,
    /// `temporal`
    Temporal,
    /// `temporal_ordered`
    TemporalOrdered,
    /// `value_sum`
    ValueSum,
    /// `value_avg`
    ValueAverage,
    /// `value_percentile`
    ValuePercentile,
    /// `value_median`
    ValueMedian,
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `lt`
    Less,
    /// `lte`
    LessOrEqual,
    /// `gt`
    Greater,
    /// `gte`
    GreaterOrEqual,
    /// `eq`
    Equal,
    /// `neq`
    NotEqual,
}

impl Comparison {
    /// Whether `left` compares so to `right`. Nothing compares to NaN.
    pub fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
            Self::Equal => left == right,
            Self::NotEqual => left != right && !left.is_nan(),
        }
    }
}

/// A correlation's condition.
#[derive(Clone, Debug)]
pub enum CorrelationCondition {
    /// All rules (the default of temporal correlations).
    AllRules,
    /// All these comparisons hold of the figure.
    Bounds {
        /// The comparisons.
        bounds: Vec<(Comparison, f64)>,
        /// The fields whose values are counted or summed.
        fields: Vec<String>,
        /// The percentile, 0 to 100.
        percentile: f64,
    },
    /// A condition over the rules' names.
    Expression(ConditionExpr),
}

/// One document and what it says of itself.
#[derive(Clone, Debug)]
pub struct Document {
    /// Title, id, level …
    pub header: Header,
    /// The rule itself.
    pub body: Body,
    /// What was read another way than it is written, and does not change what the rule matches.
    pub remarks: Vec<String>,
}

/// A document that was refused.
#[derive(Clone, Debug)]
pub struct RefusedDocument {
    /// Its title, where it has one.
    pub title: Option<String>,
    /// The line, where it is known.
    pub line: Option<usize>,
    /// Why.
    pub refusal: Refusal,
}

/// Reads every document of a file.
pub fn read_documents(text: &str) -> Vec<Result<Document, RefusedDocument>> {
    if text.len() > FILE_BYTES {
        return vec![Err(RefusedDocument { title: None, line: None, refusal: Refusal::TooLarge { bytes: text.len(), limit: FILE_BYTES } })];
    }
    let mut documents = Vec::new();
    let mut collection = Collection::default();
    for (number, document) in yaml_serde::Deserializer::from_str(text).enumerate() {
        let value = if number < DOCUMENTS {
            Value::deserialize(document).map_err(|error| (error.location().map(|place| place.line()), Refusal::Yaml(error.to_string())))
        } else {
            Err((None, Refusal::Shape(format!("the file has more than {DOCUMENTS} documents; split it"))))
        };
        match value {
            Ok(value) => documents.extend(collection.take(value, text)),
            Err((line, refusal)) => {
                // After an error the stream of documents has no defined place to go on from.
                documents.push(Err(RefusedDocument { title: None, line, refusal }));
                break;
            }
        }
    }
    if documents.is_empty() {
        documents.push(Err(RefusedDocument { title: None, line: None, refusal: Refusal::Shape("the file holds no rule".into()) }));
    }
    documents
}

/// Collections of the old kind: `action: global`, `reset` and `repeat` carry keys from one document to the next.
#[derive(Default)]
struct Collection {
    global: Option<Value>,
    previous: Option<Value>,
}

impl Collection {
    fn take(&mut self, mut value: Value, text: &str) -> Option<Result<Document, RefusedDocument>> {
        if value.is_null() {
            return None;
        }
        let action = value.as_mapping_mut().and_then(|map| map.remove("action"));
        let action = match &action {
            None => "",
            Some(Value::String(word)) => word.as_str(),
            Some(_) => "?",
        };
        match action {
            "global" => {
                self.global = Some(value);
                return None;
            }
            "reset" => {
                self.global = None;
                return None;
            }
            "" => {}
            "repeat" if self.previous.is_some() => value = merged(self.previous.clone().unwrap_or_default(), value),
            _ => {
                let refusal = Refusal::Shape("`action` must be global, reset, or repeat after another document".into());
                return Some(Err(RefusedDocument { title: None, line: line_of(text, "action"), refusal }));
            }
        }
        if let (Some(global), true) = (&self.global, action != "repeat") {
            value = merged(global.clone(), value);
        }
        let title = value.get("title").and_then(Value::as_str).map(str::to_owned);
        let read = read_document(&value).map_err(|refusal| RefusedDocument { line: refusal.line_in(text, title.as_deref()), title, refusal });
        self.previous = Some(value);
        Some(read)
    }
}

/// `over` laid over `under`, map by map. YAML itself bounds the depth.
fn merged(under: Value, over: Value) -> Value {
    match (under, over) {
        (Value::Mapping(mut under), Value::Mapping(over)) => {
            for (key, value) in over {
                let value = match under.remove(&key) {
                    Some(old) => merged(old, value),
                    None => value,
                };
                under.insert(key, value);
            }
            Value::Mapping(under)
        }
        (_, over) => over,
    }
}

impl Refusal {
    /// The line that the refusal is about: that of the key it names, or else that of the title.
    pub(super) fn line_in(&self, text: &str, title: Option<&str>) -> Option<usize> {
        let title = title.and_then(|title| line_of(text, title));
        let is_meant: Box<dyn Fn(&str) -> bool> = match self {
            Self::Field { key, .. } | Self::Regex { key, .. } => Box::new(move |line| {
                line.trim_start_matches([' ', '-', '\'', '"']).strip_prefix(key.as_str()).is_some_and(|rest| rest.starts_with([':', '\'', '"']))
            }),
            Self::Condition(_) => Box::new(|line| line.trim_start().starts_with("condition:")),
            Self::Placeholder(name) => Box::new(move |line| line.contains(name.as_str())),
            _ => return title,
        };
        // In a file of several rules the key may stand in an earlier one; the search begins at this rule's title.
        let from = title.map_or(0, |line| line - 1);
        text.lines().skip(from).position(is_meant).map(|at| at + from + 1).or(title)
    }
}

fn line_of(text: &str, needle: &str) -> Option<usize> {
    let needle = needle.lines().next().unwrap_or_default();
    text.lines().position(|line| !needle.is_empty() && line.contains(needle)).map(|at| at + 1)
}

fn shape(text: impl Into<String>) -> Refusal {
    Refusal::Shape(text.into())
}

fn read_document(value: &Value) -> Result<Document, Refusal> {
    let map = value.as_mapping().ok_or_else(|| shape("the document is not a map of keys"))?;
    let mut remarks = Vec::new();
    if let Some(version) = map.get("sigma-version") {
        let major = rsigma_parser::version::major_from_value(version).ok_or_else(|| shape("`sigma-version` is no version"))?;
        if major > SPECIFICATION_MAJOR {
            return Err(shape(format!("it is written for Sigma {major}; this version reads Sigma {SPECIFICATION_MAJOR}")));
        }
    }
    let header = read_header(map, &mut remarks)?;
    let body = if let Some(correlation) = map.get("correlation") {
        if map.get("detection").is_some() {
            return Err(shape("it has both `detection` and `correlation`"));
        }
        Body::Correlation(read_correlation(correlation, map)?)
    } else if let Some(filter) = map.get("filter") {
        let (target, detections) = read_filter(filter)?;
        Body::Filter(read_logsource(map)?, target, detections)
    } else {
        let detection = map.get("detection").ok_or(Refusal::Missing("detection"))?;
        Body::Rule(read_logsource(map)?, read_detections(detection, &[])?)
    };
    Ok(Document { header, body, remarks })
}

fn read_header(map: &Mapping, remarks: &mut Vec<String>) -> Result<Header, Refusal> {
    let text = |key: &str| match map.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(_) => Err(shape(format!("`{key}` is not text"))),
    };
    let level = match text("level")?.as_deref() {
        None => None,
        Some("informational") => Some(Level::Informational),
        Some("low") => Some(Level::Low),
        Some("medium") => Some(Level::Medium),
        Some("high") => Some(Level::High),
        Some("critical") => Some(Level::Critical),
        Some(other) => {
            remarks.push(format!("the level {other:?} is none of Sigma's; read as medium"));
            None
        }
    };
    let tags = match map.get("tags") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(tag)) => vec![tag.clone()],
        Some(Value::Sequence(list)) => list.iter().filter_map(|tag| tag.as_str().map(str::to_owned)).collect(),
        Some(_) => {
            remarks.push("`tags` is no list; left out".to_owned());
            Vec::new()
        }
    };
    let title = text("title")?.ok_or(Refusal::Missing("title"))?;
    Ok(Header { title, id: text("id")?, name: text("name")?, level, status: text("status")?, tags })
}

fn read_logsource(map: &Mapping) -> Result<LogSource, Refusal> {
    let source = map.get("logsource").ok_or(Refusal::Missing("logsource"))?.as_mapping().ok_or_else(|| shape("`logsource` is not a map"))?;
    let mut read = LogSource::default();
    for (key, value) in source {
        let place = match key.as_str() {
            Some("product") => &mut read.product,
            Some("category") => &mut read.category,
            Some("service") => &mut read.service,
            // For people: what must be switched on so that the events exist.
            Some("definition") => continue,
            _ => return Err(shape("`logsource` has a key besides product, category, service and definition; it cannot be told apart by it")),
        };
        *place = match value {
            Value::Null => None,
            Value::String(text) => Some(text.to_lowercase()),
            _ => return Err(shape("a key of `logsource` is not text")),
        };
    }
    Ok(read)
}

fn read_detections(value: &Value, leave_out: &[&str]) -> Result<Detections, Refusal> {
    let map = value.as_mapping().ok_or_else(|| shape("`detection` is not a map"))?;
    let conditions = match map.get("condition").ok_or(Refusal::Missing("condition"))? {
        Value::String(text) => vec![read_condition(text)?],
        Value::Sequence(list) if !list.is_empty() => {
            list.iter().map(|c| c.as_str().ok_or_else(|| shape("a condition is not text")).and_then(read_condition)).collect::<Result<_, _>>()?
        }
        _ => return Err(shape("`condition` is neither text nor a list of texts")),
    };
    let mut named = BTreeMap::new();
    let mut budget = VALUES;
    for (key, value) in map {
        let name = key.as_str().ok_or_else(|| shape("a selection's name is not text; put it in quotes"))?;
        if name == "condition" || leave_out.contains(&name) {
            continue;
        }
        if name == "timeframe" {
            return Err(shape("`timeframe` belongs to the old aggregations; write a correlation"));
        }
        named.insert(name.to_owned(), read_selection(value, SELECTION_DEPTH, &mut budget)?);
    }
    Ok(Detections { named, conditions })
}

fn read_condition(text: &str) -> Result<ConditionExpr, Refusal> {
    let levels = text.matches('(').count() + text.split_whitespace().filter(|word| *word == "not").count();
    if text.len() > CONDITION_CHARACTERS || levels > CONDITION_LEVELS {
        return Err(Refusal::Condition(format!("it has more than {CONDITION_CHARACTERS} characters or {CONDITION_LEVELS} levels")));
    }
    if text.contains('|') {
        return Err(Refusal::Condition("aggregations behind a pipe are gone from Sigma; write a correlation".into()));
    }
    // Folded block scalars and Windows line ends are blanks to a reader.
    parse_condition(&text.replace(['\r', '\n'], " ")).map_err(|error| Refusal::Condition(error.to_string()))
}

fn read_selection(value: &Value, depth: usize, budget: &mut usize) -> Result<Selection, Refusal> {
    if depth == 0 {
        return Err(shape(format!("selections stand more than {SELECTION_DEPTH} deep in one another")));
    }
    match value {
        Value::Mapping(map) => {
            if map.is_empty() {
                return Err(shape("a selection is empty"));
            }
            map.iter().map(|(key, value)| read_item(key, value, budget)).collect::<Result<_, _>>().map(Selection::Items)
        }
        Value::Sequence(list) if list.is_empty() => Err(shape("a selection is empty")),
        Value::Sequence(list) if list.iter().any(|v| v.is_mapping() || v.is_sequence()) => {
            list.iter().map(|v| read_selection(v, depth - 1, budget)).collect::<Result<_, _>>().map(Selection::Any)
        }
        Value::Sequence(list) => list.iter().map(|v| scalar(v, "keyword", budget)).collect::<Result<_, _>>().map(Selection::Keywords),
        other => Ok(Selection::Keywords(vec![scalar(other, "keyword", budget)?])),
    }
}

fn read_item(key: &Value, value: &Value, budget: &mut usize) -> Result<Item, Refusal> {
    let key = key.as_str().ok_or_else(|| shape("a field's name is not text; put it in quotes"))?;
    let field = parse_field_spec(key).map_err(|error| Refusal::Field { key: key.to_owned(), reason: error.to_string() })?;
    let values = match value {
        Value::Sequence(list) => list.iter().map(|v| scalar(v, key, budget)).collect::<Result<_, _>>()?,
        other => vec![scalar(other, key, budget)?],
    };
    Ok(Item { key: key.to_owned(), field, values })
}

fn scalar(value: &Value, key: &str, budget: &mut usize) -> Result<Scalar, Refusal> {
    *budget = budget.checked_sub(1).ok_or_else(|| shape(format!("it has more than {VALUES} values")))?;
    let field = |reason: &str| Refusal::Field { key: key.to_owned(), reason: reason.to_owned() };
    match value {
        Value::String(text) => Ok(Scalar::Text(text.clone())),
        Value::Bool(value) => Ok(Scalar::Bool(*value)),
        Value::Null => Ok(Scalar::Null),
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(whole), _, _) => Ok(Scalar::Whole(i128::from(whole))),
            (_, Some(whole), _) => Ok(Scalar::Whole(i128::from(whole))),
            (_, _, Some(number)) => Ok(Scalar::Number(number)),
            _ => Err(field("a number that cannot be read; put it in quotes")),
        },
        Value::Sequence(_) | Value::Mapping(_) => Err(field("a list or map stands where a value should be")),
        Value::Tagged(_) => Err(field("a YAML tag stands before the value")),
    }
}

fn read_filter(value: &Value) -> Result<(FilterTarget, Detections), Refusal> {
    let map = value.as_mapping().ok_or_else(|| shape("`filter` is not a map"))?;
    let target = match map.get("rules").ok_or(Refusal::Missing("filter.rules"))? {
        Value::String(word) if word.eq_ignore_ascii_case("any") => FilterTarget::Any,
        rules => FilterTarget::Rules(texts(rules, "filter.rules")?),
    };
    Ok((target, read_detections(value, &["rules"])?))
}

/// A text or a list of texts.
fn texts(value: &Value, key: &str) -> Result<Vec<String>, Refusal> {
    let wrong = || shape(format!("`{key}` is neither text nor a list of texts"));
    let list: Vec<String> = match value {
        Value::String(text) => vec![text.clone()],
        Value::Sequence(list) => list.iter().map(|v| v.as_str().map(str::to_owned).ok_or_else(wrong)).collect::<Result<_, _>>()?,
        _ => return Err(wrong()),
    };
    if list.is_empty() { Err(shape(format!("`{key}` is empty"))) } else { Ok(list) }
}

fn read_correlation(value: &Value, document: &Mapping) -> Result<Correlation, Refusal> {
    const KNOWN: [&str; 8] = ["type", "rules", "group-by", "timespan", "timeframe", "condition", "aliases", "generate"];
    let map = value.as_mapping().ok_or_else(|| shape("`correlation` is not a map"))?;
    if let Some(key) = map.keys().find(|key| !key.as_str().is_some_and(|k| KNOWN.contains(&k))) {
        return Err(shape(format!("`correlation` has a key that Sigma 2.1 does not know: {}", key.as_str().unwrap_or("(not text)"))));
    }
    let kind = match map.get("type").and_then(Value::as_str).ok_or(Refusal::Missing("correlation.type"))? {
        "event_count" => CorrelationKind::EventCount,
        "value_count" => CorrelationKind::ValueCount,
        "temporal" => CorrelationKind::Temporal,
        "temporal_ordered" => CorrelationKind::TemporalOrdered,
        "value_sum" => CorrelationKind::ValueSum,
        "value_avg" => CorrelationKind::ValueAverage,
        "value_percentile" => CorrelationKind::ValuePercentile,
        "value_median" => CorrelationKind::ValueMedian,
        other => return Err(shape(format!("there is no correlation type {other:?}"))),
    };
    let span = map.get("timespan").or_else(|| map.get("timeframe")).and_then(Value::as_str).ok_or(Refusal::Missing("correlation.timespan"))?;
    let seconds = rsigma_parser::Timespan::parse(span).map_err(|error| shape(error.to_string()))?.seconds;
    let span_micros = i64::try_from(seconds).ok().and_then(|s| s.checked_mul(1_000_000)).ok_or_else(|| shape("the timespan is too long"))?;
    let generate = match document.get("generate").or_else(|| map.get("generate")) {
        None => false,
        Some(value) => value.as_bool().ok_or_else(|| shape("`generate` is neither true nor false"))?,
    };
    Ok(Correlation {
        kind,
        rules: texts(map.get("rules").ok_or(Refusal::Missing("correlation.rules"))?, "correlation.rules")?,
        group_by: map.get("group-by").map_or(Ok(Vec::new()), |v| texts(v, "correlation.group-by"))?,
        span_micros,
        condition: read_bounds(map.get("condition"), kind)?,
        aliases: map.get("aliases").map_or(Ok(Vec::new()), read_aliases)?,
        generate,
    })
}

fn read_bounds(value: Option<&Value>, kind: CorrelationKind) -> Result<CorrelationCondition, Refusal> {
    let temporal = matches!(kind, CorrelationKind::Temporal | CorrelationKind::TemporalOrdered);
    let map = match value {
        None if temporal => return Ok(CorrelationCondition::AllRules),
        None => return Err(Refusal::Missing("correlation.condition")),
        Some(Value::String(text)) if temporal => return read_condition(text).map(CorrelationCondition::Expression),
        Some(Value::Mapping(map)) => map,
        Some(_) => return Err(shape("`correlation.condition` has not the form that this type asks for")),
    };
    let (mut bounds, mut fields, mut percentile) = (Vec::new(), Vec::new(), 50.0);
    for (key, value) in map {
        let comparison = match key.as_str() {
            Some("lt") => Comparison::Less,
            Some("lte") => Comparison::LessOrEqual,
            Some("gt") => Comparison::Greater,
            Some("gte") => Comparison::GreaterOrEqual,
            Some("eq") => Comparison::Equal,
            Some("neq") => Comparison::NotEqual,
            Some("field") => {
                fields = texts(value, "condition.field")?;
                continue;
            }
            Some("percentile") => {
                percentile = value.as_f64().filter(|p| (0.0..=100.0).contains(p)).ok_or_else(|| shape("`percentile` is no number from 0 to 100"))?;
                continue;
            }
            _ => return Err(shape("`correlation.condition` has a key that Sigma 2.1 does not know")),
        };
        bounds.push((comparison, value.as_f64().filter(|v| v.is_finite()).ok_or_else(|| shape("a bound of the correlation is no number"))?));
    }
    let counts_values = !matches!(kind, CorrelationKind::EventCount) && !temporal;
    if bounds.is_empty() {
        return Err(shape("the correlation's condition has no bound"));
    }
    if counts_values == fields.is_empty() {
        return Err(shape(if counts_values { "this type of correlation needs `field` in its condition" } else { "this type of correlation takes no `field`" }));
    }
    if counts_values && kind != CorrelationKind::ValueCount && fields.len() > 1 {
        return Err(shape("this type of correlation takes one `field`"));
    }
    Ok(CorrelationCondition::Bounds { bounds, fields, percentile })
}

fn read_aliases(value: &Value) -> Result<Aliases, Refusal> {
    let wrong = || shape("`aliases` must map an alias to rules and their fields");
    let map = value.as_mapping().ok_or_else(wrong)?;
    let fields = |value: &Value| -> Result<BTreeMap<String, String>, Refusal> {
        let pair = |(rule, field): (&Value, &Value)| Some((rule.as_str()?.to_owned(), field.as_str()?.to_owned()));
        value.as_mapping().ok_or_else(wrong)?.iter().map(|entry| pair(entry).ok_or_else(wrong)).collect()
    };
    map.iter().map(|(alias, value)| Ok((alias.as_str().ok_or_else(wrong)?.to_owned(), fields(value)?))).collect()
}
