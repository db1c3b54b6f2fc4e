use std::borrow::Cow;
use std::cell::Cell;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

use saphyr::{AnnotatedMapping, AnnotatedNode, LoadableYamlNode, Scalar, Tag, Yaml, YamlData};

/// About what a parsed node takes besides its text.
const NODE: u64 = 128;

/// Stands in for a document to learn how large it would become in memory.
///
/// The parser copies a subtree for each anchor and each alias, and its own
/// limit counts neither the bytes of scalars nor what map keys contain. A copy
/// of a `Weight` is one node holding the sum, so measuring never grows.
pub(crate) struct Weight {
    serial: u64,
    shape: Shape,
    own: u64,
    copied: Cell<u64>,
    items: Vec<Weight>,
    pairs: AnnotatedMapping<'static, Weight>,
}

#[derive(Clone, Copy, PartialEq)]
enum Shape {
    Scalar,
    List,
    Map,
    Bad,
}

impl Weight {
    fn new(shape: Shape, own: u64) -> Self {
        static SERIAL: AtomicU64 = AtomicU64::new(0);
        Weight {
            serial: SERIAL.fetch_add(1, Ordering::Relaxed),
            shape,
            own,
            copied: Cell::new(0),
            items: Vec::new(),
            pairs: AnnotatedMapping::<'static, Weight>::default(),
        }
    }

    /// Bytes of this node, of all below it, and of all copies made of them.
    pub(crate) fn total(&self) -> u64 {
        let mut total = self.own.saturating_add(self.copied.get());
        for item in &self.items {
            total = total.saturating_add(item.total());
        }
        for (key, value) in &self.pairs {
            total = total.saturating_add(key.total()).saturating_add(value.total());
        }
        total
    }
}

impl Clone for Weight {
    fn clone(&self) -> Self {
        let total = self.total();
        // The parser keeps the copy an anchor makes outside the tree, so the
        // original answers for it.
        self.copied.set(self.copied.get().saturating_add(total));
        Weight::new(Shape::Scalar, total)
    }
}

// Each node equals only itself: repeated keys are for the real parse to find.
impl PartialEq for Weight {
    fn eq(&self, other: &Self) -> bool {
        self.serial == other.serial
    }
}

impl Eq for Weight {}

impl Hash for Weight {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.serial.hash(state);
    }
}

impl From<YamlData<'_, Weight>> for Weight {
    fn from(_: YamlData<'_, Weight>) -> Self {
        Weight::new(Shape::Scalar, NODE)
    }
}

impl AnnotatedNode for Weight {
    type HashKey<'a> = Weight;

    fn parse_representation_recursive(&mut self) -> bool {
        true
    }
}

impl<'input> LoadableYamlNode<'input> for Weight {
    type HashKey = Weight;

    fn from_bare_yaml(yaml: Yaml<'input>) -> Self {
        match yaml {
            Yaml::Sequence(_) => Weight::new(Shape::List, NODE),
            Yaml::Mapping(_) => Weight::new(Shape::Map, NODE),
            Yaml::BadValue => Weight::new(Shape::Bad, NODE),
            Yaml::Value(Scalar::String(text)) => Weight::new(Shape::Scalar, NODE + text.len() as u64),
            _ => Weight::new(Shape::Scalar, NODE),
        }
    }

    fn is_sequence(&self) -> bool {
        self.shape == Shape::List
    }

    fn is_mapping(&self) -> bool {
        self.shape == Shape::Map
    }

    fn is_badvalue(&self) -> bool {
        self.shape == Shape::Bad
    }

    fn sequence_mut(&mut self) -> &mut Vec<Self> {
        &mut self.items
    }

    fn mapping_mut(&mut self) -> &mut AnnotatedMapping<'static, Weight> {
        &mut self.pairs
    }

    fn into_tagged(self, _: Cow<'input, Tag>) -> Self {
        self
    }

    fn take(&mut self) -> Self {
        std::mem::replace(self, Weight::new(Shape::Bad, NODE))
    }
}
