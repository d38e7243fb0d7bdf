//! Rules to programs: conditions over numbered predicates. A predicate that several rules share has one number.

use std::collections::{BTreeSet, HashMap};

use rsigma_parser::{ConditionExpr, Quantifier, SelectorPattern};

use super::document::{Detections, Item, Refusal, Selection};
use super::predicate::{Predicate, Test};
use super::text::{Shape, fold};
use super::value::{Placeholders, Question, read_item, read_keyword};

/// The field that stands for every field: keywords are looked for in all values.
pub const ANY_FIELD: u32 = 0;

/// A condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// A predicate's answer.
    Predicate(u32),
    /// All of them.
    All(Box<[Node]>),
    /// Any of them.
    Any(Box<[Node]>),
    /// At least so many of them.
    AtLeast(u64, Box<[Node]>),
    /// Not.
    Not(Box<Node>),
}

/// A field as rules name it.
#[derive(Debug)]
pub struct Field {
    /// Its name, as the first rule wrote it.
    pub name: String,
}

/// Numbers for fields and predicates.
#[derive(Debug)]
pub struct Interner {
    /// Fields by number.
    pub fields: Vec<Field>,
    /// Numbers by space of names and folded name.
    pub field_numbers: HashMap<(u16, String), u32>,
    /// Predicates by number.
    pub predicates: Vec<Predicate>,
    numbers: HashMap<(u32, Test), u32>,
}

impl Default for Interner {
    fn default() -> Self {
        let any = Field { name: "(keywords)".to_owned() };
        Self { fields: vec![any], field_numbers: HashMap::new(), predicates: Vec::new(), numbers: HashMap::new() }
    }
}

impl Interner {
    /// The number of a field.
    pub fn field(&mut self, space: u16, name: &str) -> u32 {
        let next = u32::try_from(self.fields.len()).expect("fewer fields than values, of which a rule set holds fewer than 2^32");
        let number = *self.field_numbers.entry((space, fold(name))).or_insert(next);
        if number == next {
            self.fields.push(Field { name: name.to_owned() });
        }
        number
    }

    fn predicate(&mut self, field: u32, test: Test) -> Node {
        let next = u32::try_from(self.predicates.len()).expect("fewer predicates than values, of which a rule set holds fewer than 2^32");
        let number = *self.numbers.entry((field, test.clone())).or_insert(next);
        if number == next {
            self.predicates.push(Predicate::new(field, test));
        }
        Node::Predicate(number)
    }
}

/// Compiles one rule.
pub struct Compiler<'c> {
    /// Numbers.
    pub interner: &'c mut Interner,
    /// Values for placeholders.
    pub placeholders: &'c Placeholders,
    /// The space of the rule's field names.
    pub space: u16,
}

/// A compiled condition, and the selections that it does not use.
pub struct Compiled {
    /// The condition.
    pub program: Node,
    /// Names of unused selections.
    pub unused: Vec<String>,
}

impl Compiler<'_> {
    /// Compiles a `detection`.
    ///
    /// # Errors
    /// If a selection cannot be read, or the condition names one that is not there.
    pub fn detections(&mut self, detections: &Detections) -> Result<Compiled, Refusal> {
        let mut named = Vec::new();
        for (name, selection) in &detections.named {
            named.push((name.as_str(), self.selection(selection)?));
        }
        let mut used = BTreeSet::new();
        let conditions = detections.conditions.iter().map(|condition| resolve(condition, &named, &mut used)).collect::<Result<Vec<_>, _>>()?;
        let unused = detections.named.keys().filter(|name| !used.contains(name.as_str())).cloned().collect();
        Ok(Compiled { program: any(conditions), unused })
    }

    fn selection(&mut self, selection: &Selection) -> Result<Node, Refusal> {
        match selection {
            Selection::Items(items) => Ok(all(items.iter().map(|item| self.item(item)).collect::<Result<_, _>>()?)),
            Selection::Any(list) => Ok(any(list.iter().map(|one| self.selection(one)).collect::<Result<_, _>>()?)),
            Selection::Keywords(words) => {
                let questions = words.iter().map(read_keyword).collect::<Result<Vec<_>, _>>()?;
                Ok(any(questions.into_iter().map(|question| self.question(ANY_FIELD, question)).collect()))
            }
        }
    }

    fn item(&mut self, item: &Item) -> Result<Node, Refusal> {
        let meaning = read_item(item, self.placeholders)?;
        let field = match &item.field.name {
            Some(name) => self.interner.field(self.space, name),
            None => ANY_FIELD,
        };
        if let Some(exists) = meaning.exists {
            let node = self.interner.predicate(field, Test::Exists);
            return Ok(if exists { node } else { Node::Not(Box::new(node)) });
        }
        let mut values = Vec::new();
        for variants in meaning.values {
            values.push(any(variants.into_iter().map(|question| self.question(field, question)).collect()));
        }
        let node = if meaning.all { all(values) } else { any(values) };
        Ok(if meaning.negated { Node::Not(Box::new(node)) } else { node })
    }

    fn question(&mut self, field: u32, question: Question) -> Node {
        match question {
            Question::Test(test) => self.interner.predicate(field, test),
            Question::Field { name, open_start, open_end } => {
                let other = self.interner.field(self.space, &name);
                self.interner.predicate(field, Test::Field(other, open_start, open_end))
            }
        }
    }
}

fn all(mut nodes: Vec<Node>) -> Node {
    if nodes.len() == 1 { nodes.remove(0) } else { Node::All(nodes.into()) }
}

fn any(mut nodes: Vec<Node>) -> Node {
    if nodes.len() == 1 { nodes.remove(0) } else { Node::Any(nodes.into()) }
}

/// Puts the selections in the place of their names.
fn resolve<'n>(condition: &ConditionExpr, named: &[(&'n str, Node)], used: &mut BTreeSet<&'n str>) -> Result<Node, Refusal> {
    let mut each = |list: &[ConditionExpr]| list.iter().map(|one| resolve(one, named, used)).collect::<Result<Vec<_>, _>>();
    match condition {
        ConditionExpr::And(list) => Ok(all(each(list)?)),
        ConditionExpr::Or(list) => Ok(any(each(list)?)),
        ConditionExpr::Not(one) => Ok(Node::Not(Box::new(resolve(one, named, used)?))),
        ConditionExpr::Identifier(name) => {
            let (found, node) = named.iter().find(|(known, _)| known == name).ok_or_else(|| Refusal::Condition(format!("there is no selection {name:?}")))?;
            used.insert(found);
            Ok(node.clone())
        }
        ConditionExpr::Selector { quantifier, pattern } => {
            let chosen: Vec<&(&str, Node)> = named.iter().filter(|(name, _)| is_selected(pattern, name)).collect();
            if chosen.is_empty() {
                return Err(Refusal::Condition(format!("\"of {pattern}\" names no selection")));
            }
            used.extend(chosen.iter().map(|(name, _)| *name));
            let nodes: Vec<Node> = chosen.into_iter().map(|(_, node)| node.clone()).collect();
            match quantifier {
                Quantifier::Any => Ok(any(nodes)),
                Quantifier::All => Ok(all(nodes)),
                Quantifier::Count(count) if *count == 0 || *count > nodes.len() as u64 => {
                    Err(Refusal::Condition(format!("{count} of {} selections can never hold", nodes.len())))
                }
                Quantifier::Count(count) => Ok(Node::AtLeast(*count, nodes.into())),
            }
        }
    }
}

/// Whether a selection's name is meant: `*` anywhere in the pattern; names that begin with `_` only where the pattern
/// does.
fn is_selected(pattern: &SelectorPattern, name: &str) -> bool {
    match pattern {
        SelectorPattern::Them => !name.starts_with('_'),
        SelectorPattern::Pattern(pattern) => {
            let mut shape = super::text::Pattern::default();
            for (at, part) in pattern.split('*').enumerate() {
                if at > 0 {
                    shape.open_end();
                }
                shape.push_text(part);
            }
            shape.shape().fits(name) && (pattern.starts_with('_') || !name.starts_with('_'))
        }
    }
}

/// The event ids that a condition pins, if it pins any.
pub fn pinned_event_ids(node: &Node, interner: &Interner) -> Option<BTreeSet<u32>> {
    match node {
        Node::Predicate(number) => {
            let predicate = &interner.predicates[*number as usize];
            if !interner.fields[predicate.field as usize].name.eq_ignore_ascii_case("EventID") {
                return None;
            }
            match &predicate.test {
                Test::Whole(id) => Some(u32::try_from(*id).into_iter().collect()),
                Test::Text(Shape::Equals(text)) => Some(text.parse().into_iter().collect()),
                _ => None,
            }
        }
        Node::All(nodes) => nodes.iter().filter_map(|node| pinned_event_ids(node, interner)).reduce(|a, b| a.intersection(&b).copied().collect()),
        Node::Any(nodes) => union_of(nodes, interner),
        Node::AtLeast(..) | Node::Not(_) => None,
    }
}

fn union_of(nodes: &[Node], interner: &Interner) -> Option<BTreeSet<u32>> {
    let mut ids = BTreeSet::new();
    for node in nodes {
        ids.extend(pinned_event_ids(node, interner)?);
    }
    Some(ids)
}

/// Sorts what stands in `All` and `Any` so that what is cheap to know comes first. The answer does not depend on it.
pub fn order_by_cost(node: &mut Node, interner: &Interner) -> u64 {
    match node {
        Node::Predicate(number) => match &interner.predicates[*number as usize].test {
            Test::Regex(_) => 50,
            Test::Text(Shape::Glob(_)) | Test::Cased(_) => 5,
            Test::Time(..) | Test::Field(..) | Test::Network(..) => 10,
            _ => 1,
        },
        Node::Not(one) => order_by_cost(one, interner),
        Node::All(nodes) | Node::Any(nodes) | Node::AtLeast(_, nodes) => {
            let mut costs: Vec<(u64, Node)> = std::mem::take(nodes).into_vec().into_iter().map(|mut one| (order_by_cost(&mut one, interner), one)).collect();
            costs.sort_by_key(|(cost, _)| *cost);
            let sum = costs.iter().map(|(cost, _)| cost).sum();
            *nodes = costs.into_iter().map(|(_, one)| one).collect();
            sum
        }
    }
}

/// Predicates with a literal of which at least one must hit before the condition can hold; the choice that hits least
/// often, by the lengths of the literals. None where the condition can hold without any.
pub fn witnesses(node: &Node, weights: &[Option<u32>]) -> Option<(u64, Vec<u32>)> {
    match node {
        Node::Predicate(number) => weights[*number as usize].map(|weight| (u64::from(weight), vec![*number])),
        Node::All(nodes) => nodes.iter().filter_map(|one| witnesses(one, weights)).min_by_key(|(weight, list)| (*weight, list.len())),
        Node::Any(nodes) => {
            let mut sum = (0, Vec::new());
            for one in nodes {
                let (weight, list) = witnesses(one, weights)?;
                sum.0 += weight;
                sum.1.extend(list);
            }
            Some(sum)
        }
        Node::AtLeast(_, nodes) => witnesses(&Node::Any(nodes.clone()), weights),
        Node::Not(_) => None,
    }
}
